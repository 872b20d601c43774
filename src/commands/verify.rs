//! `verify`: accounts for every input row against the result file, sends nothing.

use super::check::cannot_print;
use super::comparison::{Key, explain_comparison, no_result_yet};
use super::others::refuse_other_input;
use super::plan_input::{is_finished_plan, say_ignored_keys};
use super::running::{self, Running, RunningDocument};
use crate::check::describe_no_rows;
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Mapping, Reading};
use crate::journal::{Marks, RecordPosition, ShardResults};
use crate::report::{Account, put, say};
use crate::resume::{Shard, is_in_shard};
use crate::text::{counted, escape_json};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// Settings of a verification.
#[derive(Debug)]
pub struct Settings {
    /// The CSV.
    pub input: PathBuf,
    /// How to read it.
    pub reading: Reading,
    /// What its columns hold.
    pub mapping: Mapping,
    /// Which rows are accounted for; `None` is all.
    pub shard: Option<Shard>,
    /// The result files: one, or those of several shards.
    pub results: Vec<PathBuf>,
    /// What the fingerprints are keyed with.
    pub key: Key,
    /// Whether the account is for machines.
    pub json: bool,
}

/// Prints the account of every row.
///
/// # Errors
/// If the input or the result file cannot be used.
pub fn verify(settings: &Settings) -> Result<ExitCode, Failure> {
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping.clone());
    let has_result = || settings.results.iter().any(|result| result.exists());
    if !input.is_stream() && !has_result() && is_finished_plan(&input) {
        return Ok(ExitCode::InSync);
    }
    // Looked up before the records are read, so that the run is still in progress at that time.
    let mut runs = running::find(&settings.results);
    let mut detector = settings.key.clone().detector();
    let mut together = ShardResults::read(&settings.results, detector.keep()).map_err(no_result_yet)?;
    let mut rows = input.rows()?;
    say_ignored_keys(&input, &rows);
    let mut seen = Seen::default();
    (seen.last_row, seen.last_row_at) = (together.marks.last_row(), together.marks.last_row_at());
    while let Some(row) = rows.next_row()? {
        seen.input_rows += 1;
        let mark = together.marks.get(row.number);
        if !is_in_shard(settings.shard, &row) {
            seen.elsewhere += u64::from(mark.is_some());
            continue;
        }
        let account = &mut seen.account;
        account.rows += 1;
        match mark {
            None => account.no_record += 1,
            Some(mark) if mark.status.is_in_sync() && detector.has_changed(mark, &row) => {
                account.changed += 1
            }
            Some(mark) => account.counts.add(mark.status),
        }
    }
    if let Some(message) = describe_no_rows(&rows) {
        say(format_args!("{}: {message}", input.path().display()));
    }
    if seen.account.changed > 0 && !input.is_stream() {
        // One set of marks is held at a time.
        together.marks = Marks::default();
        for result in &settings.results {
            refuse_other_input(&input, result)?;
        }
    }
    running::measure(&mut runs)?;
    if settings.json {
        Document::put(settings, &seen, &together, &runs).map_err(cannot_print)?;
    } else {
        put(&seen.account).map_err(cannot_print)?;
    }
    seen.explain(settings, &together);
    running::explain(&runs, seen.account.to_send());
    explain_comparison(&detector, seen.account.changed > 0 && seen.account.counts.in_sync() == 0);
    Ok(Reason::of(&seen).exit_code())
}

/// What was found in the input.
#[derive(Default)]
struct Seen {
    /// Of the rows to account for.
    account: Account,
    /// All rows of the input, those of other shards as well.
    input_rows: u64,
    /// Rows of other shards that have a record.
    elsewhere: u64,
    /// The highest row that has a record.
    last_row: u64,
    /// Where the first record of that row is.
    last_row_at: RecordPosition,
}

