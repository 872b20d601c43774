//! A text as those read it who undo the spellings of forms, URLs, HTML, JSON, SQL, Base64 and hex, with the way back
//! to the letters of the server's text.

use super::entities::named;
use std::collections::{HashSet, VecDeque};

/// How often the escapes are undone, one within the other.
const DEEPEST: u8 = 4;

/// How often Base64 or hex are undone among these: every letter may be part of some.
const DEEPEST_PACKED: u8 = 2;

/// How often the escapes of one sign are undone alone. All at once more is read than was written where the end of a
/// value and what follows it look like an escape: a `\` and a quote.
const DEEPEST_ALONE: u8 = 2;

/// What escapes begin with.
const SIGNS: [char; 5] = ['%', '&', '\\', '\'', '"'];

/// The most letters that are looked at in all. What is meant for people comes nowhere near it.
const MOST: usize = 100_000;

/// The fewest Base64 digits that are undone, so that not every word is: four bytes.
const BASE64_DIGITS: usize = 6;

/// The fewest hex digits that are undone: four bytes.
const HEX_DIGITS: usize = 8;

/// Between stretches that do not belong together: no character (Unicode, section 23.7), so part of no value.
const BREAK: Letter = Letter { letter: '\u{ffff}', start: 0, end: 0 };

/// A letter as it is meant, and which letters of the server's text spell it.
#[derive(Debug, Clone, Copy)]
pub struct Letter {
    pub letter: char,
    pub start: usize,
    pub end: usize,
}

/// Letters as one reader has them.
pub struct View {
    pub letters: Vec<Letter>,
    /// Whether it was Base64 or hex, as everything is that looks like it: mostly not meant so, and full of chance.
    pub is_packed: bool,
}

/// More readings than anybody means.
pub struct TooMany;

/// A view whose spellings are still to be undone, so many times.
struct Waiting {
    view: View,
    depth: u8,
    packed: u8,
    alone: u8,
}

/// Shows every reading of a text, the text itself first.
pub fn each_view(text: &str, mut see: impl FnMut(&View)) -> Result<(), TooMany> {
    let letters = |(start, letter)| Letter { letter, start, end: start + 1 };
    let whole = View { letters: text.chars().enumerate().map(letters).collect(), is_packed: false };
    let mut waiting = VecDeque::new();
    waiting.push_back(Waiting { view: whole, depth: DEEPEST, packed: DEEPEST_PACKED, alone: DEEPEST_ALONE });
    let mut known = HashSet::new();
    let mut looked_at = 0;
    while let Some(next) = waiting.pop_front() {
        looked_at += next.view.letters.len();
        if looked_at > MOST {
            return Err(TooMany);
        }
        see(&next.view);
        let new = next.undone().into_iter().filter(|next| known.insert(plain(&next.view.letters)));
        waiting.extend(new);
    }
    Ok(())
}

impl Waiting {
    /// What it is with one more of its spellings undone.
    fn undone(self) -> Vec<Waiting> {
        let Waiting { view: View { letters, is_packed }, depth, packed, alone } = self;
        let mut undone = Vec::new();
        let mut push = |letters: Vec<Letter>, is_packed, depth, packed, alone| {
            if !letters.is_empty() {
                undone.push(Waiting { view: View { letters, is_packed }, depth, packed, alone });
            }
        };
        if depth > 0 {
            let all = unescaped(&letters, None).unwrap_or_default();
            push(all, is_packed, depth - 1, packed, alone.saturating_sub(1));
        }
        if depth > 0 && packed > 0 {
            (0..4).for_each(|skip| push(base64(&letters, skip), true, depth - 1, packed - 1, 1));
            hex(&letters).into_iter().for_each(|letters| push(letters, true, depth - 1, packed - 1, 1));
        }
        if alone > 0 {
            let signs = SIGNS.iter().filter_map(|sign| unescaped(&letters, Some(*sign)));
            signs.for_each(|letters| push(letters, is_packed, 0, 0, alone - 1));
        }
        undone
    }
}

/// A value as it is, then as those have it who undo what only looks like a spelling in it: they read what spells it
/// so. Nothing comes twice.
pub fn readings(value: &str, most: usize) -> Vec<Vec<char>> {
    let letters = |letter| Letter { letter, ..BREAK };
    let mut reading: Vec<Letter> = value.chars().take(most).map(letters).collect();
    let mut readings = vec![plain(&reading)];
    while readings.len() <= usize::from(DEEPEST)
        && let Some(next) = unescaped(&reading, None)
    {
        readings.push(plain(&next));
        reading = next;
    }
    readings
}

fn plain(letters: &[Letter]) -> Vec<char> {
    letters.iter().map(|letter| letter.letter).collect()
}

/// What an escape stands for.
enum Meant {
    Byte(u8),
    Letter(char),
}

/// Letters with the escapes undone once, all or those that begin with one sign; `None` if there is none.
fn unescaped(letters: &[Letter], sign: Option<char>) -> Option<Vec<Letter>> {
    let mut clear = Vec::with_capacity(letters.len());
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(first) = letters.get(at) {
        let escape = if sign.is_none_or(|sign| sign == first.letter) { escape(&letters[at..]) } else { None };
        let (meant, length) = escape.unwrap_or((Meant::Letter(first.letter), 1));
        let (start, end) = (first.start, letters[at + length - 1].end);
        match meant {
            Meant::Byte(byte) => bytes.push((byte, start, end)),
            Meant::Letter(letter) => {
                push_text(&mut clear, &mut bytes);
                clear.push(Letter { letter, start, end });
            }
        }
        at += length;
    }
    push_text(&mut clear, &mut bytes);
    (clear.len() < letters.len()).then_some(clear)
}

