//! `report` through the real binary: where the page goes, what it never touches, and a run that goes on meanwhile.

use crate::support::{Gate, INPUT, Offerit, RESULT, Reply, Server, table};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

/// The page beside the result file.
const PAGE: &str = "customers.result.html";

/// A finished job of three rows, the second one rejected.
fn finished() -> Offerit {
    let server = Server::start(|request, _| match request.field("customer_id").as_deref() {
        Some("2") => Reply::json(404, r#"{"result":"error","message":"<b>customer</b> not found"}"#),
        _ => Reply::updated(),
    });
    let program = Offerit::job(&server, table(1..=3));
    program.send(&[]).expect_code(3);
    program
}

#[test]
fn the_page_stands_beside_the_result_file_and_is_its_owners() {
    let program = finished();
    let output = program.run(&["report", RESULT]).expect_code(0);
    assert_eq!(output.stdout, "");
    assert!(output.stderr.contains("Wrote customers.result.html (3 rows, 3 records)"), "{}", output.stderr);
    let page = fs::read_to_string(program.path(PAGE)).unwrap();
    assert!(page.contains("<h1>2 of 3 rows so far are in sync; 1 was rejected.</h1>"), "{page}");
    assert!(
        page.contains("&lt;b&gt;customer&lt;/b&gt; not found") && !page.contains("<b>customer"),
        "{page}"
    );
    assert_eq!(fs::metadata(program.path(PAGE)).unwrap().permissions().mode() & 0o777, 0o600);
    // A page is replaced, and nothing is left beside it.
    program.run(&["report", RESULT]).expect_code(0);
    assert_eq!(fs::read_to_string(program.path(PAGE)).unwrap(), page);
    let left = fs::read_dir(program.folder()).unwrap().count();
    assert_eq!(left, 3, "the input, the result file and the page");
    let stdout = program.run(&["report", RESULT, "-o", "-"]).expect_code(0).stdout;
    assert_eq!(stdout, page);
}

#[test]
fn nothing_but_a_page_is_replaced() {
    let program = finished();
    program.run(&["report", RESULT]).expect_code(0);
    let target = program.input("target.txt", "mine");
    symlink(&target, program.path("link.html")).unwrap();
    symlink(program.path(PAGE), program.path("linked-page.html")).unwrap();
    let result_file = fs::read(program.path(RESULT)).unwrap();
    for (place, why) in [
        (INPUT, "is not a page of this program"),
        ("target.txt", "is not a page of this program"),
        ("link.html", "not a regular file"),
        ("linked-page.html", "not a regular file"),
        (".", "not a regular file"),
        (RESULT, "would overwrite customers.result.csv, which this command reads"),
        ("./customers.result.csv", "would overwrite customers.result.csv, which this command reads"),
    ] {
        let output = program.run(&["report", RESULT, "-o", place]).expect_code(2);
        assert!(output.stderr.contains(why), "{place}: {}", output.stderr);
    }
    assert_eq!(fs::read(program.path(RESULT)).unwrap(), result_file);
    assert_eq!(fs::read(target).unwrap(), b"mine");
    assert!(fs::symlink_metadata(program.path("linked-page.html")).unwrap().is_symlink());
    let output = program.run(&["report", RESULT, "-o", "no/such/folder.html"]).expect_code(2);
    assert!(output.stderr.contains("cannot write no/such/folder.html"), "{}", output.stderr);
}

#[test]
fn a_torn_tail_is_read_over_and_damage_refused() {
    let program = finished();
    let whole = fs::read_to_string(program.path(RESULT)).unwrap();
    let torn = program.input("torn.result.csv", format!("{whole}4,5,4,,upd"));
    let output = program.run(&["report", "torn.result.csv", "-o", "-"]).expect_code(0);
    assert!(output.stdout.contains("The last record is incomplete (10 bytes)"), "{}", output.stdout);
    assert!(output.stderr.contains("incomplete (10 bytes)"), "{}", output.stderr);
    assert_eq!(fs::read_to_string(torn).unwrap().len(), whole.len() + 10, "it is left as it is");
    program.input("bad.result.csv", whole.replacen(",updated,", ",updatet,", 1));
    let output = program.run(&["report", "bad.result.csv"]).expect_code(2);
    for part in ["bad.result.csv: line ", " (byte ", "the field 'status'"] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    assert!(!program.path("bad.result.html").exists());
    let output = program.run(&["report", "none.result.csv"]).expect_code(2);
    assert!(output.stderr.contains("not found"), "{}", output.stderr);
}

#[test]
fn a_run_that_goes_on_is_not_disturbed() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        Some("3") => Reply::updated().gated(&at_the_door),
        _ => Reply::updated(),
    });
    let program = Offerit::job(&server, table(1..=3));
    let run = program.start_sending(&[]);
    while program.rows_in_sync().len() < 2 {
        thread::yield_now();
    }
    let page = program.run(&["report", RESULT, "-o", "-"]).expect_code(0).stdout;
    assert!(page.contains("up to record 2 "), "{page}");
    gate.open();
    run.wait().expect_code(0);
    assert_eq!(program.records().len(), 3);
}
