//! Values that exports, spreadsheets and wrong encodings damaged: what `check` says of them, and what is sent.

use crate::support::{INPUT, Offerit, RESULT, Reply, Server};
use serde_json::Value;
use std::collections::BTreeSet;

const CONFIG: &str = "job.toml";

/// The kind, line and column of everything that `check` finds in a table.
fn findings(table: impl AsRef<[u8]>, more: &[&str], code: i32) -> BTreeSet<(String, u64, u64)> {
    let offerit = Offerit::new();
    offerit.input(INPUT, table);
    let output = offerit.run(&[&["check", INPUT, "--format", "json"], more].concat()).expect_code(code);
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let mut found = BTreeSet::new();
    for finding in report["findings"].as_array().expect("findings") {
        let kind = finding["kind"].as_str().expect("a kind");
        for example in finding["examples"].as_array().expect("examples") {
            let number = |name: &str| example[name].as_u64().unwrap_or_default();
            found.insert((kind.to_owned(), number("line"), number("column")));
        }
    }
    found
}

#[track_caller]
fn assert_found(table: impl AsRef<[u8]>, code: i32, expected: &[(&str, u64, u64)]) {
    let expected = expected.iter().map(|(kind, line, column)| ((*kind).to_owned(), *line, *column));
    assert_eq!(findings(table, &[], code), expected.collect());
}

#[test]
fn a_transform_never_makes_the_id_of_another_customer() {
    let server = Server::start(|_, _| Reply::updated());
    for transform in ["digits = true", "lower = true", "upper = true", "values = { '10241.0' = '10241' }"] {
        for id in ["customer_id", "subscription_id"] {
            let offerit = Offerit::job(&server, "No,city\n10241.0,Riga\n");
            offerit.input(CONFIG, format!("[columns.No]\nparameter = '{id}'\n{transform}\n"));
            let output = offerit.send(&["--config", CONFIG]).expect_code(2);
            let told = format!("{CONFIG}:1:");
            assert!(output.stderr.contains(&told) && output.stderr.contains(id), "{}", output.stderr);
        }
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn digits_are_sent_or_the_row_is_invalid() {
    let server = Server::start(|_, _| Reply::updated());
    let table =
        "customer_id,Phone\n1,+49 (170) 1-2\n2,０１７０１２３\n3,491701234567.0\n4,4.917E+11\n5,#REF!\n6,\n";
    let offerit = Offerit::job(&server, table);
    offerit.input(CONFIG, "[columns.Phone]\nparameter = 'custom1'\ndigits = true\nempty = 'remove'\n");
    offerit.send(&["--config", CONFIG]).expect_code(3);
    let sent: BTreeSet<_> = server
        .requests()
        .iter()
        .map(|request| ["customer_id", "custom1"].map(|name| request.field(name).unwrap_or_default()))
        .collect();
    let expected = [["1", "4917012"], ["2", "0170123"], ["6", "REMOVE"]];
    assert_eq!(sent, expected.map(|row| row.map(str::to_owned)).into());
    for row in 3..=5 {
        let record = &offerit.outcomes()[&row];
        assert!(record.status == "invalid" && record.error.contains("digits = true"), "{record:?}");
    }
}

#[test]
fn a_cell_that_was_not_empty_is_no_removal() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, "customer_id,Segment\n1,n/a\n2,\n3,gone\n");
    let values = "values = { 'n/a' = '', 'gone' = 'REMOVE' }";
    offerit.input(CONFIG, format!("[columns.Segment]\nparameter = 'custom1'\n{values}\nempty = 'remove'\n"));
    offerit.send(&["--config", CONFIG]).expect_code(3);
    let sent: BTreeSet<_> = server.requests().iter().map(|sent| sent.field("customer_id")).collect();
    assert_eq!(sent, [Some("2".to_owned()), Some("3".to_owned())].into());
    let record = &offerit.outcomes()[&1];
    assert!(record.status == "invalid" && record.error.contains("remove the field"), "{record:?}");
}

#[test]
fn numbers_that_an_export_damaged_are_found_in_ids_and_zip_codes() {
    let table = "customer_id,zip\n1.0241234E7,01067\n10241.00,01067\n\"10,241\",01067\n1,1067.00\n2,\"1,067\"\n\
                 \"1,024,100\",01067\n3,1.07E+03\n10241,01067\n";
    assert_found(
        table,
        0,
        &[
            ("scientific", 2, 1),
            ("decimal-point", 3, 1),
            ("decimal-point", 4, 1),
            ("decimal-point", 5, 2),
            ("decimal-point", 6, 2),
            ("number-spelling", 7, 1),
            ("scientific", 8, 2),
        ],
    );
}

