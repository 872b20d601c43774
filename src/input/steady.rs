//! A file that must not change under the run: every read makes sure of it. Read to its new end, a file that was cut
//! short would give a part of a value for the whole.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::time::SystemTime;

/// What a file is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot {
    length: u64,
    modified: Option<SystemTime>,
}

impl Snapshot {
    pub(super) fn of(metadata: &Metadata) -> Snapshot {
        Snapshot { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Marks the error of a file that has changed among the system's own errors.
#[derive(Debug, thiserror::Error)]
#[error("the file has changed")]
pub(super) struct Changed;

/// Reads a file as long as it is what it was.
pub(super) struct SteadyFile {
    file: File,
    snapshot: Snapshot,
}

impl SteadyFile {
    pub(super) fn new(file: File, snapshot: Snapshot) -> SteadyFile {
        SteadyFile { file, snapshot }
    }
}

impl Read for SteadyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        // Looked at after the read: what was read may have been the change.
        if Snapshot::of(&self.file.metadata()?) == self.snapshot {
            Ok(read)
        } else {
            Err(io::Error::other(Changed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_changes_is_not_read_on() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one two").unwrap();
        let snapshot = Snapshot::of(&file.as_file().metadata().unwrap());
        let mut steady = SteadyFile::new(file.reopen().unwrap(), snapshot);
        assert_eq!(steady.read(&mut [0; 4]).unwrap(), 4);
        file.as_file().set_len(5).unwrap();
        let error = steady.read(&mut [0; 4]).unwrap_err();
        assert!(error.get_ref().unwrap().is::<Changed>());
    }
}
