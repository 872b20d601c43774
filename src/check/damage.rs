//! Letters that were damaged on their way: read in a wrong encoding, lost, invisible, written for a web page.

use crate::text::{has_one_script, is_joiner, is_sign_of_utf_8, is_unseen};
use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1251, WINDOWS_1252};
use std::sync::LazyLock;

/// The upper half of code page 437, of DOS and of a console of Windows (Unicode, VENDORS/MICSFT/PC/CP437.TXT).
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The upper halves of the single-byte encodings in which UTF-8 is most often read by mistake, sorted by character.
static MISREAD_AS: LazyLock<[Vec<(char, u8)>; 4]> = LazyLock::new(|| {
    let upper = |encoding: &'static Encoding| encoding.decode_without_bom_handling(&UPPER).0.into_owned();
    let texts = [upper(WINDOWS_1252), upper(WINDOWS_1251), upper(MACINTOSH), CP437.to_owned()];
    texts.map(|text| {
        let mut letters: Vec<(char, u8)> = text.chars().zip(UPPER).collect();
        letters.sort_unstable();
        letters
    })
});

/// The bytes from 0x80 on.
const UPPER: [u8; 128] = {
    let mut upper = [0; 128];
    let mut at = 0;
    while at < upper.len() {
        upper[at] = 0x80 + at as u8;
        at += 1;
    }
    upper
};

/// Whether a text is UTF-8 that was read in a single-byte encoding: written back in that encoding, it is UTF-8.
pub(super) fn is_misread(text: &str) -> bool {
    // A character of UTF-8 has two bytes at least, which became two letters side by side. The last byte of a letter is below
    // C0, the first byte of the next is not.
    let is_end_of_pair = |pair: &[u8]| (0x80..0xc0).contains(&pair[0]) && pair[1] >= 0xc0;
    text.as_bytes().windows(2).any(is_end_of_pair)
        && MISREAD_AS.iter().any(|letters| written_back(text, letters).is_some_and(|bytes| is_meant(&bytes)))
}

/// A control character U+0080 to U+009F, which comes about only where a text was read in a wrong encoding.
pub(super) fn has_c1_control(text: &str) -> bool {
    text.contains(|letter| matches!(letter, '\u{80}'..='\u{9f}'))
}

fn written_back(text: &str, letters: &[(char, u8)]) -> Option<Vec<u8>> {
    let byte = |letter: char| {
        if letter.is_ascii() {
            return u8::try_from(letter).ok();
        }
        let at = letters.binary_search_by_key(&letter, |(known, _)| *known).ok()?;
        Some(letters[at].1)
    };
    text.chars().map(byte).collect()
}

/// Whether bytes were meant as UTF-8: at least as many characters beyond ASCII come out of them as there are faults (of the
/// bytes that an encoding leaves unassigned, many programs drop some), and no word mixes scripts: `L’Église` would
/// become `LՃglise`, which nobody is called.
fn is_meant(bytes: &[u8]) -> bool {
    // Text of the encoding itself mostly has no byte that continues a character of UTF-8.
    if !bytes.iter().any(|byte| (0x80..0xc0).contains(byte)) {
        return false;
    }
    let (mut meant, mut faults) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        meant += chunk.valid().chars().filter(|letter| is_sign_of_utf_8(*letter)).count();
        faults += usize::from(!chunk.invalid().is_empty());
    }
    let have_words_one_script =
        || String::from_utf8_lossy(bytes).split(|letter: char| !letter.is_alphabetic()).all(has_one_script);
    meant > 0 && meant >= faults && have_words_one_script()
}

/// A control character other than a line break or tab. See also `has_c1_control`.
pub(super) fn has_control(text: &str) -> bool {
    text.contains(|letter: char| letter.is_ascii_control() && !matches!(letter, '\t' | '\n' | '\r'))
}

/// Whether it holds an invisible character. Joiners belong to the character before them, if that is beyond ASCII.
pub(super) fn has_unseen(text: &str) -> bool {
    !text.is_ascii()
        && text.chars().zip(std::iter::once(' ').chain(text.chars())).any(|(letter, before)| {
            !letter.is_ascii() && is_unseen(letter) && (before.is_ascii() || !is_joiner(letter))
        })
}

/// Whether it holds an entity of HTML: `&`, a name or `#` and a number, `;`.
pub(super) fn has_entity(text: &str) -> bool {
    text.split('&').skip(1).any(|rest| {
        let Some((name, _)) = rest.split_once(';') else { return false };
        let letters = name.strip_prefix('#').unwrap_or(name);
        (2..=31).contains(&name.len())
            && !letters.is_empty()
            && letters.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// A text in UTF-8 as a reader of code page 437 shows it.
#[cfg(test)]
pub(super) fn read_as_cp437(bytes: &[u8]) -> String {
    let upper: Vec<char> = CP437.chars().collect();
    let letter =
        |byte: &u8| upper.get(usize::from(*byte).wrapping_sub(0x80)).copied().unwrap_or(char::from(*byte));
    bytes.iter().map(letter).collect()
}
