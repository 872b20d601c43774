//! What is left to do of a job: the rows of the input compared with the records of earlier runs.

mod lane_keys;
mod last_deliveries;
mod shard;
mod superseded;
mod workload;

pub use lane_keys::{Keys, LaneKeys};
pub use last_deliveries::{Delivered, Last};
pub use shard::{BadShard, Shard};
pub use superseded::{Superseded, Supersession};
pub use workload::{Doing, Foreign, Survey};

#[cfg(test)]
pub(crate) use lane_keys::tests::keys as lane_keys_of;
