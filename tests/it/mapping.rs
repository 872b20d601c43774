//! Mapped columns, constants and transforms: what reaches the server, and that fingerprints know of them.

use crate::support::{INPUT, Offerit, Reply, Request, Server, customers, table};
use std::collections::BTreeMap;
use std::fs;

const CONFIG: &str = "job.toml";

type Fields = BTreeMap<String, String>;

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

fn fields(request: &Request) -> Fields {
    let text = |bytes| String::from_utf8(bytes).expect("a value in UTF-8");
    request.fields().into_iter().map(|(name, value)| (name, text(value))).collect()
}

/// What arrives of each row, by customer.
#[track_caller]
fn arrived(server: &Server) -> Vec<Fields> {
    let mut all: Vec<Fields> = server.requests().iter().map(fields).collect();
    all.sort();
    all
}

fn named(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn columns_are_mapped_set_and_left_out_by_flags() {
    let server = happy();
    let text = "Customer No , E-Mail,Notes,Owner\n 007,a=b@example.org,secret,me\n8,c@example.org,,\n";
    let offerit = Offerit::job(&server, text);
    let flags = [
        "--map",
        "customer no=Customer_ID",
        "--map",
        " E-Mail = email",
        "--set",
        "custom1=a=b & c",
        "--set",
        "custom2= REMOVE ",
        "--ignore-column",
        "notes",
        "--ignore-unknown-columns",
    ];
    let flags: Vec<&str> = flags.to_vec();
    offerit.send(&flags).expect_code(0);
    let row = |id, email| {
        named(&[("customer_id", id), ("custom1", "a=b & c"), ("custom2", " REMOVE "), ("email", email)])
    };
    assert_eq!(arrived(&server), [row("007", "a=b@example.org"), row("8", "c@example.org")]);
    offerit.run(&[&["check", INPUT], &flags[..]].concat()).expect_code(0);
    offerit.run(&[&["verify", INPUT], &flags[..]].concat()).expect_code(0);
    offerit.run(&["verify", INPUT]).expect_code(2);
}

#[test]
fn cells_are_transformed_as_the_file_says() {
    let server = happy();
    let text = "id,mail,land,phone,pin,segment,code\n\
                5, Ann@Example.ORG ,united states,+49 (30) 1-2, pin ,N/A,  x \n\
                6,REMOVE,,REMOVE,,silver,\n\
                7,x,Latvia,none,,,\n\
                8,x,Remove,1,,,\n";
    let offerit = Offerit::job(&server, text);
    let config = "[columns.id]\nparameter = 'customer_id'\n[columns.mail]\nparameter = 'email'\nlower = true\n\
                  [columns.land]\nparameter = 'country'\nupper = true\n\
                  values = { 'United States' = 'US' }\notherwise = 'invalid'\ndefault = 'DE'\n\
                  [columns.phone]\nparameter = 'custom1'\ndigits = true\nempty = 'remove'\n\
                  [columns.pin]\nparameter = 'password'\n[columns.segment]\nparameter = 'custom2'\n\
                  values = { 'N/A' = 'REMOVE' }\nempty = 'remove'\n[columns.code]\nparameter = 'custom3'\ntrim = false\n";
    offerit.input(CONFIG, config);
    offerit.send(&["--config", CONFIG]).expect_code(3);
    let expected = [
        named(&[
            ("customer_id", "5"),
            ("email", "ann@example.org"),
            ("country", "US"),
            ("custom1", "49301 2".replace(' ', "").as_str()),
            ("password", " pin "),
            ("custom2", "REMOVE"),
            ("custom3", "  x "),
        ]),
        named(&[
            ("customer_id", "6"),
            ("email", "REMOVE"),
            ("country", "DE"),
            ("custom1", "REMOVE"),
            ("custom2", "silver"),
        ]),
    ];
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(arrived(&server), expected);
    let outcomes = offerit.outcomes();
    for (row, told) in
        [(3, "column 3 (country): the value is not in the column's table"), (4, "upper = true")]
    {
        let record = &outcomes[&row];
        assert_eq!(record.status, "invalid");
        assert!(record.error.contains(told), "{record:?}");
        assert!(!record.error.contains("Latvia"), "{record:?}");
    }
    let output = offerit.run(&["check", INPUT, "--config", CONFIG]).expect_code(3);
    assert!(output.stdout.contains("2 ready to send, 2 invalid"), "{}", output.stdout);
}

#[test]
fn empty_cells_remove_what_can_be_removed() {
    let server = happy();
    let text = "customer_id,subscription_id,email,password,city\n5,,a, ,\n,S6,\t,,Riga\n7,S7,,,\n";
    let offerit = Offerit::job(&server, text);
    offerit.input(CONFIG, "[columns.city]\nempty = \"keep\"\n");
    offerit.send(&["--empty", "remove", "--config", CONFIG]).expect_code(0);
    assert_eq!(
        arrived(&server),
        [
            named(&[("city", "Riga"), ("email", "REMOVE"), ("subscription_id", "S6")]),
            named(&[("customer_id", "5"), ("email", "a")]),
            named(&[("customer_id", "7"), ("email", "REMOVE"), ("subscription_id", "S7")]),
        ]
    );
}

#[test]
fn a_password_of_blanks_is_an_empty_cell_to_a_run_and_to_check() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,city,password\n1,a,    \n2,,\u{a0} \n3,, s3cret \n");
    offerit.send(&[]).expect_code(3);
    let expected = [
        named(&[("customer_id", "1"), ("city", "a")]),
        named(&[("customer_id", "3"), ("password", " s3cret ")]),
    ];
    assert_eq!(arrived(&server), expected);
    let output = offerit.run(&["check", INPUT]).expect_code(3);
    assert!(output.stdout.contains("line 3, row 2") && output.stdout.contains("1 invalid"), "{output:?}");
}

