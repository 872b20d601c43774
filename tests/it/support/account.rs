//! The server's own account of what arrived when, and what was unanswered at the time.

use super::request::Request;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Everything that arrived. Arrivals and answers share one counter, taken under the account's lock, so
/// that "arrived while another was unanswered" is exact and no matter of clocks.
#[derive(Default)]
pub(super) struct Account {
    pub(super) requests: Vec<Request>,
    /// What broke the rules of HTTP: the test fails for it when the server is dropped.
    pub(super) complaints: Vec<String>,
    pub(super) most_in_flight: usize,
    in_flight: usize,
    spans: Vec<Span>,
    events: u64,
}

/// When a request arrived and when it was answered, on the account's counter.
struct Span {
    arrived: u64,
    answered: Option<u64>,
}

impl Account {
    /// Takes a request in, in its place.
    pub(super) fn arrive(&mut self, request: Request) {
        self.events += 1;
        self.spans.push(Span { arrived: self.events, answered: None });
        self.requests.push(request);
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    /// Notes that a request is answered, or that it never will be.
    pub(super) fn answer(&mut self, number: usize) {
        self.events += 1;
        self.spans[number].answered = Some(self.events);
        self.in_flight -= 1;
    }

    /// How many requests arrived while an earlier one with a key in common was unanswered.
    pub(super) fn overlaps_of(&self, keys: impl Fn(&Request) -> Vec<String>) -> usize {
        let mut busy_until: HashMap<String, u64> = HashMap::new();
        let mut overlaps = 0;
        for (request, span) in self.requests.iter().zip(&self.spans) {
            let keys = keys(request);
            let is_busy = |key| busy_until.get(key).is_some_and(|until| *until > span.arrived);
            overlaps += usize::from(keys.iter().any(is_busy));
            for key in keys {
                let until = busy_until.entry(key).or_default();
                *until = (*until).max(span.answered.unwrap_or(u64::MAX));
            }
        }
        overlaps
    }

    /// The most arrivals in any one second, its first instant included and its last one not.
    pub(super) fn busiest_second(&self) -> usize {
        let mut times: Vec<Instant> = self.requests.iter().map(|request| request.arrived).collect();
        times.sort_unstable();
        let before = |instant| times.partition_point(|time| *time < instant);
        // The busiest window can be moved right until it starts at an arrival, so those are enough.
        let windows = times.iter().enumerate();
        windows.map(|(index, start)| before(*start + Duration::from_secs(1)) - index).max().unwrap_or(0)
    }
}
