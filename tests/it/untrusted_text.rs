//! Text from outside, in an edited result file and in the names of files: it reaches no terminal and no spreadsheet as it is.

use crate::support::{INPUT, Offerit, Output, RESULT, Reply, Server};
use std::fs;

/// Whether a terminal acts on a character instead of showing it. A line feed ends our own lines.
fn is_obeyed(letter: char) -> bool {
    letter.is_control() && letter != '\n'
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
}

#[track_caller]
fn assert_safe(text: &str) {
    let found: Vec<char> = text.chars().filter(|letter| is_obeyed(*letter)).collect();
    assert!(found.is_empty(), "{found:?} in {text:?}");
}

#[track_caller]
fn assert_safe_output(output: &Output) {
    assert_safe(&output.stdout);
    assert_safe(&output.stderr);
}

const HOSTILE: &str = "=cmd|calc \u{9b}2J \u{202e} evil";

/// A finished job with one refused row, whose error somebody has edited.
fn edited(error: &str) -> (Server, Offerit) {
    let server = Server::start(|request, _| match request.field("customer_id").as_deref() {
        Some("2") => Reply::json(400, r#"{"result":"error","message":"not found"}"#),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, "customer_id,city\n1,Riga\n2,Riga\n");
    offerit.send(&[]).expect_code(3);
    let records = String::from_utf8(offerit.result_bytes()).expect("text");
    let changed = records.replace("HTTP 400: not found", error);
    assert_ne!(changed, records);
    offerit.input(RESULT, changed);
    (server, offerit)
}

#[test]
fn failures_writes_no_formula_and_no_control_character_of_an_edited_result_file() {
    for error in [HOSTILE.to_owned(), format!("\"{HOSTILE}, \"\"twice\"\"\""), format!("  {HOSTILE}")] {
        let (_server, offerit) = edited(&error);
        let output = offerit.run(&["failures", INPUT]).expect_code(0);
        assert_safe_output(&output);
        let row = output.stdout.lines().nth(1).expect("a row");
        let reason = row.strip_prefix("2,Riga,rejected,").expect("the row that was refused");
        let reason = reason.trim_start_matches('"');
        assert!(reason.starts_with('\'') && reason.contains(r"=cmd|calc \u{9b}2J \u{202e} evil"), "{row:?}");
    }
}

#[test]
fn the_page_of_an_edited_result_file_holds_no_control_character() {
    let (_server, offerit) = edited(HOSTILE);
    offerit.run(&["report", RESULT, "-o", "page.html"]).expect_code(0);
    let page = fs::read_to_string(offerit.path("page.html")).expect("a page");
    assert_safe(&page);
    assert!(page.contains(r"=cmd|calc \u{9b}2J \u{202e} evil"), "{page}");
}

/// Every command with files of such names, where it works and where it does not.
#[test]
fn the_name_of_a_file_reaches_no_terminal_as_it_is() {
    const NAME: &str = "in\u{1b}[2J\u{202e}\u{9b}31m\n.csv";
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, "");
    offerit.input(NAME, "customer_id,city\n1,Riga\n2,NULL\n");
    let result = NAME.replace(".csv", ".result.csv");
    let (page, missing) = (format!("{NAME}.html"), format!("{NAME}.no"));
    let run = ["run", NAME, "--rate", "unlimited"];
    for (arguments, code) in [
        (&[&run[..], &["--limit", "1"]].concat()[..], 7),
        (&run, 2),
        (&[&run[..], &["--resume", "-v"]].concat(), 0),
        (&[&run[..], &["--overwrite", "--log-format", "json"]].concat(), 0),
        (&["check", NAME], 0),
        (&["check", NAME, "--format", "json"], 0),
        (&["check", NAME, "--format", "github"], 0),
        (&["check", NAME, "--show-config"], 0),
        (&["verify", NAME], 0),
        (&["verify", NAME, "--json"], 0),
        (&["failures", NAME], 0),
        (&["failures", NAME, "-o", &page], 0),
        (&["report", &result, "-o", &page], 2),
        (&["report", &result, "-o", "page.html"], 0),
        (&["check", &missing], 2),
        (&["verify", &missing], 2),
        (&["failures", &missing], 2),
        (&["report", &missing], 2),
        (&["run", &missing, "--config", &missing], 2),
        (&["check", NAME, NAME], 2),
        (&["check", NAME, "--config", NAME], 2),
        (&["sandbox", "--load", NAME, NAME], 2),
    ] {
        let output = offerit.run(arguments);
        eprintln!("{arguments:?}: {} {}", output.stdout, output.stderr);
        assert_safe_output(&output.expect_code(code));
    }
}
