//! What was typed. Nothing is checked here but its shape; `config` makes settings of it.

use crate::config::{
    CheckOptions, CompletionsOptions, Environment, FailuresOptions, Layers, LogFormatChoice, MappingOptions,
    PlanOptions, ReportOptions, RunOptions, SandboxOptions, UndoOptions, VerifyOptions,
};
use crate::exit::{ExitCode, Failure};
use crate::report::{LogFormat, Logs};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::env;
use std::ffi::OsString;

/// Sends a CSV of customers to Offerit, one rate-limited update a row. The result file is the job's memory: it
/// tells what became of every row, and --resume goes on from it after whatever happened.
#[derive(Debug, Parser)]
#[command(name = "offerit-sync", version, long_version = env!("OFFERIT_SYNC_VERSION"), max_term_width = 100)]
#[command(disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send every row that is not in sync yet
    Run(Box<RunOptions>),
    /// Read and validate everything, send nothing
    Check(CheckOptions),
    /// What would change against a baseline, field by field, as a CSV for run; sends nothing
    Plan(Box<PlanOptions>),
    /// A CSV of the values from before a plan that was sent
    Undo(UndoOptions),
    /// Account for every input row against the result file, send nothing: for CI
    Verify(VerifyOptions),
    /// The rows that did not make it, with the reason, ready to correct and run again
    Failures(FailuresOptions),
    /// One self-contained HTML page of a result file: what became of the rows, why, how fast it went
    Report(ReportOptions),
    /// A local Offerit-compatible server to try things on
    Sandbox(SandboxOptions),
    /// Completions for a shell, or the manual page, on standard output
    Completions(CompletionsOptions),
}

impl Cli {
    /// The command line's grammar, with the exit codes below every help.
    #[must_use]
    pub fn grammar() -> clap::Command {
        let table = ExitCode::table();
        let grammar = Cli::command().after_help(table.clone());
        grammar.mut_subcommands(|command| command.after_help(table.clone()))
    }
}

/// The arguments of a process, right by the grammar.
pub struct Typed {
    arguments: Vec<OsString>,
    matches: ArgMatches,
}

impl Typed {
    /// Parses the process's arguments.
    ///
    /// # Errors
    /// What clap has to say: a mistake, or the help that was asked for.
    pub fn from_process() -> Result<Typed, clap::Error> {
        let arguments: Vec<OsString> = env::args_os().collect();
        let matches = Cli::grammar().try_get_matches_from(&arguments)?;
        Ok(Typed { arguments, matches })
    }

    /// How lines on standard error are to look by what was typed alone, for what is wrong with the rest.
    #[must_use]
    pub fn logs(&self) -> Logs {
        let typed = self.matches.subcommand().map(|(_, matches)| matches);
        let format =
            typed.and_then(|matches| matches.try_get_one::<LogFormatChoice>("log_format").ok().flatten());
        Logs { format: format.map_or(LogFormat::Text, |choice| (*choice).into()), ..Logs::default() }
    }

    /// The command with all its options: those typed, then those of the configuration file that was named.
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
    /// How lines on standard error are to look, and what is to be said.
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
