//! Names of columns that are known: those of parameters, and those that somebody spoke of. They tell a header from the
//! values of a customer, and from lines of prose above it.

use super::format::{Delimiter, Reading};
use super::header::OF_FAILURES;
use super::lines;
use super::mapping::{ColumnRule, Mapping, folded};
use super::nearest::is_same;
use super::records::Records;
use crate::customer::Parameter;
use csv::ByteRecord;
use std::collections::{HashMap, HashSet};

/// A header is looked for in this many lines.
const MOST_LINES: u64 = 10;

/// What is known of columns.
pub(super) struct KnownColumns<'mapping> {
    rules: HashMap<String, &'mapping ColumnRule>,
    ignored: HashSet<String>,
}

impl<'mapping> KnownColumns<'mapping> {
    pub(super) fn of(mapping: &'mapping Mapping) -> KnownColumns<'mapping> {
        KnownColumns {
            rules: mapping.columns.iter().map(|rule| (folded(&rule.name), rule)).collect(),
            ignored: mapping.ignored.iter().map(|name| folded(name)).collect(),
        }
    }

    /// What was said about the column of this folded name.
    pub(super) fn rule(&self, name: &str) -> Option<&'mapping ColumnRule> {
        self.rules.get(name).copied()
    }

    /// Whether the column of this folded name is left out by name.
    pub(super) fn is_ignored(&self, name: &str) -> bool {
        OF_FAILURES.contains(&name) || self.ignored.contains(name)
    }

    /// Whether this is the name of a column rather than a value: somebody spoke of it, or it is a parameter's but for
    /// case, blanks and signs.
    pub(super) fn has(&self, name: &str) -> bool {
        let name = folded(name);
        !name.is_empty()
            && (self.rules.contains_key(&name)
                || self.is_ignored(&name)
                || Parameter::ALL.iter().any(|parameter| is_same(&name, parameter.name())))
    }

    fn count<'names>(&self, names: impl Iterator<Item = &'names [u8]>) -> usize {
        names.filter(|name| self.has(&String::from_utf8_lossy(name))).count()
    }

    /// Whether another sign than the delimiter divides a line into columns of which two at least are known.
    pub(super) fn are_divided_by_another_sign(&self, line: &[u8]) -> bool {
        let signs = (b'\t'..=b'~').filter(|sign| *sign == b'\t' || sign.is_ascii_punctuation());
        signs
            .filter(|sign| !matches!(sign, b'"' | b'_'))
            .any(|sign| self.count(line.split(|byte| *byte == sign)) > 1)
    }

    /// The line of a header that stands below the line in which it was looked for, with these names: of the first ten, the
    /// one with the most known columns, if it has more of them. `head` is the text of the input's first bytes.
    pub(super) fn line_below(
        &self,
        head: &str,
        reading: &Reading,
        line: u64,
        names: &ByteRecord,
    ) -> Option<u64> {
        let count_in = |skipped: u64| {
            let rest = lines::behind(head, skipped);
            let delimiter = reading.delimiter.unwrap_or_else(|| Delimiter::of_header(rest, reading.limits));
            let mut records = Records::new(rest.as_bytes(), delimiter.byte(), reading.limits);
            let is_header =
                records.advance().unwrap_or(false) && records.line() == 1 && records.is_well_quoted();
            if is_header { self.count(records.record().iter()) } else { 0 }
        };
        let lines = (line..reading.skip_lines + MOST_LINES).rev();
        let counted = lines.map(|skipped| (count_in(skipped), skipped + 1));
        let (count, line) = counted.max_by_key(|(count, _)| *count)?;
        (count > self.count(names.iter())).then_some(line)
    }
}
