//! Whether a row still is what its record is of.

use super::{SANDBOX_CREDENTIALS, identity_of};
use crate::customer::{Fingerprint, FingerprintKey};
use crate::exit::Failure;
use crate::input::Checked;
use crate::journal::{self, Keep, Mark};
use crate::report::say;
use std::io;

/// What the fingerprints of a result file are keyed with.
#[derive(Debug, Clone)]
pub enum Key {
    /// Unknown: only ids are compared, so that rows whose fields changed since cannot be told.
    None,
    /// That of an account.
    Account(FingerprintKey),
    /// That of `run --sandbox`.
    Sandbox,
}

/// Tells rows that are what they were from those that changed.
pub(super) struct Judge {
    key: Option<FingerprintKey>,
    /// Where the key is that of an account.
    sandbox_key: Option<FingerprintKey>,
    by_sandbox: u64,
    scratch: Vec<u8>,
}

impl Judge {
    pub(super) fn new(key: Key) -> Judge {
        let sandbox_key = FingerprintKey::from_secret(SANDBOX_CREDENTIALS.as_bytes());
        let (key, sandbox_key) = match key {
            Key::None => (None, None),
            Key::Account(key) => (Some(key), Some(sandbox_key)),
            Key::Sandbox => (Some(sandbox_key), None),
        };
        Judge { key, sandbox_key, by_sandbox: 0, scratch: Vec::new() }
    }

    /// What to keep of each record.
    pub(super) fn keep(&self) -> Keep {
        if self.key.is_none() { Keep::Identity } else { Keep::Fingerprint }
    }

    /// What of a row is compared with what was kept of its record.
    pub(super) fn print(&mut self, row: &Checked<'_>) -> Fingerprint {
        match &self.key {
            Some(key) => row.fingerprint(key, &mut self.scratch),
            None => identity_of(row),
        }
    }

    /// Whether a row is another one than its record is of.
    pub(super) fn has_changed(&mut self, mark: Mark, row: &Checked<'_>) -> bool {
        if mark.is_of(self.print(row)) {
            return false;
        }
        if let Some(key) = &self.sandbox_key {
            self.by_sandbox += u64::from(mark.is_of(row.fingerprint(key, &mut self.scratch)));
        }
        true
    }

    /// Says what rows were compared by, and why they may not match. `matches_none`: nothing does.
    pub(super) fn explain(&self, matches_none: bool) {
        if self.key.is_none() {
            say(
                "without the API key (OFFERIT_API_KEY, --api-key-file) only the ids of rows are compared, not their fields",
            );
        }
        if self.by_sandbox > 0 {
            say(format_args!(
                "{} rows were delivered to a sandbox (run --sandbox), not to this account. To verify a trial, add --sandbox",
                self.by_sandbox
            ));
        } else if matches_none {
            say("no row in sync matches the input: another input, or the API key is not the one of that run");
        }
    }
}

/// There being no result file is a mistake of the call and no fault of the machine.
pub(super) fn no_result_yet(error: journal::Error) -> Failure {
    match error {
        journal::Error::Io { ref path, ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Failure::usage(format!(
                "{}: there is no result file yet: run the job first, or name it with --result",
                path.display()
            ))
        }
        error => error.into(),
    }
}
