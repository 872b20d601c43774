//! Limits that end a run early, resumable: too many failures, nothing accepted, a deadline, a number of rows. These limits
//! count outcomes and never touch a row.

use super::ending::{Brake, Limit, Stop};
use crate::journal::Status;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;
use tokio::time::Instant;

/// The limits that the user set.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Brakes {
    /// The rows that may fail; `None`: the run ends if the server accepts nothing.
    pub max_failures: Option<MaxFailures>,
    /// The time from which no attempt starts.
    pub deadline: Option<Instant>,
    /// The most rows to send.
    pub limit: Option<NonZeroU64>,
}

/// The rows, among those that were sent, that may end `rejected`, `failed` or `unknown`. Invalid rows cost no request and are
/// not counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFailures {
    /// In the whole run.
    Count(u64),
    /// A percentage, from 0 to 100, of the rows in the [window](MaxFailures::window). 100% is no limit.
    Percent(f64),
}

/// The smallest and the largest window of a percentage, in rows. Chosen: a smaller window would judge by chance, and a larger
/// window would notice failures too late.
const WINDOW: (f64, f64) = (100.0, 10_000.0);
/// The failed rows that end a run by percentage; the window is as large as this requires. Chosen: fewer would be chance.
const MIN_FAILURES: f64 = 10.0;

/// The most reasons that are counted separately. Chosen: texts that name each row must not fill the memory.
const MAX_REASONS: usize = 100;

/// The run ends if this number of first rows is refused for one reason. Chosen: a wrong set-up is noticed early.
const FIRST_ROWS: u64 = 20;
/// The run ends if this number of consecutive rows is not accepted. Chosen.
const CONSECUTIVE_ROWS: u64 = 100;

impl MaxFailures {
    /// The number of latest rows that the percentage refers to: a hundred, or more for a percentage below ten.
    /// `None`: all rows.
    #[must_use]
    pub fn window(self) -> Option<usize> {
        match self {
            MaxFailures::Count(_) => None,
            MaxFailures::Percent(percent) => {
                Some((100.0 * MIN_FAILURES / percent).ceil().clamp(WINDOW.0, WINDOW.1) as usize)
            }
        }
    }

    /// The rows of the window that may fail. The next failed row ends the run even before the window is full: so a server
    /// that refuses everything is noticed early, and the first row alone ends no run.
    fn allowed(self) -> u64 {
        match (self, self.window()) {
            // The summand compensates rounding: 7% of 100 rows are 7 and not 6.999.
            (MaxFailures::Percent(percent), Some(window)) => (percent * window as f64 / 100.0 + 1e-6) as u64,
            (MaxFailures::Count(count), _) => count,
            (MaxFailures::Percent(_), None) => u64::MAX,
        }
    }
}

/// An outcome, as the brakes count it.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountedOutcome<'run> {
    /// Its status.
    pub status: Status,
    /// The HTTP status of the last reply, if there was a reply.
    pub http_status: Option<u16>,
    /// The reason, without the parts that differ from row to row.
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
    /// The brake that the user set, or the default brake.
    pub(super) fn new(brakes: &Brakes) -> FailureBrake {
        match brakes.max_failures {
            Some(most) => FailureBrake::MaxFailures(TooManyFailures::new(most)),
            None => FailureBrake::NothingAccepted(NothingAccepted::default()),
        }
    }

    /// Counts the outcome of a row that was sent. Returns the reason to end the run, if the limit is exceeded.
    pub(super) fn count(&mut self, outcome: CountedOutcome<'_>) -> Option<Brake> {
        match self {
            FailureBrake::MaxFailures(brake) => brake.count(outcome.status, outcome.error),
            FailureBrake::NothingAccepted(brake) => brake.count(outcome),
        }
    }
}

/// The count of each reason.
#[derive(Default)]
struct ReasonCounts(HashMap<String, u64>);

impl ReasonCounts {
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
    /// For each row of the window, whether the row failed; empty if all rows count.
    window: VecDeque<bool>,
    /// Rows in the window.
    sent: u64,
    /// Failed rows in the window.
    failed: u64,
    reasons: ReasonCounts,
}

impl TooManyFailures {
    fn new(most: MaxFailures) -> TooManyFailures {
        TooManyFailures {
            most,
            window: VecDeque::new(),
            sent: 0,
            failed: 0,
            reasons: ReasonCounts::default(),
        }
    }

