//! The options of `run` as they are typed.

use super::FileOptions;
use super::brakes::BrakeOptions;
use super::mapping::MappingOptions;
use super::reading::ReadingOptions;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Options of `run`.
#[derive(Debug, Default, Args)]
pub struct RunOptions {
    /// The CSV of customers, or - for standard input
    pub input: PathBuf,

    /// How to read it
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// Base URL of the Offerit account; /api/customer/set_customer_details is appended [env: OFFERIT_URL]
    #[arg(long, conflicts_with = "sandbox")]
    pub url: Option<String>,

    /// Send to a sandbox that is started for this run and stopped at its end
    #[arg(long)]
    pub sandbox: bool,

    /// Allow http:// to another machine: the key and the data travel unencrypted
    #[arg(long)]
    pub allow_http: bool,

    /// The API user [env: OFFERIT_API_USERNAME]
    #[arg(long, value_name = "NAME")]
    pub api_username: Option<String>,

    /// A file that holds the API key; the key is never taken from the command line [env: OFFERIT_API_KEY]
    #[arg(long, value_name = "PATH")]
    pub api_key_file: Option<PathBuf>,

    /// A PEM file of certificate authorities to trust besides the system's: for a private CA
    #[arg(long, value_name = "PATH")]
    pub ca_cert: Option<PathBuf>,

    /// The result file [default: INPUT with its extension replaced by .result.csv]
    #[arg(long, value_name = "PATH")]
    pub result: Option<PathBuf>,

    /// Send one of N parts of the customers, counted from 0, at an N-th of --rate: for a job on several machines
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,

    /// Go on with an existing result file: skip what is in sync, try the rest
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,

    /// Begin an existing result file anew: its memory is lost, but what it delivered counts for --since
    #[arg(long)]
    pub overwrite: bool,

    /// Resume although most rows of the result file do not match the input any more
    #[arg(long, requires = "resume")]
    pub accept_changed_input: bool,

    /// The most attempts started, retries included: N, N/s, N/m or unlimited [default: 10/s]
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,

    /// The most requests in flight [default: 16]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<usize>,

    /// How long one attempt may take [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,

    /// The most attempts of one row that are charged to it: 429s, failed connections and probes of an outage are not [default:
    /// 5]
    #[arg(long, value_name = "N")]
    pub max_attempts: Option<u32>,

    /// How long nothing may get through to the server before the run stops [default: 10m]
    #[arg(long, value_name = "DURATION")]
    pub max_outage: Option<String>,

    /// The longest pause a server may ask for (Retry-After); a longer one stops the run [default: 1h]
    #[arg(long, value_name = "DURATION")]
    pub max_retry_after: Option<String>,

    /// After SIGINT or SIGTERM, how long to wait for the requests in flight [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub drain_timeout: Option<String>,

    /// Keep to --rate even while the server is overloaded
    #[arg(long)]
    pub no_adapt: bool,

    /// Limits that end the run early.
    #[command(flatten)]
    pub brakes: BrakeOptions,

    /// Write a JSON summary of the run to this file, or to standard output (-)
    #[arg(long, value_name = "PATH")]
    pub summary: Option<PathBuf>,

    /// Write figures of the run to this file for Prometheus' textfile collector: name it *.prom
    #[arg(long, value_name = "PATH")]
    pub metrics: Option<PathBuf>,

    /// Show progress on stderr: a block on a terminal, a line every 30 seconds elsewhere [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub progress: Option<ProgressChoice>,

    /// How lines on stderr look [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormatChoice>,

    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,

    /// Say when everything was, and tell of every retry
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,

    /// With -v: print each reply that is no confirmation as it came; it may hold values of the row
    #[arg(long)]
    pub show_values: bool,

    /// The process's own arguments, from which the command is made that goes on.
    #[arg(skip)]
    pub arguments: Vec<OsString>,

    /// What its columns hold.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// Further options.
    #[command(flatten)]
    pub file: FileOptions,
}

/// `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressChoice {
    /// The block where the terminal can show it, lines elsewhere
    Auto,
    /// The block on any terminal, lines elsewhere
    Always,
    /// Neither
    Never,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatChoice {
    /// Sentences
    Text,
    /// One JSON object a line
    Json,
}
