//! What is said of a run while it goes on.

use super::super::flood::reason;
use super::super::harmless;
use super::super::pauses::Kind;
use super::super::summary::{counted, grouped, rounded, share};
use super::Watch;
use crate::delivery::{FailedRow, Notice, Observer, Pause, Retry, Tally};
use std::cell::RefCell;
use std::time::Duration;

/// A shorter pause that the server asks for is not worth a line: there may be one every few seconds.
const SHOWN_HOLD: Duration = Duration::from_secs(5);

impl Watch {
    /// Says how far it is.
    pub(super) fn say_progress(&self) {
        let view = self.view(self.now());
        let part = match view.to_send {
            Some(rows) => {
                format!("{} of {} sent ({})", view.sent, counted(rows, "row"), share(view.sent, rows))
            }
            None => counted(view.done, "row"),
        };
        let counts = view.counts.iter().filter(|(_, count)| *count > 0);
        let counts: Vec<_> = counts.map(|(status, count)| format!("{count} {status}")).collect();
        let slowed = view.effective_rate.map(|rate| format!(", slowed to {rate:.1}/s")).unwrap_or_default();
        let left = view.left.map(|left| format!(", {} left", rounded(left))).unwrap_or_default();
        let state = match view.pause {
            Some((Kind::Held, left)) => format!(", on hold for {}", rounded(left)),
            Some((Kind::Outage, _)) => ", in an outage".to_owned(),
            None => String::new(),
        };
        tracing::info!(
            event = "progress",
            rows_done = self.plan.before + view.done,
            rows_total = self.plan.total,
            rows_sent = view.sent,
            rows_to_send = view.to_send,
            rows_per_second = (view.speed * 10.0).round() / 10.0,
            effective_rate = view.effective_rate,
            seconds_left = view.left.map(|left| left.as_secs()),
            "{part}: {}{slowed}, {:.1} rows/s{left}{state}",
            if counts.is_empty() { "nothing recorded yet".to_owned() } else { counts.join(", ") },
            view.speed,
        );
    }

    /// Says how many rows failed that were not told one by one.
    pub(super) fn tell_rest(&mut self) {
        for rest in self.flood.rest() {
            let more = grouped(rest.more);
            match rest.like {
                Some((status, http_status, error)) => tracing::warn!(
                    event = "rows_failed",
                    rows = rest.more,
                    status = status.name(),
                    http_status,
                    "… and {more} more like it: {status}: {}",
                    harmless(&error)
                ),
                None => tracing::warn!(
                    event = "rows_failed",
                    rows = rest.more,
                    "… and {more} more for other reasons: the error column of the result file says which"
                ),
            }
        }
    }

    /// Says so where the effective rate is half or double of what was last said, and where it is the limit again.
    fn tell_rate(&mut self) {
        let limit = self.plan.limit_per_second;
        let rate = self.tally.effective_rate;
        let (told, now) = (self.told_rate, rate.or(limit));
        let is_near = match (told, now) {
            (Some(told), Some(now)) => now > told / 2.0 && now < told * 2.0,
            (told, now) => told == now,
        };
        let is_back = rate.is_none() && told != limit;
        if is_near && !is_back {
            return;
        }
        self.told_rate = now;
        match rate {
            Some(rate) => tracing::info!(
                event = "rate",
                effective_rate = rate,
                "the server takes about {rate:.1} attempts a second: sending at that pace"
            ),
            None => tracing::info!(event = "rate", "sending at the full rate again"),
        }
    }
}

impl Observer for &RefCell<Watch> {
    fn progressed(&mut self, tally: &Tally) {
        let mut watch = self.borrow_mut();
        let is_new_rate = watch.tally.effective_rate != tally.effective_rate;
        watch.tally.clone_from(tally);
        if is_new_rate {
            watch.tell_rate();
        }
    }

    fn noticed(&mut self, notice: &Notice) {
        match notice {
            Notice::Held { asked } if *asked < SHOWN_HOLD => {}
            Notice::Held { asked } => tracing::info!(
                event = "hold",
                seconds = asked.as_secs(),
                "the server asks for a pause: nothing is sent for {}",
                rounded(*asked)
            ),
            Notice::Outage { why, patience } => {
                self.borrow_mut().why = harmless(why);
                tracing::info!(
                    event = "outage",
                    patience_seconds = patience.as_secs(),
                    "nothing gets through to the server: sending holds, and one probe at a time goes out, for {} at \
                     most ({})",
                    rounded(*patience),
                    harmless(why)
                );
            }
            Notice::OutageOver => {
                tracing::info!(event = "recovery", "the server answers again: sending goes on");
            }
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
            "row {} (line {}) is tried again in {} after attempt {}: {}",
            retry.row,
            retry.line,
            rounded(retry.pause),
            retry.attempts,
            harmless(retry.why)
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
            "row {} (line {}) is {}: {}",
            row.row,
            row.line,
            row.status,
            harmless(reason(row))
        );
    }

    fn paused(&mut self, pause: Option<Pause>) {
        let mut watch = self.borrow_mut();
        let now = watch.now();
        let ended = watch.pauses.set(pause, now);
        if ended.is_some_and(|lasted| lasted >= SHOWN_HOLD) && pause.is_none() {
            tracing::info!(event = "hold_over", "the pause is over: sending goes on");
        }
    }
}
