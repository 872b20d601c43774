//! What was last delivered to each customer, by the result files of earlier runs: sixteen bytes an id, sorted, so
//! that a million customers take no more than that.

use crate::customer::Fingerprint;
use crate::journal::{Error, RecordRef, ResultFile, Status, shown_id};
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::path::Path;

/// So many entries are gathered before those of one id are made one.
const GATHERED: usize = 1 << 20;

/// Stands for an update of which nobody knows whether it was applied: the record says that it failed. A fingerprint that
/// happens to equal this or one of the next three is treated as this one and its row sent, which is safe.
const UNSETTLED: Fingerprint = Fingerprint(0);

/// Stands for an update that was not applied, of a customer to whom no other one was delivered.
const REFUSED: Fingerprint = Fingerprint(1);

/// Stands for an update that an earlier row of the input sends.
const SENT: Fingerprint = Fingerprint(2);

/// The same of a row that was found to be another than the one delivered last.
const SENT_AS_ANOTHER: Fingerprint = Fingerprint(3);

fn is_delivered(last: Fingerprint) -> bool {
    ![UNSETTLED, REFUSED, SENT, SENT_AS_ANOTHER].contains(&last)
}

/// The last delivered update by id. A row that names both ids counts for both of them. A hash stands for an id: two
/// ids that share one are both sent again, as neither has the other's fingerprint.
#[derive(Debug, Default)]
pub struct Delivered {
    /// In the order of ids once [`Delivered::settle`] was called.
    entries: Vec<(u64, Fingerprint)>,
    gathered: usize,
    index: Index,
}

/// Where to look for a key among others in their order. Keys are hashes and lie evenly, so that a look here leaves a
/// handful; halving all of them would look at a new place of memory twenty times.
#[derive(Debug)]
struct Index {
    /// Where those begin of which the first bits are this number or more; one more than there are such numbers.
    starts: Vec<usize>,
    /// How many bits of a key are not looked at.
    rest: u32,
}

/// So many keys share their first bits, about.
const TOGETHER: usize = 8;

impl Default for Index {
    /// Of no keys.
    fn default() -> Index {
        Index::of(std::iter::empty())
    }
}

impl Index {
    fn of(keys: impl ExactSizeIterator<Item = u64>) -> Index {
        let bits = (keys.len() / TOGETHER).max(2).ilog2();
        let rest = u64::BITS - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        keys.for_each(|key| starts[(key >> rest) as usize + 1] += 1);
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Index { starts, rest }
    }

    /// Where this key is, if it is there.
    fn range(&self, key: u64) -> Range<usize> {
        let first = (key >> self.rest) as usize;
        self.starts[first]..self.starts[first + 1]
    }
}

/// What is known of a row's customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// The result files do not know the customer.
    Unknown,
    /// Its last row did not make it.
    Failed,
    /// An earlier row of the input names the customer and is sent.
    Sent {
        /// Whether that was the first such row, and found to be another one than the one delivered last.
        first_was_another: bool,
    },
    /// This very update was the last one.
    Same,
    /// Another one was.
    Another,
}

impl Delivered {
    /// Reads a result file, the oldest first if there are several.
    ///
    /// # Errors
    /// As [`ResultFile::read`].
    pub fn read(&mut self, path: &Path, open_rows: u64) -> Result<(), Error> {
        let mut records = ResultFile::records(path, open_rows)?;
        while let Some(record) = records.next_record()? {
            let Some(print) = delivered(&record) else { continue };
            let (customer_id, subscription_id) = (record.customer_id(), record.subscription_id());
            self.entries.extend(keys(&customer_id, &subscription_id).map(|key| (key, print)));
            if self.entries.len() >= self.gathered.saturating_mul(2).max(GATHERED) {
                self.settle();
            }
        }
        self.settle();
        self.index = Index::of(self.entries.iter().map(|(key, _)| *key));
        Ok(())
    }

