//! What the server took lately, and what it is taken to admit.

use std::time::Duration;

/// In how many slices a second's throughput is counted. One more is kept, for the slice that is not over.
const SLICES: u64 = 50;
const KEPT: u64 = SLICES + 1;
/// Limits are mostly per second: one that was passed says no until its second is over, however slowly it is asked.
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// What an unlimited run takes for the limit if it knows nothing better, in attempts a second.
pub(super) const FIRST_LIMIT: f64 = 10.0;
/// Fewer that got through in a second say little of a limit that is told by anything but a 429.
const FEW: f64 = 2.0;
/// None at all say nothing of one as low as this.
const NONE: f64 = 6.0;
/// The lowest rate, in attempts a second.
pub(super) const LOWEST: f64 = 0.5;
/// Where an unlimited run counts as unlimited again, in attempts a second.
pub(super) const UNLIMITED: f64 = 100_000.0;

type Time = Duration;

/// How many attempts got through in the last second, in slices.
#[derive(Debug)]
pub(super) struct Throughput {
    slices: [u64; KEPT as usize],
    last: u64,
    /// Since when sending goes on without a pause.
    sending_since: Time,
    /// Until when the server's second is used up.
    used_up_until: Time,
}

impl Default for Throughput {
    fn default() -> Throughput {
        Throughput {
            slices: [0; KEPT as usize],
            last: 0,
            sending_since: Duration::ZERO,
            used_up_until: Duration::ZERO,
        }
    }
}

impl Throughput {
    /// One got through.
    pub(super) fn count(&mut self, now: Duration) {
        self.turn(now);
        self.slices[(self.last % KEPT) as usize] += 1;
    }

    /// How many in the second before `now`, and up to a slice before that.
    fn last_second(&mut self, now: Duration) -> f64 {
        self.turn(now);
        self.slices.iter().sum::<u64>() as f64
    }

    /// Sending goes on after a pause: what got through before says nothing about the rate.
    pub(super) fn goes_on(&mut self, now: Time) {
        self.sending_since = now;
    }

    /// Until when nothing more would be taken, if that is so.
    pub(super) fn used_up_until(&self, now: Time) -> Option<Time> {
        Some(self.used_up_until).filter(|until| *until > now)
    }

    /// What the server takes of what it was asked at `rate`, and whether that was seen: what got through says it after a
    /// whole second of sending, or if it was not little. Else a rate is halved and no more; where there was none, little
    /// is all there is to go by. Whether a limit is known counts.
    pub(super) fn taken(&mut self, now: Time, rate: f64, status: u16, is_known: bool) -> (f64, bool) {
        let took = self.last_second(now);
        if now >= self.sending_since + SECOND {
            let least = if status == 429 { LOWEST } else { least(rate, took, is_known) }.min(rate);
            (took.clamp(least, rate), took >= least)
        } else if took >= FIRST_LIMIT {
            // All that it takes in a second went out in less than one: more would only be refused.
            self.used_up_until = self.sending_since + SECOND;
            (took.min(rate), true)
        } else if rate >= UNLIMITED {
            (FIRST_LIMIT, false)
        } else {
            (rate, false)
        }
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

/// The least that is taken for a limit where `took` got through in a second of asking at `rate`. Rows that always fail
/// often stand side by side and let as little through as a limit does: one such place must not cost all of the rate.
fn least(rate: f64, took: f64, is_known: bool) -> f64 {
    match took {
        _ if is_known => rate / 2.0,
        FEW.. => LOWEST,
        1.0.. => rate / 4.0,
        // A limit lets some through in any second.
        _ => (rate / 4.0).max(NONE),
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
