//! Looks at row after row, counts, and collects what is found.

use super::Settings;
use super::duplicates;
use super::findings::Findings;
use crate::commands::shard::is_held;
use crate::customer::{Parameter, Shard, Suspicion, Update, UpdateBuilder, look, may_be_damaged};
use crate::exit::ExitCode;
use crate::input::{Batch, Checked, Input, Mapping, Rows};
use crate::report::{CheckReport, CheckedRows, Severity};

/// So many requests are shown.
const REQUESTS: usize = 3;

/// What names a customer.
const IDS: [Parameter; Parameter::LOOKUPS] = [Parameter::CustomerId, Parameter::SubscriptionId];

/// Looks at row after row.
pub(super) struct Linter {
    shard: Option<Shard>,
    columns: Vec<(usize, Parameter)>,
    /// Columns of ids with their names.
    ids: Vec<(usize, Parameter, Vec<u8>)>,
    /// The length of the shortest of these names: few ids are as long.
    shortest_name: usize,
    findings: Findings,
    duplicates: duplicates::Finder,
    /// Those of the ids of a batch.
    hashes: Vec<[Option<u64>; IDS.len()]>,
    rows: CheckedRows,
    first: Vec<Update>,
    /// Whether there may be damaged letters in the rows of the batch.
    may_be_damaged: bool,
}

impl Linter {
    pub(super) fn new(rows: &Rows, settings: &Settings) -> Linter {
        let mut findings = Findings::new(settings.show_values);
        let warnings = as_a_whole(rows, &settings.mapping);
        let counted = CheckedRows { warnings: warnings.len() as u64, ..CheckedRows::default() };
        for (kind, message) in warnings {
            findings.add(Severity::Warning, kind, message);
        }
        Linter {
            shard: settings.shard,
            columns: rows.columns().collect(),
            shortest_name: rows.ids().iter().map(|(_, _, name)| name.len()).min().unwrap_or(usize::MAX),
            ids: rows.ids(),
            findings,
            duplicates: duplicates::Finder::new(),
            hashes: Vec::new(),
            rows: counted,
            first: Vec::new(),
            may_be_damaged: false,
        }
    }

    /// Looks at the rows of a batch and empties it.
    pub(super) fn look_at(&mut self, batch: &mut Batch) {
        self.may_be_damaged = may_be_damaged(batch.text());
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(batch.values().map(|values| IDS.map(|id| self.duplicates.hash(id, values.get(id)))));
        self.duplicates.fetch(hashes.iter().flatten().copied().flatten());
        let mut row_hashes = hashes.iter();
        batch.drain(|row| self.look_at_row(row, row_hashes.next().copied().unwrap_or_default()));
        self.hashes = hashes;
    }

    fn look_at_row(&mut self, row: &Checked<'_>, hashes: [Option<u64>; IDS.len()]) {
        if !is_held(self.shard, row) {
            return;
        }
        match &row.content {
            Ok(()) => self.look_at_update(row, hashes),
            Err(invalid) if invalid.is_passed_over => self.rows.passed_over += 1,
            Err(invalid) => {
                self.rows.invalid += 1;
                for problem in &invalid.problems {
                    self.rows.problems += 1;
                    let value = problem.column.and_then(|(_, parameter)| invalid.value(parameter));
                    self.findings.add_problem(row, problem, value);
                }
            }
        }
    }

    fn look_at_update(&mut self, row: &Checked<'_>, hashes: [Option<u64>; IDS.len()]) {
        self.rows.valid += 1;
        if self.first.len() < REQUESTS {
            self.first.extend(row.values.update());
        }
        let mut is_long = false;
        for (parameter, hash) in IDS.into_iter().zip(hashes) {
            let Some(hash) = hash else { continue };
            let id = row.values.get(parameter);
            self.duplicates.see(hash, parameter, id, row.line);
            is_long |= id.len() >= self.shortest_name;
        }
        if is_long {
            self.look_for_header(row);
        }
        let Linter { columns, findings, rows, may_be_damaged, .. } = self;
        look(columns, &row.values, *may_be_damaged, |column, suspicion| {
            rows.warnings += 1;
            findings.add_suspicion(row, column, suspicion);
        });
        if row.last_line > row.line {
            self.look_for_line_breaks(row);
        }
    }

    #[cold]
    fn look_for_header(&mut self, row: &Checked<'_>) {
        for (column, parameter, name) in &self.ids {
            if is_name(row.values.get(*parameter), name) {
                self.rows.warnings += 1;
                self.findings.add_suspicion(row, (*column, *parameter), Suspicion::RepeatedHeader);
            }
        }
    }

    fn look_for_line_breaks(&mut self, row: &Checked<'_>) {
        for column in &self.columns {
            if memchr::memchr2(b'\r', b'\n', row.values.get(column.1)).is_some() {
                self.rows.warnings += 1;
                self.findings.add_suspicion(row, *column, Suspicion::LineBreak);
            }
        }
    }

    /// What was found in all rows.
    pub(super) fn report(self, input: &Input, rows: &Rows, settings: &Settings) -> CheckReport {
        let is_fine = self.rows.invalid == 0 && !(settings.strict && self.rows.warnings > 0);
        CheckReport {
            input: input.path().to_path_buf(),
            format: rows.format(),
            rows: self.rows,
            findings: self.findings.finish(),
            duplicates: self.duplicates.finish(),
            first: self.first,
            rate: settings.rate,
            is_strict: settings.strict,
            show_values: settings.show_values,
            exit_code: if is_fine { ExitCode::InSync } else { ExitCode::NotInSync }.number(),
        }
    }
}

/// Whether an id is the name of its column. The second of two files may have brought its byte order mark along.
fn is_name(id: &[u8], name: &[u8]) -> bool {
    id.strip_prefix("\u{feff}".as_bytes()).unwrap_or(id).eq_ignore_ascii_case(name)
}

/// What is suspicious about an input and its mapping before a row is read: kinds and messages.
fn as_a_whole(rows: &Rows, mapping: &Mapping) -> Vec<(&'static str, String)> {
    let mut warnings = Vec::new();
    let format = rows.format();
    if format.is_guess {
        let message = format!(
            "the encoding is guessed to be {}: if letters are wrong, or to be sure, say it with --encoding",
            format.encoding
        );
        warnings.push(("guessed-encoding", message));
    }
    for (name, near, column) in rows.not_left_out(&mapping.ignored) {
        let message = format!(
            "there is no column '{name}' to leave out, but column {column} ('{near}') is sent: correct the name of \
             --ignore-column, or take it away"
        );
        warnings.push(("not-left-out", message));
    }
    let mut builder = UpdateBuilder::default();
    for constant in &mapping.constants {
        builder.set(constant.parameter, constant.value.as_bytes());
    }
    let constants: Vec<_> =
        mapping.constants.iter().map(|constant| (&*constant.origin, constant.parameter)).collect();
    look(&constants, &builder.values(), true, |(origin, parameter), suspicion| {
        let message = format!("{origin}: the value for {} {}", parameter.name(), suspicion.message());
        warnings.push(("constant", message));
    });
    warnings
}
