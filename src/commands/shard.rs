//! `--shard`: which rows are this machine's, and whether a file can be split at all.

use crate::customer::Parameter;
use crate::exit::Failure;
use crate::input::{Checked, Input};
use crate::resume::Shard;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// How many subscription ids are held at a time, in 26 MB at most. A file with more of them is read more often.
const IDS_A_PASS: u64 = 450_000;

/// Whether a row is to be dealt with: without a shard, every row is.
pub(super) fn is_held(shard: Option<Shard>, row: &Checked<'_>) -> bool {
    let Some(shard) = shard else { return true };
    let [customer_id, subscription_id] = row.ids();
    shard.holds(row.number, customer_id, subscription_id)
}

/// Where an id was seen first.
struct Seen {
    home: u32,
    row: u64,
    line: u64,
}

/// Makes sure that no subscription id stands in the rows of two shards, as then nobody could keep these rows in order.
/// A row goes by its `customer_id` where it has one: a row that names both ids ties its subscription to that
/// customer, and other rows may name the same subscription alone or with another customer.
///
/// Every shard finds the same, as each looks at the whole file. Holds so many ids at a time, and reads the file as
/// often as it takes.
///
/// # Errors
/// If there is such an id, with its lines, or if the input cannot be read again or at all.
pub(super) fn refuse_split_customers(input: &Input, shard: Shard) -> Result<(), Failure> {
    if input.is_stream() {
        return Err(Failure::usage(format!(
            "{}: --shard needs a file: it is read before it is sent, to find customers that cannot be split. Write \
             the input to a file first",
            input.path().display()
        )));
    }
    split_in_passes(input, shard, count(input)?, IDS_A_PASS)
}

/// Rows that name a subscription.
struct Named {
    /// With their customer.
    both: u64,
    /// Without.
    alone: u64,
}

fn count(input: &Input) -> Result<Named, Failure> {
    let (mut rows, mut named) = (input.rows()?, Named { both: 0, alone: 0 });
    while let Some(row) = rows.check_next()? {
        if let (Ok(_), [customer_id, Some(_)]) = (&row.content, row.ids()) {
            *if customer_id.is_some() { &mut named.both } else { &mut named.alone } += 1;
        }
    }
    Ok(named)
}

/// Where no row names both ids, each id has one home by itself, and there is no pass.
fn split_in_passes(input: &Input, shard: Shard, named: Named, ids_a_pass: u64) -> Result<(), Failure> {
    let passes = named.both.div_ceil(ids_a_pass);
    for pass in 0..passes {
        // Of the rows with both ids; the others are only looked up.
        let mut homes: HashMap<u64, Seen> = HashMap::new();
        for is_looking_up in [false, true] {
            if is_looking_up && named.alone == 0 {
                continue;
            }
            let mut rows = input.rows()?;
            while let Some(row) = rows.check_next()? {
                let [customer_id, Some(subscription_id)] = row.ids() else { continue };
                if row.content.is_err() || customer_id.is_none() != is_looking_up {
                    continue;
                }
                let id = Shard::hash(Parameter::SubscriptionId, subscription_id);
                if id % passes != pass {
                    continue;
                }
                let home = shard.home(row.number, customer_id, Some(subscription_id));
                let seen = match homes.entry(id) {
                    Entry::Occupied(seen) => seen.into_mut(),
                    Entry::Vacant(_) if is_looking_up => continue,
                    Entry::Vacant(place) => place.insert(Seen { home, row: row.number, line: row.line }),
                };
                if seen.home != home {
                    return Err(refusal(input, shard, seen, &row));
                }
            }
        }
    }
    Ok(())
}

fn refusal(input: &Input, shard: Shard, seen: &Seen, row: &Checked<'_>) -> Failure {
    Failure::usage(format!(
        "{}: this file cannot be split into {} shards: rows {} (line {}) and {} (line {}) name the same \
         subscription_id, but belong to different shards, and their order could not be kept. Nothing was sent. Fill \
         in the same customer_id in every row of such a customer, or run the file without --shard",
        input.path().display(),
        shard.count(),
        seen.row.min(row.number),
        seen.line.min(row.line),
        seen.row.max(row.number),
        seen.line.max(row.line)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Mapping, Reading};
    use std::fs;

    /// However few ids are held at a time, the same is found.
    #[test]
    fn a_tie_is_found_in_whichever_pass_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.csv");
        let ties = |input: &str, ids_a_pass: u64| {
            fs::write(&path, input).unwrap();
            let input = Input::open(&path, Reading::default()).unwrap().mapped(Mapping::default());
            let named = count(&input).unwrap();
            split_in_passes(&input, "0/1000".parse().unwrap(), named, ids_a_pass).is_err()
        };
        let header = "customer_id,subscription_id,city\n";
        let sound: String = (0..12).map(|id| format!("{id},s{id},x\n{id},S{id},y\n,t{id},z\n")).collect();
        for ids_a_pass in [1, 3, 1000] {
            assert!(!ties(&format!("{header}{sound}"), ids_a_pass));
            for tied in 0..12 {
                assert!(ties(&format!("{header}{sound},s{tied},x\n"), ids_a_pass), "{tied} {ids_a_pass}");
            }
        }
    }
}
