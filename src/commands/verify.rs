//! `verify`: accounts for every input row against the result file, sends nothing.

use super::SANDBOX_CREDENTIALS;
use super::check::cannot_print;
use crate::customer::{Fingerprint, FingerprintKey, Parameter};
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Reading, Row};
use crate::journal::{self, Keep, Mark, Marks, ResultFile, identity};
use crate::report::{Account, put, say};
use std::io;
use std::path::PathBuf;

/// Settings of a verification.
#[derive(Debug)]
pub struct Settings {
    /// The CSV.
    pub input: PathBuf,
    /// How to read it.
    pub reading: Reading,
    /// The result file.
    pub result: PathBuf,
    /// What the fingerprints are keyed with.
    pub key: Key,
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
    let input = Input::open(&settings.input, settings.reading)?;
    let keep = if matches!(settings.key, Key::None) { Keep::Identity } else { Keep::Fingerprint };
    let (marks, tail) = ResultFile::read(&settings.result, keep).map_err(|error| match error {
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
    put(&account).map_err(cannot_print)?;
    if tail.torn > 0 {
        say(format_args!(
            "the result file ends in a torn record of {} bytes, which does not count",
            tail.torn
        ));
    }
    judge.explain(&account);
    if marks.last_row() > account.rows {
        say(format_args!(
            "the result file has a record of row {}, but the input has only {} rows: rows were taken out of it since, \
             or it is another input",
            marks.last_row(),
            account.rows
        ));
        return Ok(ExitCode::NotInSync);
    }
    Ok(if account.is_in_sync() { ExitCode::InSync } else { ExitCode::NotInSync })
}

/// What a record can be compared with without the key.
fn identity_of(row: &Row) -> Fingerprint {
    match &row.content {
        Ok(update) => {
            let id = |parameter| update.get(parameter).unwrap_or_default();
            identity(id(Parameter::CustomerId), id(Parameter::SubscriptionId))
        }
        Err(invalid) => identity(
            invalid.customer_id.as_deref().unwrap_or_default(),
            invalid.subscription_id.as_deref().unwrap_or_default(),
        ),
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