    /// Makes the entries of an id one: the last of those that may have been applied.
    fn settle(&mut self) {
        self.entries.sort_by_key(|(key, _)| *key);
        self.entries.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            if is_same && later.1 != REFUSED {
                earlier.1 = later.1;
            }
            is_same
        });
        self.gathered = self.entries.len();
    }

    fn find(&self, key: u64) -> Option<usize> {
        let range = self.index.range(key);
        let among = self.entries.get(range.clone())?;
        among.iter().position(|(known, _)| *known == key).map(|index| range.start + index)
    }

    /// What is known of the customer of the next row of an input, in its order, before that row is dealt with.
    /// `is_done`: this job has delivered it already. A row that is to be sent leaves its customer unsettled, as
    /// nobody knows yet whether it gets through: of A, B, A all but the first are sent.
    pub fn see(&mut self, ids: [&str; 2], print: Fingerprint, is_done: bool) -> Last {
        let [customer_id, subscription_id] = ids.map(shown_id);
        let find = |key| self.find(key);
        let found: [Option<Option<usize>>; 2] = {
            let mut keys = keys(&customer_id, &subscription_id).map(find);
            [keys.next(), keys.next()]
        };
        let last = |index: &Option<usize>| index.map(|index| self.entries[index].1);
        let lasts = || found.iter().flatten().map(last);
        let is_any = |of: &[Fingerprint]| lasts().flatten().any(|last| of.contains(&last));
        let last = match () {
            () if is_delivered(print) && lasts().all(|last| last == Some(print)) => Last::Same,
            () if is_any(&[SENT, SENT_AS_ANOTHER]) => {
                Last::Sent { first_was_another: is_any(&[SENT_AS_ANOTHER]) }
            }
            () if is_any(&[UNSETTLED, REFUSED]) => Last::Failed,
            () if lasts().any(|last| last.is_some()) => Last::Another,
            () => Last::Unknown,
        };
        let now = match last {
            _ if is_done => print,
            Last::Same => print,
            Last::Another => SENT_AS_ANOTHER,
            Last::Unknown | Last::Failed | Last::Sent { .. } => SENT,
        };
        for index in found.into_iter().flatten().flatten() {
            self.entries[index].1 = now;
        }
        last
    }
}

/// What a record tells of its customer, if anything is to be remembered of it.
fn delivered(record: &RecordRef<'_>) -> Option<Fingerprint> {
    let print = Some(record.fingerprint()).filter(|print| is_delivered(*print)).unwrap_or(UNSETTLED);
    match record.status() {
        Status::Updated => Some(print),
        // With a reason, it was overtaken or had nothing to send: another update is the last one.
        Status::Unchanged => record.error().is_empty().then_some(print),
        Status::Invalid => Some(REFUSED),
        // The server said no to the only attempt there was.
        Status::Rejected if record.attempts() <= 1 => Some(REFUSED),
        Status::Rejected | Status::Failed | Status::Unknown => Some(UNSETTLED),
    }
}

