//! The longest outage that a run waits for. Pure: events, times and the state of the job in, a judgement out.
//!
//! The limit is `--max-outage`. At the tail of a job (every row was sent once) the limit is a minute. If the server's name
//! does not exist, the limit is a minute too, because waiting rarely helps then.

use super::time::Time;
use std::time::Duration;

/// The longest outage at the tail of a job. Chosen: a restarting server is back within a minute.
const TAIL_LIMIT: Duration = Duration::from_secs(60);

/// The number of waiting rows, not suspect, whose failures at the tail are blamed on the server. Chosen: one or two may be
/// bad rows that follow each other in the input.
const MIN_ROWS_TO_BLAME_SERVER: usize = 3;

/// The server is not blamed if one row in this many, or more, failed so far. Chosen: then three failures prove nothing.
const COMMON_FAILURE: u64 = 10;

/// The state of the job when an attempt has failed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Situation {
    /// Whether the input, or its rows up to `--limit`, has ended and every row was sent once.
    pub is_tail: bool,
    /// Whether the server has confirmed or refused a row in this run.
    pub has_succeeded: bool,
    /// Rows that wait for another attempt, or are in flight again, and are not suspect.
    pub waiting_unsuspected: usize,
    /// Whether any row that waits, or is in flight again, has not failed in an earlier run.
    pub is_new_waiting: bool,
    /// Rows that were sent and have ended in this run.
    pub ended: u64,
    /// Rows that were sent and have ended as `failed` or `unknown` in this run.
    pub lost: u64,
    /// Whether the resolver reports that the server's name does not exist.
    pub is_name_unknown: bool,
}

/// The decision after an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Go on.
    Wait,
    /// Record the rows that wait as failed or unknown, because they are at fault.
    RecordWaiting,
    /// Stop the run, after this time without a success.
    Stop(Duration),
}

/// The clock of an outage.
#[derive(Debug)]
pub(super) struct Patience {
    max_outage: Duration,
    /// The first failure after the last success.
    failing_since: Option<Time>,
    /// The time since `failing_since` in which no row was open. It does not count.
    excluded: Duration,
    /// The time of holds since `failing_since`. It does not count up to `max_outage`.
    held: Duration,
    held_until: Time,
    /// The time since which no row has been open.
    idle_since: Option<Time>,
}

impl Patience {
    /// No failure yet. `max_outage` is `--max-outage`.
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

    /// Starts the clock, as an attempt failed.
    pub(super) fn add_failure(&mut self, now: Time) {
        if self.failing_since.is_none() {
            self.failing_since = Some(now);
            // A hold may be under way that began before.
            (self.excluded, self.held) = (Duration::ZERO, self.held_until.saturating_sub(now));
        }
    }

    /// Stops the clock, as the server confirmed or refused a row.
    pub(super) fn add_success(&mut self) {
        self.failing_since = None;
    }

    /// Notes a hold of all sending, from `now` to `until`.
    pub(super) fn add_hold(&mut self, now: Time, until: Time) {
        self.held += until.saturating_sub(self.held_until.max(now));
        self.held_until = self.held_until.max(until);
    }

    /// Notes whether no row is open.
    pub(super) fn set_idle(&mut self, is_idle: bool, now: Time) {
        if is_idle {
            self.idle_since.get_or_insert(now);
        } else if let Some(since) = self.idle_since.take().filter(|_| self.failing_since.is_some()) {
            self.excluded += now.saturating_sub(since);
        }
    }

    /// The longest outage in this situation; [`Patience::judge`] applies it.
    pub(super) fn limit(&self, situation: &Situation) -> Duration {
        let is_short = match situation {
            Situation { is_tail: true, .. } => !situation.is_server_at_fault(),
            Situation { has_succeeded, is_name_unknown, .. } => *is_name_unknown && !has_succeeded,
        };
        if is_short { TAIL_LIMIT.min(self.max_outage) } else { self.max_outage }
    }

