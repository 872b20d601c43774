//! The adaptive rate: what the server can take, found by asking for a little more until it says no.
//!
//! An overload halves what the server took. The rate then climbs back quickly to just below what the server took before, slowly
//! past that, and, once that limit seems gone, steadily to the configured ceiling. Halving alone would leave a
//! quarter of what the server admits unused.

use super::climb::{GONE_ABOVE, QUICK_UP_TO, climbed};
use super::signs::{Sign, Signs};
use super::throughput::{FIRST_LIMIT, LOWEST, SECOND, Throughput, UNLIMITED};
use super::trial::{Finding, Trial};
use std::time::Duration;

/// So many limits one below the other, none of which was ever passed, are none.
const IN_VAIN: u32 = 3;
/// So many rows that fail again below the limit, while no other does better the second time, are to blame themselves.
const BAD_ROWS: u32 = 3;
/// One that is less than this part of the limit before is another one.
const ALIKE: f64 = 0.5;
/// If so many attempts got through meanwhile and no other was refused.
const CLEAN: u32 = 4;
/// So much of a rate that the server took until the first was refused is its limit at the least.
const TAKEN_BEFORE: f64 = 0.98;
/// If it is no more than so many times a limit below `FEW_ADMITTED`: of so few attempts a burst lets all through for long.
const DOUBTED: f64 = 1.1;
/// In attempts a second.
const FEW_ADMITTED: f64 = 3.5;
/// What got through in a second is a whole number: the limit may be so much more.
const WHOLE: f64 = 1.0;
/// Below this part of the limit before, one is lower.
const LOWER: f64 = 0.95;
/// Below this part of the limit it is not the limit that refuses.
const EARLY: f64 = 0.975;
type Time = Duration;

/// The effective rate. Times are given to it.
#[derive(Debug)]
pub(super) struct Adaptive {
    ceiling: f64,
    /// `None`: the ceiling alone.
    rate: Option<f64>,
    /// What the server took when it last said no.
    limit: f64,
    /// Whether that was seen and not guessed.
    is_seen: bool,
    /// Whether it was seen twice.
    is_confirmed: bool,
    /// Whether a 429 told of it.
    is_told: bool,
    /// When `rate` was last moved.
    moved: Time,
    /// Attempts that started before, or less than a second later, say nothing about the present rate.
    lowered: Option<Time>,
    /// How often it was lowered since it was last above `limit`.
    in_vain: u32,
    /// What `limit` was then, if that was seen.
    before: Option<f64>,
    /// How many rows failed again since the last retry that got through.
    failed_again: u32,
    signs: Signs,
    throughput: Throughput,
    trial: Trial,
    /// The rate and the limit before less was asked on trial.
    untried: Option<(Option<f64>, f64)>,
}

impl Adaptive {
    /// Below `ceiling` attempts a second; `None` is unlimited.
    pub(super) fn new(ceiling: Option<f64>) -> Adaptive {
        let ceiling = ceiling.unwrap_or(UNLIMITED);
        Adaptive {
            ceiling,
            rate: None,
            limit: ceiling,
            is_seen: false,
            is_confirmed: false,
            is_told: false,
            moved: Duration::ZERO,
            lowered: None,
            in_vain: 0,
            before: None,
            failed_again: 0,
            signs: Signs::default(),
            throughput: Throughput::default(),
            trial: Trial::default(),
            untried: None,
        }
    }

    /// Sending goes on after a pause: what got through before says nothing about the rate.
    pub(super) fn goes_on(&mut self, now: Time) {
        self.throughput.goes_on(now);
        self.end_trial(now);
    }

    /// An outage is over: what was learnt in it was about the outage.
    pub(super) fn recovered(&mut self, now: Time) {
        self.goes_on(now);
        self.limit = self.ceiling;
        self.is_seen = false;
        let half = if self.ceiling < UNLIMITED { self.ceiling / 2.0 } else { FIRST_LIMIT };
        self.rate = self.rate.map(|rate| rate.max(half));
        self.moved = now;
    }

    /// An attempt that started at `started` got through.
    pub(super) fn got_through(&mut self, now: Time, started: Time) {
        self.signs.got_through();
        self.throughput.count(now);
        if self.is_of_this_rate(started) {
            self.try_less(now, false);
        }
    }

    /// Whether an attempt that started at `started` says something about the present rate.
    fn is_of_this_rate(&self, started: Time) -> bool {
        self.lowered.is_none_or(|lowered| started >= lowered + SECOND)
    }

    /// Asks less for a while where a part is refused all the time, and goes on with it if fewer are then. True if it
    /// begins to.
    fn try_less(&mut self, now: Time, is_refused: bool) -> bool {
        match self.trial.count(now, is_refused) {
            Some(Finding::Try { through, ask }) => {
                let rate = self.rate(now);
                self.untried = Some((rate, self.limit));
                self.limit = through.min(rate.unwrap_or(self.ceiling)).max(LOWEST);
                self.rate = Some(ask.min(self.limit).max(LOWEST));
                self.signs.forget();
                self.lowered = Some(now);
                self.moved = now;
                true
            }
            Some(Finding::Helped) => {
                self.untried = None;
                self.is_seen = true;
                self.before = Some(self.limit);
                self.is_told = true;
                self.in_vain = 0;
                self.moved = now;
                false
            }
            Some(Finding::InVain) => {
                self.end_trial(now);
                false
            }
            None => false,
        }
    }

