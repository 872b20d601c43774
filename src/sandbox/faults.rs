//! What the server does wrong on purpose.

use std::time::Duration;

/// The faults to make; none by default.
///
/// The four percentages are shares of one draw a request, so they are exact side by side and may add up to at
/// most 100. The same seed and the same order of requests give the same faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// How long each reply is held back. The update itself is made on arrival.
    pub latency: Duration,
    /// The most requests that are let in during any second; more get a 429 with `Retry-After` and are not
    /// applied.
    pub limit: Option<u32>,
    /// How many percent get a 503 and are not applied.
    pub fail_percent: f64,
    /// How many percent have their connection reset once they were read: one half applied, the other half not.
    pub reset_percent: f64,
    /// How many percent are never answered and not applied.
    pub stall_percent: f64,
    /// How many percent get a 200 with a maintenance page and are not applied.
    pub html_percent: f64,
    /// From when to when, counted from the first request, every request's connection is reset unread.
    pub outage: Option<(Duration, Duration)>,
    /// The seconds of a `Retry-After` that goes with each 503.
    pub retry_after: Option<u64>,
    /// Whether every request is answered with a 403.
    pub unauthorized: bool,
    /// Where the draws start.
    pub seed: u64,
}

/// The fault that was drawn for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A 503.
    Fail,
    /// A reset after the request was read, and whether the update was made all the same.
    Reset { applied: bool },
    /// No answer at all.
    Stall,
    /// A maintenance page.
    Html,
}

impl Faults {
    /// Says what is wrong with these settings, if anything is.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let percentages = [self.fail_percent, self.reset_percent, self.stall_percent, self.html_percent];
        if !percentages.iter().all(|percent| (0.0..=100.0).contains(percent)) {
            return Some("a percentage of faults must lie between 0 and 100");
        }
        if percentages.iter().sum::<f64>() > 100.0 {
            return Some("the percentages of faults add up to more than 100");
        }
        if self.outage.is_some_and(|(from, to)| from > to) {
            return Some("the outage ends before it begins");
        }
        None
    }

    /// The fault for a draw of 0 to 100.
    pub(super) fn drawn(&self, draw: f64) -> Option<Fault> {
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

    /// Whether a request so long after the first one meets the outage.
    pub(super) fn is_out(&self, since_first: Duration) -> bool {
        self.outage.is_some_and(|(from, to)| (from..to).contains(&since_first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_faults_by_default() {
        let faults = Faults::default();
        assert_eq!(faults.problem(), None);
        assert_eq!(faults.drawn(0.0), None);
        assert!(!faults.is_out(Duration::ZERO));
    }

    #[test]
    fn shares_lie_side_by_side() {
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
            assert_eq!(faults.drawn(draw), fault, "{draw}");
        }
    }

    #[test]
    fn wrong_settings_are_named() {
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
    fn an_outage_has_a_beginning_and_an_end() {
        let outage = Some((Duration::from_secs(1), Duration::from_secs(3)));
        let faults = Faults { outage, ..Faults::default() };
        let out: Vec<bool> = (0..5).map(|second| faults.is_out(Duration::from_secs(second))).collect();
        assert_eq!(out, [false, true, true, false, false]);
    }
}
