//! The format of an input: given, or found in its first bytes.

use super::compression::Compression;
use super::encoding::Charset;
use crate::customer::Parameter;
use crate::input::csv::{Limits, Record, Records};
use std::fmt;
use std::str::FromStr;

/// How to read an input. A format that is not given is found in the first 64 KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// The delimiter between two fields.
    pub delimiter: Option<Delimiter>,
    /// The encoding of the text.
    pub encoding: Option<Charset>,
    /// The limits of a field.
    pub limits: Limits,
    /// Lines above the header, whatever they hold.
    pub skip_lines: u64,
}

/// The format of an input: given, or found in its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The encoding of the text.
    pub encoding: Charset,
    /// Whether the encoding is a guess, which neither a mark nor the bytes prove.
    pub is_guess: bool,
    /// Whether a mark or letters beyond ASCII in the first bytes prove the encoding.
    pub is_proven: bool,
    /// Whether it begins with a byte order mark.
    pub has_mark: bool,
    /// The delimiter between two fields.
    pub delimiter: Delimiter,
    /// Whether Excel's `sep=` line precedes the header.
    pub has_sep_line: bool,
    /// Lines above the header that are skipped.
    pub skipped_lines: u64,
    /// The compression of the input.
    pub compression: Option<Compression>,
}

impl Format {
    /// The text before the header of a UTF-8 table that the same options shall read as they read this input. Excel reads a
    /// file with a byte order mark as UTF-8.
    #[must_use]
    pub fn preamble(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.has_mark || self.encoding != Charset::UTF_8 {
            text.extend_from_slice("\u{feff}".as_bytes());
        }
        // The lines that --skip-lines leaves out.
        text.extend((0..self.skipped_lines).map(|_| b'\n'));
        if self.has_sep_line {
            text.extend_from_slice(&[b"sep=", &[self.delimiter.byte()][..], b"\n"].concat());
        }
        text
    }
}

/// For people: `Windows-1252 (guessed), semicolon, gzip`.
impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guessed = if self.is_guess { " (guessed)" } else { "" };
        write!(formatter, "{}{guessed}, {}", self.encoding, self.delimiter)?;
        match self.compression {
            Some(compression) => write!(formatter, ", {compression}"),
            None => Ok(()),
        }
    }
}

/// The delimiter between two fields: one ASCII character that is no letter, digit, quote or line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(u8);

impl Delimiter {
    /// The delimiters that are tried; the first of equals counts.
    const USUAL: [(Delimiter, &'static str); 4] = [
        (Delimiter(b','), "comma"),
        (Delimiter(b';'), "semicolon"),
        (Delimiter(b'\t'), "tab"),
        (Delimiter(b'|'), "pipe"),
    ];

    /// The byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }

    fn new(text: &str) -> Option<Delimiter> {
        let [byte] = *text.as_bytes() else { return None };
        Delimiter::of_byte(byte)
    }

    /// The delimiter that is this byte, if it can be one.
    pub fn of_byte(byte: u8) -> Option<Delimiter> {
        let is_fit = byte == b'\t' || byte == b' ' || byte.is_ascii_punctuation();
        (is_fit && !matches!(byte, b'"' | b'_')).then_some(Delimiter(byte))
    }

    /// The value of `--delimiter` as it is typed in a shell.
    pub fn typed(self) -> String {
        match self.0 {
            b'\t' => "tab".to_owned(),
            b'\'' => "\"'\"".to_owned(),
            byte => format!("'{}'", char::from(byte)),
        }
    }

    /// The delimiter that Excel's first line `sep=;` gives. A spreadsheet that saved the file again has filled the line up
    /// with delimiters, as it does with every row.
    pub fn of_sep_line(line: &str) -> Option<Delimiter> {
        let line = line.trim_end_matches(['\r', '\n']);
        let line = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).unwrap_or(line);
        let (word, sign) = (line.get(..4)?, line.get(4..)?);
        let sign = Some(sign.trim_end_matches(' ')).filter(|sign| !sign.is_empty()).unwrap_or(sign);
        let first = sign.get(..1)?;
        let is_one = word.eq_ignore_ascii_case("sep=") && sign.bytes().all(|byte| first.as_bytes() == [byte]);
        is_one.then(|| Delimiter::new(first)).flatten()
    }