    /// Decides after an attempt has failed.
    pub(super) fn judge(&self, now: Time, situation: &Situation) -> Judgement {
        let Some(since) = self.failing_since else { return Judgement::Wait };
        let lasted = now.saturating_sub(since);
        let counted = lasted.saturating_sub(self.excluded + self.held.min(self.max_outage));
        if counted < self.limit(situation) {
            return Judgement::Wait;
        }
        let never_up = !situation.has_succeeded && situation.is_new_waiting;
        if situation.is_tail && !situation.is_server_at_fault() && !never_up {
            Judgement::RecordWaiting
        } else {
            Judgement::Stop(lasted)
        }
    }
}

impl Situation {
    /// Whether the failures at the tail are blamed on the server and not on the rows.
    fn is_server_at_fault(&self) -> bool {
        self.waiting_unsuspected >= MIN_ROWS_TO_BLAME_SERVER && self.lost * COMMON_FAILURE < self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The second at which the patience ends, and the judgement, for a server that has failed since the first second.
    fn find_end(patience: &Patience, situation: &Situation) -> (u32, Judgement) {
        let judged = |second: u32| (second, patience.judge(second * SECOND, situation));
        (1..5000)
            .map(judged)
            .find(|(_, judgement)| *judgement != Judgement::Wait)
            .unwrap_or((0, Judgement::Wait))
    }

    fn failing(max_outage: u32) -> Patience {
        let mut patience = Patience::new(max_outage * SECOND);
        patience.add_failure(SECOND);
        patience
    }

    fn stop(second: u32) -> (u32, Judgement) {
        (second, Judgement::Stop((second - 1) * SECOND))
    }

    #[test]
    fn the_patience_is_the_max_outage_and_a_minute_at_the_tail() {
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
            assert_eq!(find_end(&failing(600), &situation), expected, "{case}");
        }
        let short = Situation { waiting_unsuspected: 1, ..tail };
        assert_eq!(find_end(&failing(20), &short), (21, Judgement::RecordWaiting));
    }

    #[test]
    fn the_patience_begins_anew_after_a_success() {
        let mut patience = failing(100);
        patience.add_success();
        assert_eq!(find_end(&patience, &Situation::default()), (0, Judgement::Wait));
        patience.add_failure(50 * SECOND);
        patience.add_failure(90 * SECOND);
        assert_eq!(find_end(&patience, &Situation::default()).0, 150);
    }

    #[test]
    fn holds_do_not_count_up_to_the_max_outage() {
        let mut patience = failing(100);
        patience.add_hold(2 * SECOND, 32 * SECOND);
        // Two replies ask for nearly the same pause.
        patience.add_hold(3 * SECOND, 33 * SECOND);
        assert_eq!(find_end(&patience, &Situation::default()).0, 132);
        (1..50).for_each(|n| patience.add_hold(30 * n * SECOND, 30 * (n + 1) * SECOND));
        assert_eq!(find_end(&patience, &Situation::default()).0, 201);
    }

    #[test]
    fn time_without_a_row_to_send_does_not_count() {
        let mut patience = failing(100);
        patience.set_idle(true, 10 * SECOND);
        patience.set_idle(true, 20 * SECOND);
        patience.set_idle(false, 60 * SECOND);
        patience.set_idle(false, 70 * SECOND);
        assert_eq!(find_end(&patience, &Situation::default()).0, 151);
    }

    #[test]
    fn the_rest_of_a_hold_does_not_count_after_a_success_within_the_hold() {
        let mut patience = Patience::new(100 * SECOND);
        patience.add_hold(SECOND, 61 * SECOND);
        patience.add_success();
        patience.add_failure(11 * SECOND);
        assert_eq!(find_end(&patience, &Situation::default()).0, 161);
        // A hold that was over before the first failure changes nothing.
        patience.add_success();
        patience.add_hold(200 * SECOND, 250 * SECOND);
        patience.add_failure(300 * SECOND);
        assert_eq!(find_end(&patience, &Situation::default()).0, 400);
    }
}
