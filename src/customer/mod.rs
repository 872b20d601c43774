//! The domain: which parameters a customer update may carry, which updates are valid, and what makes two
//! updates the same. It does no I/O and knows neither CSV nor HTTP.

mod fingerprint;
mod id;
mod parameter;
mod shard;
mod update;

pub use fingerprint::{Fingerprint, FingerprintKey};
pub use id::alike;
pub use parameter::Parameter;
pub use shard::{BadShard, Shard};
pub use update::{NOT_UTF_8, REMOVE, Update, UpdateBuilder, Violation, value_fault};
