//! Why rows are not in sync: reasons that differ in numbers, ids and quoted values only are one. Bounded, whatever
//! the file says: what is beyond the bound is counted and not told apart.

use super::survey::reason_of;
use crate::journal::{RecordRef, Status, shorten};
use std::collections::HashMap;

/// The most reasons that are told apart.
const MOST: usize = 2000;

/// Stands for all reasons beyond [`MOST`].
const OTHERS: u16 = 1 + MOST as u16;

/// The longest text that is compared, in characters; the rest of a longer one makes no other reason.
const LONGEST: usize = 300;

/// What stands for a number, an id or a quoted value.
pub(super) const BLANK: &str = "…";

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub status: Status,
    pub http_status: Option<u16>,
    /// The text with blanks for what differs; the text as it is while there is but one.
    pub text: String,
    /// Rows whose last record has it.
    pub rows: u64,
    /// Records that have it: of earlier runs too.
    pub records: u64,
    /// When the first and the last of these records were finished, in milliseconds since 1970.
    pub seen: (u64, u64),
}

/// Every reason of a file.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    numbers: HashMap<String, u16>,
    all: Vec<Reason>,
    /// Rows whose last record has a reason beyond [`MOST`].
    others: u64,
    scratch: String,
}

impl Reasons {
    /// Counts a record and gives the number of its reason: 0 for a row in sync.
    pub fn add(&mut self, record: &RecordRef<'_>, finished_at: u64) -> u16 {
        let (status, http_status) = (record.status(), record.http_status());
        if status.is_in_sync() {
            return 0;
        }
        let text = reason_of(record);
        self.scratch.clear();
        self.scratch.push_str(status.name());
        http_status.into_iter().for_each(|code| self.scratch.push_str(&code.to_string()));
        self.scratch.push(' ');
        let start = self.scratch.len();
        push_pattern(&mut self.scratch, &text);
        if let Some(number) = self.numbers.get(&self.scratch) {
            let reason = &mut self.all[usize::from(*number) - 1];
            reason.rows += 1;
            reason.records += 1;
            reason.seen = (reason.seen.0.min(finished_at), reason.seen.1.max(finished_at));
            let pattern = &self.scratch[start..];
            if reason.text != *pattern && reason.text != shown(&text) {
                reason.text = pattern.to_owned();
            }
            return *number;
        }
        if self.all.len() >= MOST {
            self.others += 1;
            return OTHERS;
        }
        let (text, seen) = (shown(&text), (finished_at, finished_at));
        self.all.push(Reason { status, http_status, text, rows: 1, records: 1, seen });
        let number = self.all.len() as u16;
        self.numbers.insert(self.scratch.clone(), number);
        number
    }

    /// A row has another record now: its earlier one's reason no longer holds.
    pub fn replace(&mut self, number: u16) {
        match usize::from(number).checked_sub(1) {
            None => {}
            Some(index) => match self.all.get_mut(index) {
                Some(reason) => reason.rows -= 1,
                None => self.others -= 1,
            },
        }
    }

    /// Reasons that hold for rows now, the most frequent first, with their numbers.
    pub fn by_rows(&self) -> Vec<(u16, &Reason)> {
        let mut held: Vec<_> = (1..).zip(&self.all).filter(|(_, reason)| reason.rows > 0).collect();
        held.sort_by_key(|(number, reason)| (std::cmp::Reverse(reason.rows), *number));
        held
    }

    /// Reasons of earlier records that hold for no row any more.
    pub fn resolved(&self) -> usize {
        self.all.iter().filter(|reason| reason.rows == 0).count()
    }

    /// Rows whose reasons are not told apart, because there are too many different ones.
    pub fn others(&self) -> u64 {
        self.others
    }
}

/// A text as it is compared at most.
fn shown(text: &str) -> String {
    shorten(text.to_owned(), LONGEST)
}

