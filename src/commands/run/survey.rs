//! What there is to do, found out before anything is sent: one pass over the input, held against what the result
//! file says.

use super::super::others::Others;
use super::super::shard::is_held;
use super::delta::Delta;
use super::invalid::{FirstInvalid, MaxInvalid};
use crate::customer::{FingerprintKey, Update};
use crate::delivery::Done;
use crate::exit::{ExitCode, Failure};
use crate::input::{Checked, Input, Rows};
use crate::journal::{Keep, Marks, ResultFile, Status};
use crate::report::say;
use crate::resume::{Doing, Foreign, Shard, Supersession, Survey};
use std::path::Path;

/// What a survey goes by.
pub(super) struct Terms<'run> {
    /// Which rows are the run's; `None` is all.
    pub part: Option<Shard>,
    pub key: &'run FingerprintKey,
    /// The result file.
    pub result: &'run Path,
    /// Whether most rows in sync may have changed.
    pub accept: bool,
    pub open_rows: u64,
    /// The most rows that may be invalid.
    pub max_invalid: Option<MaxInvalid>,
}

/// Why a run does not begin: a brake if there is a reason in one word, else a mistake.
pub(super) struct Refused {
    pub failure: Failure,
    /// As the schema of the summary has it.
    pub reason: Option<&'static str>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused { failure, reason: None }
    }
}

/// Finds out what there is to do, and says what is not sent. Nothing is known of a stream.
pub(super) fn look(
    input: &Input,
    marks: Marks,
    mut delta: Option<Delta>,
    terms: &Terms<'_>,
    is_quiet: bool,
) -> Result<(Option<Survey>, Done), Refused> {
    if input.is_stream() {
        return Ok((None, Done::default()));
    }
    let braked = |reason| {
        move |failure: Failure| Refused {
            reason: (failure.code == ExitCode::Brake).then_some(reason),
            failure,
        }
    };
    let (survey, done) = survey(input, marks, delta.as_mut(), terms).map_err(braked("max_invalid"))?;
    if let Some(delta) = delta {
        delta.conclude(&survey, is_quiet).map_err(braked("max_changes"))?;
    }
    Ok((Some(survey), done))
}

/// Reads the whole input once: what is wrong with the file as a whole shows now. What is needed of the marks comes
/// back, a bit a row, and the marks themselves are given up. Rows of other shards count as done.
fn survey(
    input: &Input,
    mut marks: Marks,
    mut delta: Option<&mut Delta>,
    terms: &Terms<'_>,
) -> Result<(Survey, Done), Failure> {
    let Terms { part, key, result, accept, open_rows, max_invalid } = *terms;
    let mut first_invalid = FirstInvalid::default();
    let mut rows = input.rows()?;
    let mut survey = Survey::default();
    let mut done = Done::default();
    let mut supersession = Supersession::new(&marks);
    let mut scratch = Vec::new();
    while let Some(row) = rows.check_next()? {
        if !is_held(part, &row) {
            survey.pass_over(&marks, row.number);
            done.rows.insert(row.number);
            continue;
        }
        let print = row.fingerprint(key, &mut scratch);
        let doing = survey.add(&marks, row.number, print, !row.is_invalid());
        first_invalid.see(input, &row);
        match doing {
            Doing::Skip => done.rows.insert(row.number),
            Doing::Again(status @ (Status::Failed | Status::Unknown))
                if marks.get(row.number).is_some_and(|mark| mark.is_of(print)) =>
            {
                done.failed.insert(row.number);
                if status == Status::Unknown {
                    done.unknown.insert(row.number);
                }
            }
            _ => {}
        }
        if row.content.is_err() {
            continue;
        }
        done.lanes.see(row.ids());
        if delta.as_mut().is_some_and(|delta| delta.see(row.ids(), print, doing)) {
            done.unchanged.insert(row.number);
            survey.unchanged += 1;
            continue;
        }
        survey.to_send += u64::from(doing != Doing::Skip);
        // Nothing is overtaken before a row that is to be sent, or behind all that were delivered. Where the run is
        // probably refused, the rows of another input are not remembered: if it is not, they are seen again.
        let is_refused = !accept && survey.changed * 2 > marks.in_sync();
        if survey.to_do() == 0 {
            supersession.pass_over(row.ids());
        } else if !is_refused && let Some(update) = to_see(&row, &marks) {
            supersession.see(row.number, &update, doing, &marks);
        }
    }
    if let Some(foreign) = survey.foreign(&marks).filter(|_| !accept) {
        // Never more than one set of marks is held.
        drop((marks, supersession));
        refuse_other_input(input, result, &foreign, &survey, open_rows)?;
        (marks, _) = ResultFile::read(result, Keep::Fingerprint, open_rows)?;
        supersession = Supersession::new(&marks);
        see_again(input, &marks, terms, &done, &mut supersession)?;
    }
    first_invalid.brake(max_invalid, survey.invalid, survey.rows)?;
    while supersession.looks_again() {
        see_again(input, &marks, terms, &done, &mut supersession)?;
    }
    Ok((survey, Done { superseded: supersession.found(), ..done }))
}

