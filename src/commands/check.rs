//! `check`: reads and validates everything, sends nothing.

use super::shard::{holds, refuse_split_customers};
use crate::customer::Shard;
use crate::exit::{ExitCode, Failure};
use crate::input::{self, Checked, Input, Mapping, Reading, Row, Rows};
use crate::report::{harmless, put};
use std::path::PathBuf;

/// Settings of a check.
#[derive(Debug)]
pub struct Settings {
    /// The CSV, or `-`.
    pub input: PathBuf,
    /// How to read it.
    pub reading: Reading,
    /// What its columns hold.
    pub mapping: Mapping,
    /// Which rows are looked at; `None` is all.
    pub shard: Option<Shard>,
}

/// Prints every problem with its line and column, and the counts.
///
/// # Errors
/// If the input as a whole cannot be used.
pub fn check(settings: &Settings) -> Result<ExitCode, Failure> {
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping.clone());
    if let Some(shard) = settings.shard {
        refuse_split_customers(&input, shard)?;
    }
    let mut rows = input.rows()?;
    let name = harmless(&input.path().display().to_string());
    let (mut valid, mut passed_over, mut invalid, mut problems) = (0_u64, 0_u64, 0_u64, 0_u64);
    while let Some(row) = next(&mut rows, settings.shard)? {
        let wrong = match row.content {
            Ok(()) => {
                valid += 1;
                continue;
            }
            Err(wrong) if wrong.is_passed_over => {
                passed_over += 1;
                continue;
            }
            Err(wrong) => wrong,
        };
        invalid += 1;
        for problem in &wrong.problems {
            problems += 1;
            put(format_args!("{name}:{}: row {}: {problem}", row.line, row.number)).map_err(cannot_print)?;
        }
    }
    let total = valid + passed_over + invalid;
    let passed_over = match passed_over {
        0 => String::new(),
        count => format!(", {count} with nothing to send"),
    };
    let format = rows.format();
    put(format_args!(
        "{total} rows ({format}): {valid} valid, {invalid} invalid ({problems} problems){passed_over}"
    ))
    .map_err(cannot_print)?;
    Ok(if invalid == 0 { ExitCode::InSync } else { ExitCode::NotInSync })
}

/// The next row that is to be looked at. Whose row it is can only be told of the update itself.
fn next(rows: &mut Rows, shard: Option<Shard>) -> Result<Option<Checked>, input::Error> {
    if shard.is_none() {
        return rows.check_next();
    }
    while let Some(row) = rows.next_row()? {
        if holds(shard, &row) {
            let Row { number, line, content } = row;
            return Ok(Some(Checked { number, line, content: content.map(drop) }));
        }
    }
    Ok(None)
}

/// Prints what is in force.
///
/// # Errors
/// If it cannot be written.
pub fn show(config: &str) -> Result<ExitCode, Failure> {
    put(config).map_err(cannot_print)?;
    Ok(ExitCode::InSync)
}

pub(super) fn cannot_print(error: std::io::Error) -> Failure {
    Failure::fault(format!("cannot write to standard output: {error}"))
}
