//! By when the attempts of the last window have reached the server. That is what a server's limit counts, and
//! nobody tells: a request has left on its connection by then, a reply says that its request was there before, and
//! one that is overdue may be under way still.

use std::collections::VecDeque;
use std::time::Duration;

/// How long a request that has left is taken to need to the server in any case, if its reply is not there sooner.
const SLACK: Duration = Duration::from_millis(5);

/// The same for the first attempts: the server has to take up their connections first.
const FIRST_SLACK: Duration = Duration::from_millis(50);

/// Which ones these are, by how long after the first of all they leave.
const FIRST: Duration = Duration::from_millis(500);

/// The most that an overdue reply is put down to the way there. Servers have slow requests too.
const LONGEST_DELAY: Duration = Duration::from_millis(100);

/// Time since some fixed start.
type Time = Duration;

#[derive(Clone, Copy)]
struct Left {
    at: Time,
    replied: Option<Time>,
}

/// The attempts that have left within the last window.
#[derive(Default)]
pub(super) struct Arrivals {
    /// Oldest first.
    left: VecDeque<Left>,
    /// When those are out of the window that would be by now, had they not taken unusually long. Each keeps one place and
    /// no other: those behind it were there in time.
    late: Vec<Time>,
    /// When the first of all left.
    began: Option<Time>,
    usual: Usual,
}

impl Arrivals {
    /// Notes when an attempt has left.
    pub(super) fn left(&mut self, at: Time) {
        self.began.get_or_insert(at);
        let index = match self.left.back() {
            Some(last) if last.at > at => self.left.partition_point(|left| left.at <= at),
            _ => self.left.len(),
        };
        self.left.insert(index, Left { at, replied: None });
    }

    /// Notes the reply to an attempt that had left at this time. Of those that left at the same time it does not
    /// matter which is meant.
    pub(super) fn replied(&mut self, left_at: Time, now: Time) {
        // Also from one that is out of the window by now: else only the quick ones told how long replies take.
        self.usual.learn(now.saturating_sub(left_at));
        let index = self.left.partition_point(|left| left.at < left_at);
        let those = self.left.range_mut(index..).take_while(|left| left.at == left_at);
        if let Some(left) = those.into_iter().find(|left| left.replied.is_none()) {
            left.replied = Some(now);
        }
    }

    /// Forgets attempts that are out of the window. If as many as `count` are still in it: until when.
    pub(super) fn full_until(&mut self, now: Time, window: Duration, count: usize) -> Option<Time> {
        self.late.retain(|out| *out > now);
        let mut next_out = None;
        while let Some(oldest) = self.left.front() {
            let (out, in_time) = (self.reached(*oldest, now) + window, oldest.at + SLACK + window);
            if out > now && (now < oldest.at + window || out <= in_time) {
                next_out = Some(out.min(in_time));
                break;
            }
            if out > now {
                self.late.push(out);
            }
            self.left.pop_front();
        }
        let next_out = next_out.into_iter().chain(self.late.iter().copied()).min();
        next_out.filter(|_| self.left.len() + self.late.len() >= count)
    }

    /// By when it has reached the server: by its reply at the latest. What its reply took longer than replies
    /// usually do, it may have spent on its way.
    fn reached(&self, left: Left, now: Time) -> Time {
        let took = left.replied.unwrap_or(now).saturating_sub(left.at);
        let overdue = self.usual.exceeded_by(took).min(LONGEST_DELAY);
        let slack = if left.at < self.began.unwrap_or_default() + FIRST { FIRST_SLACK } else { SLACK };
        left.at + took.min(slack.max(overdue + SLACK))
    }
}

/// How long replies usually take: about thirty-nine of forty take no longer.
#[derive(Default)]
struct Usual {
    most: Option<Duration>,
    /// How many replies it was learnt from.
    learnt: u32,
}

