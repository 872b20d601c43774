//! `check`: reads and validates everything, sends nothing.

use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Reading};
use crate::report::{harmless, put};
use std::path::PathBuf;

/// Settings of a check.
#[derive(Debug)]
pub struct Settings {
    /// The CSV, or `-`.
    pub input: PathBuf,
    /// How to read it.
    pub reading: Reading,
}

/// Prints every problem with its line and column, and the counts.
///
/// # Errors
/// If the input as a whole cannot be used.
pub fn check(settings: &Settings) -> Result<ExitCode, Failure> {
    let input = Input::open(&settings.input, settings.reading)?;
    let mut rows = input.rows()?;
    let name = harmless(&input.path().display().to_string());
    let (mut valid, mut invalid, mut problems) = (0_u64, 0_u64, 0_u64);
    while let Some(row) = rows.check_next()? {
        let Err(wrong) = row.content else {
            valid += 1;
            continue;
        };
        invalid += 1;
        for problem in &wrong.problems {
            problems += 1;
            put(format_args!("{name}:{}: row {}: {problem}", row.line, row.number)).map_err(cannot_print)?;
        }
    }
    let total = valid + invalid;
    let format = rows.format();
    put(format_args!("{total} rows ({format}): {valid} valid, {invalid} invalid ({problems} problems)"))
        .map_err(cannot_print)?;
    Ok(if invalid == 0 { ExitCode::InSync } else { ExitCode::NotInSync })
}

pub(super) fn cannot_print(error: std::io::Error) -> Failure {
    Failure::fault(format!("cannot write to standard output: {error}"))
}
