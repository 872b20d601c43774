//! `failures`: exports the failed rows, as they are in the input, each with its reason, to be corrected and run again. Sends
//! nothing.

use super::comparison::{Key, explain_comparison, no_result_yet};
use super::others::refuse_other_input;
use super::output::{Existing, Output, Sink};
use super::plan_input::{is_finished_plan, say_ignored_keys};
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Mapping, OF_FAILURES, Original, Reading, Rows, normalize_name};
use crate::journal::{Keep, Marks, RecordLookup, RecordPosition, ResultFile};
use crate::report::{Counts, say};
use crate::resume::{ChangeDetector, RowPlan, Shard, SupersededRow, SupersededSearch, is_in_shard};
use crate::text::counted;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Settings of the command.
#[derive(Debug)]
pub struct Settings {
    /// The CSV.
    pub input: PathBuf,
    /// How to read it.
    pub reading: Reading,
    /// What its columns hold.
    pub mapping: Mapping,
    /// Which rows are looked at; `None` is all.
    pub shard: Option<Shard>,
    /// The result file.
    pub result: PathBuf,
    /// Where the rows go.
    pub output: Output,
    /// Whether an earlier file of failures may be replaced.
    pub may_overwrite: bool,
    /// What the fingerprints are keyed with.
    pub key: Key,
}

/// Writes the rows whose last record is not in sync.
///
/// # Errors
/// If the input or the result file cannot be used, or the rows cannot be written.
pub fn failures(settings: &Settings) -> Result<ExitCode, Failure> {
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping.clone());
    if input.is_stream() {
        return Err(Failure::usage(format!(
            "{}: failures needs a file, not a pipe. Name the file that was run",
            input.path().display()
        )));
    }
    if is_finished_plan(&input) {
        return Ok(ExitCode::InSync);
    }
    let mut detector = settings.key.clone().detector();
    let known = Known::read(settings, detector.keep())?;
    refuse_other_input(&input, &settings.result)?;
    let superseded = find_superseded(&input, &known.marks, &mut detector)?;
    let mut lookup = RecordLookup::open(&settings.result)?;
    let mut rows = input.rows()?;
    let existing = if settings.may_overwrite { Existing::Replace } else { Existing::Refuse };
    let kept: [&Path; 2] = [&settings.input, &settings.result];
    let sink = settings.output.begin(existing, &kept, "a file of failures", is_such)?;
    let mut table = Table::begin(sink, &rows)?;
    say_ignored_keys(&input, &rows);
    let mut account = Left::default();
    while let Some(row) = rows.next_row()? {
        account.rows += 1;
        let number = row.number;
        if !is_in_shard(settings.shard, &row) {
            continue;
        }
        let Some(mark) = known.marks.get(number) else {
            account.no_record += 1;
            continue;
        };
        if detector.has_changed(mark, &row) {
            account.changed += 1;
            continue;
        }
        let Some(place) = known.places.get(&number).filter(|_| !mark.status.is_in_sync()) else {
            account.in_sync += 1;
            continue;
        };
        let reason = match superseded.get(&number) {
            Some(superseded) if superseded.is_covered => {
                account.covered += 1;
                continue;
            }
            Some(superseded) => {
                account.overtaken += 1;
                superseded.reason()
            }
            None => lookup.record(*place)?.error().into_owned(),
        };
        account.counts.add(mark.status);
        table.add(&row.original(), mark.status.name(), &reason)?;
    }
    table.sink.finish()?;
    account.report(settings, &known.marks);
    explain_comparison(&detector, account.changed > 0 && account.counts.total() + account.in_sync == 0);
    Ok(ExitCode::InSync)
}

/// What the result file says.
struct Known {
    marks: Marks,
    /// Where the last record of each row that is not in sync stands.
    places: HashMap<u64, RecordPosition>,
}

impl Known {
    fn read(settings: &Settings, keep: Keep) -> Result<Known, Failure> {
        let opened = ResultFile::records(&settings.result);
        let mut records = opened.map_err(no_result_yet)?;
        let mut known = Known { marks: Marks::default(), places: HashMap::new() };
        while let Some(record) = records.next_record()? {
            known.marks.set(record.row(), record.status(), keep.of(&record));
            if record.status().is_in_sync() {
                known.places.remove(&record.row());
            } else {
                known.places.insert(record.row(), record.position());
            }
        }
        Ok(known)
    }
}

/// Finds the rows that would overwrite newer delivered rows of their customers.
fn find_superseded(
    input: &Input,
    marks: &Marks,
    detector: &mut ChangeDetector,
) -> Result<HashMap<u64, SupersededRow>, Failure> {
    let mut search = SupersededSearch::new(marks);
    loop {
        let mut rows = input.rows()?;
        while let Some(row) = rows.next_row()? {
            if let Ok(update) = &row.content {
                let plan = RowPlan::decide(marks, row.number, detector.print(&row));
                search.observe(row.number, update, plan, marks);
            }
        }
        if !search.begin_next_pass() {
            return Ok(search.finish());
        }
    }
}

/// Whether a file begins as this command's do: its two columns are the last of the header, in their order. A table that
/// somebody has made may have columns of these names elsewhere.
fn is_such(head: &[u8]) -> bool {
    head.split(|byte| matches!(byte, b'\r' | b'\n')).any(ends_in_ours)
}

