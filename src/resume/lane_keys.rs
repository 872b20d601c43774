//! Which lanes a row stands in: those of the ids it names, and of the customer that its subscription is known to be of.

use crate::customer::{Parameter, Update, alike};
use foldhash::fast::RandomState;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

/// So many subscriptions are known by their customers, those named last. That takes about two MiB.
const KNOWN: usize = 1 << 16;

/// The lanes of one row: one or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Of the id named first.
    pub first: u64,
    /// Of the other one.
    pub second: Option<u64>,
}

impl Keys {
    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = u64> {
        std::iter::once(self.first).chain(self.second)
    }
}

/// Turns ids into lane keys. A hash stands for an id: two that share one only wait for each other for nothing.
#[derive(Default)]
pub struct LaneKeys {
    hasher: RandomState,
    /// Of subscriptions that were named together with a customer, the customer's lane by their own.
    customers: HashMap<u64, u64, RandomState>,
    /// Those subscriptions, the one that has been known longest in front.
    known: VecDeque<u64>,
}

impl LaneKeys {
    /// Sees what a row names: its customer and its subscription, if it is both, are one from now on.
    pub fn see(&mut self, [customer, subscription]: [Option<&str>; 2]) {
        if let (Some(customer), Some(subscription)) = (customer, subscription) {
            let customer = self.key(Parameter::CustomerId, &alike(customer));
            let subscription = self.key(Parameter::SubscriptionId, &alike(subscription));
            self.learn(customer, subscription);
        }
    }

    /// The lanes of an update, which is seen too. A row that names a subscription alone stands in its customer's lane as
    /// well.
    pub fn keys(&mut self, update: &Update) -> Keys {
        let keys = self.keys_of(update, alike);
        match (keys, update.get(Parameter::CustomerId)) {
            (Keys { first, second: Some(second) }, _) => self.learn(first, second),
            (Keys { first, second: None }, None) => {
                return Keys { first, second: self.customers.get(&first).copied() };
            }
            _ => {}
        }
        keys
    }

    /// The same for ids that are equal to the letter, and for nothing but what the row names: what is concluded from these
    /// must hold for the customer, not only for the order.
    pub(super) fn exact_keys(&self, update: &Update) -> Keys {
        self.keys_of(update, Cow::Borrowed)
    }

    fn keys_of<'id>(&self, update: &'id Update, read: impl Fn(&'id str) -> Cow<'id, str>) -> Keys {
        let key = |parameter| Some(self.key(parameter, &read(update.get(parameter)?)));
        match (key(Parameter::CustomerId), key(Parameter::SubscriptionId)) {
            (Some(first), second) => Keys { first, second: second.filter(|second| *second != first) },
            // An update names its customer one way or the other.
            (None, second) => Keys { first: second.unwrap_or_default(), second: None },
        }
    }

    fn key(&self, parameter: Parameter, id: &str) -> u64 {
        self.hasher.hash_one((parameter, id))
    }

    fn learn(&mut self, customer: u64, subscription: u64) {
        if self.customers.insert(subscription, customer).is_some() {
            return;
        }
        self.known.push_back(subscription);
        if self.known.len() > KNOWN
            && let Some(oldest) = self.known.pop_front()
        {
            self.customers.remove(&oldest);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::customer::UpdateBuilder;

    pub fn keys(maker: &mut LaneKeys, customer: &str, subscription: &str) -> Keys {
        let mut builder = UpdateBuilder::default();
        builder.set(Parameter::CustomerId, customer.as_bytes());
        builder.set(Parameter::SubscriptionId, subscription.as_bytes());
        builder.set(Parameter::City, b"Riga");
        maker.keys(&builder.build().unwrap())
    }

    #[test]
    fn ids_that_a_server_may_take_for_one_share_a_lane() {
        let maker = &mut LaneKeys::default();
        for other in ["007", " 7", "7 "] {
            assert_eq!(keys(maker, "7", ""), keys(maker, other, ""), "{other}");
        }
        assert_eq!(keys(maker, "aB", ""), keys(maker, "Ab", ""));
        assert_ne!(keys(maker, "7", ""), keys(maker, "", "7"));
        assert_ne!(keys(maker, "7", ""), keys(maker, "70", ""));
    }

    #[test]
    fn a_subscription_stands_in_the_lane_of_its_customer_once_it_is_known() {
        let maker = &mut LaneKeys::default();
        assert_eq!(keys(maker, "", "S").second, None);
        maker.see([Some("077"), Some("s")]);
        maker.see([Some("78"), None]);
        let customer = keys(maker, "77", "");
        assert_eq!(customer.second, None);
        assert_eq!(keys(maker, "", "S").second, Some(customer.first));
        // The last word counts.
        assert_eq!(keys(maker, "78", "S").first, keys(maker, "", "S").second.unwrap());
    }

    #[test]
    fn what_is_known_takes_no_more_memory_than_said() {
        let maker = &mut LaneKeys::default();
        for number in 0..KNOWN + 10 {
            maker.see([Some("7"), Some(&number.to_string())]);
        }
        assert_eq!((maker.customers.len(), maker.known.len()), (KNOWN, KNOWN));
        assert_eq!(keys(maker, "", "9").second, None);
        assert!(keys(maker, "", "10").second.is_some());
    }
}
