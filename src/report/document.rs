//! The summary of a run for programs, during the run and at its end. Its schema is `samples/summary.schema.json`.

use super::latency::Percentiles;
use super::summary::Counts;
use crate::text::escape_json;
use serde::{Serialize, Serializer};
use std::io;
use std::time::Duration;

/// What a summary begins with; nothing else is ever overwritten by one.
pub const OPENING: &str = "{\n  \"format\": \"offerit-sync/summary\"";

/// The summary of a run. Fields may be added; one that is renamed, removed or means something else gets a new version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// What this is.
    pub format: &'static str,
    /// Of the schema.
    pub version: u32,
    /// The program that wrote it.
    pub program: Program,
    /// The process of the run.
    pub pid: u32,
    /// The CSV, as it was named.
    pub input: String,
    /// The result file, as it was named.
    pub result: String,
    /// Where it was sent to: scheme, host and port.
    pub server: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// When this was written: RFC 3339, UTC.
    pub updated_at: String,
    /// RFC 3339, UTC; `None` during the run.
    pub finished_at: Option<String>,
    /// How long sending took so far, in milliseconds.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
    /// The exit code; `None` during the run.
    pub exit_code: Option<u8>,
    /// Why it ended, in one word; `running` during the run.
    pub reason: &'static str,
    /// What went wrong, in words.
    pub message: Option<String>,
    /// The command that continues the run, for a shell.
    pub next_command: Option<String>,
    /// Rows.
    pub rows: RowCounts,
    /// Rows that this run recorded, by status.
    #[serde(serialize_with = "by_name")]
    pub counts: Counts,
    /// Attempts.
    pub attempts: Attempts,
    /// A second.
    pub rates: Rates,
    /// Pauses the server asked for.
    pub holds: Pauses,
    /// Times in which nothing got through.
    pub outages: Pauses,
}

/// The program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// Rows of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// All; `None` for a stream.
    pub total: Option<u64>,
    /// Skipped: in sync by an earlier run.
    pub in_sync_before: u64,
    /// Recorded by this run.
    pub recorded: u64,
    /// Of these, rows that are not in sync.
    pub not_in_sync: u64,
    /// Not recorded yet; `None` for a stream.
    pub left: Option<u64>,
}

/// Attempts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Attempts {
    /// All.
    pub total: u64,
    /// Those that were not a row's first.
    pub retries: u64,
    /// How long they took; `None` without any.
    pub latency_ms: Option<Percentiles>,
}

/// A second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// The most attempts that may start; `None`: no limit.
    pub limit: Option<f64>,
    /// The rate below the limit that the server was taken to bear in the end; `None`: not below.
    pub effective: Option<f64>,
    /// Attempts, over the whole run.
    pub attempts: f64,
    /// Rows that were recorded, over the whole run.
    pub rows: f64,
}

/// Pauses of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pauses {
    /// How many.
    pub count: u64,
    /// All of them together, in milliseconds.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
}

fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn by_name<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(status, count)| (status.name(), count)))
}

impl Document {
    /// Its format.
    pub const FORMAT: &'static str = "offerit-sync/summary";
    /// Its version.
    pub const VERSION: u32 = 2;

    /// As it is written, without a line end.
    ///
    /// # Errors
    /// Never, as there is nothing in it that JSON cannot hold.
    pub fn to_json(&self) -> io::Result<String> {
        Ok(escape_json(&serde_json::to_string_pretty(self)?))
    }
}
