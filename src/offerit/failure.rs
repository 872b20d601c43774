//! The reasons of an attempt without a reply. The kinds are read from the types of reqwest's errors; [`wording`] is the only place that
//! reads their texts, for the errors whose types are private to other crates.

use super::Fault;
use std::error::Error;
use std::io;
use std::iter::successors;

/// The reason of an attempt without a whole reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection came about, so nothing was sent.
    NotSent(String, Option<Fault>),
    /// The connection ended before the head of a reply. The server may have received the request.
    Ended(String),
    /// The head or the body of the reply is broken.
    BrokenReply(String, Option<Fault>),
    /// The attempt's timeout expired after the request was sent.
    TimedOut,
    /// A proxy on the way demands credentials.
    ProxyDenied(String),
}

impl Failure {
    /// The failure of a request without the head of a reply.
    pub(super) fn before_reply(error: &reqwest::Error) -> Failure {
        let text = innermost(error);
        match wording(&text) {
            Some(failure) => failure,
            None if error.is_connect() => match tls_fault(error) {
                Some(Fault::NoTls) => {
                    Failure::NotSent(format!("it does not speak TLS ({text})"), Some(Fault::NoTls))
                }
                Some(Fault::Certificate) if text.ends_with("UnknownIssuer") => {
                    let explained = "its certificate is signed by an unknown authority (UnknownIssuer)";
                    Failure::NotSent(explained.to_owned(), Some(Fault::Certificate))
                }
                fault => Failure::NotSent(text, fault),
            },
            None if is_invalid_http(error) => {
                Failure::BrokenReply(format!("it does not speak HTTP ({text})"), Some(Fault::NoHttp))
            }
            None => Failure::Ended(text),
        }
    }
}

/// Whether the server answered with something that is not HTTP.
fn is_invalid_http(error: &reqwest::Error) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse)
}

/// The permanent fault of TLS, if there is one.
fn tls_fault(error: &reqwest::Error) -> Option<Fault> {
    let io_errors = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    match io_errors.flat_map(wrapped_errors).find_map(|inner| inner.downcast_ref::<rustls::Error>())? {
        rustls::Error::InvalidCertificate(_) => Some(Fault::Certificate),
        rustls::Error::InvalidMessage(_) | rustls::Error::PeerIncompatible(_) => Some(Fault::NoTls),
        _ => None,
    }
}

/// The errors that an I/O error wraps, the outermost first. Needed because `source` of an I/O error skips the wrapped_errors error.
fn wrapped_errors(error: &io::Error) -> impl Iterator<Item = &(dyn Error + Send + Sync + 'static)> {
    successors(error.get_ref(), |inner| inner.downcast_ref::<io::Error>()?.get_ref())
}

/// Recognizes errors by their text, because their types (hyper-util's `TunnelError`, webpki's `Error`) cannot be named here,
/// or because they have no type (the resolver's errors).
fn wording(text: &str) -> Option<Failure> {
    if text.contains("proxy authorization required") {
        return Some(Failure::ProxyDenied(text.to_owned()));
    }
    if text.contains("tunnel error: unsuccessful") {
        return Some(Failure::NotSent("the proxy refused".to_owned(), None));
    }
    // EAI_NONAME and EAI_NODATA of glibc and musl, and EAI_NONAME of macOS. A resolver that fails reports EAI_AGAIN.
    let no_such_name = [
        "Name or service not known",
        "Name does not resolve",
        "No address associated",
        "nodename nor servname",
    ];
    if no_such_name.iter().any(|wording| text.contains(wording)) {
        return Some(Failure::NotSent("the host name was not found".to_owned(), Some(Fault::UnknownName)));
    }
    text.contains("CaUsedAsEndEntity").then(|| {
        let explained = "it uses a CA's own certificate, which is not accepted (CaUsedAsEndEntity); have a certificate signed by \
                         the CA";
        Failure::NotSent(explained.to_owned(), Some(Fault::Certificate))
    })
}

/// The error and everything that caused it, outermost first.
fn causes<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

/// The text of the innermost cause, without the number of the system's error. The outer errors only repeat that something
/// failed.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let text = causes(error).last().unwrap_or(error).to_string();
    text.split_once(" (os error ").map(|(words, _)| words.to_owned()).unwrap_or(text)
}
