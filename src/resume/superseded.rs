//! Rows that a resumed run must not send any more: a newer row of the same customer was delivered in the
//! meantime, and the older one would overwrite it.

use super::lane_keys::{Keys, LaneKeys};
use super::workload::Doing;
use crate::customer::{Parameter, Update};
use crate::journal::{Marks, Status};
use std::collections::HashMap;

/// A row that a newer one has overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded {
    /// The newest delivered row of the same customer.
    pub by: u64,
    /// Whether newer delivered rows with an id of this one set every field that it would: then nothing of it is missing.
    pub is_covered: bool,
    /// What became of the row before.
    before: Option<Status>,
}

impl Superseded {
    /// What the row is recorded as.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.before {
            _ if self.is_covered => Status::Unchanged,
            Some(status @ (Status::Unknown | Status::Rejected)) => status,
            _ => Status::Failed,
        }
    }

    /// Why, and what to do.
    #[must_use]
    pub fn reason(&self) -> String {
        let by = self.by;
        if self.is_covered {
            return format!(
                "not sent: newer rows of this customer, the last of them row {by}, set all its fields"
            );
        }
        format!(
            "not sent again: row {by} is a newer row of this customer and is in sync, this one would overwrite \
             it. What is still right of it belongs into a new row at the end of the input"
        )
    }
}

/// Finds superseded rows in passes over the input, in its order. Remembers rows that are not done and stand before the
/// last row in sync, some eighty bytes each, and the ids of rows that name one of theirs. Mostly one pass does; where rows
/// name both ids, those before the first row of a customer that is not done join ids, too, and it takes another.
pub struct Supersession {
    keys: LaneKeys,
    last_in_sync: u64,
    /// Where the id is that has a key.
    places: HashMap<u64, u32>,
    ids: Vec<Id>,
    rows: Vec<Pending>,
    /// Whether a row of this pass named two ids, neither of which was known.
    is_missing: bool,
    /// Whether this pass has found more ids, or that two are one customer's.
    has_grown: bool,
}

/// An id of a customer of a row that is not done.
struct Id {
    /// Another one of the same customer, or this one.
    same_as: u32,
    /// The newest delivered row of the customer; known of the id that is the same as itself. 0 is none.
    newest: u64,
    /// The newest delivered row with this very id that set a field, by parameter.
    set_by: Option<Box<[u64; Parameter::COUNT]>>,
}

/// A row that is not done.
struct Pending {
    row: u64,
    id: u32,
    other_id: Option<u32>,
    /// The fields that it would set, one bit a parameter.
    fields: u32,
    before: Option<Status>,
}

impl Supersession {
    /// Over an input whose records are in `marks`.
    #[must_use]
    pub fn new(marks: &Marks) -> Supersession {
        Supersession {
            keys: LaneKeys::default(),
            last_in_sync: marks.last_in_sync(),
            places: HashMap::new(),
            ids: Vec::new(),
            rows: Vec::new(),
            is_missing: false,
            has_grown: false,
        }
    }

    /// Looks at the next row of the input and at what there is to do with it.
    pub fn see(&mut self, row: u64, update: &Update, doing: Doing, marks: &Marks) {
        let keys = self.keys.exact_keys(update);
        let is_known = keys.iter().any(|key| self.places.contains_key(&key));
        if !is_known && (doing == Doing::Skip || row > self.last_in_sync) {
            self.is_missing |= keys.iter().count() > 1;
            return;
        }
        if row > self.last_in_sync {
            // It may join two ids, no more.
            self.known(keys);
            return;
        }
        let before = match doing {
            Doing::Skip => {
                // One that was itself overtaken set nothing.
                let is_delivered = marks.get(row).is_some_and(|mark| mark.status == Status::Updated);
                return self.overtake(row, keys, if is_delivered { fields(update) } else { 0 });
            }
            Doing::Again(status) => Some(status),
            Doing::New | Doing::Changed => None,
        };
        let Some((id, other_id)) = self.known(keys) else { return };
        self.rows.push(Pending { row, id, other_id, fields: fields(update), before });
    }

    /// Passes over a row before any that is not done, by its ids.
    pub fn pass_over(&mut self, ids: [Option<&str>; 2]) {
        self.is_missing |= ids.iter().all(Option::is_some);
    }

    fn overtake(&mut self, row: u64, keys: Keys, fields: u32) {
        let Some((id, other_id)) = self.known(keys) else { return };
        for id in std::iter::once(id).chain(other_id) {
            let set_by = self.ids[id as usize].set_by.get_or_insert_default();
            each(fields).for_each(|field| set_by[field] = row);
        }
        let customer = self.customer(id);
        self.ids[customer as usize].newest = row;
    }