fn ends_in_ours(line: &[u8]) -> bool {
    let [status, error] = OF_FAILURES.map(str::as_bytes);
    line.strip_suffix(error)
        .and_then(<[u8]>::split_last)
        .is_some_and(|(delimiter, rest)| b",;\t|".contains(delimiter) && rest.ends_with(status))
}

/// The rows as they are written: the columns of the input, except those of an earlier table, and two of our own.
struct Table {
    sink: Sink,
    delimiter: u8,
    width: usize,
    /// Columns that are left out: those of an earlier table, and those behind all that have a name.
    left_out: HashSet<usize>,
}

impl Table {
    /// Writes the lines before the rows.
    fn begin(sink: Sink, rows: &Rows) -> Result<Table, Failure> {
        let format = rows.format();
        let is_ours = |name: &[u8]| OF_FAILURES.contains(&&*normalize_name(&String::from_utf8_lossy(name)));
        let names: Vec<&[u8]> = rows.names().collect();
        let earlier = (0..names.len()).filter(|index| is_ours(names[*index]));
        let left_out = earlier.chain(rows.unnamed()).collect();
        let mut table = Table { sink, delimiter: format.delimiter.byte(), width: names.len(), left_out };
        table.write(&format.preamble())?;
        let cells = table.kept(&names).chain(OF_FAILURES.map(str::as_bytes)).collect::<Vec<_>>();
        table.line(&cells)?;
        Ok(table)
    }

    fn kept<'cells>(&self, cells: &[&'cells [u8]]) -> impl Iterator<Item = &'cells [u8]> {
        let kept = cells.iter().enumerate().filter(|(index, _)| !self.left_out.contains(index));
        kept.map(|(_, cell)| *cell).collect::<Vec<_>>().into_iter()
    }

    /// Writes a row. One whose cells are not those of the columns stays so: as it is, it must not become another
    /// row that can be sent.
    fn add(&mut self, row: &Original<'_>, status: &str, reason: &str) -> Result<(), Failure> {
        let ours = [status.as_bytes(), reason.as_bytes()];
        let mut cells: Vec<&[u8]> = match row {
            Original::Cells(cells) if cells.len() == self.width => self.kept(cells).collect(),
            Original::Cells(cells) => cells.clone(),
            Original::Text(text) => vec![text],
        };
        let is_malformed = !matches!(row, Original::Cells(cells) if cells.len() == self.width);
        cells.extend(ours);
        if is_malformed && cells.len() == self.width - self.left_out.len() + ours.len() {
            cells.push(b"");
        }
        self.line(&cells)
    }

    fn line(&mut self, cells: &[&[u8]]) -> Result<(), Failure> {
        let mut writer =
            csv::WriterBuilder::new().delimiter(self.delimiter).flexible(true).from_writer(Vec::new());
        let line = writer.write_byte_record(&cells.iter().collect()).map_err(Failure::fault);
        line?;
        let line = writer.into_inner().map_err(|error| Failure::fault(error.error()))?;
        self.write(&line)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.sink.write_all(bytes).map_err(|error| self.sink.fault(error))
    }
}

/// Rows by result, and those that are not in the table.
#[derive(Default)]
struct Left {
    rows: u64,
    counts: Counts,
    in_sync: u64,
    no_record: u64,
    changed: u64,
    covered: u64,
    overtaken: u64,
}

impl Left {
    fn report(&self, settings: &Settings, marks: &Marks) {
        let (input, written) = (settings.input.display(), self.counts.total());
        let counts = self.counts.iter().filter(|(_, count)| *count > 0);
        let counts: Vec<_> = counts.map(|(status, count)| format!("{count} {status}")).collect();
        let to = match &settings.output {
            Output::Stdout => String::new(),
            Output::File(path) => format!(" to {}", path.display()),
        };
        say(match written {
            0 => format!("{input}: no failed rows."),
            _ => format!("Wrote {}{to} ({}).", counted(written, "failed row"), counts.join(", ")),
        });
        if let Output::File(path) = &settings.output
            && written > 0
        {
            let path = path.display();
            say(format_args!(
                "Fix them, then run: offerit-sync run {path}, with the same options for columns."
            ));
        }
        if self.overtaken > 0 {
            say(format_args!(
                "{} of these: a newer row of the same customer was already delivered, and would be overwritten. The _error \
                 column names it.",
                self.overtaken
            ));
        }
        if self.covered > 0 {
            say(format_args!(
                "Left out: {} whose fields newer rows of the same customers have set.",
                counted(self.covered, "row")
            ));
        }
        let others = [(self.no_record, "not sent yet"), (self.changed, "changed since they were sent")];
        let others = others.iter().filter(|(count, _)| *count > 0);
        let others: Vec<_> =
            others.map(|(count, what)| format!("{} {what}", counted(*count, "row"))).collect();
        if !others.is_empty() {
            let others = others.join(" and ");
            say(format_args!("Not included: {others}. To send them, run {input} with --resume."));
        }
        if marks.last_row() > self.rows {
            say(format_args!(
                "The result file has a result for row {}, but the input has only {} rows. Is it another input?",
                marks.last_row(),
                self.rows
            ));
        }
    }
}
