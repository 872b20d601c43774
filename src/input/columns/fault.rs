//! The faults of a header, each with a message: what happened, where, and what to do. A column is named `2 'Name'`, a field
//! of Offerit by its bare name.

use crate::customer::Parameter;
use crate::input::source::Delimiter;
use crate::text::{counted, grouped};
use std::ops::RangeInclusive;

/// The most faults, or columns without a name, that a message lists. Chosen: a screen.
pub const MOST_LISTED: usize = 30;

/// The most unknown columns that a message lists. Chosen: with long names they still fit in 1,000 characters.
const MOST_UNKNOWN: usize = 10;

/// A fault for which a header cannot be used. Names from the file are escaped.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum HeaderFault {
    /// Columns that are not Offerit fields.
    #[error("{}", describe_unknown(columns, *more))]
    Unknown {
        /// The first of them, at most `MOST_UNKNOWN`.
        columns: Vec<UnknownColumn>,
        /// The number of all others.
        more: usize,
    },
    /// Two columns for one parameter.
    #[error("{}", describe_duplicate(*first, *second, parameter, names.as_ref()))]
    Duplicate {
        /// Counted from 1.
        first: usize,
        /// Counted from 1.
        second: usize,
        /// The parameter.
        parameter: &'static str,
        /// Their names, where they differ.
        names: Option<(String, String)>,
    },
    /// A column and a constant for one parameter.
    #[error(
        "column {column} '{name}' and {origin} both set '{parameter}'. Remove the constant, or skip the column with \
         --ignore-column '{}'",
        name_for_shell(name)
    )]
    ColumnAndConstant {
        /// Counted from 1.
        column: usize,
        /// The name as it is written in the header.
        name: String,
        /// The parameter.
        parameter: &'static str,
        /// The option or the place in a file that sets the constant.
        origin: String,
    },
    /// A column that has a rule and is missing.
    #[error("{origin}: there is no column '{name}'{}", suggest_column(suggestion.as_ref(), columns))]
    Missing {
        /// The place of the rule.
        origin: String,
        /// As it was typed.
        name: String,
        /// The nearest column and its number, if one is near.
        suggestion: Option<(String, usize)>,
        /// All columns, to choose from; empty where they may be values.
        columns: String,
    },
    /// Columns without a name.
    #[error(
        "{}. Name {them} after {}, delete {them}, or skip {them} with --ignore-unknown-columns",
        describe_unnamed(columns), if is_single(columns) { "an Offerit field" } else { "Offerit fields" },
        them = if is_single(columns) { "it" } else { "them" }
    )]
    Empty {
        /// Counted from 1, neighbours together.
        columns: Vec<RangeInclusive<usize>>,
    },
    /// No column is known, and some look like values.
    #[error(
        "this line looks like data, not like a header. Add a line above it that names the columns, such as \
         customer_id,email. If the header is further down, skip the lines above it with --skip-lines"
    )]
    Data,
    /// No column is known: these may be values.
    #[error(
        "this line does not look like a header: {} an Offerit field (the names are not shown, as they may be customer \
         data). If it is the header, rename its columns or map them with --map 'COLUMN=FIELD'. If the header is further \
         down, skip the lines above it with --skip-lines. If there is none, add one. Fields: {}",
        describe_known(*columns), list_fields()
    )]
    NoHeader {
        /// The number of columns.
        columns: usize,
    },
    /// The header is another line.
    #[error(
        "this line does not look like a header, but line {line} does. Skip the lines above it with --skip-lines {}, or \
         delete them", line - 1
    )]
    HeaderBelow {
        /// Counted from 1.
        line: u64,
    },
    /// Faults that are counted only.
    #[error("and {} of the header", counted(*count as u64, "more fault"))]
    More {
        /// The number of faults that are not listed.
        count: usize,
    },
    /// No column names the customer.
    #[error(
        "no column names the customer. Add customer_id or subscription_id, or map the column that has it: \
         --map 'COLUMN=customer_id'"
    )]
    NoLookup,
    /// No column holds something to set.
    #[error("no column holds a field, so there is nothing to send. Add one, such as email or zip")]
    NoField,
    /// A quote that does not enclose a whole name.
    #[error("the header has a {}. {}", describe_quote(*last_line), advise_on_quote(*blank, "name"))]
    StrayQuote {
        /// The column, from 1, in which only a blank keeps a quote from enclosing the name.
        blank: Option<usize>,
        /// The last line of the header, if the quote takes in the rows behind it.
        last_line: Option<u64>,
    },
    /// A header that is not divided at all, most likely by a wrong delimiter.
    #[error("no {delimiter} in the header ('{name}'). It looks separated by {found}: {}", advise_on_separator(*cause, *found))]
    OneColumn {
        /// All of it.
        name: String,
        /// The delimiter by which it was read.
        delimiter: Delimiter,
        /// The delimiter that divides it into known columns.
        found: Delimiter,
        /// The source of `delimiter`.
        cause: DelimiterSource,
    },
    /// There is a header and nothing else.
    #[error("the file has a header but no rows")]
    NoRows,
    /// A column of an ordinary input among those of a plan.
    #[error(
        "column {column} '{parameter}' does not belong in a plan (this file has set: or was: columns). Rename it to \
         'set:{parameter}', or delete it"
    )]
    Mixed {
        /// Counted from 1.
        column: usize,
        /// The parameter.
        parameter: &'static str,
    },
    /// A column that no plan has.
    #[error(
        "column {column} '{name}' is not a column of a plan (this file has set: or was: columns).{} Rename it, delete it, \
         or skip it with --ignore-column '{}'", suggest(suggestion.as_deref()), name_for_shell(name)
    )]
    NotOfPlan {
        /// Counted from 1.
        column: usize,
        /// The name as it is written in the header.
        name: String,
        /// The nearest column of a plan, if one is near.
        suggestion: Option<String>,
    },
    /// Two columns of a plan with one name.
    #[error("columns {first} and {second} are both '{name}'. Keep one of them")]
    TwiceInPlan {
        /// Counted from 1.
        first: usize,
        /// Counted from 1.
        second: usize,
        /// The name as it is written in the header.
        name: String,
    },
    /// A column that a plan must have.
    #[error(
        "this plan (it has set: or was: columns) is without the column '{name}', which proves that its rows were not \
         changed. Use the file as `offerit-sync plan` wrote it, or make the plan again"
    )]
    LacksOfPlan {
        /// The column.
        name: &'static str,
    },
    /// An option that does not apply to a plan.
    #[error(
        "{option} does not apply to a plan (this file has set: or was: columns), whose values are sent unchanged. Remove \
         the option"
    )]
    NotForPlan {
        /// The option, as it was typed.
        option: String,
    },
}

