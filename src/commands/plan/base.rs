//! Reads the baseline of a plan.

use crate::commands::comparison::missing_result;
use crate::customer::Parameter;
use crate::exit::Failure;
use crate::input::{Empty, Input, Mapping, Reading, Row, Rows, SkippedColumns};
use crate::journal::{self, Keep, Marks, ResultFile};
use crate::plan::{Baseline, BaselineCounts, BaselineWriter, EmptyCell, Fields};
use crate::report::RowTicker;
use crate::resume::identity_of;
use crate::text::counted;
use std::io;
use std::path::{Path, PathBuf};

/// The options about a baseline.
#[derive(Debug)]
pub struct BaselineSettings {
    /// The CSV.
    pub path: PathBuf,
    /// The configuration that it is read with, if it has its own.
    pub config: Option<PathBuf>,
    /// How to read it.
    pub reading: Reading,
    /// What its columns hold.
    pub mapping: Mapping,
    /// Whether it is an export.
    pub is_export: bool,
    /// The result file of its run.
    pub result: Option<PathBuf>,
}

/// A baseline that can be read.
pub(super) struct Base<'settings> {
    settings: &'settings BaselineSettings,
    input: Input,
    rows: Rows,
}

/// A baseline that was read.
pub(super) struct BaseRead {
    pub(super) baseline: Baseline,
    pub(super) counts: BaselineCounts,
    /// Columns that are no parameters.
    pub(super) ignored: Vec<String>,
}

impl Base<'_> {
    /// Opens it and reads its header.
    pub(super) fn open(settings: &BaselineSettings) -> Result<Base<'_>, Failure> {
        let input = Input::open(&settings.path, settings.reading)?.mapped(mapping(settings));
        let rows = input.rows().map_err(|error| {
            let mut failure = Failure::from(error);
            if settings.config.is_none() {
                let advice = "The baseline is read with the options of the input. If it has other columns, describe them in a \
                              configuration file and add --baseline-config FILE.";
                failure.more.push(advice.to_owned());
            }
            failure
        })?;
        refuse_plan(&rows, &input, "a baseline")?;
        Ok(Base { settings, input, rows })
    }

    /// Reads all of it into a temporary file in a folder.
    pub(super) fn read(mut self, folder: &Path) -> Result<BaseRead, Failure> {
        let outcomes = self.settings.result.as_ref().map(|path| Outcomes::read(path)).transpose()?;
        let mut writer = BaselineWriter::new(folder).map_err(cannot_spool)?;
        let (mut counts, mut progress) = (BaselineCounts::default(), RowTicker::new("of the baseline read"));
        while let Some(row) = self.rows.next_row()? {
            progress.count();
            counts.rows += 1;
            let is_in_sync = outcomes
                .as_ref()
                .map_or(Ok(true), |outcomes| outcomes.is_in_sync(&row, self.input.path()))?;
            let is_invalid = !is_known(&row);
            counts.invalid += u64::from(is_invalid);
            counts.not_in_sync += u64::from(!is_in_sync);
            let row = if is_invalid { ids(&row) } else { fields(&row) };
            writer.add(&row, is_in_sync && !is_invalid).map_err(cannot_spool)?;
        }
        if let Some(outcomes) = &outcomes {
            outcomes.refuse_more_rows(counts.rows, self.input.path())?;
        }
        let constants = self.input.mapping().constants.iter().map(|constant| constant.parameter);
        let columns: Vec<_> = self.rows.columns().map(|(_, parameter)| parameter).chain(constants).collect();
        let empty = if self.settings.is_export { EmptyCell::NoValue } else { EmptyCell::Unknown };
        let baseline = writer.finish(&columns, empty).map_err(cannot_spool)?;
        Ok(BaseRead { baseline, counts, ignored: ignored(&self.rows) })
    }
}

/// Whether a row says something about a customer. One with nothing but an id does: an export has such rows.
fn is_known(row: &Row<'_>) -> bool {
    match &row.content {
        Ok(_) => true,
        Err(invalid) => invalid.problems.iter().all(|problem| problem.rule == "no-field"),
    }
}

