//! Whether anything gets through to the server at all. While nothing does, rows are not to blame: sending
//! holds, and one probe at a time goes out, with growing pauses.

use std::time::Duration;

/// So many attempts in a row that did not get through are an outage. Fewer happen on a flaky server; an outage
/// that was none costs one short pause.
const SERIES: u32 = 10;

/// So many are one already if a row is about to spend its last attempt.
const SHORT_SERIES: u32 = 3;

/// The pause before the first probe.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two probes.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// So many pauses that the server asked for are not counted as outage while nothing gets through. One that asks for ever
/// would be waited for for ever.
const HOLDS: u32 = 10;

/// Time since the run began.
type Time = Duration;

/// What is known of the server. Times are given to it.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Attempts since the last one that got through.
    series: u32,
    /// When the first of them failed.
    series_began: Option<Time>,
    outage: Option<Outage>,
    /// How many attempts got through so far.
    through: u64,
    /// When the latest of them started.
    latest: Option<Time>,
    /// Until when it asked to be left alone, as far as that is not counted as outage.
    held_until: Time,
    /// How many pauses the server asked for since the last attempt that got through.
    holds: u32,
    /// The shortest and the longest pause between two probes, where they are not the usual ones.
    pauses: (Duration, Option<Duration>),
    /// When the first attempt failed of a row that had failed in an earlier run, since the last one that got through.
    failing_since: Option<Time>,
}

#[derive(Debug, Clone, Copy)]
struct Outage {
    began: Time,
    /// When it was taken for one.
    noticed: Time,
    pause: Duration,
    next_probe: Time,
}

impl Health {
    /// An attempt that started at `started` got through: the server answered for itself, whatever it said. True if that
    /// ends an outage, which only one does that started in it.
    pub(super) fn got_through(&mut self, started: Time) -> bool {
        self.through += 1;
        self.latest = self.latest.max(Some(started));
        if self.outage.is_some_and(|outage| started <= outage.noticed) {
            // It was under way before: a server that goes down may answer what it has begun.
            return false;
        }
        self.series = 0;
        self.series_began = None;
        self.holds = 0;
        self.failing_since = None;
        self.outage.take().is_some()
    }

    /// An attempt did not get through. True if that begins an outage.
    pub(super) fn did_not_get_through(&mut self, now: Time) -> bool {
        self.series = self.series.saturating_add(1);
        self.series_began.get_or_insert(now.max(self.held_until));
        match &mut self.outage {
            // What was in flight when the outage began says nothing new.
            Some(outage) if now < outage.next_probe => false,
            Some(outage) => {
                let (shortest, longest) = self.pauses;
                let pause = longest.map_or(outage.pause, |most| most.min(outage.pause));
                outage.next_probe = now + pause.max(shortest);
                outage.pause = (pause * 2).min(LONGEST_PAUSE);
                false
            }
            None => self.series >= SERIES && self.begin(now),
        }
    }

    /// A row is about to spend its last attempt and nothing got through since its first: takes a shorter series
    /// for an outage. True if that begins one.
    pub(super) fn suspect(&mut self, now: Time) -> bool {
        self.outage.is_none() && self.series >= SHORT_SERIES && self.begin(now)
    }

    /// Limits the pauses between probes from now on; zero and `None`: no more than usual.
    pub(super) fn limit_pauses(&mut self, shortest: Duration, longest: Option<Duration>) {
        self.pauses = (shortest, longest);
    }

    /// Whether none that started then or later got through.
    pub(super) fn is_later(&self, started: Time) -> bool {
        self.latest.is_none_or(|latest| started > latest)
    }

    /// Since when rows that failed in an earlier run fail again and nothing gets through. That alone is no outage.
    pub(super) fn failing_since(&mut self, now: Time) -> Time {
        *self.failing_since.get_or_insert(now)
    }

    fn begin(&mut self, now: Time) -> bool {
        let began = self.series_began.unwrap_or(now);
        let next_probe = now + FIRST_PAUSE.max(self.pauses.0);
        self.outage = Some(Outage { began, noticed: now, pause: FIRST_PAUSE * 2, next_probe });
        true
    }

