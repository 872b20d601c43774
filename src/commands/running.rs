//! Runs that are writing the result files which `verify` accounts for: who they are, how fast, and how long they will take.

use crate::exit::Failure;
use crate::journal::{Holder, ResultFile, recent_speed};
use crate::report::say;
use crate::text::{counted, rounded};
use serde::Serialize;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A run that is writing a result file.
pub(super) struct Running<'paths> {
    result: &'paths Path,
    holder: Holder,
    /// Rows a second over the last minute; `None` in its first second.
    speed: Option<f64>,
}

/// A run as `verify --json` prints it.
#[derive(Serialize)]
pub(super) struct RunningDocument<'paths> {
    result: Cow<'paths, str>,
    pid: u32,
    since: Option<String>,
    rows_per_second: Option<f64>,
}

/// The runs that write these result files, as far as they can be found.
pub(super) fn find(results: &[PathBuf]) -> Vec<Running<'_>> {
    let holder = |result| Some(Running { result, holder: ResultFile::holder(result)?, speed: None });
    results.iter().filter_map(|result| holder(result)).collect()
}

/// Measures how fast they are.
///
/// # Errors
/// If a result file cannot be read.
pub(super) fn measure(runs: &mut [Running<'_>]) -> Result<(), Failure> {
    for run in runs {
        run.speed = recent_speed(run.result, run.holder.since, SystemTime::now())?;
    }
    Ok(())
}

/// The time that they will take for `rows`, at their speed over the last minute.
pub(super) fn time_left(runs: &[Running<'_>], rows: u64) -> Option<Duration> {
    let speed: f64 = runs.iter().filter_map(|run| run.speed).sum();
    (speed > 0.0).then(|| Duration::try_from_secs_f64(rows as f64 / speed).ok()).flatten()
}

/// Reports the runs, and how long they will take for the rows that are left.
pub(super) fn explain(runs: &[Running<'_>], rows: u64) {
    for Running { result, holder, speed } in runs {
        let speed = match speed {
            None => String::new(),
            Some(speed) if *speed > 0.0 => format!(": {speed:.1} rows/s"),
            Some(_) => ": no row was sent in the last minute".to_owned(),
        };
        say(format_args!("A run is writing {} ({holder}){speed}.", result.display()));
    }
    if let Some(left) = time_left(runs, rows).filter(|_| rows > 0) {
        say(format_args!("{} left, about {}.", counted(rows, "row"), rounded(left)));
    }
}

impl<'paths> Running<'paths> {
    pub(super) fn document(&self) -> RunningDocument<'paths> {
        RunningDocument {
            result: self.result.to_string_lossy(),
            pid: self.holder.pid,
            since: self.holder.since.map(|since| humantime::format_rfc3339_seconds(since).to_string()),
            rows_per_second: self.speed.map(|speed| (speed * 10.0).round() / 10.0),
        }
    }
}
