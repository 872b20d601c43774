//! The faults of a header, each with a message that says what to do.

use crate::customer::Parameter;
use crate::input::source::Delimiter;
use std::ops::RangeInclusive;

/// The most of a kind that are listed.
pub const MOST_LISTED: usize = 30;

/// Why a header cannot be used. Names from the file are made harmless.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum HeaderFault {
    /// A column that is no parameter.
    #[error(
        "column {column} ('{name}') is not a parameter of the API{} Rename it, map it with --map '{}={}', or leave \
         it out with --ignore-column",
        hint(*suggestion, *is_first), typable(name), suggestion.unwrap_or("PARAMETER")
    )]
    Unknown {
        /// Counted from 1.
        column: usize,
        /// The name as it is written in the header.
        name: String,
        /// The nearest parameter, if one is near.
        suggestion: Option<&'static str>,
        /// Whether it is the first one to which none is near: the parameters are listed once.
        is_first: bool,
    },
    /// Two columns for one parameter.
    #[error(
        "columns {first} and {second}{} are both '{parameter}': keep one of them{}",
        quote_both(names), if names.is_some() { ", or leave one out with --ignore-column" } else { "" }
    )]
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
        "column {column} ('{name}') and {origin} both give '{parameter}': take the constant away, or leave the \
         column out with --ignore-column"
    )]
    ColumnAndConstant {
        /// Counted from 1.
        column: usize,
        /// The name as it is written in the header.
        name: String,
        /// The parameter.
        parameter: &'static str,
        /// Where the constant was set.
        origin: String,
    },
    /// A column that has a rule and is missing.
    #[error("{origin}: there is no column '{name}'{}", nearest_column(suggestion.as_ref(), columns))]
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
        "{}: name {them} after {}, delete {them}, or leave {them} out with --ignore-unknown-columns",
        nameless(columns), if is_one(columns) { "a parameter of the API" } else { "parameters of the API" },
        them = if is_one(columns) { "it" } else { "them" }
    )]
    Empty {
        /// Counted from 1, neighbours together.
        columns: Vec<RangeInclusive<usize>>,
    },
    /// No column is known: these are values.
    #[error(
        "the first line does not look like a header: {} known, so that its words may be values and are not shown. If they \
         are values, put a line above that names the columns. If it is the header, rename its columns to parameters of the \
         API ({}) or map them with --map 'COLUMN=PARAMETER'. If it stands above the header, leave it out with --skip-lines",
        none_of(*columns), Parameter::ALL.map(Parameter::name).join(", ")
    )]
    NoHeader {
        /// How many there are.
        columns: usize,
    },
    /// The header is another line.
    #[error(
        "the first line does not look like a header, and line {line} does: leave the lines above that out with \
         --skip-lines {}, or delete them", line - 1
    )]
    HeaderBelow {
        /// Counted from 1.
        line: u64,
    },
    /// Faults that are counted only.
    #[error("{count} more of these are not listed")]
    More {
        /// How many.
        count: usize,
    },
    /// No column names the customer.
    #[error(
        "no column names the customer: one must be customer_id or subscription_id. If it has another name, map it: \
         --map 'COLUMN=customer_id'"
    )]
    NoLookup,
    /// No column holds something to set.
    #[error("no column holds a field to set, such as email or zip: there would be nothing to send")]
    NoField,
    /// A quote that does not enclose a whole name.
    #[error(
        "the header has a stray quote or one that is not closed{}: {}",
        taken_in(*last_line), quote_advice(*blank, "name")
    )]
    StrayQuote {
        /// The column, from 1, in which only a blank keeps a quote from enclosing the name.
        blank: Option<usize>,
        /// Up to which line it takes in the rows behind it, if it does.
        last_line: Option<u64>,
    },
    /// A header that is not divided at all, most likely by a wrong delimiter.
    #[error(
        "the header is one column ('{name}') where {delimiter} is what stands between two, and that is not a parameter \
         of the API: say with --delimiter what divides it, or leave --delimiter or a sep= line out that is wrong"
    )]
    OneColumn {
        /// All of it.
        name: String,
        /// The delimiter that was given or found.
        delimiter: Delimiter,
    },
    /// There is a header and nothing else.
    #[error("the file has a header and no rows: there is nothing to do")]
    NoRows,
    /// A column of an ordinary input among those of a plan.
    #[error(
        "column {column} is '{parameter}', and this is a plan (it has set: or was: columns): rename it to \
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
        "column {column} ('{name}') is no column of a plan (this is one: it has set: or was: columns){} Rename it, delete \
         it, or leave it out with --ignore-column", did_you_mean(suggestion.as_deref())
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
    #[error("columns {first} and {second} are both '{name}': keep one of them")]
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
        "this is a plan (it has set: or was: columns) without the column {name}, which proves that its rows are as they \
         were planned: take the file as 'offerit-sync plan' wrote it, or make it anew"
    )]
    LacksOfPlan {
        /// The column.
        name: &'static str,
    },
    /// An option that does not apply to a plan.
    #[error(
        "{option} does not apply to a plan, which has the values as they are sent (this is one: it has set: or was: \
         columns): leave the option out"
    )]
    NotForPlan {
        /// The option, as it was typed.
        option: String,
    },
}

fn taken_in(last_line: Option<u64>) -> String {
    last_line.map_or(String::new(), |line| format!(", which takes in all up to line {line}"))
}

/// The advice for a quote that does not enclose a whole name or field: `what`. `blank` is the column in which only a blank
/// keeps the quote from enclosing it.
pub fn quote_advice(blank: Option<usize>, what: &str) -> String {
    match blank {
        Some(column) => format!(
            "a blank stands beside the quote in column {column}. Take the blanks between quotes and delimiters out"
        ),
        None => format!("enclose the whole {what} in quotes and double those inside it"),
    }
}

fn is_one(columns: &[RangeInclusive<usize>]) -> bool {
    columns.len() == 1 && columns[0].start() == columns[0].end()
}

fn nameless(columns: &[RangeInclusive<usize>]) -> String {
    if is_one(columns) {
        return format!("column {} has no name", columns[0].start());
    }
    let listed = columns.iter().take(MOST_LISTED).map(|range| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first} to {last}"),
    });
    let more = if columns.len() > MOST_LISTED { ", …" } else { "" };
    format!("columns {}{more} have no name", listed.collect::<Vec<_>>().join(", "))
}

fn none_of(columns: usize) -> String {
    if columns == 1 {
        "its only column is not".to_owned()
    } else {
        format!("none of its {columns} columns is")
    }
}

fn hint(suggestion: Option<&str>, is_first: bool) -> String {
    match suggestion {
        Some(name) => format!(": did you mean '{name}'?"),
        None if is_first => {
            format!(": the parameters are {}.", Parameter::ALL.map(Parameter::name).join(", "))
        }
        None => ", see the list above.".to_owned(),
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or(".".to_owned(), |name| format!(": did you mean '{name}'?"))
}

fn quote_both(names: &Option<(String, String)>) -> String {
    names.as_ref().map_or(String::new(), |(one, other)| format!(" ('{one}' and '{other}')"))
}

fn nearest_column(suggestion: Option<&(String, usize)>, columns: &str) -> String {
    match suggestion {
        Some((name, column)) => format!(": did you mean '{name}' (column {column})?"),
        None if columns.is_empty() => String::new(),
        None => format!(": the columns are {columns}"),
    }
}

/// A column's name as it can be typed in a shell between quotes, or a word for it.
fn typable(name: &str) -> &str {
    if name.contains(['\'', '\\', '…']) { "COLUMN" } else { name }
}
