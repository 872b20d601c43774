//! The summary of a run for the textfile collector of Prometheus' node_exporter: figures only, no text of rows.

use super::document::Document;
use std::fmt::Write;
use std::time::Duration;

/// What a metrics file begins with; nothing else is ever overwritten by one.
pub const OPENING: &str = "# HELP offerit_sync_";

/// The lines of a metrics file. `sync` tells the runs of one machine apart: a label of every metric.
#[must_use]
pub fn metrics(document: &Document, sync: &str, finished_at: Duration) -> String {
    let mut page = Page { text: String::new(), sync: escaped(sync) };
    let Document { rows, attempts, holds, outages, rates, .. } = document;
    let gauge = |page: &mut Page, name, help, value| {
        page.family(name, help, "gauge");
        page.sample(name, "", value);
    };
    gauge(
        &mut page,
        "last_run_finished_timestamp_seconds",
        "When the last run ended.",
        finished_at.as_secs_f64(),
    );
    gauge(
        &mut page,
        "last_run_duration_seconds",
        "How long the last run was sending.",
        document.duration.as_secs_f64(),
    );
    gauge(
        &mut page,
        "last_run_exit_code",
        "Exit code of the last run; 0: every row is in sync.",
        document.exit_code.into(),
    );
    page.family("last_run_rows", "Rows that the last run recorded, by status.", "gauge");
    for (status, count) in document.counts.iter() {
        page.sample("last_run_rows", &format!("status=\"{}\"", status.name()), count as f64);
    }
    let count = |page: &mut Page, name, help, value: u64| gauge(page, name, help, value as f64);
    count(
        &mut page,
        "last_run_rows_in_sync_before",
        "Rows that the last run skipped as in sync.",
        rows.in_sync_before,
    );
    if let Some(left) = rows.left {
        count(&mut page, "last_run_rows_left", "Rows that the last run did not deal with.", left);
    }
    count(&mut page, "last_run_attempts", "Attempts of the last run, retries included.", attempts.total);
    count(
        &mut page,
        "last_run_retries",
        "Attempts of the last run that were not a row's first.",
        attempts.retries,
    );
    if let Some(limit) = rates.limit {
        gauge(&mut page, "last_run_rate_limit", "Attempts a second that the last run was allowed.", limit);
    }
    count(&mut page, "last_run_holds", "Pauses that the server asked for in the last run.", holds.count);
    let seconds = holds.duration.as_secs_f64();
    gauge(&mut page, "last_run_hold_seconds", "Time in the pauses that the server asked for.", seconds);
    count(&mut page, "last_run_outages", "Times in the last run when nothing got through.", outages.count);
    let seconds = outages.duration.as_secs_f64();
    gauge(&mut page, "last_run_outage_seconds", "Time in which nothing got through.", seconds);
    page.latency(document);
    page.family("build_info", "The version that made the last run.", "gauge");
    page.sample("build_info", &format!("version=\"{}\"", escaped(document.program.version)), 1.0);
    page.text
}

struct Page {
    text: String,
    /// The label's value.
    sync: String,
}

impl Page {
    fn family(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP offerit_sync_{name} {help}\n# TYPE offerit_sync_{name} {kind}");
    }

    fn sample(&mut self, name: &str, label: &str, value: f64) {
        let comma = if label.is_empty() { "" } else { "," };
        let _ = writeln!(self.text, "offerit_sync_{name}{{sync=\"{}\"{comma}{label}}} {value}", self.sync);
    }

    fn latency(&mut self, document: &Document) {
        const NAME: &str = "last_run_attempt_duration_seconds";
        let Some(latency) = document.attempts.latency_ms else { return };
        self.family(NAME, "How long the attempts of the last run took.", "summary");
        let quantiles = [
            ("0.5", latency.p50),
            ("0.9", latency.p90),
            ("0.95", latency.p95),
            ("0.99", latency.p99),
            ("0.999", latency.p999),
        ];
        for (quantile, millis) in quantiles {
            self.sample(NAME, &format!("quantile=\"{quantile}\""), millis / 1000.0);
        }
        self.sample(&format!("{NAME}_sum"), "", latency.sum / 1000.0);
        self.sample(&format!("{NAME}_count"), "", latency.count as f64);
    }
}

/// The value of a label as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}
