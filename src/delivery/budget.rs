//! The run-wide [retry budget](https://docs.rs/tower/latest/tower/retry/budget/), a token bucket: however many rows fail,
//! retries stay a small part of the load. A cap on the attempts of each row alone would let a broken server see five times
//! as many requests as a sound one.

use std::time::Duration;

/// Tokens that a first attempt pays in. Chosen, as in tower: retries are a tenth of first attempts in the long run.
const DEPOSIT: f64 = 0.1;

/// Tokens at the start, and the most there ever are. Chosen: a short disturbance is retried without waiting.
const FULL: f64 = 20.0;

/// The least tokens a second that come in while no first attempt can be made. Chosen.
const TRICKLE: f64 = 0.5;

/// The same of a run whose rate is unlimited. Chosen.
const UNLIMITED_TRICKLE: f64 = 10.0;

/// Tokens for retries.
#[derive(Debug)]
pub(super) struct Budget {
    tokens: f64,
    /// Tokens a second while no first attempt can be made.
    trickle_rate: f64,
    /// Since when none could be made.
    idle_since: Option<Duration>,
}

impl Budget {
    /// A full budget for a run of at most `rate` attempts a second.
    pub(super) fn new(rate: Option<f64>) -> Budget {
        let trickle_rate = rate.map_or(UNLIMITED_TRICKLE, |rate| (rate * DEPOSIT).max(TRICKLE));
        Budget { tokens: FULL, trickle_rate, idle_since: None }
    }

    /// A row's first attempt starts.
    pub(super) fn first_attempt(&mut self) {
        self.idle_since = None;
        self.pay_in(DEPOSIT);
    }

    /// Gives back the token of a retry that succeeded, did not leave, or follows a stale attempt.
    pub(super) fn refund(&mut self) {
        self.pay_in(1.0);
    }

    /// Whether a retry may start now.
    pub(super) fn has_token(&self) -> bool {
        self.tokens >= 1.0
    }

    /// A retry starts and takes a token.
    pub(super) fn retry(&mut self) {
        self.tokens -= 1.0;
    }

    /// Only retries are left to send and there is no token: tokens trickle in. Returns when the next one is there.
    pub(super) fn trickle(&mut self, now: Duration) -> Duration {
        let since = *self.idle_since.get_or_insert(now);
        self.pay_in(now.saturating_sub(since).as_secs_f64() * self.trickle_rate);
        self.idle_since = Some(now);
        let missing = (1.0 - self.tokens).max(0.0);
        // Rounding must not make the caller ask again at once for ever.
        now + Duration::from_secs_f64(missing / self.trickle_rate) + Duration::from_micros(1)
    }

    fn pay_in(&mut self, tokens: f64) {
        self.tokens = (self.tokens + tokens).min(FULL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_that_fail_stay_a_tenth_of_first_attempts() {
        let mut budget = Budget::new(Some(10.0));
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.first_attempt();
            while budget.has_token() {
                budget.retry();
                retries += 1;
            }
        }
        assert!((1000..=1025).contains(&retries), "{retries}");
    }

    #[test]
    fn retries_that_get_through_are_free() {
        let mut budget = Budget::new(None);
        for _ in 0..10_000 {
            assert!(budget.has_token());
            budget.retry();
            budget.refund();
        }
    }

    #[test]
    fn without_first_attempts_tokens_trickle_in() {
        let mut budget = Budget::new(Some(100.0));
        while budget.has_token() {
            budget.retry();
        }
        let mut now = Duration::from_secs(5);
        let mut retries = 0;
        while now < Duration::from_secs(15) {
            now = budget.trickle(now);
            if budget.has_token() {
                budget.retry();
                retries += 1;
            }
        }
        assert!((95..=102).contains(&retries), "{retries}");
    }
}
