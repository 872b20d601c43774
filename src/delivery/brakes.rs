//! Limits that end a run early, resumable: too many failures, nothing accepted, a deadline, a number of rows. They count
//! outcomes and never touch a row.

use super::ending::{Brake, Limit, Stop};
use crate::journal::Status;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;
use tokio::time::Instant;

/// What the user set.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Brakes {
    /// How many rows may fail; `None`: the run ends where nothing is accepted.
    pub max_failures: Option<MaxFailures>,
    /// When nothing new is started any more.
    pub deadline: Option<Instant>,
    /// How many rows are sent at most.
    pub limit: Option<NonZeroU64>,
}

/// How many of the rows that were sent may end `rejected`, `failed` or `unknown`. Invalid rows cost no request and
/// are not counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFailures {
    /// In the whole run.
    Count(u64),
    /// A percentage, from 0 to 100, of the rows sent last: see [`MaxFailures::window`]. 100% is no limit.
    Percent(f64),
}

/// The smallest and the largest window of a percentage, in rows. Chosen: below a hundred it would be chance, and above
/// ten thousand it would be noticed too late.
const WINDOW: (f64, f64) = (100.0, 10_000.0);
/// A percentage is taken of so large a window that it is this many rows. Chosen: fewer would be chance.
const TELLING: f64 = 10.0;

/// Reasons that are kept apart, so that texts which name each row cost no memory.
const MAX_REASONS: usize = 100;

/// The first rows of a run that are all refused for one reason end it from this many on. Chosen.
const FIRST_ROWS: u64 = 20;
/// Rows in a row none of which is accepted end a run from this many on. Chosen.
const ROWS_IN_A_ROW: u64 = 100;

impl MaxFailures {
    /// Of how many rows the part is taken, those sent last: a hundred, or more for a part below ten per cent.
    /// `None`: of all.
    #[must_use]
    pub fn window(self) -> Option<usize> {
        match self {
            MaxFailures::Count(_) => None,
            MaxFailures::Percent(percent) => {
                Some((100.0 * TELLING / percent).ceil().clamp(WINDOW.0, WINDOW.1) as usize)
            }
        }
    }

    /// How many rows may fail among those. The one after them ends the run, however few were sent by then: a
    /// server that refuses everything is noticed at once, and a first row alone is no reason.
    fn allowed(self) -> u64 {
        match (self, self.window()) {
            // A hair more, so that 7% of 100 are 7 and not 6.999.
            (MaxFailures::Percent(percent), Some(window)) => (percent * window as f64 / 100.0 + 1e-6) as u64,
            (MaxFailures::Count(count), _) => count,
            (MaxFailures::Percent(_), None) => u64::MAX,
        }
    }
}

/// An outcome, as the brakes count it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted<'run> {
    /// Its status.
    pub status: Status,
    /// Of the last reply, if there was one.
    pub http_status: Option<u16>,
    /// Why, without what differs from row to row.
    pub error: &'run str,
    /// Whether the row was not in sync before this run.
    pub was_not_in_sync: bool,
}

/// Ends a run in which too many rows fail.
pub(super) enum FailureBrake {
    /// `--max-failures`.
    MaxFailures(TooManyFailures),
    /// The default.
    NothingAccepted(NothingAccepted),
}

impl FailureBrake {
    /// The brake that the user set, or the default one.
    pub(super) fn new(brakes: &Brakes) -> FailureBrake {
        match brakes.max_failures {
            Some(most) => FailureBrake::MaxFailures(TooManyFailures::new(most)),
            None => FailureBrake::NothingAccepted(NothingAccepted::default()),
        }
    }

    /// Counts the outcome of a row that was sent. Returns why the run ends, if that is one failure too many.
    pub(super) fn count(&mut self, outcome: Counted<'_>) -> Option<Brake> {
        match self {
            FailureBrake::MaxFailures(brake) => brake.count(outcome.status, outcome.error),
            FailureBrake::NothingAccepted(brake) => brake.count(outcome),
        }
    }
}

/// How often each reason occurred.
#[derive(Default)]
struct Reasons(HashMap<String, u64>);

impl Reasons {
    fn add(&mut self, error: &str) {
        if self.0.len() < MAX_REASONS || self.0.contains_key(error) {
            *self.0.entry(error.to_owned()).or_default() += 1;
        }
    }

    fn commonest(&self) -> (String, u64) {
        let commonest = self.0.iter().max_by_key(|(why, count)| (**count, std::cmp::Reverse(*why)));
        commonest.map(|(why, count)| (why.clone(), *count)).unwrap_or_default()
    }
}

