//! How long a run waits for a server that answers nothing. Pure: events, times and the state of the job in, a judgement out.
//!
//! The patience is `--max-outage`. It is shorter, a minute, at the tail of a job (nothing is left that was never sent), and
//! where the server's name does not exist: waiting does not heal that.

use super::time::Time;
use std::time::Duration;

/// The patience at the tail of a job. Chosen: a server that is restarted is back by then.
const TAIL: Duration = Duration::from_secs(60);

/// Waiting rows that are not suspect and fail together at the tail are the server's doing from this many on. Chosen: one or two
/// may be bad rows side by side.
const TOGETHER: usize = 3;

/// Unless one row in this many failed so far. Chosen: then three that fail are nothing new.
const OFTEN: u64 = 10;

/// What is known when an attempt has failed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Situation {
    /// Whether the input, or what `--limit` leaves of it, has ended and every row of it was sent once.
    pub is_tail: bool,
    /// Whether the server answered for itself at all in this run.
    pub has_succeeded: bool,
    /// Rows that wait to be sent again, or are in flight again, and are not suspect.
    pub waiting_unsuspected: usize,
    /// Whether one of the rows that wait, or are in flight again, has not failed in an earlier run.
    pub is_new_waiting: bool,
    /// Rows that were sent and have ended in this run.
    pub ended: u64,
    /// Those of them that are `failed` or `unknown`.
    pub lost: u64,
    /// Whether the server's name does not exist, as far as the resolver knows.
    pub is_name_unknown: bool,
}

/// What to do after an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Go on.
    Wait,
    /// Record the rows that wait as failed or unknown: it is they.
    RecordWaiting,
    /// Stop the run, after this long without a success.
    Stop(Duration),
}

/// The clock of a server that answers nothing.
#[derive(Debug)]
pub(super) struct Patience {
    max_outage: Duration,
    /// The first failure after the last success.
    failing_since: Option<Time>,
    /// Time since then that does not count: holds, `max_outage` of them at most, and time without a row to send.
    excluded: Duration,
    held: Duration,
    held_until: Time,
    /// Since when there has been nothing to send.
    idle_since: Option<Time>,
}

impl Patience {
    /// With `--max-outage`.
    pub(super) fn new(max_outage: Duration) -> Patience {
        let (zero, never) = (Duration::ZERO, None);
        Patience {
            max_outage,
            failing_since: never,
            excluded: zero,
            held: zero,
            held_until: zero,
            idle_since: never,
        }
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, now: Time) {
        if self.failing_since.is_none() {
            self.failing_since = Some(now);
            // A hold may be under way that began before.
            (self.excluded, self.held) = (Duration::ZERO, self.held_until.saturating_sub(now));
        }
    }

    /// The server answered for itself.
    pub(super) fn succeeded(&mut self) {
        self.failing_since = None;
    }

    /// All sending is held until then.
    pub(super) fn held(&mut self, now: Time, until: Time) {
        self.held += until.saturating_sub(self.held_until.max(now));
        self.held_until = self.held_until.max(until);
    }

    /// Whether any row is open that is to be sent.
    pub(super) fn set_idle(&mut self, is_idle: bool, now: Time) {
        if is_idle {
            self.idle_since.get_or_insert(now);
        } else if let Some(since) = self.idle_since.take().filter(|_| self.failing_since.is_some()) {
            self.excluded += now.saturating_sub(since);
        }
    }

    /// How long the server may fail before that is [judged](Patience::judge) to be too long.
    pub(super) fn limit(&self, situation: &Situation) -> Duration {
        let is_short = match situation {
            Situation { is_tail: true, .. } => !situation.is_servers_doing(),
            Situation { has_succeeded, is_name_unknown, .. } => *is_name_unknown && !has_succeeded,
        };
        if is_short { TAIL.min(self.max_outage) } else { self.max_outage }
    }

    /// What to do now that an attempt has failed.
    pub(super) fn judge(&self, now: Time, situation: &Situation) -> Judgement {
        let Some(since) = self.failing_since else { return Judgement::Wait };
        let lasted = now.saturating_sub(since);
        let counted = lasted.saturating_sub(self.excluded + self.held.min(self.max_outage));
        if counted < self.limit(situation) {
            return Judgement::Wait;
        }
        let never_up = !situation.has_succeeded && situation.is_new_waiting;
        if situation.is_tail && !situation.is_servers_doing() && !never_up {
            Judgement::RecordWaiting
        } else {
            Judgement::Stop(lasted)
        }
    }
}

