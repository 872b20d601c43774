//! Sentences of the page.

use super::scale::{count, counted};
use super::survey::Survey;
use crate::journal::Status;
use crate::report::Counts;

/// The outcome in one sentence. Without the input the number of all rows is unknown.
pub(super) fn headline(rows: &Counts, input_rows: Option<u64>) -> String {
    let (total, in_sync) = (input_rows.unwrap_or_else(|| rows.total()), rows.in_sync());
    if total == 0 {
        return "No rows are recorded yet".to_owned();
    }
    let so_far = if input_rows.is_none() { " so far" } else { "" };
    if in_sync == total {
        return match total {
            1 => format!("The one row{so_far} is in sync"),
            _ => format!("All {} rows{so_far} are in sync", count(total)),
        };
    }
    let mut rest: Vec<_> = rows
        .iter()
        .filter(|(status, number)| !status.is_in_sync() && *number > 0)
        .map(|(status, number)| clause(status, number))
        .collect();
    let subject = match in_sync {
        0 => "None".to_owned(),
        _ => count(in_sync),
    };
    let verb = if in_sync == 1 || in_sync == 0 { "is" } else { "are" };
    match total - rows.total() {
        0 => {}
        1 => rest.push("1 is not sent yet".to_owned()),
        left => rest.push(format!("{} are not sent yet", count(left))),
    }
    format!("{subject} of {}{so_far} {verb} in sync; {}", counted(total, "row"), listed(&rest))
}

fn clause(status: Status, number: u64) -> String {
    let (is, was, number_was) = match number {
        1 => ("is", "was", "1".to_owned()),
        _ => ("are", "were", count(number)),
    };
    match status {
        Status::Updated | Status::Unchanged => format!("{number_was} {is} in sync"),
        Status::Invalid => format!("{number_was} {is} invalid"),
        Status::Rejected => format!("{number_was} {was} rejected"),
        Status::Failed => format!("{number_was} failed"),
        Status::Unknown => format!("{number_was} {was} sent but never confirmed"),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The meaning of a status.
pub(super) fn meaning(status: Status) -> &'static str {
    match status {
        Status::Updated => "Offerit confirmed the update",
        Status::Unchanged => "not sent: nothing to change",
        Status::Invalid => "not sent: the row has an error",
        Status::Rejected => "Offerit refused the update",
        Status::Failed => "every attempt failed",
        Status::Unknown => "sent, but never confirmed: it may have been applied",
    }
}

/// The next step for rows that are not in sync.
pub(super) fn advice(status: Status) -> &'static str {
    match status {
        Status::Updated | Status::Unchanged => "nothing",
        Status::Invalid | Status::Rejected => "fix the row, then resume",
        Status::Failed | Status::Unknown => "resume",
    }
}

/// Warnings that a reader needs before the figures.
pub(super) fn notices(survey: &Survey) -> Vec<String> {
    let mut notices = Vec::new();
    if survey.tail.torn > 0 {
        notices.push(format!(
            "The last record is incomplete ({}) and does not count: it is being written, or the run crashed. The next run \
             with --resume repairs the file.",
            counted(survey.tail.torn, "byte")
        ));
    }
    let missing = survey.last_row.saturating_sub(survey.rows.total());
    if missing > 0 {
        notices.push(format!(
            "Row numbers go up to {}, but {} below that {} no record: not sent yet, or in another shard.",
            count(survey.last_row),
            counted(missing, "row"),
            if missing == 1 { "has" } else { "have" }
        ));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headline_of(numbers: [u64; 6]) -> String {
        let index = |status: Status| Status::ALL.into_iter().position(|known| known == status).unwrap();
        headline(&Counts::of(|status| numbers[index(status)]), None)
    }

    #[test]
    fn the_headline_with_the_input_counts_the_rows_that_are_not_sent_yet() {
        let counts = |updated, rejected| {
            Counts::of(|status| match status {
                Status::Updated => updated,
                Status::Rejected => rejected,
                _ => 0,
            })
        };
        for (updated, rejected, input_rows, expected) in [
            (0, 0, 0, "No rows are recorded yet"),
            (0, 0, 1300, "None of 1,300 rows is in sync; 1,300 are not sent yet"),
            (1, 0, 1, "The one row is in sync"),
            (1300, 0, 1300, "All 1,300 rows are in sync"),
            (1299, 0, 1300, "1,299 of 1,300 rows are in sync; 1 is not sent yet"),
            (4, 1, 1000, "4 of 1,000 rows are in sync; 1 was rejected and 995 are not sent yet"),
            (999, 1, 1000, "999 of 1,000 rows are in sync; 1 was rejected"),
        ] {
            assert_eq!(headline(&counts(updated, rejected), Some(input_rows)), expected);
        }
    }

    #[test]
    fn the_headline_says_what_happened() {
        assert_eq!(headline_of([0; 6]), "No rows are recorded yet");
        assert_eq!(headline_of([1, 0, 0, 0, 0, 0]), "The one row so far is in sync");
        assert_eq!(headline_of([1290, 10, 0, 0, 0, 0]), "All 1,300 rows so far are in sync");
        assert_eq!(headline_of([298, 0, 0, 2, 0, 0]), "298 of 300 rows so far are in sync; 2 were rejected");
        assert_eq!(headline_of([0, 0, 0, 0, 1, 0]), "None of 1 row so far is in sync; 1 failed");
        assert_eq!(
            headline_of([1, 0, 1, 1, 1, 2]),
            "1 of 6 rows so far is in sync; 1 is invalid, 1 was rejected, 1 failed and 2 were sent but never confirmed"
        );
    }
}
