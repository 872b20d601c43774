//! The limits that the user sets: a run ends early with its own code, says why, and the next one goes on.

use crate::support::{self, Offerit, RESULT, Reply, Server, rows, table};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn too_many_failures_end_the_run_with_4_and_a_resumed_one_finishes_it() {
    for (most, code) in [("5%", 4), ("25", 4), ("0", 4), ("60%", 4), ("1000", 3)] {
        let is_healed = Arc::new(AtomicBool::new(false));
        let healed = Arc::clone(&is_healed);
        let server = Server::start(move |_, _| match healed.load(Ordering::SeqCst) {
            true => Reply::updated(),
            false => Reply::json(400, r#"{"message":"unknown field custom1"}"#),
        });
        let offerit = Offerit::job(&server, table(1..=300));
        let output = offerit.send(&["--concurrency", "4", "--max-failures", most]).expect_code(code);
        let records = offerit.records();
        assert_eq!(records.len(), server.count(), "what was sent is recorded");
        is_healed.store(true, Ordering::SeqCst);
        if code == 4 {
            let allowed = match most {
                "5%" => 10,
                "60%" => 60,
                number => number.parse().expect("a number"),
            };
            assert!((allowed + 1..=allowed + 4).contains(&records.len()), "{most}: {}", records.len());
            for word in ["--max-failures ", most, "unknown field custom1", "--resume", RESULT] {
                assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
            }
        }
        offerit.send(&["--resume"]).expect_code(0);
        assert_eq!(offerit.outcomes().len(), 300);
    }
}

#[test]
fn a_brake_or_limit_that_kept_no_row_back_has_ended_nothing() {
    let server = Server::start(|request, _| match request.field("customer_id").as_deref() {
        Some("10") => Reply::json(400, "{}"),
        _ => Reply::updated(),
    });
    for more in [["--max-failures", "0"], ["--limit", "10"], ["--limit", "11"], ["--deadline", "4h"]] {
        let offerit = Offerit::job(&server, table(1..=10));
        offerit.send(&[&more[..], &["--concurrency", "1"]].concat()).expect_code(3);
        assert_eq!(offerit.outcomes().len(), 10);
    }
}

#[test]
fn a_canary_sends_the_first_rows_that_need_it_and_ends_with_7() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=10).replace("2,City 2\n", "2,\n"));
    let output = offerit.send(&["--limit", "3"]).expect_code(7);
    assert!(output.stderr.contains("--limit") && output.stderr.contains("--resume"), "{}", output.stderr);
    let mut sent = rows(&server.requests());
    sent.sort_unstable();
    assert_eq!(sent, [1, 3, 4]);
    assert_eq!(offerit.outcomes().len(), 4);
    // What is in sync does not count, nor does what is wrong again.
    offerit.send(&["--limit", "3", "--resume"]).expect_code(7);
    let mut sent = rows(&server.requests()[3..]);
    sent.sort_unstable();
    assert_eq!(sent, [5, 6, 7]);
    offerit.send(&["--limit", "3", "--resume"]).expect_code(3);
    assert_eq!((server.count(), offerit.outcomes().len()), (9, 10));
}

#[test]
fn a_canary_whose_rows_were_refused_is_told_that_they_come_first_again() {
    let server = Server::start(|request, _| match request.field("customer_id").as_deref() {
        Some("1" | "2") => Reply::json(404, "{}"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=10).replace("4,City 4\n", "4,\n"));
    let come_again = "2 rows failed. With --resume the failed rows are sent first";
    for more in [&["--limit", "2"][..], &["--limit", "2", "--resume"]] {
        let output = offerit.send(more).expect_code(7);
        assert!(output.stderr.contains(come_again), "{}", output.stderr);
        for word in ["or raise --limit", "Fix these rows", "offerit-sync failures "] {
            assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
        }
    }
    assert_eq!((server.count(), offerit.outcomes().len()), (4, 2));
    // Rows that are wrong already do not stand in the way.
    offerit.send(&["--limit", "3", "--resume"]).expect_code(7);
    offerit.input(support::INPUT, table(3..=10).replace("4,City 4\n", "4,\n"));
    let output = offerit.send(&["--limit", "2", "--overwrite"]).expect_code(7);
    assert!(!output.stderr.contains("are sent first"), "{}", output.stderr);
}

#[test]
fn a_deadline_ends_the_run_with_7_and_what_is_in_flight_is_recorded() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=1000));
    let output =
        offerit.run(&["run", support::INPUT, "--rate", "20/s", "--deadline", "700ms"]).expect_code(7);
    assert!(output.stderr.contains("--deadline") && output.stderr.contains("--resume"), "{}", output.stderr);
    let records = offerit.records().len();
    assert_eq!(records, server.count());
    assert!(records < 1000);
    let output = offerit.send(&["--resume", "--deadline", "23:59", "--limit", "1"]).expect_code(7);
    assert!(output.stderr.contains("Sending stops in"), "{}", output.stderr);
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!((server.count(), offerit.outcomes().len()), (1000, 1000));
}

