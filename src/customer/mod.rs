//! The domain: which parameters a customer update may carry, which updates are valid, and what makes two
//! updates the same. It does no I/O and knows neither CSV nor HTTP.

mod damage;
mod fingerprint;
mod id;
mod lint;
mod parameter;
mod rules;
mod suspicion;
mod update;
mod values;

pub use fingerprint::{Fingerprint, FingerprintKey};
pub use id::alike;
pub use lint::{Cell, find_suspicious};
pub use parameter::Parameter;
pub use rules::{NOT_UTF_8, REMOVE, Rule, Violation, value_fault};
pub use suspicion::Suspicion;
pub use update::Update;
pub use values::Values;