    /// The ids of a row, which are one customer's, from now on known if they were not. More than four thousand million
    /// are beyond what is kept apart.
    fn known(&mut self, keys: Keys) -> Option<(u32, Option<u32>)> {
        let mut places = [None; 2];
        let mut has_grown = false;
        for (place, key) in places.iter_mut().zip(keys.iter()) {
            let new = u32::try_from(self.ids.len()).ok()?;
            *place = Some(*self.places.entry(key).or_insert(new));
            if *place == Some(new) {
                self.ids.push(Id { same_as: new, newest: 0, set_by: None });
                has_grown = true;
            }
        }
        let [id, other_id] = places;
        if let (Some(id), Some(other_id)) = (id, other_id) {
            let (one, other) = (self.customer(id), self.customer(other_id));
            if one != other {
                self.ids[other as usize].same_as = one;
                self.ids[one as usize].newest =
                    self.ids[one as usize].newest.max(self.ids[other as usize].newest);
                has_grown = true;
            }
            // Rows with the other id have been passed over.
            self.is_missing |= has_grown;
        }
        self.has_grown |= has_grown;
        Some((id?, other_id))
    }

    /// The id under which a customer is known, found quicker the next time.
    fn customer(&mut self, id: u32) -> u32 {
        let mut customer = id;
        while self.ids[customer as usize].same_as != customer {
            customer = self.ids[customer as usize].same_as;
        }
        let mut id = id;
        while id != customer {
            id = std::mem::replace(&mut self.ids[id as usize].same_as, customer);
        }
        customer
    }

    /// Whether the whole input must be seen once more; it is forgotten then, but for the ids.
    pub fn looks_again(&mut self) -> bool {
        let looks_again = self.is_missing && self.has_grown && !self.rows.is_empty();
        if looks_again {
            self.rows.clear();
            self.ids.iter_mut().for_each(|id| (id.newest, id.set_by) = (0, None));
            (self.is_missing, self.has_grown) = (false, false);
        }
        looks_again
    }

    /// The superseded rows, by row number.
    #[must_use]
    pub fn found(mut self) -> HashMap<u64, Superseded> {
        let rows = std::mem::take(&mut self.rows);
        let superseded = rows.into_iter().filter_map(|pending| {
            let customer = self.customer(pending.id);
            let by = self.ids[customer as usize].newest;
            let superseded = Superseded { by, is_covered: self.is_covered(&pending), before: pending.before };
            (by > pending.row).then_some((pending.row, superseded))
        });
        superseded.collect()
    }

    /// Whether nothing is missing of a row. Of one that was refused, for either id: they may not belong together.
    fn is_covered(&self, pending: &Pending) -> bool {
        let ids = || std::iter::once(pending.id).chain(pending.other_id);
        let is_set = |id: u32, field: usize| {
            self.ids[id as usize].set_by.as_ref().is_some_and(|set_by| set_by[field] > pending.row)
        };
        let is_refused = pending.before == Some(Status::Rejected);
        each(pending.fields).all(|field| match is_refused {
            true => ids().all(|id| is_set(id, field)),
            false => ids().any(|id| is_set(id, field)),
        })
    }
}

/// Which parameters these bits are.
fn each(fields: u32) -> impl Iterator<Item = usize> {
    (0..Parameter::COUNT).filter(move |field| fields & 1 << field != 0)
}

