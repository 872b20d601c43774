//! The key that `verify` and `failures` compare rows with, and their messages about the comparison.

use super::SANDBOX_CREDENTIALS;
use crate::customer::FingerprintKey;
use crate::exit::Failure;
use crate::input::{cannot_open, near_file};
use crate::journal::{self, HEADER};
use crate::report::say;
use crate::resume::ChangeDetector;
use crate::text::counted;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The key of the fingerprints in a result file.
#[derive(Debug, Clone)]
pub enum Key {
    /// Unknown: only ids are compared, so that rows whose fields have changed go unnoticed.
    None,
    /// The key of an account.
    Account(FingerprintKey),
    /// The key of `run --sandbox`.
    Sandbox,
}

impl Key {
    /// Begins a comparison with this key.
    pub(super) fn detector(self) -> ChangeDetector {
        let sandbox_key = FingerprintKey::from_secret(SANDBOX_CREDENTIALS.as_bytes());
        match self {
            Key::None => ChangeDetector::new(None, None),
            Key::Account(key) => ChangeDetector::new(Some(key), Some(sandbox_key)),
            Key::Sandbox => ChangeDetector::new(Some(sandbox_key), None),
        }
    }
}

/// Reports how rows were compared, and why they may not match. `matches_none`: no row in sync matches the input.
pub(super) fn explain_comparison(detector: &ChangeDetector, matches_none: bool) {
    if !detector.has_key() {
        say(
            "No API key (OFFERIT_API_KEY, --api-key-file): only customer ids are compared; changed fields are not detected.",
        );
    }
    if detector.sandbox_rows() > 0 {
        say(format_args!(
            "{} delivered to a sandbox (run --sandbox), not to this account. To verify a trial, add --sandbox.",
            counted(detector.sandbox_rows(), "row")
        ));
    } else if matches_none {
        say(
            "No row in sync matches the input. Either this is another input, or the run used another API key or mapping.",
        );
    }
}

/// A missing result file is a mistake in the command, not a fault of the machine.
pub(super) fn no_result_yet(error: journal::Error) -> Failure {
    match error {
        journal::Error::Io { ref path, ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Failure::usage(missing_result(
                path,
                source,
                "Run the job first, or name the result file with --result",
            ))
        }
        error => error.into(),
    }
}

/// The message for a result file that does not exist, with the result file that was probably meant, or else with `advice`.
pub(super) fn missing_result(path: &Path, error: &io::Error, advice: &str) -> String {
    if path.parent().is_some_and(|folder| folder != Path::new("") && !folder.exists()) {
        return cannot_open(path, error);
    }
    // Most result files have this ending, mistyped or left out here.
    let usual = path.with_extension("").with_extension("result.csv");
    let meant = [path, &usual].into_iter().filter_map(near_file).find(|near| is_result(near));
    match meant {
        Some(near) => format!("{} not found. Did you mean {}?", path.display(), near.display()),
        None => format!("{} not found. {advice}", path.display()),
    }
}

/// Whether a file begins as result files do.
pub(super) fn is_result(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEADER.len() as u64).read_to_end(&mut head));
    read.is_ok() && head == HEADER.as_bytes()
}
