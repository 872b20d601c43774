//! A run that goes on, seen from another shell: SIGUSR1, the summary and metrics of a run that has not ended, `verify`.

use crate::support::{Child, INPUT, Offerit, RESULT, Reply, Server, schema, table};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::process::Stdio;

/// A run of 100 rows that has recorded 39 updated and one rejected, and then holds for 50 minutes.
fn held() -> (Server, Offerit) {
    let server = Server::start(|_, number| match number {
        1 => Reply::json(404, r#"{"message":"no such customer"}"#),
        40 => Reply::new(429).header("retry-after", "3000"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=100));
    (server, offerit)
}

/// Starts the run and waits until it holds, by asking for its progress: each signal is answered by one line.
#[track_caller]
fn start_held(offerit: &Offerit, server: &Server, more: &[&str]) -> (Child, String) {
    let child = offerit.start_sending(&[&["--concurrency", "1", "--no-adapt"], more].concat());
    server.wait_for(41);
    let mut answers = 0;
    loop {
        child.signal("USR1");
        answers += 1;
        let text = child.wait_for_stderr(|text| text.matches(" of 100 rows, ").count() >= answers);
        let last = text.lines().last().unwrap_or_default().to_owned();
        if last.contains("40 of 100 rows, on hold") {
            return (child, last);
        }
    }
}

#[test]
fn sigusr1_prints_one_progress_line_even_where_only_errors_are_wanted() {
    for more in [&["-q"][..], &["--progress", "never"], &[]] {
        let (server, offerit) = held();
        let (child, line) = start_held(&offerit, &server, more);
        let (before, after) = line.split_once("on hold for ").expect("a hold");
        assert_eq!(before, "40.0%: 40 of 100 rows, ", "no speed and no time to go in a pause");
        assert!(after.ends_with(" (Retry-After) (39 updated, 1 rejected)"), "{line}");
        child.signal("TERM");
        child.wait().expect_code(143);
    }
}

#[test]
fn the_progress_line_is_an_event_in_json_logs() {
    let (server, offerit) = held();
    let (child, line) = start_held(&offerit, &server, &["-q", "--log-format", "json"]);
    let event: Value = serde_json::from_str(&line).expect("an object");
    assert_eq!((&event["event"], &event["level"]), (&"progress".into(), &"INFO".into()));
    assert_eq!((&event["rows_sent"], &event["rows_to_send"]), (&40.into(), &100.into()));
    assert!(event.get("rows_per_second").is_none() && event.get("seconds_left").is_none(), "{line}");
    child.signal("TERM");
    child.wait().expect_code(143);
}

#[test]
fn sigusr1_is_answered_while_the_run_still_reads_its_input() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, "");
    let mut command = offerit.command(&["run", "-", "--result", RESULT, "-q"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Child::start(command);
    let mut pipe = child.stdin().expect("a pipe");
    // It waits for the first row, which does not come yet.
    pipe.write_all(b"customer_id,city\n").expect("a header written");
    child.wait_until_caught(10);
    child.signal("USR1");
    child.wait_for_stderr(|text| text.contains("nothing has been sent yet"));
    pipe.write_all(b"1,City 1\n").expect("a row written");
    drop(pipe);
    child.wait().expect_code(0);
    assert_eq!(server.count(), 1);
}

const OUTPUTS: [&str; 4] = ["--summary", "run.json", "--metrics", "crm.prom"];

/// The summary, held against its schema, and the metrics.
#[track_caller]
fn outputs(offerit: &Offerit) -> (Value, String) {
    let text = |name| fs::read_to_string(offerit.path(name)).expect("a file");
    let summary = serde_json::from_str(&text("run.json")).expect("a summary in JSON");
    let faults = schema::faults(&summary, &schema::of_the_summary());
    assert!(faults.is_empty(), "{faults:?}: {summary}");
    (summary, text("crm.prom"))
}

/// The lines about the last run that has ended.
fn last_run(metrics: &str) -> Vec<&str> {
    metrics.lines().filter(|line| line.contains("offerit_sync_last_run_")).collect()
}

#[test]
fn a_killed_run_leaves_a_summary_and_metrics_that_call_it_running() {
    let (server, offerit) = held();
    let child = offerit.start_sending(&[&OUTPUTS[..], &["--concurrency", "1"]].concat());
    // They are there before the first request.
    server.wait_for(1);
    let pid = child.pid();
    child.kill();
    let (summary, metrics) = outputs(&offerit);
    assert_eq!((&summary["version"], &summary["reason"]), (&2.into(), &"running".into()));
    assert_eq!((&summary["exit_code"], &summary["finished_at"]), (&Value::Null, &Value::Null));
    assert_eq!((&summary["pid"], &summary["rows"]["total"]), (&pid.into(), &100.into()));
    assert!(summary["next_command"].as_str().is_some_and(|command| command.ends_with("--resume")));
    assert!(metrics.contains("offerit_sync_running{sync=\"crm\"} 1"), "{metrics}");
    assert!(metrics.contains("offerit_sync_current_run_rows_left{sync=\"crm\"} 100"), "{metrics}");
    assert_eq!(last_run(&metrics), Vec::<&str>::new(), "no run has ended yet");
}

#[test]
fn metrics_of_a_run_that_goes_on_keep_those_of_the_last_one() {
    let server = Server::start(|_, number| match number {
        0 => Reply::updated(),
        1 => Reply::new(422),
        _ => Reply::never(),
    });
    let offerit = Offerit::job(&server, table(1..=9));
    offerit.input("two.csv", table(1..=2));
    offerit.run(&[&["run", "two.csv", "--concurrency", "1"], &OUTPUTS[..]].concat()).expect_code(3);
    let (_, ended) = outputs(&offerit);
    assert!(ended.contains("offerit_sync_running{sync=\"crm\"} 0"), "{ended}");
    assert!(ended.contains("offerit_sync_last_run_exit_code{sync=\"crm\"} 3"), "{ended}");
    assert!(!ended.contains("current_run"), "{ended}");
    // Killed once, so that a file of a run that never ended is carried on too.
    for more in [&["--overwrite"][..], &["--resume"]] {
        let before = server.count();
        let child = offerit.start_sending(&[&OUTPUTS[..], &["--concurrency", "1"], more].concat());
        server.wait_for(before + 1);
        child.kill();
        let (summary, running) = outputs(&offerit);
        assert_eq!(summary["reason"], "running");
        assert!(running.contains("offerit_sync_running{sync=\"crm\"} 1"), "{running}");
        assert_eq!(last_run(&running), last_run(&ended));
        prometheus_parse::Scrape::parse(running.lines().map(|line| Ok(line.to_owned()))).expect("metrics");
    }
}

#[test]
fn a_summary_on_standard_output_comes_once_at_the_end() {
    let (server, offerit) = held();
    let (child, _) = start_held(&offerit, &server, &["--summary", "-", "-q"]);
    child.signal("TERM");
    let output = child.wait().expect_code(143);
    let summary: Value = serde_json::from_str(&output.stdout).expect("one summary");
    assert_eq!((&summary["exit_code"], &summary["reason"]), (&143.into(), &"terminated".into()));
}

#[test]
fn verify_and_a_second_run_name_the_run_that_goes_on() {
    let (server, offerit) = held();
    let (child, _) = start_held(&offerit, &server, &["-q"]);
    let pid = child.pid();
    let named = format!("(pid {pid}, since ");

    let verify = offerit.run(&["verify", INPUT]).expect_code(3);
    assert!(verify.stderr.contains(&format!("A run is writing {RESULT} {named}")), "{}", verify.stderr);
    let json = offerit.run(&["verify", INPUT, "--json"]).expect_code(3);
    let account: Value = serde_json::from_str(&json.stdout).expect("an account");
    let run = &account["running"][0];
    assert_eq!((&run["result"], &run["pid"]), (&RESULT.into(), &pid.into()));
    assert!(run["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{account}");
    assert_eq!(account["counts"]["no_record"], 60);

    let second = offerit.send(&["--resume"]).expect_code(5);
    assert!(second.stderr.contains(&format!("another run {named}")), "{}", second.stderr);
    assert!(second.stderr.contains(RESULT), "{}", second.stderr);

    child.signal("TERM");
    child.wait().expect_code(143);
    let verify = offerit.run(&["verify", INPUT]).expect_code(3);
    assert!(!verify.stderr.contains("A run is writing"), "{}", verify.stderr);
}
