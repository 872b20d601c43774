//! Rewrites the summary and the metrics during a run, on a thread of its own: a slow disk delays no request.

use super::outputs::{Files, Unwritten};
use crate::report::{Document, warn};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// The files that are rewritten during a run.
pub(super) struct Updates {
    /// Dropped to end the thread.
    documents: Option<SyncSender<Document>>,
    thread: Option<JoinHandle<()>>,
}

impl Updates {
    /// Writes the first state at once: a run that crashes in its first seconds has left it.
    ///
    /// # Errors
    /// If no thread can be started. Nothing is written then.
    pub(super) fn start(files: Arc<Files>, first: &Document) -> io::Result<Updates> {
        let (documents, incoming) = sync_channel::<Document>(1);
        let for_thread = Arc::clone(&files);
        let thread = thread::Builder::new().name("summary".to_owned()).spawn(move || {
            let mut has_warned = false;
            for document in incoming {
                has_warned = write(&for_thread, &document, has_warned);
            }
        })?;
        write(&files, first, false);
        Ok(Updates { documents: Some(documents), thread: Some(thread) })
    }

    /// Hands a state over. Where the disk has not yet taken the one before, the state is left out.
    pub(super) fn submit(&self, document: Document) {
        if let Some(documents) = &self.documents {
            let _ = documents.try_send(document);
        }
    }
}

/// Waits for the write under way, so that the end of the run is written after it.
impl Drop for Updates {
    fn drop(&mut self) {
        self.documents = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes the files. Warns once: the run continues, and its end tries again and has an exit code for it.
fn write(files: &Files, document: &Document, has_warned: bool) -> bool {
    let unwritten = files.update(document);
    for Unwritten { option, path, error } in unwritten.iter().filter(|_| !has_warned) {
        warn(format_args!(
            "{option}: cannot write {}: {error}. The run continues and tries again.",
            path.display()
        ));
    }
    has_warned || !unwritten.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::outputs::Outputs;
    use super::super::summary::About;
    use super::*;
    use crate::delivery::{Rate, Tally};
    use crate::report::{Observed, ProgressMode};
    use std::fs;
    use std::path::Path;
    use std::time::SystemTime;

    fn state(attempts: u64) -> Document {
        let about = About {
            workload: None,
            started_at: SystemTime::UNIX_EPOCH,
            origin: "http://127.0.0.1:1",
            rate: Rate::Unlimited,
            input: Path::new("in.csv"),
            result: Path::new("in.result.csv"),
            next_command: None,
        };
        let mut tally = Tally::default();
        tally.attempts = attempts;
        about.running(&tally, &Observed::default())
    }

    #[test]
    fn the_first_state_is_there_at_once_and_the_last_one_before_the_end_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let outputs = Outputs {
            summary: Some(path.clone()),
            metrics: None,
            job_summary: None,
            progress: ProgressMode::Never,
            is_quiet: true,
            is_coloured: false,
            is_dumb: true,
            go_on: None,
            failures: None,
        };
        let attempts = || {
            let text = fs::read_to_string(&path).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["attempts"]["total"].as_u64()
        };
        let files = outputs.open(Path::new("in.csv"), Path::new("in.result.csv"));
        let updates = Updates::start(Arc::new(files.unwrap()), &state(0)).unwrap();
        assert_eq!(attempts(), Some(0));
        updates.submit(state(7));
        drop(updates);
        assert_eq!(attempts(), Some(7));
    }
}
