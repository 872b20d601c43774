//! A text as those read it who undo its spellings, in every order that is likely.

use super::escapes::{SIGNS, unescaped};
use super::letter::{BREAK, Letter};
use super::mojibake::mended;
use super::packed::{base64, hex};
use foldhash::fast::RandomState;
use std::collections::{HashSet, VecDeque};

/// How often the escapes are undone, one within the other.
const DEEPEST: u8 = 4;

/// How often Base64 or hex are undone among these: every letter may be part of some.
const DEEPEST_PACKED: u8 = 2;

/// How often the escapes of one sign are undone alone. All at once more is read than was written where the end of a
/// value and what follows it look like an escape: a `\` and a quote.
const DEEPEST_ALONE: u8 = 2;

/// The most letters that are looked at in all. What is meant for people comes nowhere near it.
const MOST: usize = 100_000;

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
    let mut known = HashSet::with_hasher(RandomState::default());
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
        // UTF-16 that was taken for bytes has one beside each letter of ASCII.
        if letters.iter().any(|letter| letter.letter == '\0') {
            let others = letters.iter().filter(|letter| letter.letter != '\0').copied();
            push(others.collect(), is_packed, depth, packed, alone);
        }
        if depth > 0 {
            push(mended(&letters).unwrap_or_default(), is_packed, depth - 1, packed, alone);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_bounded() {
        assert!(each_view(&"a".repeat(MOST + 1), |_| ()).is_err());
        let mut count = 0;
        let all_at_once = "%41\\x41&#65;''\"\" %25%34%31 ".repeat(60);
        assert!(each_view(&all_at_once, |view| count += view.letters.len()).is_ok());
        assert!((all_at_once.len() + 1..MOST).contains(&count), "{count}");
    }

    #[test]
    fn a_value_reads_as_what_it_looks_like_too() {
        let read = |value: &str| readings(value, 9).into_iter().map(String::from_iter).collect::<Vec<_>>();
        assert_eq!(read("100% sure"), ["100% sure"]);
        assert_eq!(read("%2541&am"), ["%2541&am", "%41&am", "A&am"]);
        assert_eq!(read(&"%25".repeat(9)), ["%25%25%25", "%%%"]);
    }
}
