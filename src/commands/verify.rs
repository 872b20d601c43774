//! `verify`: accounts for every input row against the result file, sends nothing.

use super::check::cannot_print;
use super::shard::holds;
use super::{SANDBOX_CREDENTIALS, identity_of};
use crate::customer::{FingerprintKey, Shard};
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Mapping, Reading, Row};
use crate::journal::{self, Keep, Mark, Marks, Together};
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
    /// Which rows are accounted for; `None` is all.
    pub shard: Option<Shard>,
    /// The result files: one, or those of several shards.
    pub results: Vec<PathBuf>,
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
    let together =
        Together::read(&settings.results, keep, settings.open_rows).map_err(|error| match error {
            journal::Error::Io { ref path, ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Failure::usage(format!(
                    "{}: there is no result file yet: run the job first, or name it with --result",
                    path.display()
                ))
            }
            error => error.into(),
        })?;
    let mut rows = input.rows()?;
    let mut judge = Judge::new(settings.key.clone());
    let mut seen = Seen::default();
    while let Some(row) = rows.next_row()? {
        seen.input_rows += 1;
        if holds(settings.shard, &row) {
            judge.add(&mut seen.account, &together.marks, &row);
        } else {
            seen.elsewhere += u64::from(together.marks.get(row.number).is_some());
        }
    }
    if settings.json {
        Document::put(settings, &seen, &together).map_err(cannot_print)?;
    } else {
        put(&seen.account).map_err(cannot_print)?;
    }
    seen.explain(settings, &together);
    judge.explain(&seen.account);
    Ok(Reason::of(&seen, &together.marks).exit_code())
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
}

impl Seen {
    fn explain(&self, settings: &Settings, together: &Together) {
        for (path, tail) in settings.results.iter().zip(&together.tails).filter(|(_, tail)| tail.torn > 0) {
            let which = match settings.results.len() {
                1 => "the result file".to_owned(),
                _ => path.display().to_string(),
            };
            say(format_args!("{which} ends in a torn record of {} bytes, which does not count", tail.torn));
        }
        if together.in_several > 0 {
            say(format_args!(
                "{} rows have records in more than one of the result files: the latest counts",
                together.in_several
            ));
        }
        if self.elsewhere > 0 {
            say(format_args!("{} rows of other shards have records too, which do not count", self.elsewhere));
        }
        let (row, at) = (together.marks.last_row(), together.marks.last_row_at());
        if row > self.input_rows {
            let which = match &*settings.results {
                [_] => "the result file".to_owned(),
                results => results[together.highest_in].display().to_string(),
            };
            say(format_args!(
                "{which} has a record of row {row} on its line {}, but the input has only {} rows: rows were taken out \
                 of it since, or it is another input",
                at.line, self.input_rows
            ));
        }
    }
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
    fn of(seen: &Seen, marks: &Marks) -> Reason {
        match &seen.account {
            _ if marks.last_row() > seen.input_rows => Reason::RowsBeyondInput,
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
}

impl Document<'_> {
    fn put(settings: &Settings, seen: &Seen, together: &Together) -> io::Result<()> {
        let account = &seen.account;
        let counts = account.counts.iter().map(|(status, count)| (status.name(), count));
        let reason = Reason::of(seen, &together.marks);
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
            highest_row: together.marks.last_row(),
            torn_bytes: together.tails.iter().map(|tail| tail.torn).sum(),
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
