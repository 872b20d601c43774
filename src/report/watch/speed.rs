//! How fast rows are sent.

use std::collections::VecDeque;
use std::time::Duration;

/// The speed is that of the last seconds, this many, in which sending did not pause. Chosen.
const OVER: usize = 30;

/// The speed, from a look a second.
#[derive(Default)]
pub(super) struct Speed {
    /// Time of sending, and rows sent by then.
    looks: VecDeque<(Duration, u64)>,
    last: (Duration, u64),
}

impl Speed {
    pub(super) fn note(&mut self, time: Duration, rows: u64) {
        self.last = (time, rows);
        let is_due = self.looks.back().is_none_or(|(before, _)| time >= *before + Duration::from_secs(1));
        if is_due {
            self.looks.push_back(self.last);
            if self.looks.len() > OVER {
                self.looks.pop_front();
            }
        }
    }

    pub(super) fn rows_per_second(&self) -> f64 {
        let Some((since, before)) = self.looks.front() else { return 0.0 };
        let seconds = self.last.0.saturating_sub(*since).as_secs_f64();
        if seconds > 0.0 { self.last.1.saturating_sub(*before) as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_late() {
        let mut speed = Speed::default();
        assert_eq!(speed.rows_per_second(), 0.0);
        (0..=600).for_each(|tenth| speed.note(Duration::from_millis(tenth * 100), tenth * 10));
        assert_eq!(speed.rows_per_second(), 100.0);
        (601..=1000).for_each(|tenth| speed.note(Duration::from_millis(tenth * 100), 6000 + tenth - 600));
        assert_eq!(speed.rows_per_second(), 10.0);
    }
}
