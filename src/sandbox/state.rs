//! Decides what becomes of a request, and keeps count.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::customers::{Customers, Named, View};
use super::faults::{Fault, Faults};
use super::form::Update;
use super::reply::Refusal;
use super::second::LastSecond;

/// What the server has seen so far.
///
/// A request is one `PATCH` of `set_customer_details`. Each one that has been decided is counted in exactly one
/// of `updated` to `outage`; one that a reset hid although it was applied is counted as `reset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// All requests that arrived.
    pub requests: u64,
    /// Applied, and answered with `true`.
    pub updated: u64,
    /// Malformed, or no such customer.
    pub refused: u64,
    /// Answered with 401 or 403.
    pub unauthorized: u64,
    /// Answered with 429.
    pub throttled: u64,
    /// Answered with 503.
    pub failed: u64,
    /// Reset after they were read, applied or not.
    pub reset: u64,
    /// Never answered.
    pub stalled: u64,
    /// Answered with a maintenance page.
    pub html: u64,
    /// Reset in the outage.
    pub outage: u64,
    /// The most requests that were open at once.
    pub most_in_flight: u64,
    /// The most requests that arrived within any one second.
    pub busiest_second: u64,
    /// How often a request arrived for a customer that had another one open.
    pub same_customer_overlaps: u64,
    /// How many customers there are: told of beforehand, or updated at least once.
    pub customers: u64,
}

/// What a request gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// `true`.
    Updated,
    /// An error and its reason.
    Refused(Refusal),
    /// An error that concerns the credentials.
    Unauthorized(Refusal),
    /// 429.
    Throttled,
    /// 503.
    Failed,
    /// A reset of the connection.
    Reset,
    /// Nothing.
    Stalled,
    /// A maintenance page.
    Html,
}

/// Everything that changes while the server runs.
#[derive(Debug)]
pub(super) struct State {
    faults: Faults,
    customers: Customers,
    /// Whether an id that was never heard of is a customer's all the same.
    knows_every_id: bool,
    stats: Stats,
    in_flight: u64,
    arrivals: LastSecond,
    admitted: LastSecond,
    first_arrival: Option<Instant>,
    random: fastrand::Rng,
}

impl State {
    /// The state of a server that has seen nothing yet.
    pub(super) fn new(faults: Faults, customers: Option<Customers>) -> State {
        State {
            random: fastrand::Rng::with_seed(faults.seed),
            faults,
            knows_every_id: customers.is_none(),
            customers: customers.unwrap_or_default(),
            stats: Stats::default(),
            in_flight: 0,
            arrivals: LastSecond::default(),
            admitted: LastSecond::default(),
            first_arrival: None,
        }
    }

    /// Notes that a request arrived; false if it meets the outage.
    pub(super) fn arrive(&mut self, now: Instant) -> bool {
        self.stats.requests += 1;
        self.in_flight += 1;
        self.stats.most_in_flight = self.stats.most_in_flight.max(self.in_flight);
        let in_this_second = u64::try_from(self.arrivals.note(now)).unwrap_or(u64::MAX);
        self.stats.busiest_second = self.stats.busiest_second.max(in_this_second);
        let first_arrival = *self.first_arrival.get_or_insert(now);
        let is_out = self.faults.is_out(now.saturating_duration_since(first_arrival));
        self.stats.outage += u64::from(is_out);
        !is_out
    }

    /// Decides what a request gets, and applies it. Also says which customers it is for, until it leaves.
    pub(super) fn decide(
        &mut self,
        now: Instant,
        credentials: Result<(), Refusal>,
        update: Result<Update<'_>, Refusal>,
    ) -> (Outcome, Named) {
        let mut named = Named::default();
        if credentials.is_ok()
            && let Ok(update) = &update
        {
            named = self.customers.name(&update.lookup, self.knows_every_id);
            self.stats.same_customer_overlaps += u64::from(self.customers.begin(named));
        }
        let outcome = match credentials {
            Ok(()) => self.serve(now, named, update),
            Err(refusal) => Outcome::Unauthorized(refusal),
        };
        self.count(&outcome);
        (outcome, named)
    }

    /// Serves a request whose credentials are fine.
    fn serve(&mut self, now: Instant, named: Named, update: Result<Update<'_>, Refusal>) -> Outcome {
        if self.faults.limit.is_some_and(|limit| !self.admitted.admit(now, limit)) {
            return Outcome::Throttled;
        }
        let draw = self.random.f64() * 100.0;
        match self.faults.drawn(draw) {
            Some(Fault::Fail) => Outcome::Failed,
            Some(Fault::Stall) => Outcome::Stalled,
            Some(Fault::Html) => Outcome::Html,
            Some(Fault::Reset { applied: false }) => Outcome::Reset,
            Some(Fault::Reset { applied: true }) => {
                self.apply(named, update);
                Outcome::Reset
            }
            None => self.apply(named, update),
        }
    }

    /// Makes the update.
    fn apply(&mut self, named: Named, update: Result<Update<'_>, Refusal>) -> Outcome {
        let applied = update.and_then(|update| self.customers.update(named, &update.lookup, update.changes));
        match applied {
            Ok(()) => Outcome::Updated,
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// Notes that a request's answer is ready, or that its client has left.
    pub(super) fn leave(&mut self, named: Named) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.customers.end(named);
    }

    /// What the server has seen so far.
    pub(super) fn stats(&self) -> Stats {
        Stats { customers: self.customers.len(), ..self.stats }
    }

    /// The customer with that id.
    pub(super) fn customer(&self, id: &str) -> Option<View<'_>> {
        self.customers.view(id)
    }

