//! Input as spreadsheets, databases and people write it: encodings, delimiters, line ends, compression, damage.

use crate::support::{self, Child, INPUT, Offerit, RESULT, Reply, Server, table};
use encoding_rs::WINDOWS_1252;
use flate2::write::GzEncoder;
use offerit_sync::customer::Parameter;
use offerit_sync::input::{ColumnRule, Empty, Input, Mapping, Reading, Transform};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Write;
use std::process::Stdio;

/// How a text becomes bytes, what it is found to be without a word, and what to say of it.
type Encoding = (fn(&str) -> Vec<u8>, &'static str, &'static str);

const ENCODINGS: [Encoding; 7] = [
    (|text| text.as_bytes().to_vec(), "UTF-8", "utf-8"),
    (|text| format!("\u{feff}{text}").into_bytes(), "UTF-8", "utf-8"),
    (|text| little(&format!("\u{feff}{text}")), "UTF-16LE", "utf-16"),
    (|text| big(&format!("\u{feff}{text}")), "UTF-16BE", "utf-16"),
    (little, "UTF-16LE (guessed)", "utf-16le"),
    (big, "UTF-16BE (guessed)", "utf-16be"),
    (windows, "Windows-1252 (guessed)", "windows-1252"),
];

const DELIMITERS: [(char, &str); 4] = [(',', "comma"), (';', "semicolon"), ('\t', "tab"), ('|', "pipe")];

