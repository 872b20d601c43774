//! UTF-8 that was taken for Latin-1 or Windows-1252 and written as UTF-8 again, undone: `Ã¤` for an `ä`.

use super::letter::{Letter, push_text};
use encoding_rs::WINDOWS_1252;

/// What Windows-1252 has for the bytes 0x80 to 0x9F, where Latin-1 has control characters.
fn windows_letters() -> Vec<char> {
    let bytes: Vec<u8> = (0x80..=0x9f).collect();
    WINDOWS_1252.decode_without_bom_handling(&bytes).0.chars().collect()
}

/// Letters with it undone once; `None` if there is none.
pub fn mended(letters: &[Letter]) -> Option<Vec<Letter>> {
    if letters.iter().all(|letter| letter.letter.is_ascii()) {
        return None;
    }
    let windows = windows_letters();
    let byte_of = |letter: char| match letter {
        '\u{80}'..='\u{ff}' => u8::try_from(u32::from(letter)).ok(),
        _ if letter.is_ascii() => None,
        _ => {
            let at = windows.iter().position(|known| *known == letter)?;
            Some(0x80 + u8::try_from(at).ok()?)
        }
    };
    let (mut clear, mut bytes) = (Vec::with_capacity(letters.len()), Vec::new());
    for letter in letters {
        match byte_of(letter.letter) {
            Some(byte) => bytes.push((byte, letter.start, letter.end)),
            None => {
                push_text(&mut clear, &mut bytes);
                clear.push(*letter);
            }
        }
    }
    push_text(&mut clear, &mut bytes);
    (clear.len() < letters.len()).then_some(clear)
}

#[cfg(test)]
mod tests {
    use super::super::letter::BREAK;
    use super::*;

    fn mended_text(text: &str) -> Option<String> {
        let letters: Vec<_> = text.chars().map(|letter| Letter { letter, ..BREAK }).collect();
        mended(&letters).map(|letters| letters.iter().map(|letter| letter.letter).collect())
    }

    #[test]
    fn letters_that_are_bytes_of_one_become_it() {
        assert_eq!(mended_text("PÃ¤55wÃ¶rd â‚¬").as_deref(), Some("Pä55wörd €"));
        assert_eq!(mended_text("Gro\u{c3}\u{9f}").as_deref(), Some("Groß"));
        assert_eq!(mended_text("Großmöllendorf — “x”"), None);
        assert_eq!(mended_text("plain"), None);
    }
}
