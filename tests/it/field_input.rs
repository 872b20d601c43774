//! Inputs that somebody else's program left as it should not: line breaks, line ends, padding, encodings, headers. What
//! is said of them, and what is sent.

use crate::support::{INPUT, Offerit, Output, RESULT, Reply, Server, customers};
use flate2::write::GzEncoder;
use offerit_sync::input::{Input, Mapping, Reading};
use proptest::prelude::*;
use serde_json::Value;
use std::io::Write;

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// Runs a check; nothing is sent.
#[track_caller]
fn check(table: impl AsRef<[u8]>, more: &[&str], code: i32) -> Output {
    let offerit = Offerit::new();
    offerit.input(INPUT, table);
    offerit.run(&[&["check", INPUT], more].concat()).expect_code(code)
}

#[track_caller]
fn check_as_json(table: impl AsRef<[u8]>, more: &[&str], code: i32) -> Value {
    let output = check(table, &[&["--format", "json"], more].concat(), code);
    serde_json::from_str(&output.stdout).expect("JSON")
}

/// The kinds of an array of the report.
fn kinds(report: &Value, key: &str) -> Vec<String> {
    let all = report[key].as_array().expect("an array");
    all.iter().map(|one| one["kind"].as_str().expect("a kind").to_owned()).collect()
}

/// The customers that are sent of a table, in order, and the rows that are invalid.
fn sent(table: impl AsRef<[u8]>) -> (Vec<String>, Vec<u64>) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(table.as_ref()).expect("a file written");
    let input = Input::open(file.path(), Reading::default()).expect("a file").mapped(Mapping::default());
    let (mut rows, mut sent, mut invalid) = (input.rows().expect("a header"), Vec::new(), Vec::new());
    let mut looked_at = input.rows().expect("a header");
    while let Some(row) = rows.next_row().expect("a row") {
        let checked = looked_at.check_next().expect("a row").expect("as many rows");
        assert_eq!((row.content.is_err(), row.line), (checked.is_invalid(), checked.line));
        match row.content {
            Ok(update) => sent
                .push(update.get(offerit_sync::customer::Parameter::CustomerId).expect("an id").to_owned()),
            Err(_) => invalid.push(row.number),
        }
    }
    (sent, invalid)
}

#[test]
fn the_rest_of_a_broken_line_never_updates_another_customer() {
    for lone in ["\n", "\r", "\n\n", "\n\r\n", "\n \r\n"] {
        for end in ["\r\n", "\r\n2,x\r\n3,y\r\n"] {
            let server = happy();
            let table = format!("customer_id,address1\r\n9,z\r\n1,12 Main St{lone}5,Riga{end}");
            let offerit = Offerit::job(&server, &table);
            offerit.send(&[]).expect_code(3);
            let sent = customers(&server.requests());
            assert!(
                !sent.contains(&"1".to_owned()) && !sent.contains(&"5".to_owned()),
                "{table:?}: {sent:?}"
            );
            let outcomes = offerit.outcomes();
            for row in [2, 3] {
                let record = &outcomes[&row];
                assert!(record.status == "invalid" && record.error.contains("a lone LF or CR"), "{record:?}");
            }
            assert_eq!(outcomes.values().filter(|record| record.status == "invalid").count(), 2);
            // Nor does the file of failures, run as it stands.
            offerit.run(&["failures", INPUT, "-o", "failures.csv"]).expect_code(0);
            let before = server.count();
            offerit.run(&["run", "failures.csv", "--rate", "unlimited"]).expect_code(3);
            assert_eq!(server.count(), before, "{table:?}");
        }
    }
}

#[test]
fn of_a_stream_the_header_alone_says_how_lines_end() {
    for (table, sent) in [
        ("customer_id,address1\r\n1,12 Main St\n5,Riga\r\n2,x\r\n", vec!["2"]),
        ("customer_id,address1\n1,12 Main St\n5,Riga\r\n2,x\r\n", vec!["1", "5", "2"]),
    ] {
        let server = happy();
        let offerit = Offerit::job(&server, "").stdin(table);
        let output = offerit.run(&["run", "-", "--result", RESULT, "--rate", "unlimited"]);
        output.expect_code(if sent.len() == 1 { 3 } else { 0 });
        let mut found = customers(&server.requests());
        found.sort_unstable();
        let mut sent = sent;
        sent.sort_unstable();
        assert_eq!(found, sent);
    }
}

