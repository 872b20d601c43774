//! The options of `plan` and `undo`, and the settings that they become.

use super::brakes::parse_row_limit;
use super::grammar::{INPUT, LIMITS, OUTPUT, RESULT, SERVER};
use super::layers::Layers;
use super::mapping::MappingOptions;
use super::reading::ReadingOptions;
use super::target::Environment;
use super::{CheckOptions, FileOptions, comparison_key};
use crate::commands::{plan, undo};
use crate::exit::Failure;
use crate::input::{Mapping, Reading};
use crate::report::PlanFormat;
use crate::resume::MaxChanges;
use clap::{Args, FromArgMatches, ValueEnum};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// Options of `plan`, in the order of `--help`.
#[derive(Debug, Args)]
pub struct PlanOptions {
    /// CSV file of customers
    pub input: PathBuf,

    /// CSV of what the customers have: the input delivered last, or an export; - for standard input
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub baseline: Option<PathBuf>,

    /// The baseline is an export: an empty cell means that the field has no value
    #[arg(long, help_heading = INPUT)]
    pub baseline_is_export: bool,

    /// Result file of the run of the baseline, to plan customers with failed rows in full
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub baseline_result: Option<PathBuf>,

    /// Configuration file (TOML) for reading the baseline; the options of the input if not given
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub baseline_config: Option<PathBuf>,

    /// How to read the input.
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// Where else options come from.
    #[command(flatten)]
    pub file: FileOptions,

    /// How columns become fields.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// Write no plan if more than N rows (or P% of the valid rows) would change
    #[arg(long, value_name = "N|P%", help_heading = LIMITS)]
    pub max_changes: Option<String>,

    /// Write no plan if the input lacks more than N customers (or P%) of the baseline
    #[arg(long, value_name = "N|P%", help_heading = LIMITS)]
    pub max_missing: Option<String>,

    /// Exit with code 3 if anything would change, to detect drift
    #[arg(long, help_heading = LIMITS)]
    pub exit_code: bool,

    /// File for the plan, which run sends; if not given, only the summary is printed
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,

    /// Replace the file of --output; edits in it are lost
    #[arg(long, help_heading = OUTPUT)]
    pub overwrite: bool,

    /// Format of the summary
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OUTPUT)]
    pub format: PlanFormatChoice,

    /// Print values instead of masking them; passwords stay masked
    #[arg(long, help_heading = OUTPUT)]
    pub show_values: bool,
}

/// `plan --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormatChoice {
    /// Plain text
    Text,
    /// One JSON object
    Json,
    /// Markdown for a pull request; in GitHub Actions also added to the summary of the job
    Markdown,
}

/// Options of `undo`, in the order of `--help`.
#[derive(Debug, Args)]
pub struct UndoOptions {
    /// Plan that was sent
    pub plan: PathBuf,

    /// How to read the plan.
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// File that contains the API key (or set OFFERIT_API_KEY to the key)
    ///
    /// With the key, a plan that was edited after it was sent is detected.
    #[arg(long, value_name = "FILE", help_heading = SERVER)]
    pub api_key_file: Option<PathBuf>,

    /// The result file was written by run --sandbox
    #[arg(long, help_heading = SERVER)]
    pub sandbox: bool,

    /// Result file of the run that sent the plan
    #[arg(long, value_name = "FILE", help_heading = RESULT)]
    pub result: PathBuf,

    /// Take back the whole plan, including rows that have no result
    #[arg(long, help_heading = RESULT)]
    pub all: bool,

    /// File for the undo, which run sends
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub output: PathBuf,

    /// Replace the file of --output
    #[arg(long, help_heading = OUTPUT)]
    pub overwrite: bool,
}

