//! The hold: a pause of all sending that the server asked for (`Retry-After`, RFC 9110 section 10.2.3).

use super::time::Time;
use std::time::Duration;

/// The pause in which nothing may be sent.
#[derive(Debug)]
pub(super) struct Hold {
    until: Time,
    max: Duration,
}

/// The server asks for a longer pause than `--max-retry-after`. The run stops, because a shorter pause would disregard the
/// server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HoldTooLong;

impl Hold {
    /// No hold. `max` is `--max-retry-after`.
    pub(super) fn new(max: Duration) -> Hold {
        Hold { until: Time::ZERO, max }
    }

    /// Begins or extends the hold. True if there was no hold before.
    ///
    /// # Errors
    /// If `wait` is longer than the longest hold.
    pub(super) fn extend(&mut self, wait: Duration, now: Time) -> Result<bool, HoldTooLong> {
        if wait > self.max {
            return Err(HoldTooLong);
        }
        let is_new = self.until(now).is_none();
        self.until = self.until.max(now + wait);
        Ok(is_new)
    }

    /// The end of the hold, if there is a hold.
    pub(super) fn until(&self, now: Time) -> Option<Time> {
        (self.until > now).then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_hold_is_never_shortened() {
        let mut hold = Hold::new(60 * SECOND);
        assert_eq!(hold.extend(10 * SECOND, SECOND), Ok(true));
        assert_eq!(hold.extend(2 * SECOND, SECOND), Ok(false));
        assert_eq!(hold.until(10 * SECOND), Some(11 * SECOND));
        assert_eq!(hold.until(11 * SECOND), None);
        assert_eq!(hold.extend(SECOND, 12 * SECOND), Ok(true));
    }

    #[test]
    fn a_pause_longer_than_the_longest_hold_is_refused() {
        let mut hold = Hold::new(60 * SECOND);
        for seconds in [61, 86_400, 86_401, u32::MAX] {
            assert_eq!(hold.extend(seconds * SECOND, SECOND), Err(HoldTooLong), "{seconds}");
        }
        assert_eq!(hold.until(SECOND), None);
    }
}
