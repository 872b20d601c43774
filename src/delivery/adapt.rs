//! The adaptive rate: what the server can take, found by asking for a little more until it says no.
//!
//! An overload halves what the server took. The rate then climbs back quickly to just below what the server took before, slowly
//! past that, and, once that limit seems gone, steadily to the configured ceiling. Halving alone would leave a
//! quarter of what the server admits unused.

use super::throughput::Throughput;
use std::time::Duration;

/// The part of the known limit up to which the rate climbs back quickly.
const QUICK_UP_TO: f64 = 0.95;
/// The part of the known limit above which the limit is taken for gone.
const GONE_ABOVE: f64 = 1.02;
/// How much of the known limit is added a second below it.
const QUICK: f64 = 0.5;
/// How much of the known limit is added a second around it.
const SLOW: f64 = 0.0025;
/// Below this limit less, but for a quarter: so few attempts are made on the way that those refused at its end are many.
const SMALL: f64 = 5.0;
/// The most of it that is added a second above that, up to twice the limit: some time passes before a refusal is told.
const DOUBTFUL: f64 = 0.2;
/// What an unlimited run takes for the limit if it knows nothing better, in attempts a second.
const FIRST_LIMIT: f64 = 10.0;
/// How much of the ceiling is added a second once the limit is gone, though no more than `QUICK` of the limit or
/// `FIRST_LIMIT`.
const STEADY: f64 = 1.0 / 60.0;
/// Limits are mostly per second: one that was passed says no until its second is over, however slowly it is asked.
const SECOND: Duration = Duration::from_secs(1);
/// Fewer that got through in a second say little of a limit that is told by anything but a 429.
const FEW: f64 = 2.0;
/// None at all say nothing of one as low as this.
const NONE: f64 = 6.0;
/// The lowest rate, in attempts a second.
const LOWEST: f64 = 0.5;
/// So many overloads one after the other, of any kind, count like a 429.
const REPEATED: u32 = 5;
/// So do this many of so many attempts, but for a 500, which is mostly about a row: a limit that is told by a 503 lets
/// some through whatever it is asked.
const MANY: (u32, u32) = (20, 64);
/// The same where a limit is known and asked for again.
const MANY_AGAIN: (u32, u32) = (3, 16);
/// So many limits one below the other, none of which was ever passed, are none.
const IN_VAIN: u32 = 3;
/// So many rows that fail again below the limit, while no other does better the second time, are to blame themselves.
const BAD_ROWS: u32 = 3;
/// If so many attempts got through meanwhile and no other was refused.
const CLEAN: u32 = 4;
/// How long no more than `REPEATED` tells of an overload then.
const UNHEEDED: Duration = Duration::from_secs(60);
/// Where an unlimited run counts as unlimited again, in attempts a second.
const UNLIMITED: f64 = 100_000.0;

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
    /// When `rate` was last moved.
    moved: Time,
    /// Attempts that started before, or less than a second later, say nothing about the present rate.
    lowered: Option<Time>,
    overloads: u32,
    /// The attempts since `lowered` that count, the latest as the lowest bit: 1 for an overload.
    outcomes: u64,
    /// How often it was lowered since it was last above `limit`.
    in_vain: u32,
    /// What `limit` was then, if that was seen.
    before: Option<f64>,
    /// Until when it is not lowered because of `MANY`.
    unheeded_until: Time,
    /// How many attempts got through since the last overload.
    clean: u32,
    /// How many rows failed again since the last retry that got through.
    failed_again: u32,
    throughput: Throughput,
    /// Since when sending goes on without a pause.
    sending_since: Time,
    /// Until when the server's second is used up.
    used_up_until: Time,
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
            moved: Duration::ZERO,
            lowered: None,
            overloads: 0,
            outcomes: 0,
            in_vain: 0,
            before: None,
            clean: 0,
            failed_again: 0,
            unheeded_until: Duration::ZERO,
            sending_since: Duration::ZERO,
            used_up_until: Duration::ZERO,
            throughput: Throughput::default(),
        }
    }

    /// Sending goes on after a pause: what got through before says nothing about the rate.
    pub(super) fn goes_on(&mut self, now: Time) {
        self.sending_since = now;
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

    /// An attempt got through.
    pub(super) fn got_through(&mut self, now: Time) {
        self.overloads = 0;
        self.outcomes <<= 1;
        self.clean = self.clean.saturating_add(1);
        self.throughput.count(now);
    }

    /// The server answered an attempt that started at `started` with an overload of this status. True if the rate was
    /// lowered.
    pub(super) fn overloaded(&mut self, now: Time, started: Time, status: u16) -> bool {
        self.clean = 0;
        if self.lowered.is_some_and(|lowered| started < lowered + SECOND) {
            return false;
        }
        self.overloads += 1;
        self.outcomes <<= 1;
        // A 500 is mostly about a row.
        if status != 500 {
            self.outcomes |= 1;
        }
        let is_plain = status == 429 || self.overloads >= REPEATED;
        let is_one = is_plain || now >= self.unheeded_until && self.are_many();
        if !is_one {
            return false;
        }
        (self.overloads, self.outcomes) = (0, 0);
        let rate = self.rate(now).unwrap_or(self.ceiling);
        let (limit, is_seen) = self.taken(now, rate, status);
        if self.is_in_vain(rate, limit) && !is_plain {
            self.take_back(now);
            self.unheeded_until = now + UNHEEDED;
            return false;
        }
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

    /// What the server takes of what it was asked at `rate`, and whether that was seen: what got through says it after a
    /// whole second of sending, or if it was not little. Else a rate is halved and no more; where there was none, little
    /// is all there is to go by.
    fn taken(&mut self, now: Time, rate: f64, status: u16) -> (f64, bool) {
        let took = self.throughput.last_second(now);
        if now >= self.sending_since + SECOND {
            let least = if status == 429 { LOWEST } else { self.least(rate, took).min(rate) };
            (took.clamp(least, rate), took >= least)
        } else if took >= FIRST_LIMIT {
            // All that it takes in a second went out in less than one: more would only be refused.
            self.used_up_until = self.sending_since + SECOND;
            (took.min(rate), true)
        } else if rate >= UNLIMITED {
            (FIRST_LIMIT, false)
        } else {
            (rate, false)
        }
    }

    /// The least that is taken for a limit where `took` got through in a second of asking at `rate`. Rows that always fail
    /// often stand side by side and let as little through as a limit does: one such place must not cost all of the rate.
    fn least(&self, rate: f64, took: f64) -> f64 {
        match took {
            _ if self.is_seen => rate / 2.0,
            FEW.. => LOWEST,
            1.0.. => rate / 4.0,
            // A limit lets some through in any second.
            _ => (rate / 4.0).max(NONE),
        }
    }

    /// An attempt that started at `started` failed, of a row that had failed before: if it is alike with others, the rate
    /// was lowered because of such rows.
    pub(super) fn failed_again(&mut self, started: Time, now: Time) {
        if self.lowered.is_none_or(|lowered| started < lowered + SECOND) {
            return;
        }
        self.failed_again += 1;
        if self.failed_again >= BAD_ROWS && self.clean >= CLEAN {
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

    /// Whether so many of the last attempts met an overload that it is about the rate.
    fn are_many(&self) -> bool {
        let (many, of) = if self.rate.is_some() { MANY_AGAIN } else { MANY };
        (self.outcomes << (u64::BITS - of)).count_ones() >= many
    }

    /// Whether it is to be lowered although it is below what the server took before, again and again and to less each
    /// time: then the overloads are not about the rate.
    fn is_in_vain(&mut self, rate: f64, limit: f64) -> bool {
        let is_below = self.before.is_some() && rate <= self.limit * GONE_ABOVE;
        if !is_below {
            self.in_vain = 0;
        } else if limit < self.limit * QUICK_UP_TO {
            self.in_vain += 1;
        }
        self.in_vain >= IN_VAIN
    }

    /// Until when nothing more would be taken, if that is so.
    pub(super) fn used_up_until(&self, now: Time) -> Option<Time> {
        Some(self.used_up_until).filter(|until| *until > now)
    }

    /// The effective rate in attempts a second; `None`: nothing below the ceiling.
    pub(super) fn rate(&mut self, now: Time) -> Option<f64> {
        let mut rate = self.rate?;
        let mut seconds = now.saturating_sub(self.moved).as_secs_f64();
        // What is told late was said earlier.
        self.moved = self.moved.max(now);
        let slow = self.limit * SLOW * (self.limit / SMALL).clamp(0.25, 1.0);
        let phases = [
            (self.limit * QUICK_UP_TO, self.limit * QUICK),
            (self.limit * GONE_ABOVE, slow),
            (self.limit * 2.0, (self.limit * DOUBTFUL).min(self.ceiling * STEADY)),
            (self.ceiling, (self.ceiling * STEADY).min((self.limit * QUICK).max(FIRST_LIMIT))),
        ];
        for (up_to, speed) in phases {
            if rate < up_to {
                let takes = (up_to - rate) / speed;
                rate = if seconds < takes { rate + seconds * speed } else { up_to };
                seconds = (seconds - takes).max(0.0);
            }
        }
        self.rate = (rate < self.ceiling).then_some(rate);
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
                adaptive.got_through(now);
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
        (0..50).for_each(|_| adaptive.got_through(Duration::from_millis(900)));
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
    fn a_single_failure_that_is_no_429_does_not_lower_it() {
        let mut adaptive = Adaptive::new(Some(100.0));
        let now = Duration::from_secs(1);
        for _ in 0..1000 {
            assert!((1..REPEATED).all(|_| !adaptive.overloaded(now, now, 500)));
            adaptive.got_through(now);
        }
        assert!((1..REPEATED).all(|_| !adaptive.overloaded(now, now, 500)));
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
                _ => adaptive.got_through(now),
            }
        }
        assert!((1..=9).contains(&lowered), "{lowered} times in {now:?}");
        assert!(now < Duration::from_secs(120), "{now:?}");
    }
}
