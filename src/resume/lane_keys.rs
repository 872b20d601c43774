//! Lane keys: rows with a common key must wait for each other.
//!
//! A lane is the queue of one id: its rows are sent one at a time, in input order. A row waits in the lanes of the ids it
//! names. A row that names a subscription alone also waits in the lane of the customer that was last named together with
//! that subscription.

use crate::customer::{Parameter, Update, alike};
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

/// The most subscriptions whose customer is remembered; the subscription learned first is forgotten first. Chosen: about
/// 2 MiB of memory.
const MAX_SUBSCRIPTIONS: usize = 1 << 16;

/// The lanes of one row: one or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// The key of the customer id, or of the subscription id in a row without a customer id.
    pub first: u64,
    /// The key of the subscription id, or of the customer that the subscription is known to belong to.
    pub second: Option<u64>,
}

impl Keys {
    /// The keys, one after the other.
    pub fn iter(self) -> impl Iterator<Item = u64> {
        std::iter::once(self.first).chain(self.second)
    }
}

/// Computes lane keys. A key is a 64-bit hash of an id: two ids that share a key only wait for each other needlessly.
#[derive(Default)]
pub struct LaneKeys {
    hasher: RandomState,
    /// The lane of the customer by the lane of its subscription, for each subscription that a row named with its customer.
    customer_lanes: HashMap<u64, u64>,
    /// The subscriptions of `customer_lanes`, the oldest in front.
    subscriptions: VecDeque<u64>,
}

impl LaneKeys {
    /// Keeps that the subscription of a row belongs to its customer, if the row names both.
    pub fn observe(&mut self, [customer, subscription]: [Option<&str>; 2]) {
        if let (Some(customer), Some(subscription)) = (customer, subscription) {
            let customer = self.key(Parameter::CustomerId, customer);
            let subscription = self.key(Parameter::SubscriptionId, subscription);
            self.learn(customer, subscription);
        }
    }

    /// Computes the lanes of an update, and learns from its ids as [`LaneKeys::observe`] does.
    pub fn keys(&mut self, update: &Update) -> Keys {
        let key = |parameter| Some(self.key(parameter, update.get(parameter)?));
        match (key(Parameter::CustomerId), key(Parameter::SubscriptionId)) {
            (Some(customer), Some(subscription)) if subscription != customer => {
                self.learn(customer, subscription);
                Keys { first: customer, second: Some(subscription) }
            }
            (Some(customer), _) => Keys { first: customer, second: None },
            (None, subscription) => {
                let first = subscription.expect("a valid update names a customer");
                Keys { first, second: self.customer_lanes.get(&first).copied() }
            }
        }
    }

    /// Ids that the server may treat as equal have the same key.
    fn key(&self, parameter: Parameter, id: &str) -> u64 {
        self.hasher.hash_one((parameter, alike(id)))
    }

    fn learn(&mut self, customer: u64, subscription: u64) {
        if self.customer_lanes.insert(subscription, customer).is_some() {
            return;
        }
        self.subscriptions.push_back(subscription);
        if self.subscriptions.len() > MAX_SUBSCRIPTIONS
            && let Some(oldest) = self.subscriptions.pop_front()
        {
            self.customer_lanes.remove(&oldest);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::customer::Values;

    pub fn keys(maker: &mut LaneKeys, customer: &str, subscription: &str) -> Keys {
        let mut values = Values::default();
        values.set(Parameter::CustomerId, customer);
        values.set(Parameter::SubscriptionId, subscription);
        values.set(Parameter::City, "Riga");
        maker.keys(&Update::new(values, &mut Vec::new()).unwrap())
    }

    #[test]
    fn ids_that_a_server_may_treat_as_equal_share_a_lane() {
        let maker = &mut LaneKeys::default();
        for other in ["007", " 7", "7 "] {
            assert_eq!(keys(maker, "7", ""), keys(maker, other, ""), "{other}");
        }
        assert_eq!(keys(maker, "aB", ""), keys(maker, "Ab", ""));
        assert_ne!(keys(maker, "7", ""), keys(maker, "", "7"));
        assert_ne!(keys(maker, "7", ""), keys(maker, "70", ""));
    }

    #[test]
    fn a_subscription_waits_in_the_lane_of_its_customer_once_it_is_known() {
        let maker = &mut LaneKeys::default();
        assert_eq!(keys(maker, "", "S").second, None);
        maker.observe([Some("077"), Some("s")]);
        maker.observe([Some("78"), None]);
        let customer = keys(maker, "77", "");
        assert_eq!(customer.second, None);
        assert_eq!(keys(maker, "", "S").second, Some(customer.first));
        // The last row counts.
        assert_eq!(keys(maker, "78", "S").first, keys(maker, "", "S").second.unwrap());
    }

    #[test]
    fn only_the_latest_subscriptions_are_remembered() {
        let maker = &mut LaneKeys::default();
        for number in 0..MAX_SUBSCRIPTIONS + 10 {
            maker.observe([Some("7"), Some(&number.to_string())]);
        }
        assert_eq!(
            (maker.customer_lanes.len(), maker.subscriptions.len()),
            (MAX_SUBSCRIPTIONS, MAX_SUBSCRIPTIONS)
        );
        assert_eq!(keys(maker, "", "9").second, None);
        assert!(keys(maker, "", "10").second.is_some());
    }
}
