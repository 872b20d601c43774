//! One test an exit code that can be reached: scripts and cron jobs depend on the numbers.

use crate::support::{Child, Gate, INPUT, Offerit, RESULT, Reply, Server, result, rows, table};
use std::collections::HashSet;
use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

#[test]
fn exit_0_means_that_every_row_is_in_sync_and_recorded() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=10));
    offerit.send(&[]).expect_code(0);
    assert!(offerit.outcomes().values().all(result::Record::is_in_sync));
    assert_eq!(offerit.outcomes().len(), 10);
}

#[test]
fn exit_2_means_that_the_result_has_no_folder_and_nothing_is_sent() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=10));
    let output = offerit.send(&["--result", "no-such-folder/r.csv"]).expect_code(2);
    assert!(output.stderr.contains("no-such-folder/r.csv"), "{}", output.stderr);
    assert_eq!(server.count(), 0);
}

#[test]
fn exit_1_means_that_the_result_cannot_be_written_any_more_and_sending_stops() {
    const OPEN_ROWS: usize = 64;
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=400));
    let arguments = ["run", INPUT, "--rate", "unlimited", "--concurrency", "2"];
    // No file may grow beyond a few kilobytes, as on a full disk.
    let mut limited = offerit.command_in_shell("ulimit -f 8;", &arguments);
    limited.stderr(Stdio::piped());
    let output = Child::start(limited).wait().expect_code(1);
    assert!(output.stderr.contains(RESULT), "{}", output.stderr);

    let (stopped_at, in_sync) = (server.count(), offerit.rows_in_sync());
    assert!(!in_sync.is_empty() && stopped_at <= in_sync.len() + OPEN_ROWS, "{stopped_at}, {in_sync:?}");
    offerit.send(&["--resume"]).expect_code(0);
    let sent_again: HashSet<u64> = rows(&server.requests()[stopped_at..]).into_iter().collect();
    assert!(in_sync.iter().all(|row| !sent_again.contains(row)), "with room, the job is resumed");
    assert!(offerit.outcomes().len() == 400 && offerit.outcomes().values().all(result::Record::is_in_sync));
}

#[test]
fn exit_1_means_that_there_are_too_few_descriptors_to_start_with() {
    let server = happy();
    for limit in 7..=12 {
        let offerit = Offerit::job(&server, table(1..=1));
        let arguments = ["run", INPUT];
        let mut limited = offerit.command_in_shell(&format!("ulimit -n {limit};"), &arguments);
        limited.stderr(Stdio::piped());
        let output = Child::start(limited).wait();
        assert!(!output.stderr.contains("panicked"), "{limit}: {}", output.stderr);
        if limit < 12 {
            let told = output.expect_code(1).stderr;
            assert!(told.contains("cannot start") && told.contains("Too many open files"), "{limit}: {told}");
            assert!(!offerit.path(RESULT).exists(), "{limit}");
        }
    }
    assert!(server.count() <= 1);
}

#[test]
fn exit_2_means_that_nothing_was_sent() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,emial\n1,a@example.org\n");
    offerit.send(&[]).expect_code(2);
    assert!(server.count() == 0 && !offerit.path(RESULT).exists());
}

#[test]
fn exit_3_means_that_the_run_is_finished_and_some_rows_are_not_in_sync() {
    for (reply, table) in [
        (Reply::json(400, "{}"), table(1..=3)),
        (Reply::json(200, "false"), table(1..=3)),
        (Reply::updated(), "customer_id,city\n1,a\n2,\n3,c\n".to_owned()),
    ] {
        let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
            Some("2") => reply.clone(),
            _ => Reply::updated(),
        });
        let offerit = Offerit::job(&server, table);
        let output = offerit.send(&[]).expect_code(3);
        assert!(output.stderr.contains(RESULT), "where the reasons stand is said: {}", output.stderr);
        let in_sync: Vec<bool> = offerit.outcomes().values().map(result::Record::is_in_sync).collect();
        assert_eq!(in_sync, [true, false, true]);
    }
}

