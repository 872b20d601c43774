//! Opens a source: finds its format in the first 64 KiB at most, refuses what is no CSV, and returns a reader of all of it
//! in UTF-8.

use super::compression::{self, Compression};
use super::encoding;
use super::format::{Delimiter, Format, Reading};
use super::sniff;
use crate::input::csv::behind_lines;
use std::io::{self, Cursor, Read};

/// Bytes in which the format is found. Chosen: a header and some rows.
pub const HEAD: usize = 64 * 1024;

/// An input whose format is known.
pub struct Opened {
    /// Reads UTF-8, without a byte order mark.
    pub reader: Box<dyn Read + Send>,
    pub format: Format,
    /// The text of the first bytes; `None` of a stream, where only the first line is read ahead.
    pub head: Option<String>,
}

/// Why a source gives no text.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It holds no CSV: what it is, and what to do.
    #[error("{0}")]
    NotCsv(String),
}

/// Opens the source that `reader` reads. Of a stream only the first line counts, even if more has arrived: a slow pipe must
/// not delay the run, and its speed must not change the format that is found.
pub fn open(
    mut reader: Box<dyn Read + Send>,
    is_stream: bool,
    reading: &Reading,
) -> Result<Opened, Unusable> {
    let start = read_head(&mut reader, compression::SIGNATURE, |_| false)?;
    let compression = Compression::of(&start);
    let mut reader: Box<dyn Read + Send> = Box::new(Cursor::new(start).chain(reader));
    if let Some(compression) = compression {
        reader = compression.unpack(reader);
    }
    let skip_lines = reading.skip_lines;
    let is_enough = |head: &[u8]| is_stream && first_record(head, skip_lines).is_some();
    let head = read_head(&mut reader, HEAD, is_enough)?;
    let seen = if is_stream { first_record(&head, skip_lines).unwrap_or(&head) } else { &head };
    if let Some(what) = sniff::bytes(&head) {
        return Err(Unusable::NotCsv(what.to_owned()));
    }
    let is_cut = head.len() >= HEAD || seen.len() < head.len();
    let found = encoding::find(seen, is_cut, reading.encoding).map_err(Unusable::NotCsv)?;
    let text = found.charset.look_at(&seen[found.mark..]);
    if let Some(what) = sniff::text(&text, found.is_guess) {
        return Err(Unusable::NotCsv(what.to_owned()));
    }
    let table = behind_lines(&text, skip_lines);
    let by_sep_line = sep_line(table);
    let by_header = || Delimiter::of_header(table, reading.limits);
    let delimiter = reading.delimiter.or(by_sep_line).unwrap_or_else(by_header);
    let mut all = Cursor::new(head);
    all.set_position(found.mark as u64);
    let reader = found.charset.decode(Box::new(all.chain(reader)));
    Ok(Opened {
        reader,
        head: Some(text).filter(|_| !is_stream),
        format: Format {
            encoding: found.charset,
            is_guess: found.is_guess,
            is_proven: found.is_proven,
            has_mark: found.mark > 0,
            delimiter,
            has_sep_line: by_sep_line.is_some(),
            skipped_lines: skip_lines,
            compression,
        },
    })
}

fn sep_line(text: &str) -> Option<Delimiter> {
    let text = text.trim_start_matches(['\r', '\n']);
    Delimiter::of_sep_line(text.split(['\r', '\n']).next()?)
}

