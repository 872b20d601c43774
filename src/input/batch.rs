//! Rows that were read and checked, kept so that they can be looked at on another thread while reading goes on.

use super::record::Record;
use super::row::{Checked, Invalid};
use crate::customer::{Place, Places, Values};
use std::ops::Range;

/// Rows in the order in which they were read. Made to be emptied and filled again.
#[derive(Default)]
pub struct Batch {
    /// Their records and what of their values lies elsewhere, one behind the other.
    text: Vec<u8>,
    /// The fields of all records, in their records.
    fields: Vec<Range<usize>>,
    rows: Vec<Kept>,
    /// Where the values of each row lie. Apart from the rows, so that they are found where they stay.
    places: Vec<Places>,
}

/// What is kept of one row, its places aside; ranges are those of the batch.
struct Kept {
    number: u64,
    lines: (u64, u64),
    content: Result<(), Box<Invalid>>,
    record: Range<usize>,
    fields: Range<usize>,
    /// The text in which the values lie.
    values: Range<usize>,
}

impl Batch {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A text that holds the values of all rows, for a look at all of them at once.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The values of each row.
    pub fn values(&self) -> impl Iterator<Item = Values<'_>> {
        let rows = self.rows.iter().zip(&self.places);
        rows.map(|(kept, places)| Values::new(&self.text[kept.values.clone()], places))
    }

    /// Keeps a row with this number, its first line, and its last. `locate` finds its values in the record, or gives what
    /// they are and whether they make an update.
    pub(super) fn keep<'values>(
        &mut self,
        number: u64,
        lines: (u64, u64),
        record: Record<'_>,
        locate: impl FnOnce(&mut Places) -> Option<(Result<(), Box<Invalid>>, Values<'values>)>,
    ) {
        let kept_record = self.keep_text(record.text());
        let fields = self.fields.len()..self.fields.len() + record.len();
        self.fields.extend_from_slice(record.fields);
        let at = self.rows.len();
        self.places.resize(at + 1, [Place::default(); _]);
        let (content, values) = match locate(&mut self.places[at]) {
            None => (Ok(()), kept_record.clone()),
            Some((content, values)) => {
                self.places[at] = *values.places();
                (content, self.keep_text(values.text()))
            }
        };
        self.rows.push(Kept { number, lines, content, record: kept_record, fields, values });
    }

    fn keep_text(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        start..self.text.len()
    }

    /// Takes the rows out, for a look at each.
    pub fn drain(&mut self, mut look: impl FnMut(&Checked<'_>)) {
        for (kept, places) in self.rows.drain(..).zip(&self.places) {
            let Kept { number, lines: (line, last_line), content, record, fields, values } = kept;
            let values = Values::new(&self.text[values], places);
            let record = Record { text: &self.text[record], fields: &self.fields[fields] };
            look(&Checked { number, line, last_line, content, values, record });
        }
        self.text.clear();
        self.fields.clear();
        self.places.clear();
    }
}
