//! How far a command has read, on a terminal: one line that is written over, and gone at the end.

use crate::text::grouped;
use std::io::{self, IsTerminal, Write};

/// Rows between two drawings (chosen).
const ROWS: u64 = 50_000;

/// Counts rows.
pub struct RowTicker {
    what: &'static str,
    rows: u64,
    is_terminal: bool,
}

impl RowTicker {
    /// Begins to count; `what` follows the number of rows.
    #[must_use]
    pub fn new(what: &'static str) -> RowTicker {
        RowTicker { what, rows: 0, is_terminal: io::stderr().is_terminal() }
    }

    /// Counts a row.
    pub fn count(&mut self) {
        self.rows += 1;
        if self.is_terminal && self.rows.is_multiple_of(ROWS) {
            self.draw(&format!("{} rows {}", grouped(self.rows), self.what));
        }
    }

    /// What cannot be written is left out.
    fn draw(&self, text: &str) {
        let _ = write!(io::stderr().lock(), "\r\u{1b}[K{text}");
    }
}

impl Drop for RowTicker {
    fn drop(&mut self) {
        if self.is_terminal && self.rows >= ROWS {
            self.draw("");
        }
    }
}
