//! The one place that gives out permits: every attempt takes one, retries included.
//!
//! Three rules hold together. governor spaces the starts evenly and lets a wake-up that came late catch up by a
//! few. The window is the ceiling itself: a start is only allowed if the N-th attempt before it reached the
//! server more than a window ago, so that no window ever sees more than N, whatever the clock or the scheduler
//! did; [`super::arrivals`] tells when an attempt has reached the server. One that waits for its connection may
//! reach it at any time, and keeps its place in every window until it does. Below both, a spacing that can change from
//! one start to the next (governor's cannot) keeps to the adaptive rate.

use super::arrivals::Arrivals;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

/// One in so many is left unused at rates that have that many, for requests that took longer than is known.
/// With the slack of [`super::arrivals`] that costs less than one per cent of the rate.
const SPARE: usize = 400;

/// How late a wake-up may come and still be made up for. The window above keeps the ceiling.
const LATE: Duration = Duration::from_millis(50);

/// The same at the adaptive rate: a server that is overloaded already shall see no burst.
const LATE_ADAPTED: Duration = Duration::from_millis(5);

/// At most so much of the time between two starts is made up for at once: a server that admits no two together refuses
/// the second where it comes too early.
const EARLIER: f64 = 0.05;

/// Or so much: a timer of a millisecond wakes up late by that, and would cost some of the rate.
const EARLIER_AT_LEAST: Duration = Duration::from_millis(1);

/// How long to wait at least until the next start: what is due by then starts together. To wake up for each one of a
/// thousand a second would cost more than to send it.
const TICK: Duration = Duration::from_millis(20);

/// The most attempts that may start in any window of `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// At most `count` in any window of `per`.
    Limited {
        /// Attempts a window.
        count: NonZeroU32,
        /// The window: a second or a minute.
        per: Duration,
    },
    /// As fast as the server answers.
    Unlimited,
}

/// The text is no rate.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a rate: write 10, 10/s, 600/m (whole numbers from 1) or unlimited")]
pub struct BadRate;

impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Rate, BadRate> {
        if text == "unlimited" {
            return Ok(Rate::Unlimited);
        }
        let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
        let per = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            _ => return Err(BadRate),
        };
        // `parse` would take a sign.
        if !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadRate);
        }
        count.parse().map(|count| Rate::Limited { count, per }).map_err(|_| BadRate)
    }
}

impl Rate {
    /// The part of each of so many runs that send at the same time, rounded down, so that all together never exceed
    /// it. What is less than one a second is counted by the minute. `None` if it is less than one a minute.
    #[must_use]
    pub fn divided(self, among: NonZeroU32) -> Option<Rate> {
        let Rate::Limited { count, per } = self else { return Some(self) };
        let minute = Duration::from_secs(60);
        let (count, per) = match count.get() / among {
            0 if per < minute => (u64::from(count.get()) * (minute.as_secs() / per.as_secs()), minute),
            _ => (u64::from(count.get()), per),
        };
        let count = NonZeroU32::new(u32::try_from(count / u64::from(among.get())).ok()?)?;
        Some(Rate::Limited { count, per })
    }

    /// Attempts a second; `None` if unlimited.
    #[must_use]
    pub fn per_second(self) -> Option<f64> {
        match self {
            Rate::Limited { count, per } => Some(f64::from(count.get()) / per.as_secs_f64()),
            Rate::Unlimited => None,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::Limited { count, per } if *per == Duration::from_secs(60) => write!(formatter, "{count}/m"),
            Rate::Limited { count, .. } => write!(formatter, "{count}/s"),
            Rate::Unlimited => formatter.write_str("unlimited"),
        }
    }
}

/// Gives out permits. Time is given to it, as the time since some fixed start, and never goes back.
pub(super) struct Pacer {
    limit: Option<Limit>,
    /// When the adaptive rate allows the next start.
    next: Duration,
}

struct Limit {
    count: usize,
    window: Duration,
    /// The attempts of the last window; never more than `count`.
    arrivals: Arrivals,
    even: RateLimiter<NotKeyed, InMemoryState, GivenClock, NoOpMiddleware<Duration>>,
    clock: GivenClock,
}

/// A clock that shows what it is set to.
#[derive(Clone, Default)]
struct GivenClock(Rc<Cell<Duration>>);

impl Clock for GivenClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.get()
    }
}

impl Pacer {
    pub(super) fn new(rate: Rate) -> Pacer {
        Pacer { limit: limit(rate), next: Duration::ZERO }
    }

