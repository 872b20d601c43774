//! The faults that the server makes on purpose.

use std::time::Duration;

/// The faults to make; none by default.
///
/// One random draw a request decides between the four percentages, so they may add up to 100 at most. The same seed
/// and the same order of requests give the same faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// The delay of each reply. The update itself is made on arrival.
    pub latency: Duration,
    /// The most requests admitted in any second. The others get a 429 with `Retry-After` and are not applied.
    pub limit: Option<u32>,
    /// The percentage of requests that get a 503 and are not applied.
    pub fail_percent: f64,
    /// The percentage of requests whose connection is reset after they were read. One half of them is applied.
    pub reset_percent: f64,
    /// The percentage of requests that get no reply and are not applied.
    pub stall_percent: f64,
    /// The percentage of requests that get a 200 with a maintenance page and are not applied.
    pub html_percent: f64,
    /// The span of time after the first request in which the connection of every request is reset unread.
    pub outage: Option<(Duration, Duration)>,
    /// The seconds of the `Retry-After` of each 503.
    pub retry_after: Option<u64>,
    /// Every request gets a 403.
    pub unauthorized: bool,
    /// The seed of the draws.
    pub seed: u64,
}

/// A fault that is drawn for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A 503.
    Fail,
    /// A reset after the request was read, with or without the update.
    Reset { applied: bool },
    /// No reply.
    Stall,
    /// A maintenance page.
    Html,
}

impl Faults {
    /// The contradiction in these settings, if there is any.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let percentages = [self.fail_percent, self.reset_percent, self.stall_percent, self.html_percent];
        if !percentages.iter().all(|percent| (0.0..=100.0).contains(percent)) {
            return Some("a percentage of faults must be from 0 to 100");
        }
        if percentages.iter().sum::<f64>() > 100.0 {
            return Some("the percentages of faults add up to more than 100");
        }
        if self.outage.is_some_and(|(from, to)| from > to) {
            return Some("the outage must end after it begins");
        }
        None
    }

    /// The fault for a draw from 0 to 100.
    pub(super) fn for_draw(&self, draw: f64) -> Option<Fault> {
        let shares = [
            (self.fail_percent, Fault::Fail),
            (self.reset_percent / 2.0, Fault::Reset { applied: true }),
            (self.reset_percent / 2.0, Fault::Reset { applied: false }),
            (self.stall_percent, Fault::Stall),
            (self.html_percent, Fault::Html),
        ];
        let mut end = 0.0;
        shares.into_iter().find_map(|(share, fault)| {
            end += share;
            (draw < end).then_some(fault)
        })
    }

    /// Whether a request arrives during the outage.
    pub(super) fn is_outage(&self, since_first: Duration) -> bool {
        self.outage.is_some_and(|(from, to)| (from..to).contains(&since_first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_no_fault() {
        let faults = Faults::default();
        assert_eq!(faults.problem(), None);
        assert_eq!(faults.for_draw(0.0), None);
        assert!(!faults.is_outage(Duration::ZERO));
    }

    #[test]
    fn the_shares_follow_each_other() {
        let faults = Faults {
            fail_percent: 10.0,
            reset_percent: 20.0,
            stall_percent: 5.0,
            html_percent: 15.0,
            ..Faults::default()
        };
        for (draw, fault) in [
            (0.0, Some(Fault::Fail)),
            (9.9, Some(Fault::Fail)),
            (10.0, Some(Fault::Reset { applied: true })),
            (20.0, Some(Fault::Reset { applied: false })),
            (30.0, Some(Fault::Stall)),
            (35.0, Some(Fault::Html)),
            (50.0, None),
            (99.9, None),
        ] {
            assert_eq!(faults.for_draw(draw), fault, "{draw}");
        }
    }

    #[test]
    fn contradictory_settings_are_a_problem() {
        for percent in [-1.0, 100.1, f64::NAN, f64::INFINITY] {
            let faults = Faults { stall_percent: percent, ..Faults::default() };
            assert!(faults.problem().is_some(), "{percent}");
        }
        let faults = Faults { fail_percent: 60.0, html_percent: 41.0, ..Faults::default() };
        assert!(faults.problem().is_some());
        let outage = Some((Duration::from_secs(2), Duration::from_secs(1)));
        assert!(Faults { outage, ..Faults::default() }.problem().is_some());
        assert!(Faults { fail_percent: 100.0, ..Faults::default() }.problem().is_none());
    }

    #[test]
    fn an_outage_begins_and_ends() {
        let outage = Some((Duration::from_secs(1), Duration::from_secs(3)));
        let faults = Faults { outage, ..Faults::default() };
        let out: Vec<bool> = (0..5).map(|second| faults.is_outage(Duration::from_secs(second))).collect();
        assert_eq!(out, [false, true, true, false, false]);
    }
}