    /// Goes back to what was asked before the trial, if there is one.
    fn end_trial(&mut self, now: Time) {
        self.trial.reset();
        if let Some((rate, limit)) = self.untried.take() {
            (self.rate, self.limit) = (rate, limit);
            self.signs.forget();
            self.moved = now;
        }
    }

    /// The server answered an attempt that started at `started` with an overload of this status. True if the rate was
    /// lowered.
    pub(super) fn overloaded(&mut self, now: Time, started: Time, status: u16) -> bool {
        let rate = self.rate(now);
        let is_of_this_rate = self.is_of_this_rate(started);
        self.signs.refused(is_of_this_rate.then_some(rate), now);
        if !is_of_this_rate {
            return false;
        }
        // A 500 is mostly about a row, a 429 needs no trial.
        if status != 500 && status != 429 {
            let was_tried = self.untried.is_some();
            if self.try_less(now, true) || was_tried && self.untried.is_none() {
                return !was_tried;
            }
        }
        match self.signs.of(status, now, rate.is_some()) {
            Sign::None => false,
            sign => self.lower(now, rate.unwrap_or(self.ceiling), status, sign == Sign::Mild),
        }
    }

    /// Lowers what is `rate` now, unless it was in vain before. A sign that is mild may be one of something else.
    fn lower(&mut self, now: Time, rate: f64, status: u16, is_mild: bool) -> bool {
        self.signs.forget();
        self.trial.reset();
        self.untried = None;
        let (mut limit, is_seen) = self.throughput.taken(now, rate, status, self.is_seen);
        let taken_before = self.signs.taken_before().map(|rate| rate * TAKEN_BEFORE);
        if let Some(taken_before) = taken_before.filter(|_| is_mild) {
            // One that admits no two at once refuses every other as soon as it is asked a little more than it takes.
            let most = if self.limit < FEW_ADMITTED { self.limit * DOUBTED } else { rate };
            limit = limit.max(taken_before.min(most).min(rate));
        } else if status == 429 && self.is_seen && self.signs.was_alone() {
            limit = limit.max(self.still_taken(rate, limit));
        }
        if self.is_in_vain(rate, limit) && is_mild {
            self.take_back(now);
            self.signs.were_wrong(now);
            return false;
        }
        self.is_confirmed = status != 429 || self.is_seen && limit > self.limit * ALIKE;
        self.is_told = status == 429;
        self.limit = limit;
        self.is_seen = is_seen;
        if self.in_vain == 0 {
            self.before = is_seen.then_some(limit);
        }
        self.rate = Some((self.limit / 2.0).max(LOWEST));
        self.failed_again = 0;
        self.lowered = Some(now);
        self.moved = now;
        true
    }

    /// What is taken for the limit where one alone was refused at `rate` while `took` got through: two that came too
    /// close together may be why, at a rate well below the limit.
    fn still_taken(&self, rate: f64, took: f64) -> f64 {
        let most = if self.limit < FEW_ADMITTED { self.limit * DOUBTED } else { rate };
        let seen = (rate * TAKEN_BEFORE).min(took + WHOLE).min(most);
        if rate > self.limit {
            return seen;
        }
        seen.max((rate / QUICK_UP_TO).min(self.limit) * TAKEN_BEFORE)
    }

    /// An attempt that started at `started` failed, of a row that had failed before: if it is alike with others, the rate
    /// was lowered because of such rows.
    pub(super) fn failed_again(&mut self, started: Time, now: Time) {
        // A limit that is told outright is no row's fault.
        if self.lowered.is_none() || self.is_told || !self.is_of_this_rate(started) {
            return;
        }
        self.failed_again += 1;
        if self.failed_again >= BAD_ROWS && self.signs.clean() >= CLEAN {
            self.failed_again = 0;
            self.recovered(now);
        }
    }

    /// Takes back what it was lowered by in vain.
    fn take_back(&mut self, now: Time) {
        if let Some(before) = self.before {
            self.goes_on(now);
            self.limit = self.limit.max(before);
            self.rate = self.rate.map(|rate| rate.max(before / 2.0));
            self.moved = now;
        }
    }

    /// A retry got through.
    pub(super) fn retry_got_through(&mut self) {
        self.failed_again = 0;
    }

    /// Whether it is to be lowered although it is below what the server took before, again and again and to less each
    /// time: then the overloads are not about the rate.
    fn is_in_vain(&mut self, rate: f64, limit: f64) -> bool {
        let is_below = self.before.is_some() && rate <= self.limit * GONE_ABOVE;
        if !is_below {
            self.in_vain = 0;
        } else if limit < self.limit * LOWER || rate < self.limit * EARLY {
            self.in_vain += 1;
        }
        self.in_vain >= IN_VAIN
    }