#[test]
fn exit_4_means_that_nothing_gets_through_and_no_row_pays_for_it() {
    let is_healed = Arc::new(AtomicBool::new(false));
    let healed = Arc::clone(&is_healed);
    let server = Server::start(move |_, _| match healed.load(Ordering::SeqCst) {
        true => Reply::updated(),
        false => Reply::json(503, r#"{"message":"busy"}"#),
    });
    let offerit = Offerit::job(&server, table(1..=200));
    let output = offerit.send(&["--concurrency", "4", "--max-outage", "1s"]).expect_code(4);
    assert!(output.stderr.contains("busy") && output.stderr.contains("--resume"), "{}", output.stderr);
    assert_eq!(offerit.records(), []);
    assert!(server.count() < 40, "{} requests in an outage of a second", server.count());

    is_healed.store(true, Ordering::SeqCst);
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(offerit.outcomes().len(), 200);
}

#[test]
fn exit_4_means_that_the_server_asks_for_too_long_a_pause() {
    let server = Server::start(|_, number| match number {
        3 => Reply::new(429).header("retry-after", "7200"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=50));
    let output = offerit.send(&["--concurrency", "1", "--max-retry-after", "1h"]).expect_code(4);
    assert!(output.stderr.contains("2h") && output.stderr.contains("--max-retry-after"), "{}", output.stderr);
    assert_eq!((server.count(), offerit.records().len()), (4, 3));
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!((server.count(), offerit.outcomes().len()), (51, 50));
}

#[test]
fn exit_5_means_that_another_run_holds_the_result_file() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, _| Reply::updated().gated(&at_the_door));
    let offerit = Offerit::job(&server, table(1..=3));
    let first = offerit.start_sending(&[]);
    server.wait_for(3);
    let before = offerit.result_bytes();
    for more in [&[][..], &["--resume"], &["--overwrite"]] {
        let output = offerit.send(more).expect_code(5);
        assert!(output.stderr.contains(RESULT), "{}", output.stderr);
    }
    assert_eq!((server.count(), offerit.result_bytes() == before), (3, true));
    gate.open();
    first.wait().expect_code(0);
    // The lock ends with the run that held it.
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(server.count(), 3);
}

#[test]
fn exit_5_is_not_left_behind_by_a_run_that_was_killed() {
    let server = Server::start(|_, number| if number < 3 { Reply::never() } else { Reply::updated() });
    let offerit = Offerit::job(&server, table(1..=3));
    let first = offerit.start_sending(&[]);
    server.wait_for(3);
    first.kill();
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(offerit.outcomes().len(), 3);
}

#[test]
fn exit_6_means_that_the_server_refuses_the_run() {
    for reply in [Reply::new(401), Reply::new(302).header("location", "https://elsewhere.example/")] {
        let server = Server::start(move |_, _| reply.clone());
        let offerit = Offerit::job(&server, table(1..=100));
        offerit.send(&["--concurrency", "4"]).expect_code(6);
        assert!(server.count() <= 4 && offerit.records().is_empty());
    }
}

#[test]
fn exit_130_and_143_mean_that_a_signal_ended_the_run() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let gate = Gate::new();
        let at_the_door = gate.clone();
        let server = Server::start(move |_, _| Reply::updated().gated(&at_the_door));
        let offerit = Offerit::job(&server, table(1..=100));
        let child = offerit.start_sending(&["--concurrency", "2"]);
        server.wait_for(2);
        child.signal(signal);
        gate.open();
        let output = child.wait().expect_code(code);
        assert_eq!(output.signal, None, "it ends by itself, with what is in flight recorded");
        let text = fs::read_to_string(offerit.path(RESULT)).expect("a result file");
        assert!(text.ends_with('\n') && offerit.records().len() >= 2);
    }
}
