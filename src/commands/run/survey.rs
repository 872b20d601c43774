//! Before anything is sent: reads the input once and compares it with the result file, or refuses the run.

use super::super::others::Others;
use super::delta::Delta;
use super::invalid::{FirstInvalid, MaxInvalid};
use super::warnings;
use crate::check::{self, Linter};
use crate::customer::FingerprintKey;
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Rows};
use crate::journal::{Keep, Marks, ResultFile};
use crate::report::say;
use crate::resume::{ChangesSince, Done, InputMismatch, Shard, Triage, TriageTerms, Workload};
use std::path::Path;

/// The settings of a survey.
pub(super) struct Terms<'run> {
    /// Which rows are the run's; `None` is all.
    pub shard: Option<Shard>,
    pub key: &'run FingerprintKey,
    /// The result file.
    pub result: &'run Path,
    /// Whether most rows in sync may have changed.
    pub accepts_changed_input: bool,
    /// The most rows that may be invalid.
    pub max_invalid: Option<MaxInvalid>,
    /// Whether the run does not begin if `check` would warn.
    pub is_strict: bool,
    /// Whether people hear nothing but faults.
    pub is_quiet: bool,
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

/// Finds out what is left to do, and reports what is not sent. Nothing is known of a stream.
pub(super) fn look(
    input: &Input,
    marks: Marks,
    mut delta: Option<Delta>,
    terms: &Terms<'_>,
) -> Result<(Option<Workload>, Done), Refused> {
    if input.is_stream() {
        return Ok((None, Done::default()));
    }
    let changes = delta.as_mut().map(|delta| &mut delta.changes);
    let (workload, done) = survey(input, marks, changes, terms)?;
    if let Some(delta) = delta {
        delta.conclude(&workload, terms.is_quiet).map_err(|failure| braked(failure, "max_changes"))?;
    }
    Ok((Some(workload), done))
}

/// A failure that is a brake has a reason.
fn braked(failure: Failure, reason: &'static str) -> Refused {
    Refused { reason: (failure.code == ExitCode::Brake).then_some(reason), failure }
}

/// Reads the whole input: mistakes that concern the file as a whole show now.
fn survey(
    input: &Input,
    marks: Marks,
    changes: Option<&mut ChangesSince>,
    terms: &Terms<'_>,
) -> Result<(Workload, Done), Refused> {
    let Terms { shard, key, result, accepts_changed_input, max_invalid, .. } = *terms;
    let mut triage = Triage::new(TriageTerms { shard, key, accepts_changed_input }, marks, changes);
    let mut first_invalid = FirstInvalid::default();
    observe_all(input, &mut triage, &mut first_invalid, terms)?;
    if let Some(mismatch) = triage.find_mismatch() {
        // Only one set of marks is in memory at a time.
        triage.release_marks();
        refuse_other_input(input, result, &mismatch, triage.workload())?;
        let (marks, _) = ResultFile::read(result, Keep::Fingerprint).map_err(Failure::from)?;
        triage.restart_search(marks);
        observe_again(input, &mut triage)?;
    }
    let Workload { invalid, rows, .. } = *triage.workload();
    first_invalid.brake(max_invalid, invalid, rows).map_err(|failure| braked(failure, "max_invalid"))?;
    while triage.begin_next_pass() {
        observe_again(input, &mut triage)?;
    }
    Ok(triage.finish())
}

/// The first pass. It also finds what `check` would warn of in the rows to send; with `--strict`, in all rows.
fn observe_all(
    input: &Input,
    triage: &mut Triage<'_>,
    first_invalid: &mut FirstInvalid,
    terms: &Terms<'_>,
) -> Result<(), Refused> {
    // Only the report of `check` shows the rate, the values and the customers that several rows name.
    let lint_terms = check::Terms { shard: terms.shard, strict: terms.is_strict, ..check::Terms::default() };
    let mut rows = input.rows().map_err(Failure::from)?;
    let has_warnings = terms.is_strict || !terms.is_quiet;
    let mut linter = has_warnings.then(|| Linter::new(input, &rows, &lint_terms));
    while let Some(row) = rows.next_row().map_err(Failure::from)? {
        let Some(is_sent) = triage.observe(&row) else { continue };
        first_invalid.see(input, &row);
        if let Some(linter) = linter.as_mut().filter(|_| is_sent || terms.is_strict) {
            linter.look_at(&row);
        }
    }
    let Some(linter) = linter else { return Ok(()) };
    warnings::tell(&linter.report(input, &rows, &lint_terms), terms.is_quiet)
        .map_err(|failure| Refused { failure, reason: Some("warnings") })
}

fn observe_again(input: &Input, triage: &mut Triage<'_>) -> Result<(), Failure> {
    let mut rows = input.rows()?;
    while let Some(row) = rows.next_row()? {
        triage.observe_again(&row);
    }
    Ok(())
}

/// The input once more, with its first row read ahead. Where nothing is left to do it is not read on: all of it was, and
/// nothing could come of it.
pub(super) fn rows_to_send(input: &Input, workload: Option<&Workload>) -> Result<Rows, Failure> {
    let mut rows = input.rows()?;
    // An input without rows is refused before anything is sent.
    rows.skip_rows(|_| false)?;
    if workload.is_some_and(|workload| workload.to_do() == 0) {
        rows.skip_all();
    }
    Ok(rows)
}

/// Refuses the result file of another input: one whose rows in sync have mostly changed, unless all of them name the same
/// customers as before and no more than half of the input would be sent again.
fn refuse_other_input(
    input: &Input,
    result: &Path,
    mismatch: &InputMismatch,
    workload: &Workload,
) -> Result<(), Failure> {
    let what = match *mismatch {
        InputMismatch::BeyondInput { .. } => mismatch.to_string(),
        InputMismatch::OtherShard { .. } => {
            format!(
                "{mismatch}: it belongs to another shard, another number of shards, or a run without --shard"
            )
        }
        InputMismatch::Changed { changed, .. } => {
            let others = Others::find(input, result)?;
            if others.count == 0 && changed * 2 <= workload.rows {
                say(format_args!("{mismatch}, and are sent again: {others}."));
                return Ok(());
            }
            format!("{mismatch}: {others}")
        }
    };
    Err(Failure::usage(format!(
        "{} does not belong to this input: {what}. Nothing was sent. Use the right --result, or add \
         --accept-changed-input to send the rows that do not match again",
        result.display()
    )))
}
