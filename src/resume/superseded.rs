//! Superseded rows: a newer row of the same customer was delivered in the meantime, so the older row would overwrite the newer
//! row. A resumed run records superseded rows without sending them.

use super::RowPlan;
use super::customer_ids::{CustomerIds, IdKey};
use crate::customer::{Parameter, Update};
use crate::journal::{Marks, Status};
use std::collections::HashMap;

/// A row that would overwrite a newer row of its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupersededRow {
    /// The newest delivered row of the same customer.
    pub by: u64,
    /// Whether newer delivered rows that share an id with this row set every field that this row sets. Then no value of the row
    /// is missing.
    pub is_covered: bool,
    /// The status of its last record.
    status_before: Option<Status>,
}

impl SupersededRow {
    /// The status of its record.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.status_before {
            _ if self.is_covered => Status::Unchanged,
            Some(status @ (Status::Unknown | Status::Rejected)) => status,
            _ => Status::Failed,
        }
    }

    /// The reason not to send the row, and the remedy.
    #[must_use]
    pub fn reason(&self) -> String {
        let by = self.by;
        if self.is_covered {
            return format!(
                "not sent: newer rows of this customer, the last of them row {by}, set all its fields"
            );
        }
        format!(
            "not sent again: it would overwrite row {by}, a newer row of this customer that is in sync. Put values that are \
             still right into a new row at the end of the input"
        )
    }
}

/// Finds superseded rows in passes over the input, in its order. Remembers 32 bytes for each row that is not done
/// and precedes the last row in sync, about 60 bytes for each id, and 144 more for an id with a delivered row. One pass
/// suffices unless rows name both ids: a pair that was passed over may belong to a customer that a later row adds.
pub struct SupersededSearch {
    last_in_sync: u64,
    customers: CustomerIds,
    /// The deliveries by the number of the id.
    deliveries: Vec<IdDeliveries>,
    pending: Vec<PendingRow>,
    /// Whether this pass found too late, or did not check, that two ids belong to one customer.
    has_missed_pair: bool,
    /// Whether this pass found more ids, or found that two ids belong to one customer.
    has_grown: bool,
}

/// The deliveries with one id.
#[derive(Default)]
struct IdDeliveries {
    /// The newest delivered row; 0 if no row was delivered.
    newest: u64,
    /// The newest delivered row that set a field, by parameter.
    set_by: Option<Box<[u64; Parameter::COUNT]>>,
}

/// A row that is not done.
struct PendingRow {
    row: u64,
    ids: [Option<u32>; 2],
    /// The fields that it sets, one bit per parameter.
    fields: u32,
    status_before: Option<Status>,
}

impl SupersededSearch {
    /// Begins a search in an input whose records are in `marks`.
    #[must_use]
    pub fn new(marks: &Marks) -> SupersededSearch {
        SupersededSearch {
            last_in_sync: marks.last_in_sync(),
            customers: CustomerIds::default(),
            deliveries: Vec::new(),
            pending: Vec::new(),
            has_missed_pair: false,
            has_grown: false,
        }
    }

    /// Observes the next row of the input and its plan.
    pub fn observe(&mut self, row: u64, update: &Update, plan: RowPlan, marks: &Marks) {
        let keys = IdKey::of_update(update);
        let is_behind_all_delivered = row > self.last_in_sync;
        if (plan == RowPlan::Skip || is_behind_all_delivered) && !self.customers.contains_any(keys) {
            self.has_missed_pair |= keys.iter().all(Option::is_some);
            return;
        }
        let ids = self.add(keys);
        if is_behind_all_delivered {
            // No delivered row is newer than this row, but its ids may have joined two customers.
            return;
        }
        let status_before = match plan {
            RowPlan::Skip => {
                // A row that is recorded as `unchanged` was superseded itself and set no field.
                let is_delivered = marks.get(row).is_some_and(|mark| mark.status == Status::Updated);
                return self.deliver(row, ids, if is_delivered { fields(update) } else { 0 });
            }
            RowPlan::Retry(status) => Some(status),
            RowPlan::New | RowPlan::Changed => None,
        };
        self.pending.push(PendingRow { row, ids, fields: fields(update), status_before });
    }

    /// Passes over a row that precedes all rows that are not done.
    pub fn pass_over(&mut self, ids: [Option<&str>; 2]) {
        self.has_missed_pair |= ids.iter().all(Option::is_some);
    }

    fn add(&mut self, keys: [Option<IdKey>; 2]) -> [Option<u32>; 2] {
        let (ids, has_grown) = self.customers.add(keys);
        self.deliveries.resize_with(self.customers.count(), IdDeliveries::default);
        self.has_grown |= has_grown;
        // Rows with one of the two ids may have been passed over before.
        self.has_missed_pair |= has_grown && ids.iter().all(Option::is_some);
        ids
    }

