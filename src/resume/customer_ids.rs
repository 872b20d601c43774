//! Groups ids by customer: ids that a row of the input names together, directly or through other rows, belong to one customer.
//! A [disjoint-set forest](https://en.wikipedia.org/wiki/Disjoint-set_data_structure) over the ids.

use crate::customer::{Parameter, Update};
use std::collections::HashMap;

/// Bytes of an id's key. Chosen: with 128 bits, two ids practically never share a key. If they did, a row of another customer
/// would count as a newer row of this customer, and a row that was never sent would be recorded as `unchanged`.
const KEY_BYTES: usize = 16;

/// A customer id or a subscription id, to the letter: the first bytes of its BLAKE3 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdKey([u8; KEY_BYTES]);

impl IdKey {
    /// The key of the hash differs by parameter: a customer and a subscription with the same id are not the same.
    fn new(parameter: Parameter, id: &str) -> IdKey {
        let mut hash_key = [0; blake3::KEY_LEN];
        hash_key[0] = parameter as u8;
        let hash = blake3::keyed_hash(&hash_key, id.as_bytes());
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&hash.as_bytes()[..KEY_BYTES]);
        IdKey(key)
    }

    /// The keys of the customer id and the subscription id that an update names.
    pub(super) fn of_update(update: &Update) -> [Option<IdKey>; 2] {
        Self::of_ids(
            [Parameter::CustomerId, Parameter::SubscriptionId].map(|parameter| update.get(parameter)),
        )
    }

    /// The keys of a customer id and a subscription id.
    #[must_use]
    pub fn of_ids([customer_id, subscription_id]: [Option<&str>; 2]) -> [Option<IdKey>; 2] {
        let key = |parameter, id: Option<&str>| Some(IdKey::new(parameter, id?));
        [key(Parameter::CustomerId, customer_id), key(Parameter::SubscriptionId, subscription_id)]
    }
}

/// The ids that are known, numbered from 0, and grouped by customer.
#[derive(Default)]
pub struct CustomerIds {
    numbers: HashMap<IdKey, u32>,
    /// For each id, another id of the same customer that is nearer to the root of the group; for the root, the root itself.
    parents: Vec<u32>,
}

impl CustomerIds {
    /// The number of known ids.
    pub fn count(&self) -> usize {
        self.parents.len()
    }

    /// Whether any of a row's ids is known.
    pub(super) fn contains_any(&self, keys: [Option<IdKey>; 2]) -> bool {
        keys.iter().flatten().any(|key| self.numbers.contains_key(key))
    }

    /// Adds the ids of a row, which belong to one customer, and returns the numbers of the ids. The flag reports whether an id
    /// was new or two customers became one.
    pub fn add(&mut self, keys: [Option<IdKey>; 2]) -> ([Option<u32>; 2], bool) {
        let before = self.count();
        let ids = keys.map(|key| key.map(|key| self.number(key)));
        let mut has_grown = self.count() > before;
        if let [Some(one), Some(other)] = ids {
            let (one, other) = (self.root(one), self.root(other));
            has_grown |= one != other;
            self.parents[other as usize] = one;
        }
        (ids, has_grown)
    }

    fn number(&mut self, key: IdKey) -> u32 {
        let next = u32::try_from(self.parents.len()).expect("2^32 ids do not fit in memory");
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.parents.push(next);
        }
        number
    }

    /// The id that represents the customer of an id. Shortens the path to this id.
    pub fn root(&mut self, id: u32) -> u32 {
        let mut root = id;
        while self.parents[root as usize] != root {
            root = self.parents[root as usize];
        }
        let mut id = id;
        while id != root {
            id = std::mem::replace(&mut self.parents[id as usize], root);
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_differ_in_a_letter_or_a_parameter_have_different_keys() {
        let ids = ["7", "07", "7 ", "a7", "A7", ""];
        let both = |id| [Parameter::CustomerId, Parameter::SubscriptionId].map(|name| IdKey::new(name, id));
        let keys: std::collections::HashSet<_> = ids.into_iter().flat_map(both).collect();
        assert_eq!(keys.len(), 2 * ids.len());
        assert_eq!(size_of::<IdKey>() * 8, 128);
    }

    #[test]
    fn ids_are_one_customers_once_rows_name_them_together() {
        let mut customers = CustomerIds::default();
        let [a, b, c] = ["a", "b", "c"].map(|id| Some(IdKey::new(Parameter::CustomerId, id)));
        assert_eq!(customers.add([a, None]), ([Some(0), None], true));
        assert_eq!(customers.add([b, c]), ([Some(1), Some(2)], true));
        assert_ne!(customers.root(0), customers.root(2));
        assert_eq!(customers.add([a, c]), ([Some(0), Some(2)], true));
        assert_eq!(customers.root(0), customers.root(1));
        assert_eq!(customers.add([b, a]), ([Some(1), Some(0)], false));
        assert_eq!(customers.count(), 3);
    }
}
