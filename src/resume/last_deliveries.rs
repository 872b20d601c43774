//! The update that was last delivered to each customer, by the result files of earlier runs. Needs 16 bytes per id.

use super::id_index::IdIndex;
use crate::customer::Fingerprint;
use crate::journal::{Error, RecordRef, ResultFile, Status, shown_id};
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

/// Entries that are gathered before the entries of one id are merged. Chosen: 16 MiB.
const MIN_BEFORE_MERGE: usize = 1 << 20;

/// Marks an id whose last record failed, so that its update may have been applied or not. A real fingerprint that equals one of
/// these four marks is treated as this mark, and its row is sent.
const UNSETTLED: Fingerprint = Fingerprint(0);

/// Marks an id whose update was not applied, and to which no other update was delivered.
const REFUSED: Fingerprint = Fingerprint(1);

/// Marks an id for which an earlier row of the input is sent.
const SENT: Fingerprint = Fingerprint(2);

/// Marks an id for which an earlier row of the input is sent that differs from the last delivery.
const SENT_AS_ANOTHER: Fingerprint = Fingerprint(3);

fn is_delivered(print: Fingerprint) -> bool {
    ![UNSETTLED, REFUSED, SENT, SENT_AS_ANOTHER].contains(&print)
}

/// The last delivered update by id. A row that names both ids counts for both of them. The key of an id is a 64-bit hash:
/// two ids that share a key are both sent again, because a fingerprint covers the ids of its row and neither id has the
/// other's fingerprint.
#[derive(Debug, Default)]
pub struct LastDeliveries {
    /// Sorted by key after [`LastDeliveries::merge`].
    entries: Vec<(u64, Fingerprint)>,
    /// The number of entries after the last merge.
    merged: usize,
    index: IdIndex,
}

/// The last delivery to a row's customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastDelivery {
    /// The result files do not know the customer.
    Unknown,
    /// The last row of the customer failed.
    Failed,
    /// An earlier row of the input names the customer and is sent.
    Sent {
        /// Whether that row was the first such row, and differed from the last delivery.
        first_was_another: bool,
    },
    /// The last delivery was the same update.
    Same,
    /// The last delivery was another update.
    Another,
}

impl LastDeliveries {
    /// Reads a result file. Of several files the oldest must be read first.
    ///
    /// # Errors
    /// The errors of [`ResultFile::read`].
    pub fn read(&mut self, path: &Path) -> Result<(), Error> {
        let mut records = ResultFile::records(path)?;
        while let Some(record) = records.next_record()? {
            let Some(print) = print_to_remember(&record) else { continue };
            let (customer_id, subscription_id) = (record.customer_id(), record.subscription_id());
            self.entries.extend(keys(&customer_id, &subscription_id).map(|key| (key, print)));
            if self.entries.len() >= self.merged.saturating_mul(2).max(MIN_BEFORE_MERGE) {
                self.merge();
            }
        }
        self.merge();
        self.index = IdIndex::of(self.entries.iter().map(|(key, _)| *key));
        Ok(())
    }

    /// Keeps one entry per id: the last update that may have been applied.
    fn merge(&mut self) {
        self.entries.sort_by_key(|(key, _)| *key);
        self.entries.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            if is_same && later.1 != REFUSED {
                earlier.1 = later.1;
            }
            is_same
        });
        self.merged = self.entries.len();
    }

    fn find(&self, key: u64) -> Option<usize> {
        let range = self.index.range(key);
        let candidates = self.entries.get(range.clone())?;
        candidates.iter().position(|(known, _)| *known == key).map(|index| range.start + index)
    }

    /// Compares the next row of an input, in its order, with the last delivery to its customer. `is_done`: this job has
    /// delivered the row already. A row that will be sent leaves its customer unsettled, because the row may fail: of the rows
    /// A, B, A of one customer, all rows except the first are sent.
    pub fn observe(&mut self, ids: [&str; 2], print: Fingerprint, is_done: bool) -> LastDelivery {
        let [customer_id, subscription_id] = ids.map(shown_id);
        let find = |key| self.find(key);
        let found: [Option<Option<usize>>; 2] = {
            let mut keys = keys(&customer_id, &subscription_id).map(find);
            [keys.next(), keys.next()]
        };
        let print_at = |index: &Option<usize>| index.map(|index| self.entries[index].1);
        let prints = || found.iter().flatten().map(print_at);
        let is_any = |of: &[Fingerprint]| prints().flatten().any(|print| of.contains(&print));
        let last = match () {
            () if is_delivered(print) && prints().all(|last| last == Some(print)) => LastDelivery::Same,
            () if is_any(&[SENT, SENT_AS_ANOTHER]) => {
                LastDelivery::Sent { first_was_another: is_any(&[SENT_AS_ANOTHER]) }
            }
            () if is_any(&[UNSETTLED, REFUSED]) => LastDelivery::Failed,
            () if prints().any(|print| print.is_some()) => LastDelivery::Another,
            () => LastDelivery::Unknown,
        };
        let now = match last {
            _ if is_done => print,
            LastDelivery::Same => print,
            LastDelivery::Another => SENT_AS_ANOTHER,
            LastDelivery::Unknown | LastDelivery::Failed | LastDelivery::Sent { .. } => SENT,
        };
        for index in found.into_iter().flatten().flatten() {
            self.entries[index].1 = now;
        }
        last
    }
}

