//! One record of a CSV as its reader holds it.

use super::lines;
use super::written::WrittenFields;

/// The record read last.
#[derive(Clone, Copy)]
pub struct Record<'records> {
    /// Its text as it is written, without the line end.
    pub text: &'records [u8],
    pub delimiter: u8,
    /// Its cells without their quotes, one after the other.
    pub cells: &'records [u8],
    /// Where each cell ends in `cells`.
    pub ends: &'records [usize],
}

impl<'records> Record<'records> {
    /// How many fields it has: at least one.
    pub fn len(self) -> usize {
        self.ends.len()
    }

    /// The line below its first, and the characters of that line, that precede a field (from 0).
    pub fn place(self, index: usize) -> Option<(u64, usize)> {
        let field = WrittenFields::new(self.text, self.delimiter).nth(index)?;
        // The place of the value, not of its quote.
        let is_quoted = self.text.get(field.start) == Some(&b'"');
        let before = &self.text[..field.start + usize::from(is_quoted)];
        let line_start = memchr::memrchr2(b'\n', b'\r', before).map_or(0, |at| at + 1);
        let characters = before[line_start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        Some((lines::ended(before), characters))
    }

    /// Its text as it is written, without the line end.
    pub fn text(self) -> &'records [u8] {
        self.text
    }

    /// A cell (from 0) without the quotes around it.
    pub fn cell(self, index: usize) -> Option<&'records [u8]> {
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        Some(&self.cells[start..*self.ends.get(index)?])
    }

    /// The bytes of all cells from a number (from 0) on.
    pub fn cells_from(self, index: usize) -> &'records [u8] {
        let start = if index == 0 { Some(&0) } else { self.ends.get(index - 1) };
        start.map_or(&[], |start| &self.cells[*start..])
    }

    /// The column, from 1, whose quotes would enclose the whole field if there were no blank beside them. For a record
    /// with a stray quote.
    pub fn blank_beside_quote(self) -> Option<usize> {
        let has_blank = |field: &[u8]| {
            let text = String::from_utf8_lossy(field);
            let bare = text.trim();
            bare.starts_with('"')
                && (text.starts_with(char::is_whitespace) || bare.ends_with('"') && *bare != *text)
        };
        let mut fields = WrittenFields::new(self.text, self.delimiter);
        fields.position(|field| has_blank(&self.text[field])).map(|index| index + 1)
    }

    /// Its cells, without the quotes around them.
    pub fn iter(self) -> impl Iterator<Item = &'records [u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| &self.cells[std::mem::replace(&mut start, *end)..*end])
    }

    /// Its cells as [`Record::iter`] gives them, as text; the bytes of a cell that is not valid UTF-8.
    pub fn texts(self) -> impl Iterator<Item = Result<&'records str, &'records [u8]>> {
        // To check all cells at once is faster, but a character may begin in one cell and end in the next.
        let all = std::str::from_utf8(self.cells).ok();
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let range = std::mem::replace(&mut start, *end)..*end;
            let cell = &self.cells[range.clone()];
            all.and_then(|all| all.get(range)).map_or_else(|| std::str::from_utf8(cell).map_err(|_| cell), Ok)
        })
    }
}