/// Appends what two texts of one reason have in common: numbers, hexadecimal ids and quoted values left blank.
fn push_pattern(pattern: &mut String, text: &str) {
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
    let text = &text[..end];
    // In JSON everything is quoted: there the quotes say nothing.
    let has_values = !text.contains("\":");
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let is_inside = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        at += if let Some(length) = quoted(rest).filter(|_| has_values && !is_inside) {
            pattern.push(letter);
            pattern.push_str(BLANK);
            pattern.extend(rest[..length].chars().next_back());
            length
        } else if letter.is_ascii_alphanumeric() {
            let length = rest.find(|letter: char| !is_of_id(letter)).unwrap_or(rest.len());
            push_word(pattern, &rest[..length]);
            length
        } else {
            pattern.push(letter);
            letter.len_utf8()
        };
    }
}

fn is_of_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

/// A word as it is, but for its numbers; an id of hexadecimal digits is left blank as a whole.
fn push_word(pattern: &mut String, word: &str) {
    // The status is part of the reason anyhow.
    if pattern.ends_with("HTTP ") {
        pattern.push_str(word);
        return;
    }
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if has_digit && is_hex && word.len() >= 8 {
        pattern.push_str(BLANK);
        return;
    }
    let mut was_digit = false;
    for letter in word.chars() {
        let is_digit = letter.is_ascii_digit();
        if is_digit && !was_digit {
            pattern.push_str(BLANK);
        } else if !is_digit {
            pattern.push(letter);
        }
        was_digit = is_digit;
    }
}

/// How many bytes a value in quotes takes, if one begins here. An apostrophe within a word is no quote.
fn quoted(text: &str) -> Option<usize> {
    let open = text.chars().next()?;
    let close = match open {
        '\'' | '"' | '`' => open,
        '“' => '”',
        '„' => '“',
        '«' => '»',
        _ => return None,
    };
    let inside = &text[open.len_utf8()..];
    let mut ends = inside.match_indices(close).map(|(at, _)| at);
    let end = ends.find(|at| !inside[at + close.len_utf8()..].starts_with(char::is_alphanumeric))?;
    (end > 0).then_some(open.len_utf8() + end + close.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> String {
        let mut pattern = String::new();
        push_pattern(&mut pattern, text);
        pattern
    }

    #[test]
    fn numbers_ids_and_quoted_values_make_no_other_reason() {
        for (one, other) in [
            ("customer 123 not found", "customer 45678 not found"),
            (
                "no such id 3fa85f64-5717-4562-b3fc-2c963f66afa6",
                "no such id 00000000-0000-4562-b3fc-2c963f66afff",
            ),
            ("ticket deadbeef01: try later", "ticket 0badcafe99: try later"),
            ("unknown country 'Latviaa'", "unknown country 'Côte d'Or'"),
            ("unknown country \"a b\"", "unknown country \"c\""),
            ("C-10254 is locked", "C-7 is locked"),
            (r#"{"message":"customer 1 is gone"}"#, r#"{"message":"customer 22 is gone"}"#),
        ] {
            assert_eq!(pattern(one), pattern(other));
        }
    }

    #[test]
    fn words_make_another_reason() {
        for (one, other) in [
            ("customer 123 not found", "customer 123 not allowed"),
            (r#"{"message":"not found"}"#, r#"{"message":"not allowed"}"#),
            ("can't read it, won't try", "can't write it, won't try"),
            ("facade", "decade"),
            ("", "…"),
        ] {
            assert_ne!(pattern(one), pattern(other));
        }
        assert_eq!(pattern("can't read, 'quoted' 日本 7é"), "can't read, '…' 日本 …é");
        assert_eq!(pattern("é7 HTTP 404: customer 404"), "é… HTTP 404: customer …");
    }

    #[test]
    fn a_long_text_is_compared_in_part() {
        let long = "é".repeat(10_000);
        assert_eq!(pattern(&long).chars().count(), LONGEST);
    }
}
