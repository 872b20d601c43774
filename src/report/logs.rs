//! What is logged, and how a line of it looks. All that is said on standard error is an event of `tracing`, so that one
//! switch makes JSON of every line. Events of other crates are left out: they may hold what nobody should see.

use super::screen;
use crate::text::{escape_json, escape_line};
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::time::SystemTime as Rfc3339;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// The target of events that are logged at every verbosity, because somebody asked for them just now.
pub(super) const ALWAYS_LOGGED: &str = concat!(env!("CARGO_CRATE_NAME"), "::asked");

/// How a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A sentence.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// How much is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors.
    Quiet,
    /// What a run does, and rows that failed.
    #[default]
    Normal,
    /// Every retry, too, and when all of it was.
    Verbose,
}

/// What the user wants to hear, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Logs {
    /// How a line looks.
    pub format: LogFormat,
    /// How much is said.
    pub verbosity: Verbosity,
}

const IS_JSON: u8 = 1;
const IS_QUIET: u8 = 2;
const IS_VERBOSE: u8 = 4;

/// Known only after the first things were to be said.
static WANTED: AtomicU8 = AtomicU8::new(0);

impl Logs {
    /// Applies to everything that is said from now on.
    pub fn apply(self) {
        let format = if self.format == LogFormat::Json { IS_JSON } else { 0 };
        let verbosity = match self.verbosity {
            Verbosity::Quiet => IS_QUIET,
            Verbosity::Normal => 0,
            Verbosity::Verbose => IS_VERBOSE,
        };
        WANTED.store(format | verbosity, Ordering::Relaxed);
    }
}

fn is_wanted(bit: u8) -> bool {
    WANTED.load(Ordering::Relaxed) & bit != 0
}

/// The current format.
#[must_use]
pub fn format() -> LogFormat {
    if is_wanted(IS_JSON) { LogFormat::Json } else { LogFormat::Text }
}

/// Whether errors are all that is wanted.
pub(super) fn is_quiet() -> bool {
    is_wanted(IS_QUIET)
}

fn level() -> LevelFilter {
    match () {
        () if is_wanted(IS_QUIET) => LevelFilter::ERROR,
        () if is_wanted(IS_VERBOSE) => LevelFilter::DEBUG,
        () => LevelFilter::INFO,
    }
}

/// Our own events, by the crate's name.
fn is_ours(target: &str) -> bool {
    let ours = env!("CARGO_CRATE_NAME");
    target.strip_prefix(ours).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == ALWAYS_LOGGED || is_ours(target) && *metadata.level() <= level()
}

/// Begins to log, in text at first. Before, nothing that is said appears.
pub fn start() {
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Lines::new())
        .with_writer(Screen)
        .log_internal_errors(false)
        .with_filter(dynamic_filter_fn(|metadata, _| is_logged(metadata)));
    // Somebody else's subscriber is as good.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
}

/// Writes above the block, if there is one.
struct Screen;

struct Line(Vec<u8>);

impl MakeWriter<'_> for Screen {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line(Vec::new())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        screen::write_lines(&self.0);
    }
}

/// The look of a line.
struct Lines {
    json: Format<Json, Rfc3339>,
}

impl Lines {
    fn new() -> Lines {
        let json = Format::default().json().flatten_event(true).with_target(false);
        Lines { json: json.with_current_span(false).with_span_list(false) }
    }
}

impl<S> FormatEvent<S, JsonFields> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if format() == LogFormat::Json {
            let mut json = String::new();
            self.json.format_event(context, Writer::new(&mut json), event)?;
            return writer.write_str(&escape_json(&json));
        }
        if is_wanted(IS_VERBOSE) {
            let level = *event.metadata().level();
            let name = if level == Level::WARN { "WARN " } else { level.as_str() };
            write!(writer, "{} {name:<5} ", humantime::format_rfc3339_millis(SystemTime::now()))?;
        }
        let mut message = Message { writer: &mut writer, outcome: Ok(()) };
        event.record(&mut message);
        message.outcome?;
        writeln!(writer)
    }
}

/// The sentence of an event, without its fields: they say the same for machines. Every message passes here, so that nothing
/// that comes from outside, such as the name of a file, reaches the terminal as it is.
struct Message<'line, 'writer> {
    writer: &'line mut Writer<'writer>,
    outcome: fmt::Result,
}

impl tracing::field::Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.outcome = self.writer.write_str(&escape_line(&format!("{value:?}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_other_crates_are_not_ours() {
        assert!(is_ours("offerit_sync") && is_ours("offerit_sync::report"));
        assert!(
            ["hyper::proto", "offerit_syncs", "h2", "", "reqwest::connect"].iter().all(|name| !is_ours(name))
        );
    }
}