#[test]
fn rows_with_nothing_to_send_are_passed_over_on_request() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,city\n1,Riga\n2,\n , \n4\u{7},\n,Rome\n");
    let output = offerit.run(&["check", INPUT, "--empty-rows", "skip"]).expect_code(3);
    assert!(output.stdout.contains("5 rows: 1 ready to send, 2 invalid, 2 empty"), "{}", output.stdout);
    offerit.send(&["--empty-rows", "skip"]).expect_code(3);
    let statuses = |offerit: &Offerit| -> Vec<String> {
        offerit.outcomes().into_values().map(|record| record.status).collect()
    };
    assert_eq!(statuses(&offerit), ["updated", "unchanged", "unchanged", "invalid", "invalid"]);
    assert!(offerit.outcomes()[&2].error.contains("nothing to send"));
    assert_eq!(offerit.outcomes()[&2].customer_id, "2");

    // What was passed over counts as in sync until the row changes.
    offerit.input(INPUT, "customer_id,city\n1,Riga\n2,\n3,Oslo\n4,Bern\n5,Rome\n");
    offerit.run(&["verify", INPUT, "--empty-rows", "skip"]).expect_code(3);
    let output = offerit.send(&["--resume", "--empty-rows", "skip"]).expect_code(0);
    assert!(output.stderr.contains("2 in sync, 1 changed"), "{}", output.stderr);
    let mut sent = customers(&server.requests());
    sent.sort();
    assert_eq!(sent, ["1", "3", "4", "5"]);
    offerit.run(&["verify", INPUT, "--empty-rows", "skip"]).expect_code(0);

    // Without the option such a row is wrong again, and is not taken for done.
    offerit.send(&["--resume"]).expect_code(3);
    assert_eq!(offerit.outcomes()[&2].status, "invalid");
}

#[test]
fn a_constant_is_enough_to_send_but_does_not_fill_a_blank_row() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id\n1\n\" \"\n");
    offerit.send(&["--set", "custom1=crm", "--empty-rows", "skip"]).expect_code(0);
    assert_eq!(arrived(&server), [named(&[("customer_id", "1"), ("custom1", "crm")])]);
    assert_eq!(offerit.outcomes()[&2].status, "unchanged");
}

