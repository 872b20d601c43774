//! Whether a row of the input has changed since its record, with or without the API key.

use crate::customer::{Fingerprint, FingerprintKey};
use crate::input::Row;
use crate::journal::{self, Keep, Mark};

/// Compares rows with their records: by fingerprint, or without a key by the ids alone.
pub struct ChangeDetector {
    key: Option<FingerprintKey>,
    /// A second key: rows that match under it are counted.
    sandbox_key: Option<FingerprintKey>,
    sandbox_rows: u64,
    scratch: Vec<u8>,
}

impl ChangeDetector {
    /// Compares with the key of the fingerprints, if given, and counts the changed rows whose records are keyed with
    /// `sandbox_key`.
    #[must_use]
    pub fn new(key: Option<FingerprintKey>, sandbox_key: Option<FingerprintKey>) -> ChangeDetector {
        ChangeDetector { key, sandbox_key, sandbox_rows: 0, scratch: Vec::new() }
    }

    /// Whether the content of rows is compared, or only their ids.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// The part of each record that is compared.
    #[must_use]
    pub fn keep(&self) -> Keep {
        if self.has_key() { Keep::Fingerprint } else { Keep::Identity }
    }

    /// Computes from a row what is compared with its record.
    pub fn print(&mut self, row: &Row<'_>) -> Fingerprint {
        match &self.key {
            Some(key) => row.fingerprint(key, &mut self.scratch),
            None => identity_of(row),
        }
    }

    /// Whether a row differs from the row of its record.
    pub fn has_changed(&mut self, mark: Mark, row: &Row<'_>) -> bool {
        if mark.is_of(self.print(row)) {
            return false;
        }
        if let Some(key) = &self.sandbox_key {
            self.sandbox_rows += u64::from(mark.is_of(row.fingerprint(key, &mut self.scratch)));
        }
        true
    }

    /// Changed rows that were delivered to a sandbox as they are now.
    #[must_use]
    pub fn sandbox_rows(&self) -> u64 {
        self.sandbox_rows
    }
}

/// Computes from a row what can be compared with its record without the key: its ids.
#[must_use]
pub fn identity_of(row: &Row<'_>) -> Fingerprint {
    let [customer_id, subscription_id] = row.ids();
    journal::identity(customer_id.unwrap_or_default(), subscription_id.unwrap_or_default())
}
