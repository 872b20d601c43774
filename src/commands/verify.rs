//! `verify`: accounts for every input row against the result file, sends nothing.

use super::check::cannot_print;
use super::judge::{Judge, Key, no_result_yet};
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Mapping, Reading};
use crate::journal::{Marks, ResultFile, Tail};
use crate::report::{Account, put, say};
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
    /// The result file.
    pub result: PathBuf,
    /// What the fingerprints are keyed with.
    pub key: Key,
    /// Whether the account is for machines.
    pub json: bool,
    /// The most rows whose records a power cut can have taken.
    pub open_rows: u64,
}

/// Prints the account of every row.
///
/// # Errors
/// If the input or the result file cannot be used.
pub fn verify(settings: &Settings) -> Result<ExitCode, Failure> {
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping.clone());
    let mut judge = Judge::new(settings.key.clone());
    let (marks, tail) = ResultFile::read(&settings.result, judge.keep(), settings.open_rows)
        .map_err(|error| no_result_yet(error, &settings.result))?;
    let mut rows = input.rows()?;
    let mut account = Account::default();
    while let Some(row) = rows.next_row()? {
        account.rows += 1;
        match marks.get(row.number) {
            None => account.no_record += 1,
            Some(mark) if mark.status.is_in_sync() && judge.has_changed(mark, &row) => account.changed += 1,
            Some(mark) => account.counts.add(mark.status),
        }
    }
    if settings.json {
        Document::put(settings, &account, &marks, tail).map_err(cannot_print)?;
    } else {
        put(&account).map_err(cannot_print)?;
    }
    if tail.torn > 0 {
        say(format_args!(
            "the result file ends in a torn record of {} bytes, which does not count",
            tail.torn
        ));
    }
    judge.explain(account.changed > 0 && account.counts.in_sync() == 0);
    if marks.last_row() > account.rows {
        say(format_args!(
            "the result file has a record of row {} on its line {}, but the input has only {} rows: rows were taken \
             out of it since, or it is another input",
            marks.last_row(),
            marks.last_row_at().line,
            account.rows
        ));
    }
    Ok(Reason::of(&account, &marks).exit_code())
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
    fn of(account: &Account, marks: &Marks) -> Reason {
        match account {
            _ if marks.last_row() > account.rows => Reason::RowsBeyondInput,
            _ if account.is_in_sync() => Reason::InSync,
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
    result: Cow<'account, str>,
    /// What rows in sync were compared by.
    compared: &'static str,
    rows: u64,
    /// Adds up to the rows.
    counts: BTreeMap<&'static str, u64>,
    records: u64,
    highest_row: u64,
    torn_bytes: u64,
    in_sync: bool,
    reason: Reason,
    exit_code: u8,
}

impl Document<'_> {
    fn put(settings: &Settings, account: &Account, marks: &Marks, tail: Tail) -> io::Result<()> {
        let counts = account.counts.iter().map(|(status, count)| (status.name(), count));
        let reason = Reason::of(account, marks);
        let document = Document {
            version: 1,
            input: settings.input.to_string_lossy(),
            result: settings.result.to_string_lossy(),
            compared: if matches!(settings.key, Key::None) { "ids" } else { "fingerprints" },
            rows: account.rows,
            counts: counts.chain([("changed", account.changed), ("no_record", account.no_record)]).collect(),
            records: tail.records,
            highest_row: marks.last_row(),
            torn_bytes: tail.torn,
            in_sync: reason == Reason::InSync,
            reason,
            exit_code: reason.exit_code().number(),
        };
        put(serde_json::to_string_pretty(&document)?)
    }
}
