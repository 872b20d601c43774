//! A plan as an input: what is sent of it, and what makes it none.

use crate::support::plan::{Row, plan, row};
use crate::support::{INPUT, Offerit, RESULT, Reply, Server, customers};
use std::fs;

const COLUMNS: [&str; 5] = ["customer_id", "subscription_id", "set:city", "set:email", "was:city"];

fn three() -> Vec<Row> {
    vec![
        row(&[("customer_id", "1"), ("set:city", "Riga"), ("was:city", "Oslo")]),
        row(&[("customer_id", "2"), ("set:email", "a@example.org")]),
        row(&[("customer_id", "3"), ("set:city", "REMOVE"), ("was:city", " =1,\"x\" ")]),
    ]
}

fn server() -> Server {
    Server::start(|_, _| Reply::updated())
}

#[test]
fn a_plan_is_sent_like_any_input_and_only_its_set_columns() {
    let server = server();
    let offerit = Offerit::job(&server, plan(&COLUMNS, &three()));
    offerit.send(&["--concurrency", "1"]).expect_code(0);
    let sent: Vec<_> = server.requests().iter().map(|request| request.fields()).collect();
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let expected = [
        vec![field("customer_id", "1"), field("city", "Riga")],
        vec![field("customer_id", "2"), field("email", "a@example.org")],
        vec![field("customer_id", "3"), field("city", "REMOVE")],
    ];
    assert_eq!(sent, expected);
    offerit.run(&["verify", INPUT]).expect_code(0);
}

#[test]
fn cells_of_a_plan_are_sent_as_they_are() {
    let server = server();
    let rows = [row(&[("customer_id", "1"), ("set:city", " Riga "), ("set:email", "x\ny\"z,;é")])];
    Offerit::job(&server, plan(&COLUMNS, &rows)).send(&[]).expect_code(0);
    let request = &server.requests()[0];
    assert_eq!(request.field("city").unwrap(), " Riga ");
    assert_eq!(request.field("email").unwrap(), "x\ny\"z,;é");
}

/// The worst that could happen to a plan: the configuration of the job removes every field that the plan leaves alone.
#[test]
fn an_empty_cell_leaves_the_field_alone_whatever_the_configuration_says() {
    let server = server();
    let offerit = Offerit::job(&server, plan(&COLUMNS, &three()));
    let config = "empty = \"remove\"\nsince = \"old.csv\"\n[set]\ncustom1 = \"x\"\n[columns.\"Customer No\"]\n\
                  parameter = \"customer_id\"\n[columns.City]\ndefault = \"Riga\"\n";
    offerit.input("job.toml", config);
    let output = offerit.send(&["--config", "job.toml", "--concurrency", "1"]).expect_code(0);
    let said = "this is a plan, whose values are sent unchanged. Ignored in the configuration file: columns, set, empty, since";
    assert_eq!(output.stderr.matches(said).count(), 1, "{}", output.stderr);
    let counts: Vec<_> = server.requests().iter().map(|request| request.fields().len()).collect();
    assert_eq!(counts, [2, 2, 2]);
    for command in ["check", "verify", "failures"] {
        let output = offerit.run(&[command, INPUT, "--config", "job.toml"]).expect_code(0);
        assert!(
            [output.stdout, output.stderr].concat().contains("Ignored in the configuration file"),
            "{command}"
        );
    }
}