/// What the columns of a baseline hold: what its rows were delivered with. An export holds what is, and nothing that a mapping
/// would add to it.
fn mapping(settings: &BaselineSettings) -> Mapping {
    let mut mapping = settings.mapping.clone();
    (mapping.ignores_unknown, mapping.may_lack_columns) = (true, true);
    if settings.is_export {
        mapping.constants.clear();
        mapping.empty = Empty::Keep;
        for rule in &mut mapping.columns {
            (rule.transform.default, rule.transform.empty) = (None, Empty::Keep);
        }
    }
    mapping
}

/// The values of a row.
pub(super) fn fields<'row>(row: &'row Row<'_>) -> Fields<'row> {
    Parameter::ALL.map(|parameter| match &row.content {
        Ok(update) => update.get(parameter).unwrap_or_default().as_bytes(),
        Err(invalid) => invalid.value(parameter).unwrap_or_default(),
    })
}

/// The ids of a row that is no update.
pub(super) fn ids<'row>(row: &'row Row<'_>) -> Fields<'row> {
    let mut fields: Fields<'_> = Default::default();
    for (field, id) in fields.iter_mut().zip(row.ids()) {
        *field = id.unwrap_or_default().as_bytes();
    }
    fields
}

pub(super) fn cannot_spool(error: io::Error) -> Failure {
    Failure::fault(format!(
        "cannot use the temporary file for the baseline (in the folder of the plan, or in TMPDIR): {error}"
    ))
}

/// Refuses a plan where an input or a baseline is wanted.
pub(super) fn refuse_plan(rows: &Rows, input: &Input, what: &str) -> Result<(), Failure> {
    if rows.plan().is_none() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} is a plan (it has set: or was: columns), not {what}. Name the input that the plan was made from",
        input.path().display()
    )))
}

fn ignored(rows: &Rows) -> Vec<String> {
    let named = |column: SkippedColumns| match column.name {
        name if name.is_empty() => format!("{} (without a name)", column.first),
        name => format!("'{name}'"),
    };
    rows.skipped_columns().into_iter().map(named).collect()
}

/// The results of the rows of a baseline.
struct Outcomes {
    path: PathBuf,
    marks: Marks,
}

impl Outcomes {
    fn read(path: &Path) -> Result<Outcomes, Failure> {
        let (marks, _) = ResultFile::read(path, Keep::Identity).map_err(|error| match error {
            journal::Error::Io { ref path, ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
                let message = missing_result(path, source, "Run the baseline first, or remove this option");
                Failure::usage(format!("--baseline-result: {message}"))
            }
            error => error.into(),
        })?;
        Ok(Outcomes { path: path.to_path_buf(), marks })
    }

    fn is_in_sync(&self, row: &Row<'_>, base: &Path) -> Result<bool, Failure> {
        let (path, base) = (self.path.display(), base.display());
        let Some(mark) = self.marks.get(row.number) else {
            return Err(Failure::usage(format!(
                "--baseline-result: {path} has no result for row {} (line {}) of {base}. If it is the result file of that run, \
                 finish the run with --resume first. The result file of a plan cannot be used",
                row.number, row.line
            )));
        };
        if mark.is_of(identity_of(row)) {
            return Ok(mark.status.is_in_sync());
        }
        Err(Failure::usage(format!(
            "--baseline-result: {path} is not the result file of {base}: its result for row {} (line {}) names another \
             customer. Use the result file of the run of {base}, not that of a plan",
            row.number, row.line
        )))
    }

    fn refuse_more_rows(&self, rows: u64, base: &Path) -> Result<(), Failure> {
        if self.marks.last_row() <= rows {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "--baseline-result: {} is not the result file of {}: it has a result for row {}, but that has only {}",
            self.path.display(),
            base.display(),
            self.marks.last_row(),
            counted(rows, "row")
        )))
    }
}
