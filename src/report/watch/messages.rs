//! Messages about a run in progress.

use super::super::block::View;
use super::super::flood::reason;
use super::super::insist;
use super::super::logs::ALWAYS_LOGGED;
use super::super::pauses::Kind;
use super::Watch;
use crate::delivery::{FailedRow, Notice, Observer, Pause, Retry, Tally};
use crate::text::{counted, escape_and_shorten, grouped, rounded, rounded_up, share};
use std::cell::RefCell;
use std::time::Duration;

/// A shorter pause that the server asks for is not worth a line: there may be one every few seconds.
const SHOWN_HOLD: Duration = Duration::from_secs(5);

impl Watch {
    /// Reports the progress of the run in one line.
    pub(super) fn say_progress(&self) {
        let view = self.view(self.now());
        // Nobody knows how long a pause lasts, and the speed before it is no longer true.
        let speed = view.pause.is_none().then_some(view.speed);
        let left = view.left.filter(|_| view.pause.is_none());
        tracing::info!(
            // SIGUSR1 asks for this line even under -q.
            target: ALWAYS_LOGGED,
            event = "progress",
            rows_done = self.plan.before + view.done,
            rows_total = self.plan.total,
            rows_sent = view.sent,
            rows_to_send = view.to_send,
            rows_per_second = speed.map(|speed| (speed * 10.0).round() / 10.0),
            effective_rate = view.effective_rate,
            seconds_left = left.map(|left| left.as_secs()),
            "{}",
            progress_line(&view, speed, left),
        );
    }

    /// Reports how many further rows failed without a line of their own.
    pub(super) fn report_rest(&mut self) {
        for rest in self.flood.rest() {
            let more = grouped(rest.more);
            match rest.like {
                Some((status, http_status, error)) => tracing::warn!(
                    event = "rows_failed",
                    rows = rest.more,
                    status = status.name(),
                    http_status,
                    "… and {more} more: {status}: {}",
                    escape_and_shorten(&error)
                ),
                None => tracing::warn!(
                    event = "rows_failed",
                    rows = rest.more,
                    "… and {more} more for other reasons: see the error column of the result file"
                ),
            }
        }
    }
}

/// The progress of a run for people, such as `14.3%: 2,879 of 20,000 rows, 198.5/s, 1m 26s left (2,879 updated)`.
fn progress_line(view: &View, speed: Option<f64>, left: Option<Duration>) -> String {
    let mut parts = vec![match view.to_send {
        Some(rows) => {
            format!("{}: {} of {}", share(view.sent, rows), grouped(view.sent), counted(rows, "row"))
        }
        None => counted(view.done, "row"),
    }];
    parts.extend(speed.map(|speed| format!("{speed:.1}/s")));
    parts.extend(view.effective_rate.map(|rate| format!("slowed to {}/s", brief(rate))));
    parts.extend(left.map(|left| format!("{} left", rounded_up(left))));
    parts.extend(view.pause.map(|(kind, left)| match kind {
        Kind::Held => format!("on hold for {} (Retry-After)", rounded(left)),
        Kind::Outage => "paused: server unreachable".to_owned(),
    }));
    let counts = view.counts.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts.map(|(status, count)| format!("{} {status}", grouped(count))).collect();
    let counts = if counts.is_empty() { "no results yet".to_owned() } else { counts.join(", ") };
    format!("{} ({counts})", parts.join(", "))
}

/// The customer of a row, if it names one.
fn named(customer: &str) -> String {
    if customer.is_empty() { String::new() } else { format!(", customer {}", escape_and_shorten(customer)) }
}

/// A rate as people read it: whole from ten a second on.
fn brief(rate: f64) -> String {
    if rate >= 9.95 { format!("{rate:.0}") } else { format!("{rate:.1}") }
}

impl Observer for &RefCell<Watch> {
    fn progressed(&mut self, tally: &Tally) {
        let mut watch = self.borrow_mut();
        let is_full_again = watch.tally.effective_rate.is_some() && tally.effective_rate.is_none();
        watch.tally.clone_from(tally);
        if is_full_again {
            tracing::info!(event = "rate", "Sending at the full rate again.");
        }
    }

    fn noticed(&mut self, notice: &Notice) {
        match notice {
            Notice::Held { asked } if *asked < SHOWN_HOLD => {}
            Notice::Held { asked } => tracing::info!(
                event = "hold",
                seconds = asked.as_secs(),
                "Server asked for a pause (Retry-After): waiting {}.",
                rounded(*asked)
            ),
            Notice::Outage { why, patience } => {
                self.borrow_mut().why = escape_and_shorten(why);
                tracing::info!(
                    event = "outage",
                    patience_seconds = patience.as_secs(),
                    "Server unreachable ({}). Paused; retrying for up to {}.",
                    escape_and_shorten(why),
                    rounded(*patience)
                );
            }
            Notice::Recovered { after } => {
                tracing::info!(event = "recovery", "Server is back after {}.", rounded(*after));
            }
            Notice::SlowedDown { rate } => {
                let rate = *rate;
                tracing::info!(
                    event = "rate",
                    effective_rate = rate,
                    "Server is rate-limiting; slowing down to {}/s.",
                    brief(rate)
                );
            }
            Notice::Stopping { in_flight: 0, .. } => insist("Stopping."),
            Notice::Stopping { in_flight, wait } => insist(format_args!(
                "Stopping: waiting up to {} for {}. Press Ctrl-C again to quit now.",
                rounded(*wait),
                counted(*in_flight as u64, "request")
            )),
        }
    }

    fn attempted(&mut self, took: Duration) {
        self.borrow_mut().latency.record(took);
    }

    fn retrying(&mut self, retry: &Retry<'_>) {
        tracing::debug!(
            event = "retry",
            row = retry.row,
            line = retry.line,
            attempts = retry.attempts,
            "row {} (line {}): retry in {} after attempt {}: {}",
            retry.row,
            retry.line,
            rounded(retry.pause),
            retry.attempts,
            escape_and_shorten(retry.why)
        );
    }

    fn failed(&mut self, row: &FailedRow) {
        if !self.borrow_mut().flood.take(row) {
            return;
        }
        tracing::warn!(
            event = "row_failed",
            row = row.row,
            line = row.line,
            status = row.status.name(),
            http_status = row.http_status,
            attempts = row.attempts,
            "row {} (line {}{}): {}: {}",
            row.row,
            row.line,
            named(&row.customer),
            row.status,
            escape_and_shorten(reason(row))
        );
    }

    fn paused(&mut self, pause: Option<Pause>) {
        let mut watch = self.borrow_mut();
        let now = watch.now();
        let ended = watch.pauses.set(pause, now);
        if ended.is_some_and(|lasted| lasted >= SHOWN_HOLD) && pause.is_none() {
            tracing::info!(event = "hold_over", "The pause is over; sending continues.");
        }
    }
}
