//! Typed options and the environment become validated settings. Each module owns its settings type; this one
//! fills them in and holds the defaults. Nothing is read or sent before all of it is valid.

mod brakes;
mod columns;
mod completions;
mod file;
mod layers;
mod mapping;
mod options;
mod outputs;
mod plan;
mod reading;
mod run_options;
mod sandbox;
mod shard;
mod shown;
mod target;
mod values;

use crate::check::CheckFormat;
use crate::commands::{Key, Output, check, failures, report, run, verify};
use crate::delivery;
use crate::exit::Failure;
use crate::journal::Existing;
use crate::resume::Shard;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use brakes::BrakeOptions;
pub use layers::Layers;
pub use mapping::{EmptyChoice, EmptyRowsChoice, MappingOptions};
pub use options::{
    CheckOptions, CompletionsChoice, CompletionsOptions, FailuresOptions, FileOptions, FormatChoice,
    ReportOptions, SandboxOptions, VerifyOptions,
};
pub use plan::{PlanFormatChoice, PlanOptions, UndoOptions};
pub use reading::ReadingOptions;
pub use run_options::{LogFormatChoice, ProgressChoice, RunOptions};
pub use target::Environment;

/// Requests in flight, unless said otherwise.
const CONCURRENCY: usize = 16;

/// The most rows open at once, unless said otherwise: so many records a power cut can have taken.
const OPEN_ROWS: u64 = (CONCURRENCY * delivery::OPEN_ROWS_PER_REQUEST) as u64;
/// More requests in flight than this are a typing mistake.
const MOST_CONCURRENCY: usize = 10_000;
/// For one attempt, unless said otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// For one row, unless said otherwise.
const MAX_ATTEMPTS: u32 = 5;
/// For a server that does not answer at all, unless said otherwise.
const MAX_OUTAGE: Duration = Duration::from_secs(600);
/// For a pause the server asks for, unless said otherwise.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// For requests in flight after an interrupt, unless said otherwise.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

impl RunOptions {
    /// The settings of a run.
    ///
    /// # Errors
    /// The first option, variable or file that is missing or wrong, with what to do.
    pub fn settings(&self, environment: &Environment) -> Result<run::Settings, Failure> {
        let shard = shard::shard(self.shard.as_deref())?;
        let result = result_path(&self.input, self.result.as_deref(), shard)?;
        let existing = match (self.resume, self.overwrite) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Overwrite,
            _ => Existing::Refuse,
        };
        let target = if self.sandbox {
            run::Target::Sandbox { timeout: self.timeout()? }
        } else {
            run::Target::Server(self.server(environment, self.timeout()?)?)
        };
        Ok(run::Settings {
            input: self.input.clone(),
            reading: self.reading.reading()?,
            mapping: self.mapping.mapping()?,
            since: self.brakes.since(&result, self.mapping.is_since_of_file())?,
            outputs: self.outputs(environment, &result),
            result,
            existing,
            shard,
            accept_changed_input: self.accept_changed_input,
            target,
            delivery: self.delivery(shard)?,
            max_invalid: self.brakes.max_invalid()?,
            is_strict: self.brakes.strict,
            shows_replies: self.show_values,
        })
    }

    fn delivery(&self, shard: Option<Shard>) -> Result<delivery::Settings, Failure> {
        let concurrency = self.concurrency.unwrap_or(CONCURRENCY);
        let concurrency = NonZeroUsize::new(concurrency).filter(|count| count.get() <= MOST_CONCURRENCY);
        Ok(delivery::Settings {
            rate: shard::rate(self.rate.as_deref(), shard)?,
            concurrency: concurrency.ok_or_else(|| {
                Failure::usage(format!("--concurrency: give a number from 1 to {MOST_CONCURRENCY}"))
            })?,
            max_attempts: NonZeroU32::new(self.max_attempts.unwrap_or(MAX_ATTEMPTS))
                .ok_or_else(|| Failure::usage("--max-attempts: give a number from 1"))?,
            max_outage: duration_or("--max-outage", self.max_outage.as_deref(), MAX_OUTAGE)?,
            max_retry_after: duration_or(
                "--max-retry-after",
                self.max_retry_after.as_deref(),
                MAX_RETRY_AFTER,
            )?,
            brakes: self.brakes.brakes()?,
            drain_timeout: duration_or("--drain-timeout", self.drain_timeout.as_deref(), DRAIN_TIMEOUT)?,
            adapt: !self.no_adapt,
            seed: None,
        })
    }

    fn timeout(&self) -> Result<Duration, Failure> {
        duration_or("--timeout", self.timeout.as_deref(), TIMEOUT)
    }
}

