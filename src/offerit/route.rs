//! How the server is reached: straight, or through the proxy that the environment names.

use super::Endpoint;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use std::env;
use url::Url;

/// How the server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// By a connection to it.
    Straight,
    /// By a connection to the proxy that this variable names. Its value may hold a password.
    Proxy(&'static str),
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
    let malformed = BadProxy::Malformed(name);
    // A URL without a scheme means http, as with curl.
    let whole = if value.contains("://") { value.clone() } else { format!("http://{value}") };
    let url = Url::parse(&whole).map_err(|_| malformed)?;
    if url.scheme().starts_with("socks") {
        return Err(BadProxy::Scheme(name));
    }
    let proxy = Matcher::builder().all(value).build().intercept(uri).ok_or(malformed)?;
    // It is more generous than the standard for URLs, and would ask another port than the one that is meant.
    let asked = proxy.uri();
    let port = asked.port_u16().unwrap_or(if asked.scheme_str() == Some("https") { 443 } else { 80 });
    let has_host =
        url.host_str().zip(asked.host()).is_some_and(|(meant, host)| meant.eq_ignore_ascii_case(host));
    let is_meant = has_host && port > 0 && url.port_or_known_default() == Some(port);
    if is_meant && matches!(url.scheme(), "http" | "https") { Ok(Route::Proxy(name)) } else { Err(malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_usable_or_an_error() {
        let uri = "https://offerit.test/".parse().unwrap();
        for (value, expected) in [
            ("http://proxy.test:3128", Ok(Route::Proxy("HTTPS_PROXY"))),
            ("https://user:word@proxy.test", Ok(Route::Proxy("HTTPS_PROXY"))),
            ("proxy.test:3128", Ok(Route::Proxy("HTTPS_PROXY"))),
            ("Proxy.test", Ok(Route::Proxy("HTTPS_PROXY"))),
            ("http://[::1]:3128/", Ok(Route::Proxy("HTTPS_PROXY"))),
            ("http://user:pass%40word@proxy.test:8080", Ok(Route::Proxy("HTTPS_PROXY"))),
            ("socks5://proxy.test:1080", Err(BadProxy::Scheme("HTTPS_PROXY"))),
            ("SOCKS5H://proxy.test:1080", Err(BadProxy::Scheme("HTTPS_PROXY"))),
            ("http://", Err(BadProxy::Malformed("HTTPS_PROXY"))),
        ] {
            assert_eq!(route("HTTPS_PROXY", value.to_owned(), &uri), expected, "{value}");
        }
        for value in [
            "http://a b:3128",
            "ftp://proxy.test",
            "http://127.0.0.1:99999",
            "127.0.0.1:99999",
            "http://proxy.test:port",
            "http://proxy.test:-1",
            "http://proxy.test:080x",
            "http://proxy.test:0",
            "http://:3128",
            "http://[zz]:80",
            "[::1]:x",
            " ",
        ] {
            let malformed = Err(BadProxy::Malformed("HTTPS_PROXY"));
            assert_eq!(route("HTTPS_PROXY", value.to_owned(), &uri), malformed, "{value}");
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
