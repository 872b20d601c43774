//! The encoding of the input, given or found in its first bytes, and its text decoded to UTF-8. Bytes that are no character
//! in the encoding become a byte that never occurs in UTF-8: the row is invalid, as in a damaged UTF-8 file, and no
//! replacement character is ever sent.

use crate::text::is_word_of_utf_8;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};
use memchr::memmem;
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

/// Replaces bytes that cannot be decoded. This byte never occurs in UTF-8.
const NO_TEXT: u8 = 0xff;

/// Bytes that are decoded at a time. Chosen.
const CHUNK: usize = 32 * 1024;

/// How ISO 2022 announces another set of characters, of several bytes or of one, in text of seven bits (ECMA-35,
/// section 14).
const SHIFTS: [&[u8]; 2] = [b"\x1b$", b"\x1b("];

/// A character encoding of the WHATWG Encoding Standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

impl Charset {
    /// UTF-8.
    pub const UTF_8: Charset = Charset(UTF_8);

    /// The message for a value with bytes that are invalid in this encoding. `is_proven`: the encoding of the file is certain.
    pub fn complaint(self, is_proven: bool) -> String {
        if self == Charset::UTF_8 && is_proven {
            "not valid UTF-8, although the rest of the file is: an earlier program damaged this cell. Correct the cell; \
             another --encoding would damage the others"
                .to_owned()
        } else if self == Charset::UTF_8 {
            "not valid UTF-8. If the file comes from Excel or another Windows program, add --encoding windows-1252; \
             otherwise save it as UTF-8"
                .to_owned()
        } else {
            format!(
                "the value contains bytes that are not valid in {self}. Correct the cell, or set another --encoding"
            )
        }
    }

    /// The text of `head`, with replacement characters: for finding the format only.
    pub fn look_at(self, head: &[u8]) -> String {
        self.0.decode_without_bom_handling(head).0.into_owned()
    }

    /// UTF-8 from text in this encoding that begins behind any byte order mark.
    pub fn decode(self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self == Charset::UTF_8 {
            // Each value is checked later.
            return reader;
        }
        Box::new(Decode {
            source: reader,
            decoder: self.0.new_decoder_without_bom_handling(),
            has_unassigned: !self.is_utf_16(),
            bytes: vec![0; CHUNK],
            unread: 0..0,
            is_last: false,
            text: vec![0; CHUNK],
            ungiven: 0..0,
            has_ended: false,
        })
    }

    fn is_utf_16(self) -> bool {
        self.0 == UTF_16LE || self.0 == UTF_16BE
    }
}

/// Labels of the standard, and names that people write.
impl FromStr for Charset {
    type Err = &'static str;

    fn from_str(label: &str) -> Result<Charset, &'static str> {
        let bare: String =
            label.to_lowercase().chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
        let label = match bare.as_str() {
            "utf16" | "utf16le" => "utf-16le",
            "utf16be" => "utf-16be",
            "latin1" | "windows1252" | "cp1252" | "ansi" => "windows-1252",
            _ => label.trim(),
        };
        Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT).map(Charset).ok_or(
            "is not an encoding. Use utf-8, utf-16, windows-1252 or another name of the WHATWG Encoding Standard",
        )
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.name();
        match name.strip_prefix("windows-") {
            Some(number) => write!(formatter, "Windows-{number}"),
            None => formatter.write_str(name),
        }
    }
}

/// The encoding that the first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub charset: Charset,
    /// Neither a mark nor the bytes prove it.
    pub is_guess: bool,
    /// The length of the byte order mark.
    pub mark: usize,
    /// A mark or letters beyond ASCII prove it.
    pub is_proven: bool,
}

/// The encoding that was given, or else the encoding that the first bytes show. `is_cut`: more bytes follow. The error is
/// the message.
pub fn find(head: &[u8], is_cut: bool, given: Option<Charset>) -> Result<Finding, String> {
    if head.starts_with(b"\xff\xfe\0\0") || head.starts_with(b"\0\0\xfe\xff") {
        return Err("is UTF-32 text. Save it as CSV (UTF-8)".to_owned());
    }
    let by_mark = Encoding::for_bom(head).map(|(encoding, mark)| (Charset(encoding), mark));
    match (by_mark, given) {
        (Some((marked, _)), Some(given)) if marked != given && !(marked.is_utf_16() && given.is_utf_16()) => {
            Err(format!(
                "begins with the byte order mark of {marked}, but --encoding is {given}. Leave out --encoding"
            ))
        }
        (Some((charset, mark)), _) => Ok(Finding { charset, is_guess: false, mark, is_proven: true }),
        (None, Some(given)) => {
            // People rarely know which of the two UTF-16 encodings a file has.
            let charset = if given.is_utf_16() { wide(head).unwrap_or(given) } else { given };
            let is_proven = charset == Charset::UTF_8 && utf_8(head, is_cut).0 > 0;
            Ok(Finding { charset, is_guess: false, mark: 0, is_proven })
        }
        (None, None) => guess(head, is_cut),
    }
}

