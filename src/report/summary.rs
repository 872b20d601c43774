//! Accounts of rows, in words and figures.

use crate::journal::Status;
use std::fmt;

/// How many rows have which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; Status::ALL.len()]);

impl Counts {
    /// Counts by asking for each status.
    pub fn of(count: impl Fn(Status) -> u64) -> Counts {
        Counts(Status::ALL.map(count))
    }

    /// Counts one row more.
    pub fn add(&mut self, status: Status) {
        if let Some((count, _)) = self.0.iter_mut().zip(Status::ALL).find(|(_, known)| *known == status) {
            *count += 1;
        }
    }

    /// Every status with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Status, u64)> {
        Status::ALL.into_iter().zip(self.0)
    }

    /// All rows counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Rows in sync.
    #[must_use]
    pub fn in_sync(&self) -> u64 {
        self.iter().filter(|(status, _)| status.is_in_sync()).map(|(_, count)| count).sum()
    }
}

/// The account of every row of an input. Its lines always add up to the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// All rows of the input.
    pub rows: u64,
    /// Rows by their last record.
    pub counts: Counts,
    /// Rows that were in sync and have changed since.
    pub changed: u64,
    /// Rows without a record.
    pub no_record: u64,
}

impl Account {
    /// Rows that a run in progress has still to send. Rows that failed in an earlier run are not among them, though it
    /// may try them again.
    #[must_use]
    pub fn to_send(&self) -> u64 {
        self.no_record + self.changed
    }

    /// Whether every row is in sync.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.counts.in_sync() == self.rows
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (status, count) in self.counts.iter() {
            writeln!(formatter, "{status:<12} {count:>10}")?;
        }
        writeln!(formatter, "{:<12} {:>10}", "changed", self.changed)?;
        writeln!(formatter, "{:<12} {:>10}", "not sent yet", self.no_record)?;
        write!(formatter, "{:<12} {:>10}", "rows", self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_adds_up_line_by_line() {
        let mut counts = Counts::default();
        counts.add(Status::Updated);
        counts.add(Status::Rejected);
        let account = Account { rows: 4, counts, changed: 1, no_record: 1 };
        let text = account.to_string();
        let figures: Vec<u64> =
            text.lines().map(|line| line.split_whitespace().last().unwrap().parse().unwrap()).collect();
        assert_eq!(figures.iter().rev().skip(1).sum::<u64>(), figures[figures.len() - 1]);
        assert!(!account.is_in_sync());
    }
}
