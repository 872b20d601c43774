//! What is said on standard error: sentences or JSON, no more than helps, nothing that nobody should see.

use crate::support::{INPUT, KEY, Offerit, Output, RESULT, Reply, Server, table};
use serde_json::Value;

/// Every line as the JSON object it must be.
#[track_caller]
fn objects(output: &Output) -> Vec<Value> {
    let object = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value["level"].is_string() && value["message"].is_string(), "{line}");
        assert!(value["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        value
    };
    output.stderr.lines().map(object).collect()
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

/// A server that refuses every row for a reason that names it.
fn refusing() -> Server {
    Server::start(|request, _| {
        let id = request.field("customer_id").unwrap_or_default();
        Reply::json(404, format!(r#"{{"message":"customer 77{} is not here"}}"#, id.len()))
    })
}

#[test]
fn in_json_every_line_is_an_object() {
    let server = refusing();
    let offerit = Offerit::job(&server, table(1..=50));
    let output = offerit.send(&["--log-format", "json", "-v", "--max-failures", "100%"]).expect_code(3);
    let lines = objects(&output);
    let failed = of(&lines, "row_failed");
    assert_eq!(failed.len(), 3);
    assert_eq!(
        (&failed[0]["level"], &failed[0]["status"], &failed[0]["http_status"]),
        (&"WARN".into(), &"rejected".into(), &404.into())
    );
    assert_eq!(of(&lines, "rows_failed")[0]["rows"], 47);
    let end = of(&lines, "end");
    assert_eq!(
        (&end[0]["exit_code"], &end[0]["not_in_sync"], &end[0]["level"]),
        (&3.into(), &50.into(), &"INFO".into())
    );
    assert_eq!(of(&lines, "start").len(), 1);
}

#[test]
fn a_planned_end_is_one_error_with_what_to_do_in_the_event_of_the_end() {
    let server = Server::start(|_, number| match number {
        1 => Reply::json(404, "{}"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=5));
    let output = offerit
        .run(&["run", INPUT, "--limit", "2", "--log-format", "json", "--concurrency", "1"])
        .expect_code(7);
    let lines = objects(&output);
    let errors: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(errors.len(), 1, "{}", output.stderr);
    assert!(
        lines.iter().all(|line| line["level"] == "ERROR" || line["event"].is_string()),
        "{}",
        output.stderr
    );
    let end = of(&lines, "end")[0];
    for (field, word) in [
        ("advice", "are sent first"),
        ("next_command", "--concurrency 1 --resume"),
        ("failures_command", " failures -o customers.failures.csv customers.csv"),
    ] {
        assert!(end[field].as_str().is_some_and(|text| text.contains(word)), "{field}: {end}");
    }
}

#[test]
fn one_is_said_as_one_and_a_line_is_said_once() {
    let server = Server::start(|_, number| match number {
        1 => Reply::new(429).header("retry-after", "1"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=3).replace("2,City 2\n", "2,\n"));
    let output = offerit.send(&["--concurrency", "1"]).expect_code(3);
    assert!(output.stderr.contains("The server asked for a pause once, for "), "{}", output.stderr);
    assert!(
        output.stderr.contains("row 2 (line 3, customer 2): invalid: nothing to send"),
        "{}",
        output.stderr
    );
    let output = offerit.run(&["failures", INPUT, "-o", "f.csv"]).expect_code(0);
    assert!(output.stderr.contains("Wrote 1 failed row to f.csv (1 invalid)"), "{}", output.stderr);
}

#[test]
fn what_ends_a_run_before_it_begins_is_json_too() {
    let server = refusing();
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.input("bad.toml", "url = \n");
    offerit.input("json.toml", "log-format = \"json\"\nrate = \"fast\"\n");
    for arguments in [
        &["run", "missing.csv", "--log-format", "json"][..],
        &["run", INPUT, "--log-format=json", "--config", "bad.toml"],
        &["run", INPUT, "--log-format=json", "--rate", "fast"],
        &["run", INPUT, "--config", "json.toml"],
        &["run", INPUT, "--log-format", "json", "--quiet", "--summary", "/missing/file"],
    ] {
        let output = offerit.run(arguments).expect_code(2);
        let lines = objects(&output);
        assert!(!lines.is_empty() && lines.iter().all(|line| line["level"] == "ERROR"), "{}", output.stderr);
        assert!(!output.stderr.contains("error: "), "the level says it: {}", output.stderr);
    }
}

#[test]
fn equal_failures_are_summed_up() {
    let server = refusing();
    let offerit = Offerit::job(&server, table(1..=1203));
    let output = offerit.send(&["--max-failures", "100%"]).expect_code(3);
    let told = output.stderr.lines().filter(|line| line.contains("): rejected: ")).count();
    assert_eq!(told, 3, "{}", output.stderr);
    assert!(output.stderr.contains("… and 1,200 more: rejected: HTTP 404: customer 77"), "{}", output.stderr);
}

#[test]
fn retries_are_told_when_asked_for_with_the_time_of_everything() {
    let server = Server::start(|_, number| if number == 1 { Reply::new(503) } else { Reply::updated() });
    let offerit = Offerit::job(&server, table(1..=5));
    let quiet = offerit.send(&["--concurrency", "1"]).expect_code(0);
    assert!(!quiet.stderr.contains(": retry in "), "{}", quiet.stderr);
    let server = Server::start(|_, number| if number == 1 { Reply::new(503) } else { Reply::updated() });
    let offerit = Offerit::job(&server, table(1..=5));
    let output = offerit.send(&["--concurrency", "1", "-v"]).expect_code(0);
    let retry = output.stderr.lines().find(|line| line.contains(": retry in ")).expect("a retry");
    assert!(retry.contains(" DEBUG row 2 (line 3): retry in ") && retry.contains("HTTP 503"), "{retry}");
    let is_timed = |line: &str| line.get(..24).is_some_and(|time| time.ends_with('Z') && time.contains('T'));
    assert!(output.stderr.lines().all(is_timed), "{}", output.stderr);
}

#[test]
fn quiet_is_silent_but_for_errors() {
    let server = refusing();
    let offerit = Offerit::job(&server, table(1..=5));
    for format in ["text", "json"] {
        // One line: how many, why most of them, and where.
        let output = offerit.send(&["--quiet", "--overwrite", "--log-format", format]).expect_code(3);
        assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
        for word in ["5 of 5 rows", "HTTP 404: customer 771 is not here", RESULT] {
            assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
        }
    }
    let output = offerit.run(&["run", INPUT, "-q", "-v"]).expect_code(2);
    assert!(output.stderr.contains("--verbose"), "{}", output.stderr);
}

#[test]
fn hostile_words_of_a_server_stay_on_their_line_and_the_key_is_not_told() {
    let text = format!("\u{1b}[2J evil\r\n{{\"level\":\"fake\"}} \u{202e}olleh {KEY} City 1");
    let server = Server::start(move |_, number| {
        let body = serde_json::json!({ "message": text }).to_string();
        if number % 2 == 0 { Reply::json(503, body) } else { Reply::json(404, body) }
    });
    for format in ["text", "json"] {
        let offerit = Offerit::job(&server, table(1..=1));
        let arguments =
            ["--log-format", format, "-v", "--max-attempts", "2", "--max-outage", "2s", "--no-adapt"];
        let output = offerit.send(&arguments);
        for told in ["row 1 (line 2): retry in", "row 1 (line 2, customer 1): rejected"] {
            assert!(output.stderr.contains(told), "{}", output.stderr);
        }
        for secret in ["\u{1b}", "\u{202e}", KEY, "City 1"] {
            assert!(!output.stderr.contains(secret), "{secret:?}: {}", output.stderr);
        }
        assert!(!output.stderr.lines().any(|line| line.starts_with("{\"level\"")), "{}", output.stderr);
    }
}

#[test]
fn where_there_is_no_terminal_changes_of_state_are_told() {
    let server = Server::start(|_, number| match number {
        3 => Reply::new(429).header("retry-after", "6"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=10));
    let output = offerit.send(&["--concurrency", "1", "--log-format", "json"]).expect_code(0);
    let lines = objects(&output);
    assert_eq!((of(&lines, "hold").len(), of(&lines, "hold_over").len()), (1, 1), "{}", output.stderr);
    assert_eq!(of(&lines, "hold")[0]["seconds"], 6);
}
