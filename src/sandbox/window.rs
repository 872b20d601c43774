//! A sliding window of one second, over events.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// The most events that are kept, so that a flood costs a few megabytes at most. Chosen: several times the requests
/// that the server can answer in a second.
const MOST_KEPT: usize = 1 << 18;

/// The events of the second that ends now, to the nanosecond: two events exactly a second apart are never in the
/// window together.
#[derive(Debug, Default)]
pub(super) struct SlidingWindow {
    events: VecDeque<Instant>,
}

impl SlidingWindow {
    /// Records an event and returns the number of events in the second that ends with it.
    pub(super) fn record(&mut self, now: Instant) -> usize {
        self.admit(now, u32::MAX);
        self.events.len()
    }

    /// Records an event unless the window holds `most` already; false if it does.
    pub(super) fn admit(&mut self, now: Instant, most: u32) -> bool {
        while self.events.front().is_some_and(|event| now.saturating_duration_since(*event) >= SECOND) {
            self.events.pop_front();
        }
        let admitted = self.events.len() < usize::try_from(most).unwrap_or(usize::MAX);
        if admitted && self.events.len() < MOST_KEPT {
            self.events.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_window_slides() {
        let (mut window, start) = (SlidingWindow::default(), Instant::now());
        let counts: Vec<usize> = [0, 500, 999, 1000, 1499, 1500, 9000]
            .into_iter()
            .map(|at| window.record(after(start, at)))
            .collect();
        assert_eq!(counts, [1, 2, 3, 3, 4, 4, 1]);
    }

    #[test]
    fn the_window_admits_the_limit_and_no_more() {
        let (mut window, start) = (SlidingWindow::default(), Instant::now());
        let admitted: Vec<bool> = [0, 0, 1, 999, 1000, 1000, 1001]
            .into_iter()
            .map(|at| window.admit(after(start, at), 2))
            .collect();
        assert_eq!(admitted, [true, true, false, false, true, true, false]);
        assert!(!window.admit(after(start, 5000), 0));
    }

    #[test]
    fn the_window_keeps_a_bounded_number() {
        let (mut window, start) = (SlidingWindow::default(), Instant::now());
        for _ in 0..MOST_KEPT + 10 {
            window.record(start);
        }
        assert_eq!(window.events.len(), MOST_KEPT);
    }
}
