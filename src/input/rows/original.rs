//! Rows as they stand in the input, for a command that writes them again.

use super::Rows;

/// A row as it stands in the input, valid or not, in UTF-8 but for bytes that are no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Original<'rows> {
    /// Its cells, without the quotes around them: as many as there are columns, or not.
    Cells(Vec<&'rows [u8]>),
    /// All of its text: its quotes, line breaks or delimiters are not where they must be, so nobody knows its cells.
    Text(&'rows [u8]),
}

impl Rows {
    /// The names of the columns as they stand in the input.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.iter()
    }

    /// The row that was read last, as it stands in the input.
    #[must_use]
    pub fn original(&self) -> Original<'_> {
        let record = self.records.record();
        let is_shifted =
            || record.len() == self.header.width() && self.header.column_without_name(record).is_some();
        if self.records.is_well_quoted() && !self.records.is_broken() && !is_shifted() {
            Original::Cells(record.iter().collect())
        } else {
            Original::Text(record.text())
        }
    }
}
