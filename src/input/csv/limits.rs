//! The limits of a field, and the message for a field beyond them.

use crate::text::counted;
use std::fmt;

/// The limits of a field. A quote that is never closed would make one field of the rest of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest field in bytes as it is written, its quotes included. Chosen: far above any value of a customer.
    pub bytes: usize,
    /// The most lines a field may span. Chosen.
    pub lines: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 1024 * 1024, lines: 100 }
    }
}

/// A field or record beyond the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong {
    /// The line on which it begins.
    pub line: u64,
    /// The column of the field, from 1; none if it is the record as a whole.
    pub column: Option<usize>,
    /// The limit it breaks.
    pub limit: Limit,
    /// Whether it begins with a NUL: no text does.
    pub is_padding: bool,
}

impl fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooLong { line, column, limit, is_padding } = self;
        match column {
            Some(column) => write!(formatter, "line {line}, column {column}: the cell that begins here ")?,
            None => write!(formatter, "line {line}: the row that begins here ")?,
        }
        let option = match limit {
            Limit::Bytes(most) => {
                write!(formatter, "is longer than {}", counted(*most as u64, "byte"))?;
                "--max-field-size"
            }
            Limit::Lines(most) => {
                write!(formatter, "spans more than {}", counted(*most, "line"))?;
                "--max-field-lines"
            }
        };
        if *is_padding {
            return formatter.write_str(
                ". It is of NUL characters: the file was padded with them or not written completely. Export it again",
            );
        }
        write!(
            formatter,
            ". Probably a quote is opened there and never closed: close it or double it. If the text really is that long, \
             raise {option}"
        )
    }
}

/// A limit of a field or a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// In bytes.
    Bytes(usize),
    /// In lines.
    Lines(u64),
}
