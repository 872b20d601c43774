//! `check`: reads and validates everything, tells what is wrong and what is suspicious, sends nothing.

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
    /// How to read it.
    pub reading: Reading,
    /// What its columns hold.
    pub mapping: Mapping,
    /// Which rows are looked at; `None` is all.
    pub shard: Option<Shard>,
    /// Of the run that is to come.
    pub rate: Rate,
    /// Whether warnings count.
    pub strict: bool,
    /// Of what is printed.
    pub format: CheckFormat,
    /// Whether values are printed as they are, passwords aside.
    pub show_values: bool,
}

/// Prints what is wrong and what is suspicious, the first requests, and the counts.
///
/// # Errors
/// If the input as a whole cannot be used.
pub fn check(settings: &Settings) -> Result<ExitCode, Failure> {
    let opened = Input::open(&settings.input, settings.reading);
    let input = opened.map_err(|error| unusable(error, settings))?.mapped(settings.mapping.clone());
    if let Some(shard) = settings.shard {
        refuse_split_customers(&input, shard)?;
    }
    let Settings { shard, rate, strict, show_values, .. } = *settings;
    let pace = Pace { name: rate.to_string(), per_second: rate.per_second() };
    let report = lint(&input, &Terms { shard, pace, strict, show_values, finds_duplicates: true });
    let report = report.map_err(|error| unusable(error, settings))?;
    let code = if report.is_fine() { ExitCode::InSync } else { ExitCode::NotInSync };
    put(settings.format.render(&report, code.number())).map_err(cannot_print)?;
    Ok(code)
}

/// Tells programs of an input that cannot be used, in the format they asked for, and gives what people are told.
fn unusable(error: input::Error, settings: &Settings) -> Failure {
    let (line, messages) = (error.line(), error.messages());
    let failure = Failure::from(error);
    let told = settings.format.unusable(&settings.input, line, &messages, failure.code.number());
    match told.map_or(Ok(()), put) {
        Ok(()) => failure,
        Err(error) => cannot_print(error),
    }
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
