//! Known names of columns: parameters, and names with a rule. They distinguish a header from the values of a customer and
//! from lines of prose above it.

use super::mapping::{ColumnRule, Mapping, normalize_name};
use super::nearest::is_same;
use super::planned::is_name_of_plan;
use crate::customer::Parameter;
use crate::input::csv::{Records, behind_lines};
use crate::input::source::{Delimiter, Reading};
use std::collections::{HashMap, HashSet};

/// The columns that `failures` adds. Inputs may have these columns, so that a corrected copy of its file can be sent.
pub const OF_FAILURES: [&str; 2] = ["_status", "_error"];

/// The number of lines in which a header is searched. Chosen.
const MOST_LINES: u64 = 10;

/// The known names of columns.
pub struct KnownColumns<'mapping> {
    rules: HashMap<String, &'mapping ColumnRule>,
    ignored: HashSet<String>,
}

impl<'mapping> KnownColumns<'mapping> {
    pub fn of(mapping: &'mapping Mapping) -> KnownColumns<'mapping> {
        KnownColumns {
            rules: mapping.columns.iter().map(|rule| (normalize_name(&rule.name), rule)).collect(),
            ignored: mapping.ignored.iter().map(|name| normalize_name(name)).collect(),
        }
    }

    /// The rule for the column of this normalized name.
    pub fn rule(&self, name: &str) -> Option<&'mapping ColumnRule> {
        self.rules.get(name).copied()
    }

    /// Whether the column of this normalized name is skipped by name.
    pub fn is_ignored(&self, name: &str) -> bool {
        OF_FAILURES.contains(&name) || self.ignored.contains(name)
    }

    /// Whether these are names of columns rather than values: one name has a rule or is an id's, or at least two or half of
    /// the names are parameters'. One parameter among many names may be a value: some passwords are `password`.
    pub fn is_header<'names>(&self, names: impl Iterator<Item = &'names str>) -> bool {
        let (mut all, mut count, mut has_sure_one) = (0, 0, false);
        for name in names.map(normalize_name).filter(|name| !name.is_empty()) {
            all += 1;
            let parameter = find_similar_parameter(&name);
            count += usize::from(parameter.is_some());
            has_sure_one |= self.rules.contains_key(&name)
                || is_name_of_plan(&name)
                || self.is_ignored(&name)
                || parameter.is_some_and(Parameter::is_lookup);
        }
        has_sure_one || count > 1 || count == 1 && all < 3
    }

    /// Counts the known names, if the names are a header.
    fn count<'names>(&self, names: impl Iterator<Item = &'names [u8]>) -> usize {
        let names: Vec<_> = names.map(String::from_utf8_lossy).collect();
        if !self.is_header(names.iter().map(|name| &**name)) {
            return 0;
        }
        let is_known = |name: &String| {
            self.rules.contains_key(name)
                || self.is_ignored(name)
                || is_name_of_plan(name)
                || find_similar_parameter(name).is_some()
        };
        names.iter().map(|name| normalize_name(name)).filter(is_known).count()
    }

    /// The delimiter that divides a line into the most known columns, if these are two or more.
    pub fn find_delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        let delimiters = (b'\t'..=b'~').filter_map(Delimiter::of_byte);
        let counted = delimiters
            .map(|delimiter| (self.count(line.split(|byte| *byte == delimiter.byte())), delimiter))
            .filter(|(count, _)| *count > 1);
        counted.max_by_key(|(count, _)| *count).map(|(_, delimiter)| delimiter)
    }

    /// Finds a header below the first line: among the first ten lines, the line with the most known columns, if these are more
    /// than those of the first line, which has `names`. `head` is the text of the input's first bytes.
    pub fn find_header_below(
        &self,
        head: &str,
        reading: &Reading,
        line: u64,
        names: &[Vec<u8>],
    ) -> Option<u64> {
        let count_in = |skipped: u64| {
            let rest = behind_lines(head, skipped);
            let delimiter = reading.delimiter.unwrap_or_else(|| Delimiter::of_header(rest, reading.limits));
            let mut records = Records::new(rest.as_bytes(), delimiter.byte(), reading.limits);
            let is_header =
                records.advance().unwrap_or(false) && records.line() == 1 && records.is_well_quoted();
            if is_header { self.count(records.record().iter()) } else { 0 }
        };
        let lines = (line..reading.skip_lines + MOST_LINES).rev();
        let counted = lines.map(|skipped| (count_in(skipped), skipped + 1));
        let (count, line) = counted.max_by_key(|(count, _)| *count)?;
        (count > self.count(names.iter().map(Vec::as_slice))).then_some(line)
    }
}

/// The parameter of this name, except for case, blanks and signs.
fn find_similar_parameter(name: &str) -> Option<Parameter> {
    Parameter::ALL.into_iter().find(|parameter| is_same(name, parameter.name()))
}