impl PlanOptions {
    /// The settings of a plan. `grammar` is the grammar of the whole program, which reads `--baseline-config`.
    ///
    /// # Errors
    /// If an option or the configuration of the baseline is wrong.
    pub fn settings(
        &self,
        grammar: &clap::Command,
        environment: &Environment,
    ) -> Result<plan::Settings, Failure> {
        // A plan as the input has its own error message.
        let mapping = Mapping { typed: Vec::new(), ..self.mapping.mapping()? };
        let reading = self.reading.reading()?;
        let limit = |option, text: &Option<String>| {
            let limit = |text| parse_row_limit(option, text, MaxChanges::Count, MaxChanges::Percent);
            text.as_deref().map(limit).transpose()
        };
        if self.output.as_deref() == Some(Path::new("-")) {
            return Err(Failure::usage(
                "--output: cannot be standard output, which has the summary. Name a file for the plan",
            ));
        }
        Ok(plan::Settings {
            input: self.input.clone(),
            baseline: self.baseline(grammar, reading, &mapping)?,
            reading,
            mapping,
            output: self.output.clone(),
            may_overwrite: self.overwrite,
            format: match self.format {
                PlanFormatChoice::Text => PlanFormat::Text,
                PlanFormatChoice::Json => PlanFormat::Json,
                PlanFormatChoice::Markdown => PlanFormat::Markdown,
            },
            show_values: self.show_values,
            is_coloured: environment.no_color.is_none() && io::stdout().is_terminal(),
            has_exit_code: self.exit_code,
            max_changes: limit("--max-changes", &self.max_changes)?,
            max_missing: limit("--max-missing", &self.max_missing)?,
            job_summary: environment.github_step_summary.clone().map(Into::into),
        })
    }

    fn baseline(
        &self,
        grammar: &clap::Command,
        reading: Reading,
        mapping: &Mapping,
    ) -> Result<plan::BaselineSettings, Failure> {
        let path = self.baseline.clone().ok_or_else(|| {
            Failure::usage(
                "--baseline: missing. Name a CSV of what the customers have: the input delivered last, or an export (with \
                 --baseline-is-export)",
            )
        })?;
        if self.baseline_is_export && self.baseline_result.is_some() {
            return Err(Failure::usage(
                "--baseline-result: no run sent an export. Remove this option or --baseline-is-export",
            ));
        }
        let own = self.baseline_config.as_deref().map(|config| options_of(grammar, config)).transpose()?;
        let (reading, mapping) = own.unwrap_or_else(|| (reading, mapping.clone()));
        Ok(plan::BaselineSettings {
            path,
            config: self.baseline_config.clone(),
            reading,
            mapping: Mapping { typed: Vec::new(), ..mapping },
            is_export: self.baseline_is_export,
            result: self.baseline_result.clone(),
        })
    }
}

/// The settings of a configuration file for reading an input, as `check` would use them.
fn options_of(grammar: &clap::Command, config: &Path) -> Result<(Reading, Mapping), Failure> {
    let arguments = ["offerit-sync".into(), "check".into(), "--config".into(), config.into(), "-".into()];
    let arguments: [OsString; 5] = arguments;
    let matches = grammar.clone().try_get_matches_from(&arguments).map_err(Failure::usage)?;
    let layers = Layers::new(grammar, &arguments, matches, &Environment::default())?;
    let (_, matches) = layers.matches().subcommand().expect("the command that was given above");
    let mut options = CheckOptions::from_arg_matches(matches).map_err(Failure::usage)?;
    layers.fill(&mut options.mapping);
    let read = options.reading.reading().and_then(|reading| Ok((reading, options.mapping.mapping()?)));
    read.map_err(|failure| layers.located(failure))
}

impl UndoOptions {
    /// The settings of an undo. The key is used if it is there.
    ///
    /// # Errors
    /// If an option or the key is wrong.
    pub fn settings(&self, environment: &Environment) -> Result<undo::Settings, Failure> {
        if self.output == Path::new("-") {
            return Err(Failure::usage(
                "--output: cannot be standard output, which has the summary. Name a file",
            ));
        }
        Ok(undo::Settings {
            plan: self.plan.clone(),
            reading: self.reading.reading()?,
            result: self.result.clone(),
            is_whole: self.all,
            output: self.output.clone(),
            may_overwrite: self.overwrite,
            key: comparison_key(self.sandbox, self.api_key_file.as_deref(), environment)?,
        })
    }
}