impl Situation {
    fn is_servers_doing(&self) -> bool {
        self.waiting_unsuspected >= TOGETHER && self.lost * OFTEN < self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When the patience ends for a server that has failed since the first second, and how.
    fn ends(patience: &Patience, situation: &Situation) -> (u32, Judgement) {
        let judged = |second: u32| (second, patience.judge(second * SECOND, situation));
        (1..5000)
            .map(judged)
            .find(|(_, judgement)| *judgement != Judgement::Wait)
            .unwrap_or((0, Judgement::Wait))
    }

    fn failing(max_outage: u32) -> Patience {
        let mut patience = Patience::new(max_outage * SECOND);
        patience.failed(SECOND);
        patience
    }

    fn stop(second: u32) -> (u32, Judgement) {
        (second, Judgement::Stop((second - 1) * SECOND))
    }

    #[test]
    fn it_is_the_max_outage_and_a_minute_at_the_tail() {
        let tail = Situation { is_tail: true, has_succeeded: true, ended: 97, ..Situation::default() };
        let cases = [
            ("in the middle", Situation { is_tail: false, ..tail }, stop(601)),
            ("one row left", Situation { waiting_unsuspected: 1, ..tail }, (61, Judgement::RecordWaiting)),
            ("two rows left", Situation { waiting_unsuspected: 2, ..tail }, (61, Judgement::RecordWaiting)),
            ("three rows left", Situation { waiting_unsuspected: 3, ..tail }, stop(601)),
            (
                "three, many failed",
                Situation { waiting_unsuspected: 3, lost: 10, ..tail },
                (61, Judgement::RecordWaiting),
            ),
            ("three, few failed", Situation { waiting_unsuspected: 3, lost: 9, ..tail }, stop(601)),
            (
                "nothing succeeded",
                Situation {
                    has_succeeded: false,
                    ended: 0,
                    is_new_waiting: true,
                    waiting_unsuspected: 9,
                    ..tail
                },
                stop(61),
            ),
            (
                "all failed before",
                Situation { has_succeeded: false, ended: 0, ..tail },
                (61, Judgement::RecordWaiting),
            ),
            (
                "no such name",
                Situation { is_tail: false, has_succeeded: false, is_name_unknown: true, ..tail },
                stop(61),
            ),
            ("a name that was known", Situation { is_tail: false, is_name_unknown: true, ..tail }, stop(601)),
        ];
        for (case, situation, expected) in cases {
            assert_eq!(ends(&failing(600), &situation), expected, "{case}");
        }
        let short = Situation { waiting_unsuspected: 1, ..tail };
        assert_eq!(ends(&failing(20), &short), (21, Judgement::RecordWaiting));
    }

    #[test]
    fn it_begins_anew_after_a_success() {
        let mut patience = failing(100);
        patience.succeeded();
        assert_eq!(ends(&patience, &Situation::default()), (0, Judgement::Wait));
        patience.failed(50 * SECOND);
        patience.failed(90 * SECOND);
        assert_eq!(ends(&patience, &Situation::default()).0, 150);
    }

    #[test]
    fn holds_do_not_count_up_to_the_max_outage() {
        let mut patience = failing(100);
        patience.held(2 * SECOND, 32 * SECOND);
        // Two replies ask for nearly the same.
        patience.held(3 * SECOND, 33 * SECOND);
        assert_eq!(ends(&patience, &Situation::default()).0, 132);
        (1..50).for_each(|n| patience.held(30 * n * SECOND, 30 * (n + 1) * SECOND));
        assert_eq!(ends(&patience, &Situation::default()).0, 201);
    }

    #[test]
    fn time_without_a_row_to_send_does_not_count() {
        let mut patience = failing(100);
        patience.set_idle(true, 10 * SECOND);
        patience.set_idle(true, 20 * SECOND);
        patience.set_idle(false, 60 * SECOND);
        patience.set_idle(false, 70 * SECOND);
        assert_eq!(ends(&patience, &Situation::default()).0, 151);
    }

    #[test]
    fn what_is_left_of_a_hold_does_not_count_after_a_success_within_it() {
        let mut patience = Patience::new(100 * SECOND);
        patience.held(SECOND, 61 * SECOND);
        patience.succeeded();
        patience.failed(11 * SECOND);
        assert_eq!(ends(&patience, &Situation::default()).0, 161);
        // Nor does it help that a hold had passed before the first failure.
        patience.succeeded();
        patience.held(200 * SECOND, 250 * SECOND);
        patience.failed(300 * SECOND);
        assert_eq!(ends(&patience, &Situation::default()).0, 400);
    }
}
