//! One record of a CSV as it lies in the buffer of its reader.

use super::lines;
use std::ops::Range;

/// The record read last, as it lies in the buffer.
#[derive(Clone, Copy)]
pub(super) struct Record<'buffer> {
    pub(super) text: &'buffer [u8],
    pub(super) fields: &'buffer [Range<usize>],
}

impl<'buffer> Record<'buffer> {
    /// How many fields it has: at least one.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// On which line below its first a field begins, and how many characters of that line stand before it.
    pub(super) fn place(self, index: usize) -> Option<(u64, usize)> {
        let start = self.fields.get(index)?.start;
        let below = self.fields[..index].iter().map(|field| lines::ended(&self.text[field.clone()])).sum();
        let before = &self.text[..start];
        let line_start = memchr::memrchr2(b'\n', b'\r', before).map_or(0, |at| at + 1);
        Some((below, before[line_start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count()))
    }

    /// All of it.
    pub(super) fn text(self) -> &'buffer [u8] {
        self.text
    }

    /// A field (from 0), without the quotes around it, and where it begins.
    #[inline]
    pub(super) fn field(self, index: usize) -> Option<(usize, &'buffer [u8])> {
        let field = self.fields.get(index)?;
        Some((field.start, &self.text[field.clone()]))
    }

    /// The column, from 1, whose quotes would enclose the whole field but for a blank before or behind them. Of a record
    /// whose quotes are not where they must be.
    pub(super) fn blank_beside_quote(self) -> Option<usize> {
        let is_such = |field: &[u8]| {
            let text = String::from_utf8_lossy(field);
            let bare = text.trim();
            bare.starts_with('"')
                && (text.starts_with(char::is_whitespace) || bare.ends_with('"') && *bare != *text)
        };
        self.iter().position(is_such).map(|index| index + 1)
    }

    /// Its fields, without the quotes around them.
    pub(super) fn iter(self) -> impl Iterator<Item = &'buffer [u8]> {
        self.fields.iter().map(move |field| &self.text[field.clone()])
    }
}
