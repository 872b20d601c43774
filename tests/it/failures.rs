//! `failures`: the rows that did not make it come out as they went in, with the reason, to be corrected and run again.

use crate::support::{INPUT, Offerit, Output, RESULT, Reply, Request, Server, customers, table};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

/// Refuses every country but those of two letters.
fn strict() -> Server {
    Server::start(|request, _| match request.field("country") {
        Some(country) if country.len() != 2 => {
            Reply::json(400, r#"{"result":"error","message":"=\"country\", what?"}"#)
        }
        _ => Reply::updated(),
    })
}

fn failures(offerit: &Offerit, more: &[&str]) -> Output {
    offerit.run(&[&["failures", INPUT], more].concat())
}

fn fields(request: &Request, names: [&str; 2]) -> [String; 2] {
    names.map(|name| request.field(name).unwrap_or_default())
}

#[test]
fn what_failed_is_corrected_and_run_again() {
    let server = strict();
    let input = "customer_id;country;city\n1;LV;\"Riga; \"\"old\"\" town\"\n002;Latvia;\" a;b\"\"c\"\n3;DE;x\n4;Germany;\"two\nlines\"\n;FR;y\n";
    let offerit = Offerit::job(&server, input);
    offerit.send(&[]).expect_code(3);
    let output = failures(&offerit, &["-o", "again.csv"]).expect_code(0);
    assert!(
        output.stdout.is_empty()
            && output.stderr.contains("Wrote 3 failed rows to again.csv (1 invalid, 2 rejected)")
    );
    let text = fs::read_to_string(offerit.path("again.csv")).expect("a table");
    let expected = [
        "customer_id;country;city;_status;_error\n",
        "002;Latvia;\" a;b\"\"c\";rejected;\"HTTP 400: =\"\"country\"\", what?\"\n",
        "4;Germany;\"two\nlines\";rejected;\"HTTP 400: =\"\"country\"\", what?\"\n",
    ];
    assert!(text.starts_with(&expected.concat()), "{text}");
    assert!(
        text.contains("\n;FR;y;invalid;\"line 7: ") || text.contains("\n;FR;y;invalid;line 7: "),
        "{text}"
    );
    assert_eq!(fs::metadata(offerit.path("again.csv")).expect("a file").permissions().mode() & 0o777, 0o600);

    let before = server.count();
    let corrected = text.replace("Latvia", "LV").replace("Germany", "DE").replace("\n;FR", "\n5;FR");
    offerit.input("again.csv", corrected);
    offerit.run(&["run", "again.csv", "--rate", "unlimited", "--concurrency", "1"]).expect_code(0);
    let sent = server.requests().split_off(before);
    assert_eq!(customers(&sent), ["002", "4", "5"]);
    assert_eq!(fields(&sent[0], ["city", "country"]), ["a;b\"c", "LV"]);
    assert_eq!(sent[1].field("city").as_deref(), Some("two\nlines"));
    offerit.run(&["verify", "again.csv"]).expect_code(0);
    // Nothing of ours was sent.
    assert!(sent.iter().all(|request| request.fields().len() == 3));
}

#[test]
fn a_corrected_table_that_fails_again_has_our_columns_once() {
    let server = strict();
    let offerit =
        Offerit::job(&server, "_Error,customer_id,country, _STATUS \nold reason,1,Latvia,failed\n,2,LV,\n");
    offerit.send(&[]).expect_code(3);
    let output = failures(&offerit, &[]).expect_code(0);
    assert_eq!(
        output.stdout,
        "customer_id,country,_status,_error\n1,Latvia,rejected,\"HTTP 400: =\"\"country\"\", what?\"\n"
    );
}

#[test]
fn a_malformed_row_is_whole_and_never_becomes_one_that_can_be_sent() {
    let server = strict();
    for (row, written) in [
        ("1,LV", "1,LV,invalid,"),
        ("1,LV,Riga,zip,more", "1,LV,Riga,zip,more,invalid,"),
        ("1,\"L\"\"V\" ,\"Ri\"\"ga\"", "\"1,\"\"L\"\"\"\"V\"\" ,\"\"Ri\"\"\"\"ga\"\"\",invalid,"),
        ("1,5\" pipe,x", "\"1,5\"\" pipe,x\",invalid,"),
    ] {
        let offerit =
            Offerit::job(&server, format!("customer_id,country,city\n{row}\n2,LV,Riga\n3,Latvia,x\n"));
        offerit.send(&[]).expect_code(3);
        let table = failures(&offerit, &[]).expect_code(0).stdout;
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].starts_with(written) && lines[2].starts_with("3,Latvia,x,rejected,"), "{table}");
        let before = server.count();
        offerit.input("again.csv", table.replace("Latvia", "LV"));
        offerit.run(&["run", "again.csv", "--rate", "unlimited"]).expect_code(3);
        assert_eq!(customers(&server.requests().split_off(before)), ["3"], "{row}");
    }
    // Had it the columns of the table by its own two too many or too few, it still would not fit.
    let offerit = Offerit::job(&server, "customer_id,country,_status,_error\n1,LV\n2,LV,,\n");
    offerit.send(&[]).expect_code(3);
    let table = failures(&offerit, &[]).expect_code(0).stdout;
    assert!(
        table.lines().nth(1).is_some_and(|line| line.starts_with("1,LV,invalid,") && line.ends_with(',')),
        "{table}"
    );
}

