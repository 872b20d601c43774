//! `run`: sends every row that is not in sync yet.

mod announcement;
mod delta;
mod ending;
mod invalid;
mod outputs;
mod preparation;
mod stopped;
mod summary;
mod survey;
mod updates;
mod warnings;

use super::plan_input::is_plan;
use super::process::affordable_requests;
use super::signals::Signals;
use super::{SANDBOX_CREDENTIALS, runtime};
use crate::delivery::{self, ChannelFeed, Ending, Tally, deliver};
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Mapping, Reading, cannot_overwrite};
use crate::journal::{Existing, OwnFile, ResultFile, Writer};
use crate::offerit::{
    ApiKey, Authorities, Client, Credentials, Endpoint, Route, Settings as ServerSettings, ShowReply,
};
use crate::report::{Observed, Plan, Watch, keep_reporting, keep_watching, show_reply};
use crate::resume::Shard;
use crate::sandbox::{Options, Sandbox};
use announcement::{ToSend, announce, named, plan, warn_of_superseded};
use ending::Outcome;
use outputs::Files;
use preparation::{Preparation, Prepared};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use summary::About;
use updates::Updates;

pub use delta::Since;
pub use invalid::MaxInvalid;
pub use outputs::Outputs;

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
    /// Send only what changed since an earlier run.
    pub since: Option<Since>,
    /// Which rows are sent; `None` is all.
    pub shard: Option<Shard>,
    /// Go on although most rows in sync do not match the input.
    pub accept_changed_input: bool,
    /// Where to send.
    pub target: Target,
    /// Limits and patience.
    pub delivery: delivery::Settings,
    /// The most rows that may be invalid.
    pub max_invalid: Option<MaxInvalid>,
    /// Whether it does not begin if `check` has a warning.
    pub is_strict: bool,
    /// Whether the log has each reply that is no confirmation as it came.
    pub shows_replies: bool,
    /// What it leaves and shows besides.
    pub outputs: Outputs,
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
    let input = open_input(&settings)?;
    let runtime = runtime::start().map_err(cannot_start)?;
    let mut signals = runtime.block_on(async { Signals::listen() }).map_err(cannot_start)?;
    let outputs = settings.outputs;
    let files = Arc::new(outputs.open(&settings.input, &settings.result)?);
    let (sandbox, server) = open_target(settings.target, settings.shows_replies)?;
    let preparation = Preparation {
        since: since_of(settings.since, &input)?,
        input,
        result: settings.result.clone(),
        existing: settings.existing,
        shard: settings.shard,
        key: server.credentials.key().fingerprint_key(),
        accept_changed_input: settings.accept_changed_input,
        max_invalid: settings.max_invalid,
        is_strict: settings.is_strict,
        is_quiet: outputs.is_quiet,
    };
    let (origin, rate) = (server.endpoint.origin(), settings.delivery.rate);
    let prepared = runtime.block_on(preparation.unless(&mut signals));
    let Prepared { input, file, key, workload, done, rows } = prepared
        .map_err(|refused| refused.written(&files, &origin, rate, &settings.input, &settings.result))?;
    let concurrency = affordable_requests(settings.delivery.concurrency, sandbox.is_some());
    let limits = delivery::Settings { concurrency, ..settings.delivery };
    let to_send = workload.as_ref().map(|rows| ToSend::of(rows, &done, limits.brakes.limit));
    if !outputs.is_quiet {
        let name = named(&input, rows.format(), settings.shard, workload.as_ref());
        announce(&name, workload.as_ref(), to_send, &file, &server.endpoint, &limits);
        warn_of_superseded(done.superseded.len());
    }
    let client = Client::new(server).map_err(Failure::fault)?;
    let writer = start_writer(&settings.result, file)?;
    let feed = ChannelFeed::start(rows, input.is_stream(), done, key).map_err(cannot_start)?;
    let plan = plan(&outputs, workload.as_ref(), to_send, rate);
    let go_on = outputs.go_on.as_deref().filter(|_| workload.is_some());
    let started_at = SystemTime::now();
    let about =
        About::new(workload.as_ref(), started_at, (&origin, rate), &settings.input, &settings.result, go_on);
    let run = deliver_watched((&limits, &client), writer, feed, signals, plan, &files, &about);
    let (ending, observed) = runtime.block_on(run)?;
    sandbox.into_iter().for_each(Sandbox::stop);
    let outcome = Outcome {
        ending,
        // Only now, behind the last sync: exit code 0 speaks of the input as it is at the end.
        is_input_unchanged: input.is_unchanged(),
        workload,
        observed,
        started_at,
        origin,
        rate,
        input: settings.input,
        result: settings.result,
        go_on: outputs.go_on,
        failures: outputs.failures,
    };
    let (code, message) = outcome.conclude(outputs.is_quiet);
    Ok(files.write(&mut outcome.document(code, message), code))
}