/// A column that is not an Offerit field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownColumn {
    /// Counted from 1.
    column: usize,
    /// The name as it is written in the header.
    name: String,
    /// The nearest field, if one is near.
    suggestion: Option<&'static str>,
}

/// The source of the delimiter that does not divide a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelimiterSource {
    /// `--delimiter`.
    Option,
    /// Excel's `sep=` line.
    SepLine,
    /// It was detected.
    Detected,
}

impl HeaderFault {
    /// Adds an unknown column to [`HeaderFault::Unknown`]. Returns false for any other fault.
    pub(super) fn add_unknown(&mut self, unknown: UnknownColumn) -> bool {
        let HeaderFault::Unknown { columns, more } = self else { return false };
        if columns.len() < MOST_UNKNOWN {
            columns.push(unknown);
        } else {
            *more += 1;
        }
        true
    }
}

impl UnknownColumn {
    pub(super) fn new(column: usize, name: String, suggestion: Option<&'static str>) -> UnknownColumn {
        UnknownColumn { column, name, suggestion }
    }

    /// The value of `--map` that maps it.
    fn mapping(&self) -> String {
        format!("--map '{}={}'", name_for_shell(&self.name), self.suggestion.unwrap_or("FIELD"))
    }
}

fn describe_unknown(columns: &[UnknownColumn], more: usize) -> String {
    let lists_fields = columns.iter().any(|unknown| unknown.suggestion.is_none());
    let fields = if lists_fields { format!(". Fields: {}", list_fields()) } else { String::new() };
    if let [unknown] = columns {
        let UnknownColumn { column, name, suggestion } = unknown;
        return format!(
            "column {column} '{name}' is not an Offerit field.{} Rename it, map it with {}, or skip it with \
             --ignore-column '{}'{fields}",
            suggest(*suggestion),
            unknown.mapping(),
            name_for_shell(name)
        );
    }
    let listed = columns.iter().map(|UnknownColumn { column, name, suggestion }| {
        let near = suggestion.map_or(String::new(), |field| format!(" (did you mean '{field}'?)"));
        format!("{column} '{name}'{near}")
    });
    let listed = listed.collect::<Vec<_>>().join(", ");
    let others = if more > 0 { format!(" and {} more", grouped(more as u64)) } else { String::new() };
    let example = columns.iter().find(|unknown| unknown.suggestion.is_some()).or(columns.first());
    format!(
        "{} columns are not Offerit fields: {listed}{others}. Rename them, map each ({}, or in a --config file), or skip them \
         with --ignore-column{fields}",
        grouped((columns.len() + more) as u64),
        example.map(UnknownColumn::mapping).unwrap_or_default()
    )
}

