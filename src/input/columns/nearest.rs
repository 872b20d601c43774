//! "Did you mean …?" for names that people type.

/// Alike enough to be offered, by Jaro and Winkler's measure.
const ALIKE: f64 = 0.8;

/// The name nearest to a misspelt one: equal but for case, blanks, dashes and underscores, or alike enough.
#[must_use]
pub fn nearest<'name>(typed: &str, names: impl IntoIterator<Item = &'name str>) -> Option<&'name str> {
    let wanted = bare(typed);
    names
        .into_iter()
        .map(|name| (likeness(&wanted, &bare(name)), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        // Of equals the first.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, name)| name)
}

/// Whether two names are equal but for case, blanks and signs.
pub fn is_same(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

/// From 0 to 1. The measure thinks little of short names with one slip, so that these count by themselves.
fn likeness(wanted: &str, name: &str) -> f64 {
    let is_one_slip = wanted.len() > 2 && strsim::osa_distance(wanted, name) == 1;
    strsim::jaro_winkler(wanted, name).max(if is_one_slip { ALIKE } else { 0.0 })
}

/// A name without case, blanks and signs.
pub fn bare(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
