//! Notes on an input that are neither errors nor warnings.

use super::report::Note;
use crate::input::{Input, Rows};

/// The notes on an input that was read to its end.
pub(super) fn notes(input: &Input, rows: &Rows) -> Vec<Note> {
    let mut notes = Vec::new();
    notes.extend(describe_ignored_keys(input, rows).map(|message| Note { kind: "passed-over", message }));
    notes.extend(describe_no_rows(rows).map(|message| Note { kind: "no-rows", message }));
    if rows.ends_without_line_end() {
        let message = "no line end after the last row: the file, and with it the last value, may be cut short. Compare them \
                       with the original"
            .to_owned();
        notes.push(Note { kind: "no-final-line-end", message });
    }
    notes
}

/// The keys of a configuration file that do not apply, if the input is a plan.
#[must_use]
pub fn describe_ignored_keys(input: &Input, rows: &Rows) -> Option<String> {
    let keys = &input.mapping().from_file;
    (rows.plan().is_some() && !keys.is_empty()).then(|| {
        format!(
            "this is a plan, whose values are sent unchanged. Ignored in the configuration file: {}",
            keys.join(", ")
        )
    })
}

/// The note on a plan that was read to its end and has no rows.
#[must_use]
pub fn describe_no_rows(rows: &Rows) -> Option<String> {
    let is_finished = rows.plan().is_some() && rows.count() == 0;
    is_finished.then(|| "this is a plan without rows, so there is nothing to change".to_owned())
}
