//! How long sending paused, and why it does at present.

use crate::delivery::Pause;
use std::time::Duration;

/// Time since the run began.
type Time = Duration;

/// The pause there is and those there were. Times are given to it.
#[derive(Debug, Default)]
pub(super) struct PauseClock {
    current: Option<Current>,
    held: Duration,
    outage: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    kind: Kind,
    since: Time,
    until: Time,
    /// Since when it is of this kind, however often it was extended.
    began: Time,
}

/// Why sending pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The server asked for it.
    Held,
    /// Nothing gets through.
    Outage,
}

impl PauseClock {
    /// Handles an event of a pause. Returns a hold that ended with it, and its duration.
    pub(super) fn set(&mut self, pause: Option<Pause>, now: Time) -> Option<Duration> {
        let before = self.current.take();
        if let Some(before) = before {
            *self.sum(before.kind) += now.saturating_sub(before.since);
        }
        self.current = pause.map(|pause| {
            let (kind, left) = match pause {
                Pause::Held { left } => (Kind::Held, left),
                Pause::Outage { left } => (Kind::Outage, left),
            };
            let began = before.filter(|before| before.kind == kind).map_or(now, |before| before.began);
            Current { kind, since: now, until: now + left, began }
        });
        let is_held = |current: &Current| current.kind == Kind::Held;
        let ended = before.filter(is_held).filter(|_| !self.current.as_ref().is_some_and(is_held));
        ended.map(|ended| now.saturating_sub(ended.began))
    }

    fn sum(&mut self, kind: Kind) -> &mut Duration {
        match kind {
            Kind::Held => &mut self.held,
            Kind::Outage => &mut self.outage,
        }
    }

    /// Why sending pauses at present, and for how much longer.
    pub(super) fn current(&self, now: Time) -> Option<(Kind, Duration)> {
        self.current.map(|current| (current.kind, current.until.saturating_sub(now)))
    }

    /// All the time in pauses of a kind.
    pub(super) fn total(&self, kind: Kind, now: Time) -> Duration {
        let running = self.current.filter(|current| current.kind == kind);
        let ended = match kind {
            Kind::Held => self.held,
            Kind::Outage => self.outage,
        };
        ended + running.map_or(Duration::ZERO, |current| now.saturating_sub(current.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn time_is_counted_by_kind_and_a_hold_that_is_extended_is_one() {
        let mut clock = PauseClock::default();
        assert_eq!(clock.set(Some(Pause::Held { left: 5 * SECOND }), SECOND), None);
        assert_eq!(clock.set(Some(Pause::Held { left: 9 * SECOND }), 3 * SECOND), None);
        assert_eq!(clock.current(4 * SECOND), Some((Kind::Held, 8 * SECOND)));
        assert_eq!(clock.total(Kind::Held, 4 * SECOND), 3 * SECOND);
        assert_eq!(clock.set(Some(Pause::Outage { left: SECOND }), 12 * SECOND), Some(11 * SECOND));
        assert_eq!(clock.set(None, 15 * SECOND), None);
        assert_eq!(clock.current(15 * SECOND), None);
        assert_eq!(
            (clock.total(Kind::Held, 20 * SECOND), clock.total(Kind::Outage, 20 * SECOND)),
            (11 * SECOND, 3 * SECOND)
        );
    }
}