/// The update of a row that matters to which rows are overtaken: behind all that were delivered only one that joins ids.
fn to_see(row: &Checked<'_>, marks: &Marks) -> Option<Update> {
    let joins = || row.ids().iter().all(Option::is_some);
    let matters = row.content.is_ok() && (row.number <= marks.last_in_sync() || joins());
    if matters { row.values.update() } else { None }
}

/// Sees the input once more, as far as it matters to which rows are overtaken.
fn see_again(
    input: &Input,
    marks: &Marks,
    terms: &Terms<'_>,
    done: &Done,
    supersession: &mut Supersession,
) -> Result<(), Failure> {
    let mut rows = input.rows()?;
    let mut scratch = Vec::new();
    while let Some(row) = rows.check_next()? {
        if done.unchanged.contains(row.number) || !is_held(terms.part, &row) {
            continue;
        }
        if let Some(update) = to_see(&row, marks) {
            let print = row.fingerprint(terms.key, &mut scratch);
            let doing = Doing::with(marks, row.number, print);
            supersession.see(row.number, &update, doing, marks);
        }
    }
    Ok(())
}

/// The input once more, with its first row read ahead. Where nothing is left to do it is not read on: all of it was, and
/// nothing could come of it.
pub(super) fn rows_to_send(input: &Input, survey: Option<&Survey>) -> Result<Rows, Failure> {
    let mut rows = input.rows()?;
    rows.wait_for_first()?;
    if survey.is_some_and(|survey| survey.to_do() == 0) {
        rows.pass_over_all();
    }
    Ok(rows)
}

/// Refuses the result file of another input: one whose rows in sync have mostly changed, unless all of them name the same
/// customers as before and no more than half of the input would be sent again.
fn refuse_other_input(
    input: &Input,
    result: &Path,
    foreign: &Foreign,
    survey: &Survey,
    open_rows: u64,
) -> Result<(), Failure> {
    let what = match *foreign {
        Foreign::Beyond { .. } => foreign.to_string(),
        Foreign::OtherShard { .. } => {
            format!(
                "{foreign}: it is that of another shard, of another number of shards, or of a run without --shard"
            )
        }
        Foreign::Changed { changed, .. } => {
            let others = Others::find(input, result, open_rows)?;
            if others.count == 0 && changed * 2 <= survey.rows {
                say(format_args!("{foreign}, and are sent again: {others}"));
                return Ok(());
            }
            format!("{foreign}: {others}")
        }
    };
    Err(Failure::usage(format!(
        "{} does not belong to this input: {what}. Nothing was sent. Name the right --result, or add \
         --accept-changed-input to send what does not match once more",
        result.display()
    )))
}
