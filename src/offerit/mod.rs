//! The Offerit API: exactly one PATCH, and what its reply means. What to do about a reply is for `delivery`.
//!
//! Documented (API page, revision of 2 October 2017): the request, and `true` as the reply of success. Inferred:
//! everything else a reply can be; each such rule says so.

mod client;
mod credentials;
mod direct;
mod endpoint;
mod exchange;
mod line;
mod pooled;
mod redact;
mod reply;
mod retry_after;
mod route;

use crate::customer::Update;
use bytes::{Bytes, BytesMut};
use std::future::Future;
use std::mem;
use std::time::Duration;

pub use client::{Authorities, BadCertificate, Client, ClientError, Settings};
pub use credentials::{ApiKey, BadCredential, Credentials};
pub use endpoint::{BadUrl, Endpoint};
pub use reply::Reply;
pub use route::{BadProxy, Route};

/// An update with its encoded body, ready to be sent any number of times.
#[derive(Debug)]
pub struct Request {
    /// What is asked for.
    pub update: Update,
    body: Bytes,
}

/// The bodies of so many bytes lie in one piece of memory, which is free once none of them is needed. More would keep more
/// of it for a row that takes long.
const BLOCK: usize = 4096;

/// Makes requests of updates, row after row.
#[derive(Debug, Default)]
pub struct Encoder {
    form: String,
    block: BytesMut,
}

impl Encoder {
    /// Encodes an update as `application/x-www-form-urlencoded`, parameters in the order of the API page.
    #[must_use]
    pub fn request(&mut self, update: Update) -> Request {
        let mut form = form_urlencoded::Serializer::new(mem::take(&mut self.form));
        for (parameter, value) in update.values() {
            form.append_pair(parameter.name(), value);
        }
        let mut form = form.finish();
        if self.block.capacity() < form.len() {
            self.block = BytesMut::with_capacity(BLOCK.max(form.len()));
        }
        self.block.extend_from_slice(form.as_bytes());
        let body = self.block.split().freeze();
        form.clear();
        // What one long value took is not kept for the others.
        form.shrink_to(BLOCK);
        self.form = form;
        Request { update, body }
    }
}

impl From<Update> for Request {
    fn from(update: Update) -> Request {
        Encoder::default().request(update)
    }
}

/// One PATCH on the wire and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What the reply, or the lack of one, means.
    pub reply: Reply,
    /// From the start of the attempt to the end of the reply.
    pub duration: Duration,
}

/// Is told of an attempt while it lasts.
pub trait Course {
    /// The request goes out, for which a connection has to come about first; dropped before, nothing is sent.
    fn leaves(&self);

    /// The server asks to be left alone for so long; only with 429 and 503. Told as soon as the head of the reply is
    /// there: its body may take as long as it likes.
    fn asks_for_pause(&self, wait: Duration);
}

/// Sends attempts. The seam at which tests put a simulated server.
pub trait Transport {
    /// Sends one attempt and reads its reply. Never fails: what goes wrong is a [`Reply`] too.
    fn attempt(&self, request: &Request, course: &dyn Course) -> impl Future<Output = Attempt>;
}