    /// The server asked to be left alone until then, which is so much longer than before: that is no outage.
    pub(super) fn held(&mut self, until: Time, hold: Duration, is_new: bool) {
        self.holds += u32::from(is_new);
        if self.asks_for_ever() {
            return;
        }
        self.held_until = self.held_until.max(until);
        if let Some(outage) = &mut self.outage {
            outage.began += hold;
        }
        if let Some(began) = &mut self.series_began {
            *began += hold;
        }
    }

    /// Whether the server asks for one pause after the other and lets nothing through.
    pub(super) fn asks_for_ever(&self) -> bool {
        self.holds > HOLDS
    }

    /// Since when nothing got through, if that is more than a short disturbance.
    pub(super) fn silent_since(&self) -> Option<Time> {
        let outage = self.outage.map(|outage| outage.began);
        outage.or(self.series_began.filter(|_| self.series >= SHORT_SERIES))
    }

    /// In an outage, when the next probe may go out.
    pub(super) fn next_probe(&self) -> Option<Time> {
        self.outage.map(|outage| outage.next_probe)
    }

    /// Whether an attempt got through that started after this. One that was under way before says nothing of it: a server
    /// that goes down may answer what it has begun.
    pub(super) fn got_through_after(&self, time: Time) -> bool {
        self.latest.is_some_and(|started| started > time)
    }

    /// How many attempts got through so far: if it has not changed, nothing did.
    pub(super) fn through(&self) -> u64 {
        self.through
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_series_of_failures_is_an_outage_and_one_reply_ends_it() {
        let mut health = Health::default();
        for _ in 1..SERIES {
            assert!(!health.did_not_get_through(SECOND));
        }
        assert_eq!(health.next_probe(), None);
        assert!(health.did_not_get_through(2 * SECOND));
        assert_eq!(health.silent_since(), Some(SECOND));
        assert_eq!(health.next_probe(), Some(2 * SECOND + FIRST_PAUSE));
        assert!(!health.got_through(2 * SECOND) && health.next_probe().is_some(), "it was under way before");
        assert!(health.got_through(2 * SECOND + FIRST_PAUSE));
        assert!(health.got_through_after(SECOND) && !health.got_through_after(3 * SECOND));
        assert_eq!(health.next_probe(), None);
        assert!(!health.did_not_get_through(3 * SECOND));
    }

    #[test]
    fn pauses_between_probes_grow_to_a_ceiling() {
        let mut health = Health::default();
        assert!(!health.did_not_get_through(Duration::ZERO) && !health.suspect(Duration::ZERO));
        assert!((1..SHORT_SERIES).all(|_| !health.did_not_get_through(Duration::ZERO)));
        assert!(health.suspect(Duration::ZERO) && !health.suspect(Duration::ZERO));
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let next = health.next_probe().unwrap();
            pauses.push((next - now).as_secs_f64());
            now = next;
            health.did_not_get_through(now);
        }
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]);
    }

    #[test]
    fn a_flaky_server_that_answers_now_and_then_has_no_outage() {
        let mut health = Health::default();
        for attempt in 0..1000 {
            if attempt % 5 == 0 {
                health.got_through(SECOND);
            } else {
                assert!(!health.did_not_get_through(SECOND));
            }
        }
    }

    #[test]
    fn time_that_the_server_asked_for_does_not_count_as_outage() {
        let mut health = Health::default();
        assert!((0..SERIES).filter(|_| health.did_not_get_through(SECOND)).count() == 1);
        health.held(51 * SECOND, 50 * SECOND, true);
        health.held(61 * SECOND, 10 * SECOND, false);
        assert_eq!(health.silent_since(), Some(61 * SECOND));
        (1..HOLDS).for_each(|hold| health.held((61 + hold) * SECOND, SECOND, true));
        let patience_is_counted_since = Some((60 + HOLDS) * SECOND);
        assert_eq!(health.silent_since(), patience_is_counted_since);
        health.held(2000 * SECOND, 1000 * SECOND, true);
        assert_eq!(health.silent_since(), patience_is_counted_since, "it never ends");
        // The wish is told before its reply is whole, with which the series begins.
        let mut health = Health::default();
        health.held(51 * SECOND, 50 * SECOND, true);
        assert!((0..SERIES).filter(|_| health.did_not_get_through(SECOND)).count() == 1);
        assert_eq!(health.silent_since(), Some(51 * SECOND));
    }
}
