//! Whether an attempt may start now: the hold, the retry budget, the pace and the adaptive rate brought together.

use super::aimd::{AimdRate, Load};
use super::budget::Budget;
use super::hold::{Hold, TooLong};
use super::pacer::Pacer;
use super::queue::{Kind, Queue};
use super::settings::Settings;
use super::time::Time;
use std::time::Duration;

/// Gives out permits.
pub(super) struct Admission {
    hold: Hold,
    pacer: Pacer,
    aimd: Option<AimdRate>,
    budget: Budget,
    /// Retries above this number keep first attempts from starting while any retry may.
    crowd: usize,
    /// The adaptive rate that was last reported, while it is below the ceiling.
    known_rate: Option<f64>,
}

impl Admission {
    /// For a run with these limits.
    pub(super) fn new(settings: &Settings) -> Admission {
        let ceiling = settings.rate.per_second();
        Admission {
            hold: Hold::new(settings.max_retry_after),
            pacer: Pacer::new(settings.rate),
            aimd: settings.adapt.then(|| AimdRate::new(ceiling)),
            budget: Budget::new(ceiling),
            crowd: settings.open_rows() / 2,
            known_rate: None,
        }
    }

    /// Until when everything is held, if it is.
    pub(super) fn held_until(&self, now: Time) -> Option<Time> {
        self.hold.until(now)
    }

    /// The server asked for a pause. True if there was no hold before.
    ///
    /// # Errors
    /// If it is longer than `--max-retry-after`.
    pub(super) fn hold(&mut self, wait: Duration, now: Time) -> Result<bool, TooLong> {
        self.hold.ask(wait, now)
    }

    /// Takes the permit for the next attempt of a row in the queue, or returns when to ask again.
    pub(super) fn admit(&mut self, now: Time, queue: &Queue) -> Result<Kind, Option<Time>> {
        let has_again = queue.has_again();
        let kind = if has_again && self.budget.has_token() {
            Kind::Retry
        // Rows that always fail must not take all slots: then no row would be left to show that the server is up.
        } else if queue.has_untried() && !(has_again && queue.retries() >= self.crowd) {
            Kind::First
        } else {
            return Err(has_again.then(|| self.budget.trickle(now)));
        };
        self.acquire(now)?;
        match kind {
            Kind::Retry => self.budget.retry(),
            _ => self.budget.first_attempt(),
        }
        Ok(kind)
    }

    /// Takes the permit for a probe, which needs no token of the retry budget.
    pub(super) fn admit_probe(&mut self, now: Time) -> Result<(), Option<Time>> {
        self.acquire(now)
    }

    fn acquire(&mut self, now: Time) -> Result<(), Option<Time>> {
        if let Some(until) = self.hold.until(now) {
            return Err(Some(until));
        }
        let adapted = self.effective_rate(now);
        self.pacer.try_acquire(now, adapted)
    }

    /// How many attempts started in the last second.
    pub(super) fn pace(&self, now: Time) -> usize {
        self.pacer.pace(now)
    }

    /// How many permits wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.pacer.waiting()
    }

    /// The request of an attempt left, or no connection came about for it.
    pub(super) fn left(&mut self, at: Time) {
        self.pacer.left(at);
    }

    /// An attempt was called back before its request left.
    pub(super) fn called_back(&mut self, kind: Kind) {
        self.pacer.called_back();
        self.refund(kind);
    }

    /// Gives back the token of a retry that succeeded, did not leave, or was stale.
    pub(super) fn refund(&mut self, kind: Kind) {
        if kind == Kind::Retry {
            self.budget.refund();
        }
    }

    /// Counts a reply to an attempt that began at `started` at this pace. Returns the adaptive rate where it is cut and
    /// people should know: the first time, and again where it has halved, as a rate that is found takes several cuts.
    pub(super) fn learn(&mut self, load: Load, started: Time, pace: usize, now: Time) -> Option<f64> {
        let aimd = self.aimd.as_mut()?;
        let is_cut = aimd.replied(load, started, pace, now);
        let rate = aimd.below_ceiling(now);
        let is_news = |rate: &f64| is_cut && self.known_rate.is_none_or(|known| *rate < known / 2.0);
        let news = rate.filter(is_news);
        self.known_rate = news.or(self.known_rate).filter(|_| rate.is_some());
        news
    }

    /// The adaptive rate, if it is below the ceiling.
    pub(super) fn effective_rate(&mut self, now: Time) -> Option<f64> {
        self.aimd.as_mut()?.below_ceiling(now)
    }
}
