//! The limits of a run.

use super::brakes::Brakes;
use super::rate::Rate;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

/// Open rows for each request that may be in flight (`K = max(64, 4 × C)`). Chosen: three rows wait for their records while
/// one is sent.
pub const OPEN_ROWS_PER_REQUEST: usize = 4;

/// The least `K`. Chosen: a few rows that wait for a retry must not stop a run of low concurrency.
pub const MIN_OPEN_ROWS: usize = 64;

/// The limits of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most requests in flight (`C`).
    pub concurrency: NonZeroUsize,
    /// The most attempts started in any window, retries included.
    pub rate: Rate,
    /// The most attempts of one row that are charged to it.
    pub max_attempts: NonZeroU32,
    /// The longest `Retry-After` that is waited for; a longer one stops the run.
    pub max_retry_after: Duration,
    /// How long the server may answer nothing before the run stops.
    pub max_outage: Duration,
    /// Limits that end the run early.
    pub brakes: Brakes,
    /// After an interrupt, how long to wait for the attempts in flight.
    pub drain_timeout: Duration,
    /// Whether to send slower than the rate while the server is overloaded.
    pub adapt: bool,
    /// Seeds the jitter of the backoff; `None` is another run every time.
    pub seed: Option<u64>,
}

impl Settings {
    /// The most rows open at once (`K`), which is also the most that a crash makes the next run repeat.
    #[must_use]
    pub fn open_rows(&self) -> usize {
        self.concurrency.get().saturating_mul(OPEN_ROWS_PER_REQUEST).max(MIN_OPEN_ROWS)
    }
}
