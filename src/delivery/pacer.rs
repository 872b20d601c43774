//! Permits for attempts. Every attempt takes a permit, retries and probes included.
//!
//! Three limits hold together:
//! - [governor](https://docs.rs/governor) spaces the starts evenly ([GCRA](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm))
//!   and lets a late wake-up catch up.
//! - A sliding-window log makes the ceiling exact: an attempt holds its place from its permit until one window after its
//!   request left. An attempt that waits for a connection therefore holds its place for as long as it waits.
//! - The adaptive rate ([`super::aimd`]) is a minimum gap between two starts, because governor's quota cannot change.

use super::rate::Rate;
use super::time::Time;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::cell::Cell;
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

/// The delay of a wake-up that a burst of starts makes up for. Chosen: it covers a stall of the machine; the window keeps
/// the ceiling.
const BURST_TOLERANCE: Duration = Duration::from_millis(50);

/// The delay of a wake-up that is made up for at the adaptive rate. Chosen: tokio's timer is at most a millisecond late, and
/// an overloaded server must see no burst.
const ADAPTED_TOLERANCE: Duration = Duration::from_millis(1);

/// The time added to the window, because some requests take longer to reach the server than others. Chosen: it costs half
/// a per cent of a rate per second.
const SLACK: Duration = Duration::from_millis(5);

/// The time added to the window above 1,000 attempts per second, where a stall of the machine delays many requests at once.
/// Chosen: it costs 1.5 per cent.
const SLACK_ABOVE_1000: Duration = Duration::from_millis(15);

/// The shortest wait for governor. Chosen: at 1,000 attempts a second, a wake-up costs more than the attempt it starts.
const TICK: Duration = Duration::from_millis(20);

/// The window in which the pace is counted. A cut of the adaptive rate starts from the pace.
const SECOND: Duration = Duration::from_secs(1);

/// Gives out permits. Callers pass times that never decrease.
pub(super) struct Pacer {
    limit: Option<Limit>,
    /// The time for which a departure is remembered.
    window: Duration,
    /// The times at which the requests of the last window left, oldest first.
    departures: VecDeque<Time>,
    /// Permits whose request has not left yet.
    waiting: usize,
    /// The earliest start that the adaptive rate allows.
    next_start: Time,
}

/// The ceiling that the user set.
struct Limit {
    count: usize,
    gcra: RateLimiter<NotKeyed, InMemoryState, GivenClock, NoOpMiddleware<Duration>>,
    clock: GivenClock,
}

/// A clock that is set by hand, because governor and the run must agree on the time.
#[derive(Clone, Default)]
struct GivenClock(Rc<Cell<Duration>>);

impl Clock for GivenClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.get()
    }
}

impl Pacer {
    /// A pacer for a run of at most `rate`.
    pub(super) fn new(rate: Rate) -> Pacer {
        let (limit, window) = match rate {
            Rate::Unlimited => (None, SECOND),
            Rate::Limited { count, per } => {
                let slack = if f64::from(count.get()) > 1000.0 * per.as_secs_f64() {
                    SLACK_ABOVE_1000
                } else {
                    SLACK
                };
                (Some(Limit::new(count, per)), per + slack)
            }
        };
        Pacer { limit, window, departures: VecDeque::new(), waiting: 0, next_start: Time::ZERO }
    }

    /// Takes a permit. Else the error is the time of the next try; `None`: after a request has left or an attempt has
    /// ended. `adapted` is the adaptive rate in attempts a second, if the adaptive rate is below the user's.
    pub(super) fn try_acquire(&mut self, now: Time, adapted: Option<f64>) -> Result<(), Option<Time>> {
        if adapted.is_some() && self.next_start > now {
            return Err(Some(self.next_start));
        }
        self.forget_departures(now);
        if let Some(limit) = &self.limit {
            if self.waiting + self.departures.len() >= limit.count {
                return Err(self.departures.front().map(|at| *at + self.window));
            }
            limit.take_cell(now)?;
        }
        if let Some(rate) = adapted {
            let gap = Duration::from_secs_f64(1.0 / rate);
            self.next_start = self.next_start.max(now.saturating_sub(ADAPTED_TOLERANCE)) + gap;
        }
        self.waiting += 1;
        Ok(())
    }

    /// Starts the window of a permit, as its request has left.
    pub(super) fn request_left(&mut self, at: Time) {
        self.waiting = self.waiting.checked_sub(1).expect("a request that leaves has a permit");
        let latest = self.departures.back().copied().unwrap_or_default();
        self.departures.push_back(at.max(latest));
    }

    /// Takes back the permit of an attempt that was called back before its request left.
    pub(super) fn call_back(&mut self) {
        self.waiting = self.waiting.checked_sub(1).expect("an attempt that is called back has a permit");
    }

    /// Permits that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Attempts that started in the last second.
    pub(super) fn pace(&self, now: Time) -> usize {
        self.waiting + self.departures.len() - self.departures.partition_point(|at| *at + SECOND <= now)
    }

    fn forget_departures(&mut self, now: Time) {
        while self.departures.front().is_some_and(|at| *at + self.window <= now) {
            self.departures.pop_front();
        }
    }
}

impl Limit {
    fn new(count: NonZeroU32, per: Duration) -> Limit {
        let clock = GivenClock::default();
        let period = (per / count.get()).max(Duration::from_nanos(1));
        let late = u32::try_from(BURST_TOLERANCE.as_nanos() / period.as_nanos()).unwrap_or(u32::MAX);
        let burst = NonZeroU32::MIN.saturating_add(late.max(1)).min(count);
        let quota = Quota::with_period(period).expect("a period of a nanosecond or more").allow_burst(burst);
        let gcra = RateLimiter::direct_with_clock(quota, clock.clone());
        // Nothing is late at the start, so the burst is used up then.
        if let Some(late) = NonZeroU32::new(burst.get() - 1) {
            gcra.check_n(late).expect("the burst holds one more").expect("nothing was taken before");
        }
        Limit { count: count.get() as usize, gcra, clock }
    }