#[test]
fn line_ends_that_differ_are_a_warning_where_no_row_is_invalid_for_them() {
    for table in [
        "customer_id,city\r\n1,a\n2,b\n",
        "customer_id,city\n1,a\r\n2,b\r\n",
        "customer_id,city\n1,a\r2,b\n",
        "customer_id,city\r\n1,\"a\r\nb\"\n2,c\n",
    ] {
        let report = check_as_json(table, &[], 0);
        assert_eq!(report["rows"]["valid"], 2, "{table:?}");
        assert!(kinds(&report, "findings").contains(&"mixed-line-ends".to_owned()), "{table:?} {report}");
        check(table, &["--strict"], 3);
    }
    for table in [
        "customer_id,city\r\n1,\"a\nb\"\r\n2,\"c\rd\"\r\n",
        "customer_id,city\r1,a\r\r2,b",
        "sep=,\r\ncustomer_id,city\n1,a\n",
    ] {
        assert!(
            !kinds(&check_as_json(table, &[], 0), "findings").contains(&"mixed-line-ends".to_owned()),
            "{table:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of a file whose lines end in CRLF, the rows beside a lone LF or CR are not sent, and all others are, whatever
    /// stands in their quotes.
    #[test]
    fn rows_beside_a_lone_line_break_are_invalid_and_no_others(
        rows in prop::collection::vec(
            ("[a-z][a-z ]{0,3}|\"[a\n\r]{0,3}b\"", prop_oneof![5 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r")]), 2..20),
        ends_in_line_end: bool,
    ) {
        let mut text = "customer_id,city\r\n0,x\r\n".to_owned();
        for (index, (city, end)) in rows.iter().enumerate() {
            let is_last = index + 1 == rows.len();
            text.push_str(&format!("{},{city}{}", index + 1, if is_last && !ends_in_line_end { "" } else { end }));
        }
        let is_bare = |index: usize| {
            let is_missing = index + 1 == rows.len() && !ends_in_line_end;
            !is_missing && rows[index].1 != "\r\n"
        };
        let is_broken = |index: usize| is_bare(index) || index > 0 && is_bare(index - 1);
        let (broken, whole): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|index| is_broken(*index));
        let (found, invalid) = sent(&text);
        let expected: Vec<String> = [0].into_iter().chain(whole.iter().map(|index| index + 1)).map(|id| id.to_string()).collect();
        prop_assert_eq!(found, expected);
        let broken: Vec<u64> = broken.iter().map(|index| *index as u64 + 2).collect();
        prop_assert_eq!(invalid, broken);
    }
}

#[test]
fn a_last_row_without_a_line_end_is_a_note_and_no_warning() {
    let told = "no line end follows the last row";
    for table in
        ["customer_id,city\n1,Riga\n2,Ro", "customer_id,city\r\n1,Riga\r\n2,\"Ro\"", "customer_id,city\r1,Ro"]
    {
        let report = check_as_json(table, &["--strict"], 0);
        assert_eq!(
            (kinds(&report, "notes"), &report["warnings"]),
            (vec!["no-final-line-end".to_owned()], &0.into())
        );
        let output = check(table, &[], 0);
        assert!(
            output.stdout.contains("for your information\n") && output.stdout.contains(told),
            "{}",
            output.stdout
        );
        let output = check(table, &["--format", "github"], 0);
        assert!(
            output
                .stdout
                .contains(&format!("::notice file={INPUT},title=offerit-sync%3A no-final-line-end::{told}"))
        );
        let server = happy();
        let offerit = Offerit::job(&server, table);
        let output = offerit.send(&["--strict"]).expect_code(0);
        assert!(output.stderr.contains(told), "{}", output.stderr);
        assert!(!offerit.send(&["--resume", "--quiet"]).expect_code(0).stderr.contains(told));
    }
    for table in [
        "customer_id,city\n1,Riga\n2,Ro\n",
        "customer_id,city\r\n1,Ro\r\n\x1a",
        "customer_id,city\n1,Ro\n\n  ",
    ] {
        assert_eq!(kinds(&check_as_json(table, &[], 0), "notes"), Vec::<String>::new(), "{table:?}");
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn gzip_that_is_padded_with_zeros_is_read_and_other_garbage_refused() {
    let archive = gzip(b"customer_id,city\n1,Riga\n");
    for padding in [1, 511, 10_240, 1_000_000] {
        let padded = [archive.clone(), vec![0; padding]].concat();
        let server = happy();
        let offerit = Offerit::job(&server, &padded);
        offerit.send(&[]).expect_code(0);
        assert_eq!(customers(&server.requests()), ["1"]);
        let output = check([padded, b"x".to_vec()].concat(), &[], 2);
        assert!(output.stderr.contains("gzip archive is cut short or damaged"), "{}", output.stderr);
    }
}

#[test]
fn an_encoding_is_guessed_by_its_letters_and_what_is_sent_are_the_letters() {
    for (label, city) in [
        ("windows-1250", "Łódź"),
        ("windows-1251", "Москва"),
        ("windows-1252", "Müller"),
        ("windows-1253", "Θεσσαλονίκη"),
        ("shift_jis", "東京都千代田区"),
        ("euc-jp", "東京都千代田区"),
        ("gbk", "上海市浦东新区"),
        ("big5", "台北市信義區"),
        ("euc-kr", "서울특별시"),
        ("iso-2022-jp", "日本語"),
    ] {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect("an encoding");
        let table = format!("customer_id,city\r\n1,{city}\r\n");
        let (table, ..) = encoding.encode(&table);
        let server = happy();
        let offerit = Offerit::job(&server, &table);
        let output = offerit.send(&[]).expect_code(0);
        let told = format!("({} (guessed), comma)", encoding.name().replace("windows", "Windows"));
        assert!(output.stderr.contains(&told), "{told}: {}", output.stderr);
        assert_eq!(server.requests()[0].field("city").as_deref(), Some(city));
        let report = check_as_json(&table, &[], 0);
        assert!(kinds(&report, "findings").contains(&"guessed-encoding".to_owned()), "{report}");
        check(&table, &["--encoding", label, "--strict"], 0);
    }
}
