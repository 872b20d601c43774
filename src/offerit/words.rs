//! An allow-list for the words of the server's text. A server may echo values of the request, encoded in any way and cut
//! anywhere, so only words of a built-in list stay, and nothing is decoded.

use super::ApiKey;
use crate::customer::{Parameter, REMOVE, Update};
use std::collections::HashSet;
use std::sync::LazyLock;

/// Replaces the parts that are not kept.
const MASK: char = '…';

/// The most words of a text that are read. Chosen: several times the words that are kept.
const MAX_WORDS: usize = 300;

/// A kept text ends with the word that passes this many bytes. Chosen: three lines of a terminal.
const MAX_BYTES: usize = 240;

/// The most digits of a number that stays, and the most characters of an id or a value that a text may contain by chance.
/// Chosen.
const MAX_DIGITS: usize = 3;

/// The most signs that stay without a blank between them. Chosen: JSON has five side by side.
const MAX_SIGNS: usize = 6;

/// The longest word of the list, in bytes (a test compares it with the list).
const MAX_LISTED: usize = 16;

/// English words of HTTP and API errors, and the names of the API's parameters.
static LIST: LazyLock<HashSet<&[u8]>> = LazyLock::new(|| {
    let words = include_str!("words.txt").split_whitespace();
    words.chain(Parameter::ALL.map(Parameter::name)).map(str::as_bytes).collect()
});

/// Decides about the words of the reply to one row.
pub(super) struct WordFilter<'row> {
    /// The row's ids, which its record names anyway.
    ids: [Option<&'row str>; 2],
    /// Its other values and the API key.
    values: Vec<&'row str>,
    /// Words of the values that are in the list.
    words: Vec<&'row str>,
    /// Each pair of adjacent signs in the values. A single sign reveals nothing.
    signs: Vec<&'row str>,
}

impl<'row> WordFilter<'row> {
    pub(super) fn new(update: &'row Update, key: &'row ApiKey) -> WordFilter<'row> {
        let ids = [Parameter::CustomerId, Parameter::SubscriptionId].map(|parameter| update.get(parameter));
        let fields = update.values().filter(|(parameter, value)| !parameter.is_lookup() && *value != REMOVE);
        let values: Vec<&str> = fields.map(|(_, value)| value).chain([key.secret()]).collect();
        let words = values.iter().flat_map(|value| value.split(|letter: char| !letter.is_alphanumeric()));
        let signs = values.iter().flat_map(|value| value.split(|letter| !is_sign(letter)));
        WordFilter {
            ids,
            words: words.filter(|word| !word.is_empty() && is_listed(word)).collect(),
            signs: signs.flat_map(|run| (1..run.len()).map(|at| &run[at - 1..=at])).collect(),
            values,
        }
    }

    /// The start of `text` on one line. Only listed words, the row's ids, short numbers and signs are kept.
    pub(super) fn keep_words(&self, text: &str) -> String {
        let tokens: Vec<Token<'_>> = tokens(text).take(MAX_WORDS + 1).collect();
        let mut kept = String::with_capacity(text.len().min(MAX_BYTES) + MAX_LISTED);
        for (index, token) in tokens.iter().enumerate() {
            if kept.len() > MAX_BYTES || index == MAX_WORDS {
                kept.push(' ');
                push_mask(&mut kept);
                break;
            }
            let neighbours = [index.checked_sub(1), Some(index + 1)].map(|at| tokens.get(at?));
            let is_kept = self.is_kept(token, neighbours.into_iter().flatten().all(|token| token.is_listed));
            self.push_gap(&mut kept, token.gap);
            match is_kept {
                true => kept.push_str(token.word),
                false => push_mask(&mut kept),
            }
        }
        kept.truncate(kept.trim_end().len());
        kept
    }

    /// Whether a text contains a whole value of the row, or the API key.
    pub(super) fn has_value_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.values.iter().any(|value| value.len() > MAX_DIGITS && text.contains(&value.to_lowercase()))
    }

    /// Whether a word stays. A number that is not between listed words may be a piece of an encoded value: `70 26 73`.
    fn is_kept(&self, token: &Token<'_>, is_between_listed: bool) -> bool {
        let is_id =
            |text: &str| self.ids.contains(&Some(text)) && (text.len() > MAX_DIGITS || is_between_listed);
        let mut unlisted = parts(token.word).filter(|part| !token.is_listed && !is_listed(part));
        let is_known =
            unlisted.next().is_none_or(|part| is_id(part) || is_between_listed && self.is_harmless(part))
                && unlisted.next().is_none();
        let is_hidden = |part| self.words.iter().any(|word| word.eq_ignore_ascii_case(part));
        is_id(token.word) || is_known && !parts(token.word).any(is_hidden)
    }

    /// Whether a part is a short number that no value contains.
    fn is_harmless(&self, part: &str) -> bool {
        let is_short = part.len() <= MAX_DIGITS && part.bytes().all(|byte| byte.is_ascii_digit());
        is_short && !self.values.iter().any(|value| value.contains(part))
    }

    /// Appends blanks and signs. Signs after a mask may be the end of a value, so only the closing sign stays.
    fn push_gap(&self, kept: &mut String, gap: &str) {
        let mut is_behind_mask = kept.ends_with(MASK);
        for (index, run) in gap.split(char::is_whitespace).enumerate() {
            if index > 0 && !kept.is_empty() && !kept.ends_with(' ') {
                kept.push(' ');
            }
            let run = if is_behind_mask { &run[closing_sign(kept, run)..] } else { run };
            if run.len() > MAX_SIGNS || self.signs.iter().any(|signs| run.contains(signs)) {
                push_mask(kept);
            } else {
                kept.push_str(run);
            }
            is_behind_mask = false;
        }
    }
}

