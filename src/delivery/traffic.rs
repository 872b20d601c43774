//! Whether an attempt may start now: the limits, the server's wishes and its health brought together. Every
//! attempt passes here, retries and probes included.

use super::adapt::Adaptive;
use super::budget::Budget;
use super::health::Health;
use super::pacer::Pacer;
use super::{Brake, Notice, Pause, Settings};
use crate::offerit::Reply;
use std::time::Duration;

/// A limit of so many a second lets something through again by then, probes as they come. What refuses all for longer is
/// down.
const LIMITS_LAST: Duration = Duration::from_secs(3);

/// Time since the run began.
type Time = Duration;

/// What may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Anything the pacer permits.
    Open,
    /// One probe: nothing gets through at present.
    Probe,
    /// Nothing, until this time or until a reply comes.
    Closed(Option<Time>),
}

/// Why nothing but probes may start, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standstill {
    /// The server asked for it.
    Hold(Time),
    /// Nothing gets through; the time is that of the next probe, or of the one on its way.
    Outage(Time),
}

impl Standstill {
    /// As it is told at this time.
    pub(super) fn told(self, now: Time) -> Pause {
        match self {
            Standstill::Hold(until) => Pause::Held { left: until.saturating_sub(now) },
            Standstill::Outage(until) => Pause::Outage { left: until.saturating_sub(now) },
        }
    }
}

/// All that decides on the next attempt but the rows themselves.
pub(super) struct Traffic {
    pacer: Pacer,
    adaptive: Option<Adaptive>,
    pub(super) budget: Budget,
    pub(super) health: Health,
    hold: Option<Time>,
    /// When a 429 was last counted as an attempt that did not get through.
    too_many_since: Option<Time>,
    /// Whether the last attempt that did not get through was refused as a limit does it: with an overload, but no 500.
    is_throttled: bool,
    /// Whether it was a 429.
    is_too_many: bool,
    /// What the last attempt met that did not get through.
    last_failure: String,
    max_retry_after: Duration,
    max_outage: Duration,
}

impl Traffic {
    pub(super) fn new(settings: &Settings) -> Traffic {
        let rate = settings.rate.per_second();
        Traffic {
            pacer: Pacer::new(settings.rate),
            adaptive: settings.adapt.then(|| Adaptive::new(rate)),
            budget: Budget::new(rate),
            health: Health::default(),
            hold: None,
            too_many_since: None,
            is_throttled: false,
            is_too_many: false,
            last_failure: String::new(),
            max_retry_after: settings.max_retry_after,
            max_outage: settings.max_outage,
        }
    }

    /// What may start now, with so many attempts in flight.
    pub(super) fn gate(&mut self, now: Time, in_flight: usize) -> Gate {
        if self.hold.take_if(|until| *until <= now).is_some()
            && let Some(adaptive) = &mut self.adaptive
        {
            adaptive.goes_on(now);
        }
        match (self.hold, self.health.next_probe()) {
            (Some(until), _) => Gate::Closed(Some(until)),
            (None, Some(_)) if in_flight > 0 => Gate::Closed(None),
            (None, Some(at)) if at > now => Gate::Closed(Some(at)),
            (None, Some(_)) => Gate::Probe,
            (None, None) => Gate::Open,
        }
    }

    /// Why nothing but probes may start, if that is so.
    pub(super) fn standstill(&self, now: Time) -> Option<Standstill> {
        let hold = self.hold.filter(|until| *until > now).map(Standstill::Hold);
        hold.or_else(|| self.health.next_probe().map(Standstill::Outage))
    }

    /// Whether the server wants nothing at all at present.
    pub(super) fn is_held(&self, now: impl FnOnce() -> Time) -> bool {
        self.hold.is_some_and(|until| until > now())
    }

    /// Takes the permit for one attempt, or says when to ask again; `Err(None)`: when an attempt has left or ended.
    /// So many attempts with a permit wait for a connection.
    pub(super) fn permit(&mut self, now: Time, waiting: usize) -> Result<(), Option<Time>> {
        if let Some(until) = self.adaptive.as_ref().and_then(|adaptive| adaptive.used_up_until(now)) {
            return Err(Some(until));
        }
        let rate = self.effective_rate(now);
        self.pacer.permit(now, rate, waiting)
    }

    /// The request of an attempt with a permit has left.
    pub(super) fn left(&mut self, at: Time) {
        self.pacer.left(at);
    }

