//! The messages before a run begins, and the plan for its progress display.

use super::Outputs;
use crate::delivery::{self, Rate};
use crate::input::{Format, Input};
use crate::journal::ResultFile;
use crate::offerit::Endpoint;
use crate::report::{Plan, say};
use crate::resume::{Done, Shard, Workload};
use crate::text::{counted, grouped, rounded_up};
use jiff::ZonedDateTime;
use jiff::tz::TimeZone;
use std::num::NonZeroU64;
use std::time::Duration;
use tokio::time::Instant;

/// The rows that a run sends: what a bar and the time to go are counted by. Rows that are only recorded take no time.
#[derive(Clone, Copy)]
pub(super) struct ToSend {
    rows: u64,
    /// Those that `--limit` keeps back.
    beyond: u64,
}

impl ToSend {
    pub(super) fn of(workload: &Workload, done: &Done, limit: Option<NonZeroU64>) -> ToSend {
        let all = workload.to_send.saturating_sub(done.superseded.len() as u64);
        let rows = limit.map_or(all, |most| all.min(most.get()));
        ToSend { rows, beyond: all - rows }
    }

    /// What the other rows are, in brackets.
    fn others(self, workload: &Workload) -> String {
        let parts = [
            (self.beyond, "beyond --limit"),
            (workload.in_sync, "in sync"),
            (workload.unchanged, "unchanged"),
            (workload.invalid, "invalid"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, what)| format!("{} {what}", grouped(*count))).collect();
        if parts.is_empty() { String::new() } else { format!(". Not sent: {}", parts.join(", ")) }
    }
}

/// The plan of the run for its progress display.
pub(super) fn plan(
    outputs: &Outputs,
    workload: Option<&Workload>,
    to_send: Option<ToSend>,
    rate: Rate,
) -> Plan {
    Plan {
        total: workload.map(|workload| workload.rows),
        to_send: to_send.map(|to_send| to_send.rows),
        before: workload.map_or(0, |workload| workload.in_sync),
        limit: if rate == Rate::Unlimited { String::new() } else { rate.to_string() },
        mode: outputs.progress,
        is_coloured: outputs.is_coloured,
        is_dumb: outputs.is_dumb,
    }
}

pub(super) fn warn_of_superseded(count: usize) {
    if count > 0 {
        say(format_args!(
            "{} skipped: newer rows of the same customers were already delivered (see the error column).",
            counted(count as u64, "row")
        ));
    }
}

/// The input, what it was found to be, and which part of it is sent.
pub(super) fn named(
    input: &Input,
    format: Format,
    shard: Option<Shard>,
    workload: Option<&Workload>,
) -> String {
    let name = format!("{} ({format})", input.path().display());
    match (shard, workload) {
        (Some(shard), Some(Workload { rows, input_rows, .. })) => {
            format!("{name}, shard {shard}, which holds {rows} of {input_rows} rows")
        }
        _ => name,
    }
}

/// The local time after a duration, such as `06:00`. Without a time zone it is UTC.
fn time_of_day_in(left: Duration) -> String {
    let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    // Up to the next second: a --deadline of 06:00 is not 05:59.
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    let now = ZonedDateTime::now().with_time_zone(zone);
    let at = now.checked_add(Duration::from_secs(seconds)).unwrap_or(now);
    at.strftime("%H:%M").to_string()
}

/// What there is to do, before it begins.
pub(super) fn announce(
    name: &str,
    workload: Option<&Workload>,
    to_send: Option<ToSend>,
    file: &ResultFile,
    endpoint: &Endpoint,
    limits: &delivery::Settings,
) {
    let to = endpoint.origin();
    let pace = match limits.rate {
        Rate::Unlimited => format!("as fast as it answers, {} at once", limits.concurrency),
        rate => format!("at up to {rate}, {} at once", limits.concurrency),
    };
    if let Some(deadline) = limits.brakes.deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        say(format_args!("Sending stops in {}, at {} (--deadline).", rounded_up(left), time_of_day_in(left)));
    }
    let Some((workload, to_send)) = workload.zip(to_send) else {
        return tracing::info!(event = "start", "{name}: sending rows to {to} as they come, {pace}.");
    };
    if let Some(tail) = file.tail().filter(|tail| tail.torn > 0) {
        say(format_args!(
            "The last record of the result file is incomplete (a crash or a full disk). Its {} bytes are saved beside it; \
             the row is sent again.",
            tail.torn
        ));
    }
    let Workload { rows, in_sync, changed, to_retry, new, .. } = workload;
    if file.tail().is_some_and(|tail| tail.records > 0) {
        let parts =
            [(*in_sync, "in sync"), (*changed, "changed since"), (*to_retry, "to retry"), (*new, "new")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, what)| format!("{} {what}", grouped(*count))).collect();
        say(format_args!("Resuming {name}: {} ({}).", counted(*rows, "row"), parts.join(", ")));
    }
    tracing::info!(
        event = "start",
        rows_total = *rows,
        rows_to_do = workload.to_do(),
        rows_to_send = to_send.rows,
        rows_unchanged = workload.unchanged,
        rows_in_sync_before = *in_sync,
        "{name}: sending {} of {} to {to}, {pace}{}.",
        grouped(to_send.rows),
        counted(*rows, "row"),
        to_send.others(workload),
    );
}
