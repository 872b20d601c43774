//! What a reply leads to: the verdict on its row carried out, and what it tells of the server.

use super::batch::Outcome;
use super::departures::Wish;
use super::outage::Suspended;
use super::pipeline::{Ended, Pipeline, Start};
use super::schedule::pause;
use super::slots::SlotId;
use super::verdict::{History, Verdict, may_be_applied, verdict};
use super::{Feed, Notice, Observer, Retry, Stop};
use crate::journal::{Log, Status};
use crate::offerit::{Attempt, Reply, Request, Transport};
use std::time::Duration;

impl<T: Transport, L: Log, F: Feed, O: Observer> Pipeline<'_, T, L, F, O> {
    /// Takes the end of an attempt.
    pub(super) fn ended(&mut self, ended: Ended) {
        let Ended { start, request, attempt, left_at, wish } = ended;
        let now = self.now();
        self.departures.hand_over(|at| self.traffic.left(at));
        match left_at {
            Some(left_at) => self.traffic.replied(left_at, now),
            // It was an attempt all the same, though not for the server.
            None => self.traffic.left(start.at),
        }
        match attempt {
            Some(Attempt { reply: Reply::Stale { text }, duration }) => {
                self.went_stale(start.slot, request, duration, &text, now);
            }
            Some(attempt) => self.replied(start, request, attempt, wish, now),
            None => self.called_back(start.slot, request, now),
        }
    }

    /// Puts a row whose request did not leave before the server asked for a pause, or the run came to its end, back
    /// to where it was before.
    fn called_back(&mut self, slot: SlotId, request: Request, now: Duration) {
        let Some(row) = self.slots.get_mut(slot) else { return };
        row.request = Some(request);
        row.attempts -= 1;
        self.tally.attempts -= 1;
        if row.attempts + row.not_sent == 0 {
            self.queue.turn(row.row, slot);
        } else {
            self.tally.retries -= 1;
            self.traffic.budget.retry_got_through();
            self.queue.pause(now, slot);
        }
    }

    fn replied(
        &mut self,
        start: Start,
        request: Request,
        attempt: Attempt,
        wish: Option<Wish>,
        now: Duration,
    ) {
        let slot = start.slot;
        let Attempt { reply, duration } = attempt;
        if !matches!(reply, Reply::NotSent { .. }) {
            self.observer.attempted(duration);
        }
        let got_through = matches!(reply, Reply::Confirmed { .. } | Reply::Refused { .. });
        let health = &self.traffic.health;
        let stands_out = self.slots.get(slot).is_some_and(|row| row.stands_out(health));
        // A probe's pause grows with each that fails, whichever row it is.
        let is_probe = self.traffic.health.next_probe().is_some();
        // Many rows that always fail would else pass for a server that is down, once they are all that is tried.
        if is_probe || !(stands_out && may_lie_with_row(&reply)) {
            if !got_through {
                self.limit_pauses(slot, &reply, now);
            }
            let notice = self.traffic.learn(&reply, start.at, wish.map_or(now, |wish| wish.at), now);
            self.notice(notice);
        } else {
            self.traffic.failed_again(start.at, now);
        }
        // What could still be tried would come too late for the rows behind it.
        let is_over = !matches!(reply, Reply::NotSent { .. }) && self.was_last_chance(slot, now);
        let most = if is_over { 0 } else { self.settings.max_attempts.get() };
        let Some(history) = self.history(slot, request, &reply, most, now) else { return };
        if got_through {
            self.got_through(history);
        }
        let http_status = reply.status();
        let is_all = self.is_all_there_is(slot, &reply);
        let outcome = |status, error| Outcome { status, http_status, duration, error };
        match verdict(reply, history) {
            Verdict::Done { status, error } => self.record(slot, &outcome(status, error)),
            Verdict::Spent { status, error } if history.is_alone => {
                self.suspended.push(Suspended { slot, outcome: outcome(status, error) });
            }
            Verdict::Spent { status, error } => self.record(slot, &outcome(status, error)),
            Verdict::Again { why, left } => {
                // Where all rows fail, probes make the last attempts, one at a time.
                if history.is_alone
                    && (left == 1 || left == 2 && self.is_down_for_all() && !self.traffic.may_be_limit(now))
                {
                    let notice = self.traffic.suspect(now, &why);
                    self.notice(notice);
                }
                let due = self.due(history, http_status, wish, now);
                let until = self.saved_for(slot, left, is_all).max(due);
                let is_saved = is_all && until > due;
                self.has_saved |= is_saved;
                if let Some(row) = self.slots.get_mut(slot) {
                    row.is_saved = is_saved;
                    row.if_left = row.maybe_applied.then(|| outcome(Status::Unknown, left_over(&why)));
                    self.observer.retrying(&Retry {
                        row: row.row,
                        line: row.line,
                        attempts: history.attempts + history.not_sent + history.stale,
                        why: &why,
                        pause: until.saturating_sub(now),
                    });
                }
                self.queue.pause(until, slot);
            }
            Verdict::Stop(refusal) => self.stop(Stop::Refused(refusal)),
        }
    }

    /// Sends a row again at once, paced, over a fresh connection: its pooled connection ended without a reply, which is neither
    /// the row's fault nor the server's.
    fn went_stale(
        &mut self,
        slot: SlotId,
        mut request: Request,
        duration: Duration,
        why: &str,
        now: Duration,
    ) {
        let Some(row) = self.slots.get_mut(slot) else { return };
        request.use_fresh_connection();
        row.request = Some(request);
        row.stale += 1;
        row.maybe_applied = true;
        row.if_left =
            Some(Outcome { status: Status::Unknown, http_status: None, duration, error: left_over(why) });
        self.observer.attempted(duration);
        let (attempts, pause) = (row.attempts + row.not_sent, Duration::ZERO);
        self.observer.retrying(&Retry { row: row.row, line: row.line, attempts, why, pause });
        // The retry costs no token.
        self.traffic.budget.retry_got_through();
        self.queue.pause(now, slot);
    }

    /// When a row of this history is tried again, unless it is saved up for later.
    fn due(
        &mut self,
        history: History,
        http_status: Option<u16>,
        wish: Option<Wish>,
        now: Duration,
    ) -> Duration {
        if let Some(asked) = wish.map(Wish::until).filter(|until| *until > now) {
            return asked;
        }
        let own_pause = pause(history.attempts + history.not_sent, &mut self.random);
        // A limit is mostly one of a second: sooner it would only say the same again.
        let least = if http_status == Some(429) { Duration::from_secs(1) } else { Duration::ZERO };
        let due = now + own_pause.max(least);
        self.last_chance(now).map_or(due, |at| at.min(due))
    }

    /// A row of this history got through: what waited to see that the server is up goes on.
    fn got_through(&mut self, history: History) {
        self.given_up = 0;
        if history.attempts + history.not_sent > 1 {
            self.traffic.retry_got_through();
        }
        self.settle_suspended();
        if self.has_saved {
            self.has_saved = self.queue.wake_saved(&self.slots, &self.traffic.health);
        }
    }

    /// Notes a reply with its row and gives what the row has been through.
    fn history(
        &mut self,
        slot: SlotId,
        request: Request,
        reply: &Reply,
        max_attempts: u32,
        now: Duration,
    ) -> Option<History> {
        let in_outage = self.traffic.health.next_probe().is_some();
        let row = self.slots.get_mut(slot)?;
        let fails_again = row.has_failed && may_lie_with_row(reply);
        row.request = Some(request);
        row.if_left = None;
        row.maybe_applied |= may_be_applied(reply);
        row.unconfirmed += u32::from(matches!(reply, Reply::Unconfirmed { .. }));
        if matches!(reply, Reply::NotSent { .. }) {
            row.attempts -= 1;
            row.not_sent += 1;
            self.tally.attempts -= 1;
            self.tally.retries -= u64::from(row.attempts + row.not_sent > 1);
        }
        // Rows that fail again wait for a server that may be down together, not each for itself.
        let since = if fails_again { self.traffic.health.failing_since(now) } else { now };
        let failed_at = *row.failed_at.get_or_insert(since);
        let is_to_blame = fails_again || self.traffic.health.got_through_after(failed_at);
        Some(History {
            attempts: row.charged(),
            not_sent: row.not_sent,
            stale: row.stale,
            unconfirmed: row.unconfirmed,
            maybe_applied: row.maybe_applied,
            is_alone: in_outage || !is_to_blame,
            max_attempts,
        })
    }

    /// Holds all sending as long as the server asks for, whatever becomes of the rows whose replies say so. True if it
    /// asked.
    pub(super) fn take_wishes(&mut self) -> bool {
        let mut any = false;
        while let Some(wish) = self.departures.next_wish() {
            any = true;
            match self.traffic.hold(wish.wait, wish.at) {
                Ok(is_new) => {
                    self.tally.holds += u64::from(is_new);
                    self.notice(is_new.then_some(Notice::Held { asked: wish.wait }));
                }
                Err(brake) => self.stop(Stop::Brake(brake)),
            }
        }
        any
    }

    fn notice(&mut self, notice: Option<Notice>) {
        if let Some(notice) = notice {
            self.tally.outages += u64::from(matches!(notice, Notice::Outage { .. }));
            // Over, nobody need wait; begun, whoever has the most attempts left makes the probes.
            if matches!(notice, Notice::OutageOver)
                || matches!(notice, Notice::Outage { .. }) && self.is_down_for_all()
            {
                self.queue.wake_all(&self.slots);
            }
            self.observer.noticed(&notice);
        }
    }
}

fn left_over(why: &str) -> String {
    format!("the run ended before another attempt: {why}")
}

/// Whether an attempt did not get through for a reason that may lie with its row. A 429 is about the rate of all, and
/// a connection knows of no row.
fn may_lie_with_row(reply: &Reply) -> bool {
    match reply {
        Reply::Overloaded { status, .. } => *status != 429,
        Reply::Unconfirmed { .. } | Reply::Lost { .. } => true,
        Reply::Confirmed { .. } | Reply::Refused { .. } | Reply::Denied { .. } => false,
        Reply::Redirected { .. } | Reply::NotSent { .. } | Reply::Stale { .. } => false,
    }
}
