//! The [circuit breaker](https://martinfowler.com/bliki/CircuitBreaker.html) of a run decides whether the server is down or
//! the row is at fault. Pure: events and times in, states out.
//!
//! A **success** is a reply that confirms or refuses the row: the server works. A row is **suspect** if the row failed in an
//! earlier run, or once a success of an attempt that *started* after the row's first failure has come in (while the breaker
//! is open, only of an attempt that started after the opening): the failures of a suspect row are no evidence about the
//! server. A row is **parked** when its attempts are used up while nothing succeeded, when it gets no connection and no other
//! row can be opened, or when the breaker opens. The breaker is **stuck** when only parked rows could be sent.
//!
//! | state | event | guard | next | action |
//! | --- | --- | --- | --- | --- |
//! | Closed | success | | Closed | forget older counted failures; record or queue the suspect parked rows |
//! | Closed | failure | suspect, attempts left | Closed | charge the row; backoff |
//! | Closed | failure | suspect, none left | Closed | record |
//! | Closed | no connection | under 10 counted | Closed | backoff; park if no other row can be opened |
//! | Closed | failure | not suspect, under 10 counted | Closed | charge the row; backoff, or park |
//! | Closed | failure | not suspect, 10th | Open (0.5 s) | forgive rows that are not suspect; park |
//! | Closed | stuck | | Open (0.5 s) | forgive |
//! | Open | pause over | nothing in flight, no hold | HalfOpen | one probe, paced, without a token of the retry budget |
//! | Open, HalfOpen | late success / failure | started before the opening | same | record that row / park it |
//! | HalfOpen | success | started after the opening | Closed | queue parked rows |
//! | HalfOpen | failure | | Open (×2, to 10 s) | park |
//!
//! A 429 and a stale attempt do not count. [`super::patience`] decides when the run gives up.

use super::retry::RowLog;
use super::time::Time;
use crate::offerit::Fault;
use std::time::Duration;

/// The number of counted failures since the last success that opens the breaker. Chosen: one slow moment of a server causes
/// fewer.
const TRIP_AFTER: usize = 10;

/// The pause before the first probe. Chosen: a restarting server is back soon.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two probes. Chosen: the run goes on at most ten seconds after the server is back.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// The number of consecutive probes with the same permanent fault that stops the run. Chosen: one may be chance.
const HOPELESS_PROBES: u32 = 3;

/// The time in which these probes are sent: after a half, one and two seconds.
pub(super) const HOPELESS_PATIENCE: Duration = Duration::from_millis(3500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BreakerState {
    Closed,
    Open { probe_at: Time, pause: Duration },
    HalfOpen { pause: Duration },
}

/// The evidence about the server in a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// No evidence: a 429, or a charged failure of a suspect row.
    None,
    /// The server may be down.
    MayBeDown,
    /// The server cannot be used because of a permanent fault, and no row succeeded in this run.
    Unusable(Fault),
}

/// Whether the server is assumed to be up.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    state: BreakerState,
    /// The times of the counted failures since the last success.
    counted: Vec<Time>,
    opened_at: Time,
    /// The first of the failures that opened the breaker.
    down_since: Time,
    /// The latest start of a successful attempt, late successes in an outage excluded.
    latest_success: Option<Time>,
    has_succeeded: bool,
    /// The permanent fault of the last probes, and the number of consecutive probes with this fault.
    hopeless: Option<(Fault, u32)>,
}

