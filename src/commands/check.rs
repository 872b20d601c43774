//! `check`: reads and validates everything, tells what is wrong and what is suspicious, sends nothing.

mod duplicates;
mod findings;

use super::shard::{is_held, refuse_split_customers};
use crate::customer::{Parameter, Shard, Suspicion, Update, UpdateBuilder, look, may_be_damaged};
use crate::delivery::Rate;
use crate::exit::{ExitCode, Failure};
use crate::input::{self, Checked, Input, Mapping, Reading, Rows};
use crate::report::{CheckFormat, CheckReport, CheckedRows, Severity, put};
use findings::Findings;
use std::path::PathBuf;

/// So many requests are shown.
const REQUESTS: usize = 3;

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
    let duplicates = duplicates::Finder::start()
        .map_err(|error| Failure::fault(format!("cannot start a thread to look for duplicates: {error}")))?;
    let report = lint(&input, duplicates, settings).map_err(|error| unusable(error, settings))?;
    put(report.in_format(settings.format)).map_err(cannot_print)?;
    let is_fine = report.exit_code == ExitCode::InSync.number();
    Ok(if is_fine { ExitCode::InSync } else { ExitCode::NotInSync })
}

fn lint(
    input: &Input,
    duplicates: duplicates::Finder,
    settings: &Settings,
) -> Result<CheckReport, input::Error> {
    let mut rows = input.rows()?;
    let mut linter = Linter::new(&rows, duplicates, settings);
    while let Some(row) = rows.check_next()? {
        linter.look_at(&row);
    }
    Ok(linter.report(input, &rows, settings))
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

/// Looks at row after row.
struct Linter {
    shard: Option<Shard>,
    columns: Vec<(usize, Parameter)>,
    /// Columns of ids with their names.
    ids: Vec<(usize, Parameter, Vec<u8>)>,
    /// The length of the shortest of these names: few ids are as long.
    shortest_name: usize,
    findings: Findings,
    duplicates: duplicates::Finder,
    rows: CheckedRows,
    first: Vec<Update>,
    /// Whether there may be damaged letters in the rows that were read at one go.
    may_be_damaged: bool,
}

impl Linter {
    fn new(rows: &Rows, duplicates: duplicates::Finder, settings: &Settings) -> Linter {
        let mut findings = Findings::new(settings.show_values);
        let warnings = as_a_whole(rows, &settings.mapping);
        let counted = CheckedRows { warnings: warnings.len() as u64, ..CheckedRows::default() };
        for (kind, message) in warnings {
            findings.add(Severity::Warning, kind, message);
        }
        let shard = settings.shard;
        Linter {
            shard,
            columns: rows.columns().collect(),
            shortest_name: rows.ids().iter().map(|(_, _, name)| name.len()).min().unwrap_or(usize::MAX),
            ids: rows.ids(),
            findings,
            duplicates,
            rows: counted,
            first: Vec::new(),
            may_be_damaged: false,
        }
    }

    fn look_at(&mut self, row: &Checked<'_>) {
        if let Some(text) = row.fresh_text {
            self.may_be_damaged = may_be_damaged(text);
        }
        if !is_held(self.shard, row) {
            return;
        }
        match &row.content {
            Ok(()) => self.look_at_update(row),
            Err(invalid) if invalid.is_passed_over => self.rows.passed_over += 1,
            Err(invalid) => {
                self.rows.invalid += 1;
                for problem in &invalid.problems {
                    self.rows.problems += 1;
                    let value = problem.column.and_then(|(_, parameter)| invalid.value(parameter));
                    self.findings.add_problem(row, problem, value);
                }
            }
        }
    }

    fn look_at_update(&mut self, row: &Checked<'_>) {
        self.rows.valid += 1;
        if self.first.len() < REQUESTS {
            self.first.extend(row.values.update());
        }
        let mut is_long = false;
        for parameter in [Parameter::CustomerId, Parameter::SubscriptionId] {
            let id = row.values.get(parameter);
            self.duplicates.see(parameter, id, row.line);
            is_long |= id.len() >= self.shortest_name;
        }
        if is_long {
            self.look_for_header(row);
        }
        let Linter { columns, findings, rows, may_be_damaged, .. } = self;
        look(columns, &row.values, *may_be_damaged, |column, suspicion| {
            rows.warnings += 1;
            findings.add_suspicion(row, column, suspicion);
        });
        if row.last_line > row.line {
            self.look_for_line_breaks(row);
        }
    }

    #[cold]
    fn look_for_header(&mut self, row: &Checked<'_>) {
        for (column, parameter, name) in &self.ids {
            if is_name(row.values.get(*parameter), name) {
                self.rows.warnings += 1;
                self.findings.add_suspicion(row, (*column, *parameter), Suspicion::RepeatedHeader);
            }
        }
    }

    fn look_for_line_breaks(&mut self, row: &Checked<'_>) {
        for column in &self.columns {
            if memchr::memchr2(b'\r', b'\n', row.values.get(column.1)).is_some() {
                self.rows.warnings += 1;
                self.findings.add_suspicion(row, *column, Suspicion::LineBreak);
            }
        }
    }

    fn report(self, input: &Input, rows: &Rows, settings: &Settings) -> CheckReport {
        let is_fine = self.rows.invalid == 0 && !(settings.strict && self.rows.warnings > 0);
        CheckReport {
            input: input.path().to_path_buf(),
            format: rows.format(),
            rows: self.rows,
            findings: self.findings.finish(),
            duplicates: self.duplicates.finish(),
            first: self.first,
            rate: settings.rate,
            is_strict: settings.strict,
            show_values: settings.show_values,
            exit_code: if is_fine { ExitCode::InSync } else { ExitCode::NotInSync }.number(),
        }
    }
}

/// Whether an id is the name of its column. The second of two files may have brought its byte order mark along.
fn is_name(id: &[u8], name: &[u8]) -> bool {
    id.strip_prefix("\u{feff}".as_bytes()).unwrap_or(id).eq_ignore_ascii_case(name)
}

/// What is suspicious about an input and its mapping before a row is read: kinds and messages.
fn as_a_whole(rows: &Rows, mapping: &Mapping) -> Vec<(&'static str, String)> {
    let mut warnings = Vec::new();
    let format = rows.format();
    if format.is_guess {
        let message = format!(
            "the encoding is guessed to be {}: if letters are wrong, or to be sure, say it with --encoding",
            format.encoding
        );
        warnings.push(("guessed-encoding", message));
    }
    for (name, near, column) in rows.not_left_out(&mapping.ignored) {
        let message = format!(
            "there is no column '{name}' to leave out, but column {column} ('{near}') is sent: correct the name of \
             --ignore-column, or take it away"
        );
        warnings.push(("not-left-out", message));
    }
    let mut builder = UpdateBuilder::default();
    for constant in &mapping.constants {
        builder.set(constant.parameter, constant.value.as_bytes());
    }
    let constants: Vec<_> =
        mapping.constants.iter().map(|constant| (&*constant.origin, constant.parameter)).collect();
    look(&constants, &builder.values(), true, |(origin, parameter), suspicion| {
        let message = format!("{origin}: the value for {} {}", parameter.name(), suspicion.message());
        warnings.push(("constant", message));
    });
    warnings
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