    fn deliver(&mut self, row: u64, ids: [Option<u32>; 2], fields: u32) {
        for id in ids.into_iter().flatten() {
            let deliveries = &mut self.deliveries[id as usize];
            deliveries.newest = row;
            let set_by = deliveries.set_by.get_or_insert_default();
            positions(fields).for_each(|field| set_by[field] = row);
        }
    }

    /// Begins another pass if necessary: true if the whole input must be observed again. Only the ids are kept.
    pub fn begin_next_pass(&mut self) -> bool {
        let is_needed = self.has_missed_pair && self.has_grown && !self.pending.is_empty();
        if is_needed {
            self.pending.clear();
            self.deliveries.fill_with(IdDeliveries::default);
            (self.has_missed_pair, self.has_grown) = (false, false);
        }
        is_needed
    }

    /// Ends the search: the superseded rows, by row number.
    #[must_use]
    pub fn finish(mut self) -> HashMap<u64, SupersededRow> {
        let newest = self.newest_by_customer();
        let mut found = HashMap::new();
        for pending in std::mem::take(&mut self.pending) {
            let id = pending.ids.into_iter().flatten().next().expect("a valid update names a customer");
            let by = newest[self.customers.root(id) as usize];
            if by > pending.row {
                let is_covered = self.is_covered(&pending);
                let status_before = pending.status_before;
                found.insert(pending.row, SupersededRow { by, is_covered, status_before });
            }
        }
        found
    }

    /// The newest delivered row of each customer, by the id that represents it.
    fn newest_by_customer(&mut self) -> Vec<u64> {
        let mut newest = vec![0; self.deliveries.len()];
        for (id, deliveries) in (0..).zip(&self.deliveries) {
            let newest: &mut u64 = &mut newest[self.customers.root(id) as usize];
            *newest = deliveries.newest.max(*newest);
        }
        newest
    }

    /// Whether newer delivered rows set all fields of a row. A row that the server rejected must be covered for each of
    /// its ids: its two ids may not belong to one customer.
    fn is_covered(&self, pending: &PendingRow) -> bool {
        let is_set = |id: u32, field: usize| {
            let set_by = &self.deliveries[id as usize].set_by;
            set_by.as_ref().is_some_and(|set_by| set_by[field] > pending.row)
        };
        let ids = pending.ids.iter().flatten().copied();
        let is_rejected = pending.status_before == Some(Status::Rejected);
        positions(pending.fields).all(|field| match is_rejected {
            true => ids.clone().all(|id| is_set(id, field)),
            false => ids.clone().any(|id| is_set(id, field)),
        })
    }
}

/// The positions of the parameters whose bits are set.
fn positions(fields: u32) -> impl Iterator<Item = usize> {
    (0..Parameter::COUNT).filter(move |field| fields & 1 << field != 0)
}

