//! Decides the outcome of each request, and counts.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::customers::{Customers, Matches, View};
use super::faults::{Fault, Faults};
use super::form::Update;
use super::reply::Refusal;
use super::window::SlidingWindow;

/// The counters of a server.
///
/// A request is one `PATCH` of `set_customer_details`. Each request that is decided is counted in exactly one of
/// `updated` to `outage`. A request that was applied and then reset is counted as `reset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Requests that arrived.
    pub requests: u64,
    /// Requests that were applied and got `true`.
    pub updated: u64,
    /// Requests that were malformed or named no customer.
    pub refused: u64,
    /// Requests that got a 401 or 403.
    pub unauthorized: u64,
    /// Requests that got a 429.
    pub throttled: u64,
    /// Requests that got a 503.
    pub failed: u64,
    /// Requests whose connection was reset after they were read, applied or not.
    pub reset: u64,
    /// Requests that got no reply.
    pub stalled: u64,
    /// Requests that got a maintenance page.
    pub html: u64,
    /// Requests whose connection was reset in the outage.
    pub outage: u64,
    /// The most requests that were open at once.
    pub most_in_flight: u64,
    /// The most requests that arrived in any second.
    pub busiest_second: u64,
    /// Requests that arrived while another request for the same customer was open.
    pub same_customer_overlaps: u64,
    /// Customers that come from the file of customers or were updated at least once.
    pub customers: u64,
}

/// The outcome of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// `true`.
    Updated,
    /// An error and its reason.
    Refused(Refusal),
    /// An error that concerns the credentials.
    Unauthorized(Refusal),
    /// A 429.
    Throttled,
    /// A 503.
    Failed,
    /// A reset of the connection.
    Reset,
    /// No reply.
    Stalled,
    /// A maintenance page.
    Html,
}

/// Everything that changes while the server runs.
#[derive(Debug)]
pub(super) struct State {
    faults: Faults,
    customers: Customers,
    /// The first mention of an id creates its customer.
    knows_every_id: bool,
    stats: Stats,
    in_flight: u64,
    arrived: SlidingWindow,
    admitted: SlidingWindow,
    first_arrival: Option<Instant>,
    random: fastrand::Rng,
}

impl State {
    /// The state of a server that no request has reached.
    pub(super) fn new(faults: Faults, customers: Option<Customers>) -> State {
        State {
            random: fastrand::Rng::with_seed(faults.seed),
            faults,
            knows_every_id: customers.is_none(),
            customers: customers.unwrap_or_default(),
            stats: Stats::default(),
            in_flight: 0,
            arrived: SlidingWindow::default(),
            admitted: SlidingWindow::default(),
            first_arrival: None,
        }
    }

    /// Counts a request that arrives; false during the outage.
    pub(super) fn arrive(&mut self, now: Instant) -> bool {
        self.stats.requests += 1;
        self.in_flight += 1;
        self.stats.most_in_flight = self.stats.most_in_flight.max(self.in_flight);
        let in_this_second = u64::try_from(self.arrived.record(now)).unwrap_or(u64::MAX);
        self.stats.busiest_second = self.stats.busiest_second.max(in_this_second);
        let first_arrival = *self.first_arrival.get_or_insert(now);
        let is_outage = self.faults.is_outage(now.saturating_duration_since(first_arrival));
        self.stats.outage += u64::from(is_outage);
        !is_outage
    }

    /// Decides the outcome of a request and applies it. Also returns the customers of the request, for [`State::leave`].
    pub(super) fn decide(
        &mut self,
        now: Instant,
        credentials: Result<(), Refusal>,
        update: Result<Update<'_>, Refusal>,
    ) -> (Outcome, Matches) {
        let matches = match (&credentials, &update) {
            (Ok(()), Ok(update)) => self.customers.lookup(&update.lookup, self.knows_every_id),
            _ => Matches::default(),
        };
        self.stats.same_customer_overlaps += u64::from(self.customers.begin(matches));
        let outcome = match credentials {
            Ok(()) => self.serve(now, matches, update),
            Err(refusal) => Outcome::Unauthorized(refusal),
        };
        *self.counter(&outcome) += 1;
        (outcome, matches)
    }

    /// Serves a request whose credentials are right.
    fn serve(&mut self, now: Instant, matches: Matches, update: Result<Update<'_>, Refusal>) -> Outcome {
        if self.faults.limit.is_some_and(|limit| !self.admitted.admit(now, limit)) {
            return Outcome::Throttled;
        }
        let apply = || match update.and_then(|update| self.customers.update(matches, update)) {
            Ok(()) => Outcome::Updated,
            Err(refusal) => Outcome::Refused(refusal),
        };
        match self.faults.for_draw(self.random.f64() * 100.0) {
            Some(Fault::Fail) => Outcome::Failed,
            Some(Fault::Stall) => Outcome::Stalled,
            Some(Fault::Html) => Outcome::Html,
            Some(Fault::Reset { applied: false }) => Outcome::Reset,
            Some(Fault::Reset { applied: true }) => {
                apply();
                Outcome::Reset
            }
            None => apply(),
        }
    }

    /// Ends a request whose reply is ready or whose client has left.
    pub(super) fn leave(&mut self, matches: Matches) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.customers.end(matches);
    }

    /// The counters.
    pub(super) fn stats(&self) -> Stats {
        Stats { customers: self.customers.count(), ..self.stats }
    }

    /// The customer with that id.
    pub(super) fn customer(&self, id: &str) -> Option<View<'_>> {
        self.customers.view(id)
    }

    /// The counter of an outcome.
    fn counter(&mut self, outcome: &Outcome) -> &mut u64 {
        match outcome {
            Outcome::Updated => &mut self.stats.updated,
            Outcome::Refused(_) => &mut self.stats.refused,
            Outcome::Unauthorized(_) => &mut self.stats.unauthorized,
            Outcome::Throttled => &mut self.stats.throttled,
            Outcome::Failed => &mut self.stats.failed,
            Outcome::Reset => &mut self.stats.reset,
            Outcome::Stalled => &mut self.stats.stalled,
            Outcome::Html => &mut self.stats.html,
        }
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
        let (outcome, matches) = state.decide(now, Ok(()), parse(b"customer_id=1&city=x"));
        state.leave(matches);
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
    fn faults_come_in_their_shares() {
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
    fn half_of_the_resets_and_no_other_fault_are_applied() {
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