    /// Takes a permit, or says when to ask again; `Err(None)`: when an attempt has left or ended. `rate` is the
    /// adaptive rate, in attempts a second; so many attempts with a permit wait for a connection.
    pub(super) fn permit(
        &mut self,
        now: Duration,
        rate: Option<f64>,
        waiting: usize,
    ) -> Result<(), Option<Duration>> {
        if rate.is_some() && self.next > now {
            return Err(Some(self.next));
        }
        if let Some(limit) = &mut self.limit {
            limit.permit(now, waiting)?;
        }
        if let Some(rate) = rate {
            // As with governor, what a late wake-up lost is made up for, up to the slack.
            let gap = Duration::from_secs_f64(1.0 / rate);
            self.next = if gap < LATE_ADAPTED {
                self.next.max(now.saturating_sub(LATE_ADAPTED)) + gap
            } else {
                let late = LATE_ADAPTED.min(gap / 4);
                let earlier = gap.mul_f64(EARLIER).max(EARLIER_AT_LEAST);
                (self.next.max(now.saturating_sub(late)) + gap).max(now + gap - earlier)
            };
        }
        Ok(())
    }

    /// The request of an attempt with a permit has left.
    pub(super) fn left(&mut self, at: Duration) {
        if let Some(limit) = &mut self.limit {
            limit.arrivals.left(at);
        }
    }

    /// The attempt that had left at this time has its reply: it had reached the server by now.
    pub(super) fn replied(&mut self, left_at: Duration, now: Duration) {
        if let Some(limit) = &mut self.limit {
            limit.arrivals.replied(left_at, now);
        }
    }
}

impl Limit {
    fn permit(&mut self, now: Duration, waiting: usize) -> Result<(), Option<Duration>> {
        self.clock.0.set(now);
        let free = self.count.checked_sub(waiting).filter(|free| *free > 0).ok_or(None)?;
        if let Some(until) = self.arrivals.full_until(now, self.window, free) {
            return Err(Some(until));
        }
        let even = self.even.check();
        even.map_err(|not_until| Some(now + not_until.wait_time_from(now).max(TICK)))
    }
}

