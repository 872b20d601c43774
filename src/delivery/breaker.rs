//! The [circuit breaker](https://martinfowler.com/bliki/CircuitBreaker.html) of a run: is the server down, or is it the row?
//! Pure: events and times in, states out.
//!
//! A **success** is a reply with which the server answered for itself (confirmed or refused). A row is **suspect** once a
//! success, while closed or of an attempt started after the opening, *started* after the row's first failure, or if the row
//! failed in an earlier run: what it meets speaks of itself. A row is **parked** when it has used its attempts while nothing
//! succeeded, or when the breaker opens. The breaker is **stuck** when only parked rows could be sent.
//!
//! | state | event | guard | next | action |
//! | --- | --- | --- | --- | --- |
//! | Closed | success | | Closed | forget older counted failures; record parked rows that are suspect and have no attempt left |
//! | Closed | failure | suspect, attempts left | Closed | charge the row; backoff |
//! | Closed | failure | suspect, none left | Closed | record |
//! | Closed | failure | not suspect, under 10 counted | Closed | charge the row; backoff, or park |
//! | Closed | failure | not suspect, 10th | Open (0.5 s) | forgive rows that are not suspect; park |
//! | Closed | stuck | | Open (0.5 s) | forgive |
//! | Open | pause over | nothing in flight, no hold | HalfOpen | one probe, paced, without a token of the retry budget |
//! | Open, HalfOpen | late success / failure | started before the opening | same | record that row / park it |
//! | HalfOpen | success | started after the opening | Closed | queue parked rows |
//! | HalfOpen | failure | | Open (×2, to 10 s) | park |
//!
//! A 429 and a stale attempt count for nothing here. [`super::patience`] decides when the run gives up.

use super::retry::RowLog;
use super::time::Time;
use crate::offerit::Fault;
use std::time::Duration;

/// Counted failures since the last success that open the breaker. Chosen: one slow moment of a server costs fewer.
const TRIP_AFTER: usize = 10;

/// The pause before the first probe. Chosen: a restarting server is back soon.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two probes. Chosen: the run goes on ten seconds after the server at the latest.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Probes that meet the same fault that waiting cannot heal before the run stops. Chosen: one may be chance.
const HOPELESS_PROBES: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { probe_at: Time, pause: Duration },
    HalfOpen { pause: Duration },
}

/// What a failure says of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Nothing: a 429, or a charged failure of a suspect row.
    None,
    /// It may be down.
    MayBeDown,
    /// It cannot be used, nothing got through in this run, and waiting does not heal that.
    Unusable(Fault),
}

/// Whether the server is assumed to be up.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    state: State,
    /// When the counted failures since the last success happened.
    counted: Vec<Time>,
    opened_at: Time,
    /// When the failures began that opened the breaker.
    down_since: Time,
    /// The start of the latest success that speaks of the server, if there was any in this run.
    latest_success: Option<Time>,
    has_succeeded: bool,
    /// How many probes in a row have met the fault, which waiting cannot heal.
    hopeless: Option<(Fault, u32)>,
}