fn guess(head: &[u8], is_cut: bool) -> Result<Finding, String> {
    let guessed = |charset| Finding { charset, is_guess: true, mark: 0, is_proven: false };
    if let Some(charset) = wide(head) {
        return Ok(guessed(charset));
    }
    if head.is_ascii() && SHIFTS.iter().any(|shift| memmem::find(head, shift).is_some()) {
        let charset = by_content(head, is_cut);
        if charset.0 == ISO_2022_JP {
            return Ok(guessed(charset));
        }
        // Programs that write to terminals do not use this escape sequence.
        if memmem::find(head, SHIFTS[0]).is_some() {
            return Err("is text in an encoding of ISO 2022 other than ISO-2022-JP. Save it as CSV (UTF-8)"
                .to_owned());
        }
    }
    let (letters, others) = utf_8(head, is_cut);
    let utf_8 = Finding { charset: Charset::UTF_8, is_guess: false, mark: 0, is_proven: letters > 0 };
    if others == 0 || letters > others {
        return Ok(utf_8);
    }
    // In an encoding with several bytes a letter, some short words are UTF-8 by chance. In the others one word of UTF-8
    // proves that the rest is damaged UTF-8.
    let charset = by_content(head, is_cut);
    Ok(if letters > 0 && charset.0.is_single_byte() { utf_8 } else { guessed(charset) })
}

/// The likeliest encoding of a text that is not UTF-8, by its letters.
fn by_content(head: &[u8], is_cut: bool) -> Charset {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, !is_cut);
    Charset(detector.guess(None, Utf8Detection::Deny))
}

/// Counts the letters beyond ASCII in words that are UTF-8 and not by chance, and the words that are no UTF-8.
fn utf_8(head: &[u8], is_cut: bool) -> (usize, usize) {
    let (mut letters, mut others) = (0_usize, 0_usize);
    let is_between = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphabetic();
    let mut runs = head.split(is_between).filter(|word| !word.is_ascii()).peekable();
    while let Some(word) = runs.next() {
        // A character that the end cuts off is no fault.
        let is_last = is_cut && runs.peek().is_none() && head.last().is_some_and(|byte| !byte.is_ascii());
        match std::str::from_utf8(word) {
            Ok(text) if is_word_of_utf_8(word) => {
                letters += text.chars().filter(|letter| !letter.is_ascii()).count()
            }
            Ok(_) => {}
            Err(error) if is_last && error.error_len().is_none() => {}
            Err(_) => others += 1,
        }
    }
    (letters, others)
}

/// UTF-16 without a byte order mark, by the zeros of its ASCII characters: there are some before the first byte of a line
/// end, and in one of the two byte orders there is a first line of text.
fn wide(head: &[u8]) -> Option<Charset> {
    let mut lines = head.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.find(|line| line.iter().any(|byte| *byte != 0)).filter(|line| line.contains(&0))?;
    // The first line of a stream may be cut within its line end.
    let little = head.chunks(2).map(|unit| u16::from_le_bytes([unit[0], *unit.get(1).unwrap_or(&0)]));
    let big = head.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
    match () {
        () if begins_with_line(little) => Some(Charset(UTF_16LE)),
        () if begins_with_line(big) => Some(Charset(UTF_16BE)),
        () => None,
    }
}

/// Whether these are characters whose first line ends and has ASCII in it, such as a delimiter, or does not end and has
/// nothing else. A NUL is no character.
fn begins_with_line(units: impl Iterator<Item = u16>) -> bool {
    let is_line_end = |unit: &u16| matches!(unit, 0x0a | 0x0d);
    let units = units.skip_while(is_line_end).take_while(|unit| *unit != 0);
    let (mut length, mut ascii, mut has_ended) = (0_usize, 0_usize, false);
    for unit in units {
        has_ended = is_line_end(&unit);
        if has_ended {
            break;
        }
        length += 1;
        ascii += usize::from(unit < 0x80);
    }
    if has_ended { ascii > 0 } else { length > 1 && ascii == length }
}

