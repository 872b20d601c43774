//! The end of a run: the exit code, the summary and the next steps.

use super::stopped::{pulled, reached, refused};
use crate::delivery::{Ending, Interrupt, Limit, Rate, Stop};
use crate::exit::ExitCode;
use crate::journal::Status;
use crate::report::{Counts, LogFormat, Observed, complain, insist, log_format, say};
use crate::resume::Workload;
use crate::text::{counted, escape_and_shorten, grouped, rounded};
use std::path::PathBuf;
use std::time::SystemTime;

/// Everything that is known at the end of a run.
pub(super) struct Outcome {
    pub ending: Ending,
    /// Whether the input still is the file that was read.
    pub is_input_unchanged: bool,
    /// `None` for a stream.
    pub workload: Option<Workload>,
    pub observed: Observed,
    pub started_at: SystemTime,
    /// Where it was sent to.
    pub origin: String,
    pub rate: Rate,
    pub input: PathBuf,
    pub result: PathBuf,
    /// The command that continues the run, if it is known.
    pub go_on: Option<String>,
    /// The command that exports the failed rows, if it is known.
    pub failures: Option<String>,
}

impl Outcome {
    /// Reports the end to people. Returns the exit code and the error.
    pub(super) fn conclude(&self, is_quiet: bool) -> (ExitCode, Option<String>) {
        let (code, trouble) = self.verdict();
        match &trouble {
            // A stop that the user asked for is not an error.
            Some(trouble)
                if matches!(code, ExitCode::Limit | ExitCode::Interrupted | ExitCode::Terminated) =>
            {
                insist(format_args!("{trouble}."));
            }
            Some(trouble) => complain(trouble),
            None if is_quiet && code == ExitCode::NotInSync => complain(self.in_one_line()),
            None => {}
        }
        if !is_quiet {
            self.say_account(code);
            if let Some(notes) = self.server_notes() {
                say(notes);
            }
        }
        // A program finds the advice in the event of the end.
        if log_format() == LogFormat::Text {
            let is_done = matches!(code, ExitCode::InSync | ExitCode::NotInSync);
            let go_on = self.next_command(code).as_deref().and_then(typed);
            for line in self.advice(code).into_iter().chain(go_on).chain(self.collected()) {
                if is_done { say(line) } else { insist(line) }
            }
        }
        (code, trouble)
    }

    fn verdict(&self) -> (ExitCode, Option<String>) {
        let tally = &self.ending.tally;
        match self.stop() {
            Some(Stop::Interrupted(Interrupt::Interrupt)) => {
                (ExitCode::Interrupted, Some("Interrupted".to_owned()))
            }
            Some(Stop::Interrupted(Interrupt::Terminate)) => {
                (ExitCode::Terminated, Some("Terminated (SIGTERM)".to_owned()))
            }
            Some(Stop::Refused(refusal)) => (ExitCode::Refused, Some(refused(refusal))),
            Some(Stop::Brake(brake)) => (ExitCode::Brake, Some(pulled(brake))),
            Some(Stop::Reached(limit)) => (ExitCode::Limit, Some(reached(*limit))),
            Some(Stop::Input(error)) => (ExitCode::Fault, Some(error.to_string())),
            Some(Stop::Storage(error)) => (
                ExitCode::Fault,
                Some(format!(
                    "cannot write {}: {error}. Sending has stopped; nothing is lost. Free some space or repair the file, then \
                     resume",
                    self.result.display()
                )),
            ),
            None if !self.is_input_unchanged || self.is_complete() == Some(false) => (
                ExitCode::Fault,
                Some(format!(
                    "{}: the file changed during the run. The run sent its earlier content. Wait until the file is \
                     complete, then run again with --resume",
                    self.input.display()
                )),
            ),
            None if tally.not_in_sync() > 0 => (ExitCode::NotInSync, None),
            None => (ExitCode::InSync, None),
        }
    }