/// The names of all fields, in a line.
fn list_fields() -> String {
    Parameter::ALL.map(Parameter::name).join(", ")
}

fn describe_duplicate(
    first: usize,
    second: usize,
    parameter: &str,
    names: Option<&(String, String)>,
) -> String {
    match names {
        None => format!("columns {first} and {second} are both '{parameter}'. Keep one of them"),
        Some((one, other)) => format!(
            "columns {first} '{one}' and {second} '{other}' are both '{parameter}'. Keep one of them, or skip one with \
             --ignore-column '{}'",
            name_for_shell(other)
        ),
    }
}

/// The fault of a quote in a row or the header. `last_line` is the last line that the quote takes in.
pub fn describe_quote(last_line: Option<u64>) -> String {
    let lines =
        last_line.map_or(String::new(), |line| format!(", which takes in everything up to line {line}"));
    format!("misplaced or unclosed quote{lines}")
}

/// The advice for a quote that does not enclose a whole name or cell: `what`. `blank` is the column in which only a blank
/// keeps the quote from enclosing it.
pub fn advise_on_quote(blank: Option<usize>, what: &str) -> String {
    match blank {
        Some(column) => {
            format!(
                "Remove the blank next to the quote in column {column}, and all others between quotes and separators"
            )
        }
        None => format!("Put the whole {what} in quotes, and double the quotes inside it"),
    }
}

fn is_single(columns: &[RangeInclusive<usize>]) -> bool {
    columns.len() == 1 && columns[0].start() == columns[0].end()
}

fn describe_unnamed(columns: &[RangeInclusive<usize>]) -> String {
    if is_single(columns) {
        return format!("column {} has no name", columns[0].start());
    }
    let listed = columns.iter().take(MOST_LISTED).map(|range| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first} to {last}"),
    });
    let more = if columns.len() > MOST_LISTED { ", …" } else { "" };
    format!("columns {}{more} have no name", listed.collect::<Vec<_>>().join(", "))
}

fn describe_known(columns: usize) -> String {
    if columns == 1 {
        "its only column is not".to_owned()
    } else {
        format!("none of its {columns} columns is")
    }
}

fn advise_on_separator(cause: DelimiterSource, found: Delimiter) -> String {
    match cause {
        DelimiterSource::Option => "leave out --delimiter, which is detected then".to_owned(),
        DelimiterSource::SepLine => "correct the sep= line above it".to_owned(),
        DelimiterSource::Detected => format!("set --delimiter {}", found.typed()),
    }
}

fn suggest(suggestion: Option<&str>) -> String {
    suggestion.map_or(String::new(), |name| format!(" Did you mean '{name}'?"))
}

fn suggest_column(suggestion: Option<&(String, usize)>, columns: &str) -> String {
    match suggestion {
        Some((name, column)) => format!(". Did you mean '{name}' (column {column})?"),
        None if columns.is_empty() => String::new(),
        None => format!(". The columns are {columns}"),
    }
}

/// A column's name as it can be typed in a shell between quotes, or a word for it.
fn name_for_shell(name: &str) -> &str {
    if name.contains(['\'', '\\', '…']) { "COLUMN" } else { name }
}
