//! What the integration tests share: a server that misbehaves on command, a wrapper around the real
//! binary, and a reader of result files that shares no code with the crate.
//!
//! The standard library and `tempfile` only; the terminal needs `rustix` and `vt100`, schemas `regex` and `serde_json`.

mod account;
pub mod book;
pub mod calls;
mod command;
mod connection;
pub mod crash;
pub mod job;
mod mounted;
pub mod plan;
mod reply;
mod request;
pub mod result;
pub mod schema;
mod server;
mod signals;
pub mod strace;
mod terminal;
pub mod tools;
mod turn;

pub use command::{Child, Offerit, Output};
pub use job::{INPUT, KEY, RESULT, USERNAME, Visits, customers, rows, table};
pub use mounted::Mounted;
pub use reply::{Gate, Reply};
pub use request::Request;
pub use result::Record;
pub use server::Server;
pub use signals::hangups_reach_programs;
pub use terminal::Terminal;
pub use turn::{alone, apart, beside_others};

/// Says something that is shown of a test that passes, too.
pub fn say(text: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