#[test]
fn a_limit_that_is_none_is_refused_before_anything_is_sent() {
    let server = Server::start(|_, _| Reply::updated());
    for (more, words) in [
        (["--max-failures", "101%"], ["'101%'", "50", "5%"]),
        (["--deadline", "noon"], ["'noon'", "4h", "06:00"]),
        (["--limit", "0"], ["'0'", "number", "from 1"]),
    ] {
        let offerit = Offerit::job(&server, table(1..=3));
        let message = offerit.send(&more).expect_code(2).stderr;
        assert!(message.starts_with("error: ") && message.contains(more[0]), "{message}");
        words.iter().for_each(|word| assert!(message.contains(word), "{word}: {message}"));
        assert!(!offerit.path(RESULT).exists());
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn a_server_that_refuses_the_first_twenty_rows_for_one_reason_ends_the_run_with_4() {
    let page = "<html><body><h1>Not Found</h1></body></html>";
    let server = Server::start(move |_, _| Reply::new(404).header("content-type", "text/html").body(page));
    let offerit = Offerit::job(&server, table(1..=300));
    let output = offerit.send(&["--concurrency", "4"]).expect_code(4);
    assert_eq!(offerit.records().len(), server.count(), "what was sent is recorded");
    assert!((20..=23).contains(&server.count()), "{}", server.count());
    for word in ["HTTP 404", "--url", "--max-failures 100%", "--resume"] {
        assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
    }
    // Rows that were refused before do not count; the twenty after them do.
    let sent = server.count();
    offerit.send(&["--concurrency", "4", "--resume"]).expect_code(4);
    assert!((2 * sent + 17..=2 * sent + 26).contains(&server.count()), "{}", server.count());
    // The way on.
    offerit.send(&["--max-failures", "100%", "--resume"]).expect_code(3);
    assert_eq!(offerit.outcomes().len(), 300);
}

#[test]
fn a_run_in_which_none_of_the_last_hundred_rows_is_accepted_ends_with_4() {
    // The reasons differ, and the first rows are accepted.
    let server = Server::start(|request, _| {
        let id: u64 = request.field("customer_id").and_then(|id| id.parse().ok()).expect("an id");
        match id {
            0..=10 => Reply::updated(),
            _ if id.is_multiple_of(2) => Reply::json(400, r#"{"message":"invalid country"}"#),
            _ => Reply::json(404, r#"{"message":"customer not found"}"#),
        }
    });
    let offerit = Offerit::job(&server, table(1..=400));
    offerit.send(&["--concurrency", "4"]).expect_code(4);
    assert!((110..=115).contains(&server.count()), "{}", server.count());
}

#[test]
fn a_file_of_failures_that_fail_again_is_sent_to_its_end() {
    let server = Server::start(|_, _| Reply::json(404, r#"{"message":"customer not found"}"#));
    let rows: String = (1..=40).map(|row| format!("{row},x,rejected,HTTP 404\n")).collect();
    let offerit = Offerit::job(&server, format!("customer_id,city,_status,_error\n{rows}"));
    offerit.send(&[]).expect_code(3);
    assert_eq!(server.count(), 40);
}
