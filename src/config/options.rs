//! The options of each command as they are typed.

use super::grammar::{FAULTS, INPUT, LIMITS, OUTPUT, PACE, RATE, RESULT, SERVER, whole};
use super::mapping::MappingOptions;
use super::reading::ReadingOptions;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The option that names a configuration file, of every command that reads the input.
#[derive(Debug, Default, Args)]
pub struct FileOptions {
    /// Configuration file (TOML); the command line and variables override it
    ///
    /// Its keys are the options without dashes, such as rate = "5/s".
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub config: Option<PathBuf>,
}

/// Options of `check`, in the order of `--help`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// CSV file of customers, or - for standard input
    #[arg(required_unless_present = "show_config")]
    pub input: Option<PathBuf>,

    /// How to read the input.
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// Where else options come from.
    #[command(flatten)]
    pub file: FileOptions,

    /// Check one of N parts of the customers, as run --shard sends it: 0/4 to 3/4
    #[arg(long, value_name = "I/N", help_heading = INPUT, hide_short_help = true)]
    pub shard: Option<String>,

    /// How columns become fields.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// Rate of the planned run, for its estimated duration: 10/s, 600/m or unlimited
    #[arg(long, value_name = "RATE", default_value = RATE, help_heading = PACE, hide_short_help = true)]
    pub rate: String,

    /// Exit with code 3 if there is a warning
    #[arg(long, help_heading = LIMITS)]
    pub strict: bool,

    /// Format of the output
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OUTPUT)]
    pub format: FormatChoice,

    /// Print values instead of masking them; passwords stay masked
    #[arg(long, help_heading = OUTPUT)]
    pub show_values: bool,

    /// Print the first three requests as shell commands; values stay masked without --show-values
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    pub show_requests: bool,

    /// Print the options that a run would use and where each comes from; reads no input
    #[arg(long, help_heading = OUTPUT)]
    pub show_config: bool,
}

/// `check --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatChoice {
    /// Plain text
    Text,
    /// One JSON object
    Json,
    /// Annotations for GitHub Actions
    Github,
}

/// Options of `verify`, in the order of `--help`.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// CSV file of customers
    pub input: PathBuf,

    /// How to read the input.
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// Where else options come from.
    #[command(flatten)]
    pub file: FileOptions,

    /// Verify one of N parts of the customers, as run --shard sends it: 0/4 to 3/4
    #[arg(long, value_name = "I/N", help_heading = INPUT, hide_short_help = true)]
    pub shard: Option<String>,

    /// How columns become fields.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// File that contains the API key (or set OFFERIT_API_KEY to the key)
    ///
    /// With the key, rows that changed since they were sent are detected.
    #[arg(long, value_name = "FILE", help_heading = SERVER)]
    pub api_key_file: Option<PathBuf>,

    /// The result file was written by run --sandbox
    #[arg(long, help_heading = SERVER)]
    pub sandbox: bool,

    /// Result file (repeatable); customers.result.csv for customers.csv if not given
    ///
    /// Repeat it to name the result files of all shards.
    #[arg(long, value_name = "FILE", help_heading = RESULT)]
    pub result: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
}

/// Options of `failures`, in the order of `--help`.
#[derive(Debug, Args)]
pub struct FailuresOptions {
    /// CSV file of customers
    pub input: PathBuf,

    /// How to read the input.
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// Where else options come from.
    #[command(flatten)]
    pub file: FileOptions,

    /// Export the failed rows of one of N parts of the customers, as run --shard sends it: 0/4 to 3/4
    #[arg(long, value_name = "I/N", help_heading = INPUT, hide_short_help = true)]
    pub shard: Option<String>,

    /// How columns become fields.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// File that contains the API key (or set OFFERIT_API_KEY to the key)
    ///
    /// With the key, rows that changed since they were sent are detected.
    #[arg(long, value_name = "FILE", help_heading = SERVER)]
    pub api_key_file: Option<PathBuf>,