impl CheckOptions {
    /// The settings of a check.
    ///
    /// # Errors
    /// If an option is wrong.
    pub fn settings(&self) -> Result<check::Settings, Failure> {
        let shard = shard::shard(self.shard.as_deref())?;
        Ok(check::Settings {
            input: self.input.clone().unwrap_or_default(),
            reading: self.reading.reading()?,
            mapping: self.mapping.mapping()?,
            shard,
            rate: shard::rate(self.rate.as_deref(), shard)?,
            strict: self.strict,
            format: match self.format {
                Some(FormatChoice::Text) | None => CheckFormat::Text,
                Some(FormatChoice::Json) => CheckFormat::Json,
                Some(FormatChoice::Github) => CheckFormat::Github,
            },
            show_values: self.show_values,
        })
    }

    /// What is in force for a run, and where each value came from. Holds no secret.
    ///
    /// # Errors
    /// If the mapping is wrong.
    pub fn shown(
        &self,
        grammar: &clap::Command,
        layers: &Layers,
        environment: &Environment,
    ) -> Result<String, Failure> {
        self.mapping.mapping()?;
        Ok(shown::shown(grammar, layers, environment, &self.mapping))
    }
}

impl VerifyOptions {
    /// The settings of a verification. The key is used if it is there: without it, rows that changed since
    /// they were sent cannot be told.
    ///
    /// # Errors
    /// If an option or the key is wrong.
    pub fn settings(&self, environment: &Environment) -> Result<verify::Settings, Failure> {
        let shard = shard::shard(self.shard.as_deref())?;
        Ok(verify::Settings {
            input: self.input.clone(),
            reading: self.reading.reading()?,
            mapping: self.mapping.mapping()?,
            shard,
            results: self.results(shard)?,
            key: compared_by(self.sandbox, self.api_key_file.as_deref(), environment)?,
            json: self.json,
            open_rows: OPEN_ROWS,
        })
    }
}

impl FailuresOptions {
    /// The settings of `failures`. The key is used as by a verification.
    ///
    /// # Errors
    /// If an option or the key is wrong.
    pub fn settings(&self, environment: &Environment) -> Result<failures::Settings, Failure> {
        let shard = shard::shard(self.shard.as_deref())?;
        Ok(failures::Settings {
            input: self.input.clone(),
            reading: self.reading.reading()?,
            mapping: self.mapping.mapping()?,
            shard,
            result: result_path(&self.input, self.result.as_deref(), shard)?,
            output: self.output.as_deref().map_or(Output::Stdout, Output::to),
            may_overwrite: self.overwrite,
            key: compared_by(self.sandbox, self.api_key_file.as_deref(), environment)?,
            open_rows: OPEN_ROWS,
        })
    }
}

/// What the rows of an input are compared with their records by.
fn compared_by(is_trial: bool, key_file: Option<&Path>, environment: &Environment) -> Result<Key, Failure> {
    if is_trial {
        return Ok(Key::Sandbox);
    }
    let key = target::api_key(key_file, environment)?;
    Ok(key.map_or(Key::None, |key| Key::Account(key.fingerprint_key())))
}

impl ReportOptions {
    /// The settings of a report.
    ///
    /// # Errors
    /// If an option is wrong.
    pub fn settings(&self) -> Result<report::Settings, Failure> {
        let beside = || Output::File(self.result.with_extension("html"));
        let output = self.output.as_deref().map_or_else(beside, Output::to);
        let reading = self.reading.reading()?;
        if self.input.is_none() && self.reading != ReadingOptions::default() {
            return Err(Failure::usage("--input: name the CSV that the options about reading are for"));
        }
        let input = self.input.clone().map(|input| (input, reading));
        Ok(report::Settings { result: self.result.clone(), input, output, open_rows: OPEN_ROWS })
    }
}

/// Whether this is standard input, by whatever name, or what a shell makes of `<(command)`: nothing lies beside these.
fn is_stream_of_process(input: &Path) -> bool {
    input == Path::new("-")
        || input == Path::new("/dev/stdin")
        || input.starts_with("/dev/fd")
        || input.starts_with("/proc")
}

/// `INPUT` with its extension replaced, or what was asked for. Each shard has a file of its own.
fn result_path(input: &Path, result: Option<&Path>, shard: Option<Shard>) -> Result<PathBuf, Failure> {
    let path = match result {
        Some(result) => result.to_path_buf(),
        None if is_stream_of_process(input) => {
            return Err(Failure::usage(
                "--result: name the result file when the input is standard input or a pipe of the shell",
            ));
        }
        None => input.with_extension(shard::extension(shard)),
    };
    if path == input {
        return Err(Failure::usage(format!("--result: {} is the input itself", path.display())));
    }
    Ok(path)
}

/// What was typed, or the default.
fn duration_or(option: &str, text: Option<&str>, default: Duration) -> Result<Duration, Failure> {
    text.map_or(Ok(default), |text| duration(option, text))
}

/// Reads `500ms`, `30s`, `10m`, `4h`.
fn duration(option: &str, text: &str) -> Result<Duration, Failure> {
    let bad =
        || Failure::usage(format!("{option}: '{text}' is not a duration such as 500ms, 30s, 10m or 4h"));
    let duration = humantime::parse_duration(text).map_err(|_| bad())?;
    if duration.is_zero() && option != "--latency" {
        return Err(bad());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests;
