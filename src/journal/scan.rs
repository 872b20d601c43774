//! Reads a result file into marks.

use super::reader::{Records, Tail};
use super::{Error, Marks, RecordRef};
use crate::customer::Fingerprint;
use std::io::Read;
use std::path::Path;

/// The part of a record that a mark keeps, to be compared with the input's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Its fingerprint, which takes the key to compare.
    Fingerprint,
    /// Its ids ([`super::identity`]).
    Identity,
}

impl Keep {
    /// The part of `record` that is kept.
    #[must_use]
    pub fn of(self, record: &RecordRef<'_>) -> Fingerprint {
        match self {
            Keep::Identity => record.identity(),
            Keep::Fingerprint => record.fingerprint(),
        }
    }
}

/// Reads every record into marks. The file itself is not touched.
///
/// # Errors
/// [`Error::Damaged`] if anything but the tail is no record, [`Error::Io`] if it cannot be read.
pub fn scan(path: &Path, file: impl Read, keep: Keep) -> Result<(Marks, Tail), Error> {
    let mut records = Records::new(path, file);
    let mut marks = Marks::default();
    while let Some(record) = records.next_record()? {
        marks.set_at(record.place(), record.row(), record.status(), keep.of(&record));
    }
    Ok((marks, records.tail()))
}
