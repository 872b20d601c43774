//! `undo`: writes a plan that restores the values from before a plan that was sent.

use super::check::cannot_print;
use super::comparison::{Key, explain_comparison, no_result_yet};
use super::output::{Existing, Output};
use super::plan::{Table, is_plan};
use crate::customer::Parameter;
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, PlanCells, PlanColumns, Reading, Row, Rows};
use crate::journal::{Keep, Marks, ResultFile, RowSet, Status};
use crate::plan::{Undo, UndoCounts, UndoRow};
use crate::report::put;
use crate::resume::ChangeDetector;
use crate::text::{counted, escape_and_shorten};
use std::path::PathBuf;

/// Settings of an undo.
#[derive(Debug)]
pub struct Settings {
    /// The plan that was sent.
    pub plan: PathBuf,
    /// How to read it.
    pub reading: Reading,
    /// Its result file.
    pub result: PathBuf,
    /// Whether rows without a record are taken back, too.
    pub is_whole: bool,
    /// Where the undo goes.
    pub output: PathBuf,
    /// Whether an earlier plan may be replaced.
    pub may_overwrite: bool,
    /// What the fingerprints are keyed with.
    pub key: Key,
}

/// Writes the values from before, one row a customer.
///
/// # Errors
/// If the plan or the result file cannot be used, or the undo cannot be written.
pub fn undo(settings: &Settings) -> Result<ExitCode, Failure> {
    let input = Input::open(&settings.plan, settings.reading)?;
    if input.is_stream() {
        let path = input.path().display();
        return Err(Failure::usage(format!(
            "{path}: undo reads the plan twice and cannot use a pipe. Name the plan that was sent"
        )));
    }
    let mut detector = settings.key.clone().detector();
    let mut rows = input.rows()?;
    let Some(columns) = rows.plan().cloned() else {
        return Err(Failure::usage(format!(
            "{} is not a plan (it has no set: and was: columns). Name the plan that was sent",
            input.path().display()
        )));
    };
    let existing = if settings.may_overwrite { Existing::Replace } else { Existing::Refuse };
    let output = Output::File(settings.output.clone());
    let sink = output.begin(existing, &[&settings.plan, &settings.result], "a plan", is_plan)?;
    let records = Records::read(settings, detector.keep())?;
    let mut undo = Undo::default();
    let mut survey = Survey::default();
    while let Some(row) = rows.next_row()? {
        survey.look_at(settings, &records, &row, &mut detector)?;
        if let Some(row) = sound_row(settings, &records, &columns, &row) {
            undo.observe(&row);
        }
    }
    survey.conclude(settings, &records, &rows, &detector)?;
    undo.begin_second_pass();
    let mut table =
        Table::begin(Some(sink), &rows.format(), columns.set().collect(), columns.was().collect())?;
    let mut rows = input.rows()?;
    while let Some(row) = rows.next_row()? {
        if let Some(row) = sound_row(settings, &records, &columns, &row) {
            undo.take_back(&row, |line| table.add(line))?;
        }
    }
    table.finish()?;
    let counts = undo.finish();
    put(account(settings, &counts, &survey)).map_err(cannot_print)?;
    let is_whole = !counts.is_partial() && survey.damaged == 0;
    Ok(if is_whole { ExitCode::InSync } else { ExitCode::NotInSync })
}

/// What the result file says of the rows of the plan.
struct Records {
    /// The last records.
    marks: Marks,
    /// Rows with any record by which the server may have applied them.
    applied: RowSet,
}

impl Records {
    fn read(settings: &Settings, keep: Keep) -> Result<Records, Failure> {
        let mut read = Records { marks: Marks::default(), applied: RowSet::default() };
        let opened = ResultFile::records(&settings.result).map_err(no_result_yet);
        let mut records = match opened {
            // The whole plan is taken back, whether it was sent or not.
            Err(failure)
                if failure.code == ExitCode::Usage && settings.is_whole && !settings.result.exists() =>
            {
                return Ok(read);
            }
            opened => opened?,
        };
        while let Some(record) = records.next_record()? {
            read.marks.set(record.row(), record.status(), keep.of(&record));
            if matches!(record.status(), Status::Updated | Status::Unknown) {
                read.applied.insert(record.row());
            }
        }
        Ok(read)
    }
}

/// What the first pass finds.
#[derive(Default)]
struct Survey {
    rows: u64,
    /// Rows that are wrong, though the server may have applied them.
    damaged: u64,
    /// Rows whose record is of another row, and the first one's number and line.
    others: u64,
    first_other: Option<(u64, u64)>,
    /// Rows without a record.
    unrecorded: u64,
}

