//! The order in which open rows are sent: rows that have their turn, rows that wait for a backoff, and parked rows.

use super::time::Time;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// The key of an open row. Keys are in input order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RowKey {
    /// The row's number.
    pub row: u64,
    /// Its slot.
    pub slot: u32,
}

/// The reason for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptKind {
    /// The row was never sent.
    First,
    /// The row was sent before.
    Retry,
    /// The attempt shows whether the server is back.
    Probe,
}

/// Rows that wait to be sent, by the event they wait for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Rows that were never sent and have their turn.
    untried: BTreeSet<RowKey>,
    /// Rows that were sent and whose backoff is over.
    again: BTreeSet<RowKey>,
    /// Rows that were sent, by the end of their backoff.
    backoff: BinaryHeap<Reverse<(Time, RowKey)>>,
    /// Rows that wait for a success.
    parked: BTreeSet<RowKey>,
}

impl Queue {
    /// Queues a row that was never sent, as its turn has come.
    pub(super) fn push_untried(&mut self, key: RowKey) {
        self.untried.insert(key);
    }

    /// Queues a row for another attempt at once.
    pub(super) fn push_again(&mut self, key: RowKey) {
        self.again.insert(key);
    }

    /// Queues a row for another attempt at `until`.
    pub(super) fn push_backoff(&mut self, until: Time, key: RowKey) {
        self.backoff.push(Reverse((until, key)));
    }

    /// Parks a row until a success.
    pub(super) fn park(&mut self, key: RowKey) {
        self.parked.insert(key);
    }

    /// Queues the rows whose backoff is over, and returns the end of the next backoff.
    pub(super) fn wake(&mut self, now: Time) -> Option<Time> {
        while let Some(Reverse((until, key))) = self.backoff.peek().copied() {
            if until > now {
                return Some(until);
            }
            self.backoff.pop();
            self.again.insert(key);
        }
        None
    }

    /// Removes the oldest row for an attempt of this kind. There must be such a row.
    pub(super) fn pop(&mut self, kind: AttemptKind) -> RowKey {
        let row = if kind == AttemptKind::Retry { self.again.pop_first() } else { self.untried.pop_first() };
        row.expect("a permit is given for a row that waits")
    }

    /// Removes the newest row that was never sent.
    pub(super) fn pop_newest_untried(&mut self) -> Option<RowKey> {
        self.untried.pop_last()
    }

    /// Parks every row that was sent and waits.
    pub(super) fn park_all(&mut self) {
        self.parked.append(&mut self.again);
        self.parked.extend(self.backoff.drain().map(|Reverse((_, key))| key));
    }

    /// Queues every parked row.
    pub(super) fn unpark_all(&mut self) {
        self.again.append(&mut self.parked);
    }

    /// Removes a parked row.
    pub(super) fn unpark(&mut self, key: RowKey) {
        self.parked.remove(&key);
    }

    /// The parked rows, the oldest first.
    pub(super) fn parked(&self) -> impl Iterator<Item = RowKey> {
        self.parked.iter().copied()
    }

    /// The rows that were sent and wait for another attempt.
    pub(super) fn waiting(&self) -> impl Iterator<Item = RowKey> {
        self.again
            .iter()
            .chain(&self.parked)
            .copied()
            .chain(self.backoff.iter().map(|Reverse((_, key))| *key))
    }

    /// Removes the rows that were sent and wait for another attempt, in input order.
    pub(super) fn take_waiting(&mut self) -> BTreeSet<RowKey> {
        self.park_all();
        std::mem::take(&mut self.parked)
    }

    /// Removes these rows.
    pub(super) fn remove(&mut self, rows: &[RowKey]) {
        self.again.retain(|key| !rows.contains(key));
        self.parked.retain(|key| !rows.contains(key));
        self.backoff.retain(|Reverse((_, key))| !rows.contains(key));
    }

    pub(super) fn has_untried(&self) -> bool {
        !self.untried.is_empty()
    }

    pub(super) fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// Rows that could be sent again now, and rows that are parked.
    pub(super) fn retries(&self) -> usize {
        self.again.len() + self.parked.len()
    }

    /// Whether a row is parked and no row could be sent now.
    pub(super) fn is_stuck(&self) -> bool {
        !self.parked.is_empty() && self.untried.is_empty() && self.again.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn key(row: u64) -> RowKey {
        RowKey { row, slot: 100 - row as u32 }
    }

    #[test]
    fn the_oldest_row_goes_first_and_the_newest_untried_row_is_the_probe() {
        let mut queue = Queue::default();
        [3, 1, 2].iter().for_each(|row| queue.push_untried(key(*row)));
        [6, 5].iter().for_each(|row| queue.push_again(key(*row)));
        assert_eq!((queue.pop_newest_untried(), queue.pop(AttemptKind::First)), (Some(key(3)), key(1)));
        assert_eq!(
            (queue.pop(AttemptKind::Retry), queue.pop(AttemptKind::Retry), queue.has_again()),
            (key(5), key(6), false)
        );
    }

    #[test]
    fn a_backoff_ends_at_its_time() {
        let mut queue = Queue::default();
        let second = Duration::from_secs;
        queue.push_backoff(second(2), key(1));
        queue.push_backoff(second(1), key(2));
        assert_eq!(queue.wake(Duration::ZERO), Some(second(1)));
        assert!(!queue.has_again());
        assert_eq!(queue.wake(second(1)), Some(second(2)));
        assert_eq!(queue.pop(AttemptKind::Retry), key(2));
        assert_eq!(queue.wake(second(9)), None);
        assert_eq!(queue.pop(AttemptKind::Retry), key(1));
    }

    #[test]
    fn parked_rows_wait_until_they_are_queued() {
        let mut queue = Queue::default();
        queue.push_again(key(1));
        queue.push_backoff(Duration::from_secs(9), key(2));
        queue.park(key(3));
        assert!(!queue.is_stuck());
        queue.park_all();
        assert!(queue.is_stuck() && queue.wake(Duration::MAX).is_none());
        assert_eq!(queue.parked().chain(queue.waiting()).count(), 6);
        queue.unpark(key(3));
        queue.unpark_all();
        assert_eq!((queue.retries(), queue.is_stuck()), (2, false));
    }
}