/// `--max-failures`.
pub(super) struct TooManyFailures {
    most: MaxFailures,
    /// Whether each of the rows sent last failed; empty where all of them count.
    last: VecDeque<bool>,
    /// How many rows count, and how many of them failed.
    sent: u64,
    failed: u64,
    reasons: Reasons,
}

impl TooManyFailures {
    fn new(most: MaxFailures) -> TooManyFailures {
        TooManyFailures { most, last: VecDeque::new(), sent: 0, failed: 0, reasons: Reasons::default() }
    }

    fn count(&mut self, status: Status, error: &str) -> Option<Brake> {
        let has_failed = !status.is_in_sync();
        self.sent += 1;
        self.failed += u64::from(has_failed);
        if let Some(window) = self.most.window() {
            self.last.push_back(has_failed);
            if self.last.len() > window {
                let was_failed = self.last.pop_front().unwrap_or(false);
                self.sent -= 1;
                self.failed -= u64::from(was_failed);
            }
        }
        if !has_failed {
            return None;
        }
        self.reasons.add(error);
        (self.failed > self.most.allowed()).then(|| {
            let (why, alike) = self.reasons.commonest();
            Brake::Failures { failed: self.failed, sent: self.sent, most: self.most, why, alike }
        })
    }
}

/// Notices that the server accepts nothing: the first rows are all refused for one reason, or none of the last was
/// accepted. Rows that were not in sync before this run do not count: a file of failures is expected to fail again.
#[derive(Default)]
pub(super) struct NothingAccepted {
    /// Rows that were counted.
    rows: u64,
    /// The reason of the first rows, while they are all refused for the same one.
    one_reason: Option<(Option<u16>, String)>,
    /// Rows since one was accepted, and why they were not.
    in_a_row: u64,
    reasons: Reasons,
}

impl NothingAccepted {
    fn count(&mut self, outcome: Counted<'_>) -> Option<Brake> {
        let Counted { status, http_status, error, was_not_in_sync } = outcome;
        if was_not_in_sync {
            return None;
        }
        self.rows += 1;
        if status.is_in_sync() {
            (self.one_reason, self.in_a_row, self.reasons) = (None, 0, Reasons::default());
            return None;
        }
        self.in_a_row += 1;
        self.reasons.add(error);
        if self.rows == 1 && status == Status::Rejected {
            self.one_reason = Some((http_status, error.to_owned()));
        }
        let is_same = |(first, text): &(Option<u16>, String)| {
            status == Status::Rejected && *first == http_status && text == error
        };
        self.one_reason.take_if(|first| !is_same(first));
        let is_start = self.one_reason.is_some() && self.rows == FIRST_ROWS;
        (is_start || self.in_a_row >= ROWS_IN_A_ROW).then(|| {
            let (why, alike) = self.reasons.commonest();
            Brake::NothingAccepted { rows: self.in_a_row, is_start, why, alike }
        })
    }
}

/// Counts the rows that are sent against `--limit`.
pub(super) struct RowLimit {
    most: NonZeroU64,
    opened: u64,
    /// Whether a row that needs sending was kept back.
    is_reached: bool,
}

impl RowLimit {
    pub(super) fn new(most: NonZeroU64) -> RowLimit {
        RowLimit { most, opened: 0, is_reached: false }
    }

    /// Whether a row that needs sending is kept back.
    pub(super) fn keeps_back(&mut self) -> bool {
        self.is_reached = self.opened >= self.most.get();
        self.is_reached
    }

    /// Counts a row that is sent.
    pub(super) fn count(&mut self) {
        self.opened += 1;
    }

    /// How the run ends if nothing else ended it.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.is_reached.then_some(Stop::Reached(Limit::Rows(self.most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// After how many rows it stops, if it does.
    fn stops_after(most: MaxFailures, outcomes: impl IntoIterator<Item = bool>) -> Option<usize> {
        let mut brake = TooManyFailures::new(most);
        let status = |is_good| if is_good { Status::Updated } else { Status::Rejected };
        outcomes.into_iter().position(|is_good| brake.count(status(is_good), "no").is_some()).map(|at| at + 1)
    }

