//! How long attempts took.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// The longest time that is measured, in microseconds: an hour (chosen). Longer times count as this.
const LONGEST: u64 = 3_600_000_000;

/// Durations of attempts, to three digits.
pub(super) struct Latency {
    /// In microseconds. `None`: its limits are wrong, which they are not.
    histogram: Option<Histogram<u64>>,
    sum: Duration,
}

impl Latency {
    pub(super) fn new() -> Latency {
        Latency { histogram: Histogram::new_with_bounds(1, LONGEST, 3).ok(), sum: Duration::ZERO }
    }

    pub(super) fn record(&mut self, took: Duration) {
        self.sum += took;
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST));
        }
    }

    /// `None` where there was no attempt.
    pub(super) fn percentiles(&self) -> Option<Percentiles> {
        let histogram = self.histogram.as_ref().filter(|histogram| !histogram.is_empty())?;
        let millis = |micros: u64| micros as f64 / 1000.0;
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Some(Percentiles {
            count: histogram.len(),
            sum: millis(u64::try_from(self.sum.as_micros()).unwrap_or(u64::MAX)),
            min: millis(histogram.min()),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: millis(histogram.max()),
        })
    }
}

/// Percentiles of how long attempts took, in milliseconds, to three digits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Attempts.
    pub count: u64,
    /// All of them together.
    pub sum: f64,
    /// The shortest.
    pub min: f64,
    /// Half of them took no longer.
    pub p50: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// 999 of 1,000 took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_attempts_to_three_digits() {
        let mut latency = Latency::new();
        assert_eq!(latency.percentiles(), None);
        (1..=1000).for_each(|millis| latency.record(Duration::from_millis(millis)));
        let found = latency.percentiles().unwrap();
        assert_eq!((found.count, found.sum), (1000, 500_500.0));
        for (found, expected) in [
            (found.min, 1.0),
            (found.p50, 500.0),
            (found.p90, 900.0),
            (found.p99, 990.0),
            (found.max, 1000.0),
        ] {
            assert!((found - expected).abs() <= expected / 1000.0, "{found} for {expected}");
        }
    }

    #[test]
    fn what_takes_longer_than_an_hour_counts_as_an_hour() {
        let mut latency = Latency::new();
        latency.record(Duration::from_secs(7200));
        assert!(
            latency.percentiles().is_some_and(|found| found.max >= 3_600_000.0 && found.max < 3_700_000.0)
        );
    }
}
