//! How many rows of the input may be invalid: looked at before the first request.

use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Row};
use crate::text::escape_and_shorten;
use std::fmt;

/// Invalid rows that the message names (chosen).
const NAMED: usize = 5;

/// The most rows that may be invalid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxInvalid {
    /// A number of rows.
    Rows(u64),
    /// A percentage of all rows.
    Percent(f64),
}

impl fmt::Display for MaxInvalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxInvalid::Rows(rows) => rows.fmt(formatter),
            MaxInvalid::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

impl MaxInvalid {
    fn is_exceeded(self, invalid: u64, rows: u64) -> bool {
        match self {
            MaxInvalid::Rows(most) => invalid > most,
            MaxInvalid::Percent(percent) => invalid as f64 * 100.0 > percent * rows as f64,
        }
    }
}

/// The first invalid rows, in words.
#[derive(Default)]
pub(super) struct FirstInvalid(Vec<String>);

impl FirstInvalid {
    /// Sees a row.
    pub(super) fn see(&mut self, input: &Input, row: &Row<'_>) {
        let Err(invalid) = &row.content else { return };
        if self.0.len() < NAMED
            && !invalid.is_passed_over
            && let Some(problem) = invalid.problems.first()
        {
            let place = format!("{}: line {}, row {}", input.path().display(), row.line, row.number);
            self.0.push(escape_and_shorten(&format!("{place}: {problem}")));
        }
    }

    /// Why a run with `invalid` invalid rows does not begin, if it does not.
    pub(super) fn brake(self, limit: Option<MaxInvalid>, invalid: u64, rows: u64) -> Result<(), Failure> {
        let Some(limit) = limit.filter(|limit| limit.is_exceeded(invalid, rows)) else { return Ok(()) };
        let message = format!(
            "{invalid} of {rows} rows are invalid, more than --max-invalid {limit}. Nothing was sent or recorded. The first \
             ones follow; `offerit-sync check` shows all. Correct them, then run the same command again"
        );
        Err(Failure { more: self.0, ..Failure::new(ExitCode::Brake, message) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shown_as_it_is_typed() {
        for (text, limit) in [
            ("25", MaxInvalid::Rows(25)),
            ("0%", MaxInvalid::Percent(0.0)),
            ("2.5%", MaxInvalid::Percent(2.5)),
        ] {
            assert_eq!(limit.to_string(), text);
        }
    }

    #[test]
    fn what_reaches_the_limit_is_not_beyond_it() {
        assert!(!MaxInvalid::Rows(2).is_exceeded(2, 9) && MaxInvalid::Rows(2).is_exceeded(3, 9));
        assert!(!MaxInvalid::Percent(25.0).is_exceeded(1, 4) && MaxInvalid::Percent(24.9).is_exceeded(1, 4));
        assert!(!MaxInvalid::Rows(0).is_exceeded(0, 9) && !MaxInvalid::Percent(0.0).is_exceeded(0, 9));
    }
}
