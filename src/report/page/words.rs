//! What the page says in sentences.

use super::scale::{count, counted};
use super::survey::Survey;
use crate::journal::Status;
use crate::report::Counts;

/// What happened, in one sentence.
pub(super) fn headline(rows: &Counts) -> String {
    let (total, in_sync) = (rows.total(), rows.in_sync());
    if total == 0 {
        return "No row is on record yet".to_owned();
    }
    if in_sync == total {
        return match total {
            1 => "The one row on record is in sync".to_owned(),
            _ => format!("All {} rows on record are in sync", count(total)),
        };
    }
    let wrong: Vec<_> = rows
        .iter()
        .filter(|(status, number)| !status.is_in_sync() && *number > 0)
        .map(|(status, number)| clause(status, number))
        .collect();
    let subject = match in_sync {
        0 => "None".to_owned(),
        _ => count(in_sync),
    };
    let verb = if in_sync == 1 || in_sync == 0 { "is" } else { "are" };
    format!("{subject} of {} on record {verb} in sync; {}", counted(total, "row"), listed(&wrong))
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
        Status::Unknown => format!("{number_was} {was} sent and never confirmed"),
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

/// What a status means.
pub(super) fn meaning(status: Status) -> &'static str {
    match status {
        Status::Updated => "Offerit confirmed the update",
        Status::Unchanged => "not sent: nothing of it is missing in Offerit",
        Status::Invalid => "the row is wrong and was not sent",
        Status::Rejected => "Offerit said no",
        Status::Failed => "no attempt got through",
        Status::Unknown => "sent, but never confirmed: applied or not",
    }
}

/// What to do about rows that are not in sync.
pub(super) fn advice(status: Status) -> &'static str {
    match status {
        Status::Updated | Status::Unchanged => "nothing",
        Status::Invalid | Status::Rejected => "correct the row, then resume",
        Status::Failed | Status::Unknown => "resume",
    }
}

/// What a reader has to know before the figures, if anything.
pub(super) fn notices(survey: &Survey) -> Vec<String> {
    let mut notices = Vec::new();
    if survey.tail.torn > 0 {
        notices.push(format!(
            "The file ends in {} of a record that is not whole. They are not counted. It is being written, or was \
             cut off; the next run with --resume puts that right.",
            counted(survey.tail.torn, "byte")
        ));
    }
    let missing = survey.last_row.saturating_sub(survey.rows.total());
    if missing > 0 {
        notices.push(format!(
            "Row numbers go up to {}, and {} below that {} no record: not dealt with yet, or not part of this \
             file's share.",
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

    fn told(numbers: [u64; 6]) -> String {
        let index = |status: Status| Status::ALL.into_iter().position(|known| known == status).unwrap();
        headline(&Counts::of(|status| numbers[index(status)]))
    }

    #[test]
    fn the_headline_says_what_happened() {
        assert_eq!(told([0; 6]), "No row is on record yet");
        assert_eq!(told([1, 0, 0, 0, 0, 0]), "The one row on record is in sync");
        assert_eq!(told([1290, 10, 0, 0, 0, 0]), "All 1,300 rows on record are in sync");
        assert_eq!(told([298, 0, 0, 2, 0, 0]), "298 of 300 rows on record are in sync; 2 were rejected");
        assert_eq!(told([0, 0, 0, 0, 1, 0]), "None of 1 row on record is in sync; 1 failed");
        assert_eq!(
            told([1, 0, 1, 1, 1, 2]),
            "1 of 6 rows on record is in sync; 1 is invalid, 1 was rejected, 1 failed and 2 were sent and never confirmed"
        );
    }
}