impl Survey {
    fn look_at(
        &mut self,
        settings: &Settings,
        records: &Records,
        row: &Row<'_>,
        detector: &mut ChangeDetector,
    ) -> Result<(), Failure> {
        self.rows += 1;
        let may_be_applied = settings.is_whole || records.applied.contains(row.number);
        self.damaged += u64::from(row.is_invalid() && may_be_applied);
        match records.marks.get(row.number) {
            None => self.unrecorded += 1,
            Some(mark) if detector.has_changed(mark, row) => {
                self.others += 1;
                self.first_other.get_or_insert((row.number, row.line));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn conclude(
        &self,
        settings: &Settings,
        records: &Records,
        rows: &Rows,
        detector: &ChangeDetector,
    ) -> Result<(), Failure> {
        let (plan, result) = (settings.plan.display(), settings.result.display());
        let _ = rows;
        if let Some((row, line)) = self.first_other {
            explain_comparison(detector, self.others == self.rows);
            return Err(Failure::usage(format!(
                "{result} does not match {plan}: {} changed after the plan was sent, the first is row {row} (line {line}). Use \
                 the result file of that run, and the plan as it was sent",
                counted(self.others, "row")
            )));
        }
        if records.marks.last_row() > self.rows {
            return Err(Failure::usage(format!(
                "{result} does not match {plan}: it has a result for row {}, but the plan has only {}. Use the result file of \
                 that run, and the plan as it was sent",
                records.marks.last_row(),
                counted(self.rows, "row")
            )));
        }
        if self.unrecorded > 0 && !settings.is_whole {
            let have = if self.unrecorded == 1 { "has" } else { "have" };
            return Err(Failure::usage(format!(
                "{} of {plan} {have} no result in {result}, but may have been sent when the run stopped. Finish the run first \
                 (offerit-sync run {plan} --result {result} --resume), or add --all to take back the whole plan",
                counted(self.unrecorded, "row")
            )));
        }
        Ok(())
    }
}

/// A row that can be taken back, by its cells.
fn sound_row<'row>(
    settings: &Settings,
    records: &Records,
    columns: &PlanColumns,
    row: &'row Row<'_>,
) -> Option<UndoRow<'row>> {
    let update = row.content.as_ref().ok()?;
    let PlanCells { was, change, .. } = columns.cells(|column| row.cell(column));
    let has_status = |wanted: Status| records.marks.get(row.number).is_some_and(|mark| mark.status == wanted);
    Some(UndoRow {
        ids: row.ids(),
        line: row.line,
        set: Parameter::ALL.map(|parameter| update.get(parameter).unwrap_or_default().as_bytes()),
        was,
        is_new: change == b"new",
        may_be_applied: settings.is_whole || records.applied.contains(row.number),
        is_confirmed: has_status(Status::Updated),
    })
}

/// The summary, without the last line end.
fn account(settings: &Settings, counts: &UndoCounts, survey: &Survey) -> String {
    let named = |counts: &[u64; Parameter::COUNT]| {
        let named = Parameter::ALL.into_iter().zip(counts).filter(|(_, count)| **count > 0);
        named.map(|(parameter, count)| format!("{} {count}", parameter.name())).collect::<Vec<_>>().join(", ")
    };
    let output = escape_and_shorten(&settings.output.display().to_string());
    let mut lines =
        vec![format!("Wrote {output}: the old values of {}.", counted(counts.customers, "customer"))];
    if counts.customers > 0 {
        lines.push(format!("Fields to restore: {}.", named(&counts.fields)));
    }
    if counts.new > 0 {
        lines.push(format!(
            "Cannot be undone: {} missing from the baseline; old values are unknown.",
            counted(counts.new, "customer")
        ));
    }
    if counts.unknown.iter().any(|count| *count > 0) {
        let unknown = named(&counts.unknown);
        lines.push(format!("Cannot be undone: fields with an unknown old value: {unknown}."));
    }
    if counts.passwords > 0 {
        lines.push(format!(
            "Cannot be undone: {}; a plan contains no old passwords.",
            counted(counts.passwords, "password")
        ));
    }
    if survey.damaged > 0 {
        lines.push(format!(
            "Left out: {} that may have been sent but were edited since they were planned (see offerit-sync check).",
            counted(survey.damaged, "row")
        ));
    }
    if counts.customers > 0 {
        lines.push(format!(
            "To undo: offerit-sync run {output}. This overwrites later changes to these fields by anybody."
        ));
    }
    lines.join("\n")
}
