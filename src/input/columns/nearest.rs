//! "Did you mean …?" for names that people type.

/// The least similarity of a suggestion, by the [Jaro–Winkler measure](https://en.wikipedia.org/wiki/Jaro%E2%80%93Winkler_distance).
/// Chosen.
const ALIKE: f64 = 0.8;

/// The name nearest to a misspelt name: equal except for case, blanks, dashes and underscores, or similar enough.
#[must_use]
pub fn find_nearest<'name>(typed: &str, names: impl IntoIterator<Item = &'name str>) -> Option<&'name str> {
    let wanted = simplify_name(typed);
    names
        .into_iter()
        .map(|name| (similarity(&wanted, &simplify_name(name)), name))
        .filter(|(similarity, _)| *similarity >= ALIKE)
        // The first of equals.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, name)| name)
}

/// Whether two names are equal except for case, blanks and signs.
pub fn is_same(one: &str, other: &str) -> bool {
    simplify_name(one) == simplify_name(other)
}

/// The similarity, from 0 to 1. The measure rates short names with one slip too low, so these get the least similarity.
fn similarity(wanted: &str, name: &str) -> f64 {
    let is_one_slip = wanted.len() > 2 && strsim::osa_distance(wanted, name) == 1;
    strsim::jaro_winkler(wanted, name).max(if is_one_slip { ALIKE } else { 0.0 })
}

/// A name without case, blanks and signs.
pub fn simplify_name(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
