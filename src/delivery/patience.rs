//! How the attempts that are left are spread over the patience while nothing gets through.

use super::pipeline::Pipeline;
use super::slots::SlotId;
use super::verdict::MOST_UNCONFIRMED;
use super::{Feed, Observer};
use crate::journal::Log;
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

/// The last probe is made when so much of the patience that is left has passed.
const LAST: f64 = 0.95;

/// But no less than so long before its end.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// One so manieth of the patience that is left is the longest pause where few rows are all there is: the rows behind are to
/// have their turn.
const FOR_OTHERS: u32 = 8;

/// One so manieth of the patience before its end none is made any more.
const AT_THE_END: u32 = 50;

/// The longest pause is no more than one so manieth of the patience.
const PROBES: u32 = 20;

/// How long nothing may get through before the last rows of a job that went well are given up, with so much patience.
fn disturbance(patience: Duration) -> Duration {
    // Their last attempts take some time too, and must not be what the patience ends in.
    DISTURBANCE.min(patience * 3 / 4)
}

/// How long before the end of so much patience the last attempt is made: if it fails, the rows behind are to have time.
fn margin(patience: Duration) -> Duration {
    patience.mul_f64(1.0 - LAST).max(LAST_MOMENT.min(patience / 4))
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
        let failed_again = row.charged() > 1;
        let wait = if is_all && (failed_again || row.unconfirmed > 0) {
            match left {
                1 => patience - margin(patience),
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
                // Where all fail, not all at once: the first that does shows it.
                2 if self.is_down_for_all() => disturbance / 3 * (1 + self.others_with_few_left()).min(3),
                2 => disturbance / 3,
                _ => Duration::ZERO,
            }
        } else {
            Duration::ZERO
        };
        failed_at + wait
    }

    /// While nothing gets through: when the patience ends so soon that a row must be tried once more.
    fn last_moment(&self) -> Option<Duration> {
        let at = self.traffic.gives_up_at()?;
        Some(at.saturating_sub(margin(self.settings.max_outage)))
    }

    /// That moment, if it is still to come.
    pub(super) fn last_chance(&self, now: Duration) -> Option<Duration> {
        self.last_moment().filter(|at| *at > now)
    }

    /// Whether a row that holds up others, and failed before that moment, had its last chance.
    pub(super) fn was_last_chance(&self, slot: SlotId, now: Duration) -> bool {
        let failed_at = self.slots.get(slot).and_then(|row| row.failed_at);
        let is_over = |at: Duration| at <= now && failed_at.is_some_and(|failed_at| failed_at < at);
        self.last_moment().is_some_and(is_over) && self.blocks_others()
    }

    /// For how long from then on nothing may get through.
    fn patience(&self, from: Duration) -> Duration {
        self.traffic.gives_up_at().map_or(self.settings.max_outage, |at| at.saturating_sub(from))
    }

    /// How many other rows wait for one of their last two attempts.
    fn others_with_few_left(&self) -> u32 {
        let most = self.settings.max_attempts.get();
        let has_few = |slot: &SlotId| self.slots.get(*slot).is_some_and(|row| row.left_of(most) <= 2);
        u32::try_from(self.queue.iter().filter(has_few).count()).unwrap_or(u32::MAX - 1)
    }

    /// Whether all rows that are still to be sent wait for those that were.
    pub(super) fn blocks_others(&self) -> bool {
        self.more_follow() && !self.queue.has_fresh()
    }

    /// Whether no other row can show if the server is up, as those that follow are of the same few customers. What this one
    /// meets is taken for an outage until the patience ends, but for a 500, which is mostly about the row.
    pub(super) fn is_all_there_is(&self, slot: SlotId, reply: &Reply) -> bool {
        let is_new = self.slots.get(slot).is_some_and(|row| !row.has_failed);
        let is_no_attempt = matches!(reply, Reply::NotSent { .. });
        self.blocks_others() && is_new && !is_no_attempt && reply.status() != Some(500)
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
        } else if is_sound_tail || self.blocks_others() && !is_down {
            let rows = u32::try_from(self.slots.count()).unwrap_or(u32::MAX).max(1);
            let attempts = rows.saturating_mul(self.settings.max_attempts.get());
            longest =
                Some((disturbance(self.settings.max_outage) / attempts).min(self.patience(now) / FOR_OTHERS));
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
}
