//! Finds the runs of a file, and distinguishes pauses within a run from the time between two runs. The file does not say
//! where a run begins, so this is read from the records, see [`RULE`].

use super::rows::{Last, MOST_SEGMENTS, Rows};
use crate::journal::Status;
use std::collections::VecDeque;

/// The rule that separates runs, for the reader of the page.
pub(super) const RULE: &str = "The result file does not mark where a run began, so this page finds the runs in the records. A run \
records each row once: if a row occurs again, a new run has begun. A new run is also assumed after a pause, unless the \
next row to finish was first tried before the pause: then the pause is a hold within the run. A pause is at least 3 \
seconds without a record, and at least 8 times the usual time between records.";

/// The shortest pause, in milliseconds.
const PAUSE: u64 = 3_000;

/// How many times longer than the usual time between two records a pause is.
const UNUSUAL: u64 = 8;

/// How many records before and after say what is usual, and whether a row was tried before.
const AROUND: usize = 16;

/// The longest hold, in milliseconds: 24 hours (chosen). Later records are another run's.
const LONGEST_HOLD: u64 = 24 * 3_600_000;

/// A clock that goes back further than this is another machine's, or was set: another run.
const CLOCK: u64 = 60_000;

/// What one event sets off takes this long at most, in milliseconds.
const SOON: u64 = 50;

/// What is set off without a wait takes this long at most.
const AT_ONCE: u64 = 5;

/// The maximum number of runs that are kept apart; later ones are added to the last.
const MOST_RUNS: usize = 1000;

/// What is needed of a record to place it. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub row: u64,
    pub status: Status,
    pub reason: u16,
    pub attempts: u64,
    pub finished_at: u64,
    pub duration: u64,
}

/// A stretch without a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    pub from: u64,
    pub to: u64,
}

impl Pause {
    pub fn length(self) -> u64 {
        self.to.saturating_sub(self.from)
    }
}

/// The records between two pauses, or of a run that begins without one.
#[derive(Debug)]
struct Segment {
    /// The number of records before it.
    first: u64,
    /// What lies before it.
    pause: Option<Pause>,
    begins_run: bool,
    from: u64,
    to: u64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The number of records before it.
    pub first: u64,
    /// When its first and its last record were finished.
    pub from: u64,
    pub to: u64,
    /// Pauses within it.
    pub holds: Vec<Pause>,
}

/// Takes the records in the order of the file; places each when those around it are known.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Placed ones and then those that wait, with the latest time up to each: records of one moment may stand in
    /// any order.
    around: VecDeque<(Moment, u64)>,
    /// How many of `around` are placed.
    placed: usize,
    records: u64,
    segments: Vec<Segment>,
    /// The segment with which the present run begins.
    run: usize,
    runs: usize,
}

impl Runs {
    /// Takes the next record. `replaced` hears of every record that no longer counts.
    pub fn add(&mut self, moment: Moment, rows: &mut Rows, replaced: impl FnMut(Last)) {
        let latest = self.around.back().map_or(0, |(_, latest)| *latest);
        let is_back = moment.finished_at.saturating_add(CLOCK) < latest;
        let latest = if is_back { moment.finished_at } else { latest.max(moment.finished_at) };
        self.around.push_back((moment, latest));
        if self.around.len() - self.placed > AROUND {
            self.place(rows, replaced);
        }
    }

    /// Places what waits and gives the runs.
    pub fn finish(mut self, rows: &mut Rows, mut replaced: impl FnMut(Last)) -> Vec<Run> {
        while self.placed < self.around.len() {
            self.place(rows, &mut replaced);
        }
        let mut runs: Vec<Run> = Vec::new();
        for segment in &self.segments {
            match runs.last_mut() {
                Some(run) if !segment.begins_run => {
                    run.holds.extend(segment.pause);
                    run.to = segment.to;
                }
                _ => {
                    let (first, from, to) = (segment.first, segment.from, segment.to);
                    runs.push(Run { first, from, to, holds: Vec::new() });
                }
            }
        }
        runs
    }

