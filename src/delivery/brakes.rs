//! Limits that end a run early, resumable, because the user set them: too many failures, a deadline, a number of
//! rows. They look at what happens and never touch a row.

use super::{Brake, Limit, Stop};
use crate::journal::Status;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;
use tokio::time::Instant;

/// What the user set; nothing is none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Brakes {
    /// How many rows may fail.
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
    /// So many in the whole run.
    Count(u64),
    /// So many per cent, from 0 to below 100, of the rows sent last: see [`MaxFailures::window`].
    Percent(f64),
}

/// The fewest rows that a part is taken of.
const SMALLEST_WINDOW: f64 = 100.0;
/// The most: more would notice too late.
const LARGEST_WINDOW: f64 = 10_000.0;
/// A part is taken of so many rows that it is this many of them: fewer would be chance.
const TELLING: f64 = 10.0;

/// Different reasons that are kept apart, so that texts which name each row cost no memory.
const MOST_REASONS: usize = 100;

impl MaxFailures {
    /// Of how many rows the part is taken, those sent last: a hundred, or more for a part below ten per cent.
    /// `None`: of all.
    #[must_use]
    pub fn window(self) -> Option<usize> {
        match self {
            MaxFailures::Count(_) => None,
            MaxFailures::Percent(percent) => {
                Some((100.0 * TELLING / percent).ceil().clamp(SMALLEST_WINDOW, LARGEST_WINDOW) as usize)
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

/// Counts how the rows that were sent end.
pub(super) struct FailureBrake {
    most: MaxFailures,
    /// Whether each of the rows sent last failed; empty where all of them count.
    last: VecDeque<bool>,
    /// How many rows count, and how many of them failed.
    sent: u64,
    failed: u64,
    reasons: HashMap<String, u64>,
}

impl FailureBrake {
    pub(super) fn new(most: MaxFailures) -> FailureBrake {
        FailureBrake { most, last: VecDeque::new(), sent: 0, failed: 0, reasons: HashMap::new() }
    }

    /// Takes the outcome of a row that was sent. Gives why the run ends, if that is one failure too many.
    pub(super) fn see(&mut self, status: Status, error: &str) -> Option<Stop> {
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
        if self.reasons.len() < MOST_REASONS || self.reasons.contains_key(error) {
            *self.reasons.entry(error.to_owned()).or_default() += 1;
        }
        (self.failed > self.most.allowed()).then(|| {
            let commonest = self.reasons.iter().max_by_key(|(why, count)| (**count, std::cmp::Reverse(*why)));
            let (why, alike) = commonest.map(|(why, count)| (why.clone(), *count)).unwrap_or_default();
            let (failed, sent) = (self.failed, self.sent);
            Stop::Brake(Brake::Failures { failed, sent, most: self.most, why, alike })
        })
    }
}

/// Counts the rows that are sent against `--limit`.
pub(super) struct RowLimit {
    most: NonZeroU64,
    opened: u64,
    /// Whether a row that needs sending was kept back.
    pub(super) is_reached: bool,
}

impl RowLimit {
    pub(super) fn new(most: NonZeroU64) -> RowLimit {
        RowLimit { most, opened: 0, is_reached: false }
    }

    /// Whether one row more may be sent; counts it.
    pub(super) fn admits(&mut self) -> bool {
        if self.opened < self.most.get() {
            self.opened += 1;
            return true;
        }
        self.is_reached = true;
        false
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
        let mut brake = FailureBrake::new(most);
        let status = |is_good| if is_good { Status::Updated } else { Status::Rejected };
        outcomes.into_iter().position(|is_good| brake.see(status(is_good), "no").is_some()).map(|at| at + 1)
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
    }

    #[test]
    fn a_part_slides_so_that_a_long_good_run_does_not_pay_for_a_bad_hour() {
        let outcomes = std::iter::repeat_n(true, 100_000).chain(std::iter::repeat_n(false, 100));
        assert_eq!(stops_after(MaxFailures::Percent(5.0), outcomes), Some(100_011));
        let just_so = (1..100_000_usize).map(|row| !row.is_multiple_of(20));
        assert_eq!(stops_after(MaxFailures::Percent(5.0), just_so), None);
    }

    #[test]
    fn the_commonest_reason_is_told_and_reasons_take_no_memory_without_end() {
        let mut brake = FailureBrake::new(MaxFailures::Count(1000));
        let mut stop = None;
        for row in 0..1001 {
            let why = if row % 3 == 0 { "bad country".to_owned() } else { format!("no customer {row}") };
            stop = brake.see(Status::Rejected, &why);
        }
        let Some(Stop::Brake(Brake::Failures { failed, sent, why, alike, .. })) = stop else {
            panic!("{stop:?}")
        };
        assert_eq!((failed, sent, why.as_str(), alike), (1001, 1001, "bad country", 334));
        assert!(brake.reasons.len() <= MOST_REASONS);
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
