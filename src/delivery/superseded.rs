//! Rows that a resumed run must not send any more: a newer row of the same customer was delivered in the
//! meantime, and the older one would overwrite it.

use super::lanes::{KeyMaker, Keys};
use crate::customer::{Parameter, Update};
use crate::journal::{Doing, Marks, Status};
use std::collections::HashMap;

/// A row that a newer one has overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded {
    /// The newest delivered row of the same customer.
    pub by: u64,
    /// Whether newer delivered rows set every field that this one would: then nothing of it is missing.
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
            "not sent again: row {by} is a newer row of this customer and was delivered, this one would overwrite \
             it. What is still right of it belongs into a new row at the end of the input"
        )
    }
}

/// Finds superseded rows in one pass over the input, in its order. Remembers only rows that are not done and
/// stand before the last row in sync, some sixty bytes each, and the ids of later rows that name one of theirs.
pub struct Supersession {
    keys: KeyMaker,
    last_in_sync: u64,
    /// Which customer is named by a key.
    named: HashMap<u64, u32>,
    /// The customers of pending rows. Two that a row names together are one: the later number leads to the other.
    customers: Vec<Customer>,
    rows: Vec<Pending>,
}

enum Customer {
    /// With what was delivered since its first pending row.
    Known(Option<Box<Delivered>>),
    /// The same as this one.
    SameAs(u32),
}

/// The newest row that was delivered of a customer; 0 is none.
#[derive(Default)]
struct Delivered {
    row: u64,
    /// The newest that set a field, by parameter.
    fields: [u64; Parameter::COUNT],
}

/// A row that is not done.
struct Pending {
    row: u64,
    customer: u32,
    /// The fields that it would set, one bit a parameter.
    fields: u32,
    before: Option<Status>,
}

impl Supersession {
    /// Over an input whose records are in `marks`.
    #[must_use]
    pub fn new(marks: &Marks) -> Supersession {
        Supersession {
            keys: KeyMaker::default(),
            last_in_sync: marks.last_in_sync(),
            named: HashMap::new(),
            customers: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Looks at the next row of the input and at what there is to do with it.
    pub fn see(&mut self, row: u64, update: &Update, doing: Doing) {
        if row > self.last_in_sync {
            return;
        }
        let before = match doing {
            Doing::Skip => return self.overtake(row, update),
            Doing::Again(status) => Some(status),
            Doing::New | Doing::Changed => None,
        };
        let keys = self.keys.exact_keys(update);
        // More than four thousand million customers are beyond what is kept apart.
        let Ok(new) = u32::try_from(self.customers.len()) else { return };
        let customer = self.join(keys).unwrap_or_else(|| {
            self.customers.push(Customer::Known(None));
            new
        });
        self.named.extend(keys.iter().map(|key| (key, customer)));
        self.rows.push(Pending { row, customer, fields: fields(update), before });
    }

    fn overtake(&mut self, row: u64, update: &Update) {
        let keys = self.keys.exact_keys(update);
        let Some(customer) = self.join(keys) else { return };
        self.named.extend(keys.iter().map(|key| (key, customer)));
        if let Some(Customer::Known(delivered)) = self.customers.get_mut(customer as usize) {
            let delivered = delivered.get_or_insert_default();
            delivered.row = row;
            each(fields(update)).for_each(|field| delivered.fields[field] = row);
        }
    }

    /// The one customer that the keys of a row name, if they name a known one: where they named two, these are now one.
    fn join(&mut self, keys: Keys) -> Option<u32> {
        let mut named = keys.iter().filter_map(|key| self.named.get(&key).copied());
        let (first, second) = (named.next()?, named.next());
        let first = self.same_as(first);
        let Some(second) = second.map(|second| self.same_as(second)).filter(|second| *second != first) else {
            return Some(first);
        };
        let (one, other) = (first.min(second), first.max(second));
        let gone = std::mem::replace(&mut self.customers[other as usize], Customer::SameAs(one));
        if let (Customer::Known(Some(gone)), Customer::Known(kept)) =
            (gone, &mut self.customers[one as usize])
        {
            kept.get_or_insert_default().add(&gone);
        }
        Some(one)
    }

    /// The number under which a customer is known, found quicker the next time.
    fn same_as(&mut self, customer: u32) -> u32 {
        let mut known = customer;
        while let Customer::SameAs(other) = self.customers[known as usize] {
            known = other;
        }
        let mut customer = customer;
        while let Customer::SameAs(other) = &mut self.customers[customer as usize] {
            customer = std::mem::replace(other, known);
        }
        known
    }

    /// The superseded rows, by row number.
    #[must_use]
    pub fn found(mut self) -> HashMap<u64, Superseded> {
        let rows = std::mem::take(&mut self.rows);
        let superseded = rows.into_iter().filter_map(|Pending { row, customer, fields, before }| {
            let customer = self.same_as(customer);
            let Customer::Known(Some(delivered)) = &self.customers[customer as usize] else {
                return None;
            };
            let is_covered = each(fields).all(|field| delivered.fields[field] > row);
            (delivered.row > row).then_some((row, Superseded { by: delivered.row, is_covered, before }))
        });
        superseded.collect()
    }
}

impl Delivered {
    fn add(&mut self, other: &Delivered) {
        self.row = self.row.max(other.row);
        let fields = self.fields.iter_mut().zip(other.fields);
        fields.for_each(|(row, other)| *row = (*row).max(other));
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
        let last = rows.iter().rposition(|(_, doing)| *doing == Doing::Skip).unwrap_or(0) as u64 + 1;
        marks.set(last, Status::Updated, Fingerprint(0));
        let mut supersession = Supersession::new(&marks);
        for (index, (update, doing)) in rows.iter().enumerate() {
            supersession.see(index as u64 + 1, update, *doing);
        }
        supersession.found()
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
        ] {
            let made: Vec<_> = rows.iter().map(|(c, s, doing)| (update(c, s, CITY), *doing)).collect();
            let mut found: Vec<u64> = found(&made).into_keys().collect();
            found.sort_unstable();
            assert_eq!(found, superseded, "{rows:?}");
        }
    }
}
