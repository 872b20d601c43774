//! `run`: sends every row that is not in sync yet.

mod ending;
mod invalid;
mod outputs;
mod summary;
mod survey;

use super::signals::interrupts;
use super::{SANDBOX_CREDENTIALS, shard};
use crate::customer::Shard;
use crate::delivery::{self, ChannelFeed, Done, Ending, Rate, deliver};
use crate::exit::{ExitCode, Failure};
use crate::input::{Format, Input, Mapping, Reading};
use crate::journal::{Existing, OwnFile, ResultFile, Survey, Writer};
use crate::offerit::{ApiKey, Authorities, Client, Credentials, Endpoint, Settings as ServerSettings};
use crate::report::{Observed, Plan, Watch, keep_watching, say};
use crate::sandbox::{Options, Sandbox};
use ending::Outcome;
use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

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
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping);
    refuse_stream(&input, settings.existing, settings.max_invalid)?;
    if let Some(shard) = settings.shard {
        shard::refuse_split_customers(&input, shard)?;
    }
    let outputs = settings.outputs;
    let files = outputs.open(&settings.input, &settings.result)?;
    let open_rows = settings.delivery.open_rows() as u64;
    let (file, marks) = ResultFile::open(&settings.result, settings.existing, open_rows)?;
    let (sandbox, server) = open_target(settings.target)?;
    let key = server.credentials.key().fingerprint_key();
    let (survey, done) = if input.is_stream() {
        (None, Done::default())
    } else {
        let accept = settings.accept_changed_input;
        let limits = survey::Limits { accept, open_rows, max_invalid: settings.max_invalid };
        let (survey, done) = survey::survey(&input, settings.shard, marks, &key, &settings.result, &limits)?;
        (Some(survey), done)
    };
    let mut rows = input.rows()?;
    rows.wait_for_first()?;
    if !outputs.is_quiet {
        let name = named(&input, rows.format(), settings.shard, survey.as_ref());
        announce(&name, survey.as_ref(), &file, &server.endpoint, &settings.delivery);
        warn_of_superseded(done.superseded.len());
    }
    let origin = server.endpoint.origin();
    let client = Client::new(server).map_err(Failure::fault)?;
    let records = OwnFile::new(settings.result.clone(), file.begin()?)?;
    let feed = ChannelFeed::start(rows, input.is_stream(), done, key).map_err(cannot_start)?;
    let plan = plan(&outputs, survey.as_ref(), settings.delivery.rate);
    let started_at = SystemTime::now();
    let (ending, observed) = drive(&settings.delivery, &client, records, feed, plan)?;
    if let Some(sandbox) = sandbox {
        sandbox.stop();
    }
    let outcome = Outcome {
        ending,
        survey,
        observed,
        started_at,
        origin,
        rate: settings.delivery.rate,
        input: settings.input,
        result: settings.result,
        go_on: outputs.go_on,
    };
    let (code, message) = outcome.conclude(outputs.is_quiet);
    Ok(files.write(&mut outcome.document(code, message), code))
}

/// What needs the whole input before the first row is sent cannot be had of a stream.
fn refuse_stream(input: &Input, existing: Existing, max_invalid: Option<MaxInvalid>) -> Result<(), Failure> {
    if input.is_stream() && existing == Existing::Resume {
        return Err(Failure::usage(format!(
            "{}: --resume needs a file: rows are matched by their number, and a stream cannot be read before it is \
             sent. Write the input to a file first",
            input.path().display()
        )));
    }
    if input.is_stream() && max_invalid.is_some() {
        return Err(Failure::usage(format!(
            "{}: --max-invalid needs a file: all rows are looked at before the first is sent, and a stream is sent as it \
             comes. Write the input to a file first",
            input.path().display()
        )));
    }
    Ok(())
}

/// What is known before the first row is sent, for those who watch.
fn plan(outputs: &Outputs, survey: Option<&Survey>, rate: Rate) -> Plan {
    Plan {
        total: survey.map(|survey| survey.rows),
        before: survey.map_or(0, |survey| survey.in_sync),
        limit: if rate == Rate::Unlimited { String::new() } else { rate.to_string() },
        limit_per_second: rate.per_second(),
        mode: outputs.progress,
        is_coloured: outputs.is_coloured,
        is_dumb: outputs.is_dumb,
    }
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

/// The input, what it was found to be, and which part of it is sent.
fn named(input: &Input, format: Format, shard: Option<Shard>, survey: Option<&Survey>) -> String {
    let name = format!("{} ({format})", input.path().display());
    match (shard, survey) {
        (Some(shard), Some(Survey { rows, input_rows, .. })) => {
            format!("{name}, shard {shard}, which holds {rows} of {input_rows} rows")
        }
        _ => name,
    }
}

/// What there is to do, before it begins.
fn announce(
    name: &str,
    survey: Option<&Survey>,
    file: &ResultFile,
    endpoint: &Endpoint,
    limits: &delivery::Settings,
) {
    let to = endpoint.origin();
    let pace = match limits.rate {
        Rate::Unlimited => format!("as fast as it answers, at most {} in flight", limits.concurrency),
        rate => format!("at most {rate}, {} in flight", limits.concurrency),
    };
    let Some(survey) = survey else {
        return tracing::info!(event = "start", "{name}: sending to {to} as the rows come, {pace}");
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
    tracing::info!(
        event = "start",
        rows_total = *rows,
        rows_to_do = to_do,
        rows_in_sync_before = *in_sync,
        "{name}: {to_do} of {rows} rows to deal with ({invalid} invalid), to {to}, {pace}"
    );
}

/// Runs the delivery loop on a runtime of one thread: for this load it beats many threads at less CPU.
fn drive(
    settings: &delivery::Settings,
    client: &Client,
    records: OwnFile,
    feed: ChannelFeed,
    plan: Plan,
) -> Result<(Ending, Observed), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_start)?;
    let writer = Writer::start(records).map_err(cannot_start)?;
    runtime.block_on(async {
        let interrupts = interrupts().map_err(cannot_start)?;
        let watch = RefCell::new(Watch::new(plan));
        let ending = tokio::select! {
            biased;
            ending = deliver(settings, client, writer, feed, interrupts, &watch) => ending,
            never = keep_watching(&watch) => match never {},
        };
        Ok((ending, watch.into_inner().end()))
    })
}

fn cannot_start(error: std::io::Error) -> Failure {
    Failure::fault(format!("cannot start: {error}"))
}