    fn count(&mut self, status: Status, error: &str) -> Option<Brake> {
        let has_failed = !status.is_in_sync();
        self.sent += 1;
        self.failed += u64::from(has_failed);
        if let Some(window) = self.most.window() {
            self.window.push_back(has_failed);
            if self.window.len() > window {
                let was_failed = self.window.pop_front().unwrap_or(false);
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

/// Detects that the server accepts nothing: all first rows are refused for one reason, or no row of the last hundred was
/// accepted. Rows that were not in sync before this run do not count, because a file of failures is expected to fail again.
#[derive(Default)]
pub(super) struct NothingAccepted {
    /// Rows that were counted.
    rows: u64,
    /// The reason of the first rows, while all of them are refused for the same reason.
    one_reason: Option<(Option<u16>, String)>,
    /// Rows since the last row that was accepted.
    consecutive: u64,
    /// The reasons of the `consecutive` rows.
    reasons: ReasonCounts,
}

impl NothingAccepted {
    fn count(&mut self, outcome: CountedOutcome<'_>) -> Option<Brake> {
        let CountedOutcome { status, http_status, error, was_not_in_sync } = outcome;
        if was_not_in_sync {
            return None;
        }
        self.rows += 1;
        if status.is_in_sync() {
            (self.one_reason, self.consecutive, self.reasons) = (None, 0, ReasonCounts::default());
            return None;
        }
        self.consecutive += 1;
        self.reasons.add(error);
        if self.rows == 1 && status == Status::Rejected {
            self.one_reason = Some((http_status, error.to_owned()));
        }
        let is_same = |(first, text): &(Option<u16>, String)| {
            status == Status::Rejected && *first == http_status && text == error
        };
        self.one_reason.take_if(|first| !is_same(first));
        let is_start = self.one_reason.is_some() && self.rows == FIRST_ROWS;
        (is_start || self.consecutive >= CONSECUTIVE_ROWS).then(|| {
            let (why, alike) = self.reasons.commonest();
            Brake::NothingAccepted { rows: self.consecutive, is_start, why, alike }
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

    /// The end of a run that nothing else ended.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.is_reached.then_some(Stop::Reached(Limit::Rows(self.most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The number of rows after which the brake stops the run, if it does.
    fn find_stop(most: MaxFailures, outcomes: impl IntoIterator<Item = bool>) -> Option<usize> {
        let mut brake = TooManyFailures::new(most);
        let status = |is_good| if is_good { Status::Updated } else { Status::Rejected };
        outcomes.into_iter().position(|is_good| brake.count(status(is_good), "no").is_some()).map(|at| at + 1)
    }

    fn outcome(status: Status, http_status: u16, error: &str) -> CountedOutcome<'_> {
        CountedOutcome { status, http_status: Some(http_status), error, was_not_in_sync: false }
    }

    /// The number of rows after which the default brake stops the run, if it does.
    fn find_default_stop<'a>(outcomes: impl IntoIterator<Item = CountedOutcome<'a>>) -> Option<usize> {
        let mut brake = FailureBrake::new(&Brakes::default());
        outcomes.into_iter().position(|outcome| brake.count(outcome).is_some()).map(|at| at + 1)
    }

    #[test]
    fn the_run_ends_when_its_first_twenty_rows_are_refused_for_one_reason() {
        let not_found = outcome(Status::Rejected, 404, "no");
        let then =
            |first: CountedOutcome<'static>| [first].into_iter().chain(std::iter::repeat_n(not_found, 500));
        assert_eq!(find_default_stop(std::iter::repeat_n(not_found, 500)), Some(20));
        // After one row with another outcome, the limit is a hundred rows.
        assert_eq!(find_default_stop(then(outcome(Status::Updated, 200, ""))), Some(101));
        for other in [
            outcome(Status::Rejected, 400, "no"),
            outcome(Status::Rejected, 404, "none"),
            outcome(Status::Failed, 503, "no"),
            outcome(Status::Unknown, 404, "no"),
        ] {
            assert_eq!(find_default_stop(then(other)), Some(100), "{other:?}");
        }
    }

    #[test]
    fn one_accepted_row_in_a_hundred_keeps_the_run_going() {
        let status = |n: u32| if n.is_multiple_of(100) { Status::Updated } else { Status::Failed };
        assert_eq!(find_default_stop((1..10_000).map(|n| outcome(status(n), 503, "busy"))), None);
    }

    #[test]
    fn rows_that_were_not_in_sync_before_do_not_count() {
        let again = CountedOutcome { was_not_in_sync: true, ..outcome(Status::Rejected, 404, "no") };
        assert_eq!(find_default_stop(std::iter::repeat_n(again, 1000)), None);
    }

    #[test]
    fn a_count_covers_the_whole_run_and_the_next_failure_stops_it() {
        let every_tenth = |row: usize| !row.is_multiple_of(10);
        assert_eq!(find_stop(MaxFailures::Count(3), (1..1000).map(every_tenth)), Some(40));
        assert_eq!(find_stop(MaxFailures::Count(0), [true, true, false]), Some(3));
        assert_eq!(find_stop(MaxFailures::Count(99), (1..1000).map(every_tenth)), None);
    }

    #[test]
    fn a_percentage_stops_the_run_early_and_not_at_the_first_row() {
        for (percent, after) in
            [(50.0, 51), (20.0, 21), (10.0, 11), (5.0, 11), (0.1, 11), (0.01, 2), (7.0, 11)]
        {
            let all_fail = std::iter::repeat_n(false, 100_000);
            assert_eq!(find_stop(MaxFailures::Percent(percent), all_fail), Some(after), "{percent}%");
        }
        assert_eq!(find_stop(MaxFailures::Percent(100.0), std::iter::repeat_n(false, 100_000)), None);
    }

    #[test]
    fn a_percentage_refers_to_the_latest_rows_of_a_long_run() {
        let outcomes = std::iter::repeat_n(true, 100_000).chain(std::iter::repeat_n(false, 100));
        assert_eq!(find_stop(MaxFailures::Percent(5.0), outcomes), Some(100_011));
        let at_the_limit = (1..100_000_usize).map(|row| !row.is_multiple_of(20));
        assert_eq!(find_stop(MaxFailures::Percent(5.0), at_the_limit), None);
    }

    #[test]
    fn the_commonest_reason_is_reported_and_the_memory_of_reasons_is_bounded() {
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
        fn a_percentage_stops_the_run_exactly_when_more_rows_of_the_window_failed(
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
            prop_assert_eq!(find_stop(most, outcomes.iter().copied()), (1..=outcomes.len()).find(is_too_much));
        }
    }
}
