//! The options of each command as they are typed.

use super::mapping::MappingOptions;
use super::reading::ReadingOptions;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Where options come from that were not typed, of every command that reads the input.
#[derive(Debug, Default, Args)]
pub struct FileOptions {
    /// A TOML file that holds options; flags and variables win over it
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
}

/// Options of `check`.
#[derive(Debug, Default, Args)]
pub struct CheckOptions {
    /// The CSV of customers, or - for standard input
    #[arg(required_unless_present = "show_config")]
    pub input: Option<PathBuf>,

    /// How to read it
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// Look at one of N parts of the customers only, counted from 0, as run --shard sends it
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,

    /// What its columns hold.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// Further options.
    #[command(flatten)]
    pub file: FileOptions,

    /// Warnings count: exit code 3 if there is one
    #[arg(long)]
    pub strict: bool,

    /// What is printed [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FormatChoice>,

    /// Print values as they are; passwords are never printed
    #[arg(long)]
    pub show_values: bool,

    /// The rate of the run that is to come, to tell how long it takes: N, N/s, N/m or unlimited [default: 10/s]
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,

    /// Print what is in force for a run and where each value came from, and read no input
    #[arg(long)]
    pub show_config: bool,
}

/// `check --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatChoice {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// Annotations of GitHub Actions
    Github,
}

/// Options of `verify`.
#[derive(Debug, Default, Args)]
pub struct VerifyOptions {
    /// The CSV of customers
    pub input: PathBuf,

    /// How to read it
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// The result file; given many times, those of all shards [default: INPUT with its extension replaced by .result.csv]
    #[arg(long, value_name = "PATH")]
    pub result: Vec<PathBuf>,

    /// Account for one of N parts of the customers only, counted from 0, as run --shard sends it
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,

    /// Print the account as one JSON object
    #[arg(long)]
    pub json: bool,

    /// The result file is that of a trial, made with run --sandbox
    #[arg(long)]
    pub sandbox: bool,

    /// A file that holds the API key: with it, rows that changed since they were sent are told [env: OFFERIT_API_KEY]
    #[arg(long, value_name = "PATH")]
    pub api_key_file: Option<PathBuf>,

    /// What its columns hold.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// Further options.
    #[command(flatten)]
    pub file: FileOptions,
}

/// Options of `failures`.
#[derive(Debug, Default, Args)]
pub struct FailuresOptions {
    /// The CSV of customers
    pub input: PathBuf,

    /// How to read it
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// The result file [default: INPUT with its extension replaced by .result.csv]
    #[arg(long, value_name = "PATH")]
    pub result: Option<PathBuf>,

    /// Take the rows of one of N parts of the customers only, counted from 0, as run --shard sends it
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,

    /// Where the rows go, or - for standard output [default: -]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,

    /// Replace an earlier file of failures; corrections made in it are lost
    #[arg(long)]
    pub overwrite: bool,

    /// The result file is that of a trial, made with run --sandbox
    #[arg(long)]
    pub sandbox: bool,

    /// A file that holds the API key: with it, rows that changed since they failed are told [env: OFFERIT_API_KEY]
    #[arg(long, value_name = "PATH")]
    pub api_key_file: Option<PathBuf>,

    /// What its columns hold.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// Further options.
    #[command(flatten)]
    pub file: FileOptions,
}

/// Options of `report`.
#[derive(Debug, Default, Args)]
pub struct ReportOptions {
    /// The result file; a run may be writing it
    pub result: PathBuf,

    /// The CSV of customers, or - for standard input: adds how many rows it has and how many are still to come
    #[arg(long, value_name = "PATH")]
    pub input: Option<PathBuf>,

    /// How to read it
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// Where the page goes, or - for standard output [default: RESULT with its extension replaced by .html]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
}

/// Options of `sandbox`.
#[derive(Debug, Default, Args)]
pub struct SandboxOptions {
    /// Where to listen; port 0 is any free port. The address is the first line on stdout [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,

    /// Allow an address that other machines can reach
    #[arg(long)]
    pub allow_remote: bool,

    /// A CSV of the customers that exist; without it every id is known
    #[arg(long, value_name = "FILE")]
    pub customers: Option<PathBuf>,

    /// Demand this API user; without it any pair will do
    #[arg(long, value_name = "NAME")]
    pub api_username: Option<String>,

    /// Demand this API key. A made-up one: command lines can be read by everybody on the machine
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,

    /// Delay every reply
    #[arg(long, value_name = "DURATION")]
    pub latency: Option<String>,

    /// Answer 429 with Retry-After above this many requests a second: N or N/s
    #[arg(long, value_name = "N/s")]
    pub limit: Option<String>,

    /// Answer 503 to this part of the requests: P or P%
    #[arg(long, value_name = "P%")]
    pub fail: Option<String>,

    /// Seconds that a 503 of --fail asks for with Retry-After
    #[arg(long, value_name = "SECONDS")]
    pub retry_after: Option<u64>,

    /// Reset the connection of this part of the requests: half of them were applied
    #[arg(long, value_name = "P%")]
    pub reset: Option<String>,

    /// Never answer this part of the requests
    #[arg(long, value_name = "P%")]
    pub stall: Option<String>,

    /// Answer 200 with a maintenance page to this part of the requests
    #[arg(long, value_name = "P%")]
    pub html: Option<String>,

    /// Reset every connection from FROM to TO after the first request, as 10s..40s
    #[arg(long, value_name = "FROM..TO")]
    pub outage: Option<String>,

    /// Answer 403 to everything
    #[arg(long)]
    pub unauthorized: bool,

    /// Seed of the faults' dice: the same seed draws the same [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// The shell that is to complete the command line, or man for the manual page
    pub shell: CompletionsChoice,
}

/// What `completions` prints.
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
    /// The manual page of the program and all its commands
    Man,
}
