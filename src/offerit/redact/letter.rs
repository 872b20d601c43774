//! Letters as they are meant, each with the way back to those of the server's text.

/// A letter as it is meant, and which letters of the server's text spell it.
#[derive(Debug, Clone, Copy)]
pub struct Letter {
    pub letter: char,
    pub start: usize,
    pub end: usize,
}

/// Between stretches that do not belong together: no character (Unicode, section 23.7), so part of no value.
pub const BREAK: Letter = Letter { letter: '\u{ffff}', start: 0, end: 0 };

/// Pushes what bytes are as text: UTF-8, or else Latin-1, which many old servers speak.
pub fn push_text(letters: &mut Vec<Letter>, bytes: &mut Vec<(u8, usize, usize)>) {
    if bytes.is_empty() {
        return;
    }
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
