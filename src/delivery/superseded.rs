//! Rows that a resumed run must not send any more: a newer row of the same customer was delivered in the
//! meantime, and the older one would overwrite it.

use super::lanes::KeyMaker;
use crate::customer::Update;
use crate::journal::{Doing, Marks, Status};
use std::collections::HashMap;
use std::num::NonZeroU32;

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
/// stand before the last row in sync, some sixty bytes each.
pub struct Supersession {
    keys: KeyMaker,
    last_in_sync: u64,
    /// Each lane's last link.
    lanes: HashMap<u64, u32>,
    /// The pending rows of a lane, each leading to the one before it.
    links: Vec<Link>,
    rows: Vec<Pending>,
}

struct Link {
    row: u32,
    previous: Option<NonZeroU32>,
}

/// A row that is not done.
struct Pending {
    row: u64,
    /// The newest delivered row of its customer; 0 if there is none.
    by: u64,
    /// The fields of the row that no newer delivered row has set, one bit a parameter.
    missing: u32,
    before: Option<Status>,
}

impl Supersession {
    /// Over an input whose records are in `marks`.
    #[must_use]
    pub fn new(marks: &Marks) -> Supersession {
        Supersession {
            keys: KeyMaker::default(),
            last_in_sync: marks.last_in_sync(),
            lanes: HashMap::new(),
            // Links are counted from 1.
            links: vec![Link { row: 0, previous: None }],
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
        for key in self.keys.exact_keys(update).iter() {
            // More than four thousand million rows that are not done are beyond what is kept apart.
            let (Ok(index), Ok(link)) = (u32::try_from(self.rows.len()), u32::try_from(self.links.len()))
            else {
                return;
            };
            let previous = self.lanes.insert(key, link).and_then(NonZeroU32::new);
            self.links.push(Link { row: index, previous });
        }
        self.rows.push(Pending { row, by: 0, missing: fields(update), before });
    }

    fn overtake(&mut self, row: u64, update: &Update) {
        let set = fields(update);
        for key in self.keys.exact_keys(update).iter() {
            let mut link = self.lanes.get(&key).copied();
            while let Some(Link { row: index, previous }) =
                link.and_then(|link| self.links.get(link as usize))
            {
                if let Some(pending) = self.rows.get_mut(*index as usize) {
                    pending.missing &= !set;
                    pending.by = row;
                }
                link = previous.map(NonZeroU32::get);
            }
        }
    }

    /// The superseded rows, by row number.
    #[must_use]
    pub fn found(self) -> HashMap<u64, Superseded> {
        let superseded = self.rows.into_iter().filter(|pending| pending.by > 0);
        superseded
            .map(|Pending { row, by, missing, before }| {
                (row, Superseded { by, is_covered: missing == 0, before })
            })
            .collect()
    }
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
}
