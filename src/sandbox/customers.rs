//! The customers that the server knows, in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::form::{LOOKUPS, Lookup, Update};
use super::reply::Refusal;

/// A set of customers, with an index for each of the two kinds of ids.
#[derive(Clone, Default)]
pub struct Customers {
    all: Vec<Customer>,
    /// The place of each id's customer in `all`, for each of [`LOOKUPS`].
    places: [HashMap<Arc<str>, usize>; LOOKUPS.len()],
    known: u64,
}

/// A customer.
#[derive(Clone, Default)]
struct Customer {
    /// The ids, in the order of [`LOOKUPS`].
    ids: [Option<Arc<str>>; LOOKUPS.len()],
    /// A short list, because few fields are ever set.
    fields: Vec<(&'static str, Box<str>)>,
    updates: u64,
    /// The attempts for the customer that have no reply yet.
    in_flight: u32,
    /// The customer is from the file of customers or was updated at least once.
    is_known: bool,
}

/// The places of the customers that a request names: none, one, or two by mistake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Matches([Option<usize>; LOOKUPS.len()]);

/// A customer in a reply. The password is shown too: the sandbox is for made-up data, and tests compare every value
/// that arrived.
#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    customer_id: Option<&'a str>,
    subscription_id: Option<&'a str>,
    fields: BTreeMap<&'static str, &'a str>,
    updates: u64,
}

impl Customers {
    /// The number of customers that are known.
    pub(super) fn count(&self) -> u64 {
        self.known
    }

    /// Adds a customer that is known from the start. An error is the name of the id that another customer has.
    pub(super) fn add(
        &mut self,
        lookup: &Lookup<'_>,
        fields: Vec<(&'static str, Box<str>)>,
    ) -> Result<(), &'static str> {
        if let Some(kind) = self.find(lookup).iter().position(Option::is_some) {
            return Err(LOOKUPS[kind]);
        }
        let place = self.create(lookup);
        self.all[place].fields = fields;
        self.all[place].is_known = true;
        self.known += 1;
        Ok(())
    }

    /// Finds the customers that a request names. With `create`, the first mention of an id creates its customer, and
    /// an id that is mentioned together with a known customer's becomes an id of that customer.
    pub(super) fn lookup(&mut self, lookup: &Lookup<'_>, create: bool) -> Matches {
        match self.find(lookup) {
            [None, None] if create => Matches([Some(self.create(lookup)), None]),
            [Some(place), None] | [None, Some(place)] if create => {
                self.link(place, lookup);
                Matches([Some(place), None])
            }
            [Some(first), Some(second)] if first == second => Matches([Some(first), None]),
            found => Matches(found),
        }
    }

    /// Makes the changes, unless the request names no customer or two.
    pub(super) fn update(&mut self, matches: Matches, update: Update<'_>) -> Result<(), Refusal> {
        let different = || Refusal::of_the_call("customer_id and subscription_id name different customers");
        let place = match matches.0 {
            [None, None] => return Err(Refusal::of_the_call("customer not found")),
            [Some(_), Some(_)] => return Err(different()),
            [Some(place), None] | [None, Some(place)] => place,
        };
        let customer = &mut self.all[place];
        let mut ids = update.lookup.iter().zip(&customer.ids);
        if ids.any(|(asked, on_file)| {
            asked.is_some() && on_file.is_some() && asked.as_deref() != on_file.as_deref()
        }) {
            return Err(different());
        }
        for (field, value) in update.changes {
            customer.fields.retain(|(present, _)| *present != field);
            customer.fields.extend(value.map(|value| (field, value.into())));
        }
        customer.updates += 1;
        self.known += u64::from(!std::mem::replace(&mut customer.is_known, true));
        Ok(())
    }

    /// Begins an attempt for these customers; true if another attempt for them has not ended yet.
    pub(super) fn begin(&mut self, matches: Matches) -> bool {
        let mut overlaps = false;
        for place in matches.0.into_iter().flatten() {
            overlaps |= self.all[place].in_flight > 0;
            self.all[place].in_flight += 1;
        }
        overlaps
    }

    /// Ends an attempt for these customers.
    pub(super) fn end(&mut self, matches: Matches) {
        for place in matches.0.into_iter().flatten() {
            self.all[place].in_flight -= 1;
        }
    }

