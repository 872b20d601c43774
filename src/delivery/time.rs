//! Points in time of a run.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A point in time, as the duration since the run began.
pub(super) type Time = Duration;

/// The earlier of two points in time. `None` means never.
pub(super) fn earliest(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The clock of a run, with one alarm.
pub(super) struct Clock {
    began: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Clock {
    /// A clock of a run that begins now.
    pub(super) fn start() -> Clock {
        let began = Instant::now();
        Clock { began, alarm: Box::pin(sleep_until(began)) }
    }

    /// The instant at which the run began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// The present time.
    pub(super) fn now(&self) -> Time {
        Instant::now() - self.began
    }

    /// Sets the alarm, which wakes the task at `time`. True if `time` is in the past.
    pub(super) fn is_past(&mut self, time: Option<Time>, context: &mut Context<'_>) -> bool {
        let Some(at) = time.map(|time| self.began + time) else { return false };
        if self.alarm.deadline() != at {
            self.alarm.as_mut().reset(at);
        }
        self.alarm.as_mut().poll(context).is_ready()
    }
}
