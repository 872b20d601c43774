//! The options of `run` as they are typed.

use super::FileOptions;
use super::brakes::BrakeOptions;
use super::grammar::{CONCURRENCY, LIMITS, OUTPUT, PACE, RATE, RESULT, SERVER, attempts, concurrency};
use super::mapping::MappingOptions;
use super::reading::ReadingOptions;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Options of `run`, in the order of `--help`.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// CSV file of customers, or - for standard input
    pub input: PathBuf,

    /// How to read the input.
    #[command(flatten)]
    pub reading: ReadingOptions,

    /// Where else options come from.
    #[command(flatten)]
    pub file: FileOptions,

    /// How columns become fields.
    #[command(flatten)]
    pub mapping: MappingOptions,

    /// The account's URL. Its help is an attribute, because rustdoc warns of a bare address.
    #[arg(help = "Account URL, such as https://offerit.example.com [env: OFFERIT_URL]", long, conflicts_with = "sandbox", help_heading = SERVER)]
    pub url: Option<String>,

    /// API user name; must be an admin account [env: OFFERIT_API_USERNAME]
    #[arg(long, value_name = "NAME", help_heading = SERVER)]
    pub api_username: Option<String>,

    /// File that contains the API key (or set OFFERIT_API_KEY to the key)
    ///
    /// The key is never an argument, since other users of the machine can read command lines.
    #[arg(long, value_name = "FILE", help_heading = SERVER)]
    pub api_key_file: Option<PathBuf>,

    /// Send to a local test server instead; needs no account and no key
    ///
    /// The server is started for this run and stopped at its end.
    #[arg(long, help_heading = SERVER)]
    pub sandbox: bool,

    /// Certificates (PEM) of a private certificate authority, trusted besides the system's
    #[arg(long, value_name = "FILE", help_heading = SERVER, hide_short_help = true)]
    pub ca_cert: Option<PathBuf>,

    /// Allow http:// to another machine; the API key and the data are then sent unencrypted
    #[arg(long, help_heading = SERVER, hide_short_help = true)]
    pub allow_http: bool,

    /// Maximum request rate: 10/s, 600/m or unlimited
    ///
    /// Retries are included. The program sends more slowly while the server is overloaded.
    #[arg(long, value_name = "RATE", default_value = RATE, help_heading = PACE)]
    pub rate: String,

    /// Maximum number of simultaneous requests
    #[arg(long, value_name = "N", default_value_t = CONCURRENCY, value_parser = concurrency, help_heading = PACE)]
    pub concurrency: usize,

    /// Time limit for one request
    #[arg(long, value_name = "DURATION", default_value = "30s", help_heading = PACE, hide_short_help = true)]
    pub timeout: String,

    /// Maximum number of requests for one row, retries included
    ///
    /// Replies with status 429, failed connections and probes during an outage do not count.
    #[arg(long, value_name = "N", default_value = "5", value_parser = attempts, help_heading = PACE)]
    #[arg(hide_short_help = true)]
    pub max_attempts: u32,

    /// Keep to --rate even if the server is overloaded
    #[arg(long, help_heading = PACE, hide_short_help = true)]
    pub no_adapt: bool,

    /// Wait at most this long for open requests after Ctrl-C or SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "30s", help_heading = PACE, hide_short_help = true)]
    pub drain_timeout: String,

    /// Send one of N parts of the customers at 1/N of --rate, for several machines: 0/4 to 3/4
    #[arg(long, value_name = "I/N", help_heading = PACE, hide_short_help = true)]
    pub shard: Option<String>,

    /// Safety limits, which stop the run early.
    #[command(flatten)]
    pub brakes: BrakeOptions,

    /// Stop if the server is unreachable for this long
    #[arg(long, value_name = "DURATION", default_value = "10m", help_heading = LIMITS)]
    pub max_outage: String,

    /// Stop if the server asks for a longer pause than this (Retry-After)
    #[arg(long, value_name = "DURATION", default_value = "1h", help_heading = LIMITS, hide_short_help = true)]
    pub max_retry_after: String,

    /// Result file; customers.result.csv for customers.csv if not given
    #[arg(long, value_name = "FILE", help_heading = RESULT)]
    pub result: Option<PathBuf>,

    /// Continue an earlier run: skip delivered rows, send the rest
    #[arg(long, conflicts_with = "overwrite", help_heading = RESULT)]
    pub resume: bool,

    /// Start over and discard the existing result file
    ///
    /// The rows that the discarded file lists as delivered still count for --since.
    #[arg(long, help_heading = RESULT)]
    pub overwrite: bool,

    /// Resume even if rows were deleted, sorted or mostly changed
    #[arg(long, requires = "resume", help_heading = RESULT, hide_short_help = true)]
    pub accept_changed_input: bool,

    /// Skip rows that have not changed since this earlier result file
    ///
    /// A row is skipped if the last update of its customer in that file was the same update.
    #[arg(long, value_name = "RESULT", help_heading = RESULT)]
    pub since: Option<PathBuf>,

    /// Write a JSON summary to this file every 15 seconds and at the end, or to standard output (-) at the end
    #[arg(long, value_name = "FILE", help_heading = RESULT)]
    pub summary: Option<PathBuf>,

    /// Write Prometheus metrics to this file (*.prom) every 15 seconds and at the end
    ///
    /// For the textfile collector of the node exporter, which reads files named *.prom.
    #[arg(long, value_name = "FILE", help_heading = RESULT, hide_short_help = true)]
    pub metrics: Option<PathBuf>,

    /// Print errors only
    #[arg(short, long, help_heading = OUTPUT)]
    pub quiet: bool,

    /// Print timestamps and every retry
    #[arg(short, long, conflicts_with = "quiet", help_heading = OUTPUT)]
    pub verbose: bool,

    /// With -v: print the server's replies as they came; they may contain values of the row
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    pub show_values: bool,

    /// Progress on stderr: a block on a terminal, else a line every 30 seconds
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = OUTPUT, hide_short_help = true)]
    pub progress: ProgressChoice,

    /// Format of the log on stderr
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OUTPUT, hide_short_help = true)]
    pub log_format: LogFormatChoice,

    /// The arguments of the process, for the command that continues the run.
    #[arg(skip)]
    pub arguments: Vec<OsString>,
}

/// `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressChoice {
    /// A block if the terminal can show it, else lines
    Auto,
    /// A block on any terminal, else lines
    Always,
    /// No progress
    Never,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatChoice {
    /// Plain sentences
    Text,
    /// One JSON object per line
    Json,
}
