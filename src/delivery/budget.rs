//! The run-wide [retry budget](https://docs.rs/tower/latest/tower/retry/budget/), a
//! [token bucket](https://en.wikipedia.org/wiki/Token_bucket): retries stay about a tenth of the load when many rows fail.
//! With only a limit on the attempts of each row, a broken server would receive five times as many requests as a sound one.

use std::time::Duration;

/// Tokens that a first attempt deposits. Chosen, as in tower: retries are a tenth of first attempts in the long run.
const DEPOSIT: f64 = 0.1;

/// Capacity of the bucket in tokens, and its level at the start. Chosen: a short disturbance is retried without waiting.
const CAPACITY: f64 = 20.0;

/// The least refill in tokens per second while no first attempt can be made. Chosen.
const TRICKLE: f64 = 0.5;

/// The refill in tokens per second while no first attempt can be made and the rate is unlimited. Chosen.
const UNLIMITED_TRICKLE: f64 = 10.0;

/// Tokens for retries.
#[derive(Debug)]
pub(super) struct Budget {
    tokens: f64,
    /// The refill in tokens per second while no first attempt can be made.
    trickle_rate: f64,
    /// The time since which no first attempt could be made.
    idle_since: Option<Duration>,
}

impl Budget {
    /// A full budget for a run of at most `rate` attempts per second.
    pub(super) fn new(rate: Option<f64>) -> Budget {
        let trickle_rate = rate.map_or(UNLIMITED_TRICKLE, |rate| (rate * DEPOSIT).max(TRICKLE));
        Budget { tokens: CAPACITY, trickle_rate, idle_since: None }
    }

    /// Deposits the share of a first attempt.
    pub(super) fn deposit(&mut self) {
        self.idle_since = None;
        self.add_tokens(DEPOSIT);
    }

    /// Returns the token of a retry that succeeded, did not leave, or follows a stale attempt.
    pub(super) fn refund(&mut self) {
        self.add_tokens(1.0);
    }

    /// Whether a retry may start now.
    pub(super) fn has_token(&self) -> bool {
        self.tokens >= 1.0
    }

    /// Takes the token of a retry that starts.
    pub(super) fn withdraw(&mut self) {
        self.tokens -= 1.0;
    }

    /// Refills the bucket by the time that has passed. Called while only retries are left to send and no token is there.
    /// Returns the time of the next token.
    pub(super) fn refill(&mut self, now: Duration) -> Duration {
        let since = *self.idle_since.get_or_insert(now);
        self.add_tokens(now.saturating_sub(since).as_secs_f64() * self.trickle_rate);
        self.idle_since = Some(now);
        let missing = (1.0 - self.tokens).max(0.0);
        // A wait of zero, by rounding, would make the caller spin.
        now + Duration::from_secs_f64(missing / self.trickle_rate) + Duration::from_micros(1)
    }

    fn add_tokens(&mut self, tokens: f64) {
        self.tokens = (self.tokens + tokens).min(CAPACITY);
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
            budget.deposit();
            while budget.has_token() {
                budget.withdraw();
                retries += 1;
            }
        }
        assert!((1000..=1025).contains(&retries), "{retries}");
    }

    #[test]
    fn a_successful_retry_costs_no_token() {
        let mut budget = Budget::new(None);
        for _ in 0..10_000 {
            assert!(budget.has_token());
            budget.withdraw();
            budget.refund();
        }
    }

    #[test]
    fn the_budget_refills_without_first_attempts() {
        let mut budget = Budget::new(Some(100.0));
        while budget.has_token() {
            budget.withdraw();
        }
        let mut now = Duration::from_secs(5);
        let mut retries = 0;
        while now < Duration::from_secs(15) {
            now = budget.refill(now);
            if budget.has_token() {
                budget.withdraw();
                retries += 1;
            }
        }
        assert!((95..=102).contains(&retries), "{retries}");
    }
}
