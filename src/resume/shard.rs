//! A shard: one of several parts of the customers, for a job that runs on several machines.

use crate::customer::{Parameter, alike};
use crate::input::Row;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// The most shards of a job (chosen): a larger number is a typing mistake.
const MAX_SHARDS: u32 = 1000;

/// Domain separation for the hash of an id. Changing it would move customers from one shard's result file to another's.
const HASH_KEY: &[u8; blake3::KEY_LEN] = b"offerit-sync: shard of customer.";

/// One of several parts of all customers: `0/4` to `3/4`. The shard of a customer depends on the id alone, not on the file,
/// the machine or the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: NonZeroU32,
}

/// The reason why a text is not a shard.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadShard {
    /// The text is not two numbers.
    #[error("is not a shard. Use its number and the number of shards, such as 0/4")]
    Form,
    /// The job would have too many shards.
    #[error("has too many shards: the maximum is {MAX_SHARDS}")]
    TooMany,
    /// The job has no shard of this number.
    #[error("is out of range: shards run from 0/{count} to {}/{count}", count.get() - 1)]
    Beyond {
        /// The number of shards.
        count: NonZeroU32,
    },
}

impl FromStr for Shard {
    type Err = BadShard;

    fn from_str(text: &str) -> Result<Shard, BadShard> {
        // `parse` alone would accept a sign.
        let number = |text: &str| {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<u32>().ok()).flatten().ok_or(BadShard::Form)
        };
        let (index, count) = text.split_once('/').ok_or(BadShard::Form)?;
        let (index, count) = (number(index)?, NonZeroU32::new(number(count)?).ok_or(BadShard::Form)?);
        match () {
            () if count.get() > MAX_SHARDS => Err(BadShard::TooMany),
            () if index >= count.get() => Err(BadShard::Beyond { count }),
            () => Ok(Shard { index, count }),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// The number of this shard, from 0.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// The number of shards of the job.
    #[must_use]
    pub fn count(self) -> NonZeroU32 {
        self.count
    }

    /// Whether a row belongs to this shard. The `customer_id` decides; without it the `subscription_id`; without both
    /// the number of the row.
    #[must_use]
    pub fn holds(self, row: u64, customer_id: Option<&str>, subscription_id: Option<&str>) -> bool {
        self.index_of(row, customer_id, subscription_id) == self.index
    }

    /// The number of the shard that a row belongs to, among the shards of this job.
    #[must_use]
    pub fn index_of(self, row: u64, customer_id: Option<&str>, subscription_id: Option<&str>) -> u32 {
        let hash = match (customer_id, subscription_id) {
            (Some(id), _) => Shard::hash_id(Parameter::CustomerId, id),
            (None, Some(id)) => Shard::hash_id(Parameter::SubscriptionId, id),
            (None, None) => row,
        };
        (hash % u64::from(self.count.get())) as u32
    }

    /// Hashes an id: the first 8 bytes, as a big-endian number, of the BLAKE3 of the text `parameter=id` in keyed mode with
    /// the 32 bytes `offerit-sync: shard of customer.`, where the id is normalized as by [`alike`]. The API key is not
    /// part of it: every machine, and `verify` without the API key, must find the same shard.
    #[must_use]
    pub fn hash_id(parameter: Parameter, id: &str) -> u64 {
        let hash = blake3::keyed_hash(HASH_KEY, format!("{}={}", parameter.name(), alike(id)).as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Whether a row belongs to a shard. Without a shard, every row does.
#[must_use]
pub fn is_in_shard(shard: Option<Shard>, row: &Row<'_>) -> bool {
    let Some(shard) = shard else { return true };
    let [customer_id, subscription_id] = row.ids();
    shard.holds(row.number, customer_id, subscription_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shard(text: &str) -> Shard {
        text.parse().unwrap()
    }

    #[test]
    fn shards_are_counted_from_zero() {
        assert_eq!((shard("0/1").index(), shard("3/4").count().get()), (0, 4));
        assert_eq!(shard("007/08").to_string(), "7/8");
        let fault = |text: &str| text.parse::<Shard>().unwrap_err().to_string();
        for bad in
            ["", "1", "/", "1/", "/2", "-1/2", "+1/2", "1/0", "1/2/3", "a/b", "1 /2", "9999999999/9999999999"]
        {
            assert!(fault(bad).starts_with("is not a shard"), "{bad}: {}", fault(bad));
        }
        assert!(fault("4/4").contains("0/4 to 3/4"), "{}", fault("4/4"));
        assert!(fault("0/1001").contains("maximum is 1000"));
        assert_eq!(shard("999/1000").index(), 999);
    }

    #[test]
    fn a_customer_never_moves_from_one_version_to_the_next() {
        let all = shard("0/1000");
        let index = |customer, subscription| all.index_of(7, customer, subscription);
        let indexes = [
            index(Some("10241"), None),
            index(None, Some("10241")),
            index(Some(""), None),
            index(None, None),
        ];
        // Computed with Python's `blake3` by the definition of `Shard::hash_id`.
        assert_eq!(indexes, [314, 528, 86, 7]);
        assert_eq!(Shard::hash_id(Parameter::CustomerId, "10241"), 0xc9e7_d289_4c9a_6e0a);
        assert_eq!(index(Some(" 00AB C\t"), None), 164);
    }

    #[test]
    fn shards_are_about_equal() {
        let mut sizes = [0_u32; 8];
        for id in 0..80_000 {
            sizes[shard("0/8").index_of(1, Some(&id.to_string()), None) as usize] += 1;
        }
        assert!(sizes.iter().all(|size| (9_500..10_500).contains(size)), "{sizes:?}");
    }

    proptest! {
        /// Ids that the server may treat as equal are in the same shard, and each id is in exactly one shard.
        #[test]
        fn one_customer_is_in_one_shard(id in "[0-9a-zA-Z]{1,8}", other in "\\PC{0,8}", row: u64, count in 1_u32..20) {
            let variant = format!(" 00{}\t", id.to_uppercase());
            let shards: Vec<Shard> = (0..count).map(|index| shard(&format!("{index}/{count}"))).collect();
            for customer in [Some(&*id), None] {
                let holds = |shard: &&Shard| shard.holds(row, customer, Some(&other));
                prop_assert_eq!(shards.iter().filter(holds).count(), 1);
            }
            prop_assert_eq!(shards[0].index_of(row, Some(&id), None), shards[0].index_of(row, Some(&variant), Some(&other)));
        }
    }
}
