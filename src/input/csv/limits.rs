//! The limits of a field, and the message for a longer field.

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
    /// Whether it begins with a NUL, which no text does.
    pub is_padding: bool,
}

impl fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooLong { line, column, limit, is_padding } = self;
        match column {
            Some(column) => write!(formatter, "line {line}: column {column}: the field that begins here ")?,
            None => write!(formatter, "line {line}: the record that begins here ")?,
        }
        let option = match limit {
            Limit::Bytes(most) => {
                write!(formatter, "is longer than {most} bytes")?;
                "--max-field-size"
            }
            Limit::Lines(most) => {
                write!(formatter, "spans more than {most} lines")?;
                "--max-field-lines"
            }
        };
        if *is_padding {
            return formatter.write_str(
                ": it is of NUL characters, with which the file was padded or which stand for what was never written. Take \
                 them out, or export it once more",
            );
        }
        write!(
            formatter,
            ": most likely a quote is opened there and not closed. Close it or double it. If the text is meant to be so \
             long, raise {option}"
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
