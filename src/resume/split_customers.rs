//! Whether `--shard` can split a file: no subscription may be named in the rows of two shards, because the shards run on
//! different machines and could not keep the order of these rows.
//!
//! The `customer_id` of a row decides its shard. So a row that names both ids binds its subscription to the shard of that
//! customer, while other rows may name the subscription alone or with another customer.

use super::Shard;
use crate::customer::Parameter;
use crate::input::{Error, Input, Row};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Subscription ids per pass. Chosen: they need 26 MB at most. A file with more subscription ids is read several times.
const IDS_PER_PASS: u64 = 450_000;

/// A subscription that rows of two shards name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitSubscription {
    /// The number and the line of the two rows, the upper row first.
    pub rows: [(u64, u64); 2],
}

/// Looks for a subscription that rows of two shards name. Every shard finds the same: each looks at the whole file.
///
/// # Errors
/// If the input cannot be read.
pub fn find_split_subscription(input: &Input, shard: Shard) -> Result<Option<SplitSubscription>, Error> {
    let counts = SubscriptionRows::count(input)?;
    search_in_passes(input, shard, counts, IDS_PER_PASS)
}

/// Valid rows that name a subscription.
#[derive(Default)]
struct SubscriptionRows {
    with_customer: u64,
    alone: u64,
}

impl SubscriptionRows {
    fn count(input: &Input) -> Result<SubscriptionRows, Error> {
        let (mut rows, mut counts) = (input.rows()?, SubscriptionRows::default());
        while let Some(row) = rows.next_row()? {
            if let (Ok(_), [customer_id, Some(_)]) = (&row.content, row.ids()) {
                *if customer_id.is_some() { &mut counts.with_customer } else { &mut counts.alone } += 1;
            }
        }
        Ok(counts)
    }
}

/// The first row that names a subscription.
struct FirstRow {
    shard: u32,
    row: u64,
    line: u64,
}

/// The subscriptions of one pass.
struct Pass {
    number: u64,
    of: u64,
    first_rows: HashMap<u64, FirstRow>,
}

/// If no row names both ids, the shard of each id depends on that id alone, and no pass is needed.
fn search_in_passes(
    input: &Input,
    shard: Shard,
    counts: SubscriptionRows,
    ids_per_pass: u64,
) -> Result<Option<SplitSubscription>, Error> {
    let passes = counts.with_customer.div_ceil(ids_per_pass);
    for number in 0..passes {
        let mut pass = Pass { number, of: passes, first_rows: HashMap::new() };
        // Rows with both ids are held; rows with the subscription alone are only looked up.
        let mut split = pass.search(input, shard, true)?;
        if split.is_none() && counts.alone > 0 {
            split = pass.search(input, shard, false)?;
        }
        if split.is_some() {
            return Ok(split);
        }
    }
    Ok(None)
}

impl Pass {
    fn search(
        &mut self,
        input: &Input,
        shard: Shard,
        with_customer: bool,
    ) -> Result<Option<SplitSubscription>, Error> {
        let mut rows = input.rows()?;
        while let Some(row) = rows.next_row()? {
            let [customer_id, Some(_)] = row.ids() else { continue };
            if row.content.is_ok()
                && customer_id.is_some() == with_customer
                && let Some(split) = self.observe(shard, &row)
            {
                return Ok(Some(split));
            }
        }
        Ok(None)
    }

    fn observe(&mut self, shard: Shard, row: &Row<'_>) -> Option<SplitSubscription> {
        let [customer_id, subscription_id] = row.ids();
        let id = Shard::hash_id(Parameter::SubscriptionId, subscription_id?);
        if id % self.of != self.number {
            return None;
        }
        let index = shard.index_of(row.number, customer_id, subscription_id);
        let first = match self.first_rows.entry(id) {
            Entry::Occupied(first) => first.into_mut(),
            Entry::Vacant(_) if customer_id.is_none() => return None,
            Entry::Vacant(place) => place.insert(FirstRow { shard: index, row: row.number, line: row.line }),
        };
        let mut rows = [(first.row, first.line), (row.number, row.line)];
        rows.sort_unstable();
        (first.shard != index).then_some(SplitSubscription { rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Mapping, Reading};
    use std::fs;

    #[test]
    fn a_split_subscription_is_found_in_any_pass() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.csv");
        let find = |input: &str, ids_per_pass: u64| {
            fs::write(&path, input).unwrap();
            let input = Input::open(&path, Reading::default()).unwrap().mapped(Mapping::default());
            let counts = SubscriptionRows::count(&input).unwrap();
            search_in_passes(&input, "0/1000".parse().unwrap(), counts, ids_per_pass).unwrap()
        };
        let header = "customer_id,subscription_id,city\n";
        let sound: String = (0..12).map(|id| format!("{id},s{id},x\n{id},S{id},y\n,t{id},z\n")).collect();
        for ids_per_pass in [1, 3, 1000] {
            assert_eq!(find(&format!("{header}{sound}"), ids_per_pass), None);
            for id in 0..12 {
                let split = find(&format!("{header}{sound},s{id},x\n"), ids_per_pass);
                let rows = [(3 * id + 1, 3 * id + 2), (37, 38)];
                assert_eq!(split, Some(SplitSubscription { rows }), "{id} {ids_per_pass}");
            }
        }
    }
}