/// Opens the input, if it can be sent with these settings.
fn open_input(settings: &Settings) -> Result<Input, Failure> {
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping.clone());
    let looked_at_first = [
        ("--resume", settings.existing == Existing::Resume),
        ("--since", settings.since.is_some()),
        ("--max-invalid", settings.max_invalid.is_some()),
        ("--strict", settings.is_strict),
    ];
    refuse_stream(&input, looked_at_first)?;
    if input.is_at(&settings.result) {
        return Err(Failure::usage(cannot_overwrite(&settings.result)));
    }
    Ok(input)
}

/// Rows are matched by their number, held against what was delivered, and counted before anything is sent: a stream can
/// be read only once.
fn refuse_stream(input: &Input, options: [(&str, bool); 4]) -> Result<(), Failure> {
    let asked = options.into_iter().find(|(_, is_asked)| *is_asked);
    let Some((option, _)) = asked.filter(|_| input.is_stream()) else { return Ok(()) };
    Err(Failure::usage(format!(
        "{}: {option} needs a file, not a pipe, because all rows are read before anything is sent. Write the input to a \
         file first",
        input.path().display()
    )))
}

/// A plan holds what differs already: `--since` does not apply to it.
fn since_of(since: Option<Since>, input: &Input) -> Result<Option<Since>, Failure> {
    match since {
        Some(_) if !is_plan(input) => Ok(since),
        Some(Since { is_from_file: false, .. }) => Err(Failure::usage(format!(
            "{}: --since does not apply to a plan, which contains only changes. Remove --since",
            input.path().display()
        ))),
        _ => Ok(None),
    }
}

/// The server to send to, and the sandbox if that is it.
fn open_target(target: Target, shows_replies: bool) -> Result<(Option<Sandbox>, ServerSettings), Failure> {
    let show_reply = shows_replies.then_some(show_reply as ShowReply);
    match target {
        Target::Server(settings) => Ok((None, ServerSettings { show_reply, ..settings })),
        Target::Sandbox { timeout } => {
            let sandbox = Sandbox::start(Options::default()).map_err(Failure::fault)?;
            let endpoint =
                Endpoint::new(&format!("http://{}", sandbox.address()), false).map_err(Failure::fault)?;
            let key = ApiKey::new(SANDBOX_CREDENTIALS).map_err(Failure::fault)?;
            let credentials = Credentials::new(SANDBOX_CREDENTIALS, key).map_err(Failure::fault)?;
            Ok((
                Some(sandbox),
                ServerSettings {
                    endpoint,
                    route: Route::Direct,
                    credentials,
                    authorities: Authorities::default(),
                    timeout,
                    show_reply,
                },
            ))
        }
    }
}

/// Makes the result file ready for records.
fn start_writer(path: &Path, file: ResultFile) -> Result<Writer, Failure> {
    let records = OwnFile::new(path.to_path_buf(), file.begin()?)?;
    Writer::start(records).map_err(cannot_start)
}

/// Runs the delivery loop, shows its progress, and writes it to the files that are asked for.
async fn deliver_watched(
    (settings, client): (&delivery::Settings, &Client),
    writer: Writer,
    feed: ChannelFeed,
    signals: Signals,
    plan: Plan,
    files: &Arc<Files>,
    about: &About<'_>,
) -> Result<(Ending, Observed), Failure> {
    let watch = RefCell::new(Watch::new(plan));
    let updates = Updates::start(Arc::clone(files), &about.running(&Tally::default(), &Observed::default()));
    let updates = updates.map_err(cannot_start)?;
    let ending = tokio::select! {
        biased;
        ending = deliver(settings, client, writer, feed, signals.interrupts, &watch) => ending,
        never = keep_watching(&watch, signals.progress_requests) => match never {},
        never = keep_reporting(&watch, |tally, observed| updates.submit(about.running(tally, observed))) =>
            match never {},
    };
    Ok((ending, watch.into_inner().end()))
}

fn cannot_start(error: std::io::Error) -> Failure {
    Failure::fault(format!("cannot start: {error}"))
}
