//! `verify`: accounts for every input row against the result file, sends nothing.

use super::check::cannot_print;
use super::{SANDBOX_CREDENTIALS, identity_of};
use crate::customer::FingerprintKey;
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Mapping, Reading, Row};
use crate::journal::{self, Keep, Mark, Marks, ResultFile, Tail};
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

/// What the fingerprints of a result file are keyed with.
#[derive(Debug, Clone)]
pub enum Key {
    /// Unknown: only ids are compared, so that rows whose fields changed since cannot be told.
    None,
    /// That of an account.
    Account(FingerprintKey),
    /// That of `run --sandbox`.
    Sandbox,
}

/// Prints the account of every row.
///
/// # Errors
/// If the input or the result file cannot be used.
pub fn verify(settings: &Settings) -> Result<ExitCode, Failure> {
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping.clone());
    let keep = if matches!(settings.key, Key::None) { Keep::Identity } else { Keep::Fingerprint };
    let (marks, tail) =
        ResultFile::read(&settings.result, keep, settings.open_rows).map_err(|error| match error {
            journal::Error::Io { ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Failure::usage(format!(
                    "{}: there is no result file yet: run the job first, or name it with --result",
                    settings.result.display()
                ))
            }
            error => error.into(),
        })?;
    let mut rows = input.rows()?;
    let mut judge = Judge::new(settings.key.clone());
    let mut account = Account::default();
    while let Some(row) = rows.next_row()? {
        judge.add(&mut account, &marks, &row);
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
    judge.explain(&account);
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

/// Tells rows that are what they were from those that changed.
struct Judge {
    key: Option<FingerprintKey>,
    /// Where the key is that of an account.
    sandbox_key: Option<FingerprintKey>,
    by_sandbox: u64,
    scratch: Vec<u8>,
}

impl Judge {
    fn new(key: Key) -> Judge {
        let sandbox_key = FingerprintKey::from_secret(SANDBOX_CREDENTIALS.as_bytes());
        let (key, sandbox_key) = match key {
            Key::None => (None, None),
            Key::Account(key) => (Some(key), Some(sandbox_key)),
            Key::Sandbox => (Some(sandbox_key), None),
        };
        Judge { key, sandbox_key, by_sandbox: 0, scratch: Vec::new() }
    }

    fn add(&mut self, account: &mut Account, marks: &Marks, row: &Row) {
        account.rows += 1;
        match marks.get(row.number) {
            None => account.no_record += 1,
            Some(mark) if mark.status.is_in_sync() && self.has_changed(mark, row) => account.changed += 1,
            Some(mark) => account.counts.add(mark.status),
        }
    }

    fn has_changed(&mut self, mark: Mark, row: &Row) -> bool {
        let mut is_of = |key: &Option<FingerprintKey>| {
            key.as_ref().map(|key| mark.is_of(row.fingerprint(key, &mut self.scratch)))
        };
        if is_of(&self.key).unwrap_or_else(|| mark.is_of(identity_of(row))) {
            return false;
        }
        self.by_sandbox += u64::from(is_of(&self.sandbox_key) == Some(true));
        true
    }

    fn explain(&self, account: &Account) {
        if self.key.is_none() {
            say(
                "without the API key (OFFERIT_API_KEY, --api-key-file) only the ids of rows are compared, not their fields",
            );
        }
        if self.by_sandbox > 0 {
            say(format_args!(
                "{} rows were delivered to a sandbox (run --sandbox), not to this account. To verify a trial, add --sandbox",
                self.by_sandbox
            ));
        } else if account.changed > 0 && account.counts.in_sync() == 0 {
            say("no row in sync matches the input: another input, or the API key is not the one of that run");
        }
    }
}
