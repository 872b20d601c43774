//! The adaptive rate: [additive increase, multiplicative decrease](https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease)
//! below `--rate`. The increase is multiplicative too, so that the search takes equally long at any rate. Pure: replies and
//! times in, a rate out.
//!
//! While the breaker is open, replies are not counted and the rate still grows. Measured with a server that is up and down
//! every five seconds: without this growth the rate sinks to its floor.

use super::time::Time;
use std::time::Duration;

/// The factor of a cut. Chosen with the model: a factor of a half loses too much against limiters with a token bucket.
const DECREASE: f64 = 0.7;

/// The growth factor per second. Chosen with the model: 3% finds a limit again within a minute and exceeds it rarely.
const INCREASE: f64 = 1.03;

/// The share of overloads among the replies above which the rate is cut. Chosen: a few rows that always fail are no overload.
const OVERLOAD_SHARE: f64 = 0.1;

/// The fewest replies for a share. Chosen: two overloads of twenty are chance, three are not.
const FEWEST_REPLIES: u32 = 20;

/// The replies after which the count restarts, so that the share covers recent replies only. Chosen.
const MOST_REPLIES: u32 = 50;

/// The lowest rate in attempts per second, unless `--rate` is lower. Chosen: a slower run would never end.
const FLOOR: f64 = 0.5;

/// The time after which the pace of a run is known: the window of the pace, one second.
const WARM_UP: Duration = Duration::from_secs(1);

/// The load of the server that a reply indicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerLoad {
    /// Any other reply.
    Normal,
    /// 503, 504 and the like. One row in ten may cause such a reply by itself.
    Overloaded,
    /// 429, the reply of a rate limiter.
    TooManyRequests,
}

impl ServerLoad {
    /// Classifies a status. The cause of a 500 is mostly its row.
    pub(super) fn of(status: u16) -> ServerLoad {
        match status {
            429 => ServerLoad::TooManyRequests,
            408 | 425 | 502..=504 | 509 | 520..=530 => ServerLoad::Overloaded,
            _ => ServerLoad::Normal,
        }
    }
}

/// The rate that the server is assumed to sustain.
#[derive(Debug)]
pub(super) struct AimdRate {
    /// `--rate` in attempts per second; infinite if unlimited.
    ceiling: f64,
    /// In attempts per second.
    rate: f64,
    /// The time up to which `rate` includes its growth.
    grown_until: Time,
    /// Replies since the last cut.
    replies: u32,
    /// Overloads since the last cut.
    overloads: u32,
    /// The last cut. Replies to attempts that started before the cut do not count against the new rate.
    cut_at: Option<Time>,
}

impl AimdRate {
    /// Begins at `ceiling` attempts per second; `None` is unlimited.
    pub(super) fn new(ceiling: Option<f64>) -> AimdRate {
        let ceiling = ceiling.unwrap_or(f64::INFINITY);
        AimdRate { ceiling, rate: ceiling, grown_until: Time::ZERO, replies: 0, overloads: 0, cut_at: None }
    }

    /// The rate in attempts per second; `None` if the rate is at the ceiling.
    pub(super) fn below_ceiling(&mut self, now: Time) -> Option<f64> {
        let seconds = now.saturating_sub(self.grown_until).as_secs_f64();
        self.rate = (self.rate * INCREASE.powf(seconds)).min(self.ceiling);
        self.grown_until = now;
        (self.rate < self.ceiling).then_some(self.rate)
    }