/// One key an id, by the id as its record shows it.
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
    use crate::journal::{HEADER, Record, Timestamps};
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
            finished_at: Timestamps::default().at(SystemTime::UNIX_EPOCH),
            error,
            fingerprint: Fingerprint(print),
        }
    }

    fn after(records: &[Record<'_>]) -> Delivered {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let mut file = HEADER.as_bytes().to_vec();
        records.iter().for_each(|record| record.write(&mut file));
        std::fs::write(&path, file).unwrap();
        let mut delivered = Delivered::default();
        delivered.read(&path, 64).unwrap();
        delivered
    }

    fn last(records: &[Record<'_>], ids: [&str; 2], print: u64) -> Last {
        after(records).see(ids, Fingerprint(print), false)
    }

    #[test]
    fn only_what_is_certainly_the_last_one_is_the_same() {
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
            let found: Vec<u64> =
                [7, 8].into_iter().filter(|print| last(&records, one, *print) == Last::Same).collect();
            assert_eq!(found, if same == 0 { vec![] } else { vec![same] }, "{later:?}");
        }
    }

    #[test]
    fn a_row_with_both_ids_is_the_same_only_if_it_was_the_last_for_both() {
        let both = ["1", "s"];
        let records = [record(both, Status::Updated, "", 7)];
        assert_eq!(last(&records, both, 7), Last::Same);
        assert_eq!(last(&records, ["1", "t"], 7), Last::Another);
        let overtaken = [records[0].clone(), record(["", "s"], Status::Updated, "", 8)];
        assert_eq!(last(&overtaken, both, 7), Last::Another);
        assert_eq!(last(&records, ["2", ""], 7), Last::Unknown);
    }

    #[test]
    fn an_id_is_known_as_its_record_shows_it() {
        let long = "x".repeat(300);
        for id in ["=1+1", "a,\"b\"", " 7", "a\u{202e}b", "+49", &long] {
            assert_eq!(last(&[record([id, ""], Status::Updated, "", 7)], [id, ""], 7), Last::Same, "{id}");
        }
    }

    #[test]
    fn rows_of_one_customer_keep_their_meaning() {
        let one = ["1", ""];
        let mut delivered = after(&[record(one, Status::Updated, "", 7)]);
        let seen = [7, 8, 7, 7].map(|print| delivered.see(one, Fingerprint(print), false));
        let sent = |first_was_another| Last::Sent { first_was_another };
        assert_eq!(seen, [Last::Same, Last::Another, sent(true), sent(false)]);
        // What this job has delivered counts.
        let seen = [(8, true), (8, false), (9, false)];
        let seen = seen.map(|(print, is_done)| delivered.see(one, Fingerprint(print), is_done));
        assert_eq!(seen, [sent(false), Last::Same, Last::Another]);
    }

    #[test]
    fn a_customer_whose_last_row_did_not_make_it_is_no_unknown_one() {
        use Status::{Failed, Invalid, Rejected, Unknown, Updated};
        let one = ["1", ""];
        for status in [Failed, Invalid, Rejected, Unknown] {
            assert_eq!(last(&[record(one, status, "no", 8)], one, 8), Last::Failed, "{status}");
        }
        assert_eq!(last(&[record(one, Updated, "", 8)], ["2", ""], 8), Last::Unknown);
        assert_eq!(last(&[record(one, Failed, "no", 8)], ["1", "new"], 8), Last::Failed);
    }

    /// Those that stand for something else.
    #[test]
    fn a_row_with_a_reserved_fingerprint_is_sent() {
        let one = ["1", ""];
        for print in [UNSETTLED, REFUSED, SENT, SENT_AS_ANOTHER] {
            let records = [7, print.0].map(|print| record(one, Status::Updated, "", print));
            assert_eq!([7, print.0].map(|print| last(&records, one, print)), [Last::Failed; 2]);
        }
    }

    proptest! {
        /// Few or many, the lowest and the highest among them.
        #[test]
        fn a_key_is_where_the_index_says(
            mut keys in proptest::collection::vec(
                prop_oneof![any::<u64>(), 0_u64..4, (u64::MAX - 3)..=u64::MAX], 0..200
            ),
            other: u64,
        ) {
            keys.sort_unstable();
            keys.dedup();
            let index = Index::of(keys.iter().copied());
            for (place, key) in keys.iter().enumerate() {
                prop_assert!(index.range(*key).contains(&place));
            }
            prop_assert!(index.range(other).all(|place| place < keys.len()));
        }

        /// Against a plain simulation in which sending may fail: a row is only kept back if its customer has it.
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
                match delivered.see([&names[*id as usize], ""], Fingerprint(*print), false) {
                    Last::Same => prop_assert_eq!(customers.get(id), Some(print)),
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
