//! A row's way in and out: it gets a slot and a lane, and gives them back when its record is durable.

use super::batch::Outcome;
use super::pipeline::Pipeline;
use super::slots::{Open, SlotId};
use super::{Feed, Job, Observer, Stop, Work};
use crate::journal::{Log, Status};
use crate::offerit::Transport;
use std::task::{Context, Poll};

impl<T: Transport, L: Log, F: Feed, O: Observer> Pipeline<'_, T, L, F, O> {
    /// Opens rows while there is room.
    pub(super) fn admit(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.stop.is_none() && self.slots.has_room() {
            if let Some(job) = self.jobs.pop_front() {
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

    fn open(&mut self, job: Job) {
        let (row, fingerprint) = (job.row, job.fingerprint);
        match job.work {
            Work::Send(request) => {
                let keys = self.keys.keys(&request.update);
                let open = Open::new(row, job.line, fingerprint, Some((keys, request)));
                let Some(slot) = self.slots.open(open) else { return };
                if self.lanes.join(slot, keys) {
                    self.queue.turn(row, slot);
                }
            }
            Work::Record { customer_id, subscription_id, status, error } => {
                let Some(slot) = self.slots.open(Open::new(row, job.line, fingerprint, None)) else { return };
                let outcome = Outcome::unsent(status, error);
                if let Some(open) = self.slots.get(slot) {
                    self.batch.add_with_ids(slot, open, [&customer_id, &subscription_id], &outcome);
                }
            }
        }
    }

    /// Puts a row's record into the batch that gathers.
    pub(super) fn record(&mut self, slot: SlotId, outcome: &Outcome) {
        if let Some(row) = self.slots.get(slot) {
            self.batch.add(slot, row, outcome);
        }
    }

    /// Sends the gathered batch on its way if none is.
    pub(super) fn submit(&mut self) -> bool {
        if self.under_way.is_some() || self.batch.is_empty() {
            return false;
        }
        let batch = std::mem::take(&mut self.batch);
        self.log.submit(batch.lines);
        self.under_way = Some(batch.recorded);
        true
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

    /// Frees the slot of a row whose record is durable; whoever waited for it has its turn.
    fn close(&mut self, slot: SlotId, status: Status) {
        self.tally.add(status);
        let Some(keys) = self.slots.close(slot).and_then(|row| row.keys) else { return };
        let (slots, queue) = (&self.slots, &mut self.queue);
        self.lanes.leave(keys, |next| {
            if let Some(row) = slots.get(next) {
                queue.turn(row.row, next);
            }
        });
    }
}