    /// Counts a reply to an attempt that began at `started`, when `pace` attempts had started within a second. True if the
    /// rate is cut.
    pub(super) fn count_reply(&mut self, load: ServerLoad, started: Time, pace: usize, now: Time) -> bool {
        if self.cut_at.is_some_and(|at| started <= at) {
            return false;
        }
        self.replies += 1;
        self.overloads += u32::from(load != ServerLoad::Normal);
        let share = f64::from(self.overloads) / f64::from(self.replies);
        let is_overload =
            self.replies >= FEWEST_REPLIES && share > OVERLOAD_SHARE && load == ServerLoad::Overloaded;
        if load != ServerLoad::TooManyRequests && !is_overload {
            if self.replies >= MOST_REPLIES {
                (self.replies, self.overloads) = (0, 0);
            }
            return false;
        }
        let _ = self.below_ceiling(now);
        let floor = FLOOR.min(self.ceiling);
        // In the first second of a run, the pace covers less than a second.
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
    fn a_429_cuts_the_rate_to_seven_tenths_of_the_pace() {
        let mut aimd = AimdRate::new(Some(100.0));
        assert_eq!(aimd.below_ceiling(SECOND), None);
        assert!(aimd.count_reply(ServerLoad::TooManyRequests, SECOND, 40, SECOND));
        assert_eq!(rate(&mut aimd, SECOND), 28.0);
        // A pace above the rate does not count.
        assert!(aimd.count_reply(ServerLoad::TooManyRequests, 2 * SECOND, 400, 2 * SECOND));
        assert!((rate(&mut aimd, 2 * SECOND) - 28.0 * 1.03 * 0.7).abs() < 1e-9);
    }

    #[test]
    fn a_429_to_the_first_request_does_not_cut_the_rate_to_its_floor() {
        let mut aimd = AimdRate::new(Some(100.0));
        assert!(aimd.count_reply(ServerLoad::TooManyRequests, SECOND / 100, 1, SECOND / 10));
        assert_eq!(rate(&mut aimd, SECOND / 10), 70.0);
        let mut unlimited = AimdRate::new(None);
        assert!(unlimited.count_reply(ServerLoad::TooManyRequests, SECOND / 100, 10, SECOND / 10));
        assert_eq!(rate(&mut unlimited, SECOND / 10), 7.0);
    }

    #[test]
    fn replies_to_attempts_from_before_the_last_cut_are_ignored() {
        let mut aimd = AimdRate::new(Some(100.0));
        assert!(aimd.count_reply(ServerLoad::TooManyRequests, SECOND, 100, 2 * SECOND));
        for started in [SECOND, 2 * SECOND] {
            assert!(!aimd.count_reply(ServerLoad::TooManyRequests, started, 100, 3 * SECOND));
        }
        assert!(aimd.count_reply(
            ServerLoad::TooManyRequests,
            2 * SECOND + Duration::from_nanos(1),
            100,
            3 * SECOND
        ));
    }

    #[test]
    fn one_overload_in_ten_does_not_cut_the_rate_and_more_do() {
        let is_cut = |every: u32| {
            let mut aimd = AimdRate::new(Some(100.0));
            let load =
                |n: u32| if n.is_multiple_of(every) { ServerLoad::Overloaded } else { ServerLoad::Normal };
            (1..=1000).any(|n| aimd.count_reply(load(n), SECOND, 100, SECOND))
        };
        assert!(!is_cut(10));
        assert!(is_cut(9));
        let mut aimd = AimdRate::new(Some(100.0));
        assert!((1..20).all(|_| !aimd.count_reply(ServerLoad::Overloaded, SECOND, 100, SECOND)));
        assert!(aimd.count_reply(ServerLoad::Overloaded, SECOND, 100, SECOND));
    }

    #[test]
    fn the_share_covers_recent_replies_only() {
        let mut aimd = AimdRate::new(Some(100.0));
        let mut cut = |load, count| (0..count).any(|_| aimd.count_reply(load, SECOND, 100, SECOND));
        assert!(!cut(ServerLoad::Normal, 10_000));
        assert!(cut(ServerLoad::Overloaded, 20));
    }

    #[test]
    fn the_rate_grows_back_to_the_ceiling() {
        let mut aimd = AimdRate::new(Some(100.0));
        aimd.count_reply(ServerLoad::TooManyRequests, SECOND, 10, SECOND);
        assert_eq!(rate(&mut aimd, SECOND), 7.0);
        assert!((rate(&mut aimd, 2 * SECOND) - 7.21).abs() < 1e-9);
        assert_eq!(aimd.below_ceiling(100 * SECOND), None);
    }

    #[test]
    fn the_rate_never_falls_below_its_floor() {
        for (ceiling, floor) in [(None, 0.5), (Some(10.0), 0.5), (Some(0.1), 0.1)] {
            let mut aimd = AimdRate::new(ceiling);
            for second in 1..100 {
                aimd.count_reply(ServerLoad::TooManyRequests, second * SECOND, 0, second * SECOND);
            }
            assert_eq!(aimd.rate, floor, "{ceiling:?}");
        }
    }

    #[test]
    fn a_429_and_gateway_errors_indicate_load_and_a_500_does_not() {
        assert_eq!([500, 200, 404].map(ServerLoad::of), [ServerLoad::Normal; 3]);
        assert_eq!([408, 425, 502, 503, 504, 509, 520, 530].map(ServerLoad::of), [ServerLoad::Overloaded; 8]);
        assert_eq!(ServerLoad::of(429), ServerLoad::TooManyRequests);
    }
}
