//! `plan`: compares an input with a baseline, field by field, and writes the changes; sends nothing.

mod base;

use super::check::cannot_print;
use super::output::{Existing, Output, Sink, append};
use crate::customer::Parameter;
use crate::exit::{ExitCode, Failure};
use crate::input::{Format, Input, Mapping, Reading, Rows};
use crate::plan::{Baseline, BaselineCounts, Differences, Links, PlanCounts, PlanLine, PlanTable};
use crate::report::{PlanFormat, PlanReport, RowTicker, folder_of, put, say};
use crate::resume::MaxChanges;
use crate::text::{counted, grouped, share};
use base::{Base, cannot_spool, fields, ids, refuse_plan};
use std::env::temp_dir;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use base::BaselineSettings;

/// Settings of a plan.
#[derive(Debug)]
pub struct Settings {
    /// The CSV.
    pub input: PathBuf,
    /// How to read it.
    pub reading: Reading,
    /// What its columns hold.
    pub mapping: Mapping,
    /// The CSV of what the customers have.
    pub baseline: BaselineSettings,
    /// Where the plan goes.
    pub output: Option<PathBuf>,
    /// Whether an earlier plan may be replaced.
    pub may_overwrite: bool,
    /// Of what is printed.
    pub format: PlanFormat,
    /// Whether values are printed as they are, passwords aside.
    pub show_values: bool,
    /// Whether changes are coloured.
    pub is_coloured: bool,
    /// Whether a change is an exit code of its own.
    pub has_exit_code: bool,
    /// The most rows that may be planned.
    pub max_changes: Option<MaxChanges>,
    /// The most customers of the baseline that the input may lack.
    pub max_missing: Option<MaxChanges>,
    /// A file to which the account for a CI job's page is appended.
    pub job_summary: Option<PathBuf>,
}

/// Compares the input with the baseline, and writes and prints what differs.
///
/// # Errors
/// If the input, the baseline or the result file cannot be used, or the plan cannot be written.
pub fn plan(settings: &Settings) -> Result<ExitCode, Failure> {
    let input = open_input(settings)?;
    let rows = input.rows()?;
    refuse_plan(&rows, &input, "an input")?;
    let base = Base::open(&settings.baseline)?;
    let sink = settings.output.as_deref().map(|output| begin(settings, output)).transpose()?;
    let folder = settings.output.as_deref().map_or_else(temp_dir, |output| folder_of(output).to_path_buf());
    let mut base = base.read(&folder)?;
    link(&input, &mut base.baseline)?;
    let fields = fields_of(&rows, &settings.mapping);
    let has_column = |field: &Parameter| base.baseline.has_column(*field);
    let without_column: Vec<_> = fields.iter().copied().filter(|field| !has_column(field)).collect();
    let was = fields.iter().copied().filter(|field| has_column(field) && *field != Parameter::Password);
    let table = Table::begin(sink, &rows.format(), fields.clone(), was.collect())?;
    let (table, counts, counts_of_base) = compare(rows, Differences::new(base.baseline), table, base.counts)?;
    let mut report = PlanReport {
        input: settings.input.display().to_string(),
        baseline: settings.baseline.path.display().to_string(),
        baseline_config: settings.baseline.config.as_ref().map(|path| path.display().to_string()),
        is_export: settings.baseline.is_export,
        baseline_result: settings.baseline.result.as_ref().map(|path| path.display().to_string()),
        ignored: base.ignored,
        without_column,
        base: counts_of_base,
        counts,
        output: None,
        stopped: None,
        show_values: settings.show_values,
        is_coloured: settings.is_coloured,
        exit_code: 0,
    };
    conclude(settings, table, &mut report)
}

/// Writes the plan or says why not, and prints the account.
fn conclude(settings: &Settings, table: Table, report: &mut PlanReport) -> Result<ExitCode, Failure> {
    report.stopped = exceeded(settings, &report.counts, &report.base);
    let code = match &report.stopped {
        Some(_) => ExitCode::Brake,
        None if report.counts.invalid + report.counts.ambiguous > 0 => ExitCode::NotInSync,
        None if settings.has_exit_code && report.counts.planned() > 0 => ExitCode::NotInSync,
        None => ExitCode::InSync,
    };
    if report.stopped.is_none() {
        table.finish()?;
        report.output = settings.output.as_ref().map(|path| path.display().to_string());
    }
    report.exit_code = code.number();
    put(report.in_format(settings.format)).map_err(cannot_print)?;
    if settings.format == PlanFormat::Markdown
        && let Some(path) = &settings.job_summary
        && let Err(error) = append(path, &(report.in_format(PlanFormat::Markdown) + "\n"))
    {
        say(format_args!("cannot write the job summary {}: {error}", path.display()));
    }
    match &report.stopped {
        Some(stopped) => Err(Failure::new(code, stopped)),
        None => Ok(code),
    }
}

