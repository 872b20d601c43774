//! Checks each row, counts the rows, and collects the findings.

use super::cell::{Cell, find_suspicious};
use super::duplicates::DuplicateFinder;
use super::findings::Findings;
use super::notes::notes;
use super::report::{CheckReport, CheckedRows, Pace, Severity};
use super::shapes::Shapes;
use crate::customer::{Parameter, Update};
use crate::input::{Error, Input, Mapping, Row, Rows, Transform};
use crate::resume::{Shard, is_in_shard};

/// The number of example requests. Chosen: enough to see the effect of the mapping.
const REQUESTS: usize = 3;

/// The settings of a check.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The rows that are checked; `None` is all.
    pub shard: Option<Shard>,
    /// The rate of the planned run.
    pub pace: Pace,
    /// Whether a warning makes the exit code 3.
    pub strict: bool,
    /// Whether values are kept unmasked, except passwords.
    pub show_values: bool,
    /// Whether the report for people has example requests.
    pub show_requests: bool,
    /// Whether customers that several rows name are found, which takes up to 52 MB of memory.
    pub finds_duplicates: bool,
}

/// Checks all rows of an input, in one pass.
///
/// # Errors
/// If the input as a whole cannot be used.
pub fn lint(input: &Input, terms: &Terms) -> Result<CheckReport, Error> {
    let mut rows = input.rows()?;
    let mut linter = Linter::new(input, &rows, terms);
    while let Some(row) = rows.next_row()? {
        linter.look_at(&row);
    }
    Ok(linter.report(input, &rows, terms))
}

/// Checks one row after the other, for callers that read the rows themselves.
pub struct Linter {
    shard: Option<Shard>,
    columns: Vec<Column>,
    /// The number of the column with the country.
    country: Option<usize>,
    findings: Findings,
    duplicates: Option<DuplicateFinder>,
    rows: CheckedRows,
    first: Vec<Update>,
}

/// A column that is sent.
struct Column {
    /// The number of the column, from 1.
    number: usize,
    parameter: Parameter,
    /// The transform of the column's cells.
    transform: Option<Transform>,
    /// The shapes of the column's ids.
    shapes: Shapes,
}

impl Linter {
    /// Begins with the warnings about the format and the mapping, which need no row.
    #[must_use]
    pub fn new(input: &Input, rows: &Rows, terms: &Terms) -> Linter {
        let mut findings = Findings::new(terms.show_values);
        let warnings = as_a_whole(rows, input.mapping());
        let counted = CheckedRows { warnings: warnings.len() as u64, ..CheckedRows::default() };
        for (kind, message) in warnings {
            findings.add(Severity::Warning, kind, message);
        }
        let column = |(number, parameter)| Column {
            number,
            parameter,
            transform: rows.transform(number).cloned(),
            shapes: Shapes::default(),
        };
        let country = rows.columns().find(|(_, parameter)| *parameter == Parameter::Country);
        Linter {
            shard: terms.shard,
            columns: rows.columns().map(column).collect(),
            country: country.map(|(number, _)| number),
            findings,
            duplicates: terms.finds_duplicates.then(DuplicateFinder::new),
            rows: counted,
            first: Vec::new(),
        }
    }

    /// Looks at the next row.
    pub fn look_at(&mut self, row: &Row<'_>) {
        if !is_in_shard(self.shard, row) {
            return;
        }
        match &row.content {
            Ok(update) => self.look_at_update(row, update),
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

    fn look_at_update(&mut self, row: &Row<'_>, update: &Update) {
        self.rows.valid += 1;
        if self.first.len() < REQUESTS {
            self.first.push(update.clone());
        }
        let value = |parameter| update.get(parameter).unwrap_or_default();
        for parameter in [Parameter::CustomerId, Parameter::SubscriptionId] {
            if let Some(duplicates) = &mut self.duplicates {
                duplicates.see(parameter, value(parameter).as_bytes(), row.line);
            }
        }
        let raw_country = self.country.and_then(|number| row.cell(number)).unwrap_or_default();
        let countries = [text(raw_country), value(Parameter::Country)];
        let Linter { columns, findings, rows, .. } = self;
        for Column { number, parameter, transform, shapes } in columns {
            let (number, parameter) = (*number, *parameter);
            let (raw, value) = (row.cell(number).unwrap_or_default(), value(parameter));
            if raw.is_empty() && value.is_empty() {
                continue;
            }
            // Nearly all cells are sent as they are.
            let raw = if raw == value.as_bytes() { value } else { text(raw) };
            let is_translated = transform.as_ref().is_some_and(|transform| transform.translates(raw));
            let raw = if is_translated { value } else { raw };
            if let Some(suspicion) = find_suspicious(&Cell { parameter, raw, value, countries }) {
                rows.warnings += 1;
                findings.add_suspicion(row, (number, parameter), value, suspicion);
            } else if parameter.is_lookup() && !value.is_empty() {
                shapes
                    .see(value, || findings.example(row, Some((number, parameter)), Some(value.as_bytes())));
            }
        }
    }

    /// The report on all rows. `rows` is the stream from which they came, read to its end.
    #[must_use]
    pub fn report(mut self, input: &Input, rows: &Rows, terms: &Terms) -> CheckReport {
        for column in self.columns {
            let (count, examples) = column.shapes.find_odd();
            self.rows.warnings += count;
            self.findings.add_odd_ids(count, examples);
        }
        if rows.has_mixed_line_ends() {
            self.rows.warnings += 1;
            self.findings.add(Severity::Warning, "mixed-line-ends", MIXED_LINE_ENDS.to_owned());
        }
        CheckReport {
            input: input.path().to_path_buf(),
            format: rows.format(),
            names: rows.shown_names(),
            rows: self.rows,
            findings: self.findings.finish(),
            notes: notes(input, rows),
            skipped_columns: rows.skipped_columns(),
            duplicates: self.duplicates.map(DuplicateFinder::finish).unwrap_or_default(),
            first: self.first,
            pace: terms.pace.clone(),
            is_strict: terms.strict,
            show_values: terms.show_values,
            show_requests: terms.show_requests,
        }
    }
}

/// A cell of a valid row.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a valid row has been found to be text")
}

const MIXED_LINE_ENDS: &str = "different line ends (LF, CRLF, CR): the file was joined from several, or a value contains a \
                               line break without quotes";

/// The warnings about an input and its mapping that need no row: kinds and messages.
fn as_a_whole(rows: &Rows, mapping: &Mapping) -> Vec<(&'static str, String)> {
    let mut warnings = Vec::new();
    let format = rows.format();
    if format.is_guess {
        let message = format!(
            "encoding guessed as {0}. Check accented letters with --show-values, then set --encoding {0} or the right one",
            format.encoding
        );
        warnings.push(("guessed-encoding", message));
    }
    for (name, near, column) in rows.not_left_out(&mapping.ignored) {
        let message = format!(
            "--ignore-column '{name}' matches no column, and column {column} '{near}' is sent. Correct or remove the \
             option"
        );
        warnings.push(("not-left-out", message));
    }
    // Nothing of these is sent with a plan.
    let constants = if rows.plan().is_some() { &[][..] } else { &mapping.constants };
    let country = constants.iter().find(|constant| constant.parameter == Parameter::Country);
    let countries = [country.map_or("", |constant| &constant.value); 2];
    for constant in constants {
        let (parameter, value) = (constant.parameter, &*constant.value);
        if let Some(suspicion) = find_suspicious(&Cell { parameter, raw: value, value, countries }) {
            let message = format!("{}: {}", constant.origin, suspicion.message());
            warnings.push(("constant", message));
        }
    }
    warnings
}
