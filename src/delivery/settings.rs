//! The limits of a run.

use super::brakes::Brakes;
use super::rate::Rate;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

/// Open rows per request that may be in flight (`K = max(64, 4 × C)`). Chosen: three rows wait for their records while one
/// row is sent.
pub const OPEN_ROWS_PER_REQUEST: usize = 4;

/// The least `K`, in rows. Chosen: a few rows that wait for a retry must not stop a run of low concurrency.
pub const MIN_OPEN_ROWS: usize = 64;

/// The limits of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most requests in flight (`C`).
    pub concurrency: NonZeroUsize,
    /// The most attempts started in any window, retries included.
    pub rate: Rate,
    /// The most attempts that are charged to one row.
    pub max_attempts: NonZeroU32,
    /// The longest `Retry-After` that the run honours; a longer `Retry-After` stops the run.
    pub max_retry_after: Duration,
    /// The time for which the server may answer nothing before the run stops.
    pub max_outage: Duration,
    /// Limits that end the run early.
    pub brakes: Brakes,
    /// The longest wait for the attempts in flight after an interrupt.
    pub drain_timeout: Duration,
    /// Whether to send slower than the rate while the server is overloaded.
    pub adapt: bool,
    /// The seed of the backoff's jitter; `None` is a random seed.
    pub seed: Option<u64>,
}

impl Settings {
    /// The most rows open at once (`K`). A crash makes the next run repeat at most as many.
    #[must_use]
    pub fn open_rows(&self) -> usize {
        self.concurrency.get().saturating_mul(OPEN_ROWS_PER_REQUEST).max(MIN_OPEN_ROWS)
    }
}