    /// The attempt that had left at this time has its reply.
    pub(super) fn replied(&mut self, left_at: Time, now: Time) {
        self.pacer.replied(left_at, now);
    }

    /// The rate below the configured one that the server is taken to bear; `None` if it is not below.
    pub(super) fn effective_rate(&mut self, now: Time) -> Option<f64> {
        self.adaptive.as_mut().and_then(|adaptive| adaptive.rate(now))
    }

    /// An attempt that started at `started` failed, of a row that had failed before, although others got through in
    /// between.
    pub(super) fn failed_again(&mut self, started: Time, now: Time) {
        if let Some(adaptive) = self.adaptive.as_mut().filter(|_| !self.is_too_many) {
            adaptive.failed_again(started, now);
        }
    }

    /// A retry got through.
    pub(super) fn retry_got_through(&mut self) {
        self.budget.retry_got_through();
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.retry_got_through();
        }
    }

    /// Learns from the reply to an attempt that started at `started`. What a reply says of an overload was said at
    /// `said`: until its body is whole, others may have been kept from getting through by that itself.
    pub(super) fn learn(&mut self, reply: &Reply, started: Time, said: Time, now: Time) -> Option<Notice> {
        match reply {
            Reply::Confirmed { .. } | Reply::Refused { .. } => {
                if let Some(adaptive) = &mut self.adaptive {
                    adaptive.got_through(now, started);
                }
                let was_limit = self.may_be_limit(now);
                self.health.got_through(started).then(|| {
                    // What was learnt from a limit holds: it was about the rate.
                    if let Some(adaptive) = self.adaptive.as_mut().filter(|_| !was_limit) {
                        adaptive.recovered(now);
                    }
                    Notice::OutageOver
                })
            }
            // These stop the run; they tell nothing of the server's health.
            Reply::Denied { .. } | Reply::Redirected { .. } => None,
            // It tells of the connection and not of the server.
            Reply::Stale { .. } => None,
            Reply::Overloaded { status, text, .. } => {
                let is_too_many = *status == 429;
                self.is_throttled = *status != 500;
                self.is_too_many = is_too_many;
                // A probe in an outage tells that there still is one, and nothing of the rate.
                if let Some(adaptive) = self.adaptive.as_mut().filter(|_| self.health.next_probe().is_none())
                {
                    adaptive.overloaded(said, started, *status);
                }
                if is_too_many {
                    // A limit refuses all that was in flight together: that is one refusal, not many.
                    if !is_news(&mut self.too_many_since, started, now) {
                        return None;
                    }
                }
                self.failed(now, text)
            }
            Reply::Unconfirmed { text, .. } | Reply::NotSent { text } | Reply::Lost { text } => {
                self.is_throttled = false;
                self.failed(now, text)
            }
        }
    }

    /// Whether nothing gets through because of a limit, as far as can be told.
    pub(super) fn may_be_limit(&self, now: Time) -> bool {
        let since = self.health.silent_since().unwrap_or(now);
        self.is_too_many || self.is_throttled && now.saturating_sub(since) < LIMITS_LAST
    }

    fn failed(&mut self, now: Time, why: &str) -> Option<Notice> {
        self.last_failure.clear();
        self.last_failure.push_str(why);
        self.health.did_not_get_through(now).then(|| self.outage(why))
    }

    /// A row is about to spend its last attempt and nothing got through since its first: takes it for an
    /// outage.
    pub(super) fn suspect(&mut self, now: Time, why: &str) -> Option<Notice> {
        self.health.suspect(now).then(|| self.outage(why))
    }

    /// What the last attempt met that did not get through.
    pub(super) fn last_failure(&self) -> &str {
        &self.last_failure
    }

    fn outage(&self, why: &str) -> Notice {
        Notice::Outage { why: why.to_owned(), patience: self.max_outage }
    }

    /// Holds all sending as the server asked. True if there was no hold before.
    ///
    /// # Errors
    /// If it is longer than we are willing to wait, however long that is: to go on at once would undercut it.
    pub(super) fn hold(&mut self, asked: Duration, now: Time) -> Result<bool, Brake> {
        if asked > self.max_retry_after {
            return Err(Brake::RetryAfter { asked, most: self.max_retry_after });
        }
        let until = now + asked;
        // Several replies ask for the same: only what is new counts.
        let before = self.hold.filter(|before| *before > now);
        self.health.held(until, until.saturating_sub(before.unwrap_or(now)), before.is_none());
        self.hold = self.hold.max(Some(until));
        Ok(before.is_none())
    }

    /// When the patience for a server that lets nothing through is at its end, holds it asked for aside.
    pub(super) fn gives_up_at(&self) -> Option<Time> {
        let at = self.health.silent_since()? + self.max_outage;
        let hold = self.hold.filter(|_| !self.health.asks_for_ever());
        Some(hold.map_or(at, |hold| at.max(hold)))
    }
}

