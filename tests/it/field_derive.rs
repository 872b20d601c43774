//! What belongs to the user stays: files of failures, and what is derived from a result file.

use crate::support::{INPUT, Offerit, Output, RESULT, Reply, Server};
use std::fs;

/// Refuses every country but those of two letters.
fn strict() -> Server {
    Server::start(|request, _| match request.field("country") {
        Some(country) if country.len() != 2 => Reply::json(400, r#"{"result":"error","message":"country"}"#),
        _ => Reply::updated(),
    })
}

/// A finished job of one row that was refused.
fn refused() -> (Server, Offerit) {
    let server = strict();
    let offerit = Offerit::job(&server, "customer_id,country\n1,Latvia\n");
    offerit.send(&[]).expect_code(3);
    (server, offerit)
}

fn failures(offerit: &Offerit, more: &[&str]) -> Output {
    offerit.run(&[&["failures", INPUT], more].concat())
}

#[test]
fn failures_never_replaces_rows_that_were_corrected_by_hand() {
    let (_server, offerit) = refused();
    failures(&offerit, &["-o", "again.csv"]).expect_code(0);
    let written = fs::read_to_string(offerit.path("again.csv")).expect("a table");
    let corrected = written.replace("Latvia", "LV");
    offerit.input("again.csv", &corrected);
    let output = failures(&offerit, &["-o", "again.csv"]).expect_code(2);
    assert!(output.stderr.contains("--output: again.csv exists"), "{}", output.stderr);
    assert!(output.stderr.contains("add --overwrite"), "{}", output.stderr);
    assert_eq!(fs::read_to_string(offerit.path("again.csv")).expect("a table"), corrected);
    // An empty file is a file too.
    offerit.input("empty.csv", "");
    failures(&offerit, &["-o", "empty.csv"]).expect_code(2);
    for name in ["again.csv", "empty.csv"] {
        failures(&offerit, &["-o", name, "--overwrite"]).expect_code(0);
        assert_eq!(fs::read_to_string(offerit.path(name)).expect("a table"), written);
    }
    let names = fs::read_dir(offerit.folder()).expect("a folder");
    assert_eq!(names.count(), 4, "nothing is left beside them");
}

#[test]
fn the_overwrite_of_a_configuration_is_not_about_failures() {
    let (_server, offerit) = refused();
    offerit.input("job.toml", "overwrite = true\n");
    failures(&offerit, &["-o", "again.csv"]).expect_code(0);
    let output = failures(&offerit, &["-o", "again.csv", "--config", "job.toml"]).expect_code(2);
    assert!(output.stderr.contains("again.csv exists"), "{}", output.stderr);
    // It still is about the result file of a run.
    offerit.send(&["--config", "job.toml"]).expect_code(3);
}

#[test]
fn the_command_for_failures_that_a_run_prints_works_the_second_time_too() {
    let server = strict();
    let offerit = Offerit::job(&server, "customer_id,country\n1,Latvia\n");
    for (more, name) in [
        (&["--overwrite"][..], "customers.failures.csv"),
        (&["--resume"], "customers.failures-2.csv"),
        (&["--overwrite"], "customers.failures-3.csv"),
    ] {
        let output = offerit.send(more).expect_code(3);
        let line = output.stderr.lines().find(|line| line.contains(" failures ")).expect("a command");
        assert!(line.contains(name) && !line.contains("--overwrite"), "{line}");
        let words: Vec<&str> = line.split_whitespace().skip_while(|word| *word != "failures").collect();
        offerit.run(&words).expect_code(0);
        assert!(offerit.path(name).exists());
    }
    assert!(offerit.path(RESULT).exists());
}
