//! The state or the end of a run for the textfile collector of Prometheus' node_exporter: figures only, no text of rows.

use super::document::Document;
use std::fmt::Write;
use std::time::Duration;

/// What the name of every metric begins with.
const PREFIX: &str = "offerit_sync_";

/// What a metrics file begins with; nothing else is ever overwritten by one.
pub const OPENING: &str = "# HELP offerit_sync_";

/// Metrics of the run that ended last. During a run the file keeps them as the last run wrote them.
const LAST_RUN: &str = "last_run";

/// Metrics of the current run.
const CURRENT_RUN: &str = "current_run";

/// The lines of a metrics file that is written at `now`, since 1970. `sync` distinguishes the jobs of one machine: a label
/// of every metric. During the run the file keeps `last_run`, which [`last_run`] has read.
#[must_use]
pub fn metrics(document: &Document, sync: &str, now: Duration, last_run: &str) -> String {
    let mut page = Page { text: String::new(), sync: escaped(sync), run: LAST_RUN };
    let is_running = document.exit_code.is_none();
    page.gauge("running", "1 during a run, 0 after it has ended.", f64::from(u8::from(is_running)));
    page.gauge("updated_timestamp_seconds", "When this file was written.", now.as_secs_f64());
    if let Some(code) = document.exit_code {
        page.gauge("last_run_finished_timestamp_seconds", "When the last run ended.", now.as_secs_f64());
        let help = "Exit code of the last run; 0: every row is in sync.";
        page.gauge("last_run_exit_code", help, code.into());
        page.run(document);
    } else {
        page.run = CURRENT_RUN;
        page.run(document);
        page.text.push_str(last_run);
    }
    page.family("build_info", "The version that wrote this file.");
    page.sample("build_info", &format!("version=\"{}\"", escaped(document.program.version)), 1.0);
    page.text
}

/// The lines of an earlier file about the last run that ended, with the same label `sync`.
#[must_use]
pub fn last_run(earlier: &str, sync: &str) -> String {
    let label = format!("{{sync=\"{}\"", escaped(sync));
    let is_kept = |line: &&str| {
        let line = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
        let name = line.strip_prefix(PREFIX).and_then(|name| name.strip_prefix(LAST_RUN));
        name.is_some_and(|name| {
            name.find([' ', '{'])
                .is_some_and(|end| name[end..].starts_with(' ') || name[end..].starts_with(&label))
        })
    };
    earlier.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect()
}

struct Page {
    text: String,
    /// The label's value.
    sync: String,
    /// Which run the metrics of a run are about.
    run: &'static str,
}

impl Page {
    fn family(&mut self, name: &str, help: &str) {
        self.family_of(name, help, "gauge");
    }

    fn family_of(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
    }

    fn sample(&mut self, name: &str, label: &str, value: f64) {
        let comma = if label.is_empty() { "" } else { "," };
        let _ = writeln!(self.text, "{PREFIX}{name}{{sync=\"{}\"{comma}{label}}} {value}", self.sync);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, help);
        self.sample(name, "", value);
    }

    /// A gauge of the run. `help` goes before "of the last run".
    fn of_run(&mut self, name: &str, help: &str, value: f64) {
        let (name, help) = (self.name(name), self.help(help));
        self.gauge(&name, &help, value);
    }

    fn name(&self, name: &str) -> String {
        format!("{}_{name}", self.run)
    }

    fn help(&self, what: &str) -> String {
        format!("{what} of the {}.", self.run.replace('_', " "))
    }

    /// The metrics that a run has during and after it.
    fn run(&mut self, document: &Document) {
        let Document { rows, attempts, holds, outages, rates, .. } = document;
        self.of_run("duration_seconds", "Time of sending", document.duration.as_secs_f64());
        let (name, help) = (self.name("rows"), self.help("Recorded rows by status"));
        self.family(&name, &help);
        for (status, count) in document.counts.iter() {
            self.sample(&name, &format!("status=\"{}\"", status.name()), count as f64);
        }
        self.of_run("rows_in_sync_before", "Rows skipped as in sync", rows.in_sync_before as f64);
        if let Some(left) = rows.left {
            self.of_run("rows_left", "Rows not dealt with", left as f64);
        }
        self.of_run("attempts", "Attempts, retries included,", attempts.total as f64);
        self.of_run("retries", "Attempts that were not a row's first", attempts.retries as f64);
        if let Some(limit) = rates.limit {
            self.of_run("rate_limit", "Allowed attempts a second", limit);
        }
        self.of_run("holds", "Pauses that the server asked for", holds.count as f64);
        self.of_run("hold_seconds", "Time in pauses that the server asked for", holds.duration.as_secs_f64());
        self.of_run("outages", "Times without the server", outages.count as f64);
        self.of_run("outage_seconds", "Time without the server", outages.duration.as_secs_f64());
        self.latency(document);
    }

    fn latency(&mut self, document: &Document) {
        let Some(latency) = document.attempts.latency_ms else { return };
        let (name, help) = (self.name("attempt_duration_seconds"), self.help("Time that attempts took"));
        self.family_of(&name, &help, "summary");
        let quantiles = [
            ("0.5", latency.p50),
            ("0.9", latency.p90),
            ("0.95", latency.p95),
            ("0.99", latency.p99),
            ("0.999", latency.p999),
        ];
        for (quantile, millis) in quantiles {
            self.sample(&name, &format!("quantile=\"{quantile}\""), millis / 1000.0);
        }
        self.sample(&format!("{name}_sum"), "", latency.sum / 1000.0);
        self.sample(&format!("{name}_count"), "", latency.count as f64);
    }
}

/// The value of a label as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}
