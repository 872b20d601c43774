//! What a run finds out before anything is sent, on a thread of its own: a long result file and a long input take a while
//! to read, and a signal in that time ends the run without waiting for it.

use super::delta::{Delta, Since};
use super::survey::{self, Refused, Terms};
use super::{MaxInvalid, cannot_start};
use crate::commands::plan_input::say_ignored_keys;
use crate::commands::shard::refuse_split_customers;
use crate::commands::signals::Signals;
use crate::customer::FingerprintKey;
use crate::delivery::Interrupt;
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Rows};
use crate::journal::{Existing, ResultFile};
use crate::report::say_preparing;
use crate::resume::{Done, Shard, Workload};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;
use tokio::sync::oneshot;

/// What is to be read, and how.
pub(super) struct Preparation {
    pub input: Input,
    pub result: PathBuf,
    pub existing: Existing,
    pub since: Option<Since>,
    pub shard: Option<Shard>,
    pub key: FingerprintKey,
    pub accept_changed_input: bool,
    pub max_invalid: Option<MaxInvalid>,
    pub is_strict: bool,
    pub is_quiet: bool,
}

/// What it came to.
pub(super) struct Prepared {
    pub input: Input,
    pub file: ResultFile,
    pub key: FingerprintKey,
    /// `None` for a stream.
    pub workload: Option<Workload>,
    pub done: Done,
    pub rows: Rows,
}

impl Preparation {
    /// Prepares, unless an interrupt comes first. Answers each request for progress with one line.
    ///
    /// # Errors
    /// If the run does not begin.
    pub(super) async fn unless(self, signals: &mut Signals) -> Result<Prepared, Refused> {
        let (sender, mut finished) = oneshot::channel();
        let name = self.input.path().display().to_string();
        let work = move || {
            // If nobody listens any more, the process is about to end.
            let _ = sender.send(self.prepare());
        };
        let thread =
            thread::Builder::new().name("preparation".to_owned()).spawn(work).map_err(cannot_start)?;
        loop {
            tokio::select! {
                biased;
                Some(interrupt) = signals.interrupts.recv() => return Err(interrupted(interrupt)),
                Some(()) = signals.progress_requests.recv() => say_preparing(&name),
                prepared = &mut finished => return match (prepared, thread) {
                    (Ok(prepared), _) => prepared,
                    // It has panicked.
                    (Err(_), thread) => match thread.join() {
                        Err(panic) => resume_unwind(panic),
                        Ok(()) => Err(Failure::fault("internal error: the preparation of the run ended without a result").into()),
                    },
                },
            }
        }
    }

    fn prepare(self) -> Result<Prepared, Refused> {
        let Preparation { input, result, key, is_quiet, .. } = self;
        if let Some(shard) = self.shard {
            refuse_split_customers(&input, shard)?;
        }
        let (file, marks) = ResultFile::open(&result, self.existing).map_err(Failure::from)?;
        let since = self.since.map(|since| Delta::read(since, &result));
        let terms = Terms {
            shard: self.shard,
            key: &key,
            result: &result,
            accepts_changed_input: self.accept_changed_input,
            max_invalid: self.max_invalid,
            is_strict: self.is_strict,
            is_quiet,
        };
        let (workload, done) = survey::look(&input, marks, since.transpose()?, &terms)?;
        let rows = survey::rows_to_send(&input, workload.as_ref())?;
        if input.is_stream() && !is_quiet {
            say_ignored_keys(&input, &rows);
        }
        Ok(Prepared { input, file, key, workload, done, rows })
    }
}

fn interrupted(interrupt: Interrupt) -> Refused {
    let (code, what) = match interrupt {
        Interrupt::Interrupt => (ExitCode::Interrupted, "interrupted"),
        Interrupt::Terminate => (ExitCode::Terminated, "terminated"),
    };
    let message =
        format!("{what} before anything was sent. Nothing was recorded; run the same command again");
    Refused { failure: Failure::new(code, message), reason: Some(what) }
}