#[test]
fn ids_unlike_nearly_all_others_are_found() {
    let rows: String = (1..=20).map(|id| format!("{id},Riga\n")).collect();
    assert_found(format!("customer_id,city\n{rows}Total,20\n"), 0, &[("odd-id", 22, 1)]);
    assert_found(format!("customer_id,city\n{rows}21,Oslo\n"), 0, &[]);
    let rows: String = (1..=20).map(|id| format!("C-{id},Riga\n")).collect();
    assert_found(format!("customer_id,city\n7,Rome\n{rows}"), 0, &[("odd-id", 2, 1)]);
}

#[test]
fn text_of_any_script_that_was_misread_is_found() {
    let table = "customer_id,city\n1,ÐœÐ¾ÑÐºÐ²Ð°\n5,æ±äº¬\n8,M√ºnchen\n12,O¬íNeill\n13,M├╝nchen\n14,München\n15,東京\n";
    let expected = [2, 3, 4, 5, 6].map(|line| ("mojibake", line, 2));
    assert_found(table, 0, &expected);
}

#[test]
fn what_nobody_sees_is_found_and_in_ids_any_blank() {
    let table = "customer_id,city\n10241\u{2060},Riga\n10\u{a0}241,Riga\n10 241,Riga\n１０２４１,Riga\n2,Mün\u{ad}chen\n\
                 3,Ri\u{7}ga\n4,New York\n";
    assert_found(
        table,
        0,
        &[
            ("invisible", 2, 1),
            ("invisible", 3, 1),
            ("invisible", 4, 1),
            ("number-spelling", 5, 1),
            ("invisible", 6, 2),
            ("control", 7, 2),
        ],
    );
}

#[test]
fn what_spreadsheets_write_in_other_languages_is_found() {
    let table = "customer_id,city\n1,#VALEUR!\n6,#ERROR!\n7,Err:502\n";
    assert_found(table, 0, &[2, 3, 4].map(|line| ("spreadsheet-error", line, 2)));
    assert_found("customer_id,city\n1,<NA>\n2,NaT\n", 0, &[("null", 2, 2), ("null", 3, 2)]);
    assert_found("customer_id,city\n1,05. Mai\n2,12-août\n", 0, &[("date", 2, 2), ("date", 3, 2)]);
    assert_found("customer_id,city\n1,O&rsquo;Neill\n", 0, &[("entity", 2, 2)]);
    let table = "customer_id,city\n21,'=1+1\n24,\"=VLOOKUP(A2,B:C,2,0)\"\n";
    assert_found(table, 0, &[("apostrophe", 2, 2), ("formula", 3, 2)]);
    let rows: String = (1..=8).map(|id| format!("{id},Riga\n")).collect();
    let table = format!("customer_id,city\n{rows}-----------,---------\n");
    assert_found(table, 0, &[("null", 10, 1), ("null", 10, 2)]);
}

#[test]
fn the_cell_is_looked_at_before_a_transform_as_well() {
    let offerit = Offerit::new();
    let table = "customer_id,zip,Land,Name\n1,1067,Germany,JosÃ©\n2,01067,Austria,Anna\n3,1067,DE,Bob\n";
    offerit.input(INPUT, table);
    let config = "[columns.Land]\nparameter = 'country'\nvalues = { 'Germany' = 'DE', 'DE' = 'XX', 'Austria' = 'AT' }\n\
                  [columns.Name]\nparameter = 'firstname'\nlower = true\n";
    offerit.input(CONFIG, config);
    let output = offerit.run(&["check", INPUT, "--config", CONFIG, "--strict"]).expect_code(3);
    for told in [
        "line 2, row 1, column 2 (zip)",
        "line 4, row 3, column 2 (zip)",
        "line 2, row 1, column 4 'Name' (firstname)",
    ] {
        assert!(output.stdout.contains(told), "{told}: {}", output.stdout);
    }
    assert!(output.stdout.contains("3 rows: 3 ready to send; 3 warnings"), "{}", output.stdout);
}

