//! What becomes of rows while nothing gets through, and when that is the end of the run.

use super::batch::Outcome;
use super::pipeline::Pipeline;
use super::slots::{Open, SlotId};
use super::verdict::MOST_UNCONFIRMED;
use super::{Brake, Feed, Observer, Stop};
use crate::journal::{Log, Status};
use crate::offerit::{Reply, Transport};
use std::time::Duration;

/// A server that is started anew is back by then.
const DISTURBANCE: Duration = Duration::from_secs(45);

/// What begins so suddenly has lasted for no less when the first pause is made.
const SHORTEST: Duration = Duration::from_secs(1);

/// Where it is all there is to see by, the second last attempt of a row is made when one so manieth of the patience has
/// passed: each pause is seven times as long as the one before.
const SECOND_LAST: u32 = 8;

/// The one before that.
const THIRD_LAST: u32 = 55;

/// So many rows that all fail, and were begun later than any that got through, tell that it is the server.
const FOR_ALL: usize = 3;

/// The last probe is made when so much of the patience that is left has passed.
const LAST: f64 = 0.95;

/// One so manieth of the patience before its end none is made any more.
const AT_THE_END: u32 = 50;

/// The longest pause is no more than one so manieth of the patience.
const PROBES: u32 = 20;

/// Unless one in so many failed before.
const OFTEN: u64 = 10;

/// A row that has spent its attempts while nothing got through. Whether that is its outcome shows when
/// something does.
pub(super) struct Suspended {
    pub slot: SlotId,
    pub outcome: Outcome,
}

/// How long nothing may get through before the last rows of a job that went well are given up, with so much patience.
fn disturbance(patience: Duration) -> Duration {
    // Their last attempts take some time too, and must not be what the patience ends in.
    DISTURBANCE.min(patience * 3 / 4)
}

impl<T: Transport, L: Log, F: Feed, O: Observer> Pipeline<'_, T, L, F, O> {
    /// Until when the last attempts of a row are saved up while nothing gets through: they may be all there is to see
    /// by that the server is back. `is_all`: nothing else can be sent before it is dealt with.
    pub(super) fn saved_for(&self, slot: SlotId, left: u32, is_all: bool) -> Duration {
        let health = &self.traffic.health;
        let Some(row) = self.slots.get(slot) else { return Duration::ZERO };
        let Some(failed_at) = row.failed_at.filter(|at| !health.got_through_after(*at)) else {
            return Duration::ZERO;
        };
        let patience = self.patience(failed_at);
        let disturbance = disturbance(patience);
        let failed_again = row.attempts > 1;
        let wait = if is_all && (failed_again || row.unconfirmed > 0) {
            match left {
                1 => patience.mul_f64(LAST),
                2 => patience / SECOND_LAST,
                3 => patience / THIRD_LAST,
                _ => Duration::ZERO,
            }
        } else if health.next_probe().is_some() && self.is_down_for_all() {
            // Probes make them, one at a time.
            Duration::ZERO
        } else if health.silent_since().is_some() || left == 1 && failed_again {
            match left {
                1 => disturbance,
                2 => disturbance / 3,
                _ => Duration::ZERO,
            }
        } else {
            Duration::ZERO
        };
        failed_at + wait
    }

    /// For how long from then on nothing may get through.
    fn patience(&self, from: Duration) -> Duration {
        self.traffic.gives_up_at().map_or(self.settings.max_outage, |at| at.saturating_sub(from))
    }

    /// Whether no other row can show if the server is up, as those that follow are of the same few customers. What this one
    /// meets is taken for an outage until the patience ends, but for a 500, which is mostly about the row.
    pub(super) fn is_all_there_is(&self, slot: SlotId, reply: &Reply) -> bool {
        let is_new = self.slots.get(slot).is_some_and(|row| !row.has_failed);
        let is_no_attempt = matches!(reply, Reply::NotSent { .. });
        let is_only = self.more_follow() && !self.queue.has_fresh();
        is_only && is_new && !is_no_attempt && reply.status() != Some(500)
    }

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

    /// Should such a reply leave it at an outage: spreads the attempts that are left over the patience for it where they are
    /// few, or lets them be made within a disturbance if no row follows, as whether it is one or these few rows are to blame
    /// shows in no other way.
    pub(super) fn limit_pauses(&mut self, slot: SlotId, reply: &Reply, now: Duration) {
        let (mut shortest, mut longest) = (Duration::ZERO, None);
        let is_down = self.is_down_for_all();
        if is_down {
            if self.traffic.health.next_probe().is_some() {
                // Whoever has the most attempts left makes the next one.
                self.queue.wake_all(&self.slots);
            }
            // What never left is no attempt.
            shortest = match reply {
                Reply::NotSent { .. } => Duration::ZERO,
                _ => self.spread(slot, reply, now),
            };
        }
        let is_sound_tail = !self.more_follow() && self.traffic.health.through() > 0;
        if is_down && !self.traffic.may_be_limit(now) {
            longest = Some(self.settings.max_outage / PROBES);
        } else if is_sound_tail {
            let rows = u32::try_from(self.slots.count()).unwrap_or(u32::MAX).max(1);
            let attempts = rows.saturating_mul(self.settings.max_attempts.get());
            longest = Some(disturbance(self.settings.max_outage) / attempts);
        }
        self.traffic.health.limit_pauses(shortest, longest);
    }

    /// The next pause, if each is so many times as long as the one before that the attempts last as long as the patience and
    /// no row makes its last one, but for one just before the patience ends: who has none left has failed once the server is
    /// back.
    fn spread(&self, slot: SlotId, reply: &Reply, now: Duration) -> Duration {
        let spare = |slot| {
            let row = self.slots.get(slot)?;
            let left = row.left_of(self.settings.max_attempts.get().max(2));
            let is_first_page = row.unconfirmed == 0 && matches!(reply, Reply::Unconfirmed { .. });
            let most = if is_first_page { MOST_UNCONFIRMED } else { left };
            Some(left.min(most).saturating_sub(1))
        };
        // That of this reply is not counted with its row yet.
        let is_page = matches!(reply, Reply::Unconfirmed { .. });
        let here = spare(slot).map_or(0, |spare| spare.saturating_sub(u32::from(is_page)));
        let probes = here + self.queue.iter().filter_map(spare).sum::<u32>();
        let patience = self.patience(now);
        if probes == 0 {
            return if patience < self.settings.max_outage / AT_THE_END {
                // One of the last attempts is made before the patience ends: if it fails, nothing is lost any more.
                patience + Duration::from_secs(1)
            } else {
                patience.mul_f64(LAST)
            };
        }
        let since = self.traffic.health.silent_since().unwrap_or(now);
        let lasted = now.saturating_sub(since).max(SHORTEST).as_secs_f64();
        let times = (lasted + patience.as_secs_f64()) / lasted;
        Duration::from_secs_f64(lasted * (times.powf(1.0 / f64::from(probes + 1)) - 1.0))
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
        } else if !self.record_unknown() && !self.blame_one(is_down) {
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
    fn more_follow(&self) -> bool {
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