#[test]
fn encoding_and_byte_order_mark_are_such_that_excel_and_a_run_read_it() {
    let server = strict();
    for (input, starts_with_mark) in [
        (b"customer_id;country\n1;\xd6sterreich\n".to_vec(), true),
        ("\u{feff}customer_id;country\n1;Österreich\n".as_bytes().to_vec(), true),
        ("customer_id;country\n1;Österreich\n".as_bytes().to_vec(), false),
        ("sep=;\ncustomer_id;country\n1;Österreich\n".as_bytes().to_vec(), false),
    ] {
        let has_sep = input.starts_with(b"sep");
        let offerit = Offerit::job(&server, input);
        offerit.send(&[]).expect_code(3);
        let table = failures(&offerit, &[]).expect_code(0).stdout;
        assert_eq!(
            (table.starts_with('\u{feff}'), table.starts_with("sep=;\n")),
            (starts_with_mark, has_sep)
        );
        assert!(table.contains("\n1;Österreich;rejected;"), "{table}");
        offerit.input("again.csv", table.replace("Österreich", "AT"));
        offerit.run(&["run", "again.csv", "--rate", "unlimited"]).expect_code(0);
    }
}

#[test]
fn rows_without_a_record_or_changed_since_are_counted_and_not_taken() {
    let server = strict();
    let offerit = Offerit::job(&server, "customer_id,country\n1,Latvia\n2,Germany\n3,LV\n");
    offerit.send(&[]).expect_code(3);
    offerit.input(INPUT, "customer_id,country\n1,Latvia\n2,DE\n3,EE\n4,LV\n");
    let output = failures(&offerit, &[]).expect_code(0);
    assert_eq!(output.stdout.lines().count(), 2, "{}", output.stdout);
    assert!(
        output.stderr.contains("Not included: 1 row not sent yet and 2 rows changed since they were sent"),
        "{}",
        output.stderr
    );
    // Without the key only ids tell.
    offerit.input(INPUT, "customer_id,country\n7,Latvia\n2,DE\n3,EE\n4,LV\n");
    let keyless = Offerit::new();
    for name in [INPUT, RESULT] {
        keyless.input(name, fs::read(offerit.path(name)).expect("a file"));
    }
    let output = failures(&keyless, &[]).expect_code(0);
    assert!(
        output.stdout.contains("\n2,DE,rejected,") && !output.stdout.contains("Latvia"),
        "{}",
        output.stdout
    );
    assert!(output.stderr.contains("only customer ids"), "{}", output.stderr);
}

