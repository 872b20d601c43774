//! Typed options and the environment become validated settings. Each module owns its settings type, and this module fills the
//! settings in. The defaults are in the options, where clap shows them. Nothing is read or sent before all settings are valid.

mod brakes;
mod columns;
mod completions;
mod file;
mod grammar;
mod layers;
mod mapping;
mod opening;
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
use std::path::Path;
use std::time::Duration;

use grammar::duration;
use shard::result_path;

pub use brakes::BrakeOptions;
pub use grammar::OUTPUT as OUTPUT_HEADING;
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
            since: self.since(&result)?,
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
        Ok(delivery::Settings {
            rate: shard::rate(&self.rate, shard)?,
            // The parsers of both options refuse 0.
            concurrency: NonZeroUsize::new(self.concurrency).unwrap_or(NonZeroUsize::MIN),
            max_attempts: NonZeroU32::new(self.max_attempts).unwrap_or(NonZeroU32::MIN),
            max_outage: duration("--max-outage", &self.max_outage)?,
            max_retry_after: duration("--max-retry-after", &self.max_retry_after)?,
            brakes: self.brakes.brakes()?,
            drain_timeout: duration("--drain-timeout", &self.drain_timeout)?,
            adapt: !self.no_adapt,
            seed: None,
        })
    }

    fn timeout(&self) -> Result<Duration, Failure> {
        duration("--timeout", &self.timeout)
    }

    /// The settings of `--since`, for a run that writes `result`.
    fn since(&self, result: &Path) -> Result<Option<run::Since>, Failure> {
        let Some(since) = &self.since else { return Ok(None) };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if real(since) == real(result) {
            return Err(Failure::usage(format!(
                "--since: {} is the result file of this run. To continue the run, use --resume; for a new run, choose \
                 another --result",
                since.display()
            )));
        }
        let max_changes = self.brakes.max_changes()?;
        let is_from_file = self.mapping.is_since_of_file();
        Ok(Some(run::Since { result: since.clone(), max_changes, is_from_file }))
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
            rate: shard::rate(&self.rate, shard)?,
            strict: self.strict,
            format: match self.format {
                FormatChoice::Text => CheckFormat::Text,
                FormatChoice::Json => CheckFormat::Json,
                FormatChoice::Github => CheckFormat::Github,
            },
            show_values: self.show_values,
            show_requests: self.show_requests,
        })
    }

    /// The settings in effect for a run, and their sources. Contains no secret.
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
        Ok(shown::show_config(grammar, layers, environment, &self.mapping))
    }
}

impl VerifyOptions {
    /// The settings of a verification. Without the key, rows that changed since they were sent are not detected.
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
            key: comparison_key(self.sandbox, self.api_key_file.as_deref(), environment)?,
            json: self.json,
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
            output: Output::to(&self.output),
            may_overwrite: self.overwrite,
            key: comparison_key(self.sandbox, self.api_key_file.as_deref(), environment)?,
        })
    }
}

/// The key of the fingerprints, to compare the rows of an input with their records.
fn comparison_key(
    is_trial: bool,
    key_file: Option<&Path>,
    environment: &Environment,
) -> Result<Key, Failure> {
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
            return Err(Failure::usage(
                "--delimiter, --encoding and the other options for reading a CSV need --input FILE",
            ));
        }
        let input = self.input.clone().map(|input| (input, reading));
        Ok(report::Settings { result: self.result.clone(), input, output })
    }
}

#[cfg(test)]
mod tests;
