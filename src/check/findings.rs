//! Collects the findings of all rows: all are counted, and the first places of each kind are kept.

use super::mask::mask_value;
use super::report::{Example, Finding, MOST_EXAMPLES, Severity};
use super::suspicion::Suspicion;
use crate::customer::Parameter;
use crate::input::{Problem, Row};

/// The findings so far.
#[derive(Default)]
pub(super) struct Findings {
    all: Vec<Finding>,
    show_values: bool,
}

impl Findings {
    pub(super) fn new(show_values: bool) -> Findings {
        Findings { all: Vec::new(), show_values }
    }

    /// All findings: errors first, then by falling count.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        self.all.sort_by_key(|finding| (finding.severity, std::cmp::Reverse(finding.count)));
        self.all
    }

    /// Adds a finding about the input as a whole.
    pub(super) fn add(&mut self, severity: Severity, kind: &'static str, message: String) {
        self.all.push(Finding { severity, kind, message, count: 1, examples: Vec::new() });
    }

    /// Adds a rule that a row broke; `value` is the value of the column.
    pub(super) fn add_problem(&mut self, row: &Row<'_>, problem: &Problem, value: Option<&[u8]>) {
        let finding = self.count(Severity::Error, problem.rule, || title(problem));
        if finding.examples.len() < MOST_EXAMPLES {
            let message = (finding.message != problem.message).then(|| problem.message.clone());
            let example = Example { message, ..self.example(row, problem.column, value) };
            self.keep(problem.rule, example);
        }
    }

    /// Adds a suspicious value in a column (from 1).
    pub(super) fn add_suspicion(
        &mut self,
        row: &Row<'_>,
        column: (usize, Parameter),
        value: &str,
        suspicion: Suspicion,
    ) {
        let finding = self.count(Severity::Warning, suspicion.name(), || suspicion.message().to_owned());
        if finding.examples.len() < MOST_EXAMPLES {
            let example = self.example(row, Some(column), Some(value.as_bytes()));
            self.keep(suspicion.name(), example);
        }
    }

    /// Adds ids that look unlike nearly all others of their column.
    pub(super) fn add_odd_ids(&mut self, count: u64, examples: Vec<Example>) {
        if count > 0 {
            let kind = Suspicion::OddId.name();
            let finding = self.count(Severity::Warning, kind, || Suspicion::OddId.message().to_owned());
            finding.count += count - 1;
            finding.examples.extend(examples);
            finding.examples.truncate(MOST_EXAMPLES);
        }
    }

    /// Counts one more finding of a kind.
    fn count(
        &mut self,
        severity: Severity,
        kind: &'static str,
        message: impl FnOnce() -> String,
    ) -> &mut Finding {
        let at = self.all.iter().position(|finding| finding.kind == kind).unwrap_or_else(|| {
            self.all.push(Finding { severity, kind, message: message(), count: 0, examples: Vec::new() });
            self.all.len() - 1
        });
        let finding = &mut self.all[at];
        finding.count += 1;
        finding
    }

    /// One place of a finding.
    pub(super) fn example(
        &self,
        row: &Row<'_>,
        column: Option<(usize, Parameter)>,
        value: Option<&[u8]>,
    ) -> Example {
        let place = column.and_then(|(column, _)| row.place(column));
        let value =
            column.zip(value).map(|((_, parameter), value)| mask_value(parameter, value, self.show_values));
        Example { row: row.number, line: row.line, column, place, message: None, value }
    }

    fn keep(&mut self, kind: &str, example: Example) {
        if let Some(finding) = self.all.iter_mut().find(|finding| finding.kind == kind) {
            finding.examples.push(example);
        }
    }
}

/// The message for all problems of a kind. The places have the details.
fn title(problem: &Problem) -> String {
    match problem.rule {
        "ragged" => "wrong number of cells".to_owned(),
        "unnamed-column" => "value in a column without a name".to_owned(),
        "stray-quote" => "misplaced or unclosed quote".to_owned(),
        _ => problem.message.clone(),
    }
}
