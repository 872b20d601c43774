//! The way to the server: direct, or through the proxy that the environment names.

use super::Endpoint;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use std::{env, fmt};
use url::Url;

/// The way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A connection to the server.
    Direct,
    /// A connection to this proxy.
    Proxy(Box<NamedProxy>),
}

/// A proxy and the variable that names it. Its URL may hold a password, so `Debug` masks it.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedProxy {
    variable: &'static str,
    url: Url,
}

impl NamedProxy {
    pub(super) fn variable(&self) -> &'static str {
        self.variable
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Debug for NamedProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NamedProxy").field("variable", &self.variable).finish_non_exhaustive()
    }
}

/// The fault of a variable that names a proxy. The value may hold a password and is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProxy {
    /// It is not the URL of a proxy.
    #[error(
        "{0}: cannot be read as the URL of a proxy. Use a URL such as http://proxy.example:3128, or unset the variable"
    )]
    Malformed(&'static str),
    /// It names another kind of proxy, such as SOCKS.
    #[error(
        "{0}: only http:// and https:// proxies are supported, not SOCKS. Use an http:// proxy, or unset the variable"
    )]
    Scheme(&'static str),
}

impl Route {
    /// The route that curl's variables name for an endpoint, in curl's order. A server on this machine is always reached
    /// directly.
    ///
    /// # Errors
    /// If the proxy for the endpoint cannot be used. The server is not reached directly then, as the user asked for a proxy.
    pub fn from_environment(endpoint: &Endpoint) -> Result<Route, BadProxy> {
        // REQUEST_METHOD marks a CGI script. There the sender of a request could set HTTP_PROXY (httpoxy).
        if endpoint.is_loopback() || env::var_os("REQUEST_METHOD").is_some() {
            return Ok(Route::Direct);
        }
        let Ok(uri) = endpoint.url().as_str().parse() else { return Ok(Route::Direct) };
        let own =
            if endpoint.is_https() { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
        let set = |names: [&'static str; 2]| {
            let mut set = names.into_iter().filter_map(|name| Some((name, env::var(name).ok()?)));
            set.next().filter(|(_, value)| !value.is_empty())
        };
        let except = set(["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default();
        match set(own).or_else(|| set(["ALL_PROXY", "all_proxy"])) {
            Some((variable, value)) if !is_excepted(&except, &uri) => proxy(variable, &value),
            _ => Ok(Route::Direct),
        }
    }
}

/// Whether NO_PROXY names the server. hyper-util's `*` matches names only and no addresses (reqwest issue 2579).
fn is_excepted(except: &str, uri: &Uri) -> bool {
    let proxy = Matcher::builder().all("http://proxy.invalid").no(except.to_owned()).build();
    except.split(',').any(|entry| entry.trim() == "*") || proxy.intercept(uri).is_none()
}

fn proxy(variable: &'static str, value: &str) -> Result<Route, BadProxy> {
    let malformed = BadProxy::Malformed(variable);
    // A URL without a scheme means http, as with curl.
    let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&url).map_err(|_| malformed)?;
    match url.scheme() {
        "http" | "https" if url.host().is_some() && url.port() != Some(0) => {
            Ok(Route::Proxy(Box::new(NamedProxy { variable, url })))
        }
        scheme if scheme.starts_with("socks") => Err(BadProxy::Scheme(variable)),
        _ => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_usable_or_an_error() {
        for (value, expected) in [
            ("http://proxy.test:3128", Ok("HTTPS_PROXY")),
            ("https://user:word@proxy.test", Ok("HTTPS_PROXY")),
            ("proxy.test:3128", Ok("HTTPS_PROXY")),
            ("Proxy.test", Ok("HTTPS_PROXY")),
            ("http://[::1]:3128/", Ok("HTTPS_PROXY")),
            ("http://user:pass%40word@proxy.test:8080", Ok("HTTPS_PROXY")),
            ("socks5://proxy.test:1080", Err(BadProxy::Scheme("HTTPS_PROXY"))),
            ("SOCKS5H://proxy.test:1080", Err(BadProxy::Scheme("HTTPS_PROXY"))),
            ("http://", Err(BadProxy::Malformed("HTTPS_PROXY"))),
        ] {
            let route = proxy("HTTPS_PROXY", value);
            assert!(!format!("{route:?}").contains("word"), "the password is masked");
            let variable = route.map(|route| match route {
                Route::Proxy(proxy) => proxy.variable(),
                Route::Direct => "none",
            });
            assert_eq!(variable, expected, "{value}");
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
            assert_eq!(proxy("HTTPS_PROXY", value), malformed, "{value}");
        }
    }

    #[test]
    fn the_servers_of_no_proxy_are_reached_directly() {
        let name = "https://api.offerit.test/".parse().unwrap();
        let address = "https://10.0.0.7:8443/".parse().unwrap();
        for (except, is_name, is_address) in [
            ("", false, false),
            ("other.test", false, false),
            ("offerit.test", true, false),
            ("10.0.0.0/8", false, true),
            ("*", true, true),
            ("other.test, *", true, true),
        ] {
            assert_eq!(is_excepted(except, &name), is_name, "{except}");
            assert_eq!(is_excepted(except, &address), is_address, "{except}");
        }
    }
}
