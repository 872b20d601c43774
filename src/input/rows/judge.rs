//! Judges a record: the result is an update, or a list of all rules that the record breaks.

use super::row::{Invalid, Problem};
use crate::customer::{NOT_UTF_8, Parameter, Rule, Update, Values, Violation};
use crate::input::columns::{EmptyRows, Header, PlanFault, advise_on_quote, describe_quote};
use crate::input::csv::Records;
use crate::input::source::Format;
use crate::text::counted;
use std::io::Read;

/// The record read last, and the settings by which it is judged.
pub(super) struct Judge<'rows, R> {
    pub(super) records: &'rows Records<R>,
    pub(super) header: &'rows Header,
    pub(super) format: Format,
    pub(super) empty_rows: EmptyRows,
    pub(super) plan_fault: Option<PlanFault>,
}

impl<R: Read> Judge<'_, R> {
    /// The update of the record.
    pub(super) fn content(&self) -> Result<Update, Box<Invalid>> {
        let record = self.records.record();
        let (mut values, mut broken) = (Values::with_capacity(record.cells_from(0).len()), Vec::new());
        let has_text = self.header.fill(record.texts(), &mut values, &mut broken);
        if let Some((rule, message)) = self.find_fault_of_record() {
            return Err(Box::new(reject_record(rule, message, values)));
        }
        let values = match Update::new(values, &mut broken) {
            Ok(update) => return Ok(update),
            Err(values) => values,
        };
        let problems: Vec<Problem> = broken.iter().map(|violation| self.problem(violation)).collect();
        // Constants and defaults alone do not fill a row.
        let is_empty = !(has_text && values.has_field());
        let is_sound = problems.iter().all(|problem| problem.column.is_none());
        let is_passed_over = self.empty_rows == EmptyRows::Skip && is_empty && is_sound;
        let id = |parameter| {
            let id = Some(values.bytes(parameter)).filter(|id| !id.is_empty());
            id.map(|id| String::from_utf8_lossy(id).into_owned())
        };
        let (customer_id, subscription_id) = (id(Parameter::CustomerId), id(Parameter::SubscriptionId));
        Err(Box::new(Invalid { problems, is_passed_over, customer_id, subscription_id, values }))
    }

    fn problem(&self, violation: &Violation) -> Problem {
        let column =
            violation.parameter.and_then(|parameter| Some((self.header.column_of(parameter)?, parameter)));
        let Rule { name, message } = violation.rule;
        let message = if violation.rule == NOT_UTF_8 {
            self.format.encoding.complaint(self.format.is_proven)
        } else {
            message.to_owned()
        };
        Problem { column, rule: name, message }
    }

    /// Finds the rule that the record breaks as a whole, with the message.
    fn find_fault_of_record(&self) -> Option<(&'static str, String)> {
        let (first, last) = (self.records.line(), self.records.last_line());
        if !self.records.is_well_quoted() {
            let fault = describe_quote((first < last).then_some(last));
            let advice = advise_on_quote(self.records.record().blank_beside_quote(), "cell");
            return Some(("stray-quote", format!("{fault}. {advice}")));
        }
        if self.records.is_broken() {
            return Some(("broken-line", BROKEN_LINE.to_owned()));
        }
        let (found, expected) = (self.records.record().len(), self.header.width());
        if found != expected && memchr::memchr(0, self.records.record().text()).is_some() {
            return Some(("nul", PADDED.to_owned()));
        }
        if found != expected {
            let message = format!(
                "{}, but the header has {}. Look for a missing or extra {} or quote",
                counted(found as u64, "cell"),
                counted(expected as u64, "column"),
                self.format.delimiter
            );
            return Some(("ragged", message));
        }
        if let Some(column) = self.header.column_without_name(self.records.record()) {
            let message = format!(
                "a value in column {column}, which has no name. Name the column in the header, empty the cell, or skip \
                 all such columns with --ignore-unknown-columns"
            );
            return Some(("unnamed-column", message));
        }
        if self.header.is_repeated_by(self.records.record()) {
            return Some(("repeated-header", REPEATED_HEADER.to_owned()));
        }
        self.plan_fault.map(|fault| {
            let (rule, message) = fault.rule();
            (rule, message.to_owned())
        })
    }
}

const BROKEN_LINE: &str = "a lone LF or CR before or after this row, although lines of this file end in CRLF: probably a line break \
                           in a value without quotes. Put the value in quotes, or remove the line break";

const PADDED: &str =
    "NUL characters: the file was padded with them or not written completely. Export it again";

const REPEATED_HEADER: &str = "a second header: were two files joined? Delete this line";

/// The content of a row that is wrong as a whole. Its cells may belong to other columns, so not even the ids are used.
fn reject_record(rule: &'static str, message: String, values: Values) -> Invalid {
    Invalid {
        problems: vec![Problem { column: None, rule, message }],
        is_passed_over: false,
        customer_id: None,
        subscription_id: None,
        values,
    }
}
