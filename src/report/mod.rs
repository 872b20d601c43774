//! Output for people: progress during a run, the log, the summary at the end, and the page of a result file.
//! Standard output is for data, standard error for people. A closed one is no reason to end a job: what cannot be
//! written is left out.

mod bar;
mod block;
mod document;
mod flood;
mod latency;
mod logs;
mod markdown;
mod metrics;
mod page;
mod pauses;
mod plan;
mod replace;
mod screen;
mod summary;
mod ticker;
mod watch;

use crate::customer::{Parameter, Update};
use crate::text::{escape_and_shorten, escape_lines};
use std::fmt::Display;
use std::io::{self, Write};

pub use document::{Attempts, Document, OPENING as SUMMARY_OPENING, Pauses, Program, Rates, RowCounts};
pub use latency::Percentiles;
pub use logs::{LogFormat, Logs, Verbosity, format as log_format, start as start_logs};
pub use markdown::job_summary;
pub use metrics::{OPENING as METRICS_OPENING, last_run, metrics};
pub use page::{OPENING as PAGE_OPENING, Page, PageError, page};
pub use plan::{PlanFormat, PlanReport};
pub use replace::{Access, Replacement, folder_of, is_one_file, plain};
pub use summary::{Account, Counts};
pub use ticker::RowTicker;
pub use watch::{Observed, Plan, ProgressMode, Watch, keep_reporting, keep_watching};

/// Says something on standard error.
pub fn say(text: impl Display) {
    tracing::info!("{text}");
}

/// Says what is wrong but ends nothing. The text may hold words from outside.
pub fn warn(text: impl Display) {
    tracing::warn!("warning: {}", escape_and_shorten(&text.to_string()));
}

/// Reports at any verbosity that a run still reads its input: somebody has asked for its progress.
pub fn say_preparing(input: &str) {
    let input = escape_and_shorten(input);
    tracing::info!(
        target: logs::ALWAYS_LOGGED,
        event = "progress",
        "Reading {input} before the first request; nothing has been sent yet."
    );
}

/// Prints a message even with `-q`.
pub fn insist(text: impl Display) {
    tracing::error!("{text}");
}

/// Says what went wrong on standard error. The text may hold words from outside.
pub fn complain(text: impl Display) {
    let text = escape_and_shorten(&text.to_string());
    match logs::format() {
        LogFormat::Text => tracing::error!("error: {text}"),
        LogFormat::Json => tracing::error!("{text}"),
    }
}

/// Says what the server replied about a row, in full. The text may hold values of the row.
pub fn show_reply(update: &Update, status: u16, text: &str) {
    let id = |parameter| update.get(parameter).map(escape_and_shorten);
    let (customer_id, subscription_id) = (id(Parameter::CustomerId), id(Parameter::SubscriptionId));
    let ids = [("customer", &customer_id), ("subscription", &subscription_id)];
    let ids = ids.into_iter().filter_map(|(name, id)| Some(format!("{name} {}", id.as_ref()?)));
    tracing::debug!(
        event = "reply",
        customer_id,
        subscription_id,
        http_status = status,
        "{}: the server replied with HTTP {status}: {}",
        ids.collect::<Vec<_>>().join(", "),
        escape_and_shorten(text)
    );
}

/// Puts one line of data on standard output.
///
/// # Errors
/// If it cannot be written: nobody reads it any more, or the disk is full.
pub fn put(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Writes what is wrong with the command line to standard error. It quotes words of the command line.
pub fn show_usage(text: impl Display) {
    screen::write_lines(escape_lines(&text.to_string()).as_bytes());
}