impl Seen {
    fn explain(&self, settings: &Settings, together: &ShardResults) {
        for (path, tail) in settings.results.iter().zip(&together.tails).filter(|(_, tail)| tail.torn > 0) {
            let which = match settings.results.len() {
                1 => "the result file".to_owned(),
                _ => path.display().to_string(),
            };
            say(format_args!(
                "The last record of {which} is incomplete ({} bytes) and does not count.",
                tail.torn
            ));
        }
        if together.in_several > 0 {
            say(format_args!(
                "{} results in more than one file; the latest counts.",
                has(together.in_several)
            ));
        }
        if self.elsewhere > 0 {
            say(format_args!("{} rows of other shards have results too; they do not count.", self.elsewhere));
        }
        let (row, at) = (self.last_row, self.last_row_at);
        if row > self.input_rows {
            let which = match &*settings.results {
                [_] => "the result file".to_owned(),
                results => results[together.highest_in].display().to_string(),
            };
            say(format_args!(
                "{which} has a result for row {row} on its line {}, but the input has only {} rows: rows were deleted since, \
                 or it is another input.",
                at.line, self.input_rows
            ));
        }
    }
}

/// `1 row has`, `2 rows have`.
fn has(rows: u64) -> String {
    format!("{} {}", counted(rows, "row"), if rows == 1 { "has" } else { "have" })
}

/// How a verification ended, for machines: the words are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    /// Every row is in sync.
    InSync,
    /// Some are not.
    NotInSync,
    /// The result file knows rows that the input does not have.
    RowsBeyondInput,
}

impl Reason {
    fn of(seen: &Seen) -> Reason {
        match &seen.account {
            _ if seen.last_row > seen.input_rows => Reason::RowsBeyondInput,
            account if account.is_in_sync() => Reason::InSync,
            _ => Reason::NotInSync,
        }
    }

    fn exit_code(self) -> ExitCode {
        if self == Reason::InSync { ExitCode::InSync } else { ExitCode::NotInSync }
    }
}

/// The account as `--json` prints it. Fields may be added; one that is renamed, removed or means something else
/// gets a new version.
#[derive(Serialize)]
struct Document<'account> {
    version: u32,
    input: Cow<'account, str>,
    /// `null` where there are several.
    result: Option<Cow<'account, str>>,
    results: Vec<Cow<'account, str>>,
    /// Such as `0/4`; `null` for all rows.
    shard: Option<String>,
    /// What rows in sync were compared by.
    compared: &'static str,
    rows: u64,
    /// Adds up to the rows.
    counts: BTreeMap<&'static str, u64>,
    /// Rows of these that have records in more than one of the result files.
    rows_in_several_results: u64,
    records: u64,
    highest_row: u64,
    torn_bytes: u64,
    in_sync: bool,
    reason: Reason,
    exit_code: u8,
    /// The runs that are writing the result files, as far as they can be found.
    running: Vec<RunningDocument<'account>>,
    /// How long these runs will take; `null` if there is none, or no speed yet.
    seconds_left: Option<u64>,
}

impl Document<'_> {
    fn put(
        settings: &Settings,
        seen: &Seen,
        together: &ShardResults,
        runs: &[Running<'_>],
    ) -> io::Result<()> {
        let account = &seen.account;
        let counts = account.counts.iter().map(|(status, count)| (status.name(), count));
        let reason = Reason::of(seen);
        let results: Vec<_> = settings.results.iter().map(|result| result.to_string_lossy()).collect();
        let document = Document {
            version: 1,
            input: settings.input.to_string_lossy(),
            result: if let [result] = &*results { Some(result.clone()) } else { None },
            results,
            shard: settings.shard.map(|shard| shard.to_string()),
            compared: if matches!(settings.key, Key::None) { "ids" } else { "fingerprints" },
            rows: account.rows,
            counts: counts.chain([("changed", account.changed), ("no_record", account.no_record)]).collect(),
            rows_in_several_results: together.in_several,
            records: together.tails.iter().map(|tail| tail.records).sum(),
            highest_row: seen.last_row,
            torn_bytes: together.tails.iter().map(|tail| tail.torn).sum(),
            in_sync: reason == Reason::InSync,
            reason,
            exit_code: reason.exit_code().number(),
            running: runs.iter().map(Running::document).collect(),
            seconds_left: running::time_left(runs, account.to_send()).map(|left| left.as_secs()),
        };
        put(escape_json(&serde_json::to_string_pretty(&document)?))
    }
}
