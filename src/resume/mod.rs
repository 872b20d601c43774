//! The remaining work of a job: the rows of the input are compared with the records of earlier runs.
//!
//! [`Triage`] decides for each row whether it is skipped, recorded without being sent, or sent. It sums these decisions up
//! in a [`Workload`] and hands them to the delivery in a [`Done`].
//!
//! | file | question |
//! | --- | --- |
//! | `row_plan` | Does this row's record leave something to do? |
//! | `workload` | How many rows are there of each plan, and do the records belong to this input? |
//! | `superseded`, `customer_ids` | Would this row overwrite a newer row of its customer that was delivered? |
//! | `last_deliveries`, `id_index`, `changes_since` | `--since`: does the customer have this update already? |
//! | `shard`, `split_customers` | `--shard`: does this row belong to this machine, and can the file be split? |
//! | `lane_keys` | Which rows must wait for each other? |
//! | `change_detector` | `verify` and `failures`: has this row changed since its record? |

mod change_detector;
mod changes_since;
mod customer_ids;
mod done;
mod id_index;
mod lane_keys;
mod last_deliveries;
mod row_plan;
mod shard;
mod split_customers;
mod superseded;
mod triage;
mod workload;

pub use change_detector::{ChangeDetector, identity_of};
pub use changes_since::{ChangesSince, MassChange, MaxChanges, SendReasons};
pub use customer_ids::{CustomerIds, IdKey};
pub use done::Done;
pub use id_index::IdIndex;
pub use lane_keys::{Keys, LaneKeys};
pub use last_deliveries::{LastDeliveries, LastDelivery};
pub use row_plan::RowPlan;
pub use shard::{BadShard, Shard, is_in_shard};
pub use split_customers::{SplitSubscription, find_split_subscription};
pub use superseded::{SupersededRow, SupersededSearch};
pub use triage::{Triage, TriageTerms};
pub use workload::{InputMismatch, Workload};

#[cfg(test)]
pub(crate) use lane_keys::tests::keys as lane_keys_of;
