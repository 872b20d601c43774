//! `--since`: only what changed since an earlier run is sent.

use crate::commands::comparison::missing_result;
use crate::exit::{ExitCode, Failure};
use crate::journal::Error;
use crate::report::say;
use crate::resume::{ChangesSince, LastDeliveries, MassChange, MaxChanges, SendReasons, Workload};
use crate::text::{counted, grouped, share};
use std::io;
use std::path::{Path, PathBuf};

/// Which changes are sent.
#[derive(Debug)]
pub struct Since {
    /// An earlier run's result file.
    pub result: PathBuf,
    /// The most rows that may be sent.
    pub max_changes: Option<MaxChanges>,
    /// Whether a configuration file says so.
    pub is_from_file: bool,
}

/// The rows of the input, compared with earlier result files.
pub(super) struct Delta {
    since: Since,
    /// The result file of this very job, if it delivered something already.
    own: Option<PathBuf>,
    pub changes: ChangesSince,
}

impl Delta {
    /// Reads the earlier result file, then the rows that this job has delivered since, also with --overwrite: the customers
    /// have these values.
    pub(super) fn read(since: Since, result: &Path) -> Result<Delta, Failure> {
        let mut deliveries = LastDeliveries::default();
        deliveries.read(&since.result).map_err(|error| match error {
            Error::Io { ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
                let message = missing_result(&since.result, source, "Omit --since on the first run");
                Failure::usage(format!("--since: {message}"))
            }
            error => named(error),
        })?;
        let own = result.exists().then(|| result.to_path_buf());
        if let Some(own) = &own {
            deliveries.read(own)?;
        }
        Ok(Delta { since, own, changes: ChangesSince::new(deliveries) })
    }

    /// Why the number of changes looks wrong, if it does.
    fn suspicion(&self, workload: &Workload) -> Option<String> {
        let MassChange { changed, known } = self.changes.find_mass_change(workload)?;
        Some(format!(
            "{changed} of the {known} rows whose customers are in {} differ from what was delivered. If their data did not \
             change, that run used another API key or mapping: then every row is sent once more, and only changes from \
             the next night on",
            self.source()
        ))
    }

    /// What it is held against, in words.
    fn source(&self) -> String {
        let since = self.since.result.display();
        self.own.as_ref().map_or_else(|| since.to_string(), |own| format!("{since} and {}", own.display()))
    }

    /// Says what is sent and why and what is not, or stops the run. What was held in memory for it is given up.
    pub(super) fn conclude(self, workload: &Workload, is_quiet: bool) -> Result<(), Failure> {
        self.account(workload);
        self.brake(workload)?;
        if !is_quiet {
            self.announce(workload);
        }
        Ok(())
    }

    /// Stops a run that would change too much, before anything is sent.
    fn brake(&self, workload: &Workload) -> Result<(), Failure> {
        // With what this job has delivered already: where few rows are left of a night, they are not most of it.
        let (changes, all) = (workload.to_send, workload.to_send + workload.unchanged + workload.in_sync);
        let exceeded = self.since.max_changes.filter(|most| most.is_exceeded(changes, all));
        let Some(most) = exceeded else { return Ok(()) };
        let message = format!(
            "{} of {} would be sent ({}), more than --max-changes {most}. Nothing was sent. If that many changes are \
             right, run it once with a larger number",
            grouped(changes),
            counted(all, "row"),
            share(changes, all)
        );
        Err(Failure {
            more: self.suspicion(workload).into_iter().collect(),
            ..Failure::new(ExitCode::Brake, message)
        })
    }

    /// Reports why rows are sent, before `--max-changes` decides: it explains a refusal.
    fn account(&self, workload: &Workload) {
        let SendReasons { changed, failed, unknown, repeated } = self.changes.reasons();
        let advice = match unknown {
            0 => "",
            _ => " (did that run stop early? Finish it with --resume first)",
        };
        tracing::info!(
            event = "since",
            rows_changed = changed,
            rows_failed_before = failed,
            rows_of_unknown_customers = unknown,
            rows_repeated = repeated,
            rows_unchanged = workload.unchanged,
            "Compared with {}: {} changed, {} failed last time, {} of customers without a result{advice}, {} of \
             customers that occur several times.",
            self.source(),
            counted(changed, "row"),
            grouped(failed),
            grouped(unknown),
            grouped(repeated),
        );
    }

    /// Says what is not sent.
    fn announce(&self, workload: &Workload) {
        say(format_args!(
            "{} unchanged since {}: not sent.",
            counted(workload.unchanged, "row"),
            self.source()
        ));
        if let Some(suspicion) = self.suspicion(workload) {
            say(suspicion);
        }
    }
}

/// What is wrong with the earlier result file.
fn named(error: Error) -> Failure {
    let failure = Failure::from(error);
    Failure { message: format!("--since: {}", failure.message), ..failure }
}
