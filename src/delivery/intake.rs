//! Rows on their way in, up to the end of the input or to `--limit`.

use super::brakes::RowLimit;
use super::ending::Stop;
use super::job::{Feed, FeedError, Job, Work};
use std::collections::VecDeque;
use std::task::{Context, Poll};

/// Takes rows from a feed, one at a time.
pub(super) struct Intake<F> {
    /// `None` after the end of the input.
    feed: Option<F>,
    jobs: VecDeque<Job>,
    limit: Option<RowLimit>,
}

impl<F: Feed> Intake<F> {
    /// Takes the rows of `feed`, up to `limit`.
    pub(super) fn new(feed: F, limit: Option<RowLimit>) -> Intake<F> {
        Intake { feed: Some(feed), jobs: VecDeque::new(), limit }
    }

    /// Whether no more rows come.
    pub(super) fn has_ended(&self) -> bool {
        self.feed.is_none() && self.jobs.is_empty()
    }

    /// The next row, if there is a row that `fits`; `Ready(None)` after the last row.
    ///
    /// # Errors
    /// If reading the input fails.
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        fits: impl FnOnce(&Job) -> bool,
    ) -> Poll<Option<Result<Job, FeedError>>> {
        while self.jobs.is_empty() {
            let Some(feed) = &mut self.feed else { return Poll::Ready(None) };
            match feed.poll_jobs(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => self.feed = None,
                Poll::Ready(Some(Ok(jobs))) => self.jobs.extend(jobs),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            }
        }
        let job = self.jobs.front().expect("the loop ends with a row");
        let is_sent = matches!(job.work, Work::Send(..));
        if is_sent && self.limit.as_mut().is_some_and(RowLimit::keeps_back) {
            // The rows that follow belong to another run. Open rows are still finished.
            (self.feed, self.jobs) = (None, VecDeque::new());
            return Poll::Ready(None);
        }
        if !fits(job) {
            return Poll::Pending;
        }
        if let Some(limit) = self.limit.as_mut().filter(|_| is_sent) {
            limit.count();
        }
        Poll::Ready(self.jobs.pop_front().map(Ok))
    }

    /// The end of a run that nothing else ended: at `--limit`, if the limit kept a row back.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.limit.as_ref().and_then(RowLimit::stop)
    }
}
