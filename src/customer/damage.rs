//! Letters that were damaged on their way: read in a wrong encoding, lost, invisible, written for a web page.

use super::Suspicion;

/// Whether a value that is a part of `text` may be damaged within. Bytes are compared by twos and without a branch, so
/// that many are compared at once; it costs a small part of what a look at each value does.
#[must_use]
pub fn may_be_damaged(text: &[u8]) -> bool {
    let behind = text.get(1..).unwrap_or_default();
    let hits = text.iter().zip(behind).fold(0, |hits, (byte, next)| {
        // Â Ã Ä Å, â, what is in the zero width and general punctuation, what begins U+F000 to U+FFFF, an entity.
        let is_latin = (*byte == 0xc3) & (next.wrapping_sub(0x82) < 4 || *next == 0xa2);
        hits | u8::from(is_latin | ((*byte == 0xe2) & (*next == 0x80)) | (*byte == 0xef) | (*byte == b'&'))
    });
    hits != 0
}

/// What is damaged within a value.
pub(super) fn within(value: &[u8]) -> Option<Suspicion> {
    if !may_be_damaged(value) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    let letters = || text.chars().zip(text.chars().skip(1));
    if text.contains('\u{fffd}') {
        Some(Suspicion::Replacement)
    } else if letters().any(|(one, next)| is_misread(one, next)) {
        Some(Suspicion::Mojibake)
    } else if text.chars().any(is_invisible) {
        Some(Suspicion::Invisible)
    } else {
        text.match_indices('&').any(|(at, _)| is_entity(&text[at + 1..])).then_some(Suspicion::Entity)
    }
}

/// Whether two letters are what the first bytes of one in UTF-8 look like, taken for Windows-1252.
fn is_misread(one: char, next: char) -> bool {
    let is_high = matches!(
        next,
        '\u{80}'..='\u{bf}' | 'Œ' | 'œ' | 'Š' | 'š' | 'Ÿ' | 'Ž' | 'ž' | 'ƒ' | 'ˆ' | '˜' | '€' | '™'
    ) || matches!(
        next,
        '–' | '—'
            | '‘'
            | '’'
            | '‚'
            | '“'
            | '”'
            | '„'
            | '†'
            | '‡'
            | '•'
            | '…'
            | '‰'
            | '‹'
            | '›'
    );
    match one {
        'Â' | 'Ã' | 'Ä' | 'Å' => is_high,
        'â' => matches!(next, '€' | '‚' | '„' | '\u{80}'),
        _ => false,
    }
}

/// Zero width, bidirectional marks and line separators; not what joins emoji and letters.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
}

/// Whether a text goes on like an entity behind its `&`.
fn is_entity(rest: &str) -> bool {
    let Some(name) = rest.split(';').next().filter(|name| name.len() < rest.len()) else { return false };
    match name.strip_prefix('#') {
        Some(number) => {
            !number.is_empty() && number.len() < 8 && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        None => {
            matches!(name, "amp" | "lt" | "gt" | "quot" | "apos" | "nbsp")
                || name.ends_with("uml")
                || name.ends_with("acute")
                || name.ends_with("grave")
        }
    }
}
