//! A run that goes on, seen from another shell: SIGUSR1, the summary and metrics of a run that has not ended, `verify`.

use crate::support::{Child, Offerit, RESULT, Reply, Server, table};
use serde_json::Value;
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
