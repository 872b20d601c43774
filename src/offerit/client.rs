//! The PATCH itself, with reqwest.

use super::redact::redact;
use super::reply::{Body, Class, class, meaning};
use super::{Attempt, Credentials, Endpoint, Reply, Request, Transport};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Certificate, Method, redirect, retry};
use std::error::Error as _;
use std::time::{Duration, Instant, SystemTime};

/// How much of a body is read, in bytes. The API's answer is four.
const LONGEST_BODY: usize = 64 * 1024;

/// How long a connection may take to come about, within the attempt's own timeout.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

const CLIENT_NAME: &str = concat!("offerit-sync/", env!("CARGO_PKG_VERSION"));

/// Where and as whom to send, and for how long to wait.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL of the call.
    pub endpoint: Endpoint,
    /// The two headers' values.
    pub credentials: Credentials,
    /// Certificate authorities to trust besides the system's.
    pub authorities: Authorities,
    /// For one attempt, from its start to the end of its reply.
    pub timeout: Duration,
}

/// Certificate authorities of one's own.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Vec<Certificate>);

/// The text holds no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
pub struct BadCertificate;

impl Authorities {
    /// Reads a PEM file's content.
    ///
    /// # Errors
    /// If there is no certificate in it, or a broken one.
    pub fn from_pem(pem: &[u8]) -> Result<Authorities, BadCertificate> {
        let certificates = Certificate::from_pem_bundle(pem).map_err(|_| BadCertificate)?;
        if certificates.is_empty() { Err(BadCertificate) } else { Ok(Authorities(certificates)) }
    }
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The system's certificates or the TLS library cannot be used.
    #[error("cannot set up the HTTP client: {0}")]
    Setup(String),
    /// A credential that was checked is no header after all.
    #[error("the API user name or key cannot be sent as a header")]
    Credentials,
}

/// The client of one run: one origin, one set of headers, a pool of connections.
pub struct Client {
    client: reqwest::Client,
    settings: Settings,
    headers: HeaderMap,
}

impl Client {
    /// Makes the client. Nothing is sent.
    ///
    /// # Errors
    /// If TLS cannot be set up, for want of the system's certificates for example.
    pub fn new(settings: Settings) -> Result<Client, ClientError> {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            // A redirect would carry the key and the row to another place.
            .redirect(redirect::Policy::none())
            // Every attempt is paced and counted by delivery.
            .retry(retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(LONGEST_CONNECT));
        if settings.endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        builder = if settings.endpoint.is_https() {
            builder.tls_certs_merge(settings.authorities.0.clone())
        } else {
            // No certificate can be needed: a machine without any must still be able to try the sandbox.
            builder.tls_certs_only([])
        };
        let client = builder.build().map_err(|error| ClientError::Setup(innermost(&error)))?;
        let headers = headers(&settings.credentials).ok_or(ClientError::Credentials)?;
        Ok(Client { client, settings, headers })
    }

    async fn send(&self, request: &Request) -> Reply {
        let mut patch = reqwest::Request::new(Method::PATCH, self.settings.endpoint.url().clone());
        *patch.headers_mut() = self.headers.clone();
        *patch.body_mut() = Some(request.body.clone().into());
        let mut response = match self.client.execute(patch).await {
            Ok(response) => response,
            Err(error) => return self.broken(&error),
        };
        let status = response.status();
        let body = match class(status.as_u16()) {
            // The status says it all.
            Class::Redirect => Body { bytes: Vec::new(), is_cut: false },
            class => match read(&mut response).await {
                Ok(body) => body,
                // Only a success needs its body; any other status is said already, and its Retry-After with it.
                Err(_) if class != Class::Success => Body { bytes: Vec::new(), is_cut: false },
                Err(error) => return self.broken(&error),
            },
        };
        let redact = |text: &str| redact(text, &request.update, self.settings.credentials.key());
        meaning(status, response.headers(), &body, SystemTime::now(), redact)
    }

    /// What an error of the transport means: whether the request can have left, and in few words why.
    fn broken(&self, error: &reqwest::Error) -> Reply {
        let why = innermost(error);
        // hyper-util's words for a 407 to CONNECT; there is no other sign of it.
        if why.contains("proxy authorization required") {
            return Reply::Denied { status: 407, text: why };
        }
        if error.is_connect() {
            return Reply::NotSent {
                text: format!("cannot connect to {}: {why}", self.settings.endpoint.origin()),
            };
        }
        let text = if error.is_timeout() {
            let timeout = humantime::format_duration(self.settings.timeout);
            format!("no whole reply within {timeout}")
        } else {
            format!("the connection broke before the reply was whole: {why}")
        };
        Reply::Lost { text }
    }
}

impl Transport for Client {
    async fn attempt(&self, request: &Request) -> Attempt {
        let start = Instant::now();
        let reply = self.send(request).await;
        Attempt { reply, duration: start.elapsed() }
    }
}

fn headers(credentials: &Credentials) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(HeaderName::from_static("api-key"), credentials.key_header()?);
    headers.insert(HeaderName::from_static("api-username"), credentials.username_header()?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(USER_AGENT, HeaderValue::from_static(CLIENT_NAME));
    Some(headers)
}

/// Reads a body up to the limit and leaves the rest, however much it is. No compression is offered to the
/// server, so that what is counted is what came.
async fn read(response: &mut reqwest::Response) -> Result<Body, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = LONGEST_BODY - bytes.len();
        if chunk.len() > room {
            bytes.extend_from_slice(&chunk[..room]);
            return Ok(Body { bytes, is_cut: true });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Body { bytes, is_cut: false })
}

/// The cause at the bottom of an error: the ones above only repeat that something failed.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn std::error::Error> = error.source();
    let mut text = String::new();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    if text.is_empty() { "no cause given".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::ApiKey;
    use super::*;
    use crate::customer::{Parameter, UpdateBuilder};

    #[test]
    fn the_body_is_a_form_in_the_order_of_the_page() {
        let mut builder = UpdateBuilder::default();
        builder.set(Parameter::City, "a&b=c d+e%\u{e9}\n".as_bytes());
        builder.set(Parameter::CustomerId, b"007");
        let request = Request::new(builder.build().unwrap());
        assert_eq!(&request.body[..], b"customer_id=007&city=a%26b%3Dc+d%2Be%25%C3%A9%0A");
    }

    #[test]
    fn the_headers_mask_the_key() {
        let credentials = Credentials::new("admin", ApiKey::new("s3cret").unwrap()).unwrap();
        let headers = headers(&credentials).unwrap();
        assert_eq!(headers["api-key"], "s3cret");
        assert_eq!(headers["api-username"], "admin");
        assert!(!format!("{headers:?}").contains("s3cret"));
    }
}
