//! The domain: the parameters of a customer update, the rules of a valid update, and the identity of an update. This module
//! does no I/O and knows neither CSV nor HTTP.

mod fingerprint;
mod id;
mod parameter;
mod rules;
mod update;
mod values;

pub use fingerprint::{Fingerprint, FingerprintKey};
pub use id::alike;
pub use parameter::Parameter;
pub use rules::{NOT_UTF_8, REMOVE, Rule, Violation, value_fault};
pub use update::Update;
pub use values::Values;
