//! The URL of the call, checked once.

use url::{Host, ParseError, Url};

/// The path of the call (API page, "Resource URL").
const PATH: &str = "/api/customer/set_customer_details";

/// The fault of a base URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It is not a URL.
    #[error("cannot be read ({0}). Use a URL such as https://offerit.example.com")]
    Malformed(String),
    /// Its scheme is neither https nor http.
    #[error(
        "must begin with https://, such as https://offerit.example.com (http:// only for a server on this machine)"
    )]
    Scheme,
    /// It is plain HTTP to another machine.
    #[error(
        "with http://, the API key and personal data would be sent unencrypted. Use https://, or add --allow-http"
    )]
    Insecure,
    /// It holds a user name or a password.
    #[error("must not contain a user name or password. Use --api-username and --api-key-file")]
    Userinfo,
    /// It has a query or a fragment.
    #[error("must not contain '?' or '#'. Give only the base URL, such as https://offerit.example.com")]
    Extra,
    /// It ends with the path of the call, or the start of that.
    #[error(
        "must not contain /api/… Give only the base URL, such as https://offerit.example.com; {PATH} is appended"
    )]
    WholePath,
}

/// The URL of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

impl Endpoint {
    /// Checks a base URL and appends the path of the call.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn new(base: &str, allow_http: bool) -> Result<Endpoint, BadUrl> {
        let base = base.trim();
        let mut url = Url::parse(base).map_err(|error| match error {
            ParseError::RelativeUrlWithoutBase => BadUrl::Scheme,
            error => BadUrl::Malformed(error.to_string()),
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(BadUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUrl::Userinfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BadUrl::Extra);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.ends_with(PATH) || path.ends_with("/api") || path.ends_with("/api/customer") {
            return Err(BadUrl::WholePath);
        }
        url.set_path(&(path + PATH));
        let endpoint = Endpoint { url };
        if !endpoint.is_https() && !endpoint.is_loopback() && !allow_http {
            return Err(BadUrl::Insecure);
        }
        Ok(endpoint)
    }

    /// The URL of the call.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host and port, for messages.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the server is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_appended_to_any_base() {
        for (base, url) in [
            ("https://a.example", "https://a.example/api/customer/set_customer_details"),
            ("https://a.example:8443/", "https://a.example:8443/api/customer/set_customer_details"),
            (" https://a.example/sub/ ", "https://a.example/sub/api/customer/set_customer_details"),
        ] {
            assert_eq!(Endpoint::new(base, false).unwrap().url().as_str(), url);
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_or_by_consent() {
        for base in [
            "http://localhost:80",
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]:8080",
            "http://localhost.",
        ] {
            assert!(Endpoint::new(base, false).is_ok(), "{base}");
        }
        for base in [
            "http://a.example",
            "http://10.0.0.1",
            "http://localhost.a.example",
            "http://[::2]",
            "http://0.0.0.0",
        ] {
            assert_eq!(Endpoint::new(base, false), Err(BadUrl::Insecure), "{base}");
            assert!(Endpoint::new(base, true).is_ok(), "{base}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_base_url_is_refused() {
        assert_eq!(Endpoint::new("a.example", false), Err(BadUrl::Scheme));
        assert!(matches!(Endpoint::new("https://[", false), Err(BadUrl::Malformed(_))));
        assert_eq!(Endpoint::new("ftp://a.example", true), Err(BadUrl::Scheme));
        assert_eq!(Endpoint::new("file:///etc/passwd", true), Err(BadUrl::Scheme));
        assert_eq!(Endpoint::new("https://me:pw@a.example", false), Err(BadUrl::Userinfo));
        assert_eq!(Endpoint::new("https://a.example/?x=1", false), Err(BadUrl::Extra));
        for path in ["/api/customer/set_customer_details/", "/api", "/sub/api/", "/api/customer"] {
            assert_eq!(Endpoint::new(&format!("https://a.example{path}"), false), Err(BadUrl::WholePath));
        }
    }
}