impl CircuitBreaker {
    /// A closed breaker.
    pub(super) fn new() -> CircuitBreaker {
        CircuitBreaker {
            state: BreakerState::Closed,
            counted: Vec::new(),
            opened_at: Time::ZERO,
            down_since: Time::ZERO,
            latest_success: None,
            has_succeeded: false,
            hopeless: None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == BreakerState::Closed
    }

    /// The time from which the next probe may start; `None` while closed. While a probe is in flight, a time in the past.
    pub(super) fn next_probe(&self) -> Option<Time> {
        match self.state {
            BreakerState::Closed => None,
            BreakerState::Open { probe_at, .. } => Some(probe_at),
            BreakerState::HalfOpen { .. } => Some(Time::ZERO),
        }
    }

    /// The start of the present outage, while open.
    pub(super) fn down_since(&self) -> Time {
        self.down_since
    }

    /// Whether the server has confirmed or refused a row in this run.
    pub(super) fn has_succeeded(&self) -> bool {
        self.has_succeeded
    }

    /// Whether the failures of the row are no evidence about the server.
    pub(super) fn is_suspect(&self, log: &RowLog) -> bool {
        let is_overtaken = |failed_at| self.latest_success.is_some_and(|started| started > failed_at);
        log.has_failed_before || log.first_failure.is_some_and(is_overtaken)
    }

    /// The permanent fault that the last three probes met.
    pub(super) fn hopeless(&self) -> Option<Fault> {
        self.hopeless.filter(|(_, probes)| *probes >= HOPELESS_PROBES).map(|(fault, _)| fault)
    }

    /// Counts a success of an attempt that started at `started`. True if the success closes the breaker.
    pub(super) fn add_success(&mut self, started: Time) -> bool {
        self.has_succeeded = true;
        let was_closed = self.is_closed();
        if !was_closed && started <= self.opened_at {
            return false;
        }
        self.latest_success = self.latest_success.max(Some(started));
        self.counted.retain(|failed_at| *failed_at >= started);
        self.state = BreakerState::Closed;
        self.hopeless = None;
        !was_closed
    }

    /// Counts a failure of an attempt that started at `started`. True if the failure opens the breaker.
    pub(super) fn add_failure(&mut self, started: Time, evidence: Evidence, now: Time) -> bool {
        match self.state {
            BreakerState::Closed => self.count_failure(evidence, now),
            BreakerState::HalfOpen { pause } if started > self.opened_at => {
                let pause = (2 * pause).min(MAX_PAUSE);
                self.state = BreakerState::Open { probe_at: now + pause, pause };
                self.hopeless = match (evidence, self.hopeless) {
                    (Evidence::Unusable(fault), Some((same, probes))) if fault == same => {
                        Some((fault, probes + 1))
                    }
                    (Evidence::Unusable(fault), _) => Some((fault, 1)),
                    _ => None,
                };
                false
            }
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => false,
        }
    }

    fn count_failure(&mut self, evidence: Evidence, now: Time) -> bool {
        let is_hopeless = matches!(evidence, Evidence::Unusable(_));
        if evidence != Evidence::None {
            self.counted.push(now);
        }
        let opens = is_hopeless || self.counted.len() >= TRIP_AFTER;
        if opens {
            self.open(now);
        }
        opens
    }

    /// Opens the breaker, after too many failures or because it is stuck.
    pub(super) fn open(&mut self, now: Time) {
        self.state = BreakerState::Open { probe_at: now + FIRST_PAUSE, pause: FIRST_PAUSE };
        self.opened_at = now;
        self.down_since = self.counted.first().copied().unwrap_or(now);
        self.counted.clear();
    }

    /// Half-opens the breaker, as the probe starts.
    pub(super) fn probe_started(&mut self) {
        if let BreakerState::Open { pause, .. } = self.state {
            self.state = BreakerState::HalfOpen { pause };
        }
    }

    /// Allows another probe at once, as the probe was called back before its request left.
    pub(super) fn probe_called_back(&mut self, now: Time) {
        if let BreakerState::HalfOpen { pause } = self.state {
            self.state = BreakerState::Open { probe_at: now, pause };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn log(first_failure: Option<Time>) -> RowLog {
        RowLog { first_failure, ..RowLog::default() }
    }

    /// A breaker that was opened at ten seconds.
    fn open() -> CircuitBreaker {
        let mut breaker = CircuitBreaker::new();
        for n in 1..=10 {
            assert_eq!(breaker.add_failure(SECOND, Evidence::MayBeDown, n * SECOND), n == 10);
        }
        breaker
    }

    fn half_open() -> CircuitBreaker {
        let mut breaker = open();
        breaker.probe_started();
        breaker
    }

    /// An event. It returns whether the event opens or closes the breaker.
    type Event = fn(&mut CircuitBreaker) -> bool;

    fn open_until(seconds: f64, pause: f64) -> BreakerState {
        let [probe_at, pause] = [seconds, pause].map(Duration::from_secs_f64);
        BreakerState::Open { probe_at, pause }
    }

    fn fail(breaker: &mut CircuitBreaker, started: u32, evidence: Evidence, now: u32) -> bool {
        breaker.add_failure(started * SECOND, evidence, now * SECOND)
    }

    #[test]
    fn the_state_table_holds_while_closed() {
        let fail_once: Event = |breaker| fail(breaker, 1, Evidence::MayBeDown, 1);
        let fail_often: Event = |breaker| (0..9).any(|_| fail(breaker, 1, Evidence::MayBeDown, 1));
        let fail_ten_times: Event = |breaker| (0..10).any(|_| fail(breaker, 1, Evidence::MayBeDown, 1));
        let fail_for_itself: Event = |breaker| (0..99).any(|_| fail(breaker, 1, Evidence::None, 1));
        let unusable: Event = |breaker| fail(breaker, 1, Evidence::Unusable(Fault::Certificate), 1);
        let table: [(&str, Event, bool, BreakerState); 6] = [
            ("success", |breaker| breaker.add_success(SECOND), false, BreakerState::Closed),
            ("failure", fail_once, false, BreakerState::Closed),
            ("nine failures", fail_often, false, BreakerState::Closed),
            ("ten failures", fail_ten_times, true, open_until(1.5, 0.5)),
            ("failures of suspect rows", fail_for_itself, false, BreakerState::Closed),
            ("unusable server", unusable, true, open_until(1.5, 0.5)),
        ];
        for (case, event, opens, next) in table {
            let mut breaker = CircuitBreaker::new();
            assert_eq!((event(&mut breaker), breaker.state), (opens, next), "{case}");
        }
        let mut stuck = CircuitBreaker::new();
        stuck.open(SECOND);
        assert_eq!(stuck.state, open_until(1.5, 0.5));
    }

    #[test]
    fn the_state_table_holds_while_open() {
        let half = BreakerState::HalfOpen { pause: FIRST_PAUSE };
        let late_failure: Event = |breaker| fail(breaker, 9, Evidence::MayBeDown, 11);
        let table: [(&str, CircuitBreaker, Event, bool, BreakerState); 7] = [
            (
                "open, late success",
                open(),
                |breaker| breaker.add_success(9 * SECOND),
                false,
                open_until(10.5, 0.5),
            ),
            ("open, late failure", open(), late_failure, false, open_until(10.5, 0.5)),
            ("half-open, late success", half_open(), |breaker| breaker.add_success(9 * SECOND), false, half),
            ("half-open, late failure", half_open(), late_failure, false, half),
            (
                "half-open, failure of an attempt from the time of the opening",
                half_open(),
                |breaker| fail(breaker, 10, Evidence::MayBeDown, 11),
                false,
                half,
            ),
            (
                "half-open, success",
                half_open(),
                |breaker| breaker.add_success(11 * SECOND),
                true,
                BreakerState::Closed,
            ),
            (
                "half-open, failure",
                half_open(),
                |breaker| fail(breaker, 11, Evidence::None, 12),
                false,
                open_until(13.0, 1.0),
            ),
        ];
        for (case, mut breaker, event, closes, next) in table {
            assert_eq!((event(&mut breaker), breaker.state), (closes, next), "{case}");
        }
    }

    #[test]
    fn pauses_double_up_to_ten_seconds() {
        let mut breaker = open();
        let mut pauses = Vec::new();
        let mut now = 10 * SECOND;
        for _ in 0..7 {
            let at = breaker.next_probe().unwrap();
            pauses.push((at - now).as_secs_f64());
            breaker.probe_started();
            now = at + SECOND;
            breaker.add_failure(at, Evidence::MayBeDown, now);
        }
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]);
    }

    #[test]
    fn a_success_clears_the_failures_before_its_start_and_no_others() {
        let mut breaker = CircuitBreaker::new();
        assert!(!(1..=9).any(|n| breaker.add_failure(SECOND, Evidence::MayBeDown, n * SECOND)));
        breaker.add_success(5 * SECOND);
        let opens: Vec<bool> =
            (10..=14).map(|n| breaker.add_failure(SECOND, Evidence::MayBeDown, n * SECOND)).collect();
        assert_eq!(opens, [false, false, false, false, true]);
        assert_eq!(breaker.down_since(), 5 * SECOND);
    }

    #[test]
    fn a_row_is_suspect_once_a_success_started_after_its_first_failure() {
        let mut breaker = CircuitBreaker::new();
        assert!(!breaker.is_suspect(&log(None)) && !breaker.is_suspect(&log(Some(SECOND))));
        breaker.add_success(2 * SECOND);
        assert!(breaker.is_suspect(&log(Some(SECOND))));
        assert!(!breaker.is_suspect(&log(Some(2 * SECOND))) && !breaker.is_suspect(&log(None)));
        assert!(breaker.is_suspect(&RowLog { has_failed_before: true, ..log(None) }));
    }

    #[test]
    fn a_late_success_in_an_outage_makes_no_row_suspect() {
        let mut breaker = open();
        assert!(!breaker.has_succeeded());
        breaker.add_success(9 * SECOND);
        assert!(breaker.has_succeeded() && !breaker.is_suspect(&log(Some(SECOND))));
        breaker.probe_started();
        breaker.add_success(11 * SECOND);
        assert!(breaker.is_suspect(&log(Some(SECOND))));
    }

    #[test]
    fn three_probes_that_meet_the_same_unusable_server_are_hopeless() {
        let probe = |breaker: &mut CircuitBreaker, fault: Option<Fault>| {
            breaker.probe_started();
            let evidence = fault.map_or(Evidence::MayBeDown, Evidence::Unusable);
            breaker.add_failure(11 * SECOND, evidence, 12 * SECOND);
            breaker.hopeless()
        };
        let (bad, other) = (Some(Fault::Certificate), Some(Fault::NoTls));
        for (probes, is_hopeless) in [
            (vec![bad, bad], false),
            (vec![bad, bad, bad], true),
            (vec![bad, bad, other], false),
            (vec![bad, None, bad, bad], false),
            (vec![other, bad, bad, bad], true),
        ] {
            let mut breaker = open();
            let found = probes.iter().map(|fault| probe(&mut breaker, *fault)).last().unwrap();
            assert_eq!(found.is_some(), is_hopeless, "{probes:?}");
        }
    }

    #[test]
    fn a_probe_that_was_called_back_allows_another_probe() {
        let mut breaker = half_open();
        breaker.probe_called_back(20 * SECOND);
        assert_eq!(breaker.next_probe(), Some(20 * SECOND));
    }
}
