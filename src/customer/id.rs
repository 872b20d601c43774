//! When two ids may be one.

use std::borrow::Cow;

/// An id as a server might compare it, which the API page does not tell: blanks, case and leading zeros aside.
/// Taking two ids for one customer costs a little waiting, taking one customer for two would cost the order.
#[must_use]
pub fn alike(id: &str) -> Cow<'_, str> {
    let bare = id.trim().trim_start_matches('0');
    // Nearly all ids are digits.
    if bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(bare);
    }
    Cow::Owned(bare.to_lowercase())
}
