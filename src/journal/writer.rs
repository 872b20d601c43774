//! Makes records durable: group commit on a separate thread. While one batch is on its way to the disk, the next batch
//! gathers.

use super::file::io_error;
use super::{CANNOT_STAT, Error};
use crate::input::Snapshot;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A log that makes records durable. At most one batch is under way.
pub trait Log {
    /// Submits a batch of whole lines. Only called when no batch is under way.
    fn submit(&mut self, batch: Vec<u8>);

    /// Ready when the batch is durable. Returns the emptied buffer of the batch.
    ///
    /// # Errors
    /// The first failed write or sync. The log accepts no batch after an error, because the state of the file is unknown.
    fn poll_durable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>>;
}

/// The storage that the writer appends to.
pub trait Storage: Send + 'static {
    /// Appends all bytes.
    ///
    /// # Errors
    /// The error of the system; some of the bytes may be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes all appended bytes survive a power cut.
    ///
    /// # Errors
    /// The error of the system; bytes appended since the last success may be lost.
    fn sync(&mut self) -> io::Result<()>;
}

/// The result file that this run writes. Each write and each sync checks that no other program has written to the file since
/// the last write, and each sync checks that the file is still at its path. So a record in a file that was removed, replaced,
/// emptied or overwritten is never reported as durable. A foreign write within one tick of the file system's clock that keeps
/// the length is not detected.
///
/// After a failed fdatasync the file is truncated to the last synced length: the page cache may still show records that never
/// reach the disk. A later run must not treat these records as done, nor append after a hole.
pub struct OwnFile {
    path: PathBuf,
    file: File,
    /// The properties of the file after the last write of this run.
    left: Snapshot,
    /// The synced length in bytes.
    synced: u64,
}

impl OwnFile {
    /// Takes over the file that [`super::ResultFile::begin`] has prepared.
    ///
    /// # Errors
    /// If the properties of the file cannot be read.
    pub fn new(path: PathBuf, file: File) -> Result<OwnFile, Error> {
        let left = file.metadata().map(|own| Snapshot::of(&own));
        let left = left.map_err(io_error(&path, CANNOT_STAT))?;
        Ok(OwnFile { path, file, left, synced: left.length() })
    }

    fn is_unchanged(&self, own: &Metadata) -> bool {
        Snapshot::of(own) == self.left
    }

    fn is_at_its_path(&self, own: &Metadata) -> bool {
        fs::symlink_metadata(&self.path)
            .is_ok_and(|there| (own.dev(), own.ino()) == (there.dev(), there.ino()))
    }

    /// Truncates the file to its synced length, unless another program has changed the file. An error is ignored: the disk has
    /// failed already.
    fn truncate_unsynced(&self) {
        if self.file.metadata().is_ok_and(|own| self.is_unchanged(&own) && self.is_at_its_path(&own)) {
            let _ = self.file.set_len(self.synced);
        }
    }
}

impl Storage for OwnFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.is_unchanged(&self.file.metadata()?) {
            return Err(changed_error());
        }
        self.file.write_all(bytes)?;
        let length = self.left.length() + bytes.len() as u64;
        self.left = Snapshot::of(&self.file.metadata()?);
        if self.left.length() == length { Ok(()) } else { Err(changed_error()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data().inspect_err(|_| self.truncate_unsynced())?;
        let own = self.file.metadata()?;
        if !self.is_at_its_path(&own) {
            return Err(io::Error::other("the file was removed or replaced while the run wrote to it"));
        }
        if !self.is_unchanged(&own) {
            return Err(changed_error());
        }
        self.synced = self.left.length();
        Ok(())
    }
}

fn changed_error() -> io::Error {
    io::Error::other("the file was changed by another program while the run wrote to it")
}

/// Writes the result file during a run, on a thread that owns the file.
pub struct Writer {
    /// Dropped to end the thread.
    batches: Option<SyncSender<Vec<u8>>>,
    durable: UnboundedReceiver<io::Result<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that owns `storage`.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(mut storage: impl Storage) -> io::Result<Writer> {
        let (batches, incoming) = sync_channel::<Vec<u8>>(1);
        let (done, durable) = unbounded_channel();
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            for mut batch in incoming {
                let outcome = storage.append(&batch).and_then(|()| storage.sync());
                let failed = outcome.is_err();
                batch.clear();
                // The receiver is gone after an immediate stop. The batch is durable nevertheless.
                let _ = done.send(outcome.map(|()| batch));
                if failed {
                    // After a failed sync the kernel may mark lost pages as clean, so a later success proves nothing.
                    return;
                }
            }
        })?;
        Ok(Writer { batches: Some(batches), durable, thread: Some(thread) })
    }
}

impl Log for Writer {
    fn submit(&mut self, batch: Vec<u8>) {
        if let Some(batches) = &self.batches {
            // `poll_durable` reports a thread that has ended.
            let _ = batches.send(batch);
        }
    }

    fn poll_durable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        self.durable.poll_recv(context).map(|outcome| {
            outcome.unwrap_or_else(|| {
                Err(io::Error::other("the thread that writes the result file ended unexpectedly"))
            })
        })
    }
}

/// Waits for the batch under way, so that the lock of the file lasts until the batch is durable.
impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
