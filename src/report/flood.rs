//! Reports failed rows, one line each, and sums up rows that fail for the same reason.

use crate::delivery::FailedRow;
use crate::journal::{Status, reason_key};

/// Rows per reason that get a line of their own (chosen).
const SHOWN: u64 = 3;

/// Reasons that are counted separately (chosen); all further ones are counted together.
const MOST_KINDS: usize = 50;

/// Rows that failed for the same reason.
struct Kind {
    status: Status,
    http_status: Option<u16>,
    /// `None` for all reasons beyond [`MOST_KINDS`].
    reason: Option<String>,
    /// The first of them, as it was reported.
    example: String,
    count: u64,
    /// Rows that were reported, with a line of their own or summed up.
    reported: u64,
}

/// Decides which failed rows get a line.
#[derive(Default)]
pub(super) struct Flood {
    kinds: Vec<Kind>,
}

impl Flood {
    /// Counts a row. True if the row gets a line of its own.
    pub(super) fn take(&mut self, row: &FailedRow) -> bool {
        let alike = reason_key(&row.error);
        let is_same = |kind: &Kind| {
            kind.status == row.status
                && kind.http_status == row.http_status
                && kind.reason.as_ref().is_some_and(|known| *known == alike)
        };
        let known = self.kinds.iter().position(is_same);
        let index = known.unwrap_or_else(|| {
            let is_too_many = self.kinds.len() >= MOST_KINDS;
            if self.kinds.len() <= MOST_KINDS {
                self.kinds.push(Kind {
                    status: row.status,
                    http_status: row.http_status,
                    reason: (!is_too_many).then_some(alike),
                    example: reason(row).to_owned(),
                    count: 0,
                    reported: 0,
                });
            }
            self.kinds.len() - 1
        });
        let kind = &mut self.kinds[index];
        kind.count += 1;
        let is_shown = kind.count <= SHOWN;
        kind.reported += u64::from(is_shown);
        is_shown
    }

    /// The most frequent reason, and how many rows have it.
    pub(super) fn commonest(&self) -> Option<(String, u64)> {
        let kinds = self.kinds.iter().filter(|kind| kind.reason.is_some());
        kinds.max_by_key(|kind| kind.count).map(|kind| (kind.example.clone(), kind.count))
    }

    /// The rows since the last call that were not reported, by reason. Then they count as reported.
    pub(super) fn rest(&mut self) -> Vec<Rest> {
        let unreported = self.kinds.iter_mut().filter(|kind| kind.count > kind.reported);
        unreported
            .map(|kind| {
                let more = kind.count - std::mem::replace(&mut kind.reported, kind.count);
                let is_mixed = kind.reason.is_none();
                let like = (!is_mixed).then(|| (kind.status, kind.http_status, kind.example.clone()));
                Rest { more, like }
            })
            .collect()
    }
}

/// Rows without a line of their own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rest {
    pub more: u64,
    /// Status, HTTP status and reason of the first of them; `None` for many different ones.
    pub like: Option<(Status, Option<u16>, String)>,
}

/// Why a row failed, without the line that some reasons begin with: it is said beside it, or is not that of the others.
pub(super) fn reason(row: &FailedRow) -> &str {
    row.error.strip_prefix(&format!("line {}: ", row.line)).unwrap_or(&row.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, error: &str) -> FailedRow {
        FailedRow {
            row: number,
            line: number + 1,
            customer: number.to_string(),
            status: Status::Rejected,
            http_status: Some(404),
            attempts: 1,
            error: error.to_owned(),
        }
    }

    #[test]
    fn equal_ones_are_told_three_times_and_then_summed_up() {
        let mut flood = Flood::default();
        let shown =
            (1..=4815).filter(|number| flood.take(&row(*number, &format!("no {number} here")))).count();
        assert_eq!(shown, 3);
        let rest = flood.rest();
        assert_eq!(rest.iter().map(|rest| rest.more).collect::<Vec<_>>(), [4812]);
        assert_eq!(rest[0].like.as_ref().unwrap().2, "no 1 here");
        assert_eq!(flood.rest(), []);
        assert!(flood.take(&row(1, "another")));
        assert!(!flood.take(&row(1, "no 7 here")));
        assert_eq!(flood.rest()[0].more, 1);
    }

    #[test]
    fn reasons_that_are_all_different_are_bounded_too_and_none_is_lost() {
        let mut flood = Flood::default();
        let letters = |number: u64| number.to_string().replace(|_: char| true, "x").repeat(number as usize);
        let shown = (1..=500).filter(|number| flood.take(&row(*number, &letters(*number)))).count() as u64;
        assert_eq!(shown, MOST_KINDS as u64 + SHOWN);
        let rest = flood.rest();
        assert_eq!((rest.iter().map(|rest| rest.more).sum::<u64>(), &rest[0].like), (500 - shown, &None));
        assert_eq!(flood.kinds.len(), MOST_KINDS + 1);
    }
}
