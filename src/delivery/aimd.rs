//! The adaptive rate: [additive increase, multiplicative decrease](https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease)
//! below `--rate`, though the increase is a part of the rate as well, so that a second costs the same at any rate. Pure:
//! replies and times in, a rate out.
//!
//! While the breaker is open no reply is counted, and the rate grows on: measured with a server that is up and down every
//! five seconds, a rate that stands still in between ends at a crawl.

use super::time::Time;
use std::time::Duration;

/// What a cut leaves of the rate. Chosen with the model: half loses too much to limiters with a bucket.
const DECREASE: f64 = 0.7;

/// The growth of the rate a second. Chosen with the model: 3% finds a limit again within a minute and meets it rarely.
const INCREASE: f64 = 1.03;

/// The share of overloads among the replies that cuts the rate. Chosen: a few rows that always fail are no overload.
const OVERLOAD_SHARE: f64 = 0.1;

/// The fewest replies that a share is taken of. Chosen: two of twenty are chance, three are not.
const FEWEST_REPLIES: u32 = 20;

/// Replies are counted anew after this many, so that the share is of late. Chosen.
const MOST_REPLIES: u32 = 50;

/// The lowest rate, in attempts a second, unless `--rate` is lower. Chosen: slower, nobody would wait for it.
const FLOOR: f64 = 0.5;

/// How long a run must have sent before its pace, in attempts a second, is known.
const WARM_UP: Duration = Duration::from_secs(1);

/// What a reply says of the server's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// It was answered.
    Normal,
    /// An overload that one row in ten may meet by itself: 503, 504, …
    Overloaded,
    /// 429, which is about the rate.
    TooManyRequests,
}

impl Load {
    /// Reads a status. A 500 is mostly about its row.
    pub(super) fn of(status: u16) -> Load {
        match status {
            429 => Load::TooManyRequests,
            408 | 425 | 502..=504 | 509 | 520..=530 => Load::Overloaded,
            _ => Load::Normal,
        }
    }
}

/// The rate that the server is assumed to bear.
#[derive(Debug)]
pub(super) struct AimdRate {
    /// `--rate` in attempts a second; infinite if unlimited.
    ceiling: f64,
    rate: f64,
    /// Until when the growth is part of `rate`.
    grown_until: Time,
    /// Replies since the last cut, and overloads among them.
    replies: u32,
    overloads: u32,
    /// The last cut. Replies to attempts from before it say nothing of the new rate.
    cut_at: Option<Time>,
}

impl AimdRate {
    /// Begins at `ceiling` attempts a second; `None` is unlimited.
    pub(super) fn new(ceiling: Option<f64>) -> AimdRate {
        let ceiling = ceiling.unwrap_or(f64::INFINITY);
        AimdRate { ceiling, rate: ceiling, grown_until: Time::ZERO, replies: 0, overloads: 0, cut_at: None }
    }

    /// The rate in attempts a second; `None` if it is not below the ceiling.
    pub(super) fn below_ceiling(&mut self, now: Time) -> Option<f64> {
        let seconds = now.saturating_sub(self.grown_until).as_secs_f64();
        self.rate = (self.rate * INCREASE.powf(seconds)).min(self.ceiling);
        self.grown_until = now;
        (self.rate < self.ceiling).then_some(self.rate)
    }

