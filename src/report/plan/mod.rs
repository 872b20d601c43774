//! The account of a plan: what would change, field by field, with masked values.

mod json;
mod markdown;
mod text;

use crate::check::mask_value;
use crate::customer::Parameter;
use crate::plan::{BaselineCounts, Change, FieldCounts, Kind, PlanCounts, ShownRow};
use crate::text::{counted, escape_and_shorten, grouped};

/// How the account of a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// For a pull request, or the page of a CI job.
    Markdown,
}

/// The account of a plan. Paths are as they were typed.
#[derive(Debug)]
pub struct PlanReport {
    /// The CSV that was compared.
    pub input: String,
    /// The CSV of what the customers have.
    pub baseline: String,
    /// The configuration that the baseline was read with; `None`: with the options of the input.
    pub baseline_config: Option<String>,
    /// Whether an empty cell of the baseline means that there is no value.
    pub is_export: bool,
    /// The result of the run of the baseline.
    pub baseline_result: Option<String>,
    /// Columns of the baseline that are no parameters.
    pub ignored: Vec<String>,
    /// Parameters of the input that the baseline has no column for.
    pub without_column: Vec<Parameter>,
    /// Of the baseline.
    pub base: BaselineCounts,
    /// Of the input.
    pub counts: PlanCounts,
    /// Where the plan is, if it was written.
    pub output: Option<String>,
    /// Why it was not, if a limit stopped it.
    pub stopped: Option<String>,
    /// Whether values are shown, passwords aside.
    pub show_values: bool,
    /// Whether changes are coloured.
    pub is_coloured: bool,
    /// The exit code.
    pub exit_code: u8,
}

impl PlanReport {
    /// All of it, without the last line end.
    #[must_use]
    pub fn in_format(&self, format: PlanFormat) -> String {
        match format {
            PlanFormat::Text => text::text(self),
            PlanFormat::Json => json::json(self),
            PlanFormat::Markdown => markdown::markdown(self),
        }
    }

    /// Notes besides the counts, one sentence each.
    fn notes(&self) -> Vec<String> {
        let BaselineCounts { invalid, not_in_sync, .. } = self.base;
        let baseline = escape_and_shorten(&self.baseline);
        let mut notes = vec![match &self.baseline_config {
            Some(config) => {
                format!("{baseline} was read with the options in {}.", escape_and_shorten(config))
            }
            None => format!("{baseline} was read with the options of the input."),
        }];
        match (&self.baseline_result, self.is_export) {
            (Some(result), _) => notes.push(format!(
                "{} of {baseline} not in sync according to {}: all fields of their customers are planned.",
                rows(not_in_sync),
                escape_and_shorten(result)
            )),
            (None, false) => notes.push(format!(
                "All rows of {baseline} are assumed to be delivered. If some failed, name its result file with --baseline-result."
            )),
            (None, true) => {}
        }
        if invalid > 0 {
            notes.push(format!(
                "{} of {baseline} invalid: all fields of the customers that they name are planned.",
                rows(invalid)
            ));
        }
        if !self.ignored.is_empty() {
            notes.push(format!("Ignored columns of {baseline}: {}.", self.ignored.join(", ")));
        }
        if !self.without_column.is_empty() {
            let names: Vec<_> = self.without_column.iter().map(|field| field.name()).collect();
            let count: u64 = self.without_column.iter().map(|field| self.fields(*field).total()).sum();
            notes.push(format!(
                "{baseline} has no column for {}. The old values are unknown, so all values ({}) are planned, and undo \
                 cannot restore them.",
                names.join(", "),
                grouped(count)
            ));
        }
        notes.extend(self.advice());
        notes
    }

    /// The next steps.
    fn advice(&self) -> Vec<String> {
        let (input, baseline) = (escape_and_shorten(&self.input), escape_and_shorten(&self.baseline));
        let mut advice = Vec::new();
        if self.counts.invalid + self.counts.ambiguous > 0 {
            advice.push(format!(
                "Some rows are not planned. See the invalid ones with offerit-sync check; an ambiguous row names two \
                 customers of {baseline}. Fix {input} and plan again."
            ));
        }
        if let Some(output) = &self.output {
            advice.push(format!(
                "To send it: offerit-sync run {}. If plan and run both end with exit code 0, use {input} as the next \
                 baseline; otherwise keep {baseline}.",
                escape_and_shorten(output)
            ));
        }
        advice
    }

    fn fields(&self, parameter: Parameter) -> &FieldCounts {
        &self.counts.fields[parameter.index()]
    }

    /// The parameters that are planned.
    fn planned(&self) -> impl Iterator<Item = (Parameter, &FieldCounts)> {
        let all = Parameter::ALL.into_iter().zip(&self.counts.fields);
        all.filter(|(_, counts)| counts.total() > 0)
    }

    /// Counts of rows with their names, without zeros.
    fn rows(&self) -> Vec<(&'static str, u64)> {
        let PlanCounts { new, changed, unchanged, passed_over, invalid, ambiguous, .. } = self.counts;
        let all = [
            ("new", new),
            ("changed", changed),
            ("unchanged", unchanged),
            ("with nothing to send", passed_over),
            ("invalid, not planned", invalid),
            ("ambiguous, not planned", ambiguous),
        ];
        all.into_iter().filter(|(name, count)| *count > 0 || matches!(*name, "new" | "changed")).collect()
    }

    /// `email j…@e… → j…@n…`, without the sign before it.
    fn change(&self, change: &Change) -> String {
        let value = |value: &[u8]| unquoted(mask_value(change.parameter, value, self.show_values));
        let name = change.parameter.name();
        match (change.kind, &change.was) {
            (Kind::Removed, _) => format!("{name} removed"),
            (Kind::Changed, Some(was)) => format!("{name} {} → {}", value(was), value(&change.set)),
            _ => format!("{name} {}", value(&change.set)),
        }
    }

    /// `customer 10241 (line 2)`.
    fn customer(row: &ShownRow) -> String {
        let ids = [("customer", Parameter::CustomerId), ("subscription", Parameter::SubscriptionId)];
        let ids = ids.iter().zip(&row.ids).filter(|(_, id)| !id.is_empty());
        let ids: Vec<_> = ids
            .map(|((noun, parameter), id)| format!("{noun} {}", unquoted(mask_value(*parameter, id, false))))
            .collect();
        let new = if row.is_new { ", new" } else { "" };
        format!("{} (line {}{new})", ids.join(", "), row.line)
    }

    /// Planned rows that are not shown.
    fn more(&self) -> u64 {
        self.counts.planned() - self.counts.first.len() as u64
    }

    /// The customers of the baseline, in words.
    fn customers(&self) -> String {
        let BaselineCounts { customers, missing, .. } = self.base;
        format!(
            "{}: {}, {} of them not in {}.",
            escape_and_shorten(&self.baseline),
            counted(customers, "customer"),
            grouped(missing),
            escape_and_shorten(&self.input)
        )
    }
}

fn rows(count: u64) -> String {
    counted(count, "row")
}

/// The sign of a change.
fn sign(kind: Kind) -> char {
    match kind {
        Kind::Set => '+',
        Kind::Changed => '~',
        Kind::Removed => '-',
    }
}

/// A value that needs no quotes to be seen as one.
fn unquoted(value: String) -> String {
    let is_plain = |text: &&str| {
        !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter == '\'')
    };
    let inner = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).filter(is_plain);
    inner.map(str::to_owned).unwrap_or(value)
}
