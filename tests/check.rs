//! `check` reads and validates everything, names every problem and sends nothing.

mod support;

use std::fs;
use std::process::Stdio;
use support::{Child, INPUT, Offerit, Output, RESULT, Reply, Server, table};

/// Runs a check of a table. A server and credentials are there to be used by mistake.
#[track_caller]
fn check(table: impl AsRef<[u8]>) -> Output {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table);
    let output = offerit.run(&["check", INPUT]);
    assert_eq!(server.count(), 0, "something was sent");
    assert!(!offerit.path(RESULT).exists(), "there is a result file");
    output
}

#[test]
fn a_table_without_a_fault_passes() {
    let output = check(table(1..=25)).expect_code(0);
    assert!(output.stdout.contains("25 rows") && output.stdout.contains("25 valid"), "{}", output.stdout);
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
}

#[test]
fn every_problem_is_listed_with_its_line_and_column() {
    let text = "customer_id,email,password\r\n\
                1,a@example.org,s3cret-one\r\n\
                ,b@example.org,REMOVE\r\n\
                \"3\",\"Karls\r\nruhe\",\r\n\
                \r\n\
                \"4\t4\",,REMOVE\r\n\
                5,e@example.org\r\n\
                6,,\r\n";
    let output = check(text).expect_code(3);
    // Per problem: the line, and where in the row.
    let expected = [
        (3, "column 3 (password)"),
        (3, "names no customer"),
        (7, "column 1 (customer_id)"),
        (7, "column 3 (password)"),
        (8, "2 fields"),
        (9, "no field"),
    ];
    let lines: Vec<&str> = output.stdout.lines().collect();
    let (summary, listed) = lines.split_last().expect("a summary");
    assert_eq!(listed.len(), expected.len(), "{}", output.stdout);
    for (told, (line, place)) in listed.iter().zip(expected) {
        assert!(told.starts_with(&format!("{INPUT}:{line}:")) && told.contains(place), "{place}: {told}");
    }
    for words in ["6 rows", "2 valid", "4 invalid"] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
    for value in ["s3cret", "example.org", "Karls", "ruhe"] {
        assert!(!output.stdout.contains(value) && !output.stderr.contains(value), "{value} is shown");
    }
}

#[test]
fn many_problems_are_all_listed() {
    let rows: String = (0..500).map(|_| ",x\n").collect();
    let output = check(format!("customer_id,city\n{rows}")).expect_code(3);
    assert_eq!(output.stdout.lines().count(), 501);
}

#[test]
fn it_agrees_with_what_a_run_does() {
    let mistakes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/customers-with-mistakes.csv"));
    let mistakes = mistakes.expect("the sample");
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, mistakes);
    let output = offerit.run(&["check", INPUT]).expect_code(3);
    offerit.send(&[]).expect_code(3);
    for record in offerit.outcomes().values().filter(|record| record.status == "invalid") {
        let place = format!("{INPUT}:{}:", record.line);
        assert!(output.stdout.lines().any(|told| told.starts_with(&place)), "{place} {}", output.stdout);
    }
    let invalid = offerit.outcomes().values().filter(|record| record.status == "invalid").count();
    assert!(invalid > 5 && output.stdout.contains(&format!("{invalid} invalid")), "{}", output.stdout);
}

#[test]
fn it_needs_no_credentials() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    offerit.run(&["check", INPUT]).expect_code(0);
}

#[test]
fn it_reads_standard_input() {
    let offerit = Offerit::new().stdin("customer_id,city\n1,a\n,b\n");
    let output = offerit.run(&["check", "-"]).expect_code(3);
    assert!(
        output.stdout.contains("2 rows") && output.stdout.contains("standard input:3:"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_header_that_cannot_be_used_ends_it_with_a_suggestion() {
    let output = check("customer_id,emial\n1,a@example.org\n").expect_code(2);
    assert!(output.stderr.contains(INPUT) && output.stderr.contains("'email'"), "{}", output.stderr);
    assert_eq!(output.stdout, "");
}

#[test]
fn a_full_disk_behind_its_output_is_no_success() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    let mut command = offerit.command_in_shell("exec >/dev/full;", &["check", INPUT]);
    command.stderr(Stdio::piped());
    let output = Child::start(command).wait().expect_code(1);
    assert!(output.stderr.contains("standard output"), "{}", output.stderr);
}
