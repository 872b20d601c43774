//! The state and the end of a run, for programs.

use super::ending::Outcome;
use super::outputs::Files;
use super::survey::Refused;
use crate::delivery::{Brake, Ending, FeedError, Interrupt, Limit, Rate, Refusal, Stop, Tally};
use crate::exit::{ExitCode, Failure};
use crate::input;
use crate::report::{Attempts, Counts, Document, Observed, Pauses, Program, Rates, RowCounts};
use crate::resume::Workload;
use crate::text::escape_and_shorten;
use std::path::Path;
use std::process;
use std::time::SystemTime;

impl Refused {
    /// Writes the summary and the metrics of a run that a limit stopped before anything was sent, so that monitoring does not
    /// read those of an earlier run. Returns the error.
    pub(super) fn written(
        self,
        files: &Files,
        origin: &str,
        rate: Rate,
        input: &Path,
        result: &Path,
    ) -> Failure {
        let Refused { failure, reason } = self;
        let Some(reason) = reason else { return failure };
        let outcome = Outcome {
            ending: Ending { tally: Tally::default(), stop: None },
            is_input_unchanged: true,
            workload: None,
            observed: Observed::default(),
            started_at: SystemTime::now(),
            origin: origin.to_owned(),
            rate,
            input: input.to_path_buf(),
            result: result.to_path_buf(),
            go_on: None,
            failures: None,
        };
        let document = outcome.document(failure.code, Some(failure.message.clone()));
        files.write(&mut Document { reason, ..document }, failure.code);
        failure
    }
}

/// What the summary says of a run besides how it goes.
pub(super) struct About<'run> {
    /// `None` for a stream.
    pub workload: Option<&'run Workload>,
    pub started_at: SystemTime,
    /// Where it is sent to.
    pub origin: &'run str,
    pub rate: Rate,
    pub input: &'run Path,
    pub result: &'run Path,
    /// The command that continues the run.
    pub next_command: Option<&'run str>,
}

impl<'run> About<'run> {
    /// Of a run to this server at this rate.
    pub(super) fn new(
        workload: Option<&'run Workload>,
        started_at: SystemTime,
        (origin, rate): (&'run str, Rate),
        input: &'run Path,
        result: &'run Path,
        next_command: Option<&'run str>,
    ) -> About<'run> {
        About { workload, started_at, origin, rate, input, result, next_command }
    }

    /// The summary during the run.
    pub(super) fn running(&self, tally: &Tally, observed: &Observed) -> Document {
        let seconds = observed.duration.as_secs_f64();
        let a_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let in_sync_before = self.workload.map_or(0, |workload| workload.in_sync);
        Document {
            format: Document::FORMAT,
            version: Document::VERSION,
            program: Program { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            pid: process::id(),
            input: self.input.to_string_lossy().into_owned(),
            result: self.result.to_string_lossy().into_owned(),
            server: self.origin.to_owned(),
            started_at: written(self.started_at),
            updated_at: written(SystemTime::now()),
            finished_at: None,
            duration: observed.duration,
            exit_code: None,
            reason: "running",
            message: None,
            next_command: self.next_command.map(str::to_owned),
            rows: RowCounts {
                total: self.workload.map(|workload| workload.rows),
                in_sync_before,
                recorded: tally.recorded(),
                not_in_sync: tally.not_in_sync(),
                left: self
                    .workload
                    .map(|workload| workload.rows.saturating_sub(in_sync_before + tally.recorded())),
            },
            counts: Counts::of(|status| tally.count(status)),
            attempts: Attempts {
                total: tally.attempts,
                retries: tally.retries,
                latency_ms: observed.latency,
            },
            rates: Rates {
                limit: self.rate.per_second(),
                effective: tally.effective_rate,
                attempts: a_second(tally.attempts),
                rows: a_second(tally.recorded()),
            },
            holds: Pauses { count: tally.holds, duration: observed.held },
            outages: Pauses { count: tally.outages, duration: observed.outage },
        }
    }
}

fn written(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

impl Outcome {
    /// The summary of a run that ended with this code, and with this trouble if there was any.
    pub(super) fn document(&self, code: ExitCode, message: Option<String>) -> Document {
        let next_command = self.next_command(code);
        let about = About {
            workload: self.workload.as_ref(),
            started_at: self.started_at,
            origin: &self.origin,
            rate: self.rate,
            input: &self.input,
            result: &self.result,
            next_command: next_command.as_deref(),
        };
        let running = about.running(&self.ending.tally, &self.observed);
        Document {
            finished_at: Some(running.updated_at.clone()),
            exit_code: Some(code.number()),
            reason: self.reason(code),
            message: message.map(|message| escape_and_shorten(&message)),
            ..running
        }
    }

    /// Why it ended, in one word of the schema.
    pub(super) fn reason(&self, code: ExitCode) -> &'static str {
        match self.stop() {
            Some(Stop::Interrupted(Interrupt::Interrupt)) => "interrupted",
            Some(Stop::Interrupted(Interrupt::Terminate)) => "terminated",
            Some(Stop::Refused(Refusal::Denied { .. })) => "credentials_refused",
            Some(Stop::Refused(Refusal::Redirected { .. })) => "redirected",
            Some(Stop::Refused(Refusal::Unusable { .. })) => "unusable",
            Some(Stop::Brake(Brake::Outage { .. })) => "outage",
            Some(Stop::Brake(Brake::RetryAfter { .. })) => "retry_after",
            Some(Stop::Brake(Brake::Failures { .. })) => "max_failures",
            Some(Stop::Brake(Brake::NothingAccepted { .. })) => "nothing_accepted",
            Some(Stop::Reached(Limit::Deadline)) => "deadline",
            Some(Stop::Reached(Limit::Rows(_))) => "limit",
            Some(Stop::Input(FeedError::Input(input::Error::Changed { .. }))) => "input_changed",
            Some(Stop::Input(_)) => "input_fault",
            Some(Stop::Storage(_)) => "storage_fault",
            None if code == ExitCode::InSync => "in_sync",
            None if code == ExitCode::NotInSync => "not_in_sync",
            None => "input_changed",
        }
    }
}