    fn place(&mut self, rows: &mut Rows, mut replaced: impl FnMut(Last)) {
        let (moment, now) = self.around[self.placed];
        if let Some((pause, begins_run)) = self.cut() {
            self.open_segment(pause, begins_run, now);
        }
        let (status, reason) = (moment.status, moment.reason);
        let last = |segment: usize| Last { status, reason, segment: segment as u16 };
        if let Some(former) = rows.set(moment.row, last(self.segments.len().saturating_sub(1))) {
            if usize::from(former.segment) >= self.run {
                self.split(usize::from(former.segment), now);
                rows.set(moment.row, last(self.segments.len() - 1));
            }
            replaced(former);
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.to = segment.to.max(now);
        }
        self.records += 1;
        self.placed += 1;
        if self.placed > AROUND {
            self.around.pop_front();
            self.placed -= 1;
        }
    }

    /// What lies before the next record to be placed, if that is more than the usual time, and whether another run
    /// begins with it.
    fn cut(&self) -> Option<(Option<Pause>, bool)> {
        let Some(before) = self.placed.checked_sub(1) else {
            return Some((None, true));
        };
        let (from, to) = (self.around[before].1, self.around[self.placed].1);
        if to < from {
            return Some((None, true));
        }
        let (pause, length) = (Pause { from, to }, to - from);
        let is_usual = |usual: u64| length < usual.saturating_mul(UNUSUAL);
        if length < PAUSE
            || is_usual(self.usual(0, before))
            || is_usual(self.usual(self.placed, self.around.len() - 1))
        {
            return None;
        }
        let is_hold = length <= LONGEST_HOLD && self.was_tried_before(pause);
        Some((Some(pause), !is_hold))
    }

    /// The median time between the records of `around` from one place to another; 0 where there are none.
    fn usual(&self, from: usize, to: usize) -> u64 {
        let mut between: Vec<u64> =
            (from..to).map(|at| self.around[at + 1].1.saturating_sub(self.around[at].1)).collect();
        between.sort_unstable();
        between.get(between.len() / 2).copied().unwrap_or(0)
    }

    /// Whether rows that finish right after a pause were tried, or were being tried, before it. In a run that began
    /// after the pause hardly any second attempt starts as early as the first row finishes: its first one has to fail
    /// and it has to wait before.
    fn was_tried_before(&self, pause: Pause) -> bool {
        let mut early = 0;
        for (moment, _) in self.around.range(self.placed..).filter(|(moment, _)| moment.attempts > 0) {
            let began = moment.finished_at.saturating_sub(moment.duration);
            let is_again = moment.attempts > 1;
            if began <= pause.from.saturating_add(SOON)
                || (is_again && began <= pause.to.saturating_add(AT_ONCE))
            {
                return true;
            }
            early += u32::from(is_again && began <= pause.to.saturating_add(SOON));
        }
        early > 1
    }

    fn open_segment(&mut self, pause: Option<Pause>, begins_run: bool, now: u64) {
        let begins_run = begins_run && self.runs < MOST_RUNS;
        if self.segments.len() >= usize::from(MOST_SEGMENTS) || (pause.is_none() && !begins_run) {
            return;
        }
        self.segments.push(Segment { first: self.records, pause, begins_run, from: now, to: now });
        if begins_run {
            self.runs += 1;
            self.run = self.segments.len() - 1;
        }
    }