    /// The result file was written by run --sandbox
    #[arg(long, help_heading = SERVER)]
    pub sandbox: bool,

    /// Result file; customers.result.csv for customers.csv if not given
    #[arg(long, value_name = "FILE", help_heading = RESULT)]
    pub result: Option<PathBuf>,

    /// File for the failed rows, or - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", help_heading = OUTPUT)]
    pub output: PathBuf,

    /// Replace the file of --output; corrections made in it are lost
    #[arg(long, help_heading = OUTPUT)]
    pub overwrite: bool,
}

/// Options of `report`, in the order of `--help`.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// Result file; the run may still be writing it
    pub result: PathBuf,

    /// CSV file of customers, or -: to show how many rows are not sent yet
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub input: Option<PathBuf>,

    /// How to read the input.
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// HTML file, or - for standard output; RESULT with the extension .html if not given
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
}

/// Options of `sandbox`, in the order of `--help`.
#[derive(Debug, Args)]
#[command(next_help_heading = SERVER)]
pub struct SandboxOptions {
    /// Address to listen on; port 0 means any free port
    ///
    /// The first line on standard output is the URL of the server.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: String,

    /// Allow an address that other machines can reach
    #[arg(long)]
    pub allow_remote: bool,

    /// CSV file of the customers that exist; if not given, every id exists
    #[arg(long, value_name = "FILE")]
    pub customers: Option<PathBuf>,

    /// Require this API user name; any is accepted if not given
    #[arg(long, value_name = "NAME", requires = "api_key")]
    pub api_username: Option<String>,

    /// Require this API key; use an invented one, since other users can read command lines
    #[arg(long, value_name = "KEY", requires = "api_username")]
    pub api_key: Option<String>,

    /// Delay every reply by this long
    #[arg(long, value_name = "DURATION", help_heading = FAULTS)]
    pub latency: Option<String>,

    /// Reply 429 with Retry-After above this many requests per second
    #[arg(long, value_name = "N/s", help_heading = FAULTS)]
    pub limit: Option<String>,

    /// Reply 503 to this percentage of the requests
    #[arg(long, value_name = "P%", help_heading = FAULTS)]
    pub fail: Option<String>,

    /// Seconds in the Retry-After header of the 503 replies of --fail
    #[arg(long, value_name = "SECONDS", value_parser = whole, help_heading = FAULTS)]
    pub retry_after: Option<u64>,

    /// Reset the connection of this percentage of the requests, half of them after the update
    #[arg(long, value_name = "P%", help_heading = FAULTS)]
    pub reset: Option<String>,

    /// Never reply to this percentage of the requests
    #[arg(long, value_name = "P%", help_heading = FAULTS)]
    pub stall: Option<String>,

    /// Reply 200 with a maintenance page to this percentage of the requests
    #[arg(long, value_name = "P%", help_heading = FAULTS)]
    pub html: Option<String>,

    /// Reset every connection in this time after the first request, such as 10s..40s
    #[arg(long, value_name = "FROM..TO", help_heading = FAULTS)]
    pub outage: Option<String>,

    /// Reply 403 to every request
    #[arg(long, help_heading = FAULTS)]
    pub unauthorized: bool,

    /// Seed of the random faults: the same seed gives the same faults
    #[arg(long, value_name = "N", default_value = "0", value_parser = whole, help_heading = FAULTS)]
    pub seed: u64,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// Shell, or 'man' for the man page
    #[arg(value_name = "SHELL")]
    pub shell: CompletionsChoice,
}

/// The text that `completions` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompletionsChoice {
    /// Completions for bash
    Bash,
    /// Completions for Elvish
    Elvish,
    /// Completions for fish
    Fish,
    /// Completions for PowerShell
    Powershell,
    /// Completions for zsh
    Zsh,
    /// Man page of the program and all its commands
    Man,
}
