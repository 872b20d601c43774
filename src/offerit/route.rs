//! How the server is reached: straight, or through the proxy that the environment names.

use super::Endpoint;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use std::env;

/// How the server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// By a connection to it.
    Straight,
    /// By a connection to a proxy.
    Proxy,
}

/// Why a variable that names a proxy cannot be used. Its value may hold a password and is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProxy {
    /// It is no URL of a proxy.
    #[error("{0} is not the URL of a proxy: write it as http://proxy.example:3128, or unset it")]
    Malformed(&'static str),
    /// SOCKS, for example.
    #[error("{0} names a proxy that is neither http:// nor https://: no other kind is spoken")]
    Scheme(&'static str),
}

impl Route {
    /// The one that the environment has for an endpoint: curl's variables, in its order. A server on this machine is never
    /// asked through a proxy.
    ///
    /// # Errors
    /// If there is a proxy for it that cannot be used: to go straight past it would be against what was meant.
    pub fn from_environment(endpoint: &Endpoint) -> Result<Route, BadProxy> {
        // The second stands for a request whose sender could set HTTP_PROXY (httpoxy).
        if endpoint.is_loopback() || env::var_os("REQUEST_METHOD").is_some() {
            return Ok(Route::Straight);
        }
        let Ok(uri) = endpoint.url().as_str().parse() else { return Ok(Route::Straight) };
        let own =
            if endpoint.is_https() { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
        let set = |names: [&'static str; 2]| {
            let mut set = names.into_iter().filter_map(|name| Some((name, env::var(name).ok()?)));
            set.next().filter(|(_, value)| !value.is_empty())
        };
        let except = set(["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default();
        match set(own).or_else(|| set(["ALL_PROXY", "all_proxy"])) {
            Some((name, value)) if applies(&except, &uri) => route(name, value, &uri),
            _ => Ok(Route::Straight),
        }
    }
}

/// Whether a server is not one of those that are asked straight.
fn applies(except: &str, uri: &Uri) -> bool {
    Matcher::builder().all("http://proxy.invalid").no(except.to_owned()).build().intercept(uri).is_some()
}

fn route(name: &'static str, value: String, uri: &Uri) -> Result<Route, BadProxy> {
    let proxy = Matcher::builder().all(value).build().intercept(uri).ok_or(BadProxy::Malformed(name))?;
    match proxy.uri().scheme_str() {
        Some("http" | "https") => Ok(Route::Proxy),
        _ => Err(BadProxy::Scheme(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_usable_or_an_error() {
        let uri = "https://offerit.test/".parse().unwrap();
        for (value, expected) in [
            ("http://proxy.test:3128", Ok(Route::Proxy)),
            ("https://user:word@proxy.test", Ok(Route::Proxy)),
            ("proxy.test:3128", Ok(Route::Proxy)),
            ("socks5://proxy.test:1080", Err(BadProxy::Scheme("HTTPS_PROXY"))),
            ("http://", Err(BadProxy::Malformed("HTTPS_PROXY"))),
            ("http://a b:3128", Err(BadProxy::Malformed("HTTPS_PROXY"))),
            ("ftp://proxy.test", Err(BadProxy::Malformed("HTTPS_PROXY"))),
        ] {
            assert_eq!(route("HTTPS_PROXY", value.to_owned(), &uri), expected, "{value}");
        }
    }

    #[test]
    fn some_servers_are_asked_straight() {
        let uri = "https://api.offerit.test/".parse().unwrap();
        for (except, expected) in [("", true), ("other.test", true), ("offerit.test", false), ("*", false)] {
            assert_eq!(applies(except, &uri), expected, "{except}");
        }
    }
}
