//! Makes records durable: group commit on a thread of its own. While one batch is on its way to the disk the
//! next one gathers.

use super::Error;
use super::file::io_error;
use crate::input::Snapshot;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Where records become durable. One batch is under way at most.
pub trait Log {
    /// Hands over a batch of whole lines. Only when no other is under way.
    fn submit(&mut self, batch: Vec<u8>);

    /// Ready when the batch is durable, with its buffer back for the next.
    ///
    /// # Errors
    /// The first failed write or sync. Nothing after it is trusted: the log takes no further batch.
    fn poll_durable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>>;
}

/// The storage behind the writer.
pub trait Storage: Send + 'static {
    /// Appends all bytes.
    ///
    /// # Errors
    /// The error of the system; some of the bytes may be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended survive a power cut.
    ///
    /// # Errors
    /// The error of the system; bytes appended since the last success may be lost.
    fn sync(&mut self) -> io::Result<()>;
}

/// The result file as the writer owns it. Each write and each sync makes sure that nobody else has written to the file
/// since the writer's own last write, and each sync that it is still the one at its path: a record in a file that was
/// removed, replaced, emptied or overwritten meanwhile is none. Two writes within one tick of the file system's clock
/// that keep the length cannot be distinguished.
///
/// After a failed fdatasync the file is truncated to the last synced length: the page cache may still show records that never
/// reach the disk. A later run must not treat them as done, nor append after a hole.
pub struct OwnFile {
    path: PathBuf,
    file: File,
    /// The file as the last write of our own left it.
    left: Snapshot,
    /// The length that is on the disk.
    synced: u64,
}

impl OwnFile {
    /// Takes the file that [`super::ResultFile::begin`] has made ready.
    ///
    /// # Errors
    /// If its length cannot be read.
    pub fn new(path: PathBuf, file: File) -> Result<OwnFile, Error> {
        let left = file.metadata().map(|own| Snapshot::of(&own));
        let left = left.map_err(io_error(&path, "cannot read the properties of the result file"))?;
        Ok(OwnFile { path, file, left, synced: left.length() })
    }

    fn is_as_left(&self, own: &Metadata) -> bool {
        Snapshot::of(own) == self.left
    }

    fn is_at_its_path(&self, own: &Metadata) -> bool {
        fs::symlink_metadata(&self.path)
            .is_ok_and(|there| (own.dev(), own.ino()) == (there.dev(), there.ino()))
    }

    /// Cuts off what was not synced, if that is all ours. The disk fails already: nothing more can be done if this
    /// fails too.
    fn take_back(&self) {
        if self.file.metadata().is_ok_and(|own| self.is_as_left(&own) && self.is_at_its_path(&own)) {
            let _ = self.file.set_len(self.synced);
        }
    }
}

impl Storage for OwnFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.is_as_left(&self.file.metadata()?) {
            return Err(changed());
        }
        self.file.write_all(bytes)?;
        let length = self.left.length() + bytes.len() as u64;
        self.left = Snapshot::of(&self.file.metadata()?);
        if self.left.length() == length { Ok(()) } else { Err(changed()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data().inspect_err(|_| self.take_back())?;
        let own = self.file.metadata()?;
        if !self.is_at_its_path(&own) {
            return Err(io::Error::other("the file was removed or replaced while the run wrote to it"));
        }
        if !self.is_as_left(&own) {
            return Err(changed());
        }
        self.synced = self.left.length();
        Ok(())
    }
}

fn changed() -> io::Error {
    io::Error::other("the file was changed by another program while the run wrote to it")
}

/// The one owner of the result file while a run goes on.
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
                // Nobody listens after a stop at once: the batch is durable all the same.
                let _ = done.send(outcome.map(|()| batch));
                if failed {
                    // After a failed sync the kernel may call lost pages clean: a later success proves nothing.
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
            // A thread that has ended shows in `poll_durable`.
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

/// Waits for the batch under way, so that the lock is not given up under it.
impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