#[test]
fn the_last_record_of_a_row_counts_wherever_it_stands() {
    let server = Server::start(|request, number| match (request.field("customer_id").as_deref(), number) {
        (Some("2" | "3"), 0..5) => Reply::json(400, r#"{"message":"first"}"#),
        (Some("3" | "4"), 5..) => Reply::json(400, r#"{"message":"second"}"#),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=5));
    offerit.send(&["--concurrency", "1"]).expect_code(3);
    offerit.send(&["--concurrency", "1", "--resume"]).expect_code(3);
    let output = failures(&offerit, &[]).expect_code(0);
    assert_eq!(output.stdout, "customer_id,city,_status,_error\n3,City 3,rejected,HTTP 400: second\n");
}

#[test]
fn a_row_that_a_newer_one_has_overtaken_is_not_sent_unawares() {
    let server = strict();
    let offerit = Offerit::job(
        &server,
        "customer_id,country,city\n1,Latvia,\n1,LV,\n2,Germany,Bonn\n2,DE,\n3,France,\n",
    );
    offerit.send(&[]).expect_code(3);
    let output = failures(&offerit, &[]).expect_code(0);
    let lines: Vec<&str> = output.stdout.lines().skip(1).collect();
    assert_eq!(lines.len(), 2, "{}", output.stdout);
    assert!(lines[0].starts_with("2,Germany,Bonn,rejected,") && lines[0].contains("row 4, a newer row"));
    assert!(lines[1].starts_with("3,France,,rejected,\"HTTP 400"), "{}", output.stdout);
    assert!(
        output.stderr.contains("1 of these: a newer row of the same customer was already delivered")
            && output
                .stderr
                .contains("Left out: 1 row whose fields newer rows of the same customers have set"),
        "{}",
        output.stderr
    );
}

#[test]
fn nothing_else_is_overwritten() {
    let server = strict();
    let offerit = Offerit::job(&server, "customer_id,country\n1,Latvia\n");
    offerit.send(&[]).expect_code(3);
    offerit.input("precious.csv", "customer_id,email\n");
    offerit.input("like-ours.csv", "_status,customer_id,_error,email\n");
    fs::hard_link(offerit.path(INPUT), offerit.path("hard.csv")).expect("a link");
    symlink(offerit.path("precious.csv"), offerit.path("soft.csv")).expect("a link");
    fs::create_dir(offerit.path("folder")).expect("a folder");
    let before: Vec<_> =
        [INPUT, RESULT, "precious.csv"].map(|name| fs::read(offerit.path(name)).ok()).to_vec();
    for (name, why) in [
        (INPUT, "which this command reads"),
        ("./customers.csv", "which this command reads"),
        (RESULT, "which this command reads"),
        ("hard.csv", "which this command reads"),
        ("soft.csv", "not a regular file"),
        ("folder", "not a regular file"),
        ("precious.csv", "is not a file of failures"),
        ("like-ours.csv", "is not a file of failures"),
    ] {
        for more in [&[][..], &["--overwrite"]] {
            let output = failures(&offerit, &[&["-o", name], more].concat()).expect_code(2);
            assert!(output.stderr.contains(why), "{name}: {}", output.stderr);
        }
    }
    let after: Vec<_> =
        [INPUT, RESULT, "precious.csv"].map(|name| fs::read(offerit.path(name)).ok()).to_vec();
    assert_eq!(before, after);
    // Its own earlier table is replaced on request, and nothing is left beside it.
    failures(&offerit, &["-o", "again.csv"]).expect_code(0);
    failures(&offerit, &["-o", "again.csv", "--overwrite"]).expect_code(0);
    let names =
        fs::read_dir(offerit.folder()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with('.')));
    let output = failures(&offerit, &["-o", "no-such-folder/again.csv"]).expect_code(2);
    assert!(!output.stderr.contains(".offerit-sync"), "a file that nobody named: {}", output.stderr);
}

#[test]
fn what_cannot_be_told_is_an_error_with_what_to_do() {
    let server = strict();
    let offerit = Offerit::job(&server, "customer_id,country\n1,LV\n");
    let output = failures(&offerit, &[]).expect_code(2);
    assert!(output.stderr.contains("customers.result.csv not found"), "{}", output.stderr);
    offerit.send(&[]).expect_code(0);
    let output = failures(&offerit, &[]).expect_code(0);
    assert!(
        output.stdout == "customer_id,country,_status,_error\n" && output.stderr.contains("no failed rows")
    );
    let output = offerit.run(&["failures", "-", "--result", RESULT]).expect_code(2);
    assert!(output.stderr.contains("Name the file that was run"), "{}", output.stderr);
}
