//! The hold: a pause of all sending that the server asked for (`Retry-After`, RFC 9110 section 10.2.3).

use super::time::Time;
use std::time::Duration;

/// Until when nothing may be sent.
#[derive(Debug)]
pub(super) struct Hold {
    until: Time,
    max: Duration,
}

/// The server asks for a longer pause than `--max-retry-after`. To go on at once would undercut it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Hold {
    /// With `--max-retry-after`.
    pub(super) fn new(max: Duration) -> Hold {
        Hold { until: Time::ZERO, max }
    }

    /// The server asked for a pause. True if there was no hold before.
    ///
    /// # Errors
    /// If it is longer than the longest hold.
    pub(super) fn ask(&mut self, wait: Duration, now: Time) -> Result<bool, TooLong> {
        if wait > self.max {
            return Err(TooLong);
        }
        let is_new = self.until(now).is_none();
        self.until = self.until.max(now + wait);
        Ok(is_new)
    }

    /// Until when everything is held, if it is.
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
        assert_eq!(hold.ask(10 * SECOND, SECOND), Ok(true));
        assert_eq!(hold.ask(2 * SECOND, SECOND), Ok(false));
        assert_eq!(hold.until(10 * SECOND), Some(11 * SECOND));
        assert_eq!(hold.until(11 * SECOND), None);
        assert_eq!(hold.ask(SECOND, 12 * SECOND), Ok(true));
    }

    #[test]
    fn a_longer_pause_than_the_longest_is_refused() {
        let mut hold = Hold::new(60 * SECOND);
        for seconds in [61, 86_400, 86_401, u32::MAX] {
            assert_eq!(hold.ask(seconds * SECOND, SECOND), Err(TooLong), "{seconds}");
        }
        assert_eq!(hold.until(SECOND), None);
    }
}
