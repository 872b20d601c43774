//! The open rows: being sent, waiting to retry, waiting for an older row of their customer, or waiting for
//! their record to reach the disk. There are never more than there are slots.

use super::batch::Outcome;
use super::health::Health;
use super::verdict::MOST_UNCONFIRMED;
use crate::customer::Fingerprint;
use crate::offerit::Request;
use crate::resume::Keys;
use std::time::Duration;

/// Names a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SlotId(pub(super) u32);

/// An open row.
pub(super) struct Open {
    pub row: u64,
    pub line: u64,
    pub fingerprint: Fingerprint,
    /// The lanes it stands in; none for a row that is never sent.
    pub keys: Option<Keys>,
    /// What to send; away while an attempt is in flight.
    pub request: Option<Request>,
    /// How many attempts were on the wire in this run.
    pub attempts: u32,
    /// How often no connection came about, so that nothing went out.
    pub not_sent: u32,
    /// How many attempts over the connection pool ended without a reply. They are charged to no row.
    pub stale: u32,
    /// How many replies confirmed nothing.
    pub unconfirmed: u32,
    /// Whether an attempt may have been applied without being confirmed.
    pub maybe_applied: bool,
    /// Its record should the patience end before it has another attempt; `None` if it cannot have been applied.
    pub if_left: Option<Outcome>,
    /// Whether it waits for much longer than it would have to, as it was all there was to see by that the server is up.
    pub is_saved: bool,
    /// When its first attempt started, since the run began.
    pub began_at: Option<Duration>,
    /// When its first attempt failed, since the run began.
    pub failed_at: Option<Duration>,
    /// Whether it failed in an earlier run, in which others got through.
    pub has_failed: bool,
}

impl Open {
    /// Whether others got through since its first attempt failed, be it in an earlier run: that it fails again tells of
    /// itself and not of the server.
    pub(super) fn stands_out(&self, health: &Health) -> bool {
        self.has_failed || self.failed_alone(health)
    }

    /// Whether others got through since its first attempt failed in this run.
    pub(super) fn failed_alone(&self, health: &Health) -> bool {
        self.failed_at.is_some_and(|at| health.got_through_after(at))
    }

    /// How many attempts count for `--max-attempts`.
    pub(super) fn charged(&self) -> u32 {
        self.attempts - self.stale
    }

    /// How many attempts it has left of so many; fewer once it met pages that confirm nothing.
    pub(super) fn left_of(&self, attempts: u32) -> u32 {
        let pages = if self.unconfirmed > 0 { MOST_UNCONFIRMED } else { u32::MAX };
        attempts.saturating_sub(self.charged()).min(pages.saturating_sub(self.unconfirmed))
    }

    /// A row that was not sent yet, with what to send if it is to be sent.
    pub(super) fn new(
        row: u64,
        line: u64,
        fingerprint: Fingerprint,
        to_send: Option<(Keys, Request)>,
    ) -> Open {
        let (keys, request) = to_send.unzip();
        Open {
            row,
            line,
            fingerprint,
            keys,
            request,
            attempts: 0,
            not_sent: 0,
            stale: 0,
            unconfirmed: 0,
            maybe_applied: false,
            if_left: None,
            is_saved: false,
            began_at: None,
            failed_at: None,
            has_failed: false,
        }
    }
}

/// A fixed number of slots.
pub(super) struct Slots {
    slots: Vec<Option<Open>>,
    free: Vec<SlotId>,
}

impl Slots {
    pub(super) fn new(count: usize) -> Slots {
        let free = (0..u32::try_from(count).unwrap_or(u32::MAX)).rev().map(SlotId).collect();
        Slots { slots: std::iter::repeat_with(|| None).take(count).collect(), free }
    }

    /// Opens a row; `None` if every slot is taken, which [`Slots::has_room`] tells before.
    pub(super) fn open(&mut self, row: Open) -> Option<SlotId> {
        let id = self.free.pop()?;
        self.slots[id.0 as usize] = Some(row);
        Some(id)
    }

    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// How many are free.
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// How many rows are open.
    pub(super) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The rows that are open.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.slots.iter().flatten()
    }

    pub(super) fn get(&self, id: SlotId) -> Option<&Open> {
        self.slots[id.0 as usize].as_ref()
    }

    pub(super) fn get_mut(&mut self, id: SlotId) -> Option<&mut Open> {
        self.slots[id.0 as usize].as_mut()
    }

    /// Every slot that an open row has.
    pub(super) fn taken(&self) -> Vec<SlotId> {
        let ids = (0..).map(SlotId);
        ids.zip(&self.slots).filter(|(_, row)| row.is_some()).map(|(id, _)| id).collect()
    }

    /// Frees the slot of a row that is dealt with.
    pub(super) fn close(&mut self, id: SlotId) -> Option<Open> {
        let row = self.slots[id.0 as usize].take();
        if row.is_some() {
            self.free.push(id);
        }
        row
    }
}
