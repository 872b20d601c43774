//! One file a command: the wiring.

pub mod check;
pub mod report;
pub mod run;
pub mod sandbox;
mod signals;
pub mod verify;

use crate::exit::{ExitCode, Failure};
use crate::{input, journal};

/// The user name and key that a run with `--sandbox` shows, and its fingerprints are keyed with: so a result
/// file of a trial is never taken for the memory of a real account.
const SANDBOX_CREDENTIALS: &str = "sandbox";

impl From<input::Error> for Failure {
    fn from(error: input::Error) -> Failure {
        let code = if error.is_fault_of_machine() { ExitCode::Fault } else { ExitCode::Usage };
        Failure::new(code, error)
    }
}

impl From<journal::Error> for Failure {
    fn from(error: journal::Error) -> Failure {
        let code = match &error {
            journal::Error::Locked { .. } => ExitCode::Locked,
            journal::Error::Io { .. } => ExitCode::Fault,
            _ => ExitCode::Usage,
        };
        Failure::new(code, error)
    }
}
