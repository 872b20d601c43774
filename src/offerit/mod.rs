//! The Offerit API: exactly one PATCH, and what its reply means. What to do about a reply is for `delivery`.
//!
//! Documented (API page, revision of 2 October 2017): the request, and `true` as the reply of success. Inferred:
//! everything else a reply can be; each such rule says so.

mod body;
mod client;
mod credentials;
mod endpoint;
mod failure;
mod reply;
mod retry_after;
mod route;
mod words;

use crate::customer::Update;
use bytes::{Bytes, BytesMut};
use std::future::Future;
use std::mem;
use std::time::Duration;

pub use client::{Authorities, BadCertificate, Client, ClientError, Settings};
pub use credentials::{ApiKey, BadCredential, Credentials};
pub use endpoint::{BadUrl, Endpoint};
pub use reply::Reply;
pub use route::{BadProxy, NamedProxy, Route};

/// An update with its encoded body, ready to be sent any number of times.
#[derive(Debug)]
pub struct Request {
    /// What is asked for.
    pub update: Update,
    body: Bytes,
    needs_fresh_connection: bool,
}

impl Request {
    /// Sends every further attempt over a connection of its own, after one over the pool ended without a reply.
    pub fn use_fresh_connection(&mut self) {
        self.needs_fresh_connection = true;
    }
}

/// Bodies are cut from shared blocks of this many bytes. A larger block would be kept alive longer by one slow row.
const BLOCK: usize = 4096;

/// Encodes updates as requests.
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
        // Release the memory of an unusually long value.
        form.shrink_to(BLOCK);
        self.form = form;
        Request { update, body, needs_fresh_connection: false }
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

/// Receives the events of an attempt while it lasts.
pub trait AttemptEvents {
    /// A connection exists and the request is written to it. An attempt that is dropped before sends nothing.
    fn request_sent(&self);

    /// The server asks for a pause (`Retry-After` with 429 or 503). Called when the head of the reply is there, as its body
    /// may take long.
    fn retry_after(&self, wait: Duration);
}

/// Sends attempts. The seam at which tests put a simulated server.
pub trait Transport {
    /// Sends one attempt and reads its reply. Never fails: what goes wrong is a [`Reply`] too.
    fn attempt(&self, request: &Request, events: &dyn AttemptEvents) -> impl Future<Output = Attempt>;
}
