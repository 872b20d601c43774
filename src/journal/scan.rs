//! Reads a result file into marks.

use super::reader::{Records, Tail};
use super::{Error, Marks, RecordRef};
use crate::customer::Fingerprint;
use std::io::Read;
use std::path::Path;

/// The part of a record that a mark keeps for the comparison with the row of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Its fingerprint, which can only be compared with the API key.
    Fingerprint,
    /// Its ids ([`super::identity`]).
    Identity,
}

impl Keep {
    /// The part of `record` that its mark keeps.
    #[must_use]
    pub fn of(self, record: &RecordRef<'_>) -> Fingerprint {
        match self {
            Keep::Identity => record.identity(),
            Keep::Fingerprint => record.fingerprint(),
        }
    }
}

/// Reads every record into marks. The file stays unchanged.
///
/// # Errors
/// [`Error::Damaged`] if a line before the tail is not a record, [`Error::Io`] if the file cannot be read.
pub fn scan(path: &Path, file: impl Read, keep: Keep) -> Result<(Marks, Tail), Error> {
    let mut records = Records::new(path, file);
    let mut marks = Marks::default();
    while let Some(record) = records.next_record()? {
        marks.set_at(record.position(), record.row(), record.status(), keep.of(&record));
    }
    Ok((marks, records.tail()))
}
