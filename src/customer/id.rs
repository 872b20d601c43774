//! The normal form of an id, to recognize ids that the server may treat as equal.

use std::borrow::Cow;

/// The normal form of an id, without surrounding blanks, case and leading zeros. The API page does not specify how the server
/// compares ids. Treating two customers as one costs some waiting; treating one customer as two would lose the order of its
/// rows.
#[must_use]
pub fn alike(id: &str) -> Cow<'_, str> {
    let bare = id.trim().trim_start_matches('0');
    // Fast path: nearly all ids are digits.
    if bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(bare);
    }
    Cow::Owned(bare.to_lowercase())
}