/// The fields that an update sets, one bit per parameter.
fn fields(update: &Update) -> u32 {
    update
        .values()
        .filter(|(parameter, _)| !parameter.is_lookup())
        .fold(0, |set, (parameter, _)| set | 1 << parameter.index())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::{Fingerprint, Parameter, Values};

    fn update(customer: &str, subscription: &str, fields: &[Parameter]) -> Update {
        let mut values = Values::default();
        values.set(Parameter::CustomerId, customer);
        values.set(Parameter::SubscriptionId, subscription);
        fields.iter().for_each(|field| values.set(*field, "x"));
        Update::new(values, &mut Vec::new()).unwrap()
    }

    fn found(rows: &[(Update, RowPlan)]) -> HashMap<u64, SupersededRow> {
        let mut marks = Marks::default();
        for (index, _) in rows.iter().enumerate().filter(|(_, (_, plan))| *plan == RowPlan::Skip) {
            marks.set(index as u64 + 1, Status::Updated, Fingerprint(0));
        }
        let mut search = SupersededSearch::new(&marks);
        for _ in 0..10 {
            for (index, (update, plan)) in rows.iter().enumerate() {
                search.observe(index as u64 + 1, update, *plan, &marks);
            }
            if !search.begin_next_pass() {
                return search.finish();
            }
        }
        panic!("the search never ends")
    }

    const CITY: &[Parameter] = &[Parameter::City];
    const BOTH: &[Parameter] = &[Parameter::City, Parameter::Zip];

    #[test]
    fn an_older_row_is_superseded_by_a_newer_delivered_row() {
        let found = found(&[
            (update("1", "", CITY), RowPlan::Retry(Status::Failed)),
            (update("2", "", CITY), RowPlan::Retry(Status::Failed)),
            (update("1", "", BOTH), RowPlan::Skip),
            (update("1", "", CITY), RowPlan::Retry(Status::Failed)),
            (update("9", "", CITY), RowPlan::Skip),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[&1].by, found[&1].is_covered, found[&1].status()), (3, true, Status::Unchanged));
    }

    #[test]
    fn only_the_very_same_id_is_the_same_customer() {
        for (older, newer) in [("bad7", "BAD7"), ("007", "7"), ("7 ", "7")] {
            let rows = [
                (update(older, "", CITY), RowPlan::Retry(Status::Failed)),
                (update(newer, "", CITY), RowPlan::Skip),
            ];
            assert!(found(&rows).is_empty(), "{older} {newer}");
        }
    }

    #[test]
    fn a_row_is_not_covered_if_newer_rows_leave_one_of_its_fields_alone() {
        let found = found(&[
            (update("1", "", BOTH), RowPlan::Retry(Status::Unknown)),
            (update("1", "", BOTH), RowPlan::Changed),
            (update("1", "", CITY), RowPlan::Skip),
            (update("1", "", CITY), RowPlan::Skip),
        ]);
        assert_eq!((found[&1].by, found[&1].status()), (4, Status::Unknown));
        assert_eq!(found[&2].status(), Status::Failed);
        assert!(found[&1].reason().contains("row 4, a newer row"));
    }

    #[test]
    fn a_row_with_two_ids_is_superseded_by_a_newer_row_with_either() {
        let found = found(&[
            (update("1", "s", CITY), RowPlan::New),
            (update("", "s", CITY), RowPlan::Skip),
            (update("", "t", CITY), RowPlan::Retry(Status::Failed)),
            (update("1", "t", CITY), RowPlan::Skip),
        ]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_row_is_covered_by_rows_that_share_an_id_and_a_rejected_row_must_be_covered_for_both() {
        let (failed, rejected) = (RowPlan::Retry(Status::Failed), RowPlan::Retry(Status::Rejected));
        let found = found(&[
            (update("5", "77", CITY), rejected),
            (update("5", "", CITY), failed),
            (update("5", "77", CITY), failed),
            (update("", "77", CITY), RowPlan::Skip),
        ]);
        let status = |row| found[&row].status();
        assert_eq!((status(1), status(2), status(3)), (Status::Rejected, Status::Failed, Status::Unchanged));
    }

    #[test]
    fn a_row_that_was_superseded_itself_covers_nothing() {
        let mut marks = Marks::default();
        marks.set(2, Status::Unchanged, Fingerprint(0));
        marks.set(3, Status::Updated, Fingerprint(0));
        let mut search = SupersededSearch::new(&marks);
        search.observe(1, &update("", "4", CITY), RowPlan::Retry(Status::Failed), &marks);
        search.observe(2, &update("1", "4", CITY), RowPlan::Skip, &marks);
        search.observe(3, &update("1", "", CITY), RowPlan::Skip, &marks);
        let found = search.finish();
        assert_eq!((found[&1].by, found[&1].status()), (3, Status::Failed));
    }

    #[test]
    fn two_ids_that_a_row_names_together_are_one_customers() {
        let again = RowPlan::Retry(Status::Rejected);
        // Joined by a delivered row, by a pending row, by two rows, and by rows that are all pending.
        for (rows, superseded) in [
            (vec![("5", "", again), ("5", "77", again), ("", "77", RowPlan::Skip)], vec![1, 2]),
            (vec![("", "77", again), ("5", "77", again), ("5", "", RowPlan::Skip)], vec![1, 2]),
            (vec![("5", "", again), ("5", "77", RowPlan::Skip), ("", "77", RowPlan::Skip)], vec![1]),
            (
                vec![
                    ("1", "", again),
                    ("1", "a", again),
                    ("2", "a", again),
                    ("2", "b", again),
                    ("", "b", RowPlan::Skip),
                ],
                vec![1, 2, 3, 4],
            ),
            // Joined only after a newer row of one of the ids was delivered.
            (
                vec![
                    ("5", "", again),
                    ("", "77", again),
                    ("", "77", RowPlan::Skip),
                    ("5", "77", again),
                    ("9", "", RowPlan::Skip),
                ],
                vec![1, 2],
            ),
            (vec![("5", "", again), ("6", "77", again), ("", "77", RowPlan::Skip)], vec![2]),
            // Joined only by a row after all delivered rows.
            (vec![("", "77", again), ("5", "", RowPlan::Skip), ("5", "77", again)], vec![1]),
            // Joined only by rows before the first row that is not done.
            (vec![("5", "77", RowPlan::Skip), ("5", "", again), ("", "77", RowPlan::Skip)], vec![2]),
            (
                vec![
                    ("3", "c", RowPlan::Skip),
                    ("3", "b", RowPlan::Skip),
                    ("2", "b", RowPlan::Skip),
                    ("2", "a", RowPlan::Skip),
                    ("8", "h", RowPlan::Skip),
                    ("", "a", again),
                    ("", "h", again),
                    ("", "c", RowPlan::Skip),
                ],
                vec![6],
            ),
        ] {
            let made: Vec<_> = rows.iter().map(|(c, s, plan)| (update(c, s, CITY), *plan)).collect();
            let mut found: Vec<u64> = found(&made).into_keys().collect();
            found.sort_unstable();
            assert_eq!(found, superseded, "{rows:?}");
        }
    }
}
