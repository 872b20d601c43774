//! Whether a part that is refused all the time is refused because of the rate: less is asked for a while, and if no
//! fewer are refused, the rate is as before. A limit a little below the rate lets most through and is told by nothing
//! else, and rows that always fail look just like it.

use std::time::Duration;

/// So many refused in a count are worth a trial.
const SOME: u32 = 7;
/// If they are no more than so many.
const OF: u32 = 128;
/// How much of what got through is asked in a trial.
const ASKED: f64 = 0.9;
/// A trial lasts until so many would have been refused as before.
const EXPECTED: f64 = 10.0;
/// And that many were made, or for so long.
const LONG: Duration = Duration::from_secs(20);
/// It was in vain if so many are.
const STILL: u32 = 3;
/// How long no other is made after one in vain: at first, and at the most. Each doubles it.
const QUIET: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(160));

type Time = Duration;

/// What is known of a part that is refused.
#[derive(Debug, Default)]
pub(super) struct Trial {
    count: Option<Count>,
    /// The part that was refused before less was asked.
    before: Option<f64>,
    quiet: Duration,
    quiet_until: Time,
}

#[derive(Debug)]
struct Count {
    since: Time,
    attempts: u32,
    refused: u32,
}

/// What an attempt brings to light.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Finding {
    /// So many attempts a second got through beside those refused: try to ask so many.
    Try {
        /// What got through.
        through: f64,
        /// What to ask.
        ask: f64,
    },
    /// Fewer are refused where less is asked.
    Helped,
    /// No fewer are.
    InVain,
}

impl Trial {
    /// What was counted says nothing about what comes: the rate was moved, or sending had stopped.
    pub(super) fn reset(&mut self) {
        self.count = None;
        self.before = None;
    }

    /// One more attempt ended that was made at the present rate.
    pub(super) fn count(&mut self, now: Time, is_refused: bool) -> Option<Finding> {
        if let Some(before) = self.before {
            let count = self.count.get_or_insert(Count { since: now, attempts: 0, refused: 0 });
            count.add(is_refused);
            let finding = match count {
                Count { refused: STILL.., .. } => Finding::InVain,
                Count { attempts, since, .. }
                    if f64::from(*attempts) * before >= EXPECTED
                        && (*attempts >= OF || now >= *since + LONG) =>
                {
                    Finding::Helped
                }
                _ => return None,
            };
            self.reset();
            self.quiet = match finding {
                Finding::InVain => (self.quiet * 2).clamp(QUIET.0, QUIET.1),
                _ => Duration::ZERO,
            };
            self.quiet_until = now + self.quiet;
            return Some(finding);
        }
        let Some(count) = &mut self.count else {
            // From one that was refused on: before, a limit may have had something left over.
            self.count = is_refused.then_some(Count { since: now, attempts: 0, refused: 0 });
            return None;
        };
        count.add(is_refused);
        if count.refused < SOME || now <= count.since || now < self.quiet_until {
            self.count.take_if(|count| count.attempts >= OF);
            return None;
        }
        let through = f64::from(count.attempts - count.refused) / (now - count.since).as_secs_f64();
        self.before = Some(f64::from(count.refused) / f64::from(count.attempts));
        self.count = None;
        Some(Finding::Try { through, ask: through * ASKED })
    }
}

impl Count {
    fn add(&mut self, is_refused: bool) {
        self.attempts += 1;
        self.refused += u32::from(is_refused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: Duration = Duration::from_millis(100);

    /// So many attempts, ten a second, of which every `of`-th is refused: the first finding, and when it was made.
    fn first(trial: &mut Trial, now: &mut Time, attempts: u32, of: u32) -> Option<(Finding, u32)> {
        (1..=attempts).find_map(|attempt| {
            *now += TENTH;
            trial.count(*now, attempt % of == 0).map(|finding| (finding, attempt))
        })
    }

    #[test]
    fn less_is_tried_where_some_are_refused_all_the_time() {
        for (of, after) in [(3, Some(24)), (10, Some(80)), (16, Some(128)), (30, None)] {
            let (mut trial, mut now) = (Trial::default(), Time::ZERO);
            let found = first(&mut trial, &mut now, 2000, of);
            assert_eq!(found.map(|(_, attempt)| attempt), after, "every {of}th");
            if let Some((Finding::Try { through, ask }, _)) = found {
                // From the first that was refused on.
                assert!(
                    (through - 10.0 * (1.0 - 1.0 / f64::from(of))).abs() < 1e-9,
                    "every {of}th: {through}"
                );
                assert_eq!(ask, through * ASKED);
            }
        }
    }

    #[test]
    fn it_helped_if_hardly_any_are_refused_then() {
        let (mut trial, mut now) = (Trial::default(), Time::ZERO);
        assert!(matches!(first(&mut trial, &mut now, 100, 5), Some((Finding::Try { .. }, 40))));
        // Two refused of 128.
        assert_eq!(first(&mut trial, &mut now, 1000, 60), Some((Finding::Helped, 128)));
        // And nothing keeps it from the next.
        assert!(matches!(first(&mut trial, &mut now, 100, 5), Some((Finding::Try { .. }, 40))));
    }

    #[test]
    fn it_was_in_vain_if_as_many_are_and_the_next_takes_longer_each_time() {
        let (mut trial, mut now) = (Trial::default(), Time::ZERO);
        let mut began = Vec::new();
        for _ in 0..8 {
            let found = first(&mut trial, &mut now, 10_000, 5);
            assert!(matches!(found, Some((Finding::Try { .. }, _))));
            began.push(now.as_secs());
            assert_eq!(first(&mut trial, &mut now, 1000, 5), Some((Finding::InVain, 15)));
        }
        let pauses: Vec<_> = began.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.windows(2).all(|pair| pair[1] + 1 >= pair[0]), "{pauses:?}");
        assert!(pauses[0] < 20 && (160..180).contains(&pauses[6]), "{pauses:?}");
    }
}