    /// A row of the present run, in the segment `former`, has come again: another run has begun since, with the
    /// longest pause if there was one, or here.
    fn split(&mut self, former: usize, now: u64) {
        if self.runs >= MOST_RUNS {
            return;
        }
        let since = self.segments.iter_mut().enumerate().skip(former + 1);
        let longest = since.max_by_key(|(_, segment)| segment.pause.map_or(0, Pause::length));
        match longest {
            Some((index, segment)) => {
                segment.begins_run = true;
                self.runs += 1;
                self.run = index;
            }
            None => self.open_segment(None, true, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runs of records given as row, attempts, the second it finished in, and how long the attempt took.
    fn runs_of(records: &[(u64, u64, f64, u64)]) -> Vec<Run> {
        let (mut runs, mut rows) = (Runs::default(), Rows::default());
        for (row, attempts, second, duration) in records.iter().copied() {
            let finished_at = 1_795_000_000_000 + (second * 1000.0) as u64;
            let moment = Moment { row, status: Status::Updated, reason: 0, attempts, finished_at, duration };
            runs.add(moment, &mut rows, |_| {});
        }
        runs.finish(&mut rows, |_| {})
    }

    /// Rows at ten a second from a second on.
    fn steady(rows: std::ops::Range<u64>, from: f64) -> Vec<(u64, u64, f64, u64)> {
        rows.clone().map(|row| (row, 1, from + (row - rows.start) as f64 / 10.0, 40)).collect()
    }

    fn shape(runs: &[Run]) -> Vec<(u64, usize)> {
        runs.iter().map(|run| (run.first, run.holds.len())).collect()
    }

    #[test]
    fn a_steady_file_is_one_run_without_a_hold() {
        assert_eq!(shape(&runs_of(&steady(1..101, 0.0))), [(0, 0)]);
        assert_eq!(shape(&runs_of(&[])), []);
        // One record a minute is slow, and no pause.
        let slow: Vec<_> = (1..50).map(|row| (row, 1, row as f64 * 60.0, 40)).collect();
        assert_eq!(shape(&runs_of(&slow)), [(0, 0)]);
        // Fast rows and then slow ones: neither side's usual time alone makes a pause.
        let turning: Vec<_> = steady(1..50, 0.0)
            .into_iter()
            .chain(slow.iter().map(|one| (one.0 + 50, 1, one.2 + 60.0, 40)))
            .collect();
        assert_eq!(shape(&runs_of(&turning)), [(0, 0)]);
    }

    #[test]
    fn a_pause_is_a_hold_if_a_row_was_tried_before_it() {
        let mut records = steady(1..51, 0.0);
        records.push((51, 2, 35.0, 40));
        records.extend(steady(52..100, 35.1));
        let runs = runs_of(&records);
        assert_eq!(shape(&runs), [(0, 1)]);
        assert_eq!(runs[0].holds[0].length(), 30_100);
        // The same with a request that took so long.
        records[50] = (51, 1, 35.0, 30_200);
        assert_eq!(shape(&runs_of(&records)), [(0, 1)]);
        // The probe of an outage was a new row, and those that had waited were sent when it was answered.
        records[50] = (51, 1, 35.0, 40);
        (records[51].1, records[51].2) = (2, 35.046);
        assert_eq!(shape(&runs_of(&records)), [(0, 0), (50, 0)]);
        records[51].2 = 35.045;
        assert_eq!(shape(&runs_of(&records)), [(0, 1)]);
        (records[51].2, records[52].1, records[52].2) = (35.08, 2, 35.09);
        assert_eq!(shape(&runs_of(&records)), [(0, 1)]);
        records[52].1 = 1;
        records[51].1 = 1;
        // A retry that came later proves nothing.
        records[50] = (51, 1, 35.0, 40);
        records[55].1 = 2;
        assert_eq!(shape(&runs_of(&records)), [(0, 0), (50, 0)]);
    }

    #[test]
    fn nothing_holds_a_run_for_more_than_a_day() {
        let mut records = steady(1..51, 0.0);
        records.push((51, 2, 90_000.0, 40));
        assert_eq!(shape(&runs_of(&records)), [(0, 0), (50, 0)]);
    }

    #[test]
    fn a_row_that_comes_again_begins_a_run_with_or_without_a_pause() {
        let mut at_once = steady(1..51, 0.0);
        at_once.extend(steady(7..31, 5.5));
        assert_eq!(shape(&runs_of(&at_once)), [(0, 0), (50, 0)]);
        // The longer of two pauses, both of which look like holds, is where it began.
        let mut later = steady(1..51, 0.0);
        later.push((51, 2, 60.0, 40));
        later.push((52, 2, 70.0, 40));
        later.extend(steady(7..31, 70.1));
        assert_eq!(shape(&runs_of(&later)), [(0, 0), (50, 1)]);
    }

    #[test]
    fn a_clock_that_goes_back_begins_a_run_and_a_little_disorder_does_not() {
        let mut back = steady(1..51, 1000.0);
        back.extend(steady(51..101, 0.0));
        assert_eq!(shape(&runs_of(&back)), [(0, 0), (50, 0)]);
        let mut disorder = steady(1..51, 1000.0);
        disorder.swap(10, 25);
        let runs = runs_of(&disorder);
        assert_eq!(shape(&runs), [(0, 0)]);
        assert_eq!(runs[0].to - runs[0].from, 4_900);
    }

    #[test]
    fn their_number_is_bounded() {
        let again = vec![(1, 1, 0.0, 0); 5 * MOST_RUNS];
        assert_eq!(runs_of(&again).len(), MOST_RUNS);
        let paused: Vec<_> = (0..70_000).map(|one| (one / 20 + 1, 2, (one / 20) as f64 * 10.0, 40)).collect();
        assert!(runs_of(&paused).len() <= MOST_RUNS);
    }
}
