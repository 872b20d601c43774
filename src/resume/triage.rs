//! The triage of a job's rows: a pass over the input, compared with the records of the result file, decides about each row
//! before any row is sent.

use super::{
    ChangesSince, Done, InputMismatch, LastDelivery, RowPlan, Shard, SupersededSearch, Workload, is_in_shard,
};
use crate::customer::{Fingerprint, FingerprintKey, Update};
use crate::input::Row;
use crate::journal::{Marks, Status};

/// The settings of a triage.
#[derive(Clone, Copy)]
pub struct TriageTerms<'run> {
    /// The shard whose rows belong to the run; `None` if all rows do.
    pub shard: Option<Shard>,
    /// The key of the fingerprints.
    pub key: &'run FingerprintKey,
    /// Whether most rows in sync may have changed.
    pub accepts_changed_input: bool,
}

/// Observes every row of an input once, and again if [`Triage::begin_next_pass`] requires it. Needs 8 bytes per
/// record until [`Triage::finish`], and a few bits per row afterwards.
pub struct Triage<'run> {
    terms: TriageTerms<'run>,
    marks: Marks,
    changes: Option<&'run mut ChangesSince>,
    workload: Workload,
    done: Done,
    superseded: SupersededSearch,
    scratch: Vec<u8>,
}

impl<'run> Triage<'run> {
    /// Begins with the records in `marks`, and with `changes` if `--since` is used.
    #[must_use]
    pub fn new(
        terms: TriageTerms<'run>,
        marks: Marks,
        changes: Option<&'run mut ChangesSince>,
    ) -> Triage<'run> {
        let superseded = SupersededSearch::new(&marks);
        let (workload, done) = (Workload::default(), Done::default());
        Triage { terms, marks, changes, workload, done, superseded, scratch: Vec::new() }
    }

    /// The rows observed so far, counted by the decision.
    #[must_use]
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// Decides about the next row. Returns whether the row will be sent; `None` if the row belongs to another shard.
    pub fn observe(&mut self, row: &Row<'_>) -> Option<bool> {
        if !is_in_shard(self.terms.shard, row) {
            self.workload.add_elsewhere(&self.marks, row.number);
            self.done.rows.insert(row.number);
            return None;
        }
        // Without a record the row is new for any fingerprint. Hashing would cost more than reading the row.
        let is_compared = self.changes.is_some() || self.marks.get(row.number).is_some();
        let print = match is_compared {
            true => row.fingerprint(self.terms.key, &mut self.scratch),
            false => Fingerprint(0),
        };
        let plan = self.workload.add(&self.marks, row.number, print, !row.is_invalid());
        self.note_record(row.number, print, plan);
        if row.content.is_err() {
            return Some(false);
        }
        self.done.lanes.observe(row.ids());
        match self.changes.as_mut().and_then(|changes| changes.observe(row.ids(), print, plan)) {
            Some(LastDelivery::Same) => {
                self.done.unchanged.insert(row.number);
                self.workload.unchanged += 1;
                return Some(false);
            }
            Some(LastDelivery::Failed) => self.done.not_in_sync.insert(row.number),
            Some(LastDelivery::Another | LastDelivery::Unknown | LastDelivery::Sent { .. }) | None => {}
        }
        self.workload.to_send += u64::from(plan != RowPlan::Skip);
        self.search_superseded(row, plan);
        Some(plan != RowPlan::Skip)
    }

    fn note_record(&mut self, row: u64, print: Fingerprint, plan: RowPlan) {
        let is_same_row = || self.marks.get(row).is_some_and(|mark| mark.is_of(print));
        if matches!(plan, RowPlan::Retry(_)) {
            self.done.not_in_sync.insert(row);
        }
        match plan {
            RowPlan::Skip => self.done.rows.insert(row),
            RowPlan::Retry(status @ (Status::Failed | Status::Unknown)) if is_same_row() => {
                self.done.failed.insert(row);
                if status == Status::Unknown {
                    self.done.unknown.insert(row);
                }
            }
            RowPlan::Retry(_) | RowPlan::New | RowPlan::Changed => {}
        }
    }

    /// Rows before the first row that is not done supersede nothing. While the run will probably be refused, the rows of
    /// the other input take no memory. If the run is not refused, [`Triage::restart_search`] observes these rows again.
    fn search_superseded(&mut self, row: &Row<'_>, plan: RowPlan) {
        let is_probably_refused =
            !self.terms.accepts_changed_input && self.workload.changed * 2 > self.marks.in_sync();
        if self.workload.to_do() == 0 {
            self.superseded.pass_over(row.ids());
        } else if !is_probably_refused && let Some(update) = self.relevant_update(row) {
            self.superseded.observe(row.number, update, plan, &self.marks);
        }
    }

    /// The update of a row that can supersede, be superseded or join two ids.
    fn relevant_update<'row>(&self, row: &'row Row<'_>) -> Option<&'row Update> {
        let names_both_ids = || row.ids().iter().all(Option::is_some);
        let is_relevant = row.number <= self.marks.last_in_sync() || names_both_ids();
        row.content.as_ref().ok().filter(|_| is_relevant)
    }

    /// The reason to refuse the run after the first pass, if any: the result file belongs to another input.
    #[must_use]
    pub fn find_mismatch(&self) -> Option<InputMismatch> {
        if self.terms.accepts_changed_input { None } else { self.workload.find_mismatch(&self.marks) }
    }

    /// Frees the memory of the records, so that they can be read in another form.
    pub fn release_marks(&mut self) {
        self.restart_search(Marks::default());
    }

    /// Takes the records again and forgets the search for superseded rows: [`Triage::observe_again`] must follow for every
    /// row.
    pub fn restart_search(&mut self, marks: Marks) {
        self.superseded = SupersededSearch::new(&marks);
        self.marks = marks;
    }

    /// Whether the input must be observed again to find all superseded rows.
    pub fn begin_next_pass(&mut self) -> bool {
        self.superseded.begin_next_pass()
    }

    /// Observes a row of a later pass.
    pub fn observe_again(&mut self, row: &Row<'_>) {
        if self.done.unchanged.contains(row.number) || !is_in_shard(self.terms.shard, row) {
            return;
        }
        if let Some(update) = self.relevant_update(row) {
            let print = row.fingerprint(self.terms.key, &mut self.scratch);
            let plan = RowPlan::decide(&self.marks, row.number, print);
            self.superseded.observe(row.number, update, plan, &self.marks);
        }
    }

    /// Ends the triage.
    #[must_use]
    pub fn finish(self) -> (Workload, Done) {
        (self.workload, Done { superseded: self.superseded.finish(), ..self.done })
    }
}