/// The fingerprint or mark to keep for a record's customer, if any.
fn print_to_remember(record: &RecordRef<'_>) -> Option<Fingerprint> {
    let print = Some(record.fingerprint()).filter(|print| is_delivered(*print)).unwrap_or(UNSETTLED);
    match record.status() {
        Status::Updated => Some(print),
        // A reason means that the row was superseded or had nothing to send: another update was delivered last.
        Status::Unchanged => record.error().is_empty().then_some(print),
        Status::Invalid => Some(REFUSED),
        // The server rejected the only attempt.
        Status::Rejected if record.attempts() <= 1 => Some(REFUSED),
        Status::Rejected | Status::Failed | Status::Unknown => Some(UNSETTLED),
    }
}

/// The key of an id in the form that its record shows, which may be shortened.
fn keys(customer_id: &str, subscription_id: &str) -> impl Iterator<Item = u64> {
    let key = |kind: u8, id: &str| {
        (!id.is_empty()).then(|| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(kind);
            hasher.write(id.as_bytes());
            hasher.finish()
        })
    };
    key(0, customer_id).into_iter().chain(key(1, subscription_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{HEADER, Record};
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::time::{Duration, SystemTime};

    fn record<'id>(ids: [&'id str; 2], status: Status, error: &'id str, print: u64) -> Record<'id> {
        Record {
            row: 1,
            line: 2,
            customer_id: ids[0],
            subscription_id: ids[1],
            status,
            http_status: None,
            attempts: 1,
            duration: Duration::ZERO,
            finished_at: SystemTime::UNIX_EPOCH,
            error,
            fingerprint: Fingerprint(print),
        }
    }

    fn after(records: &[Record<'_>]) -> LastDeliveries {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let mut file = HEADER.as_bytes().to_vec();
        records.iter().for_each(|record| record.write(&mut file));
        std::fs::write(&path, file).unwrap();
        let mut delivered = LastDeliveries::default();
        delivered.read(&path).unwrap();
        delivered
    }

    fn last(records: &[Record<'_>], ids: [&str; 2], print: u64) -> LastDelivery {
        after(records).observe(ids, Fingerprint(print), false)
    }

    #[test]
    fn an_update_is_the_same_only_if_it_was_certainly_delivered_last() {
        use Status::{Failed, Invalid, Rejected, Unchanged, Unknown, Updated};
        let one = ["1", ""];
        for (later, same) in [
            (record(one, Unchanged, "", 8), 8),
            (record(one, Unchanged, "not sent: newer rows", 8), 7),
            (record(one, Invalid, "no", 8), 7),
            (record(one, Rejected, "no", 8), 7),
            (record(["2", ""], Updated, "", 8), 7),
            (record(["", "1"], Updated, "", 8), 7),
            (record(["1", "s"], Updated, "", 8), 8),
            (record(one, Failed, "down", 8), 0),
            (record(one, Unknown, "lost", 8), 0),
            (Record { attempts: 2, ..record(one, Rejected, "no", 8) }, 0),
        ] {
            let records = [record(one, Updated, "", 7), later.clone()];
            let found: Vec<u64> = [7, 8]
                .into_iter()
                .filter(|print| last(&records, one, *print) == LastDelivery::Same)
                .collect();
            assert_eq!(found, if same == 0 { vec![] } else { vec![same] }, "{later:?}");
        }
    }

    #[test]
    fn a_row_with_both_ids_is_the_same_only_if_it_was_the_last_for_both() {
        let both = ["1", "s"];
        let records = [record(both, Status::Updated, "", 7)];
        assert_eq!(last(&records, both, 7), LastDelivery::Same);
        assert_eq!(last(&records, ["1", "t"], 7), LastDelivery::Another);
        let overtaken = [records[0].clone(), record(["", "s"], Status::Updated, "", 8)];
        assert_eq!(last(&overtaken, both, 7), LastDelivery::Another);
        assert_eq!(last(&records, ["2", ""], 7), LastDelivery::Unknown);
    }

    #[test]
    fn an_id_is_found_as_its_record_shows_it() {
        let long = "x".repeat(300);
        for id in ["=1+1", "a,\"b\"", " 7", "a\u{202e}b", "+49", &long] {
            assert_eq!(
                last(&[record([id, ""], Status::Updated, "", 7)], [id, ""], 7),
                LastDelivery::Same,
                "{id}"
            );
        }
    }

    #[test]
    fn an_earlier_row_that_is_sent_makes_later_rows_of_its_customer_sent() {
        let one = ["1", ""];
        let mut delivered = after(&[record(one, Status::Updated, "", 7)]);
        let seen = [7, 8, 7, 7].map(|print| delivered.observe(one, Fingerprint(print), false));
        let sent = |first_was_another| LastDelivery::Sent { first_was_another };
        assert_eq!(seen, [LastDelivery::Same, LastDelivery::Another, sent(true), sent(false)]);
        // A row that this job has delivered counts as delivered.
        let seen = [(8, true), (8, false), (9, false)];
        let seen = seen.map(|(print, is_done)| delivered.observe(one, Fingerprint(print), is_done));
        assert_eq!(seen, [sent(false), LastDelivery::Same, LastDelivery::Another]);
    }

    #[test]
    fn a_customer_whose_last_row_failed_is_known() {
        use Status::{Failed, Invalid, Rejected, Unknown, Updated};
        let one = ["1", ""];
        for status in [Failed, Invalid, Rejected, Unknown] {
            assert_eq!(last(&[record(one, status, "no", 8)], one, 8), LastDelivery::Failed, "{status}");
        }
        assert_eq!(last(&[record(one, Updated, "", 8)], ["2", ""], 8), LastDelivery::Unknown);
        assert_eq!(last(&[record(one, Failed, "no", 8)], ["1", "new"], 8), LastDelivery::Failed);
    }

    #[test]
    fn a_row_whose_fingerprint_equals_a_mark_is_sent() {
        let one = ["1", ""];
        for print in [UNSETTLED, REFUSED, SENT, SENT_AS_ANOTHER] {
            let records = [7, print.0].map(|print| record(one, Status::Updated, "", print));
            assert_eq!([7, print.0].map(|print| last(&records, one, print)), [LastDelivery::Failed; 2]);
        }
    }

    proptest! {
        /// Compared with a simple simulation in which sending may fail: a row is not sent only if its customer has its update.
        #[test]
        fn every_customer_ends_with_its_last_row(
            earlier in proptest::collection::vec((0_u8..4, 7_u64..10), 0..12),
            input in proptest::collection::vec((0_u8..4, 7_u64..10, proptest::bool::weighted(0.8)), 0..16),
        ) {
            let names: Vec<String> = (0..4).map(|id| id.to_string()).collect();
            let records: Vec<_> = earlier.iter()
                .map(|(id, print)| record([&names[*id as usize], ""], Status::Updated, "", *print)).collect();
            let mut delivered = after(&records);
            let mut customers: HashMap<u8, u64> = earlier.iter().copied().collect();
            for (id, print, gets_through) in &input {
                match delivered.observe([&names[*id as usize], ""], Fingerprint(*print), false) {
                    LastDelivery::Same => prop_assert_eq!(customers.get(id), Some(print)),
                    _ if *gets_through => drop(customers.insert(*id, *print)),
                    _ => {}
                }
            }
            if input.iter().all(|(_, _, gets_through)| *gets_through) {
                let rows = input.iter().map(|(id, print, _)| (*id, *print));
                prop_assert_eq!(customers, earlier.iter().copied().chain(rows).collect::<HashMap<_, _>>());
            }
        }
    }
}