impl CircuitBreaker {
    /// A closed breaker.
    pub(super) fn new() -> CircuitBreaker {
        CircuitBreaker {
            state: State::Closed,
            counted: Vec::new(),
            opened_at: Time::ZERO,
            down_since: Time::ZERO,
            latest_success: None,
            has_succeeded: false,
            hopeless: None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// When the next probe may start; `None` while closed. While a probe is on its way, the time it started at or before.
    pub(super) fn next_probe(&self) -> Option<Time> {
        match self.state {
            State::Closed => None,
            State::Open { probe_at, .. } => Some(probe_at),
            State::HalfOpen { .. } => Some(Time::ZERO),
        }
    }

    /// Since when the server has been failing, while open.
    pub(super) fn down_since(&self) -> Time {
        self.down_since
    }

    /// Whether the server answered for itself at all in this run.
    pub(super) fn has_succeeded(&self) -> bool {
        self.has_succeeded
    }

    /// Whether what the row meets speaks of itself and not of the server.
    pub(super) fn is_suspect(&self, log: &RowLog) -> bool {
        let is_overtaken = |failed_at| self.latest_success.is_some_and(|started| started > failed_at);
        log.has_failed_before || log.first_failure.is_some_and(is_overtaken)
    }

    /// The fault that waiting cannot heal and that the last three probes met.
    pub(super) fn hopeless(&self) -> Option<Fault> {
        self.hopeless.filter(|(_, probes)| *probes >= HOPELESS_PROBES).map(|(fault, _)| fault)
    }

    /// An attempt that started at `started` succeeded. True if it closes the breaker.
    pub(super) fn succeeded(&mut self, started: Time) -> bool {
        self.has_succeeded = true;
        let was_closed = self.is_closed();
        if !was_closed && started <= self.opened_at {
            return false;
        }
        self.latest_success = self.latest_success.max(Some(started));
        self.counted.retain(|failed_at| *failed_at >= started);
        self.state = State::Closed;
        self.hopeless = None;
        !was_closed
    }

    /// An attempt that started at `started` failed. True if that opens the breaker.
    pub(super) fn failed(&mut self, started: Time, evidence: Evidence, now: Time) -> bool {
        match self.state {
            State::Closed => self.failed_closed(evidence, now),
            State::HalfOpen { pause } if started > self.opened_at => {
                let pause = (2 * pause).min(MAX_PAUSE);
                self.state = State::Open { probe_at: now + pause, pause };
                self.hopeless = match (evidence, self.hopeless) {
                    (Evidence::Unusable(fault), Some((same, probes))) if fault == same => {
                        Some((fault, probes + 1))
                    }
                    (Evidence::Unusable(fault), _) => Some((fault, 1)),
                    _ => None,
                };
                false
            }
            State::Open { .. } | State::HalfOpen { .. } => false,
        }
    }

    fn failed_closed(&mut self, evidence: Evidence, now: Time) -> bool {
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

    /// Opens: too many failures, or stuck.
    pub(super) fn open(&mut self, now: Time) {
        self.state = State::Open { probe_at: now + FIRST_PAUSE, pause: FIRST_PAUSE };
        self.opened_at = now;
        self.down_since = self.counted.first().copied().unwrap_or(now);
        self.counted.clear();
    }

    /// The probe starts.
    pub(super) fn probe_started(&mut self) {
        if let State::Open { pause, .. } = self.state {
            self.state = State::HalfOpen { pause };
        }
    }

    /// The probe was called back before its request left: another one may start at once.
    pub(super) fn probe_called_back(&mut self, now: Time) {
        if let State::HalfOpen { pause } = self.state {
            self.state = State::Open { probe_at: now, pause };
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
            assert_eq!(breaker.failed(SECOND, Evidence::MayBeDown, n * SECOND), n == 10);
        }
        breaker
    }

    fn half_open() -> CircuitBreaker {
        let mut breaker = open();
        breaker.probe_started();
        breaker
    }

    /// An event, and whether it opens or closes the breaker.
    type Event = fn(&mut CircuitBreaker) -> bool;

    fn open_until(seconds: f64, pause: f64) -> State {
        let [probe_at, pause] = [seconds, pause].map(Duration::from_secs_f64);
        State::Open { probe_at, pause }
    }

    fn fail(breaker: &mut CircuitBreaker, started: u32, evidence: Evidence, now: u32) -> bool {
        breaker.failed(started * SECOND, evidence, now * SECOND)
    }

    #[test]
    fn the_state_table_holds_while_closed() {
        let fail_once: Event = |breaker| fail(breaker, 1, Evidence::MayBeDown, 1);
        let fail_often: Event = |breaker| (0..9).any(|_| fail(breaker, 1, Evidence::MayBeDown, 1));
        let fail_ten_times: Event = |breaker| (0..10).any(|_| fail(breaker, 1, Evidence::MayBeDown, 1));
        let fail_for_itself: Event = |breaker| (0..99).any(|_| fail(breaker, 1, Evidence::None, 1));
        let unusable: Event = |breaker| fail(breaker, 1, Evidence::Unusable(Fault::Certificate), 1);
        let table: [(&str, Event, bool, State); 6] = [
            ("success", |breaker| breaker.succeeded(SECOND), false, State::Closed),
            ("failure", fail_once, false, State::Closed),
            ("nine failures", fail_often, false, State::Closed),
            ("ten failures", fail_ten_times, true, open_until(1.5, 0.5)),
            ("failures of suspect rows", fail_for_itself, false, State::Closed),
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
        let half = State::HalfOpen { pause: FIRST_PAUSE };
        let late_failure: Event = |breaker| fail(breaker, 9, Evidence::MayBeDown, 11);
        let table: [(&str, CircuitBreaker, Event, bool, State); 7] = [
            (
                "open, late success",
                open(),
                |breaker| breaker.succeeded(9 * SECOND),
                false,
                open_until(10.5, 0.5),
            ),
            ("open, late failure", open(), late_failure, false, open_until(10.5, 0.5)),
            ("half-open, late success", half_open(), |breaker| breaker.succeeded(9 * SECOND), false, half),
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
                |breaker| breaker.succeeded(11 * SECOND),
                true,
                State::Closed,
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
            breaker.failed(at, Evidence::MayBeDown, now);
        }
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]);
    }

    #[test]
    fn a_success_forgets_older_failures_and_keeps_those_from_after_its_start() {
        let mut breaker = CircuitBreaker::new();
        assert!(!(1..=9).any(|n| breaker.failed(SECOND, Evidence::MayBeDown, n * SECOND)));
        breaker.succeeded(5 * SECOND);
        let opens: Vec<bool> =
            (10..=14).map(|n| breaker.failed(SECOND, Evidence::MayBeDown, n * SECOND)).collect();
        assert_eq!(opens, [false, false, false, false, true]);
        assert_eq!(breaker.down_since(), 5 * SECOND);
    }

    #[test]
    fn a_row_is_suspect_once_a_success_started_after_its_first_failure() {
        let mut breaker = CircuitBreaker::new();
        assert!(!breaker.is_suspect(&log(None)) && !breaker.is_suspect(&log(Some(SECOND))));
        breaker.succeeded(2 * SECOND);
        assert!(breaker.is_suspect(&log(Some(SECOND))));
        assert!(!breaker.is_suspect(&log(Some(2 * SECOND))) && !breaker.is_suspect(&log(None)));
        assert!(breaker.is_suspect(&RowLog { has_failed_before: true, ..log(None) }));
    }

    #[test]
    fn a_late_success_in_an_outage_makes_no_row_suspect() {
        let mut breaker = open();
        assert!(!breaker.has_succeeded());
        breaker.succeeded(9 * SECOND);
        assert!(breaker.has_succeeded() && !breaker.is_suspect(&log(Some(SECOND))));
        breaker.probe_started();
        breaker.succeeded(11 * SECOND);
        assert!(breaker.is_suspect(&log(Some(SECOND))));
    }

    #[test]
    fn three_probes_that_meet_the_same_unusable_server_are_hopeless() {
        let probe = |breaker: &mut CircuitBreaker, fault: Option<Fault>| {
            breaker.probe_started();
            let evidence = fault.map_or(Evidence::MayBeDown, Evidence::Unusable);
            breaker.failed(11 * SECOND, evidence, 12 * SECOND);
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
    fn a_probe_that_was_called_back_makes_room_for_another() {
        let mut breaker = half_open();
        breaker.probe_called_back(20 * SECOND);
        assert_eq!(breaker.next_probe(), Some(20 * SECOND));
    }
}
