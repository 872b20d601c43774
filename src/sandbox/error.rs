//! The errors of the sandbox.

use std::io;
use std::net::SocketAddr;

/// A reason why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot listen at the address.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The machine refuses a thread.
    #[error("cannot start the sandbox: {0}")]
    Start(#[source] io::Error),
    /// The fault settings contradict each other.
    #[error("{0}")]
    Faults(&'static str),
    /// The file of customers cannot be opened or read.
    #[error("cannot open {file}: {source}")]
    Open {
        /// The file.
        file: String,
        /// The reason.
        source: io::Error,
    },
    /// A line of the file of customers is wrong.
    #[error("{file}, line {line}{column}: {reason}")]
    Customers {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// `, column NAME` where the fault is in one cell, else empty.
        column: String,
        /// The reason.
        reason: String,
    },
}
