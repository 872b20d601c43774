//! The rows that have a slot and wait to be sent: whose turn it is, and who has to wait for a retry.

use super::health::Health;
use super::slots::{SlotId, Slots};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Time since the run began.
type Time = Duration;

/// Rows by what they wait for. Among equals the oldest row goes first.
#[derive(Default)]
pub(super) struct Queue {
    /// Their turn has come and they were never sent.
    fresh: BinaryHeap<Reverse<(u64, SlotId)>>,
    /// Their pause is over.
    again: BinaryHeap<Reverse<(u64, SlotId)>>,
    /// They pause, by until when.
    pausing: BinaryHeap<Reverse<(Time, SlotId)>>,
}

impl Queue {
    /// A row's turn has come.
    pub(super) fn turn(&mut self, row: u64, slot: SlotId) {
        self.fresh.push(Reverse((row, slot)));
    }

    /// A row is to be tried again, not before `until`.
    pub(super) fn pause(&mut self, until: Time, slot: SlotId) {
        self.pausing.push(Reverse((until, slot)));
    }

    /// Ends the pauses that are over, and says when the next one is.
    pub(super) fn wake(&mut self, now: Time, slots: &Slots) -> Option<Time> {
        while let Some(Reverse((until, slot))) = self.pausing.peek().copied() {
            if until > now {
                return Some(until);
            }
            self.pausing.pop();
            if let Some(row) = slots.get(slot) {
                self.again.push(Reverse((row.row, slot)));
            }
        }
        None
    }

    /// Ends all pauses: the reason for them is gone.
    pub(super) fn wake_all(&mut self, slots: &Slots) {
        let woken =
            self.pausing.drain().filter_map(|Reverse((_, slot))| Some(Reverse((slots.get(slot)?.row, slot))));
        self.again.extend(woken);
    }

    /// Ends the pauses of rows that were saved up until something got through, once it did. True if some still are.
    pub(super) fn wake_saved(&mut self, slots: &Slots, health: &Health) -> bool {
        let mut any_left = false;
        let again = &mut self.again;
        self.pausing.retain(|Reverse((_, slot))| {
            let Some(row) = slots.get(*slot).filter(|row| row.is_saved) else { return true };
            let is_over = row.failed_alone(health);
            if is_over {
                again.push(Reverse((row.row, *slot)));
            }
            any_left |= !is_over;
            !is_over
        });
        any_left
    }

    /// The oldest row that waits for a retry.
    pub(super) fn take_again(&mut self) -> Option<SlotId> {
        self.again.pop().map(|Reverse((_, slot))| slot)
    }

    /// The oldest row that was never sent.
    pub(super) fn take_fresh(&mut self) -> Option<SlotId> {
        self.fresh.pop().map(|Reverse((_, slot))| slot)
    }

    /// The row to probe the server with: the one with the most of so many attempts left, so that no row spends all of its own
    /// in an outage, and before any that failed while others got through. Of those that were never sent the newest, as a scout: rows that a server always fails with often
    /// stand side by side, and it is the most likely to stand behind them.
    pub(super) fn take_probe(&mut self, slots: &Slots, health: &Health, attempts: u32) -> Option<SlotId> {
        if let Some(Reverse((_, newest))) = self.fresh.iter().min().copied() {
            self.fresh.retain(|Reverse((_, slot))| *slot != newest);
            return Some(newest);
        }
        let rank = |slot| {
            let row = slots.get(slot).map(|row| (row.failed_alone(health), Reverse(row.left_of(attempts))));
            row.unwrap_or((true, Reverse(0)))
        };
        let chosen = self.again.iter().map(|Reverse((row, slot))| (rank(*slot), *row, *slot)).min()?.2;
        self.again.retain(|Reverse((_, slot))| *slot != chosen);
        Some(chosen)
    }

    pub(super) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// How many could be tried again.
    pub(super) fn retries(&self) -> usize {
        self.again.len()
    }

    pub(super) fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// All that wait to be sent.
    pub(super) fn iter(&self) -> impl Iterator<Item = SlotId> {
        let waiting = self.fresh.iter().chain(&self.again).map(|Reverse((_, slot))| *slot);
        waiting.chain(self.pausing.iter().map(|Reverse((_, slot))| *slot))
    }

    /// Whether nobody waits to be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.again.is_empty() && self.pausing.is_empty()
    }
}
