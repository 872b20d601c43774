//! A row's way in and out: it gets a slot and a lane, and gives them back when its record is durable.

use super::batch::Outcome;
use super::pipeline::Pipeline;
use super::slots::{Open, SlotId};
use super::{Feed, Job, Observer, Stop, Work};
use crate::journal::{Log, Status, unsent_together};
use crate::offerit::Transport;
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a record may wait for others to go to the disk with it, while other rows go on. A sync costs the processor
/// as much as several requests do.
const GATHERING: Duration = Duration::from_millis(90);

impl<T: Transport, L: Log, F: Feed, O: Observer> Pipeline<'_, T, L, F, O> {
    /// Opens rows while there is room.
    pub(super) fn admit(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.stop.is_none() {
            if self.jobs.front().is_some_and(|job| !self.has_room_for(job)) {
                break;
            }
            if let Some(job) = self.jobs.pop_front() {
                if self.is_beyond_limit(&job) {
                    // What would follow is another run's; what is open is still finished.
                    (self.feed, self.jobs) = (None, VecDeque::new());
                    break;
                }
                self.open(job);
                moved = true;
                continue;
            }
            let Some(feed) = &mut self.feed else { break };
            match feed.poll_jobs(context) {
                Poll::Pending => break,
                Poll::Ready(None) => self.feed = None,
                Poll::Ready(Some(Ok(jobs))) => self.jobs.extend(jobs),
                Poll::Ready(Some(Err(error))) => self.stop(Stop::Input(error)),
            }
            moved = true;
        }
        moved
    }

    /// Whether a row may become open. One that is not sent needs no slot; but a crash must not find more records on their
    /// way to the disk than a resumed run takes for unsynced.
    fn has_room_for(&self, job: &Job) -> bool {
        let on_the_way = self.batch.recorded.unsent + self.under_way.as_ref().map_or(0, |rows| rows.unsent);
        let most = usize::try_from(unsent_together(self.unsent)).unwrap_or(usize::MAX);
        let has_room = on_the_way < self.slots.free().saturating_add(most);
        let finds_place = match job.work {
            Work::Send(..) => self.slots.has_room(),
            Work::Record { .. } => !self.batch.is_long(),
        };
        has_room && finds_place
    }

    fn is_beyond_limit(&mut self, job: &Job) -> bool {
        let needs_sending = matches!(job.work, Work::Send(..));
        needs_sending && self.row_limit.as_mut().is_some_and(|limit| !limit.admits())
    }

    fn open(&mut self, job: Job) {
        let (row, fingerprint) = (job.row, job.fingerprint);
        let (has_failed, maybe_applied) = (job.has_failed, job.maybe_applied);
        match job.work {
            Work::Send(request, keys) => {
                let open = Open::new(row, job.line, fingerprint, Some((keys, request)));
                let open = Open { has_failed, maybe_applied, ..open };
                let Some(slot) = self.slots.open(open) else { return };
                if self.lanes.join(slot, keys) {
                    self.queue.turn(row, slot);
                }
            }
            Work::Record { customer_id, subscription_id, status, error } => {
                let row = Open::new(row, job.line, fingerprint, None);
                let ids = [customer_id.as_str(), &subscription_id];
                self.batch.add_unsent(&row, ids, &Outcome::unsent(status, error));
            }
        }
    }

    /// Puts the record of a row that was sent into the batch that gathers.
    pub(super) fn record(&mut self, slot: SlotId, outcome: &Outcome) {
        if let Some(row) = self.slots.get(slot) {
            self.batch.add(slot, row, outcome);
            let brake = self.failures.as_mut();
            if let Some(stop) = brake.and_then(|brake| brake.see(outcome.status, &outcome.error)) {
                self.stop(stop);
            }
        }
    }

    /// Sends the gathered batch on its way if none is and nothing is gained by waiting.
    pub(super) fn submit(&mut self, now: Duration) -> bool {
        if self.batch.is_empty() {
            return false;
        }
        self.gathering_since.get_or_insert(now);
        if self.under_way.is_some() || self.gathers_until(now).is_some() {
            return false;
        }
        self.gathering_since = None;
        let batch = std::mem::take(&mut self.batch);
        self.log.submit(batch.lines);
        self.under_way = Some(batch.recorded);
        true
    }

    /// Until when the records that are there wait for more. They do only as long as nobody waits for them: other rows may
    /// be sent, and not so many slots are taken that rows could run out.
    pub(super) fn gathers_until(&self, now: Duration) -> Option<Duration> {
        let until = self.gathering_since? + GATHERING;
        let is_few = self.batch.recorded.rows.len() < 2 * self.settings.concurrency.get();
        let others_go_on = self.queue.has_fresh() && self.traffic.standstill(now).is_none();
        (is_few && others_go_on && self.stop.is_none() && until > now).then_some(until)
    }

    pub(super) fn poll_durable(&mut self, context: &mut Context<'_>) -> bool {
        let Some(recorded) = self.under_way.take() else { return false };
        match self.log.poll_durable(context) {
            Poll::Pending => {
                self.under_way = Some(recorded);
                return false;
            }
            Poll::Ready(Err(error)) => {
                self.stop = Some(Stop::Storage(error));
                self.is_abandoned = true;
            }
            Poll::Ready(Ok(buffer)) => {
                self.unsent += recorded.unsent as u64;
                recorded.rows.into_iter().for_each(|(slot, status)| self.close(slot, status));
                if self.batch.lines.is_empty() {
                    self.batch.lines = buffer;
                }
                self.tally.effective_rate = self.traffic.effective_rate(self.now());
                recorded.failed.iter().for_each(|row| self.observer.failed(row));
                self.observer.progressed(&self.tally);
            }
        }
        true
    }

    /// Frees the slot of a row whose record is durable, if it has one; whoever waited for it has its turn.
    fn close(&mut self, slot: Option<SlotId>, status: Status) {
        self.tally.add(status);
        self.tally.sent += u64::from(slot.is_some());
        let row = slot.and_then(|slot| self.slots.close(slot));
        let Some(keys) = row.and_then(|row| row.keys) else { return };
        let (slots, queue) = (&self.slots, &mut self.queue);
        self.lanes.leave(keys, |next| {
            if let Some(row) = slots.get(next) {
                queue.turn(row.row, next);
            }
        });
    }
}