    /// The customer with that customer id, else with that subscription id.
    pub(super) fn view(&self, id: &str) -> Option<View<'_>> {
        let mut found = self.places.iter().filter_map(|places| Some(&self.all[*places.get(id)?]));
        let customer = found.find(|customer| customer.is_known)?;
        let [customer_id, subscription_id] = customer.ids.each_ref().map(Option::as_deref);
        let fields = customer.fields.iter().map(|(field, value)| (*field, &**value)).collect();
        Some(View { customer_id, subscription_id, fields, updates: customer.updates })
    }

    /// The places of both ids.
    fn find(&self, lookup: &Lookup<'_>) -> [Option<usize>; LOOKUPS.len()] {
        std::array::from_fn(|kind| self.places[kind].get(lookup[kind].as_deref()?).copied())
    }

    /// Creates a customer with ids that no other customer has.
    fn create(&mut self, lookup: &Lookup<'_>) -> usize {
        self.all.push(Customer::default());
        self.link(self.all.len() - 1, lookup);
        self.all.len() - 1
    }

    /// Gives a customer the ids that it lacks.
    fn link(&mut self, place: usize, lookup: &Lookup<'_>) {
        for (kind, on_file) in self.all[place].ids.iter_mut().enumerate() {
            if let (Some(id), None) = (lookup[kind].as_deref(), &on_file) {
                let id = on_file.insert(id.into());
                self.places[kind].insert(Arc::clone(id), place);
            }
        }
    }
}

impl fmt::Debug for Customers {
    /// Shows the number only, because the fields include passwords.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} customers", self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::parse;
    use super::*;

    /// Sends one request to the customers, as the server does.
    fn send(customers: &mut Customers, create: bool, body: &str) -> Result<(), String> {
        let update = parse(body.as_bytes()).unwrap();
        let matches = customers.lookup(&update.lookup, create);
        let result = customers.update(matches, update);
        result.map_err(|refusal| refusal.message.into_owned())
    }

    fn shown(customers: &Customers, id: &str) -> String {
        customers.view(id).map_or("none".to_owned(), |view| serde_json::to_string(&view).unwrap())
    }

    fn three_customers() -> Customers {
        let mut customers = Customers::default();
        for body in ["customer_id=1&subscription_id=A", "customer_id=2", "subscription_id=C"] {
            let body = format!("{body}&city=x");
            customers.add(&parse(body.as_bytes()).unwrap().lookup, Vec::new()).unwrap();
        }
        customers
    }

    const DIFFERENT: &str = "customer_id and subscription_id name different customers";
    const UNKNOWN: &str = "customer not found";

    #[test]
    fn a_field_is_set_replaced_and_removed() {
        let mut customers = Customers::default();
        send(&mut customers, true, "customer_id=1&city=a&zip=01").unwrap();
        send(&mut customers, true, "customer_id=1&city=b&password=p&state=REMOVE").unwrap();
        assert_eq!(
            shown(&customers, "1"),
            r#"{"customer_id":"1","subscription_id":null,"fields":{"city":"b","password":"p","zip":"01"},"updates":2}"#
        );
        send(&mut customers, true, "customer_id=1&city=REMOVE&zip=").unwrap();
        assert_eq!(
            shown(&customers, "1"),
            r#"{"customer_id":"1","subscription_id":null,"fields":{"password":"p","zip":""},"updates":3}"#
        );
        assert_eq!(customers.count(), 1);
    }

