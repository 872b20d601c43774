//! The escapes of forms, URLs, HTML, JSON, SQL, CSV and programming languages, undone.

use super::entities::{named, named_without_end};
use super::letter::{Letter, push_text};

/// What escapes begin with.
pub const SIGNS: [char; 5] = ['%', '&', '\\', '\'', '"'];

/// The most letters that an escape takes: two units of UTF-16. A number in HTML may have zeros before it.
pub const LONGEST_ESCAPE: usize = 12;

/// Whether letters in lower case are what is left of an escape that was cut: bytes that make no letter yet, and the
/// beginning of another.
pub fn is_cut(letters: &[char]) -> bool {
    let is_part = |letter: &char| matches!(*letter, '\u{80}'..='\u{ff}' | char::REPLACEMENT_CHARACTER);
    let parts = letters.iter().take(3).take_while(|letter| is_part(letter)).count();
    let are_hex = |digits: &[char], most| digits.len() <= most && digits.iter().all(char::is_ascii_hexdigit);
    match &letters[parts..] {
        [] => parts > 0,
        ['%', 'u', digits @ ..] => are_hex(digits, 3),
        ['\\', 'u' | 'x', '{', digits @ ..] => are_hex(digits, 6),
        ['%', digits @ ..] | ['\\', 'x', digits @ ..] => are_hex(digits, 1),
        ['\\', 'u', digits @ ..] => are_hex(digits, 7),
        ['\\', digits @ ..] => digits.len() < 3 && digits.iter().all(|digit| digit.is_digit(8)),
        ['&', name @ ..] => name.iter().all(|letter| *letter == '#' || letter.is_ascii_alphanumeric()),
        _ => false,
    }
}

/// What an escape stands for.
enum Meant {
    Byte(u8),
    Letter(char),
}

/// Letters with the escapes undone once, all or those that begin with one sign; `None` if there is none.
pub fn unescaped(letters: &[Letter], sign: Option<char>) -> Option<Vec<Letter>> {
    let is_sign = |letter: char| sign.map_or_else(|| SIGNS.contains(&letter), |sign| sign == letter);
    if !letters.iter().any(|letter| is_sign(letter.letter)) {
        return None;
    }
    let mut clear = Vec::with_capacity(letters.len());
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(first) = letters.get(at) {
        let escape = if is_sign(first.letter) { escape(&letters[at..]) } else { None };
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

/// The escape that letters begin with, and how many of them it takes.
fn escape(letters: &[Letter]) -> Option<(Meant, usize)> {
    let second = letters.get(1)?.letter;
    match letters[0].letter {
        '%' if matches!(second, 'u' | 'U') => unicode(letters),
        '%' => byte(letters, 1),
        '&' => entity(letters),
        '\\' => match second {
            'x' | 'u' if letters.get(2)?.letter == '{' => braced(letters),
            'x' | 'X' => byte(letters, 2),
            'u' | 'U' => unicode(letters),
            '0'..='7' => octal(letters),
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

/// A backslash and up to three octal digits, as PostgreSQL and C have it.
fn octal(letters: &[Letter]) -> Option<(Meant, usize)> {
    let digits = letters[1..].iter().take(3).take_while(|letter| letter.letter.is_digit(8)).count();
    if digits < 3 && letters.len() == digits + 1 {
        // It may have been cut.
        return None;
    }
    let value = |digits: usize| u8::try_from(number(letters.get(1..=digits)?, 8)?).ok();
    // What does not fit is two digits, and a third that belongs to nothing.
    (1..=digits).rev().find_map(|digits| Some((Meant::Byte(value(digits)?), digits + 1)))
}

/// `\u{…}`, as JavaScript, PHP and Rust have it, and Perl's `\x{…}`.
fn braced(letters: &[Letter]) -> Option<(Meant, usize)> {
    let end = letters.iter().take(LONGEST_ESCAPE).position(|letter| letter.letter == '}')?;
    Some((Meant::Letter(char::from_u32(number(&letters[3..end], 16)?)?), end + 1))
}

/// `\u` with four hex digits, two of them for a letter beyond U+FFFF (RFC 8259, section 7), or `\U` with eight. `%u` is
/// what JavaScript's `escape` writes.
fn unicode(letters: &[Letter]) -> Option<(Meant, usize)> {
    let unit = |at: usize| {
        let is_unicode =
            letters.get(at)?.letter == letters[0].letter && matches!(letters.get(at + 1)?.letter, 'u' | 'U');
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

/// A character reference of HTML, by number or by name. Its semicolon may be missing, but not at the end of the text: there
/// it may have been cut.
fn entity(letters: &[Letter]) -> Option<(Meant, usize)> {
    let sign = |at: usize| letters.get(at).map(|letter| letter.letter);
    let (start, radix) = match (sign(1)?, sign(2)?) {
        ('#', 'x' | 'X') => (3, 16),
        ('#', _) => (2, 10),
        _ => return reference_by_name(letters),
    };
    let digits = letters[start..].iter().take(LONGEST_ESCAPE - start);
    let end = start + digits.take_while(|letter| letter.letter.is_digit(radix)).count();
    let letter = char::from_u32(number(&letters[start..end], radix)?)?;
    Some((Meant::Letter(letter), end + usize::from(sign(end)? == ';')))
}

fn reference_by_name(letters: &[Letter]) -> Option<(Meant, usize)> {
    let name: String =
        letters[1..].iter().take(LONGEST_ESCAPE).map(|letter| letter.letter.to_ascii_lowercase()).collect();
    let whole = name.split_once(';').and_then(|(name, _)| Some((named(name)?, name.len() + 2)));
    let without_end = || named_without_end(&name).filter(|(_, length)| *length < name.len());
    let (letter, length) = whole.or_else(|| without_end().map(|(letter, length)| (letter, length + 1)))?;
    // Its case matters where it is a byte of another letter.
    let is_upper = letters.get(1).is_some_and(|first| first.letter.is_ascii_uppercase());
    let letter = if is_upper { letter.to_uppercase().next().unwrap_or(letter) } else { letter };
    Some((Meant::Letter(letter), length))
}

fn number(digits: &[Letter], radix: u32) -> Option<u32> {
    let add =
        |number: u32, digit: &Letter| number.checked_mul(radix)?.checked_add(digit.letter.to_digit(radix)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}