    /// Whether every row has a result; `None` for a stream.
    fn is_complete(&self) -> Option<bool> {
        let workload = self.workload.as_ref()?;
        Some(workload.in_sync + self.ending.tally.recorded() == workload.rows)
    }

    /// Why it ended early. A limit that held no row back does not count.
    pub(super) fn stop(&self) -> Option<&Stop> {
        let is_complete = self.is_complete() == Some(true);
        let has_ended_nothing = |stop: &Stop| matches!(stop, Stop::Reached(_)) || stop.is_for_failures();
        self.ending.stop.as_ref().filter(|stop| !(is_complete && has_ended_nothing(stop)))
    }

    fn is_stopped_by_failures(&self) -> bool {
        self.stop().is_some_and(Stop::is_for_failures)
    }

    fn account(&self) -> String {
        let tally = &self.ending.tally;
        let counts = Counts::of(|status| tally.count(status));
        let mut parts: Vec<_> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(status, count)| format!("{} {status}", grouped(count)))
            .collect();
        if let Some(workload) = self.workload.as_ref().filter(|workload| workload.in_sync > 0) {
            parts.push(format!("{} in sync before", grouped(workload.in_sync)));
        }
        if let Some(workload) = &self.workload {
            let left = workload.rows.saturating_sub(workload.in_sync + tally.recorded());
            if left > 0 {
                parts.push(format!("{} not sent yet", grouped(left)));
            }
        }
        if parts.is_empty() {
            parts.push("nothing sent".to_owned());
        }
        let retries = match tally.retries {
            0 => String::new(),
            1 => ", 1 of them a retry".to_owned(),
            count => format!(", {} of them retries", grouped(count)),
        };
        let requests = counted(tally.attempts, "request");
        let (input, duration) = (self.input.display(), rounded(self.observed.duration));
        format!("{input}: {} ({requests}{retries}) in {duration}", parts.join(", "))
    }

    fn say_account(&self, code: ExitCode) {
        let tally = &self.ending.tally;
        tracing::info!(
            event = "end",
            exit_code = code.number(),
            reason = self.reason(code),
            recorded = tally.recorded(),
            not_in_sync = tally.not_in_sync(),
            attempts = tally.attempts,
            retries = tally.retries,
            seconds = self.observed.duration.as_secs_f64(),
            advice = self.advice(code).join(". "),
            next_command = self.next_command(code),
            failures_command = self.failures.as_deref().filter(|_| self.can_be_collected()),
            "{}",
            self.account()
        );
    }

    /// The only line with `-q`: how many rows are not in sync, why most of them, and where to look.
    fn in_one_line(&self) -> String {
        let tally = &self.ending.tally;
        let why = self.observed.commonest.as_ref();
        let why = why.map(|(why, count)| format!(" ({} × {})", grouped(*count), escape_and_shorten(why)));
        let rows = self.workload.as_ref().map_or(tally.recorded(), |workload| workload.rows);
        format!(
            "{} of {} not in sync{}. See {}",
            grouped(tally.not_in_sync()),
            counted(rows, "row"),
            why.unwrap_or_default(),
            self.result.display()
        )
    }

    /// How the server slowed the run down, if it did.
    fn server_notes(&self) -> Option<String> {
        let (tally, observed) = (&self.ending.tally, &self.observed);
        let times = |count: u64, what: &str, lasted| match count {
            0 => None,
            1 => Some(format!("{what} once, for {}", rounded(lasted))),
            _ => Some(format!("{what} {count} times, for {} in all", rounded(lasted))),
        };
        let parts: Vec<_> = [
            times(tally.holds, "asked for a pause", observed.held),
            times(tally.outages, "was unreachable", observed.outage),
            tally
                .effective_rate
                .map(|rate| format!("slowed the run down to {rate:.1} requests/s at the end")),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| format!("The server {}.", parts.join("; ")))
    }

    /// Whether there are failed rows, and the input can be read again.
    fn can_be_collected(&self) -> bool {
        self.workload.is_some() && self.ending.tally.not_in_sync() > 0
    }

    /// How to export the failed rows.
    fn collected(&self) -> Vec<String> {
        if !self.can_be_collected() {
            return Vec::new();
        }
        match self.failures.as_deref().and_then(typed) {
            None => vec!["To export the failed rows for correction, use offerit-sync failures.".to_owned()],
            Some(command) => vec!["To export the failed rows for correction:".to_owned(), command],
        }
    }

    /// What to do next.
    fn advice(&self, code: ExitCode) -> Vec<String> {
        let result = self.result.display();
        match code {
            ExitCode::InSync => vec![format!("Results: {result}")],
            ExitCode::NotInSync => self.advice_on_rows(),
            ExitCode::Brake if self.is_stopped_by_failures() => vec![
                format!("See the error column of {result} for the reasons."),
                "Fix these rows, or what made them fail, then rerun with --resume; or allow more with --max-failures."
                    .to_owned(),
            ]
            .into_iter()
            .chain(self.advice_on_unknown())
            .collect(),
            ExitCode::Limit if self.comes_again() > 0 => vec![
                format!(
                    "{} failed. With --resume the failed rows are sent first, and count for --limit. See the error \
                     column of {result} for the reasons.",
                    counted(self.comes_again(), "row")
                ),
                "Fix these rows, or what made them fail, then rerun with --resume; or raise --limit beyond them."
                    .to_owned(),
            ]
            .into_iter()
            .chain(self.advice_on_unknown())
            .collect(),
            _ if self.workload.is_none() => vec![format!("Results so far: {result}")],
            _ => vec![format!("Progress is saved in {result}. To continue, rerun with --resume:")],
        }
    }

    /// The next steps for rows that are not in sync: fix the input, except for rows that the server never confirmed.
    fn advice_on_rows(&self) -> Vec<String> {
        let tally = &self.ending.tally;
        let (failed, unknown) = (tally.count(Status::Failed), tally.count(Status::Unknown));
        let mut advice = vec![format!("See the error column of {} for the reasons.", self.result.display())];
        if tally.not_in_sync() > failed + unknown {
            advice.push(
                "Fix the input, then rerun with --resume. Rows already in sync are skipped.".to_owned(),
            );
        }
        if failed > 0 {
            advice.push(format!(
                "{} failed: no request was accepted or refused. Rerun with --resume to send again.",
                counted(failed, "row")
            ));
        }
        advice.extend(self.advice_on_unknown());
        advice
    }

    /// The next step for rows that the server never confirmed, if there are any.
    fn advice_on_unknown(&self) -> Option<String> {
        let unknown = self.ending.tally.count(Status::Unknown);
        let are = if unknown == 1 { "1 row is".to_owned() } else { format!("{unknown} rows are") };
        (unknown > 0).then(|| {
            format!(
                "{are} unknown: sent, but never confirmed. Nothing is wrong with the input there: rerun with --resume to \
                 send them once more."
            )
        })
    }

    /// Rows that a resumed run with this `--limit` sends before any other.
    fn comes_again(&self) -> u64 {
        let tally = &self.ending.tally;
        let is_limit = matches!(self.stop(), Some(Stop::Reached(Limit::Rows(_))));
        // A stream is not resumed.
        if is_limit && self.workload.is_some() { tally.sent - tally.count(Status::Updated) } else { 0 }
    }

    /// The command that continues the run, if there are rows left.
    pub(super) fn next_command(&self, code: ExitCode) -> Option<String> {
        let is_of_use = code != ExitCode::InSync && self.workload.is_some();
        self.go_on.clone().filter(|_| is_of_use)
    }
}

/// A command on a line of its own. `None` for a command that is too long, as it would be cut.
fn typed(command: &str) -> Option<String> {
    (escape_and_shorten(command) == command).then(|| format!("    {command}"))
}