/// Which limit the plan exceeds.
fn exceeded(settings: &Settings, counts: &PlanCounts, base: &BaselineCounts) -> Option<String> {
    let changes = settings.max_changes.filter(|most| most.is_exceeded(counts.planned(), counts.valid()));
    if let Some(most) = changes {
        return Some(format!(
            "{} of {} would change ({}), more than --max-changes {most}. If that many changes are right, plan once with a \
             larger number",
            grouped(counts.planned()),
            counted(counts.valid(), "row"),
            share(counts.planned(), counts.valid())
        ));
    }
    let most = settings.max_missing.filter(|most| most.is_exceeded(base.missing, base.customers))?;
    Some(format!(
        "{} of {} in {} are not in {} ({}), more than --max-missing {most}. Is the input complete? If so, plan once with a \
         larger number",
        grouped(base.missing),
        counted(base.customers, "customer"),
        settings.baseline.path.display(),
        settings.input.display(),
        share(base.missing, base.customers)
    ))
}

fn open_input(settings: &Settings) -> Result<Input, Failure> {
    let input = Input::open(&settings.input, settings.reading)?.mapped(settings.mapping.clone());
    if input.is_stream() {
        return Err(Failure::usage(format!(
            "{}: plan reads the input twice and cannot use a pipe. Write the input to a file first",
            input.path().display()
        )));
    }
    if input.is_at(&settings.baseline.path) {
        return Err(Failure::usage(format!(
            "--baseline: {} is the input itself. Name a CSV of what the customers have, such as the input delivered last",
            settings.baseline.path.display()
        )));
    }
    Ok(input)
}

fn begin(settings: &Settings, output: &Path) -> Result<Sink, Failure> {
    let existing = if settings.may_overwrite { Existing::Replace } else { Existing::Refuse };
    let mut kept = vec![settings.input.as_path(), &settings.baseline.path];
    kept.extend(settings.baseline.result.as_deref());
    Output::File(output.to_path_buf()).begin(existing, &kept, "a plan", is_plan)
}

/// Whether a file begins as plans do.
pub(super) fn is_plan(head: &[u8]) -> bool {
    let is_header = |line: &[u8]| {
        let has = |name: &[u8]| memchr::memmem::find(line, name).is_some();
        (has(b"set:") || has(b"was:")) && has(b"_check")
    };
    head.split(|byte| matches!(byte, b'\r' | b'\n')).any(is_header)
}

/// The fields that rows of the input can have.
fn fields_of(rows: &Rows, mapping: &Mapping) -> Vec<Parameter> {
    let constants = mapping.constants.iter().map(|constant| constant.parameter);
    let given: Vec<_> = rows.columns().map(|(_, parameter)| parameter).chain(constants).collect();
    Parameter::ALL.into_iter().filter(|field| !field.is_lookup() && given.contains(field)).collect()
}

/// Looks for ids that only the input knows, where rows can name two ids.
fn link(input: &Input, baseline: &mut Baseline) -> Result<(), Failure> {
    let mut rows = input.rows()?;
    if rows.columns().filter(|(_, parameter)| parameter.is_lookup()).count() < Parameter::LOOKUPS {
        return Ok(());
    }
    let mut links = Links::default();
    while let Some(row) = rows.next_row()? {
        if row.content.is_ok() {
            links.observe(baseline, &fields(&row)).map_err(cannot_spool)?;
        }
    }
    links.apply(baseline);
    Ok(())
}

/// Compares every row and writes what differs.
fn compare(
    mut rows: Rows,
    mut differences: Differences,
    mut table: Table,
    base: BaselineCounts,
) -> Result<(Table, PlanCounts, BaselineCounts), Failure> {
    let mut progress = RowTicker::new("compared");
    while let Some(row) = rows.next_row()? {
        progress.count();
        match &row.content {
            Ok(_) => {
                let at = (row.number, row.line);
                differences.compare::<Fault>(at, &fields(&row), |line| table.add(line).map_err(Fault))?;
            }
            Err(invalid) => {
                let is_invalid = !invalid.is_passed_over;
                differences.pass_over(&ids(&row), is_invalid).map_err(cannot_spool)?;
            }
        }
    }
    let (counts, base) = differences.finish(base).map_err(cannot_spool)?;
    Ok((table, counts, base))
}

/// A failure, or what the system says of the temporary file.
struct Fault(Failure);

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault(cannot_spool(error))
    }
}

impl From<Fault> for Failure {
    fn from(Fault(failure): Fault) -> Failure {
        failure
    }
}

/// The plan that is written, or nothing.
pub(super) struct Table(PlanTable<Target>);

enum Target {
    File(Sink),
    Nowhere,
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::File(sink) => sink.write(bytes),
            Target::Nowhere => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::File(sink) => sink.flush(),
            Target::Nowhere => Ok(()),
        }
    }
}

impl Table {
    /// Writes the header.
    pub(super) fn begin(
        sink: Option<Sink>,
        format: &Format,
        set: Vec<Parameter>,
        was: Vec<Parameter>,
    ) -> Result<Table, Failure> {
        let target = sink.map_or(Target::Nowhere, Target::File);
        PlanTable::begin(target, format, set, was).map(Table).map_err(cannot_write)
    }

    /// Writes a row.
    pub(super) fn add(&mut self, line: &PlanLine<'_>) -> Result<(), Failure> {
        self.0.add(line).map_err(cannot_write)
    }

    /// Puts the file in its place.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.0.finish().map_err(cannot_write)? {
            Target::File(sink) => sink.finish(),
            Target::Nowhere => Ok(()),
        }
    }
}

fn cannot_write(error: io::Error) -> Failure {
    Failure::fault(format!("--output: cannot write the plan: {error}"))
}