    /// Until when nothing more would be taken, if that is so.
    pub(super) fn used_up_until(&self, now: Time) -> Option<Time> {
        self.throughput.used_up_until(now)
    }

    /// The effective rate in attempts a second; `None`: nothing below the ceiling.
    pub(super) fn rate(&mut self, now: Time) -> Option<f64> {
        let rate = self.rate?;
        if self.untried.is_none() {
            // What is told late was said earlier.
            let seconds = now.saturating_sub(self.moved).as_secs_f64();
            self.moved = self.moved.max(now);
            let rate = climbed(rate, seconds, self.limit, self.ceiling, self.is_confirmed);
            self.rate = (rate < self.ceiling).then_some(rate);
        }
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A server that admits `admits` in any second, asked for `seconds` at the adaptive rate below `ceiling`.
    /// Gives what it admitted a second and the part it refused, both after the first minute.
    fn settled(ceiling: f64, admits: usize, seconds: u64) -> (f64, f64) {
        let mut adaptive = Adaptive::new(Some(ceiling));
        let (mut now, end) = (Duration::ZERO, Duration::from_secs(seconds));
        let mut admitted: VecDeque<Duration> = VecDeque::new();
        let (mut through, mut refused) = (0_u64, 0_u64);
        while now < end {
            while admitted.front().is_some_and(|at| *at + Duration::from_secs(1) <= now) {
                admitted.pop_front();
            }
            let counts = u64::from(now > Duration::from_secs(60));
            if admitted.len() < admits {
                admitted.push_back(now);
                through += counts;
                adaptive.got_through(now, now);
            } else {
                refused += counts;
                adaptive.overloaded(now, now, 429);
            }
            now += Duration::from_secs_f64(1.0 / adaptive.rate(now).unwrap_or(ceiling));
        }
        (through as f64 / (seconds - 60) as f64, refused as f64 / (through + refused) as f64)
    }

    #[test]
    fn it_settles_near_what_the_server_admits() {
        for (ceiling, admits) in [(10.0, 5), (100.0, 30), (1000.0, 50), (1000.0, 700), (5000.0, 1000)] {
            let (rate, refused) = settled(ceiling, admits, 360);
            assert!(rate >= 0.9 * admits as f64, "{ceiling} against {admits}: {rate}");
            assert!(refused < 0.05, "{ceiling} against {admits}: {refused}");
        }
    }

    #[test]
    fn it_climbs_back_to_the_ceiling_when_the_overload_is_over() {
        let mut adaptive = Adaptive::new(Some(100.0));
        (0..50).for_each(|_| adaptive.got_through(Duration::from_millis(900), Duration::from_millis(900)));
        assert!(adaptive.overloaded(Duration::from_secs(1), Duration::from_millis(900), 429));
        assert_eq!(adaptive.rate(Duration::from_secs(1)), Some(25.0));
        assert_eq!(adaptive.rate(Duration::from_secs(120)), None);
    }

    #[test]
    fn replies_to_what_was_sent_before_a_lowering_do_not_lower_it_again() {
        let mut adaptive = Adaptive::new(Some(100.0));
        let (sent, now) = (Duration::from_secs(1), Duration::from_secs(2));
        assert!(adaptive.overloaded(now, sent, 429));
        assert!((0..50).all(|_| !adaptive.overloaded(now, sent, 429)));
    }

    #[test]
    fn a_rate_of_few_a_minute_is_no_less_for_it() {
        for status in [429, 503] {
            let mut adaptive = Adaptive::new(Some(1.0 / 6.0));
            (1..50).for_each(|attempt| {
                let now = Duration::from_secs(6 * attempt);
                adaptive.overloaded(now, now, status);
                assert!(adaptive.rate(now).is_none());
            });
        }
    }

    #[test]
    fn a_single_failure_that_is_no_429_does_not_lower_it() {
        let mut adaptive = Adaptive::new(Some(100.0));
        let now = Duration::from_secs(1);
        for _ in 0..1000 {
            assert!((1..5).all(|_| !adaptive.overloaded(now, now, 500)));
            adaptive.got_through(now, now);
        }
        assert!((1..5).all(|_| !adaptive.overloaded(now, now, 500)));
        assert!(adaptive.overloaded(now, now, 500));
    }

    #[test]
    fn a_part_of_all_attempts_lowers_it_too_unless_that_is_no_use() {
        let mut adaptive = Adaptive::new(Some(100.0));
        // A third of them, at a hundred a second: whatever is asked, it stays a third.
        let (mut now, mut lowered) = (SECOND, 0);
        for attempt in 0..6000 {
            now += Duration::from_secs_f64(1.0 / adaptive.rate(now).unwrap_or(100.0));
            match attempt % 3 {
                0 => lowered += usize::from(adaptive.overloaded(now, now, 503)),
                _ => adaptive.got_through(now, now),
            }
        }
        assert!((1..=9).contains(&lowered), "{lowered} times in {now:?}");
        assert!(now < Duration::from_secs(120), "{now:?}");
    }
}