/// Reads the first bytes: `most`, or fewer once they are enough or the source ends.
fn read_head(reader: &mut dyn Read, most: usize, is_enough: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
    let mut head = vec![0; most];
    let mut length = 0;
    while length < most && !is_enough(&head[..length]) {
        match reader.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(length);
    Ok(head)
}

/// The bytes of `head` up to the end of the first record behind `skip_lines` lines, in any encoding and with any
/// delimiter; `None` if that end has not come yet.
fn first_record(head: &[u8], skip_lines: u64) -> Option<&[u8]> {
    let (mut is_text, mut is_quoted, mut may_open) = (false, false, true);
    let (mut lines_left, mut before) = (skip_lines, 0);
    for (at, byte) in head.iter().enumerate() {
        match byte {
            // Bytes of UTF-16 and of byte order marks.
            0 | 0xfe | 0xff | 0xef | 0xbb | 0xbf => {}
            _ if lines_left > 0 => {
                let is_second_half = *byte == b'\n' && before == b'\r';
                lines_left -= u64::from(matches!(byte, b'\r' | b'\n') && !is_second_half);
                before = *byte;
            }
            b'"' if is_quoted || may_open => {
                is_quoted = !is_quoted;
                // A second quote behind the closing one continues the field.
                (is_text, may_open) = (true, true);
            }
            _ if is_quoted => {}
            b'\r' | b'\n' if is_text => return Some(&head[..=at]),
            b'\r' | b'\n' => {}
            _ => {
                is_text |= *byte != b' ';
                may_open = matches!(byte, b',' | b';' | b'\t' | b'|');
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_bytes(bytes: &[u8], is_stream: bool, reading: &Reading) -> Result<(Format, Vec<u8>), String> {
        let reader = Box::new(Cursor::new(bytes.to_vec()));
        let opened = open(reader, is_stream, reading).map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        let mut reader = opened.reader;
        reader.read_to_end(&mut text).map_err(|error| error.to_string())?;
        Ok((opened.format, text))
    }

    fn format(bytes: &[u8], is_stream: bool) -> String {
        open_bytes(bytes, is_stream, &Reading::default()).unwrap().0.to_string()
    }

    #[test]
    fn text_passes_whole_whatever_its_length() {
        for length in [0, 1, 3 * HEAD + 7] {
            let text = [&b"customer_id;city\n"[..], &vec![b'x'; length]].concat();
            for is_stream in [false, true] {
                assert_eq!(open_bytes(&text, is_stream, &Reading::default()).unwrap().1, text);
            }
        }
        assert_eq!(open_bytes(b"\xef\xbb\xbfid,a\n", true, &Reading::default()).unwrap().1, b"id,a\n");
    }

    #[test]
    fn of_a_stream_only_the_first_line_tells_and_of_a_file_its_first_64_kib() {
        let text = b"customer_id;city\n1;M\xfcnchen\n";
        assert_eq!(format(text, false), "Windows-1252 (guessed), semicolon");
        assert_eq!(format(text, true), "UTF-8, semicolon");
        let at = |ahead: usize| {
            [&b"customer_id,city\n"[..], &b"1,Riga\n".repeat(ahead), b"1,M\xfcnchen\n"].concat()
        };
        assert_eq!(format(&at(1000), false), "Windows-1252 (guessed), comma");
        assert_eq!(format(&at(HEAD / 7), false), "UTF-8, comma");
    }

    #[test]
    fn the_end_of_the_first_record_is_seen_in_any_text() {
        let first = |text: &[u8]| first_record(text, 0).map(<[u8]>::len);
        assert_eq!(first(b"a,b\n1,2\n"), Some(4));
        assert_eq!(first(b"\xef\xbb\xbf\r\n \na\r\n"), Some(9));
        assert_eq!(first(b"a,\"b\nc\"\"\n\",d\n1"), Some(13));
        assert_eq!(first(b"a\"b,c\n\"\n"), Some(6));
        assert_eq!(first(b"\"a\"\n1\n"), Some(4));
        assert_eq!(first(b"\xff\xfea\0;\0b\0\n\x001"), Some(9));
        assert_eq!(first(b"a,\"b\nc"), None);
        assert_eq!(first(b"a,b"), None);
        assert_eq!(first(b"\n\n"), None);
        let behind = |text: &[u8], lines| first_record(text, lines).map(<[u8]>::len);
        assert_eq!(behind(b"\"a\r\nb\n\rc\n1", 3), Some(9));
        assert_eq!(behind(b"\xff\xfea\0\r\0\n\0b\0\n\x001", 1), Some(11));
        assert_eq!(behind(b"a\nb", 1), None);
    }

    #[test]
    fn a_sep_line_tells_the_delimiter_and_what_was_said_wins() {
        assert_eq!(format(b"sep=;\r\nid,x;b\r\n", false), "UTF-8, semicolon");
        assert_eq!(format(b"\xef\xbb\xbfsep=|\nid,x,y|b\n", true), "UTF-8, pipe");
        let said = Reading { delimiter: "tab".parse().ok(), ..Reading::default() };
        assert_eq!(open_bytes(b"sep=;\na;b\n", false, &said).unwrap().0.to_string(), "UTF-8, tab");
    }

    #[test]
    fn what_is_no_csv_is_named() {
        let refused = |bytes: &[u8]| open_bytes(bytes, false, &Reading::default()).unwrap_err();
        assert!(refused(b"PK\x03\x04....").contains("is a ZIP archive"));
        assert!(refused(b"").contains("is empty"));
        assert!(refused("<\u{0}h\u{0}t\u{0}m\u{0}l\u{0}>\u{0}".as_bytes()).contains("web page"));
        assert!(refused(b"\x1f\x8b\x08\0").contains("gzip archive is cut short"));
    }
}
