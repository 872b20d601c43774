//! By when the attempts of the last window have reached the server. That is what a server's limit counts, and
//! nobody tells: a reply says that its request was there before, and one that is overdue may be under way still.

use std::collections::VecDeque;
use std::time::Duration;

/// How long a request is taken to need to the server in any case, if its reply is not there sooner.
const SLACK: Duration = Duration::from_millis(5);

/// The same for the first attempts, which have to connect first.
const FIRST_SLACK: Duration = Duration::from_millis(50);

/// Which ones these are, by when they start.
const FIRST: Duration = Duration::from_millis(500);

/// The most that an overdue reply is put down to the way there. Servers have slow requests too.
const LONGEST_DELAY: Duration = Duration::from_millis(100);

/// Time since some fixed start.
type Time = Duration;

/// Names an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct AttemptId(u64);

#[derive(Clone, Copy)]
struct Started {
    at: Time,
    replied: Option<Time>,
}

/// The attempts of the last window, oldest first.
#[derive(Default)]
pub(super) struct Arrivals {
    started: VecDeque<Started>,
    /// The id of the first of them.
    first: u64,
    usual: Usual,
}

impl Arrivals {
    /// Notes the start of an attempt.
    pub(super) fn start(&mut self, now: Time) -> AttemptId {
        self.started.push_back(Started { at: now, replied: None });
        AttemptId(self.first + self.started.len() as u64 - 1)
    }

    /// Notes the reply to an attempt.
    pub(super) fn replied(&mut self, attempt: AttemptId, now: Time) {
        let index = attempt.0.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(started) = index.and_then(|index| self.started.get_mut(index)) {
            started.replied = Some(now);
            self.usual.learn(now.saturating_sub(started.at));
        }
    }

    /// Forgets attempts that are out of the window. If as many as `count` are left in it: until when.
    pub(super) fn full_until(&mut self, now: Time, window: Duration, count: usize) -> Option<Time> {
        while let Some(oldest) = self.started.front() {
            let out = self.reached(*oldest, now) + window;
            if out > now {
                return (self.started.len() >= count).then_some(out);
            }
            self.started.pop_front();
            self.first += 1;
        }
        None
    }

    /// By when it has reached the server: by its reply at the latest. What its reply took longer than replies
    /// usually do, it may have spent on its way.
    fn reached(&self, started: Started, now: Time) -> Time {
        let took = started.replied.unwrap_or(now).saturating_sub(started.at);
        let overdue = self.usual.exceeded_by(took).min(LONGEST_DELAY);
        let slack = if started.at < FIRST { FIRST_SLACK } else { SLACK };
        started.at + took.min(slack.max(overdue + SLACK))
    }
}

/// How long replies usually take: about nineteen of twenty take no longer.
#[derive(Default)]
struct Usual(Option<Duration>);

impl Usual {
    /// A quantile from a stream without keeping it: up nineteen steps for each reply that took longer, down one
    /// step for each that did not.
    fn learn(&mut self, took: Duration) {
        const STEP: f64 = 0.005;
        let took = took.max(Duration::from_micros(1));
        self.0 = Some(match self.0 {
            None => took,
            Some(usual) if took > usual => usual.mul_f64(1.0 + 19.0 * STEP).min(took),
            Some(usual) => usual.mul_f64(1.0 - STEP).max(took),
        });
    }

    fn exceeded_by(&self, took: Duration) -> Duration {
        self.0.map_or(Duration::ZERO, |usual| took.saturating_sub(usual))
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
        let started = Started { at: LATER, replied: Some(LATER + millis(took)) };
        arrivals.reached(started, LATER + WINDOW) - LATER
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
        arrivals.start(LATER);
        assert_eq!(
            arrivals.full_until(LATER + WINDOW, WINDOW, 1),
            Some(LATER + WINDOW + LONGEST_DELAY + SLACK)
        );
    }

    #[test]
    fn only_as_many_as_the_window_takes() {
        let mut arrivals = Arrivals::default();
        let first = arrivals.start(LATER);
        arrivals.replied(first, LATER + millis(1));
        assert_eq!(arrivals.full_until(LATER + millis(2), WINDOW, 2), None);
        arrivals.start(LATER + millis(2));
        let out = LATER + millis(1) + WINDOW;
        assert_eq!(arrivals.full_until(LATER + millis(3), WINDOW, 2), Some(out));
        assert_eq!(arrivals.full_until(out, WINDOW, 2), None);
    }
}