#[test]
fn a_run_says_what_check_warns_of_and_does_not_begin_if_it_must_not() {
    let server = Server::start(|_, _| Reply::updated());
    let table = "customer_id,city,country\n1,NULL,DE\n2,#N/A,DE\n3,NULL,DE\n4,Riga,LV\n";
    let offerit = Offerit::job(&server, table);
    let output = offerit.send(&["--strict", "--summary", "summary.json"]).expect_code(3);
    for told in ["3 warnings", "2 null", "1 spreadsheet-error", "--strict", "Nothing was sent"] {
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
    }
    assert!(server.count() == 0 && !offerit.path(RESULT).exists());
    let summary: Value =
        serde_json::from_slice(&std::fs::read(offerit.path("summary.json")).expect("a summary"))
            .expect("JSON");
    assert_eq!((&summary["exit_code"], &summary["reason"]), (&3.into(), &"warnings".into()));

    let output = offerit.send(&[]).expect_code(0);
    let place =
        |words: &str| output.stderr.find(words).unwrap_or_else(|| panic!("{words}: {}", output.stderr));
    assert!(
        place("3 warnings (2 null, 1 spreadsheet-error)") < place("sending 4 of 4 rows"),
        "{}",
        output.stderr
    );
    assert_eq!(server.count(), 4);

    let quiet = Offerit::job(&server, table);
    assert_eq!(quiet.send(&["--quiet"]).expect_code(0).stderr, "");
    Offerit::job(&server, "customer_id,city\n1,Riga\n").send(&["--strict"]).expect_code(0);
}

#[test]
fn the_warnings_of_a_stream_are_not_counted() {
    let server = Server::start(|_, _| Reply::updated());
    let arguments = ["run", "-", "--result", RESULT];
    let piped = || Offerit::job(&server, "").stdin("customer_id,city\n1,NULL\n");
    let output = piped().run(&[&arguments[..], &["--strict"]].concat()).expect_code(2);
    assert!(output.stderr.contains("--strict needs a file") && server.count() == 0, "{}", output.stderr);
    let output = piped().run(&arguments).expect_code(0);
    assert!(!output.stderr.contains("warning") && server.count() == 1, "{}", output.stderr);
}

#[test]
fn a_header_of_the_parameters_names_is_a_second_header_too() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, "Kd,city\n1,a\ncustomer_id,city\nSubscription ID,City\n2,b\n");
    offerit.send(&["--map", "Kd=customer_id"]).expect_code(3);
    let sent: BTreeSet<_> = server.requests().iter().map(|request| request.field("customer_id")).collect();
    assert_eq!(sent, ["1", "2"].map(|id| Some(id.to_owned())).into());
}

#[test]
fn a_value_that_is_a_parameters_name_makes_no_header_of_the_first_customer() {
    let offerit = Offerit::new();
    offerit
        .input(INPUT, "10241,password,anna@example.test,Hauptweg 7\n10242,hunter2,bob@example.test,Ring 2\n");
    for format in ["text", "json", "github"] {
        let output = offerit.run(&["check", INPUT, "--format", format]).expect_code(2);
        let told = output.stdout + &output.stderr;
        assert!(told.contains("looks like data"), "{told}");
        for value in ["10241", "anna", "Hauptweg"] {
            assert!(!told.contains(value), "{format} {value}: {told}");
        }
    }
}

#[test]
fn two_bytes_that_are_utf_8_by_chance_do_not_make_a_file_utf_8() {
    let rows = b"1,M\xfcnchen\r\n".repeat(50);
    for last in
        [&b"2,CAF\xc9\x92S\r\n"[..], b"2,NESTL\xc9\xae\r\n", b"2,\x93PER\xda\x94\r\n", b"2,ANDR\xc9\x85\r\n"]
    {
        let offerit = Offerit::new();
        offerit.input(INPUT, [b"customer_id,city\r\n", &*rows, last].concat());
        let output = offerit.run(&["check", INPUT]).expect_code(0);
        assert!(output.stdout.contains("Windows-1252 (guessed)"), "{}", output.stdout);
    }
    // A word of UTF-8 does not come about by chance: the other rows are invalid.
    let offerit = Offerit::new();
    offerit.input(INPUT, [b"customer_id,city\r\n", &*rows, "2,Zürich\r\n".as_bytes()].concat());
    let output = offerit.run(&["check", INPUT]).expect_code(3);
    assert!(output.stdout.contains("1 ready to send, 50 invalid"), "{}", output.stdout);
}
