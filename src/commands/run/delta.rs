//! `--since`: only what changed since an earlier run is sent.

use crate::customer::Fingerprint;
use crate::exit::{ExitCode, Failure};
use crate::journal::Error;
use crate::report::{counted, say, share};
use crate::resume::{Delivered, Doing, Last, Survey};
use std::io;
use std::path::{Path, PathBuf};

/// Which changes are sent.
#[derive(Debug)]
pub struct Since {
    /// An earlier run's result file.
    pub result: PathBuf,
    /// How many rows may be sent.
    pub max_changes: Option<MaxChanges>,
}

/// How many rows may be sent of those that can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxChanges {
    /// So many.
    Count(u64),
    /// So many per cent.
    Percent(f64),
}

/// Of fewer rows nothing can be told: a handful of customers may well have changed all at once.
const TELLING: u64 = 20;

/// What was delivered before, held against the rows of the input.
pub(super) struct Delta {
    since: Since,
    /// The result file of this very job, if it delivered something already.
    own: Option<PathBuf>,
    delivered: Delivered,
    /// Rows to whose customers something was delivered.
    known: u64,
    /// How many of these are as they were delivered.
    same: u64,
    to_send: ToSend,
}

/// The rows that are sent, by why.
#[derive(Debug, Default)]
struct ToSend {
    changed: u64,
    failed: u64,
    unknown: u64,
    repeated: u64,
}

impl ToSend {
    fn count(&mut self, last: Last) {
        match last {
            Last::Same => {}
            Last::Another => self.changed += 1,
            Last::Failed => self.failed += 1,
            Last::Unknown => self.unknown += 1,
            Last::Sent { first_was_another } => {
                // Of A, B, night after night, B was delivered last: A is another one for B's sake alone.
                let first = u64::from(first_was_another).min(self.changed);
                self.changed -= first;
                self.repeated += 1 + first;
            }
        }
    }
}

impl Delta {
    /// Reads the earlier result file, and behind it what was delivered by this job itself since then: also where that is
    /// to be begun anew, as its customers have it all the same.
    pub(super) fn read(since: Since, result: &Path, open_rows: u64) -> Result<Delta, Failure> {
        let mut delivered = Delivered::default();
        delivered.read(&since.result, open_rows).map_err(|error| match error {
            Error::Io { ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Failure::usage(format!(
                    "--since: {}: there is no such result file. For the first run, leave --since out",
                    since.result.display()
                ))
            }
            error => named(error),
        })?;
        let own = result.exists().then(|| result.to_path_buf());
        if let Some(own) = &own {
            delivered.read(own, open_rows)?;
        }
        Ok(Delta { since, own, delivered, known: 0, same: 0, to_send: ToSend::default() })
    }

    /// Looks at the next row of the input. True if it is not to be sent, as its customer has it already.
    pub(super) fn see(&mut self, ids: [Option<&str>; 2], print: Fingerprint, doing: Doing) -> bool {
        let (ids, is_done) = (ids.map(Option::unwrap_or_default), doing == Doing::Skip);
        let last = self.delivered.see(ids, print, is_done);
        if is_done {
            return false;
        }
        self.to_send.count(last);
        self.known += u64::from(matches!(last, Last::Same | Last::Another));
        self.same += u64::from(last == Last::Same);
        last == Last::Same
    }

    /// Why so few rows are as they were, if that looks as if something is wrong. Rows that this job brought in sync already
    /// are as they were: of a night that stopped, the rows that are left all changed.
    fn suspicion(&self, survey: &Survey) -> Option<String> {
        let (known, same) = (self.known + survey.in_sync, self.same + survey.in_sync);
        (self.known >= TELLING && same * 2 < known).then(|| {
            format!(
                "{} of the {} rows whose customers are in {} are not as they were delivered then. If their data did \
                 not change, that run had another API key or another mapping: then every row is sent once more, and \
                 the next night is as it was",
                self.known - self.same,
                self.known,
                self.source()
            )
        })
    }

    /// What it is held against, in words.
    fn source(&self) -> String {
        let since = self.since.result.display();
        self.own.as_ref().map_or_else(|| since.to_string(), |own| format!("{since} and {}", own.display()))
    }

    /// Says what is sent and why and what is not, or stops the run. What was held in memory for it is given up.
    pub(super) fn conclude(self, survey: &Survey, is_quiet: bool) -> Result<(), Failure> {
        self.account(survey);
        self.brake(survey)?;
        if !is_quiet {
            self.announce(survey);
        }
        Ok(())
    }

    /// Stops a run that would change too much, before anything is sent.
    fn brake(&self, survey: &Survey) -> Result<(), Failure> {
        // With what this job has delivered already: where few rows are left of a night, they are not most of it.
        let (changes, all) = (survey.to_send, survey.to_send + survey.unchanged + survey.in_sync);
        let (is_too_much, most) = match self.since.max_changes {
            None => return Ok(()),
            Some(MaxChanges::Count(most)) => (changes > most, most.to_string()),
            Some(MaxChanges::Percent(most)) => {
                (changes as f64 * 100.0 > most * all as f64, format!("{most}%"))
            }
        };
        if !is_too_much {
            return Ok(());
        }
        let message = format!(
            "{} of the customers' rows would change ({changes} of {all}); the brake --max-changes is {most}. Nothing \
             was sent. If that many changes are right, run it once with a larger one",
            share(changes, all)
        );
        Err(Failure {
            more: self.suspicion(survey).into_iter().collect(),
            ..Failure::new(ExitCode::Brake, message)
        })
    }

    /// Reports why rows are sent, before `--max-changes` decides: it explains a refusal.
    fn account(&self, survey: &Survey) {
        let ToSend { changed, failed, unknown, repeated } = self.to_send;
        let advice = match unknown {
            0 => "",
            _ => " (did that run stop early? finish it with --resume first)",
        };
        tracing::info!(
            event = "since",
            rows_changed = changed,
            rows_failed_before = failed,
            rows_of_unknown_customers = unknown,
            rows_repeated = repeated,
            rows_unchanged = survey.unchanged,
            "compared with {}: {} changed, {failed} failed last time, {unknown} of customers it does not know{advice}, \
             {repeated} sent again because their customer occurs several times",
            self.source(),
            counted(changed, "row"),
        );
    }

    /// Says what is not sent.
    fn announce(&self, survey: &Survey) {
        say(format_args!(
            "{} as last delivered by {}: recorded as unchanged and not sent",
            if survey.unchanged == 1 {
                "1 row is".to_owned()
            } else {
                format!("{} rows are", survey.unchanged)
            },
            self.source()
        ));
        if let Some(suspicion) = self.suspicion(survey) {
            say(suspicion);
        }
    }
}

/// What is wrong with the earlier result file.
fn named(error: Error) -> Failure {
    let failure = Failure::from(error);
    Failure { message: format!("--since: {}", failure.message), ..failure }
}
