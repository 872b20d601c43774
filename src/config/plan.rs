//! The options of `plan` and `undo`, and the settings that they become.

use super::brakes::most;
use super::layers::Layers;
use super::mapping::MappingOptions;
use super::reading::ReadingOptions;
use super::target::Environment;
use super::{CheckOptions, FileOptions, OPEN_ROWS, compared_by};
use crate::commands::{plan, undo};
use crate::exit::Failure;
use crate::input::{Mapping, Reading};
use crate::report::PlanFormat;
use crate::resume::MaxChanges;
use clap::{Args, FromArgMatches, ValueEnum};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// Options of `plan`.
#[derive(Debug, Default, Args)]
pub struct PlanOptions {
    /// The CSV of customers
    pub input: PathBuf,

    /// What the customers have: the input that was delivered last, or an export; - is standard input
    #[arg(long, value_name = "PATH")]
    pub baseline: Option<PathBuf>,

    /// A TOML file that says how to read the baseline [default: the options of the input]
    #[arg(long, value_name = "PATH")]
    pub baseline_config: Option<PathBuf>,

    /// The baseline is an export: an empty cell of it means that there is no value
    #[arg(long)]
    pub baseline_is_export: bool,

    /// The result file of the run of the baseline: customers with rows that are not in sync are planned in full
    #[arg(long, value_name = "PATH")]
    pub baseline_result: Option<PathBuf>,

    /// How to read it
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// What its columns hold.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// Further options.
    #[command(flatten)]
    pub file: FileOptions,

    /// Write the plan to this file, which run sends; without it, only the account is printed
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,

    /// Replace an earlier plan; what was edited in it is lost
    #[arg(long)]
    pub overwrite: bool,

    /// Write no plan if more rows than this would change: N rows, or P% of the valid ones [default: no limit]
    #[arg(long, value_name = "N|P%")]
    pub max_changes: Option<String>,

    /// Write no plan if the input lacks more customers of the baseline than this: N, or P% of them [default: no limit]
    #[arg(long, value_name = "N|P%")]
    pub max_missing: Option<String>,

    /// End with exit code 3 if anything would change: to detect drift
    #[arg(long)]
    pub exit_code: bool,

    /// How the account is printed [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<PlanFormatChoice>,

    /// Print values as they are; passwords are never printed
    #[arg(long)]
    pub show_values: bool,
}

/// `plan --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormatChoice {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// For a pull request; in GitHub Actions appended to the page of the job, too
    Markdown,
}

/// Options of `undo`.
#[derive(Debug, Default, Args)]
pub struct UndoOptions {
    /// The plan that was sent
    pub plan: PathBuf,

    /// The result file of its run
    #[arg(long, value_name = "PATH")]
    pub result: PathBuf,

    /// Take back the whole plan, rows without a record included
    #[arg(long)]
    pub all: bool,

    /// Write the undo to this file, which run sends
    #[arg(short, long, value_name = "PATH")]
    pub output: PathBuf,

    /// Replace an earlier plan
    #[arg(long)]
    pub overwrite: bool,

    /// How to read the plan
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// The result file is that of a trial, made with run --sandbox
    #[arg(long)]
    pub sandbox: bool,

    /// A file that holds the API key: with it, a plan that is not as it was sent is noticed [env: OFFERIT_API_KEY]
    #[arg(long, value_name = "PATH")]
    pub api_key_file: Option<PathBuf>,
}

impl PlanOptions {
    /// The settings of a plan. `grammar` is that of the whole program, which reads `--baseline-config`.
    ///
    /// # Errors
    /// If an option or the configuration of the baseline is wrong.
    pub fn settings(
        &self,
        grammar: &clap::Command,
        environment: &Environment,
    ) -> Result<plan::Settings, Failure> {
        // A plan as the input is refused for what it is.
        let mapping = Mapping { typed: Vec::new(), ..self.mapping.mapping()? };
        let reading = self.reading.reading()?;
        let limit = |option, text: &Option<String>| {
            let limit = |text| most(option, text, MaxChanges::Count, MaxChanges::Percent);
            text.as_deref().map(limit).transpose()
        };
        if self.output.as_deref() == Some(Path::new("-")) {
            return Err(Failure::usage(
                "--output: name a file for the plan: standard output has the account",
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
                Some(PlanFormatChoice::Text) | None => PlanFormat::Text,
                Some(PlanFormatChoice::Json) => PlanFormat::Json,
                Some(PlanFormatChoice::Markdown) => PlanFormat::Markdown,
            },
            show_values: self.show_values,
            is_coloured: environment.no_color.is_none() && io::stdout().is_terminal(),
            has_exit_code: self.exit_code,
            max_changes: limit("--max-changes", &self.max_changes)?,
            max_missing: limit("--max-missing", &self.max_missing)?,
            job_summary: environment.github_step_summary.clone().map(Into::into),
            open_rows: OPEN_ROWS,
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
                "--baseline: name a CSV of what the customers have: the input that was delivered last, or an export (with \
                 --baseline-is-export)",
            )
        })?;
        if self.baseline_is_export && self.baseline_result.is_some() {
            return Err(Failure::usage(
                "--baseline-result: an export was not sent by a run: leave the option or --baseline-is-export out",
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

/// What a configuration file says of reading an input: what `check` would take from it.
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
            return Err(Failure::usage("--output: name a file: standard output has the account"));
        }
        Ok(undo::Settings {
            plan: self.plan.clone(),
            reading: self.reading.reading()?,
            result: self.result.clone(),
            is_whole: self.all,
            output: self.output.clone(),
            may_overwrite: self.overwrite,
            key: compared_by(self.sandbox, self.api_key_file.as_deref(), environment)?,
            open_rows: OPEN_ROWS,
        })
    }
}