    /// The delimiter of a text that begins with its header: the one that splits it into the most columns the API
    /// knows, or else into the most columns.
    pub fn of_header(text: &str, limits: Limits) -> Delimiter {
        let score = |delimiter: Delimiter| {
            let mut records = Records::new(text.as_bytes(), delimiter.0, limits);
            let is_blank = |record: Record<'_>| record.iter().all(|name| name.trim_ascii().is_empty());
            loop {
                match records.advance() {
                    Ok(true) if is_blank(records.record()) => {}
                    Ok(_) => break,
                    // A quote opens a field with this delimiter and is never closed: the reader of the rows reports it.
                    Err(_) => return (true, 0, 0),
                }
            }
            let known = records.record().iter().filter(|name| is_parameter(name)).count();
            (records.is_well_quoted(), known, records.record().len())
        };
        let usual = Self::USUAL.map(|(delimiter, _)| delimiter);
        // The last of equals is the greatest to `max_by_key`.
        usual.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(Delimiter(b','))
    }
}

fn is_parameter(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| {
        let name = name.trim().to_lowercase();
        let field = name.strip_prefix("set:").or(name.strip_prefix("was:")).unwrap_or(&name);
        Parameter::from_name(field).is_some()
    })
}

impl FromStr for Delimiter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Delimiter, &'static str> {
        let by_name = Self::USUAL.iter().find(|(_, name)| text.eq_ignore_ascii_case(name));
        match by_name {
            Some((delimiter, _)) => Some(*delimiter),
            None if text == "\\t" => Some(Delimiter(b'\t')),
            None => Delimiter::new(text),
        }
        .ok_or("is not a separator. Use ',', ';', '|' (each in quotes for the shell) or tab")
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::USUAL.iter().find(|(delimiter, _)| delimiter == self) {
            Some((_, name)) => formatter.write_str(name),
            None => write!(formatter, "'{}'", char::from(self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_delimiter() {
        for (header, name) in [
            ("customer_id,email\n", "comma"),
            ("customer_id;email;zip\n1,1;2;3", "semicolon"),
            ("customer_id\temail\r\n", "tab"),
            ("customer_id|email\r", "pipe"),
            // In quotes it is part of a name.
            ("id;\"name; last, first, middle, more\";\"a,b\"\n", "semicolon"),
            ("\"id,x\"|\"a\"\"|,,,,\"\n", "pipe"),
            ("\"first\nname\";x\n,,,,\n", "semicolon"),
            // What the API knows counts more than signs in a name.
            ("customer_id;note (a, b, c, d)\n", "semicolon"),
            ("alone\n", "comma"),
            ("\r\n  \r\nid;name\r\n", "semicolon"),
        ] {
            assert_eq!(Delimiter::of_header(header, Limits::default()).to_string(), name, "{header:?}");
        }
    }

    #[test]
    fn a_delimiter_is_said_as_a_sign_or_by_name() {
        for (text, byte) in [
            (",", b','),
            (";", b';'),
            ("tab", b'\t'),
            ("\\t", b'\t'),
            ("\t", b'\t'),
            ("|", b'|'),
            ("Pipe", b'|'),
            (":", b':'),
        ] {
            assert_eq!(text.parse::<Delimiter>().unwrap().byte(), byte, "{text}");
        }
        for text in ["", ",,", "a", "1", "\"", "\n", "é", "_"] {
            assert!(text.parse::<Delimiter>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_line_of_excel_says_it_too() {
        for (line, byte) in [
            ("sep=;", b';'),
            ("SEP=\t\r\n", b'\t'),
            ("\"sep=,\"", b','),
            ("sep=; \r\n", b';'),
            ("sep=;;;;", b';'),
            ("sep= ", b' '),
        ] {
            assert_eq!(Delimiter::of_sep_line(line).unwrap().byte(), byte, "{line:?}");
        }
        for line in ["sep=", "sep=;,", "sep=;x", "separator", "sep=a", "customer_id;city", "sé=;"] {
            assert_eq!(Delimiter::of_sep_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn what_was_found_is_told_in_a_few_words() {
        let format = Format {
            encoding: "cp1252".parse().unwrap(),
            is_guess: true,
            is_proven: false,
            has_mark: false,
            has_sep_line: false,
            skipped_lines: 0,
            delimiter: Delimiter(b';'),
            compression: Some(Compression::Gzip),
        };
        assert_eq!(format.to_string(), "Windows-1252 (guessed), semicolon, gzip");
        let plain = Format {
            encoding: Charset::UTF_8,
            is_guess: false,
            is_proven: false,
            has_mark: false,
            has_sep_line: false,
            skipped_lines: 0,
            delimiter: Delimiter(b':'),
            compression: None,
        };
        assert_eq!(plain.to_string(), "UTF-8, ':'");
    }
}
