//! What a record comes to: one field a column, and values that make an update, or everything that is wrong with it.

use super::row::{Invalid, Problem};
use crate::customer::{NOT_UTF_8, Parameter, Places, Rule, UpdateBuilder, Values, Violation};
use crate::input::columns::{EmptyRows, Header, PlanFault, quote_advice};
use crate::input::csv::Records;
use crate::input::source::Format;
use std::io::Read;

/// The record read last, and what it is judged by.
pub(super) struct Judge<'rows, R> {
    pub(super) records: &'rows Records<R>,
    pub(super) header: &'rows Header,
    pub(super) format: Format,
    pub(super) empty_rows: EmptyRows,
    pub(super) plan_fault: Option<PlanFault>,
}

impl<'rows, R: Read> Judge<'rows, R> {
    /// The values as they lie in the record, if they are easily seen to make an update. Where not, they may make one
    /// all the same. `places` are those of the record before.
    pub(super) fn plain_update(&self, places: &'rows mut Places) -> Option<Values<'rows>> {
        let record = self.records.record();
        let is_text =
            std::str::from_utf8(record.text()).is_ok() && memchr::memchr(0, record.text()).is_none();
        let is_plain = is_text
            && self.records.is_well_quoted()
            && !self.records.is_broken()
            && record.len() == self.header.width()
            && self.header.column_without_name(record).is_none()
            && !self.header.is_repeated_by(record)
            && self.plan_fault.is_none();
        let is_located = is_plain && self.header.locate(record, places);
        Some(Values::new(record.cells, places)).filter(|values| is_located && values.make_an_update())
    }

    /// Whether the record is an update, whose values are in the builder then.
    pub(super) fn content(&self, builder: &mut UpdateBuilder) -> Result<(), Invalid> {
        builder.clear();
        let has_text = self.header.fill(self.records.record().iter(), builder);
        if let Some((rule, message)) = self.malformed() {
            return Err(refused(rule, message, builder));
        }
        let told = |violation| problem(violation, self.header, self.format);
        let problems: Vec<Problem> = match builder.check() {
            Ok(()) => return Ok(()),
            Err(violations) => violations.iter().map(told).collect(),
        };
        // Constants and defaults alone do not fill a row.
        let is_empty = !(has_text && builder.has_field());
        let is_sound = problems.iter().all(|problem| problem.column.is_none());
        let is_passed_over = self.empty_rows == EmptyRows::Skip && is_empty && is_sound;
        let values = owned(builder);
        let id = |wanted: Parameter| {
            let found = values.iter().find(|(parameter, _)| *parameter == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let (customer_id, subscription_id) = (id(Parameter::CustomerId), id(Parameter::SubscriptionId));
        Err(Invalid { problems, is_passed_over, customer_id, subscription_id, values })
    }

    /// Why the record is no row: not one field a column, or a header.
    fn malformed(&self) -> Option<(&'static str, String)> {
        let (first, last) = (self.records.line(), self.records.last_line());
        if !self.records.is_well_quoted() {
            let swallowed =
                if first == last { String::new() } else { format!(", which takes in all up to line {last}") };
            let advice = quote_advice(self.records.record().blank_beside_quote(), "field");
            let message = format!("has a stray quote or one that is not closed{swallowed}: {advice}");
            return Some(("stray-quote", message));
        }
        if self.records.is_broken() {
            let message = "stands beside a lone LF or CR, while lines of this file end in CRLF: most likely a line break \
                           within a value, which must be in quotes. Enclose the value in quotes or take the line break \
                           out";
            return Some(("broken-line", message.to_owned()));
        }
        let (found, expected) = (self.records.record().len(), self.header.width());
        let fields = if found == 1 { "field" } else { "fields" };
        if found != expected && memchr::memchr(0, self.records.record().text()).is_some() {
            return Some(("nul", PADDED.to_owned()));
        }
        if found != expected {
            let message = format!(
                "has {found} {fields}, the header {expected}: look for a missing or stray {} or quote",
                self.format.delimiter
            );
            return Some(("ragged", message));
        }
        if let Some(column) = self.header.column_without_name(self.records.record()) {
            let message = format!(
                "has a value in column {column}, which has no name: name the column in the header, or empty the cell if \
                 it is none. --ignore-unknown-columns leaves such columns out whatever they hold"
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

const PADDED: &str = "holds NUL characters, which no text has: the file was padded with them, or was not written to its end. Take \
                      them out, or export it once more";

const REPEATED_HEADER: &str = "has the name of a column for an id: it is a second header, as of two files put together; delete that line";

/// A row that is wrong as a whole. Which cell belongs to which column is unknown: not even the ids are trusted.
pub(super) fn refused(rule: &'static str, message: String, builder: &UpdateBuilder) -> Invalid {
    Invalid {
        problems: vec![Problem { column: None, rule, message }],
        is_passed_over: false,
        customer_id: None,
        subscription_id: None,
        values: owned(builder),
    }
}

fn problem(violation: &Violation, header: &Header, format: Format) -> Problem {
    let column = violation.parameter.and_then(|parameter| Some((header.column_of(parameter)?, parameter)));
    let Rule { name, message } = violation.rule;
    let message = if violation.rule == NOT_UTF_8 {
        format.encoding.complaint(format.is_proven)
    } else {
        message.to_owned()
    };
    Problem { column, rule: name, message }
}

fn owned(builder: &UpdateBuilder) -> Vec<(Parameter, Box<[u8]>)> {
    builder.raw_values().map(|(parameter, value)| (parameter, value.into())).collect()
}
