//! What the second reading measures: per run, over time, reply times, attempts. Its memory does not depend on how
//! many records there are.

use super::runs::Run;
use super::scale::time_step;
use super::survey::milliseconds;
use crate::journal::RecordRef;
use crate::report::Counts;
use hdrhistogram::Histogram;

/// The most runs whose course is drawn: the last ones.
const DRAWN_RUNS: usize = 6;

/// About how many bars the course of all of them has.
const BARS: u64 = 90;

/// The most attempts that have a bar of their own.
const MOST_ATTEMPTS: usize = 9;

/// Longer replies count as this long, in milliseconds: a day.
const LONGEST_REPLY: u64 = 86_400_000;

/// Decimal digits that a reply time keeps.
const DIGITS: u8 = 3;

/// Records of a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bar {
    pub in_sync: u64,
    pub not_in_sync: u64,
}

impl Bar {
    pub fn records(self) -> u64 {
        self.in_sync + self.not_in_sync
    }
}

/// What is known of a run before it is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Planned {
    first: u64,
    from: u64,
    to: u64,
}

/// How the measuring is laid out.
#[derive(Debug)]
pub(super) struct Plan {
    runs: Vec<Planned>,
    /// The first run that is drawn.
    drawn_from: usize,
    /// How long a bar is, in milliseconds.
    step: u64,
}

impl Plan {
    pub fn of(runs: &[Run]) -> Plan {
        let drawn_from = runs.len().saturating_sub(DRAWN_RUNS);
        let total =
            runs[drawn_from..].iter().fold(0_u64, |total, run| total.saturating_add(run.to - run.from));
        let planned = |run: &Run| Planned { first: run.first, from: run.from, to: run.to };
        Plan { runs: runs.iter().map(planned).collect(), drawn_from, step: time_step(total / BARS) }
    }
}

/// One run, measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunTally {
    /// Records by status.
    pub records: Counts,
    pub attempts: u64,
    /// Its course; empty if it is not drawn.
    pub bars: Vec<Bar>,
}

/// Everything that is measured.
#[derive(Debug)]
pub(super) struct Tally {
    plan: Plan,
    /// The run of the record that came last.
    run: usize,
    pub runs: Vec<RunTally>,
    /// Records by how many attempts they took; the last place counts this many and more.
    pub attempts: [u64; MOST_ATTEMPTS + 1],
    /// Attempts beyond the first one of each record.
    pub retries: u64,
    replies: Option<Histogram<u64>>,
}

impl Tally {
    pub fn new(plan: Plan) -> Tally {
        let bars = |(number, run): (usize, &Planned)| match number >= plan.drawn_from {
            true => vec![Bar::default(); 1 + ((run.to - run.from) / plan.step) as usize],
            false => Vec::new(),
        };
        let runs = plan.runs.iter().enumerate().map(bars);
        let runs = runs.map(|bars| RunTally { bars, ..RunTally::default() }).collect();
        // These bounds are valid: there is always one.
        let replies = Histogram::new_with_max(LONGEST_REPLY, DIGITS).ok();
        Tally { plan, run: 0, runs, attempts: [0; MOST_ATTEMPTS + 1], retries: 0, replies }
    }

    /// Measures the record that follows `ordinal` others.
    pub fn add(&mut self, ordinal: u64, record: &RecordRef<'_>, finished_at: u64) {
        while self.plan.runs.get(self.run + 1).is_some_and(|next| next.first <= ordinal) {
            self.run += 1;
        }
        let attempts = record.attempts();
        self.attempts[usize::try_from(attempts).map_or(MOST_ATTEMPTS, |count| count.min(MOST_ATTEMPTS))] += 1;
        self.retries = self.retries.saturating_add(attempts.saturating_sub(1));
        if let (Some(replies), 1..) = (&mut self.replies, attempts) {
            replies.saturating_record(milliseconds(record));
        }
        let (Some(run), Some(planned)) = (self.runs.get_mut(self.run), self.plan.runs.get(self.run)) else {
            return;
        };
        run.records.add(record.status());
        run.attempts = run.attempts.saturating_add(attempts);
        let place = finished_at.clamp(planned.from, planned.to) - planned.from;
        if let Some(bar) = run.bars.get_mut((place / self.plan.step) as usize) {
            let is_in_sync = record.status().is_in_sync();
            *if is_in_sync { &mut bar.in_sync } else { &mut bar.not_in_sync } += 1;
        }
    }

    /// How long a bar of a run's course is, in milliseconds.
    pub fn step(&self) -> u64 {
        self.plan.step
    }

    /// The first run that is drawn, from 0.
    pub fn drawn_from(&self) -> usize {
        self.plan.drawn_from
    }

    /// All attempts of all records.
    pub fn total_attempts(&self) -> u64 {
        self.runs.iter().fold(0, |total, run| total.saturating_add(run.attempts))
    }

    /// Reply times of the last attempts of all records that had one, in milliseconds; `None` if none had.
    pub fn replies(&self) -> Option<&Histogram<u64>> {
        self.replies.as_ref().filter(|replies| !replies.is_empty())
    }
}