impl Usual {
    /// A quantile from a stream without keeping it: up thirty-nine steps for each reply that took longer, down one
    /// step for each that did not. The steps are long at first.
    fn learn(&mut self, took: Duration) {
        const STEP: f64 = 0.005;
        self.learnt = self.learnt.saturating_add(1);
        let step = STEP.max(0.5 / f64::from(self.learnt));
        let took = took.max(Duration::from_micros(1));
        self.most = Some(match self.most {
            None => took,
            Some(most) if took > most => most.mul_f64(1.0 + 39.0 * step).min(took),
            Some(most) => most.mul_f64(1.0 - step).max(took),
        });
    }

    fn exceeded_by(&self, took: Duration) -> Duration {
        self.most.map_or(Duration::ZERO, |most| took.saturating_sub(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(1);
    const LATER: Time = Duration::from_secs(10);

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// What is taken for the arrival of an attempt whose reply took `took` at a server of `usual` replies.
    fn delay(usual: &[u64], took: u64) -> Duration {
        let mut arrivals = Arrivals::default();
        usual.iter().for_each(|took| arrivals.usual.learn(millis(*took)));
        let left = Left { at: LATER, replied: Some(LATER + millis(took)) };
        arrivals.reached(left, LATER + WINDOW) - LATER
    }

    #[test]
    fn a_reply_tells_the_latest_time() {
        assert_eq!(delay(&[2; 50], 2), millis(2));
        assert_eq!(delay(&[2; 50], 4), millis(4));
    }

    #[test]
    fn a_slow_server_is_not_taken_for_a_slow_way() {
        assert_eq!(delay(&[80; 50], 80), SLACK);
        let uneven: Vec<u64> = (0..400).map(|index| 50 + index * 37 % 100).collect();
        assert!(delay(&uneven, 120) <= millis(10), "{:?}", delay(&uneven, 120));
    }

    #[test]
    fn an_overdue_reply_may_have_come_from_an_overdue_request() {
        assert_eq!(delay(&[2; 50], 30), millis(30));
        assert_eq!(delay(&[80; 50], 110), millis(35));
        assert_eq!(delay(&[2; 50], 900), LONGEST_DELAY + SLACK);
        // No reply at all after a window.
        let mut arrivals = Arrivals::default();
        arrivals.usual.learn(millis(2));
        arrivals.left(LATER);
        assert_eq!(
            arrivals.full_until(LATER + WINDOW, WINDOW, 1),
            Some(LATER + WINDOW + LONGEST_DELAY + SLACK)
        );
    }

    #[test]
    fn one_that_may_have_been_late_keeps_no_place_but_its_own() {
        let mut arrivals = Arrivals { began: Some(Time::ZERO), ..Arrivals::default() };
        arrivals.usual.learn(millis(2));
        for index in 0..10 {
            let left_at = LATER + millis(100) * index;
            arrivals.left(left_at);
            arrivals.replied(left_at, left_at + if index == 0 { millis(300) } else { millis(2) });
        }
        assert_eq!(arrivals.full_until(LATER + millis(1010), WINDOW, 10), Some(LATER + WINDOW + millis(102)));
        assert_eq!(arrivals.full_until(LATER + millis(1010), WINDOW, 11), None);
        // The second is out of the window before the first.
        assert_eq!(arrivals.full_until(LATER + millis(1103), WINDOW, 10), None);
        assert_eq!(
            arrivals.full_until(LATER + millis(1103), WINDOW, 9),
            Some(LATER + WINDOW + LONGEST_DELAY + SLACK)
        );
    }

    #[test]
    fn only_as_many_as_the_window_takes() {
        let mut arrivals = Arrivals::default();
        arrivals.left(LATER);
        arrivals.replied(LATER, LATER + millis(1));
        assert_eq!(arrivals.full_until(LATER + millis(2), WINDOW, 2), None);
        arrivals.left(LATER + millis(2));
        let out = LATER + millis(1) + WINDOW;
        assert_eq!(arrivals.full_until(LATER + millis(3), WINDOW, 2), Some(out));
        assert_eq!(arrivals.full_until(out, WINDOW, 2), None);
    }
}
