//! "Did you mean …?" for names that people type.

/// Alike enough to be offered, by Jaro and Winkler's measure.
const ALIKE: f64 = 0.8;

/// The name nearest to a misspelt one: equal but for case, blanks, dashes and underscores, or alike enough.
#[must_use]
pub fn nearest<'name>(typed: &str, names: impl IntoIterator<Item = &'name str>) -> Option<&'name str> {
    let wanted = bare(typed);
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &bare(name)), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

fn bare(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