    fn take_cell(&self, now: Time) -> Result<(), Option<Time>> {
        self.clock.0.set(now);
        self.gcra.check().map_err(|not_until| Some(now + not_until.wait_time_from(now).max(TICK)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The starts within `span` of a caller that asks without pause and wakes up `late` after each time the pacer names.
    fn simulate_starts(
        rate: &str,
        adapted: Option<f64>,
        span: Duration,
        mut late: impl FnMut() -> Duration,
    ) -> Vec<Duration> {
        let mut pacer = Pacer::new(rate.parse().unwrap());
        let (mut now, mut starts) = (Duration::ZERO, Vec::new());
        while now < span {
            match pacer.try_acquire(now, adapted) {
                Ok(()) => {
                    pacer.request_left(now);
                    starts.push(now);
                }
                Err(at) => {
                    let at = at.expect("nothing waits for a connection");
                    assert!(at > now);
                    now = at + late();
                }
            }
        }
        starts
    }

    /// The most starts in any `window`.
    fn busiest(starts: &[Duration], window: Duration) -> usize {
        let mut first = 0;
        let mut busiest = 0;
        for (index, start) in starts.iter().enumerate() {
            while starts[first] + window <= *start {
                first += 1;
            }
            busiest = busiest.max(index + 1 - first);
        }
        busiest
    }

    #[test]
    fn a_timer_of_a_millisecond_reaches_99_per_cent_of_the_rate_and_98_above_1000_a_second() {
        for (rate, count, per_cent) in
            [("1", 1, 99), ("10/s", 10, 99), ("100", 100, 99), ("1000", 1000, 99), ("10000", 10_000, 98)]
        {
            let mut random = fastrand::Rng::new();
            let starts =
                simulate_starts(rate, None, 60 * SECOND, || Duration::from_micros(random.u64(0..1500)));
            assert!(starts.len() * 100 >= 60 * count * per_cent, "{rate}: {}", starts.len());
            assert!(busiest(&starts, SECOND) <= count, "{rate}");
        }
    }

    #[test]
    fn a_rate_per_minute_holds_in_any_minute_and_is_spread_over_the_minute() {
        let starts = simulate_starts("120/m", None, 600 * SECOND, || Duration::from_millis(1));
        assert!((1190..=1200).contains(&starts.len()), "{}", starts.len());
        assert!(busiest(&starts, 60 * SECOND) <= 120);
        assert!(busiest(&starts, SECOND) <= 4);
    }

    #[test]
    fn starts_are_spread_over_the_second() {
        let starts = simulate_starts("100", None, 10 * SECOND, || Duration::ZERO);
        assert!(busiest(&starts, SECOND / 10) <= 12);
    }

    #[test]
    fn a_late_wake_up_does_not_widen_the_gap_of_the_adaptive_rate() {
        for rate in [0.5, 5.0, 40.0, 200.0] {
            let mut random = fastrand::Rng::new();
            let late = || Duration::from_micros(random.u64(..1000));
            let starts = simulate_starts("1000", Some(rate), 60 * SECOND, late);
            assert!(starts.len() as f64 >= 60.0 * rate * 0.99, "{rate}: {}", starts.len());
            assert!(starts.len() as f64 <= 60.0 * rate + 1.0, "{rate}: {}", starts.len());
            let closest = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).reduce(f64::min);
            assert!(closest >= Some(1.0 / rate - 0.001 - 1e-6), "{rate}: {closest:?}");
        }
    }

    #[test]
    fn an_attempt_that_waits_for_a_connection_keeps_its_place() {
        let mut pacer = Pacer::new("1".parse().unwrap());
        assert_eq!(pacer.try_acquire(Duration::ZERO, None), Ok(()));
        assert_eq!(pacer.try_acquire(10 * SECOND, None), Err(None));
        pacer.request_left(10 * SECOND);
        assert_eq!(pacer.try_acquire(10 * SECOND, None), Err(Some(11 * SECOND + SLACK)));
        pacer.try_acquire(11 * SECOND + SLACK, None).unwrap();
        pacer.call_back();
        assert_eq!(pacer.pace(11 * SECOND + SLACK), 0);
    }

    proptest! {
        #[test]
        fn no_window_ever_sees_more_than_the_rate(count in 1_u32..200, seed: u64, longest in 0_u64..3_000) {
            let mut random = fastrand::Rng::with_seed(seed);
            // The caller is sometimes stopped for ten seconds, as by SIGSTOP.
            let late = || Duration::from_millis(if random.u8(..) == 0 { 10_000 } else { random.u64(..=longest) / 100 });
            let starts = simulate_starts(&count.to_string(), None, 20 * SECOND, late);
            prop_assert!(busiest(&starts, SECOND) <= count as usize);
        }

        /// Each request takes at most `SLACK` to reach the server.
        #[test]
        fn no_window_at_the_server_sees_more_than_the_rate(count in 1_u32..100, seed: u64) {
            let mut random = fastrand::Rng::with_seed(seed);
            let starts = simulate_starts(&count.to_string(), None, 10 * SECOND, || Duration::from_micros(random.u64(..1500)));
            let mut random = fastrand::Rng::with_seed(seed);
            let mut arrivals: Vec<_> =
                starts.iter().map(|start| *start + Duration::from_micros(random.u64(..5000))).collect();
            arrivals.sort();
            prop_assert!(busiest(&arrivals, SECOND) <= count as usize);
        }
    }
}