    fn outcome(status: Status, http_status: u16, error: &str) -> Counted<'_> {
        Counted { status, http_status: Some(http_status), error, was_not_in_sync: false }
    }

    /// After how many rows the default brake stops, if it does.
    fn stops_nothing_accepted<'a>(outcomes: impl IntoIterator<Item = Counted<'a>>) -> Option<usize> {
        let mut brake = FailureBrake::new(&Brakes::default());
        outcomes.into_iter().position(|outcome| brake.count(outcome).is_some()).map(|at| at + 1)
    }

    #[test]
    fn twenty_first_rows_that_are_all_refused_for_one_reason_end_the_run() {
        let not_found = outcome(Status::Rejected, 404, "no");
        let then = |first: Counted<'static>| [first].into_iter().chain(std::iter::repeat_n(not_found, 500));
        assert_eq!(stops_nothing_accepted(std::iter::repeat_n(not_found, 500)), Some(20));
        // A hundred others, where one of the first is another.
        assert_eq!(stops_nothing_accepted(then(outcome(Status::Updated, 200, ""))), Some(101));
        for other in [
            outcome(Status::Rejected, 400, "no"),
            outcome(Status::Rejected, 404, "none"),
            outcome(Status::Failed, 503, "no"),
            outcome(Status::Unknown, 404, "no"),
        ] {
            assert_eq!(stops_nothing_accepted(then(other)), Some(100), "{other:?}");
        }
    }

    #[test]
    fn one_row_in_a_hundred_that_is_accepted_is_enough() {
        let status = |n: u32| if n.is_multiple_of(100) { Status::Updated } else { Status::Failed };
        assert_eq!(stops_nothing_accepted((1..10_000).map(|n| outcome(status(n), 503, "busy"))), None);
    }

    #[test]
    fn rows_that_were_not_in_sync_before_do_not_count() {
        let again = Counted { was_not_in_sync: true, ..outcome(Status::Rejected, 404, "no") };
        assert_eq!(stops_nothing_accepted(std::iter::repeat_n(again, 1000)), None);
    }

    #[test]
    fn a_count_is_of_the_whole_run_and_the_row_after_it_stops() {
        let every_tenth = |row: usize| !row.is_multiple_of(10);
        assert_eq!(stops_after(MaxFailures::Count(3), (1..1000).map(every_tenth)), Some(40));
        assert_eq!(stops_after(MaxFailures::Count(0), [true, true, false]), Some(3));
        assert_eq!(stops_after(MaxFailures::Count(99), (1..1000).map(every_tenth)), None);
    }

    #[test]
    fn a_part_bites_early_and_not_on_the_first_rows() {
        for (percent, after) in
            [(50.0, 51), (20.0, 21), (10.0, 11), (5.0, 11), (0.1, 11), (0.01, 2), (7.0, 11)]
        {
            let all_fail = std::iter::repeat_n(false, 100_000);
            assert_eq!(stops_after(MaxFailures::Percent(percent), all_fail), Some(after), "{percent}%");
        }
        assert_eq!(stops_after(MaxFailures::Percent(100.0), std::iter::repeat_n(false, 100_000)), None);
    }

    #[test]
    fn a_part_slides_so_that_a_long_good_run_does_not_pay_for_a_bad_hour() {
        let outcomes = std::iter::repeat_n(true, 100_000).chain(std::iter::repeat_n(false, 100));
        assert_eq!(stops_after(MaxFailures::Percent(5.0), outcomes), Some(100_011));
        let just_so = (1..100_000_usize).map(|row| !row.is_multiple_of(20));
        assert_eq!(stops_after(MaxFailures::Percent(5.0), just_so), None);
    }

    #[test]
    fn the_commonest_reason_is_reported_and_reasons_take_no_memory_without_end() {
        let mut brake = TooManyFailures::new(MaxFailures::Count(1000));
        let mut stop = None;
        for row in 0..1001 {
            let why = if row % 3 == 0 { "bad country".to_owned() } else { format!("no customer {row}") };
            stop = brake.count(Status::Rejected, &why);
        }
        let Some(Brake::Failures { failed, sent, why, alike, .. }) = stop else { panic!("{stop:?}") };
        assert_eq!((failed, sent, why.as_str(), alike), (1001, 1001, "bad country", 334));
        assert!(brake.reasons.0.len() <= MAX_REASONS);
    }

    proptest! {
        #[test]
        fn a_part_stops_exactly_when_more_of_the_last_rows_failed(
            percent in 0.0_f64..100.0,
            outcomes in proptest::collection::vec(proptest::bool::weighted(0.8), 0..1500),
        ) {
            let most = MaxFailures::Percent(percent);
            let (window, allowed) = (most.window().unwrap(), most.allowed());
            prop_assert!(window >= 100 && allowed as f64 <= percent * window as f64 / 100.0 + 1e-3);
            let is_too_much = |end: &usize| {
                let failed = outcomes[end.saturating_sub(window)..*end].iter().filter(|good| !**good).count();
                failed as u64 > allowed
            };
            prop_assert_eq!(stops_after(most, outcomes.iter().copied()), (1..=outcomes.len()).find(is_too_much));
        }
    }
}
