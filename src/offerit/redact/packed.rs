//! Base64 and hex, undone.

use super::letter::{BREAK, Letter, push_text};

/// The fewest Base64 digits that are undone, so that not every word is: four bytes.
const BASE64_DIGITS: usize = 6;

/// The fewest hex digits that are undone: four bytes.
const HEX_DIGITS: usize = 8;

/// Everything that may be Base64 of either alphabet (RFC 4648, sections 4 and 5), undone from its first digit on or
/// from a later one: what was encoded together with it need not have stood at its beginning.
pub fn base64(letters: &[Letter], skip: usize) -> Vec<Letter> {
    let mut clear = Vec::new();
    // MIME breaks it into lines (RFC 2045, section 6.8).
    let is_within = |letter: char| matches!(letter, '\r' | '\n') || digit64(letter).is_some();
    for run in letters.split(|letter| !is_within(letter.letter)) {
        let digits = run.iter().filter_map(|letter| Some((digit64(letter.letter)?, *letter)));
        if digits.clone().count() >= BASE64_DIGITS {
            push_packed(&mut clear, digits.skip(skip), 6);
        }
    }
    clear
}

fn digit64(letter: char) -> Option<u32> {
    match letter {
        'A'..='Z' => Some(u32::from(letter) - u32::from('A')),
        'a'..='z' => Some(u32::from(letter) - u32::from('a') + 26),
        '0'..='9' => Some(u32::from(letter) - u32::from('0') + 52),
        '+' | '-' => Some(62),
        '/' | '_' => Some(63),
        _ => None,
    }
}

/// Everything that may be bytes as pairs of hex digits, with separators and `0x` or without, undone from its first
/// digit on and from its second.
pub fn hex(letters: &[Letter]) -> [Vec<Letter>; 2] {
    let is_between = |letter: char| letter.is_ascii_whitespace() || "+:-,.;_".contains(letter);
    let mut runs = vec![Vec::new()];
    let mut before = ' ';
    for letter in letters {
        let run = runs.last_mut().filter(|run| !run.is_empty());
        match (letter.letter.to_digit(16), run) {
            (Some(digit), Some(run)) => run.push((digit, *letter)),
            (Some(digit), None) => runs.push(vec![(digit, *letter)]),
            // What was taken for a digit is the beginning of `0x`.
            (None, Some(run)) if before == '0' && matches!(letter.letter, 'x' | 'X') => drop(run.pop()),
            (None, Some(_)) if !is_between(letter.letter) => runs.push(Vec::new()),
            (None, _) => {}
        }
        before = letter.letter;
    }
    runs.retain(|run| run.len() >= HEX_DIGITS);
    [0, 1].map(|skip| {
        let mut clear = Vec::new();
        runs.iter().for_each(|run| push_packed(&mut clear, run[skip..].iter().copied(), 4));
        clear
    })
}

/// Pushes the text that digits of so many bits make, and a break.
fn push_packed(letters: &mut Vec<Letter>, digits: impl Iterator<Item = (u32, Letter)>, width: u32) {
    let (mut word, mut bits, mut start) = (0_u32, 0, 0);
    let mut bytes = Vec::new();
    for (digit, letter) in digits {
        if bits == 0 {
            start = letter.start;
        }
        (word, bits) = (word << width | digit, bits + width);
        if let Some(left) = bits.checked_sub(8) {
            bytes.push(((word >> left & 0xff) as u8, start, letter.end));
            (bits, start) = (left, letter.start);
        }
    }
    push_text(letters, &mut bytes);
    letters.push(BREAK);
}
