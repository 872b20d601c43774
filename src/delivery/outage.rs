//! What becomes of rows while nothing gets through, and when that is the end of the run.

use super::batch::Outcome;
use super::pipeline::Pipeline;
use super::slots::{Open, SlotId};
use super::{Brake, Feed, Observer, Stop};
use crate::journal::{Log, Status};
use crate::offerit::Transport;
use std::time::Duration;

/// So many rows that all fail, and were begun later than any that got through, tell that it is the server.
const FOR_ALL: usize = 3;

/// Unless one in so many failed before.
const OFTEN: u64 = 10;

/// A row that has spent its attempts while nothing got through. Whether that is its outcome shows when
/// something does.
pub(super) struct Suspended {
    pub slot: SlotId,
    pub outcome: Outcome,
}

impl<T: Transport, L: Log, F: Feed, O: Observer> Pipeline<'_, T, L, F, O> {
    /// Whether it is the server that fails and not these rows: so many do, in a job in which hardly any failed.
    pub(super) fn is_down_for_all(&self) -> bool {
        let health = &self.traffic.health;
        if (self.tally.count(Status::Failed) + self.tally.count(Status::Unknown)) * OFTEN > health.through() {
            return false;
        }
        let tells = |row: &&Open| {
            let is_begun = row.began_at.is_some_and(|at| health.is_later(at));
            is_begun && row.failed_at.is_some() && !row.has_failed
        };
        self.given_up + self.slots.iter().filter(tells).take(FOR_ALL).count() >= FOR_ALL
    }

    /// Something got through: rows that had failed when it started and have spent their attempts are to blame
    /// themselves after all.
    pub(super) fn settle_suspended(&mut self) {
        for suspended in std::mem::take(&mut self.suspended) {
            let health = &self.traffic.health;
            if self.slots.get(suspended.slot).is_some_and(|row| row.stands_out(health)) {
                self.record(suspended.slot, &suspended.outcome);
            } else {
                self.suspended.push(suspended);
            }
        }
    }

    fn record_suspended(&mut self) {
        self.given_up += self.suspended.len();
        for suspended in std::mem::take(&mut self.suspended) {
            self.record(suspended.slot, &suspended.outcome);
        }
    }

    /// When nothing can go on. Rows that may have been applied are `unknown`, which is true whatever comes. The
    /// others have failed if they are the last one or two of a job that went well; if nothing ever got through, or
    /// more rows would follow or fail, they are left without a record for a run that meets a better server. True if
    /// anything was done.
    pub(super) fn resolve_standstill(&mut self) -> bool {
        if !self.stands_still() {
            return false;
        }
        let is_down = self.is_down_for_all();
        if !self.more_follow() && self.traffic.health.through() > 0 && !is_down {
            self.record_suspended();
        } else if self.record_unknown() {
            // As with a row that is blamed.
            self.given_up += FOR_ALL - 1;
        } else if !self.blame_one(is_down) {
            self.brake_for_outage(None);
        }
        true
    }

    /// Every open row waits for one that a living server refuses with an error of its own, so that no other row can
    /// show whether it is up: the oldest is taken to be at fault, and whoever comes after it goes next. Once in an
    /// outage of a server that was up before or of which others are still to be asked, or as often as it takes for a 500,
    /// which is mostly about the row. None but for that where it is the server. True if there was one.
    fn blame_one(&mut self, is_down: bool) -> bool {
        let (through, more_follow) = (self.traffic.health.through(), self.more_follow());
        let is_first = (through > 0 || more_follow) && self.blamed_at != Some(through);
        let may_blame = |suspended: &Suspended| match suspended.outcome.http_status {
            Some(500) if more_follow => true,
            status => status.is_some() && is_first && !is_down,
        };
        let Some(index) = self.suspended.iter().position(may_blame) else { return false };
        self.blamed_at = Some(through);
        let blamed = self.suspended.remove(index);
        // If the next fails too, it is the server; a 500 is mostly about the row.
        self.given_up += if blamed.outcome.http_status == Some(500) { 1 } else { FOR_ALL - 1 };
        self.record(blamed.slot, &blamed.outcome);
        true
    }

    /// Records the suspended rows that may have been applied. True if there were any.
    fn record_unknown(&mut self) -> bool {
        let is_unknown = |suspended: &Suspended| suspended.outcome.status == Status::Unknown;
        let (unknown, others) = std::mem::take(&mut self.suspended).into_iter().partition(is_unknown);
        self.suspended = others;
        let unknown: Vec<Suspended> = unknown;
        for suspended in &unknown {
            self.record(suspended.slot, &suspended.outcome);
        }
        !unknown.is_empty()
    }

    /// When the patience has ended: open rows that may have been applied are `unknown`, however many attempts they would
    /// have had. True if there were any. After any other stop they are as good as not dealt with: who stops a run goes on
    /// with it.
    pub(super) fn record_left_over(&mut self) -> bool {
        if !matches!(self.stop, Some(Stop::Brake(Brake::Outage { .. }))) {
            return false;
        }
        let mut any = self.record_unknown();
        for slot in self.slots.taken() {
            let outcome = self.slots.get_mut(slot).and_then(|row| row.if_left.take());
            if let Some(outcome) = outcome {
                self.record(slot, &outcome);
                any = true;
            }
        }
        any
    }

    /// Whether there are rows that were never sent.
    pub(super) fn more_follow(&self) -> bool {
        !self.is_last_of_input() || self.slots.iter().any(|row| row.began_at.is_none())
    }

    /// Whether every row that is left has a slot.
    pub(super) fn is_last_of_input(&self) -> bool {
        self.feed.is_none() && self.jobs.is_empty()
    }

    /// Whether every open row has spent its attempts while nothing got through, so that no reply, no pause and
    /// no new row will ever change anything.
    pub(super) fn stands_still(&self) -> bool {
        let no_more_rows = self.is_last_of_input() || !self.slots.has_room();
        let nothing_under_way = self.in_flight.is_empty()
            && self.batch.is_empty()
            && self.under_way.is_none()
            && self.queue.is_empty();
        self.stop.is_none() && !self.suspended.is_empty() && nothing_under_way && no_more_rows
    }

    /// Stops when the patience for an outage is at its end.
    pub(super) fn give_up(&mut self, now: Duration) -> bool {
        let Some(at) = self
            .traffic
            .gives_up_at()
            .filter(|at| *at <= now && self.stop.is_none() && self.in_flight.is_empty())
        else {
            return false;
        };
        let lasted = now.saturating_sub(at) + self.settings.max_outage;
        self.brake_for_outage(Some(lasted));
        true
    }

    pub(super) fn brake_for_outage(&mut self, lasted: Option<Duration>) {
        let why = self.traffic.last_failure().to_owned();
        self.stop(Stop::Brake(Brake::Outage { lasted, why }));
    }
}
