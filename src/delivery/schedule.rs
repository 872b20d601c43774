//! How long a row waits before it is tried again. Pure but for the dice it is given.

use std::time::Duration;

/// The longest pause after the first attempt.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause after any attempt.
const LONGEST: Duration = Duration::from_secs(30);

/// The pause after the `attempts`-th attempt: anything up to a bound that doubles with each attempt, up to a
/// ceiling ("full jitter"), so that rows that failed together do not come back together.
pub(super) fn pause(attempts: u32, random: &mut fastrand::Rng) -> Duration {
    let bound = FIRST.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST);
    bound.mul_f64(random.f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_is_never_above_its_bound(attempts: u32, seed: u64) {
            let pause = pause(attempts, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(pause <= LONGEST);
            prop_assert!(attempts > 1 || pause <= FIRST);
        }
    }

    #[test]
    fn pauses_grow_and_differ() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut mean = |attempts| (0..1000).map(|_| pause(attempts, &mut random)).sum::<Duration>() / 1000;
        let means: Vec<_> = (1..=6).map(&mut mean).collect();
        assert!(means.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2), "{means:?}");
    }
}
