//! Sends attempts and tells what their replies mean: one origin, one set of headers, one of two ways to send.

use super::direct::Direct;
use super::exchange::{Broken, Exchange, Received};
use super::pooled::Pooled;
use super::redact::redact;
use super::reply::{Class, class, meaning};
use super::{Attempt, Course, Credentials, Endpoint, Reply, Request, Route, Transport};
use bytes::Bytes;
use reqwest::Certificate;
use std::time::{Duration, Instant};

/// How long a connection may take to come about, within the attempt's own timeout.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// Where and as whom to send, and for how long to wait.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL of the call.
    pub endpoint: Endpoint,
    /// How to get there.
    pub route: Route,
    /// The two headers' values.
    pub credentials: Credentials,
    /// Certificate authorities to trust besides the system's.
    pub authorities: Authorities,
    /// For one attempt, from its start to the end of its reply.
    pub timeout: Duration,
}

impl Settings {
    /// How long a connection may take to come about.
    pub(super) fn longest_connect(&self) -> Duration {
        self.timeout.min(LONGEST_CONNECT)
    }
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

    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.0.clone()
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

/// The client of one run.
pub struct Client {
    wire: Wire,
    settings: Settings,
}

/// How requests get to the server.
enum Wire {
    /// Plain HTTP/1.1 to the server itself.
    Direct(Direct),
    /// Anything else.
    Pooled(Pooled),
}

impl Wire {
    async fn exchange(&self, body: &Bytes, course: &dyn Course) -> Result<Received, Broken> {
        match self {
            Wire::Direct(direct) => direct.exchange(body, course).await,
            // On the heap, or every attempt kept room for it.
            Wire::Pooled(pooled) => Box::pin(pooled.exchange(body, course)).await,
        }
    }
}

impl Client {
    /// Makes the client. Nothing is sent.
    ///
    /// # Errors
    /// If TLS cannot be set up, for want of the system's certificates for example.
    pub fn new(settings: Settings) -> Result<Client, ClientError> {
        let wire = match Direct::new(&settings) {
            Some(direct) => Wire::Direct(direct),
            None => Wire::Pooled(Pooled::new(&settings)?),
        };
        Ok(Client { wire, settings })
    }

    async fn send(&self, request: &Request, course: &dyn Course) -> Reply {
        match self.wire.exchange(&request.body, course).await {
            // Only a success needs its body; any other status is said already.
            Ok(Received { status, broken: Some(broken), .. }) if class(status.as_u16()) == Class::Success => {
                self.broken(broken)
            }
            Ok(Received { status, headers, body, .. }) => {
                let redact = |text: &str| redact(text, &request.update, self.settings.credentials.key());
                meaning(status, &headers, &body, redact)
            }
            Err(broken) => self.broken(broken),
        }
    }

    /// What the lack of a reply means: whether the request can have left, and in few words why.
    fn broken(&self, broken: Broken) -> Reply {
        match broken {
            Broken::Proxy(why) => Reply::Denied { status: 407, text: why },
            Broken::NotSent(why) => Reply::NotSent { text: self.not_connected(&why) },
            Broken::NotTaken(why) => {
                Reply::NotTaken { text: format!("the server did not take the request: {why}") }
            }
            Broken::TimedOut => {
                let timeout = humantime::format_duration(self.settings.timeout);
                Reply::Lost { text: format!("no whole reply within {timeout}") }
            }
            Broken::Lost(why) => {
                Reply::Lost { text: format!("the connection broke before the reply was whole: {why}") }
            }
        }
    }

    /// Why no connection came about. Of a proxy the variable is named: its value may hold a password.
    fn not_connected(&self, why: &str) -> String {
        let origin = self.settings.endpoint.origin();
        match self.settings.route {
            Route::Straight => format!("cannot connect to {origin}: {why}"),
            Route::Proxy(variable) => {
                format!("cannot connect to {origin} through the proxy that {variable} names: {why}")
            }
        }
    }
}

impl Transport for Client {
    async fn attempt(&self, request: &Request, course: &dyn Course) -> Attempt {
        let start = Instant::now();
        let reply = self.send(request, course).await;
        Attempt { reply, duration: start.elapsed() }
    }
}

#[cfg(test)]
mod tests;
