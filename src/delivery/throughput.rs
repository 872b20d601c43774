//! What the server took lately.

use std::time::Duration;

/// In how many slices a second's throughput is counted. One more is kept, for the slice that is not over.
const SLICES: u64 = 50;
const KEPT: u64 = SLICES + 1;

/// How many attempts got through in the last second, in slices.
#[derive(Debug)]
pub(super) struct Throughput {
    slices: [u64; KEPT as usize],
    last: u64,
}

impl Default for Throughput {
    fn default() -> Throughput {
        Throughput { slices: [0; KEPT as usize], last: 0 }
    }
}

impl Throughput {
    /// One got through.
    pub(super) fn count(&mut self, now: Duration) {
        self.turn(now);
        self.slices[(self.last % KEPT) as usize] += 1;
    }

    /// How many in the second before `now`, and up to a slice before that.
    pub(super) fn last_second(&mut self, now: Duration) -> f64 {
        self.turn(now);
        self.slices.iter().sum::<u64>() as f64
    }

    /// Forgets what is more than a second ago.
    fn turn(&mut self, now: Duration) {
        let slice = now.as_millis() as u64 * SLICES / 1000;
        for old in (self.last + 1..=slice).take(KEPT as usize) {
            self.slices[(old % KEPT) as usize] = 0;
        }
        self.last = self.last.max(slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_the_second_before_and_the_slice_that_is_not_over() {
        let mut throughput = Throughput::default();
        let at = Duration::from_millis;
        (0..300).for_each(|attempt| throughput.count(at(attempt * 10)));
        assert_eq!(throughput.last_second(at(2990)), 102.0);
        assert_eq!(throughput.last_second(at(3500)), 50.0);
        // What is told late counts as of now.
        throughput.count(at(100));
        assert_eq!(throughput.last_second(at(3500)), 51.0);
        assert_eq!(throughput.last_second(at(10_000)), 0.0);
    }
}
