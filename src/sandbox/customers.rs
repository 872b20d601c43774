//! The customers the server knows, in memory.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::form::{Change, Field, Lookup};
use super::reply::Refusal;

/// A set of customers, found by either of their ids.
#[derive(Clone, Default)]
pub struct Customers {
    slots: Vec<Customer>,
    by_customer_id: HashMap<Arc<str>, usize>,
    by_subscription_id: HashMap<Arc<str>, usize>,
    known: u64,
}

/// One customer.
#[derive(Clone, Default)]
struct Customer {
    customer_id: Option<Arc<str>>,
    subscription_id: Option<Arc<str>>,
    /// Few fields are ever set, so a short list is smaller than a table of all sixteen.
    fields: Vec<(Field, Box<str>)>,
    updates: u64,
    /// Attempts for it that have not been answered yet.
    in_flight: u32,
    /// Told of beforehand, or updated at least once.
    known: bool,
}

/// The customers that a request names: none, one, or two by mistake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Named([Option<usize>; 2]);

/// A customer as it is shown, password and all: the sandbox is for made-up data, and a test compares what
/// arrived byte for byte.
#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    customer_id: Option<&'a str>,
    subscription_id: Option<&'a str>,
    fields: BTreeMap<&'static str, &'a str>,
    updates: u64,
}

impl Customers {
    /// How many customers there are.
    pub fn len(&self) -> u64 {
        self.known
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known == 0
    }

    /// Adds a customer that is known from the start, or says which of its ids is taken.
    pub(super) fn add(
        &mut self,
        lookup: &Lookup<'_>,
        fields: Vec<(Field, Box<str>)>,
    ) -> Result<(), &'static str> {
        let named = self.find(lookup);
        if named.0[0].is_some() {
            return Err("customer_id");
        }
        if named.0[1].is_some() {
            return Err("subscription_id");
        }
        let slot = self.create(lookup);
        if let Some(customer) = self.slots.get_mut(slot) {
            customer.fields = fields;
            customer.known = true;
            self.known += 1;
        }
        Ok(())
    }

    /// The customers that a request names. With `create`, the first mention of an id creates its customer,
    /// and an id that is mentioned together with a known customer's becomes that customer's.
    pub(super) fn name(&mut self, lookup: &Lookup<'_>, create: bool) -> Named {
        let named = self.find(lookup);
        match named.0 {
            [None, None] if create => Named([Some(self.create(lookup)), None]),
            [Some(slot), None] if create => {
                self.link_subscription(slot, lookup.subscription_id.as_deref());
                named
            }
            [None, Some(slot)] if create => {
                self.link_customer(slot, lookup.customer_id.as_deref());
                named
            }
            [Some(first), Some(second)] if first == second => Named([Some(first), None]),
            _ => named,
        }
    }

    /// Makes the changes, or says why there is no such customer.
    pub(super) fn update(
        &mut self,
        named: Named,
        lookup: &Lookup<'_>,
        changes: Vec<(Field, Change<'_>)>,
    ) -> Result<(), Refusal> {
        let different = || Refusal::of_the_call("customer_id and subscription_id name different customers");
        let slot = match named.0 {
            [None, None] => return Err(Refusal::of_the_call("customer not found")),
            [Some(_), Some(_)] => return Err(different()),
            [Some(slot), None] | [None, Some(slot)] => slot,
        };
        let Some(customer) = self.slots.get_mut(slot) else {
            return Err(Refusal::of_the_call("customer not found"));
        };
        if !customer.answers_to(lookup) {
            return Err(different());
        }
        for (field, change) in changes {
            customer.change(field, change);
        }
        customer.updates += 1;
        if !std::mem::replace(&mut customer.known, true) {
            self.known += 1;
        }
        Ok(())
    }

    /// Notes that an attempt for these customers begins; true if another one has not ended yet.
    pub(super) fn begin(&mut self, named: Named) -> bool {
        let mut overlaps = false;
        for slot in named.0.into_iter().flatten() {
            if let Some(customer) = self.slots.get_mut(slot) {
                overlaps |= customer.in_flight > 0;
                customer.in_flight += 1;
            }
        }
        overlaps
    }

    /// Notes that an attempt for these customers ended.
    pub(super) fn end(&mut self, named: Named) {
        for slot in named.0.into_iter().flatten() {
            if let Some(customer) = self.slots.get_mut(slot) {
                customer.in_flight = customer.in_flight.saturating_sub(1);
            }
        }
    }

    /// The customer with that customer id, else that subscription id.
    pub(super) fn view(&self, id: &str) -> Option<View<'_>> {
        let known = |slot: &usize| self.slots.get(*slot).filter(|customer| customer.known);
        let by_customer_id = self.by_customer_id.get(id).and_then(known);
        let customer = by_customer_id.or_else(|| self.by_subscription_id.get(id).and_then(known))?;
        Some(View {
            customer_id: customer.customer_id.as_deref(),
            subscription_id: customer.subscription_id.as_deref(),
            fields: customer.fields.iter().map(|(field, value)| (field.name(), &**value)).collect(),
            updates: customer.updates,
        })
    }

    /// The slots of both ids.
    fn find(&self, lookup: &Lookup<'_>) -> Named {
        let customer_id = lookup.customer_id.as_deref();
        let subscription_id = lookup.subscription_id.as_deref();
        Named([
            customer_id.and_then(|id| self.by_customer_id.get(id).copied()),
            subscription_id.and_then(|id| self.by_subscription_id.get(id).copied()),
        ])
    }

    /// Makes a customer of ids that nobody has.
    fn create(&mut self, lookup: &Lookup<'_>) -> usize {
        let slot = self.slots.len();
        self.slots.push(Customer::default());
        self.link_customer(slot, lookup.customer_id.as_deref());
        self.link_subscription(slot, lookup.subscription_id.as_deref());
        slot
    }

    /// Gives a customer a customer id, unless it has one.
    fn link_customer(&mut self, slot: usize, id: Option<&str>) {
        if let (Some(id), Some(customer)) = (id, self.slots.get_mut(slot))
            && customer.customer_id.is_none()
        {
            let id: Arc<str> = id.into();
            customer.customer_id = Some(Arc::clone(&id));
            self.by_customer_id.insert(id, slot);
        }
    }

    /// Gives a customer a subscription id, unless it has one.
    fn link_subscription(&mut self, slot: usize, id: Option<&str>) {
        if let (Some(id), Some(customer)) = (id, self.slots.get_mut(slot))
            && customer.subscription_id.is_none()
        {
            let id: Arc<str> = id.into();
            customer.subscription_id = Some(Arc::clone(&id));
            self.by_subscription_id.insert(id, slot);
        }
    }
}