/// Whether an attempt that started at `started` and was refused tells more than the refusal last counted, `since`: what was
/// in flight together when that was told is refused for the same reason. If so, it is counted itself.
fn is_news(since: &mut Option<Time>, started: Time, now: Time) -> bool {
    let is_news = since.is_none_or(|since| started > since);
    if is_news {
        *since = Some(now);
    }
    is_news
}

#[cfg(test)]
mod tests {
    use super::super::Brakes;
    use super::*;
    use std::num::{NonZeroU32, NonZeroUsize};

    const SECOND: Duration = Duration::from_secs(1);

    fn traffic() -> Traffic {
        Traffic::new(&Settings {
            concurrency: NonZeroUsize::MIN,
            rate: "1000".parse().unwrap(),
            max_attempts: NonZeroU32::MIN,
            max_retry_after: 60 * SECOND,
            max_outage: 100 * SECOND,
            brakes: Brakes::default(),
            drain_timeout: SECOND,
            adapt: true,
            seed: None,
        })
    }

    #[test]
    fn a_hold_closes_the_gate_and_is_never_shortened() {
        let mut traffic = traffic();
        assert_eq!(traffic.hold(10 * SECOND, SECOND), Ok(true));
        assert_eq!(traffic.hold(2 * SECOND, SECOND), Ok(false));
        assert_eq!(traffic.gate(10 * SECOND, 0), Gate::Closed(Some(11 * SECOND)));
        assert_eq!(traffic.gate(11 * SECOND, 0), Gate::Open);
    }

    #[test]
    fn a_wish_too_long_is_a_brake_however_long_it_is() {
        let mut traffic = traffic();
        for seconds in [61, 86_400, 86_401, u32::MAX] {
            assert!(
                matches!(traffic.hold(seconds * SECOND, SECOND), Err(Brake::RetryAfter { .. })),
                "{seconds}"
            );
        }
        assert_eq!(traffic.gate(SECOND, 0), Gate::Open);
    }

    #[test]
    fn in_an_outage_one_probe_at_a_time_may_pass() {
        let mut traffic = traffic();
        let lost = Reply::Lost { text: "reset".to_owned() };
        let notices = (0..20).filter_map(|_| traffic.learn(&lost, SECOND, SECOND, SECOND)).count();
        assert_eq!(notices, 1);
        let Gate::Closed(Some(at)) = traffic.gate(SECOND, 0) else { panic!("an outage") };
        assert_eq!(traffic.gate(at, 1), Gate::Closed(None));
        assert_eq!(traffic.gate(at, 0), Gate::Probe);
        assert_eq!(traffic.gives_up_at(), Some(101 * SECOND));
        let confirmed = Reply::Confirmed { status: 200 };
        assert_eq!(traffic.learn(&confirmed, at, at, at), Some(Notice::OutageOver));
        assert_eq!((traffic.gate(at, 5), traffic.gives_up_at()), (Gate::Open, None));
    }

    #[test]
    fn a_hold_within_an_outage_is_not_taken_from_the_patience() {
        let mut traffic = traffic();
        let too_many = Reply::Overloaded { status: 429, text: String::new() };
        assert!((0..100).all(|_| traffic.learn(&too_many, Duration::ZERO, SECOND, SECOND).is_none()));
        assert_eq!(traffic.gate(SECOND, 0), Gate::Open);
        let busy = Reply::Overloaded { status: 503, text: String::new() };
        (0..20).for_each(|_| drop(traffic.learn(&busy, SECOND, SECOND, SECOND)));
        traffic.hold(50 * SECOND, SECOND).unwrap();
        traffic.hold(50 * SECOND, 2 * SECOND).unwrap();
        assert_eq!(traffic.gives_up_at(), Some(152 * SECOND));
    }
}