fn fields(update: &Update) -> u32 {
    update
        .values()
        .filter(|(parameter, _)| !parameter.is_lookup())
        .fold(0, |set, (parameter, _)| set | 1 << parameter.index())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::{Fingerprint, Parameter, UpdateBuilder};

    fn update(customer: &str, subscription: &str, fields: &[Parameter]) -> Update {
        let mut builder = UpdateBuilder::default();
        builder.set(Parameter::CustomerId, customer.as_bytes());
        builder.set(Parameter::SubscriptionId, subscription.as_bytes());
        fields.iter().for_each(|field| builder.set(*field, b"x"));
        builder.build().unwrap()
    }

    fn found(rows: &[(Update, Doing)]) -> HashMap<u64, Superseded> {
        let mut marks = Marks::default();
        for (index, _) in rows.iter().enumerate().filter(|(_, (_, doing))| *doing == Doing::Skip) {
            marks.set(index as u64 + 1, Status::Updated, Fingerprint(0));
        }
        let mut supersession = Supersession::new(&marks);
        for _ in 0..10 {
            for (index, (update, doing)) in rows.iter().enumerate() {
                supersession.see(index as u64 + 1, update, *doing, &marks);
            }
            if !supersession.looks_again() {
                return supersession.found();
            }
        }
        panic!("it never ends")
    }

    const CITY: &[Parameter] = &[Parameter::City];
    const BOTH: &[Parameter] = &[Parameter::City, Parameter::Zip];

    #[test]
    fn an_older_row_is_superseded_by_a_newer_delivered_one() {
        let found = found(&[
            (update("1", "", CITY), Doing::Again(Status::Failed)),
            (update("2", "", CITY), Doing::Again(Status::Failed)),
            (update("1", "", BOTH), Doing::Skip),
            (update("1", "", CITY), Doing::Again(Status::Failed)),
            (update("9", "", CITY), Doing::Skip),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[&1].by, found[&1].is_covered, found[&1].status()), (3, true, Status::Unchanged));
    }

    #[test]
    fn only_the_very_same_id_is_the_same_customer() {
        for (older, newer) in [("bad7", "BAD7"), ("007", "7"), ("7 ", "7")] {
            let rows = [
                (update(older, "", CITY), Doing::Again(Status::Failed)),
                (update(newer, "", CITY), Doing::Skip),
            ];
            assert!(found(&rows).is_empty(), "{older} {newer}");
        }
    }

    #[test]
    fn what_newer_rows_do_not_set_is_still_missing() {
        let found = found(&[
            (update("1", "", BOTH), Doing::Again(Status::Unknown)),
            (update("1", "", BOTH), Doing::Changed),
            (update("1", "", CITY), Doing::Skip),
            (update("1", "", CITY), Doing::Skip),
        ]);
        assert_eq!((found[&1].by, found[&1].status()), (4, Status::Unknown));
        assert_eq!(found[&2].status(), Status::Failed);
        assert!(found[&1].reason().contains("row 4 is a newer row"));
    }

    #[test]
    fn either_id_of_a_row_with_both_counts() {
        let found = found(&[
            (update("1", "s", CITY), Doing::New),
            (update("", "s", CITY), Doing::Skip),
            (update("", "t", CITY), Doing::Again(Status::Failed)),
            (update("1", "t", CITY), Doing::Skip),
        ]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn only_a_row_of_the_same_id_covers_another_and_of_a_refused_one_both_must_be_covered() {
        let (failed, rejected) = (Doing::Again(Status::Failed), Doing::Again(Status::Rejected));
        let found = found(&[
            (update("5", "77", CITY), rejected),
            (update("5", "", CITY), failed),
            (update("5", "77", CITY), failed),
            (update("", "77", CITY), Doing::Skip),
        ]);
        let status = |row| found[&row].status();
        assert_eq!((status(1), status(2), status(3)), (Status::Rejected, Status::Failed, Status::Unchanged));
    }

    #[test]
    fn what_was_overtaken_itself_covers_nothing() {
        let mut marks = Marks::default();
        marks.set(2, Status::Unchanged, Fingerprint(0));
        marks.set(3, Status::Updated, Fingerprint(0));
        let mut supersession = Supersession::new(&marks);
        supersession.see(1, &update("", "4", CITY), Doing::Again(Status::Failed), &marks);
        supersession.see(2, &update("1", "4", CITY), Doing::Skip, &marks);
        supersession.see(3, &update("1", "", CITY), Doing::Skip, &marks);
        let found = supersession.found();
        assert_eq!((found[&1].by, found[&1].status()), (3, Status::Failed));
    }

    #[test]
    fn ids_that_a_row_names_together_are_one_customers() {
        let again = Doing::Again(Status::Rejected);
        // Joined by a row that was sent and by one that was not, over two rows, and by rows of which each is pending.
        for (rows, superseded) in [
            (vec![("5", "", again), ("5", "77", again), ("", "77", Doing::Skip)], vec![1, 2]),
            (vec![("", "77", again), ("5", "77", again), ("5", "", Doing::Skip)], vec![1, 2]),
            (vec![("5", "", again), ("5", "77", Doing::Skip), ("", "77", Doing::Skip)], vec![1]),
            (
                vec![
                    ("1", "", again),
                    ("1", "a", again),
                    ("2", "a", again),
                    ("2", "b", again),
                    ("", "b", Doing::Skip),
                ],
                vec![1, 2, 3, 4],
            ),
            // Joined only when a newer row of one of them was delivered.
            (
                vec![
                    ("5", "", again),
                    ("", "77", again),
                    ("", "77", Doing::Skip),
                    ("5", "77", again),
                    ("9", "", Doing::Skip),
                ],
                vec![1, 2],
            ),
            (vec![("5", "", again), ("6", "77", again), ("", "77", Doing::Skip)], vec![2]),
            // Joined only by a row behind all that were delivered.
            (vec![("", "77", again), ("5", "", Doing::Skip), ("5", "77", again)], vec![1]),
            // Joined only before the first that is not done, over several rows.
            (vec![("5", "77", Doing::Skip), ("5", "", again), ("", "77", Doing::Skip)], vec![2]),
            (
                vec![
                    ("3", "c", Doing::Skip),
                    ("3", "b", Doing::Skip),
                    ("2", "b", Doing::Skip),
                    ("2", "a", Doing::Skip),
                    ("8", "h", Doing::Skip),
                    ("", "a", again),
                    ("", "h", again),
                    ("", "c", Doing::Skip),
                ],
                vec![6],
            ),
        ] {
            let made: Vec<_> = rows.iter().map(|(c, s, doing)| (update(c, s, CITY), *doing)).collect();
            let mut found: Vec<u64> = found(&made).into_keys().collect();
            found.sort_unstable();
            assert_eq!(found, superseded, "{rows:?}");
        }
    }
}
