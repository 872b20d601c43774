//! What happened in the last second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// The most events that are remembered, several times what the server can answer in a second, so that a flood
/// does not cost more than a few megabytes.
const MOST_REMEMBERED: usize = 1 << 18;

/// The events of the second that ends now, to the nanosecond: two events exactly a second apart are never in
/// it together.
#[derive(Debug, Default)]
pub(super) struct LastSecond {
    events: VecDeque<Instant>,
}

impl LastSecond {
    /// Notes an event and says how many there were in the second that ends with it.
    pub(super) fn note(&mut self, now: Instant) -> usize {
        self.forget(now);
        if self.events.len() < MOST_REMEMBERED {
            self.events.push_back(now);
        }
        self.events.len()
    }

    /// Notes an event unless there were `most` already.
    pub(super) fn admit(&mut self, now: Instant, most: u32) -> bool {
        self.forget(now);
        let admitted = self.events.len() < usize::try_from(most).unwrap_or(usize::MAX);
        if admitted && self.events.len() < MOST_REMEMBERED {
            self.events.push_back(now);
        }
        admitted
    }

    /// Forgets what was before this second.
    fn forget(&mut self, now: Instant) {
        while self.events.front().is_some_and(|event| now.saturating_duration_since(*event) >= SECOND) {
            self.events.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn counts_a_sliding_second() {
        let (mut second, start) = (LastSecond::default(), Instant::now());
        let counts: Vec<usize> = [0, 500, 999, 1000, 1499, 1500, 9000]
            .into_iter()
            .map(|at| second.note(after(start, at)))
            .collect();
        assert_eq!(counts, [1, 2, 3, 3, 4, 4, 1]);
    }

    #[test]
    fn admits_no_more_than_the_limit() {
        let (mut second, start) = (LastSecond::default(), Instant::now());
        let admitted: Vec<bool> = [0, 0, 1, 999, 1000, 1000, 1001]
            .into_iter()
            .map(|at| second.admit(after(start, at), 2))
            .collect();
        assert_eq!(admitted, [true, true, false, false, true, true, false]);
        assert!(!second.admit(after(start, 5000), 0));
    }

    #[test]
    fn remembers_a_bounded_number() {
        let (mut second, start) = (LastSecond::default(), Instant::now());
        for _ in 0..MOST_REMEMBERED + 10 {
            second.note(start);
        }
        assert_eq!(second.events.len(), MOST_REMEMBERED);
    }
}
