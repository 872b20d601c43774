//! A part of the customers, for a job that runs on several machines.

use crate::customer::{Parameter, alike, first_8_bytes};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// More parts than this are a typing mistake.
const MOST: u32 = 1000;

/// Domain separation for the hash of an id. Changing it would move customers from one shard's result file to another's.
const KEY: &[u8; blake3::KEY_LEN] = b"offerit-sync: shard of customer.";

/// One of several parts of all customers: `0/4` to `3/4`. Which part a customer belongs to depends on the id alone,
/// not on the file, the machine or the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: NonZeroU32,
}

/// The text is no shard.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadShard {
    /// It is not two numbers.
    #[error("is not a shard: write its number and how many there are, such as 0/4")]
    Form,
    /// There are too many.
    #[error("are too many shards: {MOST} at most")]
    TooMany,
    /// There is no such shard.
    #[error("does not exist: shards are counted from 0, so that the last of {count} is {}/{count}", count.get() - 1)]
    Beyond {
        /// How many there are.
        count: NonZeroU32,
    },
}

impl FromStr for Shard {
    type Err = BadShard;

    fn from_str(text: &str) -> Result<Shard, BadShard> {
        // `parse` would take a sign.
        let number = |text: &str| {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<u32>().ok()).flatten().ok_or(BadShard::Form)
        };
        let (index, count) = text.split_once('/').ok_or(BadShard::Form)?;
        let (index, count) = (number(index)?, NonZeroU32::new(number(count)?).ok_or(BadShard::Form)?);
        match () {
            () if count.get() > MOST => Err(BadShard::TooMany),
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
    /// Which of them it is, from 0.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> NonZeroU32 {
        self.count
    }

    /// Whether a row of a customer belongs to it. A row that names both ids goes by its `customer_id`, one that names
    /// none by its number.
    #[must_use]
    pub fn holds(self, row: u64, customer_id: Option<&str>, subscription_id: Option<&str>) -> bool {
        self.home(row, customer_id, subscription_id) == self.index
    }

    /// The number of the shard that a row belongs to.
    #[must_use]
    pub fn home(self, row: u64, customer_id: Option<&str>, subscription_id: Option<&str>) -> u32 {
        let hash = match (customer_id, subscription_id) {
            (Some(id), _) => Shard::hash(Parameter::CustomerId, id),
            (None, Some(id)) => Shard::hash(Parameter::SubscriptionId, id),
            (None, None) => row,
        };
        (hash % u64::from(self.count.get())) as u32
    }

    /// The number of an id: the first 8 bytes, as a big-endian number, of the BLAKE3 of the text `parameter=id` in keyed
    /// mode with the 32 bytes `offerit-sync: shard of customer.`, where the id is normalized as by [`alike`]. The API key
    /// does not enter: every machine, and `verify` without the API key, must find the same shard.
    #[must_use]
    pub fn hash(parameter: Parameter, id: &str) -> u64 {
        first_8_bytes(blake3::keyed_hash(KEY, format!("{}={}", parameter.name(), alike(id)).as_bytes()))
    }
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
        let told = |text: &str| text.parse::<Shard>().unwrap_err().to_string();
        for bad in
            ["", "1", "/", "1/", "/2", "-1/2", "+1/2", "1/0", "1/2/3", "a/b", "1 /2", "9999999999/9999999999"]
        {
            assert!(told(bad).starts_with("is not a shard"), "{bad}: {}", told(bad));
        }
        assert!(told("4/4").contains("the last of 4 is 3/4"), "{}", told("4/4"));
        assert!(told("0/1001").contains("1000 at most"));
        assert_eq!(shard("999/1000").index(), 999);
    }

    #[test]
    fn a_customer_never_moves_from_one_version_to_the_next() {
        let all = shard("0/1000");
        let home = |customer, subscription| all.home(7, customer, subscription);
        let homes =
            [home(Some("10241"), None), home(None, Some("10241")), home(Some(""), None), home(None, None)];
        // Computed by another program, Python's `blake3`, as `Shard::hash` says.
        assert_eq!(homes, [314, 528, 86, 7]);
        assert_eq!(Shard::hash(Parameter::CustomerId, "10241"), 0xc9e7_d289_4c9a_6e0a);
        assert_eq!(home(Some(" 00AB C\t"), None), 164);
    }

    #[test]
    fn shards_are_about_equal() {
        let mut sizes = [0_u32; 8];
        for id in 0..80_000 {
            sizes[shard("0/8").home(1, Some(&id.to_string()), None) as usize] += 1;
        }
        assert!(sizes.iter().all(|size| (9_500..10_500).contains(size)), "{sizes:?}");
    }

    proptest! {
        /// Ids that may be one are in one shard, each in exactly one.
        #[test]
        fn one_customer_is_in_one_shard(id in "[0-9a-zA-Z]{1,8}", other in "\\PC{0,8}", row: u64, count in 1_u32..20) {
            let spelt = format!(" 00{}\t", id.to_uppercase());
            let shards: Vec<Shard> = (0..count).map(|index| shard(&format!("{index}/{count}"))).collect();
            for customer in [Some(&*id), None] {
                let holds = |shard: &&Shard| shard.holds(row, customer, Some(&other));
                prop_assert_eq!(shards.iter().filter(holds).count(), 1);
            }
            prop_assert_eq!(shards[0].home(row, Some(&id), None), shards[0].home(row, Some(&spelt), Some(&other)));
        }
    }
}
