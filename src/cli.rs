//! What was typed. Nothing is checked here but its shape; `config` makes settings of it.

use crate::config::{CheckOptions, ReportOptions, RunOptions, SandboxOptions, VerifyOptions};
use crate::exit::ExitCode;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Sends a CSV of customers to Offerit, one rate-limited update a row. The result file is the job's memory: it
/// tells what became of every row, and --resume goes on from it after whatever happened.
#[derive(Debug, Parser)]
#[command(name = "offerit-sync", version, max_term_width = 100)]
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
    Run(RunOptions),
    /// Read and validate everything, send nothing
    Check(CheckOptions),
    /// Account for every input row against the result file, send nothing: for CI
    Verify(VerifyOptions),
    /// One self-contained HTML page of a result file: what became of the rows, why, how fast it went
    Report(ReportOptions),
    /// A local Offerit-compatible server to try things on
    Sandbox(SandboxOptions),
}

impl Cli {
    /// The command line's grammar, with the exit codes below every help.
    #[must_use]
    pub fn grammar() -> clap::Command {
        let table = ExitCode::table();
        let grammar = Cli::command().after_help(table.clone());
        grammar.mut_subcommands(|command| command.after_help(table.clone()))
    }

    /// Parses the process's arguments.
    ///
    /// # Errors
    /// What clap has to say: a mistake, or the help that was asked for.
    pub fn from_process() -> Result<Cli, clap::Error> {
        Cli::from_arg_matches(&Self::grammar().try_get_matches()?)
    }
}