impl fmt::Debug for Customers {
    /// Their number only: there are passwords among the fields.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Customers").field("len", &self.known).finish_non_exhaustive()
    }
}

impl Customer {
    /// Whether nothing on file contradicts the ids of a request.
    fn answers_to(&self, lookup: &Lookup<'_>) -> bool {
        let agrees = |asked: &Option<Cow<'_, str>>, on_file: &Option<Arc<str>>| match (asked, on_file) {
            (Some(asked), Some(on_file)) => **asked == **on_file,
            _ => true,
        };
        agrees(&lookup.customer_id, &self.customer_id)
            && agrees(&lookup.subscription_id, &self.subscription_id)
    }

    /// Makes one change.
    fn change(&mut self, field: Field, change: Change<'_>) {
        let at = self.fields.iter().position(|(present, _)| *present == field);
        match (change, at) {
            (Change::Set(value), Some(at)) => self.fields[at].1 = value.into(),
            (Change::Set(value), None) => self.fields.push((field, value.into())),
            (Change::Remove, Some(at)) => drop(self.fields.swap_remove(at)),
            (Change::Remove, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::parse;
    use super::*;

    /// Sends one request to the customers, as the server does.
    fn send(customers: &mut Customers, create: bool, body: &str) -> Result<(), String> {
        let update = parse(body.as_bytes()).unwrap();
        let named = customers.name(&update.lookup, create);
        let result = customers.update(named, &update.lookup, update.changes);
        result.map_err(|refusal| refusal.message.into_owned())
    }

    fn shown(customers: &Customers, id: &str) -> String {
        customers.view(id).map_or("none".to_owned(), |view| serde_json::to_string(&view).unwrap())
    }

    fn told() -> Customers {
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
        assert_eq!(customers.len(), 1);
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
        assert_eq!(customers.len(), 3);
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
        assert_eq!(customers.len(), 3);
    }

    #[test]
    fn a_told_set_creates_nobody() {
        let mut customers = told();
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
        assert_eq!(customers.len(), 3);
    }

    #[test]
    fn an_id_is_told_once() {
        let mut customers = told();
        let lookup = |body: &'static [u8]| parse(body).unwrap().lookup;
        assert_eq!(customers.add(&lookup(b"customer_id=2&city=x"), Vec::new()), Err("customer_id"));
        let taken = lookup(b"customer_id=4&subscription_id=C&city=x");
        assert_eq!(customers.add(&taken, Vec::new()), Err("subscription_id"));
        assert_eq!(customers.len(), 3);
    }

    #[test]
    fn a_customer_is_shown_by_customer_id_first() {
        let mut customers = Customers::default();
        send(&mut customers, true, "subscription_id=7&city=by-subscription").unwrap();
        assert!(shown(&customers, "7").contains("by-subscription"));
        send(&mut customers, true, "customer_id=7&city=by-customer").unwrap();
        assert!(shown(&customers, "7").contains("by-customer"));
    }

    #[test]
    fn overlapping_attempts_are_noticed_by_either_id() {
        let mut customers = Customers::default();
        let body = |body: &'static [u8]| parse(body).unwrap().lookup;
        let both = customers.name(&body(b"customer_id=1&subscription_id=A&city=x"), true);
        assert!(!customers.begin(both));
        let by_subscription = customers.name(&body(b"subscription_id=A&city=x"), true);
        assert!(customers.begin(by_subscription));
        customers.end(both);
        customers.end(by_subscription);
        let again = customers.name(&body(b"customer_id=1&city=x"), true);
        assert!(!customers.begin(again));
        let other = customers.name(&body(b"customer_id=2&city=x"), true);
        assert!(!customers.begin(other));
        // Never updated, so nobody to show or to count.
        assert_eq!((shown(&customers, "1"), customers.len()), ("none".to_owned(), 0));
    }
}
