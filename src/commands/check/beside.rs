//! The linter beside the reader, on a thread of its own: reading takes one core, looking at what was read another.

use super::linter::Linter;
use crate::input::Batch;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// So many rows are handed over together.
const ROWS: usize = 1024;

/// Or fewer, if they are as long as this, in bytes.
const TEXT: usize = 256 * 1024;

/// So many batches may be full and not looked at yet.
const AHEAD: usize = 2;

/// Gives rows to a linter.
pub(super) struct Beside {
    batch: Batch,
    /// To the thread of the linter, and back from it what is empty again.
    full: SyncSender<Batch>,
    empty: Receiver<Batch>,
    thread: JoinHandle<Linter>,
}

impl Beside {
    /// Starts the thread.
    ///
    /// # Errors
    /// If there is none to be had.
    pub(super) fn start(mut linter: Linter) -> io::Result<Beside> {
        let (full, to_look_at) = sync_channel::<Batch>(AHEAD);
        let (looked_at, empty) = sync_channel(AHEAD + 1);
        let thread = thread::Builder::new().name("linter".to_owned()).spawn(move || {
            for mut batch in to_look_at {
                linter.look_at(&mut batch);
                // Nobody takes the last ones.
                let _ = looked_at.try_send(batch);
            }
            linter
        })?;
        Ok(Beside { batch: Batch::default(), full, empty, thread })
    }

    /// Where the next row goes.
    pub(super) fn batch(&mut self) -> &mut Batch {
        if self.batch.len() == ROWS || self.batch.text().len() >= TEXT {
            self.hand_over();
        }
        &mut self.batch
    }

    #[inline(never)]
    fn hand_over(&mut self) {
        let next = self.empty.try_recv().unwrap_or_default();
        // If the thread has ended, it has panicked, and that shows in the end.
        let _ = self.full.send(std::mem::replace(&mut self.batch, next));
    }

    /// The linter, when it has looked at all rows.
    pub(super) fn finish(mut self) -> Linter {
        self.hand_over();
        drop(self.full);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