/// Reads UTF-8 from a source in another encoding.
struct Decode {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    /// Whether bytes without a character come out as control characters (Encoding Standard, "single-byte indexes").
    has_unassigned: bool,
    bytes: Vec<u8>,
    /// The part of `bytes` that is not decoded yet.
    unread: std::ops::Range<usize>,
    /// Whether nothing follows `bytes`.
    is_last: bool,
    text: Vec<u8>,
    /// The part of `text` that was not returned yet.
    ungiven: std::ops::Range<usize>,
    has_ended: bool,
}

impl Decode {
    fn refill(&mut self) -> io::Result<()> {
        if self.unread.is_empty() && !self.is_last {
            self.unread = 0..self.source.read(&mut self.bytes)?;
            self.is_last = self.unread.is_empty();
        }
        // One byte stays free for `NO_TEXT`.
        let room = self.text.len() - 1;
        let (result, read, mut written) = self.decoder.decode_to_utf8_without_replacement(
            &self.bytes[self.unread.clone()],
            &mut self.text[..room],
            self.is_last,
        );
        self.unread.start += read;
        if self.has_unassigned {
            refuse_unassigned(&mut self.text[..written]);
        }
        match result {
            DecoderResult::InputEmpty => self.has_ended = self.is_last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.text[written] = NO_TEXT;
                written += 1;
            }
        }
        self.ungiven = 0..written;
        Ok(())
    }
}

/// Bytes without a character, such as five in Windows-1252, are decoded as control characters from U+0080 to U+009F,
/// which no text has.
fn refuse_unassigned(text: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = memchr::memchr(0xc2, &text[at..]) {
        at += found;
        if let Some([lead, byte @ 0x80..=0x9f]) = text.get_mut(at..at + 2) {
            (*lead, *byte) = (NO_TEXT, NO_TEXT);
        }
        at += 1;
    }
}

impl Read for Decode {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ungiven.is_empty() && !self.has_ended {
            self.refill()?;
        }
        let length = buffer.len().min(self.ungiven.len());
        buffer[..length].copy_from_slice(&self.text[self.ungiven.start..self.ungiven.start + length]);
        self.ungiven.start += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::WINDOWS_1252;
    use proptest::prelude::*;

    fn found(head: &[u8], is_cut: bool) -> (String, bool) {
        let finding = find(head, is_cut, None).unwrap();
        (finding.charset.to_string(), finding.is_guess)
    }

    fn decoded(label: &str, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let source = Box::new(io::Cursor::new(bytes.to_vec()));
        label.parse::<Charset>().unwrap().decode(source).read_to_end(&mut text).unwrap();
        text
    }

