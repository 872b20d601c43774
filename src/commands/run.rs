//! `run`: sends every row that is not in sync yet.

mod ending;
mod invalid;
mod survey;

use super::SANDBOX_CREDENTIALS;
use super::signals::interrupts;
use crate::delivery::{self, ChannelFeed, Done, Ending, Rate, deliver};
use crate::exit::{ExitCode, Failure};
use crate::input::{Format, Input, Mapping, Reading};
use crate::journal::{Existing, OwnFile, ResultFile, Survey, Writer};
use crate::offerit::{ApiKey, Authorities, Client, Credentials, Endpoint, Settings as ServerSettings};
use crate::report::{Progress, ProgressMode, say};
use crate::sandbox::{Options, Sandbox};
use ending::Outcome;
pub use invalid::MaxInvalid;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a run.
#[derive(Debug)]
pub struct Settings {
    /// The CSV, or `-`.
    pub input: PathBuf,
    /// How to read it.
    pub reading: Reading,
    /// What its columns hold.
    pub mapping: Mapping,
    /// The result file.
    pub result: PathBuf,
    /// What to do with one that exists.
    pub existing: Existing,
    /// Go on although most rows in sync do not match the input.
    pub accept_changed_input: bool,
    /// Where to send.
    pub target: Target,
    /// Limits and patience.
    pub delivery: delivery::Settings,
    /// The most rows that may be invalid.
    pub max_invalid: Option<MaxInvalid>,
    /// What people see.
    pub progress: ProgressMode,
}

/// Where a run sends its updates.
#[derive(Debug)]
pub enum Target {
    /// An Offerit account.
    Server(ServerSettings),
    /// A sandbox of its own.
    Sandbox {
        /// For one attempt.
        timeout: Duration,
    },
}

/// Runs the job.
///
/// # Errors
/// If it cannot begin. How it ends is an exit code.
pub fn run(settings: Settings) -> Result<ExitCode, Failure> {
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping);
    if input.is_stream() && settings.existing == Existing::Resume {
        return Err(Failure::usage(format!(
            "{}: --resume needs a file: rows are matched by their number, and a stream cannot be read before it is \
             sent. Write the input to a file first",
            input.path().display()
        )));
    }
    if input.is_stream() && settings.max_invalid.is_some() {
        return Err(Failure::usage(format!(
            "{}: --max-invalid needs a file: all rows are looked at before the first is sent, and a stream is sent as it \
             comes. Write the input to a file first",
            input.path().display()
        )));
    }
    let open_rows = settings.delivery.open_rows() as u64;
    let (file, marks) = ResultFile::open(&settings.result, settings.existing, open_rows)?;
    let (sandbox, server) = open_target(settings.target)?;
    let key = server.credentials.key().fingerprint_key();
    let (survey, done) = if input.is_stream() {
        (None, Done::default())
    } else {
        let accept = settings.accept_changed_input;
        let limits = survey::Limits { accept, open_rows, max_invalid: settings.max_invalid };
        let (survey, done) = survey::survey(&input, marks, &key, &settings.result, &limits)?;
        (Some(survey), done)
    };
    let mut rows = input.rows()?;
    rows.wait_for_first()?;
    let is_quiet = settings.progress == ProgressMode::Quiet;
    if !is_quiet {
        announce(&input, rows.format(), survey.as_ref(), &file, &server.endpoint, &settings.delivery);
        warn_of_superseded(done.superseded.len());
    }
    let client = Client::new(server).map_err(Failure::fault)?;
    let records = OwnFile::new(settings.result.clone(), file.begin()?)?;
    let feed = ChannelFeed::start(rows, input.is_stream(), done, key).map_err(cannot_start)?;
    let skipped = survey.as_ref().map_or(0, |survey| survey.in_sync);
    let mut progress = Progress::new(settings.progress, survey.as_ref().map(|survey| survey.rows), skipped);
    let ending = drive(&settings.delivery, &client, records, feed, &mut progress)?;
    progress.clear();
    if let Some(sandbox) = sandbox {
        sandbox.stop();
    }
    Ok(Outcome { ending, survey, input: settings.input, result: settings.result }.conclude(is_quiet))
}

/// The server to send to, and the sandbox if that is it.
fn open_target(target: Target) -> Result<(Option<Sandbox>, ServerSettings), Failure> {
    match target {
        Target::Server(settings) => Ok((None, settings)),
        Target::Sandbox { timeout } => {
            let sandbox = Sandbox::start(Options::default()).map_err(Failure::fault)?;
            let endpoint =
                Endpoint::new(&format!("http://{}", sandbox.address()), false).map_err(Failure::fault)?;
            let key = ApiKey::new(SANDBOX_CREDENTIALS).map_err(Failure::fault)?;
            let credentials = Credentials::new(SANDBOX_CREDENTIALS, key).map_err(Failure::fault)?;
            Ok((
                Some(sandbox),
                ServerSettings { endpoint, credentials, authorities: Authorities::default(), timeout },
            ))
        }
    }
}

fn warn_of_superseded(count: usize) {
    if count > 0 {
        say(format_args!(
            "{count} of these are not sent any more: newer rows of the same customers were delivered since, and \
             they would overwrite them (the error column says which)"
        ));
    }
}

/// What there is to do, before it begins.
fn announce(
    input: &Input,
    format: Format,
    survey: Option<&Survey>,
    file: &ResultFile,
    endpoint: &Endpoint,
    limits: &delivery::Settings,
) {
    let name = format!("{} ({format})", input.path().display());
    let to = endpoint.origin();
    let pace = match limits.rate {
        Rate::Unlimited => format!("as fast as it answers, at most {} in flight", limits.concurrency),
        rate => format!("at most {rate}, {} in flight", limits.concurrency),
    };
    let Some(survey) = survey else {
        return say(format_args!("{name}: sending to {to} as the rows come, {pace}"));
    };
    if let Some(tail) = file.tail().filter(|tail| tail.torn > 0) {
        say(format_args!(
            "the result file ends in a torn record: its {} bytes go into a file beside it",
            tail.torn
        ));
    }
    let Survey { rows, invalid, in_sync, changed, again, new, .. } = survey;
    if file.tail().is_some_and(|tail| tail.records > 0) {
        say(format_args!(
            "{name}: resuming: {rows} rows: {in_sync} in sync are skipped, {changed} changed since are sent again, \
             {again} are tried again, {new} are new"
        ));
    }
    let to_do = survey.to_do();
    say(format_args!("{name}: {to_do} of {rows} rows to deal with ({invalid} invalid), to {to}, {pace}"));
}

/// Runs the delivery loop on a runtime of one thread: for this load it beats many threads at less CPU.
fn drive(
    settings: &delivery::Settings,
    client: &Client,
    records: OwnFile,
    feed: ChannelFeed,
    progress: &mut Progress,
) -> Result<Ending, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_start)?;
    let writer = Writer::start(records).map_err(cannot_start)?;
    runtime.block_on(async {
        let interrupts = interrupts().map_err(cannot_start)?;
        Ok(deliver(settings, client, writer, feed, interrupts, progress).await)
    })
}

fn cannot_start(error: std::io::Error) -> Failure {
    Failure::fault(format!("cannot start: {error}"))
}
