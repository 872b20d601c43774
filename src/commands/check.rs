//! `check`: reads and validates all rows, prints errors and warnings, and sends nothing.

use super::shard::refuse_split_customers;
use crate::check::{CheckFormat, Pace, Terms, lint};
use crate::delivery::Rate;
use crate::exit::{ExitCode, Failure};
use crate::input::{self, Input, Mapping, Reading};
use crate::report::put;
use crate::resume::Shard;
use std::path::PathBuf;

/// Settings of a check.
#[derive(Debug)]
pub struct Settings {
    /// The CSV, or `-`.
    pub input: PathBuf,
    /// The settings for reading it.
    pub reading: Reading,
    /// The fields of its columns.
    pub mapping: Mapping,
    /// The rows that are checked; `None` is all.
    pub shard: Option<Shard>,
    /// The rate of the planned run.
    pub rate: Rate,
    /// Whether a warning makes the exit code 3.
    pub strict: bool,
    /// The format of the output.
    pub format: CheckFormat,
    /// Whether values are printed unmasked, except passwords.
    pub show_values: bool,
    /// Whether the text for people has example requests.
    pub show_requests: bool,
}

/// Prints errors, warnings, notes and the counts.
///
/// # Errors
/// If the input as a whole cannot be used.
pub fn check(settings: &Settings) -> Result<ExitCode, Failure> {
    let opened = Input::open(&settings.input, settings.reading);
    let input = opened.map_err(|error| unusable(error, settings))?.mapped(settings.mapping.clone());
    if let Some(shard) = settings.shard {
        refuse_split_customers(&input, shard)?;
    }
    let Settings { shard, rate, strict, show_values, show_requests, .. } = *settings;
    let pace = Pace { name: rate.to_string(), per_second: rate.per_second() };
    let terms = Terms { shard, pace, strict, show_values, show_requests, finds_duplicates: true };
    let report = lint(&input, &terms);
    let report = report.map_err(|error| unusable(error, settings))?;
    let code = if report.is_fine() { ExitCode::InSync } else { ExitCode::NotInSync };
    put(settings.format.render(&report, code.number())).map_err(cannot_print)?;
    Ok(code)
}

/// Prints why an input cannot be used in a format for programs, if that was requested, and returns the failure for people.
fn unusable(error: input::Error, settings: &Settings) -> Failure {
    let (line, messages) = (error.line(), error.messages());
    let failure = Failure::from(error);
    let report = settings.format.unusable(&settings.input, line, &messages, failure.code.number());
    match report.map_or(Ok(()), put) {
        Ok(()) => failure,
        Err(error) => cannot_print(error),
    }
}

/// Prints the options in effect.
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