fn limit(rate: Rate) -> Option<Limit> {
    let Rate::Limited { count, per } = rate else { return None };
    let clock = GivenClock::default();
    let period = (per / count.get()).max(Duration::from_nanos(1));
    let late = u32::try_from(LATE.as_nanos() / period.as_nanos()).unwrap_or(u32::MAX);
    let burst = NonZeroU32::MIN.saturating_add(late.max(1)).min(count);
    let quota = Quota::with_period(period)?.allow_burst(burst);
    let even = RateLimiter::direct_with_clock(quota, clock.clone());
    // Nothing is late at the start: it must not begin with a burst.
    if let Some(late) = NonZeroU32::new(burst.get() - 1) {
        let _ = even.check_n(late);
    }
    let count = count.get() as usize;
    Some(Limit { count: count - count / SPARE, window: per, arrivals: Arrivals::default(), even, clock })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The starts within `span` of a caller that always wants more, wakes `late` after each time it is told and has
    /// its replies at once.
    fn starts(rate: &str, span: Duration, mut late: impl FnMut() -> Duration) -> Vec<Duration> {
        let mut pacer = Pacer::new(rate.parse().unwrap());
        let (mut now, mut starts) = (Duration::ZERO, Vec::new());
        while now < span {
            match pacer.permit(now, None, 0) {
                Ok(()) => {
                    pacer.left(now);
                    pacer.replied(now, now);
                    starts.push(now);
                }
                Err(at) => {
                    let at = at.expect("nobody waits");
                    assert!(at > now);
                    now = at + late();
                }
            }
        }
        starts
    }

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
    fn ninety_nine_per_cent_of_the_rate_is_reached_with_a_timer_of_a_millisecond() {
        for (rate, count) in [("1", 1), ("10/s", 10), ("100", 100), ("1000", 1000), ("10000", 10_000)] {
            let mut random = fastrand::Rng::with_seed(7);
            let late = || Duration::from_micros(random.u64(0..1500));
            let starts = starts(rate, 60 * SECOND, late);
            assert!(starts.len() * 100 >= 60 * count * 99, "{rate}: {}", starts.len());
            assert!(busiest(&starts, SECOND) <= count, "{rate}");
        }
    }

    #[test]
    fn a_minutes_rate_is_kept_in_any_minute_and_spread_over_it() {
        let starts = starts("120/m", 600 * SECOND, || Duration::from_millis(1));
        assert!((1190..=1200).contains(&starts.len()), "{}", starts.len());
        assert!(busiest(&starts, 60 * SECOND) <= 120);
        assert!(busiest(&starts, SECOND) <= 4);
    }

    #[test]
    fn starts_are_spread_over_the_second() {
        let starts = starts("100", 10 * SECOND, || Duration::ZERO);
        assert!(busiest(&starts, SECOND / 10) <= 12);
    }

    proptest! {
        #[test]
        fn no_window_ever_sees_more_than_the_rate(count in 1_u32..200, seed: u64, longest in 0_u64..3_000) {
            let mut random = fastrand::Rng::with_seed(seed);
            // Now and then the caller is stopped for long, as by SIGSTOP.
            let late = || Duration::from_millis(if random.u8(..) == 0 { 10_000 } else { random.u64(..=longest) / 100 });
            let starts = starts(&count.to_string(), 20 * SECOND, late);
            prop_assert!(busiest(&starts, SECOND) <= count as usize);
        }
    }

    #[test]
    fn a_few_slow_replies_do_not_cost_the_rate() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut pacer = Pacer::new("50".parse().unwrap());
        let (mut now, mut starts, mut replies) = (Duration::ZERO, 0, Vec::new());
        while now < 60 * SECOND {
            replies.retain(|(left_at, at)| {
                if *at <= now {
                    pacer.replied(*left_at, *at);
                }
                *at > now
            });
            match pacer.permit(now, None, 0) {
                Ok(()) => {
                    pacer.left(now);
                    starts += 1;
                    let is_slow = random.u8(..100) < 3;
                    replies.push((now, now + Duration::from_millis(if is_slow { 300 } else { 2 })));
                }
                // A reply wakes the caller, too.
                Err(at) => now = replies.iter().map(|(_, at)| *at).chain(at).min().unwrap(),
            }
        }
        assert!((2970..=3000).contains(&starts), "{starts}");
    }

    proptest! {
        /// As the server sees it: each request takes its time to get there, and its reply comes after that.
        #[test]
        fn no_window_at_the_server_sees_more_than_the_rate(count in 1_u32..100, seed: u64) {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut pacer = Pacer::new(Rate::Limited { count: NonZeroU32::new(count).unwrap(), per: SECOND });
            let (mut now, mut arrivals, mut replies) = (Duration::ZERO, Vec::new(), Vec::new());
            while now < 10 * SECOND {
                replies.retain(|(left_at, at)| {
                    if *at <= now { pacer.replied(*left_at, *at) }
                    *at > now
                });
                match pacer.permit(now, None, 0) {
                    Ok(()) => {
                        pacer.left(now);
                        arrivals.push(now + Duration::from_micros(random.u64(..4900)));
                        replies.push((now, arrivals[arrivals.len() - 1] + Duration::from_micros(random.u64(..20_000))));
                    }
                    Err(at) => now = at.unwrap() + Duration::from_micros(random.u64(..1500)),
                }
            }
            arrivals.sort();
            prop_assert!(busiest(&arrivals, SECOND) <= count as usize);
            prop_assert!(arrivals.len() * 100 >= 10 * count as usize * 99 - 100);
        }
    }

    #[test]
    fn the_adaptive_rate_is_kept_below_the_ceiling() {
        let mut pacer = Pacer::new("1000".parse().unwrap());
        let (mut now, mut starts) = (Duration::ZERO, 0);
        while now < 60 * SECOND {
            match pacer.permit(now, Some(80.0), 0) {
                Ok(()) => {
                    pacer.left(now);
                    starts += 1;
                }
                Err(at) => now = at.unwrap() + Duration::from_millis(1),
            }
        }
        assert!((60 * 80 * 99 / 100..=60 * 80 + 1).contains(&starts), "{starts}");
    }

    #[test]
    fn starts_at_the_adaptive_rate_are_not_much_closer_together_after_a_late_wake_up() {
        for rate in [5.0, 40.0, 100.0] {
            let mut random = fastrand::Rng::with_seed(7);
            let mut pacer = Pacer::new("1000".parse().unwrap());
            let (mut now, mut starts) = (Duration::ZERO, Vec::new());
            while now < 60 * SECOND {
                match pacer.permit(now, Some(rate), 0) {
                    Ok(()) => {
                        pacer.left(now);
                        starts.push(now);
                    }
                    // Now and then by much more than the timer takes.
                    Err(at) => {
                        let late = if random.u8(..20) == 0 { 5000 } else { 1500 };
                        now = at.unwrap() + Duration::from_micros(random.u64(..late));
                    }
                }
            }
            let closest = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).reduce(f64::min);
            let least = (0.95 / rate).min(1.0 / rate - 0.001) - 1e-6;
            assert!(closest >= Some(least), "{rate}: {closest:?}");
            assert!(starts.len() as f64 >= 60.0 * rate * 0.98, "{rate}: {}", starts.len());
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in ["0", "-1", "+1", "1.5", "", "/s", "10/h", "10 /s", "Unlimited", "99999999999"] {
            assert_eq!(text.parse::<Rate>(), Err(BadRate), "{text}");
        }
        for text in ["10/s", "600/m", "unlimited"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_rate_is_divided_downwards() {
        let divided = |rate: &str, among| {
            let divided = rate.parse::<Rate>().unwrap().divided(NonZeroU32::new(among).unwrap());
            divided.map(|rate| rate.to_string())
        };
        for (rate, among, expected) in [
            ("10", 1, Some("10/s")),
            ("10", 4, Some("2/s")),
            ("10", 10, Some("1/s")),
            ("10", 16, Some("37/m")),
            ("600/m", 16, Some("37/m")),
            ("4294967295", 2, Some("2147483647/s")),
            ("5/m", 6, None),
            ("1", 61, None),
            ("unlimited", 8, Some("unlimited")),
        ] {
            assert_eq!(divided(rate, among).as_deref(), expected, "{rate} among {among}");
        }
    }
}
