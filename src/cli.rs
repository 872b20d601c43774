//! The command line. Only its form is checked here; `config` makes settings of it.

mod help;
mod mistakes;

use crate::config::{
    CheckOptions, CompletionsOptions, Environment, FailuresOptions, Layers, LogFormatChoice, MappingOptions,
    PlanOptions, ReportOptions, RunOptions, SandboxOptions, UndoOptions, VerifyOptions,
};
use crate::exit::Failure;
use crate::report::{LogFormat, Logs};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::env;
use std::ffi::OsString;

/// Update Offerit customers from a CSV file
///
/// Sends one rate-limited request per row. The result of every row is written to a result file; if a run stops for any
/// reason, --resume continues from there.
#[derive(Debug, Parser)]
#[command(name = "offerit-sync", version, long_version = env!("OFFERIT_SYNC_VERSION"), max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send the rows of a CSV to Offerit
    Run(Box<RunOptions>),
    /// Validate a CSV without sending anything
    Check(CheckOptions),
    /// Write the changes against a baseline to a CSV for review; sends nothing
    Plan(Box<PlanOptions>),
    /// Write a CSV that takes back a plan that was sent; sends nothing
    Undo(UndoOptions),
    /// Check in the result file that every row was delivered (does not contact Offerit)
    Verify(VerifyOptions),
    /// Export the failed rows, with reasons, so they can be fixed and sent again
    Failures(FailuresOptions),
    /// Write an HTML report from a result file
    Report(ReportOptions),
    /// Start a local test server that behaves like Offerit
    Sandbox(SandboxOptions),
    /// Print shell completions or the man page
    Completions(CompletionsOptions),
}

impl Cli {
    /// The grammar of the command line, with examples in every help.
    #[must_use]
    pub fn grammar() -> clap::Command {
        help::complete(Cli::command())
    }
}

/// The arguments of a process that fit the grammar.
pub struct Typed {
    arguments: Vec<OsString>,
    matches: ArgMatches,
}

impl Typed {
    /// Parses the process's arguments.
    ///
    /// # Errors
    /// A mistake, or the help that was asked for.
    pub fn from_process() -> Result<Typed, clap::Error> {
        let arguments: Vec<OsString> = env::args_os().collect();
        let grammar = Cli::grammar();
        let matches = grammar.clone().try_get_matches_from(&arguments);
        let matches = matches.map_err(|error| mistakes::in_plain_words(error, &grammar, &arguments))?;
        Ok(Typed { arguments, matches })
    }

    /// The format of the log by what was typed alone, for errors of the configuration file.
    #[must_use]
    pub fn logs(&self) -> Logs {
        let typed = self.matches.subcommand().map(|(_, matches)| matches);
        let format =
            typed.and_then(|matches| matches.try_get_one::<LogFormatChoice>("log_format").ok().flatten());
        Logs { format: format.map_or(LogFormat::Text, |choice| (*choice).into()), ..Logs::default() }
    }

    /// The command with all its options: the typed ones, then those of the configuration file.
    ///
    /// # Errors
    /// If the configuration file is wrong.
    pub fn command(self, environment: &Environment) -> Result<(Command, Layers), Failure> {
        let layers = Layers::new(&Cli::grammar(), &self.arguments, self.matches, environment)?;
        let cli = Cli::from_arg_matches(layers.matches()).map_err(Failure::usage)?;
        let mut command = cli.command;
        if let Some(options) = command.mapping() {
            layers.fill(options);
        }
        if let Command::Run(options) = &mut command {
            options.arguments = self.arguments;
        }
        Ok((command, layers))
    }
}

impl Command {
    /// The format and the verbosity of the log.
    #[must_use]
    pub fn logs(&self) -> Logs {
        match self {
            Command::Run(options) => options.logs(),
            _ => Logs::default(),
        }
    }

    /// The options about columns, where the command has them.
    fn mapping(&mut self) -> Option<&mut MappingOptions> {
        match self {
            Command::Run(options) => Some(&mut options.mapping),
            Command::Check(options) => Some(&mut options.mapping),
            Command::Plan(options) => Some(&mut options.mapping),
            Command::Verify(options) => Some(&mut options.mapping),
            Command::Failures(options) => Some(&mut options.mapping),
            Command::Undo(_) | Command::Report(_) | Command::Sandbox(_) | Command::Completions(_) => None,
        }
    }
}