fn little(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn big(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn windows(text: &str) -> Vec<u8> {
    let (bytes, _, is_lossy) = WINDOWS_1252.encode(text);
    assert!(!is_lossy, "{text:?} cannot be written in Windows-1252");
    bytes.into_owned()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// Runs a check; nothing is sent.
#[track_caller]
fn check(input: impl AsRef<[u8]>, more: &[&str], code: i32) -> support::Output {
    let offerit = Offerit::new();
    offerit.input(INPUT, input);
    offerit.run(&[&["check", INPUT], more].concat()).expect_code(code)
}

#[test]
fn every_encoding_with_every_delimiter_and_line_end_arrives_as_it_was_meant() {
    let server = happy();
    let mut sent = 0;
    for (encode, encoding, _) in ENCODINGS {
        for (delimiter, name) in DELIMITERS {
            for line_end in ["\n", "\r\n", "\r"] {
                // A line end in quotes, blank lines, every delimiter in quotes, and no line end at the end.
                let text = "customer_id,city,lastname\n\n007,\"Orléans\nGare\",\"O'Neill; |\t,\"\"X\"\"\"\n\n\n8,Köln,Müller";
                let text = text.replace(',', "\u{1}").replace("|\t\u{1}", "|\t,").replace('\n', line_end);
                let text = text.replace('\u{1}', &delimiter.to_string());
                let offerit = Offerit::job(&server, encode(&text));
                let output = offerit.send(&[]).expect_code(0);
                let told = format!("({encoding}, {name})");
                assert!(output.stderr.contains(&told), "{told}: {}", output.stderr);
                let lines: Vec<u64> = offerit.outcomes().values().map(|record| record.line).collect();
                assert_eq!(lines, [3, 7], "{told} {line_end:?}");
                let mut requests = server.requests().split_off(sent);
                requests.sort_by_key(|request| request.field("customer_id"));
                sent += 2;
                let fields = |at: usize| {
                    ["customer_id", "city", "lastname"]
                        .map(|name| requests[at].field(name).unwrap_or_default())
                };
                assert_eq!(
                    fields(0),
                    ["007".to_owned(), format!("Orléans{line_end}Gare"), "O'Neill; |\t,\"X\"".to_owned()]
                );
                assert_eq!(fields(1), ["8", "Köln", "Müller"]);
            }
        }
    }
}

#[test]
fn a_line_of_excel_that_names_the_separator_is_obeyed_and_counted() {
    for text in
        ["sep=;\r\ncustomer_id;city\r\n1;a,b\r\n;x\r\n", "\u{feff}sep=;\ncustomer_id;city\n1;a,b\n;x\n"]
    {
        let output = check(text, &[], 3);
        assert!(output.stdout.contains("line 4, row 2") && output.stdout.contains("semicolon"), "{output:?}");
    }
}

#[test]
fn what_is_said_goes_before_what_is_found() {
    let output = check("customer_id:city,x\n1:a\n", &["--delimiter", ":"], 2);
    assert!(output.stderr.contains("column 2 'city,x'"), "{}", output.stderr);
    let output = check(b"customer_id,city\n1,M\xfcnchen\n", &["--encoding", "utf-8"], 3);
    assert!(output.stdout.contains("line 2, row 1, column 2 (city)"), "{}", output.stdout);
    assert!(output.stdout.contains("--encoding windows-1252"), "{}", output.stdout);
    check("customer_id,city\n1,a\n", &["--encoding", "klingon"], 2);
    check("customer_id,city\n1,a\n", &["--delimiter", "ab"], 2);
}

#[test]
fn another_encoding_far_below_makes_invalid_rows_and_is_never_guessed_anew() {
    let far = 9000;
    let text = [table(1..=far).as_bytes(), b"9001,M\xfcnchen\n9002,Riga\n"].concat();
    assert!(text.len() > 64 * 1024);
    let server = happy();
    let offerit = Offerit::job(&server, &text);
    let output = offerit.run(&["check", INPUT]).expect_code(3);
    assert!(
        output.stdout.contains("UTF-8, comma") && output.stdout.contains("1 invalid"),
        "{}",
        output.stdout
    );
    let told = output
        .stdout
        .lines()
        .find(|line| line.contains("line 9002, row 9001, column 2 (city)"))
        .expect("the row");
    assert!(!told.contains("nchen"), "{told}");
    assert!(output.stdout.contains("add --encoding windows-1252"), "{}", output.stdout);
    let told = check(&text, &["--encoding", "windows-1252"], 0).stdout;
    assert!(told.contains("Windows-1252, comma"), "{told}");
}

#[test]
fn damage_in_a_file_that_plainly_is_utf_8_is_never_answered_with_another_encoding() {
    let letters = "customer_id,city\n1,München\n2,Köln\n";
    for (before, flags) in
        [(letters, &[][..]), (letters, &["--encoding", "utf-8"]), ("\u{feff}customer_id,city\n", &[])]
    {
        let output = check([before.as_bytes(), b"3,K\xf6ln\n"].concat(), flags, 3);
        assert!(output.stdout.contains("not valid UTF-8, although the rest"), "{}", output.stdout);
        assert!(!output.stdout.contains("windows-1252"), "{}", output.stdout);
    }
}

#[test]
fn of_utf_16_without_a_mark_it_is_found_which_of_the_two_it_is() {
    let text = "customer_id;city\n1;Москва\n";
    for (bytes, encoding) in [(little(text), ": UTF-16LE, semicolon"), (big(text), ": UTF-16BE, semicolon")] {
        let output = check(bytes, &["--encoding", "utf-16"], 0);
        assert!(output.stdout.contains(encoding), "{}", output.stdout);
    }
}

#[test]
fn what_is_no_text_in_its_encoding_costs_its_row_and_is_never_sent_as_something_else() {
    let lone =
        [little("\u{feff}customer_id,city\n1,Riga\n2,x"), vec![0, 0xd8], little("y\n3,Köln\n")].concat();
    let unassigned = b"customer_id,city\n1,K\xf6ln\n2,x\x81y\n3,Riga\n".to_vec();
    for input in [lone, unassigned] {
        let server = happy();
        let offerit = Offerit::job(&server, input);
        offerit.send(&[]).expect_code(3);
        let outcomes = offerit.outcomes();
        let told: Vec<_> = outcomes.values().map(|record| (record.line, record.status.as_str())).collect();
        assert_eq!(told, [(2, "updated"), (3, "invalid"), (4, "updated")]);
        assert!(outcomes[&2].error.contains("column 2 (city)"), "{}", outcomes[&2].error);
    }
}

#[test]
fn archives_are_read_like_what_is_in_them() {
    let text = windows("customer_id;city\r\n1;Köln\r\n\r\n2;\r\n3;Riga\r\n");
    for (pack, name) in [(gzip as fn(&[u8]) -> Vec<u8>, "gzip"), (zstd, "zstd")] {
        let (first, second) = text.split_at(25);
        for archive in [pack(&text), [pack(first), pack(second)].concat()] {
            let server = happy();
            let offerit = Offerit::job(&server, &archive);
            let output = offerit.send(&[]).expect_code(3);
            let told = format!("(Windows-1252 (guessed), semicolon, {name})");
            assert!(output.stderr.contains(&told), "{told}: {}", output.stderr);
            let lines: Vec<u64> = offerit.outcomes().values().map(|record| record.line).collect();
            assert_eq!((lines, server.count()), (vec![2, 4, 5], 2));
            // Also as often as it takes, and through a pipe.
            offerit.send(&["--resume"]).expect_code(3);
            let piped = Offerit::new().stdin(&archive);
            let output = piped.run(&["check", "-", "--encoding", "windows-1252"]).expect_code(3);
            assert!(output.stdout.contains("3 rows") && output.stdout.contains(name), "{}", output.stdout);
        }
    }
}

#[test]
fn an_archive_cut_short_is_refused_before_anything_is_sent() {
    for pack in [gzip, zstd] {
        let whole = pack(table(1..=50_000).as_bytes());
        let server = happy();
        let offerit = Offerit::job(&server, &whole[..whole.len() * 2 / 3]);
        let output = offerit.send(&[]).expect_code(2);
        assert!(output.stderr.contains("archive is cut short or damaged"), "{}", output.stderr);
        assert!(
            output.stderr.contains("after line ") && !output.stderr.contains("after line 1:"),
            "{}",
            output.stderr
        );
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn an_archive_of_an_endless_line_is_refused_in_little_memory() {
    let bomb = [&b"customer_id,city\n1,"[..], &vec![b'x'; 300_000_000]].concat();
    let offerit = Offerit::new();
    offerit.input(INPUT, gzip(&bomb));
    let mut command = offerit.command_in_shell("ulimit -v 100000;", &["check", INPUT]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = Child::start(command).wait().expect_code(2);
    assert!(output.stderr.contains("line 2, column 2: "), "{}", output.stderr);
}

#[test]
fn a_field_without_end_is_refused_before_anything_is_sent_with_the_line_where_it_begins() {
    let tall = format!("customer_id,city\n1,a\n2,\"b\n{}", "3,c\n".repeat(150));
    let long = format!("customer_id,city\n1,a\n2,{}\n3,c\n", "x".repeat(1_100_000));
    for (input, option, value) in [(tall, "--max-field-lines", "1000"), (long, "--max-field-size", "2MiB")] {
        let server = happy();
        let offerit = Offerit::job(&server, &input);
        let output = offerit.send(&[]).expect_code(2);
        assert!(output.stderr.contains("line 3, column 2: "), "{}", output.stderr);
        assert!(output.stderr.contains(option), "{}", output.stderr);
        assert_eq!((server.count(), offerit.path(RESULT).exists()), (0, false));
        let output = offerit.run(&["check", INPUT, option, value]);
        assert!(output.stdout.contains(" ready to send"), "{output:?}");
        // Of a stream, the rows before it are sent as they come.
        let piped = Offerit::with_credentials(&server.url());
        let mut command = piped.command(&["run", "-", "--result", RESULT, "--rate", "unlimited"]);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Child::start(command);
        let mut pipe = child.stdin().expect("a pipe");
        let (before, behind) = input.split_at(input.find("2,").expect("the second row"));
        pipe.write_all(before.as_bytes()).expect("rows written");
        server.wait_for(1);
        // It may be refused before all of it is there.
        let _ = pipe.write_all(behind.as_bytes());
        drop(pipe);
        let output = child.wait().expect_code(1);
        assert!(output.stderr.contains("line 3, column 2: "), "{}", output.stderr);
        assert_eq!((server.count(), piped.rows_in_sync()), (1, vec![1]));
    }
}

#[test]
fn a_header_without_end_is_refused_like_any_other_field() {
    let tall = format!("customer_id,\"city\n{}", "3,c\n".repeat(150));
    let long = format!("customer_id,\"{}\",city\n1,2,3\n", "x".repeat(1_100_000));
    for (input, limit) in [(tall, "100 lines"), (long, "1,048,576 bytes")] {
        for bytes in [input.clone().into_bytes(), little(&format!("\u{feff}{input}"))] {
            let output = check(bytes, &[], 2);
            let is_told = output.stderr.contains("line 1, column 2: ") && output.stderr.contains(limit);
            assert!(is_told, "{}", output.stderr);
        }
    }
}

#[test]
fn a_stray_quote_in_the_header_never_takes_rows_into_it_unnoticed() {
    let server = happy();
    for (input, told) in [
        ("customer_id,city,\"note\n1,a,x\n2,b,y\n3,c,\"z\n4,d,w\n", "up to line 4"),
        ("customer_id,city,\"note\n1,a,x\n", "up to line 3"),
        ("customer_id,city,no\"te\"\n1,a,x\n", ""),
    ] {
        let offerit = Offerit::job(&server, input);
        let output = offerit.send(&["--ignore-unknown-columns"]).expect_code(2);
        assert!(output.stderr.starts_with(&format!("error: {INPUT}: line 1: ")), "{}", output.stderr);
        for told in ["unclosed quote", told, "in quotes"] {
            assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
        }
        assert_eq!((server.count(), offerit.path(RESULT).exists()), (0, false));
    }
}

#[test]
fn a_header_that_is_not_divided_is_led_back_to_the_delimiter() {
    for (input, flags, words) in [
        (
            "customer_id,city\n1,a\n",
            &["--delimiter", ";"][..],
            ["line 1: no semicolon", "'customer_id,city'", "separated by comma", "leave out --delimiter"],
        ),
        (
            "sep=;\ncustomer_id,city\n1,a\n",
            &[],
            ["line 2: no semicolon", "'customer_id,city'", "separated by comma", "sep= line"],
        ),
        (
            "customer_id^city\n1^a\n",
            &[],
            ["line 1: no comma", "'customer_id^city'", "separated by '^'", "--delimiter '^'"],
        ),
    ] {
        let output = check(input, flags, 2);
        assert!(output.stderr.starts_with(&format!("error: {INPUT}: ")), "{}", output.stderr);
        words.iter().for_each(|word| assert!(output.stderr.contains(word), "{word}: {}", output.stderr));
    }
}

#[test]
fn a_quote_that_swallows_lines_says_how_far() {
    let output = check("customer_id,city\n1,\"a\n2,b\n3,c\n", &[], 3);
    assert!(output.stdout.contains("up to line 5"), "{}", output.stdout);
}

#[test]
fn blank_lines_are_no_rows_however_many_and_also_with_blanks() {
    let text = format!("customer_id,city\n{}1,a\n   \n \t \n,b\n", "\n".repeat(1_500_000));
    let output = check(text, &[], 3);
    assert!(
        output.stdout.contains("line 1500005, row 2") && output.stdout.contains("2 rows"),
        "{}",
        output.stdout
    );
}

#[test]
fn the_end_sign_of_dos_is_no_row() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,city\r\n1,a\r\n\x1a");
    offerit.send(&[]).expect_code(0);
    assert_eq!((server.count(), offerit.rows_in_sync()), (1, vec![1]));
    // Within a value it is sent as it stands.
    let output = check("customer_id,city\r\n1,\x1a\r\n", &[], 0);
    assert!(output.stdout.contains("1 row: 1 ready to send"), "{}", output.stdout);
}

#[test]
fn what_is_no_csv_is_refused_with_what_it_looks_like() {
    for (input, what) in [
        (&b"PK\x03\x04\x14\0\x08\0customers.csv"[..], "ZIP archive"),
        (b"PK\x03\x04\x14\0\x08\0[Content_Types].xml", "Excel workbook"),
        (b"\n<!DOCTYPE html><title>Sign in</title>", "web page"),
        (b"{\"customers\": [{\"id\": 1}]}", "JSON"),
        (b"\x7fELF\x02\x01\x01\0\0", "binary"),
        (b"\xff\xfe\0\0c\0\0\0", "UTF-32"),
        (b"\xef\xbb\xbf", "only blank lines"),
    ] {
        let output = check(input, &[], 2);
        assert!(output.stderr.contains(what), "{what}: {}", output.stderr);
    }
}

/// What is no CSV, with words of the message.
const REFUSED: [(&[u8], &str); 18] = [
    (b"", "is empty"),
    (b"\n \r\n", "contains only blank lines"),
    (b"sep=;\n", "contains only blank lines"),
    (b"customer_id,city\n\n", "line 1: the file has a header but no rows"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"PK\x03\x04 xl/", "an Excel workbook (.xlsx)"),
    (b"PK\x03\x04 opendocument.spreadsheet", "LibreOffice workbook (.ods)"),
    (b"PK\x03\x04 a.csv", "is a ZIP archive"),
    (b"PK\x05\x06", "is an empty ZIP archive"),
    (b"%PDF-1.7", "looks like a PDF"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf1", "a text document (RTF)"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive"),
    (b"Rar!\x1a\x07", "is a RAR archive"),
    (b"\x7fELF\0", "is a binary file"),
    (b"[{}]", "is JSON"),
    (b"\0\0\xfe\xff", "is UTF-32 text"),
];

#[test]
fn an_input_that_is_refused_as_a_whole_gets_one_message_that_says_what_it_is() {
    let gzipped = gzip(b"customer_id,city\n1,a\n");
    let zstd_twice = zstd(&zstd(b"customer_id,city\n1,a\n"));
    let tar = [&[b'a'; 257][..], b"ustar"].concat();
    let cases: [(&[u8], &str); 9] = [
        (b"BZh9", "is compressed with bzip2"),
        (b"\xfd7zXZ\0", "is compressed with xz"),
        (&gzip(&gzipped), "is compressed twice"),
        (&zstd_twice, "is compressed twice"),
        (&tar, "is a tar archive"),
        (b"<table>", "is a web page or XML, not a CSV"),
        (
            &gzipped[..gzipped.len() - 1],
            "after line 1: the gzip archive is cut short or damaged after 21 unpacked bytes (unexpected end of file)",
        ),
        (
            &["customer_id,city\n1,".as_bytes(), &[b'x'; 1_048_577]].concat(),
            "line 2, column 2: the cell that begins here is longer than 1,048,576 bytes",
        ),
        (
            &[b"customer_id,city\n1,\"".as_slice(), &[b'\n'; 100]].concat(),
            "line 2, column 2: the cell that begins here spans more than 100 lines",
        ),
    ];
    for (input, expected) in REFUSED.into_iter().chain(cases) {
        let output = check(input, &[], 2);
        let is_told =
            output.stderr.starts_with(&format!("error: {INPUT}")) && output.stderr.contains(expected);
        assert!(is_told && output.stderr.lines().count() == 1, "{expected}: {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    let offerit = Offerit::new();
    for (name, expected) in [(".", "folder"), ("none.csv", "not found")] {
        let output = offerit.run(&["check", name]).expect_code(2);
        let is_named = output.stderr.starts_with(&format!("error: {name}"));
        assert!(is_named && output.stderr.contains(expected), "{}", output.stderr);
    }
}

#[test]
fn a_record_of_many_long_fields_is_refused_with_its_line() {
    let cells = vec!["x".repeat(1_000_000); 5].join(",");
    let input = format!("customer_id,city,state,zip,custom1,custom2\n1,a,b,c,d,e\n2,{cells}\n");
    let output = check(&input, &[], 2);
    let told = "line 3: the row that begins here is longer than 4,194,304 bytes";
    assert!(output.stderr.contains(told) && output.stderr.contains("--max-field-size"), "{}", output.stderr);
    check(&input, &["--max-field-size", "2MiB"], 0);
}

/// Any text that a value can be: not empty, no NUL.
fn value(is_narrow: bool) -> BoxedStrategy<String> {
    let any = prop_oneof![
        "[^\0]{1,12}",
        r#"["',;|\t\r\n a&=%+\u{feff}]{1,8}"#,
        Just("REMOVE".to_owned()),
        Just("  ".to_owned())
    ];
    if is_narrow {
        // The standard gives the five bytes without a character control characters: nobody writes those.
        let letters = |text: String| {
            text.chars()
                .filter(|letter| {
                    !WINDOWS_1252.encode(&letter.to_string()).2 && !matches!(letter, '\u{80}'..='\u{9f}')
                })
                .collect()
        };
        any.prop_map(letters).prop_filter("has no value", |text: &String| !text.is_empty()).boxed()
    } else {
        any.boxed()
    }
}

/// A table as bytes, the cells it has, and how to say what it is.
#[derive(Debug, Clone)]
struct Case {
    bytes: Vec<u8>,
    cells: Vec<(String, String)>,
    encoding: &'static str,
    delimiter: char,
}

fn case(most_rows: usize) -> impl Strategy<Value = Case> {
    (0..ENCODINGS.len(), 0..DELIMITERS.len(), 0..3_usize, 0..3_usize).prop_flat_map(
        move |(encoding, delimiter, line_end, pack)| {
            let (encode, _, label) = ENCODINGS[encoding];
            let delimiter = DELIMITERS[delimiter].0;
            let cells = (value(label == "windows-1252"), value(label == "windows-1252"));
            prop::collection::vec(cells, 1..most_rows).prop_map(move |cells| {
                let terminator =
                    [csv::Terminator::Any(b'\n'), csv::Terminator::CRLF, csv::Terminator::Any(b'\r')]
                        [line_end];
                let mut writer = csv::WriterBuilder::new();
                let mut writer =
                    writer.delimiter(delimiter as u8).terminator(terminator).from_writer(Vec::new());
                writer.write_record(["customer_id", "city", "custom1"]).expect("memory");
                for (row, (city, custom)) in cells.iter().enumerate() {
                    writer.write_record([&row.to_string(), city, custom]).expect("memory");
                }
                let text = String::from_utf8(writer.into_inner().expect("memory")).expect("text");
                let bytes = encode(&text);
                let bytes = [bytes.clone(), gzip(&bytes), zstd(&bytes)][pack].clone();
                Case { bytes, cells, encoding: label, delimiter }
            })
        },
    )
}

/// Cells are sent as they stand: without that, blanks around them are dropped.
fn as_they_stand() -> Mapping {
    let rule = |parameter: Parameter| ColumnRule {
        name: parameter.name().to_owned(),
        origin: "test".to_owned(),
        parameter,
        transform: Transform { trim: false, ..Transform::of(parameter, Empty::Keep) },
    };
    Mapping { columns: [Parameter::City, Parameter::Custom1].map(rule).into(), ..Mapping::default() }
}

const AS_THEY_STAND: &str = "[columns.city]\ntrim = false\n[columns.custom1]\ntrim = false\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_table_in_any_encoding_becomes_the_updates_it_says(case in case(8)) {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&case.bytes).expect("a file written");
        let reading = Reading {
            delimiter: case.delimiter.to_string().parse().ok(),
            encoding: case.encoding.parse().ok(),
            ..Reading::default()
        };
        let input = Input::open(file.path(), reading).expect("a file").mapped(as_they_stand());
        let mut rows = input.rows().expect("a header");
        let mut found = Vec::new();
        while let Some(row) = rows.next_row().expect("a row") {
            let update = row.content.expect("a valid row");
            let value = |parameter| update.get(parameter).unwrap_or_default().to_owned();
            prop_assert_eq!(value(Parameter::CustomerId), found.len().to_string());
            found.push((value(Parameter::City), value(Parameter::Custom1)));
        }
        prop_assert_eq!(found, case.cells);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_table_in_any_encoding_arrives_byte_for_byte(case in case(20)) {
        let server = happy();
        let offerit = Offerit::job(&server, &case.bytes);
        offerit.input("job.toml", AS_THEY_STAND);
        let delimiter = case.delimiter.to_string();
        let how = ["--delimiter", &delimiter, "--encoding", case.encoding, "--config", "job.toml"];
        offerit.send(&how).expect_code(0);
        let mut arrived: Vec<Option<(String, String)>> = vec![None; case.cells.len()];
        for request in server.requests() {
            let field = |name| request.field(name).unwrap_or_default();
            let row: usize = field("customer_id").parse().expect("a row number");
            arrived[row] = Some((field("city"), field("custom1")));
        }
        let arrived: Vec<_> = arrived.into_iter().flatten().collect();
        prop_assert_eq!(arrived, case.cells);
    }
}
