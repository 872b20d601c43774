//! What people see: progress while a run goes on, and the account at its end. Standard output is for data,
//! standard error for people. A closed one is no reason to end a job: what cannot be written is left out.

mod check;
mod progress;
mod summary;

use crate::journal::{one_line, shorten};
use std::fmt::Display;
use std::io::{self, Write};

pub use check::{
    CheckFormat, CheckReport, Duplicates, Example, Finding, Repeated, RowCounts, SHOWN, Severity, masked,
};
pub use progress::{Progress, ProgressMode};
pub use summary::{Account, Counts, rounded, share};

/// The longest line that is shown of a text from outside, in characters.
const LONGEST: usize = 1000;

/// Says something on standard error.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what went wrong on standard error. The text may hold words from outside.
pub fn complain(text: impl Display) {
    say(format_args!("error: {}", harmless(&text.to_string())));
}

/// Puts one line of data on standard output.
///
/// # Errors
/// If it cannot be written: nobody reads it any more, or the disk is full.
pub fn put(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// A text as it may be shown: on one line, without what a terminal would obey, and of bounded length.
#[must_use]
pub fn harmless(text: &str) -> String {
    shorten(one_line(text), LONGEST)
}