    #[test]
    fn ids_named_together_are_one_customer() {
        let mut customers = Customers::default();
        send(&mut customers, true, "customer_id=1&subscription_id=A&city=a").unwrap();
        send(&mut customers, true, "subscription_id=A&city=b").unwrap();
        send(&mut customers, true, "customer_id=1&city=c").unwrap();
        assert_eq!(shown(&customers, "1"), shown(&customers, "A"));
        assert!(shown(&customers, "A").ends_with(r#""fields":{"city":"c"},"updates":3}"#));
        send(&mut customers, true, "customer_id=2&city=a").unwrap();
        send(&mut customers, true, "customer_id=2&subscription_id=B&city=b").unwrap();
        send(&mut customers, true, "subscription_id=B&city=c").unwrap();
        assert!(shown(&customers, "2").ends_with(r#""updates":3}"#));
        send(&mut customers, true, "subscription_id=C&city=a").unwrap();
        send(&mut customers, true, "customer_id=3&subscription_id=C&city=b").unwrap();
        assert!(shown(&customers, "3").ends_with(r#""updates":2}"#));
        assert_eq!(customers.count(), 3);
    }

    #[test]
    fn ids_of_different_customers_are_refused() {
        let mut customers = Customers::default();
        send(&mut customers, true, "customer_id=1&city=a").unwrap();
        send(&mut customers, true, "subscription_id=A&city=a").unwrap();
        send(&mut customers, true, "customer_id=2&subscription_id=B&city=a").unwrap();
        for ids in [
            "customer_id=1&subscription_id=A",
            "customer_id=2&subscription_id=C",
            "customer_id=3&subscription_id=B",
        ] {
            assert_eq!(
                send(&mut customers, true, &format!("{ids}&city=b")),
                Err(DIFFERENT.to_owned()),
                "{ids}"
            );
        }
        assert_eq!(shown(&customers, "3"), "none");
        assert_eq!(customers.count(), 3);
    }

    #[test]
    fn a_file_of_customers_creates_no_others() {
        let mut customers = three_customers();
        assert_eq!(send(&mut customers, false, "customer_id=9&city=a"), Err(UNKNOWN.to_owned()));
        assert_eq!(send(&mut customers, false, "customer_id=A&city=a"), Err(UNKNOWN.to_owned()));
        assert_eq!(send(&mut customers, false, "customer_id=1&subscription_id=A&city=a"), Ok(()));
        assert_eq!(
            send(&mut customers, false, "customer_id=1&subscription_id=C&city=a"),
            Err(DIFFERENT.to_owned())
        );
        assert_eq!(
            send(&mut customers, false, "customer_id=1&subscription_id=Z&city=a"),
            Err(DIFFERENT.to_owned())
        );
        assert_eq!(send(&mut customers, false, "customer_id=2&subscription_id=Z&city=a"), Ok(()));
        assert_eq!(send(&mut customers, false, "subscription_id=Z&city=a"), Err(UNKNOWN.to_owned()));
        assert_eq!(customers.count(), 3);
    }

    #[test]
    fn an_id_belongs_to_one_customer() {
        let mut customers = three_customers();
        let lookup = |body: &'static [u8]| parse(body).unwrap().lookup;
        assert_eq!(customers.add(&lookup(b"customer_id=2&city=x"), Vec::new()), Err("customer_id"));
        let taken = lookup(b"customer_id=4&subscription_id=C&city=x");
        assert_eq!(customers.add(&taken, Vec::new()), Err("subscription_id"));
        assert_eq!(customers.count(), 3);
    }

    #[test]
    fn a_customer_id_comes_before_a_subscription_id() {
        let mut customers = Customers::default();
        send(&mut customers, true, "subscription_id=7&city=by-subscription").unwrap();
        assert!(shown(&customers, "7").contains("by-subscription"));
        send(&mut customers, true, "customer_id=7&city=by-customer").unwrap();
        assert!(shown(&customers, "7").contains("by-customer"));
    }

    #[test]
    fn an_overlap_is_found_by_either_id() {
        let mut customers = Customers::default();
        let body = |body: &'static [u8]| parse(body).unwrap().lookup;
        let both = customers.lookup(&body(b"customer_id=1&subscription_id=A&city=x"), true);
        assert!(!customers.begin(both));
        let by_subscription = customers.lookup(&body(b"subscription_id=A&city=x"), true);
        assert!(customers.begin(by_subscription));
        customers.end(both);
        customers.end(by_subscription);
        let again = customers.lookup(&body(b"customer_id=1&city=x"), true);
        assert!(!customers.begin(again));
        let other = customers.lookup(&body(b"customer_id=2&city=x"), true);
        assert!(!customers.begin(other));
        // A customer that was never updated is neither shown nor counted.
        assert_eq!((shown(&customers, "1"), customers.count()), ("none".to_owned(), 0));
    }
}
