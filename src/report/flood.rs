//! Rows that failed, one line each, until there are many that failed alike: those are summed up.

use crate::delivery::FailedRow;
use crate::journal::{Status, reason_key};

/// So many of a kind are told one by one.
const TOLD: u64 = 3;

/// So many kinds are told apart; all further ones are one kind.
const MOST_KINDS: usize = 50;

/// Rows that failed for the same reason.
struct Kind {
    status: Status,
    http_status: Option<u16>,
    /// `None` stands for all kinds that are too many.
    reason: Option<String>,
    /// The first of them, as it was told.
    example: String,
    count: u64,
    /// How many were told of, one by one or summed up.
    told: u64,
}

/// Which failed rows are worth a line.
#[derive(Default)]
pub(super) struct Flood {
    kinds: Vec<Kind>,
}

impl Flood {
    /// Takes a row. True if it is to be told now.
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
                    told: 0,
                });
            }
            self.kinds.len() - 1
        });
        let kind = &mut self.kinds[index];
        kind.count += 1;
        let is_told = kind.count <= TOLD;
        kind.told += u64::from(is_told);
        is_told
    }

    /// The most frequent reason, and how many rows have it.
    pub(super) fn commonest(&self) -> Option<(String, u64)> {
        let kinds = self.kinds.iter().filter(|kind| kind.reason.is_some());
        kinds.max_by_key(|kind| kind.count).map(|kind| (kind.example.clone(), kind.count))
    }

    /// What was not told since the last time: how many, and like what. Then it counts as told.
    pub(super) fn rest(&mut self) -> Vec<Rest> {
        let untold = self.kinds.iter_mut().filter(|kind| kind.count > kind.told);
        untold
            .map(|kind| {
                let more = kind.count - std::mem::replace(&mut kind.told, kind.count);
                let is_mixed = kind.reason.is_none();
                let like = (!is_mixed).then(|| (kind.status, kind.http_status, kind.example.clone()));
                Rest { more, like }
            })
            .collect()
    }
}

/// Rows that were not told one by one.
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
        let told =
            (1..=4815).filter(|number| flood.take(&row(*number, &format!("no {number} here")))).count();
        assert_eq!(told, 3);
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
        let told = (1..=500).filter(|number| flood.take(&row(*number, &letters(*number)))).count() as u64;
        assert_eq!(told, MOST_KINDS as u64 + TOLD);
        let rest = flood.rest();
        assert_eq!((rest.iter().map(|rest| rest.more).sum::<u64>(), &rest[0].like), (500 - told, &None));
        assert_eq!(flood.kinds.len(), MOST_KINDS + 1);
    }
}
