//! A file that must not change during the run. Every read checks it: a file that was truncated would end within a value, and
//! that part would be sent as the whole.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

/// The state of a file. Programs can set the time of the last write back, but not the time of the last change (ctime).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    device: u64,
    inode: u64,
    length: u64,
    /// In seconds and nanoseconds, as is `changed`.
    written: (i64, i64),
    changed: (i64, i64),
}

impl Snapshot {
    /// The file as it is now.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Snapshot {
        Snapshot {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The length of the file in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// Marks the error of a file that has changed among the system's own errors.
#[derive(Debug, thiserror::Error)]
#[error("the file has changed")]
pub struct Changed;

/// Reads a file from its start as long as it is what it was. Each reader has an offset of its own: copies of a
/// descriptor share the system's offset, and two readers would take each other's bytes.
pub struct SteadyFile {
    file: File,
    offset: u64,
    snapshot: Snapshot,
}

impl SteadyFile {
    pub fn new(file: File, snapshot: Snapshot) -> SteadyFile {
        SteadyFile { file, offset: 0, snapshot }
    }
}

impl Read for SteadyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        // Checked after the read, which may have read the change.
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
    use std::io::{Seek, Write};

    #[test]
    fn two_readers_of_one_descriptor_each_read_all_of_it() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one two").unwrap();
        let snapshot = Snapshot::of(&file.as_file().metadata().unwrap());
        let reader = || SteadyFile::new(file.as_file().try_clone().unwrap(), snapshot);
        let (mut one, mut other) = (reader(), reader());
        let mut read = [0; 4];
        one.read_exact(&mut read).unwrap();
        assert_eq!(std::io::read_to_string(&mut other).unwrap(), "one two");
        assert_eq!(std::io::read_to_string(&mut one).unwrap(), "two");
    }

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

    #[test]
    fn an_edit_of_the_same_length_is_noticed_although_its_time_is_put_back() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one two").unwrap();
        let metadata = file.as_file().metadata().unwrap();
        let mut steady = SteadyFile::new(file.reopen().unwrap(), Snapshot::of(&metadata));
        // Until the clock of the file system has gone on.
        while file.as_file().metadata().unwrap().ctime_nsec() == metadata.ctime_nsec() {
            file.rewind().unwrap();
            file.write_all(b"two one").unwrap();
            file.as_file().set_modified(metadata.modified().unwrap()).unwrap();
        }
        let now = file.as_file().metadata().unwrap();
        assert_eq!((now.len(), now.modified().unwrap()), (7, metadata.modified().unwrap()));
        assert!(steady.read(&mut [0; 4]).is_err());
    }
}
