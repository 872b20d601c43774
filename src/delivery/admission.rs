//! Admission control: the hold, the retry budget, the pace and the adaptive rate decide together whether an attempt may
//! start now.

use super::aimd::{AimdRate, ServerLoad};
use super::budget::Budget;
use super::hold::{Hold, HoldTooLong};
use super::pacer::Pacer;
use super::queue::{AttemptKind, Queue};
use super::settings::Settings;
use super::time::Time;
use std::time::Duration;

/// Gives out permits.
pub(super) struct Admission {
    hold: Hold,
    pacer: Pacer,
    aimd: Option<AimdRate>,
    budget: Budget,
    /// First attempts wait while at least this many rows wait for a retry.
    max_retries_beside_first: usize,
    /// The adaptive rate that was last reported, while the adaptive rate is below the ceiling.
    reported_rate: Option<f64>,
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
            max_retries_beside_first: settings.open_rows() / 2,
            reported_rate: None,
        }
    }

    /// The end of the hold, if there is a hold.
    pub(super) fn held_until(&self, now: Time) -> Option<Time> {
        self.hold.until(now)
    }

    /// Begins or extends the hold that the server asked for. True if there was no hold before.
    ///
    /// # Errors
    /// If the pause is longer than `--max-retry-after`.
    pub(super) fn hold(&mut self, wait: Duration, now: Time) -> Result<bool, HoldTooLong> {
        self.hold.extend(wait, now)
    }

    /// Takes the permit for the next attempt of a row in the queue. Else the error is the time of the next try.
    pub(super) fn admit(&mut self, now: Time, queue: &Queue) -> Result<AttemptKind, Option<Time>> {
        let has_again = queue.has_again();
        let kind = if has_again && self.budget.has_token() {
            AttemptKind::Retry
        // If rows that always fail took all slots, no row would be left to show that the server is up.
        } else if queue.has_untried() && !(has_again && queue.retries() >= self.max_retries_beside_first) {
            AttemptKind::First
        } else {
            return Err(has_again.then(|| self.budget.refill(now)));
        };
        self.acquire(now)?;
        match kind {
            AttemptKind::Retry => self.budget.withdraw(),
            _ => self.budget.deposit(),
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

    /// Attempts that started in the last second.
    pub(super) fn pace(&self, now: Time) -> usize {
        self.pacer.pace(now)
    }

    /// Permits that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.pacer.waiting()
    }

    /// Starts the window of a permit, as its request left or no connection was made for the attempt.
    pub(super) fn request_left(&mut self, at: Time) {
        self.pacer.request_left(at);
    }

    /// Takes back the permit of an attempt that was called back before its request left.
    pub(super) fn call_back(&mut self, kind: AttemptKind) {
        self.pacer.call_back();
        self.refund(kind);
    }

    /// Gives back the token of a retry that succeeded, did not leave, or was stale.
    pub(super) fn refund(&mut self, kind: AttemptKind) {
        if kind == AttemptKind::Retry {
            self.budget.refund();
        }
    }

    /// Counts a reply to an attempt that began at `started` at this pace. Returns the adaptive rate if people should be
    /// informed: at its first cut, and again each time it has halved, as the search for a rate takes several cuts.
    pub(super) fn learn(&mut self, load: ServerLoad, started: Time, pace: usize, now: Time) -> Option<f64> {
        let aimd = self.aimd.as_mut()?;
        let is_cut = aimd.count_reply(load, started, pace, now);
        let rate = aimd.below_ceiling(now);
        let is_news = |rate: &f64| is_cut && self.reported_rate.is_none_or(|reported| *rate < reported / 2.0);
        let news = rate.filter(is_news);
        self.reported_rate = news.or(self.reported_rate).filter(|_| rate.is_some());
        news
    }

    /// The adaptive rate in attempts a second, if below the ceiling.
    pub(super) fn effective_rate(&mut self, now: Time) -> Option<f64> {
        self.aimd.as_mut()?.below_ceiling(now)
    }
}
