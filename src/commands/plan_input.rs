//! A plan as the input of a command: options that do not apply to it, and a plan without rows.

use crate::check::{describe_ignored_keys, describe_no_rows};
use crate::input::{Input, Rows};
use crate::report::say;

/// Whether an input that can be read again is a plan.
pub(super) fn is_plan(input: &Input) -> bool {
    !input.is_stream() && input.rows().is_ok_and(|rows| rows.plan().is_some())
}

/// Prints which keys of the configuration file do not apply to a plan.
pub(super) fn say_ignored_keys(input: &Input, rows: &Rows) {
    if let Some(message) = describe_ignored_keys(input, rows) {
        say(format_args!("{}: {message}", input.path().display()));
    }
}

/// Whether the input is a plan without rows, which is a finished job: then there may be no result file.
pub(super) fn is_finished_plan(input: &Input) -> bool {
    let Ok(mut rows) = input.rows() else { return false };
    let is_finished = rows.plan().is_some() && matches!(rows.next_row(), Ok(None));
    if is_finished && let Some(message) = describe_no_rows(&rows) {
        say(format_args!("{}: {message}", input.path().display()));
    }
    is_finished
}