/// Pushes what bytes are as text: UTF-8, or else Latin-1, which many old servers speak.
fn push_text(letters: &mut Vec<Letter>, bytes: &mut Vec<(u8, usize, usize)>) {
    let plain: Vec<u8> = bytes.iter().map(|(byte, _, _)| *byte).collect();
    let mut places = bytes.drain(..);
    let mut push = |letter, length| {
        if let Some((_, start, end)) = places.next() {
            let end = places.by_ref().take(length - 1).last().map_or(end, |(_, _, end)| end);
            letters.push(Letter { letter, start, end });
        }
    };
    for chunk in plain.utf8_chunks() {
        chunk.valid().chars().for_each(|letter| push(letter, letter.len_utf8()));
        chunk.invalid().iter().for_each(|byte| push(char::from(*byte), 1));
    }
}

/// The escape that letters begin with, and how many of them it takes.
fn escape(letters: &[Letter]) -> Option<(Meant, usize)> {
    let second = letters.get(1)?.letter;
    match letters[0].letter {
        '%' => byte(letters, 1),
        '&' => entity(letters),
        '\\' => match second {
            'x' | 'X' => byte(letters, 2),
            'u' | 'U' => unicode(letters),
            'n' => Some((Meant::Letter('\n'), 2)),
            'r' => Some((Meant::Letter('\r'), 2)),
            't' => Some((Meant::Letter('\t'), 2)),
            'b' => Some((Meant::Letter('\u{8}'), 2)),
            'f' => Some((Meant::Letter('\u{c}'), 2)),
            sign if sign.is_ascii_punctuation() || sign == ' ' => Some((Meant::Letter(sign), 2)),
            _ => None,
        },
        // Doubled, as SQL and CSV have it.
        quote @ ('\'' | '"') if second == quote => Some((Meant::Letter(quote), 2)),
        _ => None,
    }
}

/// Two hex digits behind so many letters (RFC 3986, section 2.1; `\x`).
fn byte(letters: &[Letter], before: usize) -> Option<(Meant, usize)> {
    let value = number(letters.get(before..before + 2)?, 16)?;
    Some((Meant::Byte(u8::try_from(value).ok()?), before + 2))
}

/// `\u` with four hex digits, two of them for a letter beyond U+FFFF (RFC 8259, section 7), or `\U` with eight.
fn unicode(letters: &[Letter]) -> Option<(Meant, usize)> {
    let unit = |at: usize| {
        let is_unicode = letters.get(at)?.letter == '\\' && matches!(letters.get(at + 1)?.letter, 'u' | 'U');
        is_unicode.then(|| number(letters.get(at + 2..at + 6)?, 16)).flatten()
    };
    let long = letters.get(2..10).and_then(|digits| number(digits, 16)).and_then(char::from_u32);
    if let Some(letter) = long.filter(|_| letters[1].letter == 'U') {
        return Some((Meant::Letter(letter), 10));
    }
    let first = unit(0)?;
    if let (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) = (first, unit(6)) {
        let both = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return Some((Meant::Letter(char::from_u32(both)?), 12));
    }
    Some((Meant::Letter(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)), 6))
}

/// A character reference of HTML, by number or by name.
fn entity(letters: &[Letter]) -> Option<(Meant, usize)> {
    /// The longest name is `centerdot`; a number may have zeros before it.
    const LONGEST: usize = 12;
    let end = letters.iter().take(LONGEST).position(|letter| letter.letter == ';')?;
    let inner = &letters[1..end];
    let letter = match inner.first()?.letter {
        '#' if matches!(inner.get(1)?.letter, 'x' | 'X') => char::from_u32(number(inner.get(2..)?, 16)?)?,
        '#' => char::from_u32(number(&inner[1..], 10)?)?,
        _ => named(&inner.iter().map(|letter| letter.letter.to_ascii_lowercase()).collect::<String>())?,
    };
    Some((Meant::Letter(letter), end + 1))
}

fn number(digits: &[Letter], radix: u32) -> Option<u32> {
    let add =
        |number: u32, digit: &Letter| number.checked_mul(radix)?.checked_add(digit.letter.to_digit(radix)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Everything that may be Base64 of either alphabet (RFC 4648, sections 4 and 5), undone from its first digit on or
/// from a later one: what was encoded together with it need not have stood at its beginning.
fn base64(letters: &[Letter], skip: usize) -> Vec<Letter> {
    let mut clear = Vec::new();
    for run in letters.split(|letter| digit64(letter.letter).is_none()) {
        if run.len() < BASE64_DIGITS {
            continue;
        }
        let digits = run[skip..].iter().filter_map(|letter| Some((digit64(letter.letter)?, *letter)));
        push_packed(&mut clear, digits, 6);
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
fn hex(letters: &[Letter]) -> [Vec<Letter>; 2] {
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
