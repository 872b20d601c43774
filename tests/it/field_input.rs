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
    while let Some(row) = rows.next_row().expect("a row") {
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
    let told = "no line end after the last row";
    for table in
        ["customer_id,city\n1,Riga\n2,Ro", "customer_id,city\r\n1,Riga\r\n2,\"Ro\"", "customer_id,city\r1,Ro"]
    {
        let report = check_as_json(table, &["--strict"], 0);
        assert_eq!(
            (kinds(&report, "notes"), &report["warnings"]),
            (vec!["no-final-line-end".to_owned()], &0.into())
        );
        let output = check(table, &[], 0);
        assert!(output.stdout.contains("\nNotes\n") && output.stdout.contains(told), "{}", output.stdout);
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

#[test]
fn of_a_file_with_a_word_of_utf_8_no_other_word_is_sent_as_something_else() {
    let server = happy();
    let table =
        [&b"customer_id,city\n1,K\xf6ln\n2,Z\xfcrich\n"[..], "3,München\n4,Riga\n".as_bytes()].concat();
    let offerit = Offerit::job(&server, table);
    offerit.send(&[]).expect_code(3);
    let mut sent: Vec<_> =
        server.requests().iter().map(|request| request.field("city").unwrap_or_default()).collect();
    sent.sort_unstable();
    assert_eq!(sent, ["München", "Riga"]);
    assert!(offerit.outcomes()[&1].error.contains("although the rest of the file is"));
}

/// Lines without a known column, as they stand above a header.
const ABOVE: [&str; 6] = [
    "Customer report",
    "",
    "# exported 2026-11-29",
    "Generated by,admin",
    "\"Q3; north\";;",
    "Total: 5\" pipes",
];

#[test]
fn a_header_below_other_lines_is_named_and_they_are_left_out() {
    for (delimiter, end) in [(',', "\n"), (';', "\r\n"), ('\t', "\r"), ('|', "\n")] {
        for count in 1..=ABOVE.len() {
            let above: String = ABOVE[..count].iter().flat_map(|line| [line, end]).collect();
            let table = format!("{above}Customer ID,City{end}1,\"Riga{end}LV\"{end},x{end}")
                .replace(',', &delimiter.to_string());
            let map = ["--map", "Customer ID=customer_id"];
            let output = check(&table, &map, 2);
            let line = count + 1;
            let told = output.stderr;
            assert!(told.starts_with(&format!("error: {INPUT}: line 1: ")), "{table:?}: {told}");
            assert!(told.contains(&format!("line {line} ")), "{table:?}: {told}");
            assert!(told.contains(&format!("--skip-lines {count}, ")), "{table:?}: {told}");
            // Lines are those of the file, in whatever it is read.
            let server = happy();
            let offerit = Offerit::job(&server, &table);
            let skip = ["--skip-lines", &count.to_string(), map[0], map[1]];
            offerit.send(&skip).expect_code(3);
            let lines: Vec<u64> = offerit.outcomes().values().map(|record| record.line).collect();
            assert_eq!(lines, [line as u64 + 1, line as u64 + 3]);
            assert_eq!(server.requests()[0].field("city"), Some(format!("Riga{end}LV")));
            offerit.run(&[&["verify", INPUT], &skip[..]].concat()).expect_code(3);
            offerit.input(
                "job.toml",
                format!("skip-lines = {count}\n[map]\n\"Customer ID\" = \"customer_id\"\n"),
            );
            let output = offerit.run(&["check", INPUT, "--config", "job.toml"]).expect_code(3);
            assert!(output.stdout.contains(&format!("line {}, row 2", line + 3)), "{}", output.stdout);
            // What failures writes is read with the same options, and without.
            offerit.run(&[&["failures", INPUT, "-o", "failures.csv"], &skip[..]].concat()).expect_code(0);
            for options in [&skip[..], &map] {
                let output = offerit.run(&[&["check", "failures.csv"], options].concat()).expect_code(3);
                assert!(output.stdout.contains("1 row:"), "{}", output.stdout);
            }
            // Of a stream only the header is looked at.
            let piped = Offerit::new().stdin(&table);
            let output = piped.run(&[&["check", "-"], &skip[..]].concat()).expect_code(3);
            assert!(output.stdout.contains(&format!("line {}, row 2", line + 3)), "{}", output.stdout);
        }
    }
    let output = check("customer_id,city\n1,Riga\n", &["--skip-lines", "5"], 2);
    assert!(output.stderr.contains("no text after the lines that --skip-lines 5 skips"), "{}", output.stderr);
}

#[test]
fn prose_is_not_led_to_the_delimiter() {
    for line in [
        "curl: (22) The requested URL returned error: 404",
        "Access denied",
        "no such file; try again, later",
    ] {
        for table in [format!("{line}\n"), format!("{line}\n{line}\n")] {
            let output = check(&table, &[], 2);
            let begin = format!("error: {INPUT}: line 1: this line does not look like a header: ");
            assert!(output.stderr.starts_with(&begin), "{}", output.stderr);
            assert!(
                !output.stderr.contains("--delimiter") && !output.stderr.contains(line),
                "{}",
                output.stderr
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where no column is known, nothing of the first line is shown by any command in any format.
    #[test]
    fn a_file_without_a_header_shows_nothing_of_its_first_line(
        cells in prop::collection::vec("q[a-z0-9]{5,9}(@|-|%|::|=)?[A-Z0-9]{3}", 1..8),
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]),
        more in prop::sample::select(vec![&[][..], &["--ignore-unknown-columns"], &["--map", "Customer No=customer_id"], &["--delimiter", "^"]]),
        is_stream: bool,
    ) {
        let row = cells.join(delimiter);
        let table = format!("{row}\n{row}\n");
        let server = happy();
        let offerit = Offerit::job(&server, &table);
        let offerit = if is_stream { offerit.stdin(&table) } else { offerit };
        let input = if is_stream { "-" } else { INPUT };
        for command in [&["check"][..], &["check", "--format", "json"], &["check", "--format", "github"], &["check", "--show-values"],
            &["run", "--result", RESULT, "-v"]]
        {
            let output = offerit.run(&[command, &[input], more].concat()).expect_code(2);
            prop_assert!(output.stderr.contains("line 1: this line "), "{}", output.stderr);
            for cell in &cells {
                prop_assert!(!output.stderr.contains(cell) && !output.stdout.contains(cell), "{}: {:?}", cell, output);
            }
        }
        prop_assert_eq!(server.count(), 0);
    }
}

#[test]
fn a_header_is_known_by_a_column_of_which_somebody_spoke() {
    for (header, more) in [
        ("E-Mail,Nope", &[][..]),
        ("Kunde,Nope", &["--map", "Kunde=customer_id"]),
        ("Owner,Nope", &["--ignore-column", "owner"]),
        ("_status,Nope", &[]),
    ] {
        let output = check(format!("{header}\n1,a\n"), more, 2);
        let is_named = output.stderr.contains("2 'Nope'") && !output.stderr.contains("look like");
        assert!(is_named, "{}", output.stderr);
    }
}

#[test]
fn thousands_of_columns_without_a_name_are_one_line_and_cost_no_row() {
    let tail = ",".repeat(16_382);
    let server = happy();
    let (before, behind) = tail.split_at(15);
    let table = format!("customer_id,city{tail}\n1,Riga{tail}\n2,Oslo{before}x{behind}\n3,\"Köln\"{tail}\n");
    let offerit = Offerit::job(&server, table);
    offerit.send(&[]).expect_code(3);
    let mut sent = customers(&server.requests());
    sent.sort_unstable();
    assert_eq!(sent, ["1", "3"]);
    let record = &offerit.outcomes()[&2];
    assert!(record.error.contains("a value in column 17, which has no name"), "{record:?}");
    // As it stands it stays invalid.
    offerit.run(&["failures", INPUT, "-o", "failures.csv"]).expect_code(0);
    offerit.run(&["run", "failures.csv", "--rate", "unlimited"]).expect_code(3);
    assert_eq!(server.count(), 2);
    let report: Value =
        serde_json::from_str(&offerit.run(&["check", INPUT, "--format", "json"]).expect_code(3).stdout)
            .expect("JSON");
    assert_eq!(
        report["columns_left_out"],
        serde_json::json!([{ "column": 3, "last_column": 16_384, "name": null }])
    );

    let output = check(format!("customer_id,city{tail}notes\n"), &["--ignore-column", "notes"], 2);
    let told = format!("error: {INPUT}: line 1: columns 3 to 16383 have no name. ");
    assert!(output.stderr.starts_with(&told) && output.stderr.lines().count() == 1, "{}", output.stderr);
    assert!(output.stderr.contains("--ignore-unknown-columns"), "{}", output.stderr);
    let names: String = (3..=16_384).map(|column| format!(",Column{column}")).collect();
    let output = check(format!("customer_id,city{names}\n"), &[], 2);
    assert!(
        output.stderr.lines().count() == 1 && output.stderr.contains(" and 16,372 more. "),
        "{}",
        output.stderr
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Columns behind all that have a name hold nothing, or the row is invalid.
    #[test]
    fn no_value_of_a_column_without_a_name_is_dropped_in_silence(
        rows in prop::collection::vec(prop::collection::vec("|||||||||||x| |\"\"|\" \"|\"y\"", 1..30), 1..6), blank in " ?",
    ) {
        let width = rows.iter().map(Vec::len).max().unwrap_or_default();
        let mut table = format!("customer_id,\"city\"{}\n", format!(",{blank}").repeat(width));
        let mut expected = (Vec::new(), Vec::new());
        for (index, tail) in rows.iter().enumerate() {
            let number = index + 1;
            table.push_str(&format!("{number},\"a\"\"b\",{}{}\n", tail.join(","), ",".repeat(width - tail.len())));
            let has_value = tail.iter().any(|cell| cell.contains(['x', 'y']));
            if has_value { expected.1.push(number as u64) } else { expected.0.push(number.to_string()) }
        }
        prop_assert_eq!(sent(&table), expected);
    }
}

#[test]
fn columns_that_are_left_out_are_listed() {
    let table = "customer_id,Owner\u{1b}[2J,city,,_status,Notes,,\n1,a,Riga,b,c,d,,\n";
    let report = check_as_json(table, &["--ignore-unknown-columns"], 0);
    let column = |column: u64, name: Option<&str>| serde_json::json!({ "column": column, "last_column": column, "name": name });
    let expected = [
        column(2, Some("Owner\\u{1b}[2J")),
        column(4, None),
        column(5, Some("_status")),
        column(6, Some("Notes")),
    ];
    let left_out = report["columns_left_out"].as_array().expect("an array");
    assert_eq!(left_out[..4], expected);
    assert_eq!(left_out[4..], [serde_json::json!({ "column": 7, "last_column": 8, "name": null })]);
    let told = r"columns that are not sent: 2 'Owner\u{1b}[2J', 4 (without a name), 5 '_status', 6 'Notes', 7 to 8 (without a name)";
    let output = check(table, &["--ignore-unknown-columns"], 0);
    assert!(output.stdout.contains(&format!("\nNotes\n       {told}\n")), "{}", output.stdout);
    let output = check(table, &["--ignore-unknown-columns", "--format", "github"], 0);
    assert!(
        output.stdout.contains("title=offerit-sync%3A columns-left-out::columns that are not sent: 2"),
        "{}",
        output.stdout
    );
    assert_eq!(check_as_json("customer_id,city\n1,a\n", &[], 0)["columns_left_out"], serde_json::json!([]));
}

#[test]
fn messages_name_a_blank_beside_a_quote_and_nul_padding() {
    for (row, column) in [
        ("1, \"Riga\"", 2),
        ("1, \"Riga, LV\"", 2),
        ("1,\"Riga\" ", 2),
        ("1 ,\u{a0}\"Riga\"", 2),
        ("\"1\" ,Riga", 1),
    ] {
        let output = check(format!("customer_id,city\n{row}\n"), &[], 3);
        let told = format!("blank next to the quote in column {column}");
        assert!(output.stdout.contains(&told), "{row:?}: {}", output.stdout);
        let output =
            check(format!("{}\n1,a\n", row.replace('1', "customer_id").replace("Riga", "city")), &[], 2);
        assert!(output.stderr.contains(&told), "{row:?}: {}", output.stderr);
    }
    for row in ["1,5\" pipe", "1,\"a\"b", "1,\"a"] {
        let output = check(format!("customer_id,city\n{row}\n"), &[], 3);
        assert!(output.stdout.contains("the whole cell in quotes"), "{row:?}: {}", output.stdout);
    }
    for count in [1, 472, 4096, 100_000] {
        let output = check([&b"customer_id,city\n1,Riga\n"[..], &vec![0; count]].concat(), &[], 3);
        assert!(
            output.stdout.contains("line 3, row 2") && output.stdout.contains("padded"),
            "{}",
            output.stdout
        );
        assert!(!output.stdout.contains("missing or extra"), "{}", output.stdout);
    }
    let output = check([&b"customer_id,city\n1,Riga\n"[..], &vec![0; 2_000_000]].concat(), &[], 2);
    assert!(
        output.stderr.contains("is of NUL characters") && !output.stderr.contains("quote"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_header_without_rows_is_told_with_its_line() {
    let output = check("\n\nsep=;\n \ncustomer_id;city\n\n", &[], 2);
    assert!(output.stderr.contains("line 5: the file has a header but no rows"), "{}", output.stderr);
}

#[test]
fn twenty_thousand_mapped_columns_are_read_at_once() {
    let offerit = Offerit::new();
    offerit.input(INPUT, "Column 7,city\n1,Riga\n");
    let map: String = (0..20_000).map(|number| format!("\"Column {number}\" = \"customer_id\"\n")).collect();
    offerit.input("job.toml", format!("[map]\n{map}"));
    let output = offerit.run(&["check", INPUT, "--config", "job.toml"]).expect_code(2);
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert!(lines[0].contains("job.toml:2:1: there is no column 'Column 0'"), "{}", lines[0]);
    assert!(
        lines.len() < 40 && lines[lines.len() - 1].ends_with("and 19,969 more faults of the header"),
        "{}",
        output.stderr
    );
}