#[test]
fn options_about_columns_that_were_typed_are_refused_with_a_plan() {
    let server = server();
    let offerit = Offerit::job(&server, plan(&COLUMNS, &three()));
    offerit.input("old.csv", "");
    for (options, named) in [
        (["--map", "set:city=city"], "--map"),
        (["--set", "city=x"], "--set"),
        (["--empty", "remove"], "--empty"),
        (["--empty", "keep"], "--empty"),
        (["--since", "old.csv"], "--since"),
    ] {
        let output = offerit.send(&options).expect_code(2);
        assert!(output.stderr.contains(&format!("{named} does not apply to a plan")), "{}", output.stderr);
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn a_header_that_is_no_plans_any_more_is_refused() {
    let server = server();
    let whole = plan(&COLUMNS, &three());
    let renamed = |from: &str, to: &str| whole.replacen(from, to, 1);
    for (table, expected) in [
        (renamed("set:email", "email"), "column 4 'email' does not belong in a plan"),
        (renamed("set:email", "set:emial"), "column 4 'set:emial' is not a column of a plan"),
        (renamed("set:email", "set:emial"), "Did you mean 'set:email'?"),
        (renamed("set:email", "set:customer_id"), "is not a column of a plan"),
        (renamed("set:email", "was:password"), "is not a column of a plan"),
        (renamed("set:email", "_note"), "column 4 '_note' is not a column of a plan"),
        (renamed("set:email", "set:city"), "columns 3 and 4 are both 'set:city'"),
        (renamed("_row", "_rov"), "is not a column of a plan"),
        (renamed(",_row", ",_status"), "without the column '_row'"),
        (renamed("_change", "_status"), "without the column '_change'"),
        (renamed("_check", "_error"), "without the column '_check'"),
        (renamed("customer_id,subscription_id", "_status,_error"), "without the column 'customer_id'"),
        // The prefixes are gone: not even an ordinary input.
        (renamed("set:", "").replacen("set:", "", 1).replacen("was:", "", 1), "columns 3 and 5"),
        ("customer_id,city,_row,_change,_check\n1,Riga,1,new,x\n".to_owned(), "3 '_row'"),
        ("customer_id,was:city,_row,_change,_check\n1,Riga,1,new,x\n".to_owned(), "no column holds a field"),
    ] {
        let offerit = Offerit::job(&server, &table);
        for command in ["run", "check"] {
            let output = offerit.run(&[command, INPUT]).expect_code(2);
            assert!(output.stderr.contains(expected), "{command} {}", output.stderr);
        }
        assert!(!offerit.path(RESULT).exists());
    }
    assert_eq!(server.count(), 0);
}

fn errors(offerit: &Offerit) -> Vec<(String, String)> {
    offerit.outcomes().into_values().map(|record| (record.status, record.error)).collect()
}

#[test]
fn a_row_that_does_not_fit_its_check_digits_is_invalid() {
    let server = server();
    let mut rows = three();
    rows[0].insert("customer_id".to_owned(), "007".to_owned());
    let whole = plan(&COLUMNS, &rows);
    for (from, to) in [("007", "7"), ("Oslo", "Oslo "), ("\"1\",\"\",\"changed\"", "\"1\",\"\",\"new\"")] {
        let before = server.count();
        let offerit = Offerit::job(&server, whole.replacen(from, to, 1));
        offerit.send(&[]).expect_code(3);
        let errors = errors(&offerit);
        assert_eq!(errors[0].0, "invalid", "{from}");
        assert!(errors[0].1.contains("does not match its _check"), "{}", errors[0].1);
        assert_eq!(server.count() - before, 2);
        assert!(!customers(&server.requests()).iter().any(|id| id.ends_with('7')));
    }
}

#[test]
fn set_cells_may_be_edited_rows_deleted_and_the_columns_of_failures_stand_beside() {
    let server = server();
    let whole = plan(&COLUMNS, &three()).replace("Riga", "Bonn");
    let lines: Vec<&str> = whole.lines().collect();
    let edited = format!("{},_status,_error\n{},failed,x\n{},,\n", lines[0], lines[1], lines[3]);
    Offerit::job(&server, edited).send(&["--concurrency", "1"]).expect_code(0);
    assert_eq!(customers(&server.requests()), ["1", "3"]);
    assert_eq!(server.requests()[0].field("city").unwrap(), "Bonn");
}

#[test]
fn a_plan_that_was_sorted_is_not_sent_in_another_order() {
    let server = server();
    let whole = plan(&COLUMNS, &three());
    let lines: Vec<&str> = whole.lines().collect();
    let sorted = [lines[0], lines[2], lines[1], lines[3], lines[3]].join("\n");
    let offerit = Offerit::job(&server, sorted);
    offerit.send(&["--concurrency", "1"]).expect_code(3);
    assert_eq!(customers(&server.requests()), ["2", "3"]);
    let errors = errors(&offerit);
    assert_eq!([&*errors[1].0, &*errors[3].0], ["invalid"; 2]);
    assert!(errors[1].1.contains("the plan was sorted"), "{}", errors[1].1);
    // Also where the run goes on in the middle.
    offerit.send(&["--resume"]).expect_code(3);
    assert_eq!(server.count(), 2);
}

#[test]
fn a_plan_without_rows_is_a_finished_job() {
    let server = server();
    let offerit = Offerit::job(&server, plan(&COLUMNS, &[]));
    for command in ["check", "verify", "failures"] {
        let output = offerit.run(&[command, INPUT]).expect_code(0);
        let said = [output.stdout, output.stderr].concat();
        assert!(said.contains("this is a plan without rows"), "{command}: {said}");
    }
    let output = offerit.send(&[]).expect_code(0);
    assert!(output.stderr.contains("this is a plan without rows"), "{}", output.stderr);
    for command in ["verify", "failures"] {
        offerit.run(&[command, INPUT]).expect_code(0);
    }
    offerit.send(&["--resume"]).expect_code(0);
    fs::remove_file(offerit.path(RESULT)).unwrap();
    offerit.send(&["--shard", "0/2", "--strict"]).expect_code(0);
    assert_eq!(server.count(), 0);
}

#[test]
fn a_plan_goes_through_a_pipe_and_through_shards() {
    let server = server();
    let text = plan(&COLUMNS, &three());
    let offerit = Offerit::job(&server, &text).stdin(&text);
    offerit.run(&["run", "-", "--result", "r.csv", "--rate", "unlimited"]).expect_code(0);
    for shard in ["0/2", "1/2"] {
        offerit.send(&["--shard", shard]).expect_code(0);
    }
    let mut sent = customers(&server.requests());
    sent.sort();
    assert_eq!(sent, ["1", "1", "2", "2", "3", "3"]);
    let output = offerit.run(&["check", INPUT, "--show-values"]).expect_code(0);
    assert!(!output.stdout.contains("left out") && !output.stdout.contains("Oslo"), "{}", output.stdout);
}

/// A plan whose customer 2 is refused.
fn job_with_a_refused_row(server: &Server) -> Offerit {
    let mut rows = three();
    rows[1].insert("set:city".to_owned(), "Nowhere".to_owned());
    let offerit = Offerit::job(server, plan(&COLUMNS, &rows));
    offerit.send(&["--concurrency", "1"]).expect_code(3);
    offerit
}

fn server_that_refuses_nowhere() -> Server {
    Server::start(|request, _| match request.field("city").as_deref() {
        Some("Nowhere") => Reply::new(400).body("no"),
        _ => Reply::updated(),
    })
}

#[test]
fn the_failures_of_a_plan_are_a_plan() {
    let server = server_that_refuses_nowhere();
    let offerit = job_with_a_refused_row(&server);
    let output = offerit.run(&["verify", INPUT]).expect_code(3);
    assert!(output.stdout.contains("rejected              1"), "{}", output.stdout);
    offerit.run(&["failures", INPUT, "-o", "failures.csv"]).expect_code(0);
    let text = fs::read_to_string(offerit.path("failures.csv")).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().next().unwrap().ends_with("_row,_line,_change,_check,_status,_error"), "{text}");
    offerit.input("failures.csv", text.replace("Nowhere", "Bonn"));
    offerit.run(&["run", "failures.csv", "--rate", "unlimited"]).expect_code(0);
    assert_eq!(customers(&server.requests()), ["1", "2", "3", "2"]);
    assert_eq!(server.requests()[3].field("city").unwrap(), "Bonn");
}

#[test]
fn a_corrected_plan_is_resumed_and_reported() {
    let server = server_that_refuses_nowhere();
    let offerit = job_with_a_refused_row(&server);
    let text = fs::read_to_string(offerit.path(INPUT)).unwrap();
    offerit.input(INPUT, text.replace("Nowhere", "Bonn"));
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(customers(&server.requests()), ["1", "2", "3", "2"]);
    offerit.run(&["verify", INPUT]).expect_code(0);
    offerit.run(&["report", RESULT, "--input", INPUT]).expect_code(0);
    let page = fs::read_to_string(offerit.path("customers.result.html")).unwrap();
    assert!(page.contains("updated") && !page.contains("Oslo"));
}

#[test]
fn the_first_rows_of_a_plan_can_be_sent_alone() {
    let server = server();
    let offerit = Offerit::job(&server, plan(&COLUMNS, &three()));
    offerit.send(&["--limit", "1", "--concurrency", "1"]).expect_code(7);
    assert_eq!(customers(&server.requests()), ["1"]);
    offerit.send(&["--resume", "--concurrency", "1"]).expect_code(0);
    assert_eq!(customers(&server.requests()), ["1", "2", "3"]);
}

#[test]
fn check_shows_what_is_wrong_with_a_plan() {
    let offerit = Offerit::new();
    let whole = plan(&COLUMNS, &three()).replace("Oslo", "Osl0");
    offerit.input(INPUT, whole);
    let output = offerit.run(&["check", INPUT, "--format", "json"]).expect_code(3);
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(report["findings"][0]["kind"], "plan-check");
    assert_eq!(report["rows"]["valid"], 2);
    assert!(!output.stdout.contains("Osl0"));
}
