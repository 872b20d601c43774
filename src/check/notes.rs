//! What is worth knowing about an input that is neither wrong nor suspicious.

use super::report::Note;
use crate::input::{Input, Rows};

/// What is worth knowing about an input that was read to its end.
pub(super) fn notes(input: &Input, rows: &Rows) -> Vec<Note> {
    let mut notes = Vec::new();
    notes.extend(passed_over(input, rows).map(|message| Note { kind: "passed-over", message }));
    notes.extend(finished(rows).map(|message| Note { kind: "no-rows", message }));
    if rows.ends_without_line_end() {
        let message = "no line end follows the last row, as one follows all others: if the file was cut short, so was the \
                       last value. Compare it with the original"
            .to_owned();
        notes.push(Note { kind: "no-final-line-end", message });
    }
    notes
}

/// What a configuration file says that does not apply, if the input is a plan.
#[must_use]
pub fn passed_over(input: &Input, rows: &Rows) -> Option<String> {
    let keys = &input.mapping().from_file;
    (rows.plan().is_some() && !keys.is_empty()).then(|| {
        format!(
            "this is a plan, which has the values as they are sent: {} of the configuration file do not apply to it",
            keys.join(", ")
        )
    })
}

/// Whether a plan that was read to its end has no rows, and what that means.
#[must_use]
pub fn finished(rows: &Rows) -> Option<String> {
    let is_finished = rows.plan().is_some() && rows.count() == 0;
    is_finished.then(|| "this is a plan without rows: there is nothing to change".to_owned())
}