/// Sends a table with a mapping, then looks at it with another one: which rows have changed?
#[track_caller]
fn changed(first: &[&str], then: &[&str]) -> u64 {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,city,zip,email\n1,riga,,A@b\n2,,0150,c@d\n");
    offerit.input(CONFIG, "[columns.email]\nlower = true\n");
    offerit.send(first).expect_code(0);
    let output = offerit.run(&[&["verify", INPUT], then].concat());
    let line = output.stdout.lines().find_map(|line| line.strip_prefix("changed"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{output:?}"))
}

#[test]
fn another_mapping_is_another_update() {
    assert_eq!(changed(&[], &[]), 0);
    assert_eq!(changed(&[], &["--map", "city=state"]), 1);
    assert_eq!(changed(&["--map", "city=state"], &["--map", "CITY = State"]), 0);
    assert_eq!(changed(&[], &["--set", "custom1=a"]), 2);
    assert_eq!(changed(&["--set", "custom1=a"], &["--set", "custom1=b"]), 2);
    assert_eq!(changed(&[], &["--ignore-column", "zip"]), 1);
    assert_eq!(changed(&[], &["--empty", "remove"]), 2);
    assert_eq!(changed(&["--empty", "remove"], &["--empty", "remove"]), 0);
    assert_eq!(changed(&[], &["--config", CONFIG]), 1);
    assert_eq!(changed(&["--config", CONFIG], &["--config", CONFIG]), 0);
}

#[test]
fn a_resumed_run_sends_what_another_mapping_changes() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,city,zip\n1,a,\n2,b,\n3,c,5\n");
    offerit.send(&[]).expect_code(0);
    let output = offerit.send(&["--resume", "--ignore-column", "zip"]).expect_code(0);
    assert!(output.stderr.contains("2 in sync, 1 changed"), "{}", output.stderr);
    assert_eq!(server.count(), 4);
}

#[test]
fn flags_go_before_the_file_column_by_column() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,A,B,C\n1,a,b,c\n");
    let config = "ignore-column = ['C']\n[set]\ncustom5 = 'file'\ncustom4 = 'file'\n[columns.A]\n\
                  parameter = 'custom1'\nupper = true\n[columns.B]\nparameter = 'custom2'\n";
    offerit.input(CONFIG, config);
    let flags = [
        "--config",
        CONFIG,
        "--map",
        "a=city",
        "--ignore-column",
        "b",
        "--map",
        "C=zip",
        "--set",
        "custom5=flag",
    ];
    offerit.send(&flags).expect_code(0);
    let expected =
        named(&[("customer_id", "1"), ("city", "A"), ("zip", "c"), ("custom4", "file"), ("custom5", "flag")]);
    assert_eq!(arrived(&server), [expected]);
}

#[test]
fn every_fault_of_a_header_has_its_line() {
    let offerit = Offerit::new();
    offerit.input(INPUT, "customer_id,,Emial,Vorname,Nachname,ZIP,zip\n1,,a,b,c,d,e\n");
    let output = offerit.run(&["check", INPUT]).expect_code(2);
    let expected: [&[&str]; 3] = [
        &["column 2 has no name", "--ignore-unknown-columns"],
        &[
            "3 columns",
            "3 'Emial'",
            "'email'",
            "4 'Vorname', 5 'Nachname'",
            "--map ",
            "--ignore-column",
            "custom5",
        ],
        &["columns 6 and 7 are both 'zip'"],
    ];
    let lines: Vec<_> = output.stderr.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{}", output.stderr);
    for (line, words) in lines.iter().zip(expected) {
        assert!(line.starts_with("error: customers.csv: line 1: "), "{line}");
        words.iter().for_each(|word| assert!(line.contains(word), "{word}: {line}"));
    }
}

#[test]
fn the_columns_of_failures_are_left_out_by_themselves() {
    let server = happy();
    let offerit = Offerit::job(&server, "_status,customer_id,city,_error\nrejected,1,Riga,HTTP 400\n");
    offerit.send(&[]).expect_code(0);
    assert_eq!(arrived(&server), [named(&[("customer_id", "1"), ("city", "Riga")])]);
}

#[test]
fn the_sample_works_as_its_comments_say() {
    let server = happy();
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    let read = |name: &str| fs::read(format!("{samples}/{name}")).expect("a sample");
    let offerit = Offerit::job(&server, read("customers-from-crm.csv"));
    offerit.input(CONFIG, read("offerit-sync.toml"));
    offerit.run(&["check", INPUT, "--config", CONFIG]).expect_code(0);
    offerit.send(&["--config", CONFIG]).expect_code(0);
    offerit.run(&["verify", INPUT, "--config", CONFIG]).expect_code(0);
    let first = named(&[
        ("customer_id", "10241"),
        ("firstname", "Jürgen"),
        ("lastname", "Weißmüller"),
        ("email", "juergen.weissmueller@example.com"),
        ("country", "DE"),
        ("zip", "01067"),
        ("custom1", "crm"),
        ("custom2", "493023125524"),
        ("custom3", "REMOVE"),
    ]);
    assert!(arrived(&server).contains(&first), "{:?}", arrived(&server));
    assert_eq!(server.count(), 6);
}

#[test]
fn standard_input_is_mapped_too() {
    let server = happy();
    let offerit = Offerit::job(&server, "").stdin(table(1..=2).replace("city", "Town"));
    offerit.run(&["run", "-", "--result", "r.csv", "--map", "Town=city"]).expect_code(0);
    assert_eq!(arrived(&server)[0], named(&[("customer_id", "1"), ("city", "City 1")]));
}
