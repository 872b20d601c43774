//! One file a command: the wiring.

pub mod check;
mod comparison;
pub mod failures;
mod others;
mod output;
pub mod plan;
mod plan_input;
mod process;
pub mod report;
pub mod completions;
pub mod run;
pub mod sandbox;
mod running;
mod runtime;
mod shard;
mod signals;
pub mod undo;
pub mod verify;

pub use comparison::Key;
pub use output::Output;
pub use process::prepare;

use crate::exit::{ExitCode, Failure};
use crate::{input, journal};

/// The user name and key of a run with `--sandbox`. Its fingerprints are keyed with them, so that the result file of a trial
/// never counts for a real account.
const SANDBOX_CREDENTIALS: &str = "sandbox";

impl From<input::Error> for Failure {
    fn from(error: input::Error) -> Failure {
        let code = if error.is_fault_of_machine() { ExitCode::Fault } else { ExitCode::Usage };
        let mut messages = error.messages().into_iter();
        let first = messages.next().unwrap_or_default();
        Failure { more: messages.collect(), ..Failure::new(code, first) }
    }
}

impl From<journal::Error> for Failure {
    fn from(error: journal::Error) -> Failure {
        let code = match &error {
            journal::Error::Locked { .. } => ExitCode::Locked,
            journal::Error::Io { .. } | journal::Error::Unsupported { .. } => ExitCode::Fault,
            _ => ExitCode::Usage,
        };
        Failure::new(code, error)
    }
}