/// A word and the blanks and signs before it. The word at the end of a text may be empty.
struct Token<'text> {
    gap: &'text str,
    word: &'text str,
    is_listed: bool,
}

fn tokens(mut rest: &str) -> impl Iterator<Item = Token<'_>> {
    std::iter::from_fn(move || {
        let (gap, behind) = rest.split_at(rest.find(|letter| !is_gap(letter)).unwrap_or(rest.len()));
        let mut ends = behind.match_indices(is_gap).map(|(at, _)| at);
        let is_end = |at: &usize| {
            !behind[*at..].starts_with(is_joiner) || behind[at + 1..].chars().next().is_none_or(is_gap)
        };
        let (word, behind) = behind.split_at(ends.find(is_end).unwrap_or(behind.len()));
        let is_first = !std::mem::replace(&mut rest, behind).is_empty();
        is_first.then(|| Token { gap, word, is_listed: parts(word).all(is_listed) })
    })
}

/// The parts of a word. A word stays if each of its parts is known.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split(is_joiner)
}

/// Whether a part of a word is in the list. An empty part counts as listed.
fn is_listed(part: &str) -> bool {
    let mut lower = [0; MAX_LISTED];
    let Some(lower) = lower.get_mut(..part.len()) else { return false };
    lower.copy_from_slice(part.as_bytes());
    lower.make_ascii_lowercase();
    lower.is_empty() || LIST.contains(&*lower)
}

/// Whether a sign may stay. Any other sign counts as a letter, so that its word is not in the list.
fn is_sign(letter: char) -> bool {
    matches!(letter, ',' | ':' | '!' | '?' | '"' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '=')
        || is_joiner(letter)
}

/// Whether a sign joins the parts of one word if a letter follows. The semicolon occurs in `&Uuml;nique`.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '_' | '-' | '.' | '/' | ';' | '\'')
}

fn is_gap(letter: char) -> bool {
    letter.is_whitespace() || is_sign(letter)
}

/// The index in `run` of the sign that closes the sign before the mask, else of the last sign.
fn closing_sign(kept: &str, run: &str) -> usize {
    let before = kept.strip_suffix(MASK).unwrap_or_default();
    let pairs = ["''", "\"\"", "()", "[]", "{}", "<>", "><"];
    let pair = pairs.into_iter().find(|pair| before.ends_with(&pair[..1]));
    pair.and_then(|pair| run.rfind(&pair[1..])).unwrap_or(run.len().saturating_sub(1))
}

/// Appends the mask. One mask replaces several with only blanks and signs between them.
fn push_mask(kept: &mut String) {
    let end = kept.trim_end_matches(is_gap).len();
    if kept[..end].ends_with(MASK) {
        kept.truncate(end);
    } else {
        kept.push(MASK);
    }
}

#[cfg(test)]
mod tests;