    /// Counts an outcome.
    fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Updated => &mut self.stats.updated,
            Outcome::Refused(_) => &mut self.stats.refused,
            Outcome::Unauthorized(_) => &mut self.stats.unauthorized,
            Outcome::Throttled => &mut self.stats.throttled,
            Outcome::Failed => &mut self.stats.failed,
            Outcome::Reset => &mut self.stats.reset,
            Outcome::Stalled => &mut self.stats.stalled,
            Outcome::Html => &mut self.stats.html,
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::form::parse;
    use super::*;

    /// Sends one well-formed request at a moment and lets it leave at once.
    fn send(state: &mut State, now: Instant) -> Outcome {
        assert!(state.arrive(now));
        let (outcome, named) = state.decide(now, Ok(()), parse(b"customer_id=1&city=x"));
        state.leave(named);
        outcome
    }

    fn outcomes(faults: &Faults, count: usize) -> Vec<Outcome> {
        let (mut state, now) = (State::new(faults.clone(), None), Instant::now());
        (0..count).map(|_| send(&mut state, now)).collect()
    }

    fn mixed(seed: u64) -> Faults {
        let (fail_percent, reset_percent, stall_percent, html_percent) = (10.0, 20.0, 5.0, 15.0);
        Faults { fail_percent, reset_percent, stall_percent, html_percent, seed, ..Faults::default() }
    }

    #[test]
    fn the_seed_fixes_the_faults() {
        assert_eq!(outcomes(&mixed(1), 200), outcomes(&mixed(1), 200));
        assert_ne!(outcomes(&mixed(1), 200), outcomes(&mixed(2), 200));
    }

    #[test]
    fn faults_come_in_the_shares_asked_for() {
        let outcomes = outcomes(&mixed(7), 20_000);
        for (outcome, percent) in [
            (Outcome::Failed, 10),
            (Outcome::Reset, 20),
            (Outcome::Stalled, 5),
            (Outcome::Html, 15),
            (Outcome::Updated, 50),
        ] {
            let count = outcomes.iter().filter(|other| **other == outcome).count();
            assert!(count.abs_diff(200 * percent) < 250, "{outcome:?}: {count}");
        }
    }

    #[test]
    fn half_of_the_resets_were_applied_and_no_other_fault() {
        let faults = Faults { reset_percent: 100.0, ..Faults::default() };
        let (mut state, now) = (State::new(faults, None), Instant::now());
        (0..1000).for_each(|_| assert_eq!(send(&mut state, now), Outcome::Reset));
        let view = serde_json::to_value(state.customer("1").unwrap()).unwrap();
        assert!(view["updates"].as_u64().unwrap().abs_diff(500) < 60, "{view}");
        for (fail_percent, stall_percent, html_percent) in
            [(100.0, 0.0, 0.0), (0.0, 100.0, 0.0), (0.0, 0.0, 100.0)]
        {
            let faults = Faults { fail_percent, stall_percent, html_percent, ..Faults::default() };
            let mut state = State::new(faults, None);
            send(&mut state, now);
            assert!(state.customer("1").is_none());
        }
    }

    #[test]
    fn every_decided_request_is_counted_once() {
        let (mut state, now) = (State::new(Faults { limit: Some(90), ..mixed(3) }, None), Instant::now());
        (0..100).for_each(|_| drop(send(&mut state, now)));
        let refusal = || Refusal::bad_request("no");
        state.arrive(now);
        state.decide(now, Err(refusal()), Err(refusal()));
        let later = now + Duration::from_secs(1);
        state.arrive(later);
        state.decide(later, Ok(()), Err(refusal()));
        let stats = state.stats();
        let sum = stats.updated + stats.refused + stats.unauthorized + stats.throttled;
        assert_eq!(sum + stats.failed + stats.reset + stats.stalled + stats.html, 102);
        assert_eq!((stats.requests, stats.throttled, stats.unauthorized), (102, 10, 1));
        assert_eq!((stats.most_in_flight, stats.busiest_second, stats.customers), (2, 101, 1));
    }

    #[test]
    fn throttled_requests_do_not_count_against_the_limit() {
        let start = Instant::now();
        let mut state = State::new(Faults { limit: Some(1), ..Faults::default() }, None);
        let sent: Vec<bool> = (0..25)
            .map(|step| send(&mut state, start + Duration::from_millis(100 * step)) == Outcome::Updated)
            .collect();
        assert_eq!(sent.iter().filter(|updated| **updated).count(), 3);
    }

    #[test]
    fn the_outage_counts_from_the_first_request() {
        let outage = Some((Duration::from_secs(1), Duration::from_secs(2)));
        let (mut state, start) = (State::new(Faults { outage, ..Faults::default() }, None), Instant::now());
        let served: Vec<bool> = [0, 999, 1000, 1999, 2000]
            .iter()
            .map(|at| state.arrive(start + Duration::from_millis(*at)))
            .collect();
        assert_eq!(served, [true, true, false, false, true]);
        assert_eq!(state.stats().outage, 2);
    }

    #[test]
    fn an_overlap_is_counted_until_the_first_one_leaves() {
        let (mut state, now) = (State::new(Faults::default(), None), Instant::now());
        let (_, first) = state.decide(now, Ok(()), parse(b"customer_id=1&subscription_id=A&city=x"));
        let (_, second) = state.decide(now, Ok(()), parse(b"subscription_id=A&city=x"));
        state.decide(now, Ok(()), parse(b"customer_id=2&city=x"));
        assert_eq!(state.stats().same_customer_overlaps, 1);
        state.leave(first);
        state.leave(second);
        state.decide(now, Ok(()), parse(b"customer_id=1&city=x"));
        assert_eq!(state.stats().same_customer_overlaps, 1);
    }
}