    /// Counts a reply to an attempt that began at `started`, when `pace` attempts had started within a second. True if the
    /// rate is cut.
    pub(super) fn replied(&mut self, load: Load, started: Time, pace: usize, now: Time) -> bool {
        if self.cut_at.is_some_and(|at| started <= at) {
            return false;
        }
        self.replies += 1;
        self.overloads += u32::from(load != Load::Normal);
        let share = f64::from(self.overloads) / f64::from(self.replies);
        let is_overload =
            self.replies >= FEWEST_REPLIES && share > OVERLOAD_SHARE && load == Load::Overloaded;
        if load != Load::TooManyRequests && !is_overload {
            if self.replies >= MOST_REPLIES {
                (self.replies, self.overloads) = (0, 0);
            }
            return false;
        }
        let _ = self.below_ceiling(now);
        let floor = FLOOR.min(self.ceiling);
        // In the first second of a run the pace is that of a part of a second.
        let is_pace_known = started >= WARM_UP || self.ceiling.is_infinite();
        let sent = if is_pace_known { self.rate.min(pace as f64) } else { self.rate };
        self.rate = (DECREASE * sent).max(floor);
        (self.replies, self.overloads, self.cut_at) = (0, 0, Some(now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(aimd: &mut AimdRate, now: Time) -> f64 {
        aimd.below_ceiling(now).unwrap_or(f64::INFINITY)
    }

    #[test]
    fn a_429_cuts_the_rate_to_seven_tenths_of_what_was_sent() {
        let mut aimd = AimdRate::new(Some(100.0));
        assert_eq!(aimd.below_ceiling(SECOND), None);
        assert!(aimd.replied(Load::TooManyRequests, SECOND, 40, SECOND));
        assert_eq!(rate(&mut aimd, SECOND), 28.0);
        // Never from more than the rate itself.
        assert!(aimd.replied(Load::TooManyRequests, 2 * SECOND, 400, 2 * SECOND));
        assert!((rate(&mut aimd, 2 * SECOND) - 28.0 * 1.03 * 0.7).abs() < 1e-9);
    }

    #[test]
    fn a_429_to_the_first_request_does_not_leave_a_crawl() {
        let mut aimd = AimdRate::new(Some(100.0));
        assert!(aimd.replied(Load::TooManyRequests, SECOND / 100, 1, SECOND / 10));
        assert_eq!(rate(&mut aimd, SECOND / 10), 70.0);
        let mut unlimited = AimdRate::new(None);
        assert!(unlimited.replied(Load::TooManyRequests, SECOND / 100, 10, SECOND / 10));
        assert_eq!(rate(&mut unlimited, SECOND / 10), 7.0);
    }

    #[test]
    fn replies_to_attempts_from_before_the_last_cut_are_ignored() {
        let mut aimd = AimdRate::new(Some(100.0));
        assert!(aimd.replied(Load::TooManyRequests, SECOND, 100, 2 * SECOND));
        for started in [SECOND, 2 * SECOND] {
            assert!(!aimd.replied(Load::TooManyRequests, started, 100, 3 * SECOND));
        }
        assert!(aimd.replied(Load::TooManyRequests, 2 * SECOND + Duration::from_nanos(1), 100, 3 * SECOND));
    }

    #[test]
    fn one_overload_in_ten_is_borne_and_more_are_not() {
        let replied = |every: u32| {
            let mut aimd = AimdRate::new(Some(100.0));
            let load = |n: u32| if n.is_multiple_of(every) { Load::Overloaded } else { Load::Normal };
            (1..=1000).any(|n| aimd.replied(load(n), SECOND, 100, SECOND))
        };
        assert!(!replied(10));
        assert!(replied(9));
        let mut aimd = AimdRate::new(Some(100.0));
        assert!((1..20).all(|_| !aimd.replied(Load::Overloaded, SECOND, 100, SECOND)));
        assert!(aimd.replied(Load::Overloaded, SECOND, 100, SECOND));
    }

    #[test]
    fn the_share_is_of_late() {
        let mut aimd = AimdRate::new(Some(100.0));
        let mut cut = |load, count| (0..count).any(|_| aimd.replied(load, SECOND, 100, SECOND));
        assert!(!cut(Load::Normal, 10_000));
        assert!(cut(Load::Overloaded, 20));
    }

    #[test]
    fn the_rate_grows_back_to_the_ceiling() {
        let mut aimd = AimdRate::new(Some(100.0));
        aimd.replied(Load::TooManyRequests, SECOND, 10, SECOND);
        assert_eq!(rate(&mut aimd, SECOND), 7.0);
        assert!((rate(&mut aimd, 2 * SECOND) - 7.21).abs() < 1e-9);
        assert_eq!(aimd.below_ceiling(100 * SECOND), None);
    }

    #[test]
    fn the_rate_never_falls_below_its_floor() {
        for (ceiling, floor) in [(None, 0.5), (Some(10.0), 0.5), (Some(0.1), 0.1)] {
            let mut aimd = AimdRate::new(ceiling);
            for second in 1..100 {
                aimd.replied(Load::TooManyRequests, second * SECOND, 0, second * SECOND);
            }
            assert_eq!(aimd.rate, floor, "{ceiling:?}");
        }
    }

    #[test]
    fn a_500_is_about_its_row_and_a_rate_limiter_speaks_with_429_or_an_overload() {
        assert_eq!([500, 200, 404].map(Load::of), [Load::Normal; 3]);
        assert_eq!([408, 425, 502, 503, 504, 509, 520, 530].map(Load::of), [Load::Overloaded; 8]);
        assert_eq!(Load::of(429), Load::TooManyRequests);
    }
}