    fn wide(text: &str, is_big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn marks_and_content_tell_the_encoding() {
        let is_found = |name: &str, is_guess| (name.to_owned(), is_guess);
        assert_eq!(found(b"customer_id,city\n1,Riga\n", false), is_found("UTF-8", false));
        assert_eq!(found("1,München".as_bytes(), false), is_found("UTF-8", false));
        assert_eq!(found(b"\xef\xbb\xbfa", false), is_found("UTF-8", false));
        assert_eq!(found(b"\xff\xfea\0", false), is_found("UTF-16LE", false));
        assert_eq!(found(b"\xfe\xff\0a", false), is_found("UTF-16BE", false));
        assert_eq!(found(&wide("id,city\n1,Orléans", false), false), is_found("UTF-16LE", true));
        assert_eq!(found(&wide("id,city\n1,Orléans", true), false), is_found("UTF-16BE", true));
        assert_eq!(found(b"1,M\xfcnchen", false), is_found("Windows-1252", true));
    }

    /// Names of people and places, in the encoding that programs of their country write.
    const NAMES: [(&str, &str); 12] = [
        (
            "windows-1252",
            "Müller Dupré Orléans García Málaga Zoë Straße København Århus Évry Gonçalves Ibáñez",
        ),
        (
            "windows-1250",
            "Łódź Wójcik Żółć Wiśniewska Gdańsk Poznań Dąbrowski Świątek Jabłoński Zieliński Częstochowa",
        ),
        ("windows-1250", "Dvořák Plzeň Švejda Příbram Jiří Třebíč Růžička Kroměříž Němcová Břeclav Šťastný"),
        (
            "windows-1251",
            "Москва Казань Иванова Санкт-Петербург Смирнов Екатерина Новосибирск Щукин Юлия Кузнецова",
        ),
        ("windows-1253", "Γιώργος Αθήνα Παπαδόπουλος Θεσσαλονίκη Πάτρα Νικόλαος Βασιλική Ηράκλειο Δημήτριος"),
        ("windows-1254", "İstanbul Şahin Eskişehir Doğan Muğla Yılmaz Çelik Beşiktaş Kılıç Öztürk Balıkesir"),
        ("shift_jis", "東京都 佐藤 横浜市 タナカ 大阪府 千代田区 さくら 鈴木 北海道 高橋"),
        ("euc-jp", "東京都 佐藤 横浜市 タナカ 大阪府 千代田区 さくら 鈴木 北海道 高橋"),
        ("gbk", "北京市 张伟 上海市 浦东新区 王芳 广州市 李娜 深圳市 刘洋 成都市"),
        ("big5", "台北市 陳美玲 高雄市 王小明 台中市 林志偉 新竹縣 黃淑芬 桃園區 張家豪"),
        ("euc-kr", "서울특별시 김철수 부산광역시 이영희 박지훈 대구 최민지 인천 정수진"),
        ("iso-2022-jp", "東京都 佐藤 横浜市 タナカ 大阪府 千代田区 さくら 鈴木 北海道 高橋"),
    ];

    proptest! {
        /// Ten names in any order are enough to recognise an encoding.
        #[test]
        fn the_letters_of_a_few_names_tell_their_encoding(
            (label, names) in proptest::sample::select(&NAMES[..]).prop_flat_map(|(label, names)| {
                (Just(label), Just(names.split(' ').collect::<Vec<_>>()).prop_shuffle())
            }),
            is_cut: bool,
        ) {
            let text = format!("customer_id,city\r\n1,{}\r\n", names.join("\r\n2,"));
            let (bytes, ..) = Encoding::for_label(label.as_bytes()).unwrap().encode(&text);
            let finding = find(&bytes, is_cut, None).unwrap();
            prop_assert!(finding.is_guess && finding.charset.look_at(&bytes) == text, "{}: {:?}", label, finding);
        }

        /// Zeros of ASCII characters identify UTF-16, for any letters and with few ASCII characters.
        #[test]
        fn zeros_tell_utf_16_whatever_its_letters(
            letters in "[āŁčЛ上一Ā\u{a0a}\u{2c0}\u{d7ff}\u{1f600}a1]{1,40}", is_big: bool, ends in "\n|\r\n|\r",
        ) {
            let text = format!("{ends}n;{letters};{letters}{ends}1;{letters}");
            prop_assert_eq!(super::wide(&wide(&text, is_big)), Some(Charset(if is_big { UTF_16BE } else { UTF_16LE })));
        }

        /// NULs in the rows of a table, or behind them, are damage and no UTF-16.
        #[test]
        fn zeros_below_the_header_tell_nothing(cells in proptest::collection::vec("[a-zü]{0,5}|\0{1,600}|\n", 1..30)) {
            let text = format!("customer_id,city\n{}", cells.join(","));
            prop_assert_eq!(super::wide(text.as_bytes()), None);
        }
    }

    #[test]
    fn seven_bits_with_escapes_are_iso_2022_jp_or_refused() {
        assert_eq!(found(b"customer_id,city\n1,\x1b$B@O:^\x1b(B\n", false), ("ISO-2022-JP".to_owned(), true));
        assert_eq!(found(b"customer_id,city\n1,\x1b(J~\x1b(B\n", false), ("ISO-2022-JP".to_owned(), true));
        assert!(find(b"\x1b$)Ccustomer_id\n1,\x0e0!\x0f\n", false, None).unwrap_err().contains("ISO 2022"));
        for other in [&b"1,\x1b[31mred\x1b(B\x1b[m"[..], b"1,\x1b"] {
            assert_eq!(found(other, false), ("UTF-8".to_owned(), false));
        }
    }

    #[test]
    fn a_character_that_the_head_cuts_off_is_no_sign_of_another_encoding() {
        let text = "1,Müncheñ".as_bytes();
        assert_eq!(found(&text[..text.len() - 1], true).0, "UTF-8");
        assert_eq!(found(b"1,Munche\xc3", true).0, "UTF-8");
        assert_ne!(found(b"1,Munche\xc3", false).0, "UTF-8");
    }

    #[test]
    fn one_word_of_utf_8_makes_the_others_damage_unless_a_letter_has_several_bytes() {
        let in_1252 = |text: &str| WINDOWS_1252.encode(text).0.into_owned();
        for others in ["1,Köln\n", "1,Köln\n2,Jäger\n3,Orléans\n4,Zürich\n5,Évry\n"] {
            assert_eq!(found(&[in_1252(others), "6,Müller\n".into()].concat(), false).0, "UTF-8", "{others}");
        }
        // Two of these names are UTF-8 by chance.
        let names = "郑,北京市\n谢,上海市\n王芳,广州市\n李娜,深圳市\n";
        assert_eq!(found(&encoding_rs::GBK.encode(names).0, false).0, "GBK");
        let companies = "ООО «ЗАВОД»\nЗАО «РОССИЯ»\nООО «ЗАРЯ»,Москва\n";
        assert_eq!(found(&encoding_rs::WINDOWS_1251.encode(companies).0, false).0, "Windows-1251");
    }

    #[test]
    fn a_bad_byte_among_good_ones_is_damage_and_no_other_encoding() {
        assert_eq!(found("Müller, Jäger, M\u{fc}ller".as_bytes(), false).0, "UTF-8");
        assert_eq!(found(b"M\xc3\xbcller, J\xc3\xa4ger, \xff", false).0, "UTF-8");
    }

    #[test]
    fn a_given_encoding_counts_unless_a_mark_contradicts_it() {
        let given = |head: &[u8], label: &str| find(head, false, Some(label.parse().unwrap()));
        assert_eq!(given(b"M\xfcller", "utf-8").unwrap().charset, Charset::UTF_8);
        assert_eq!(given(b"abc", "utf-16be").unwrap().charset, Charset(UTF_16BE));
        assert_eq!(given(&wide("id,city", true), "utf-16").unwrap().charset, Charset(UTF_16BE));
        assert_eq!(given(&wide("id,city", false), "utf-16").unwrap().charset, Charset(UTF_16LE));
        assert_eq!(given(b"\xfe\xff\0a", "utf-16").unwrap().charset, Charset(UTF_16BE));
        assert!(
            given(b"\xef\xbb\xbfa", "latin1")
                .unwrap_err()
                .contains("mark of UTF-8, but --encoding is Windows-1252")
        );
        assert!(find(b"\xff\xfe\0\0", false, None).unwrap_err().contains("UTF-32"));
    }

    #[test]
    fn encodings_have_the_names_that_people_write() {
        for (label, name) in [
            ("utf8", "UTF-8"),
            ("UTF-8", "UTF-8"),
            ("UTF-16", "UTF-16LE"),
            ("utf_16be", "UTF-16BE"),
            ("Latin-1", "Windows-1252"),
            ("iso-8859-1", "Windows-1252"),
            ("CP1252", "Windows-1252"),
            ("windows-1251", "Windows-1251"),
            ("iso-8859-15", "ISO-8859-15"),
        ] {
            assert_eq!(label.parse::<Charset>().unwrap().to_string(), name, "{label}");
        }
        assert!("utf-7".parse::<Charset>().is_err() && "".parse::<Charset>().is_err());
    }

    #[test]
    fn what_is_no_text_never_becomes_some() {
        let no_text = |text: &[u8]| std::str::from_utf8(text).is_err();
        // A lone surrogate, an odd length, an unassigned byte, a trail byte without a lead byte.
        for (label, bytes) in [
            ("utf-16le", &b"a\0\x00\xd8b\0"[..]),
            ("utf-16le", b"a\0b"),
            ("utf-16be", b"\xdc\0\0a"),
            ("windows-1252", b"a\x81b"),
            ("windows-1250", b"a\x98b"),
            ("iso-8859-2", b"a\x80b"),
            ("shift_jis", b"a\x81\x20b"),
        ] {
            let text = decoded(label, bytes);
            assert!(no_text(&text) && text.contains(&b'a'), "{label}: {text:?}");
        }
        assert_eq!(decoded("windows-1252", b"\x80 M\xfcller \xc2\xa9"), "€ Müller Â©".as_bytes());
        assert_eq!(decoded("utf-16le", b"a\0\x00\xd8\n\0b\0"), b"a\xff\nb");
    }

    proptest! {
        #[test]
        fn any_text_comes_out_of_utf_16(text: String, is_big: bool, times in 1_usize..3000) {
            let text = text.repeat(times);
            let label = if is_big { "utf-16be" } else { "utf-16le" };
            prop_assert_eq!(decoded(label, &wide(&text, is_big)), text.into_bytes());
        }
    }
}
