//! The Offerit API: one PATCH, and the meaning of its reply. `delivery` decides about retries.
//!
//! Documented (API page, revision of 2 October 2017): the request, and `true` as the reply of success. All other replies are
//! inferred, and each such rule is marked so.

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

pub use client::{Authorities, BadCertificate, Client, ClientError, Settings, ShowReply};
pub use credentials::{ApiKey, BadCredential, Credentials};
pub use endpoint::{BadUrl, Endpoint};
pub use reply::{Fault, Reply};
pub use route::{BadProxy, NamedProxy, Route};

/// An update with its encoded body. It can be sent any number of times.
#[derive(Debug)]
pub struct Request {
    /// The update.
    pub update: Update,
    body: Bytes,
    needs_fresh_connection: bool,
}

impl Request {
    /// The length of the body in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no body is empty")]
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Sends every further attempt over a connection of its own, after an attempt over the pool ended without a reply.
    pub fn use_fresh_connection(&mut self) {
        self.needs_fresh_connection = true;
    }
}

/// Bytes of the shared blocks that bodies are cut from. Chosen: one slow row would keep a larger block alive for longer.
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

/// The result of one PATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The meaning of the reply, or of its absence.
    pub reply: Reply,
    /// From the start of the attempt to the end of the reply.
    pub duration: Duration,
}

/// Receives the events of an attempt while it lasts.
pub trait AttemptEvents {
    /// A connection exists and the request is written to it. An attempt that is dropped before this sends nothing.
    fn request_sent(&self);

    /// Reports a Retry-After header (with 429 or 503). Called as soon as the head of the reply has come: the body may take
    /// long.
    fn retry_after(&self, wait: Duration);
}

/// Sends attempts. Tests replace it with a simulated server.
pub trait Transport {
    /// Sends one attempt and reads its reply. Never fails: a failure is a [`Reply`] as well.
    fn attempt(&self, request: &Request, events: &dyn AttemptEvents) -> impl Future<Output = Attempt>;
}
