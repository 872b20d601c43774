//! Killed or told to stop at any instant, a job loses nothing and repeats next to nothing.

use crate::support::{self, Child, Gate, INPUT, Offerit, RESULT, Reply, Server, result, rows, table};
use std::collections::HashSet;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The most requests in flight, as an argument and as the number it is.
const CONCURRENCY: (&str, usize) = ("2", 2);
/// The most rows open at once, and so the most that a crash can make a resumed run repeat.
const OPEN_ROWS: usize = 64;

fn sending(more: &'static [&'static str]) -> Vec<&'static str> {
    [&["--concurrency", CONCURRENCY.0], more].concat()
}

/// Asserts what must hold of the requests since the first `before`: no row that was in sync is among them,
/// and no more rows than were open come a second time.
#[track_caller]
fn assert_repeats_little(server: &Server, before: usize, in_sync: &[u64]) {
    let requests = rows(&server.requests());
    let (earlier, now) = requests.split_at(before);
    let repeated_in_sync: Vec<_> = now.iter().filter(|row| in_sync.contains(row)).collect();
    assert!(repeated_in_sync.is_empty(), "in sync and sent again: {repeated_in_sync:?}");
    let earlier: HashSet<_> = earlier.iter().collect();
    let again = now.iter().filter(|row| earlier.contains(row)).collect::<HashSet<_>>();
    assert!(again.len() <= OPEN_ROWS, "{} rows were sent again: {again:?}", again.len());
}

/// Asserts that every row of the table is in sync by the result file, and that all of them were sent.
#[track_caller]
fn assert_complete(server: &Server, offerit: &Offerit, count: u64) {
    let outcomes = offerit.outcomes();
    assert!(outcomes.keys().copied().eq(1..=count), "{:?}", outcomes.keys());
    assert!(outcomes.values().all(result::Record::is_in_sync));
    let sent: HashSet<u64> = rows(&server.requests()).into_iter().collect();
    assert_eq!(sent.len() as u64, count);
}

#[test]
fn a_killed_run_is_resumed_without_losing_a_row() {
    // How many rows are answered before the others are held, and the run is killed.
    for answered in [0, 1, 7, 20] {
        let held = answered..answered + CONCURRENCY.1;
        let server = Server::start(move |_, number| match held.contains(&number) {
            true => Reply::never(),
            false => Reply::updated(),
        });
        let offerit = Offerit::job(&server, table(1..=40));
        let child = offerit.start_sending(&sending(&[]));
        let before = answered + CONCURRENCY.1;
        server.wait_for(before);
        assert_eq!(child.kill().signal, Some(9));
        let in_sync = offerit.rows_in_sync();
        assert!(in_sync.len() + OPEN_ROWS >= before, "{} of {before} rows recorded", in_sync.len());

        offerit.send(&sending(&["--resume"])).expect_code(0);
        assert_repeats_little(&server, before, &in_sync);
        assert_complete(&server, &offerit, 40);
    }
}

#[test]
fn five_kills_in_a_row_lose_nothing_either() {
    const ANSWERED: usize = 12;
    const A_RUN: usize = ANSWERED + CONCURRENCY.1;
    let server = Server::start(|_, number| match number % A_RUN < ANSWERED || number >= 5 * A_RUN {
        true => Reply::updated(),
        false => Reply::never(),
    });
    let offerit = Offerit::job(&server, table(1..=80));
    let mut in_sync = Vec::new();
    for run in 1..=5 {
        let child = offerit.start_sending(&sending(&["--resume"]));
        server.wait_for(run * A_RUN);
        child.kill();
        assert_repeats_little(&server, (run - 1) * A_RUN, &in_sync);
        let now = offerit.rows_in_sync();
        assert!(in_sync.iter().all(|row| now.contains(row)), "a record is lost: {in_sync:?}, {now:?}");
        assert!(now.len() > in_sync.len(), "every run gets on");
        in_sync = now;
    }
    offerit.send(&sending(&["--resume"])).expect_code(0);
    assert_repeats_little(&server, 5 * A_RUN, &in_sync);
    assert_complete(&server, &offerit, 80);
}

#[test]
fn kills_at_whatever_instant_lose_nothing() {
    // Nothing is held back: the kill meets the run between any two of its steps.
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=400));
    for step in 0..20 {
        let (before, in_sync) = (server.count(), offerit.rows_in_sync());
        let mut child = offerit.start_sending(&sending(&["--resume"]));
        while child.is_running() && server.count() < before + step {
            thread::yield_now();
        }
        child.kill();
        assert_repeats_little(&server, before, &in_sync);
        assert!(in_sync.iter().all(|row| offerit.rows_in_sync().contains(row)));
    }
    let (before, in_sync) = (server.count(), offerit.rows_in_sync());
    assert!(in_sync.len() < 400, "the job was killed before its end");
    offerit.send(&sending(&["--resume"])).expect_code(0);
    assert_repeats_little(&server, before, &in_sync);
    assert_complete(&server, &offerit, 400);
}

/// After one signal the rows in flight end and are recorded, nothing else is sent, and a resumed run repeats
/// no row.
#[track_caller]
fn assert_stops_cleanly(signal: &str, code: i32) {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, number| match number {
        0..10 => Reply::updated(),
        _ => Reply::updated().gated(&at_the_door),
    });
    let offerit = Offerit::job(&server, table(1..=200));
    let child = offerit.start_sending(&sending(&[]));
    let in_flight = 10 + CONCURRENCY.1;
    server.wait_for(in_flight);
    child.signal(signal);
    gate.open();
    let output = child.wait().expect_code(code);
    assert!(output.stderr.contains("--resume"), "what to do next is said: {}", output.stderr);

    // Answers may be taken in together with the signal, but never as many as wait for their turn.
    let sent = server.count();
    assert!(sent < in_flight + OPEN_ROWS - CONCURRENCY.1, "{sent} of {in_flight} rows were sent");
    let mut arrived = rows(&server.requests());
    arrived.sort_unstable();
    assert_eq!(offerit.rows_in_sync(), arrived, "what was sent is recorded, all of it and nothing else");

    offerit.send(&sending(&["--resume"])).expect_code(0);
    assert_eq!(server.count(), 200, "no row was sent twice");
    assert_complete(&server, &offerit, 200);
}

#[test]
fn sigint_lets_what_is_in_flight_end_and_repeats_no_row() {
    assert_stops_cleanly("INT", 130);
}

#[test]
fn sigterm_lets_what_is_in_flight_end_and_repeats_no_row() {
    assert_stops_cleanly("TERM", 143);
}

#[test]
fn a_second_signal_ends_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let is_healed = Arc::new(AtomicBool::new(false));
        let healed = Arc::clone(&is_healed);
        let server = Server::start(move |_, number| match number >= 5 && !healed.load(Ordering::SeqCst) {
            true => Reply::never(),
            false => Reply::updated(),
        });
        let offerit = Offerit::job(&server, table(1..=30));
        // Nothing but a signal ends this run within the patience of the test.
        let mut child = offerit.start_sending(&sending(&["--timeout", "1h"]));
        server.wait_for(7);
        // Two signals sent at once may arrive as one: so they are sent until the run is over.
        for _ in 0..1000 {
            if child.is_running() {
                child.signal(signal);
            }
        }
        assert!(!child.is_running(), "a thousand signals do not end it");
        child.wait().expect_code(code);

        let in_sync = offerit.rows_in_sync();
        is_healed.store(true, Ordering::SeqCst);
        offerit.send(&sending(&["--resume"])).expect_code(0);
        assert_repeats_little(&server, 7, &in_sync);
        assert_complete(&server, &offerit, 30);
    }
}

#[test]
fn a_signal_does_not_wait_for_a_server_that_wants_to_be_left_alone() {
    let server = Server::start(|_, number| match number {
        0 => Reply::new(429).header("retry-after", "600"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=5));
    let child = offerit.start_sending(&["--concurrency", "1"]);
    server.wait_for(1);
    child.signal("TERM");
    child.wait().expect_code(143);
    assert_eq!((server.count(), offerit.records().len()), (1, 0), "that row is not dealt with yet");
    offerit.send(&["--resume"]).expect_code(0);
    assert_complete(&server, &offerit, 5);
}

#[test]
fn a_run_that_waits_for_a_pipe_stops_without_it() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=3));
    let mut command = offerit.command(&["run", "-", "--result", RESULT]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Child::start(command);
    let mut pipe = child.stdin().expect("a pipe");
    pipe.write_all(b"customer_id,city\n1,City 1\n").expect("a row written");
    server.wait_for(1);
    child.signal("TERM");
    child.wait().expect_code(143);
    drop(pipe);
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(server.count(), 3, "the row from the pipe is row 1 of the file");
    assert_complete(&server, &offerit, 3);
}

#[test]
fn a_hangup_ends_the_run_as_a_kill_does() {
    support::hangups_reach_programs();
    let server = Server::start(|_, number| if number == 9 { Reply::never() } else { Reply::updated() });
    let offerit = Offerit::job(&server, table(1..=40));
    let child = offerit.start_sending(&sending(&[]));
    server.wait_for(10);
    child.signal("HUP");
    let output = child.wait();
    assert_eq!(output.signal, Some(1), "the shell and cron see what ended it");
    assert!(!output.stderr.contains("panic"), "{}", output.stderr);
    server.settle();
    let (before, in_sync) = (server.count(), offerit.rows_in_sync());
    offerit.send(&sending(&["--resume"])).expect_code(0);
    assert_repeats_little(&server, before, &in_sync);
    assert_complete(&server, &offerit, 40);
}

#[test]
fn a_job_that_ignores_hangups_outlives_its_terminal() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, number| match number {
        5.. => Reply::updated().gated(&at_the_door),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=40));
    let arguments =
        [&["run", INPUT, "--rate", "unlimited", "--progress", "always"], &sending(&[])[..]].concat();
    // As nohup does it. Nobody reads what it says any more.
    let mut command = offerit.command_in_shell("trap '' HUP;", &arguments);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    command.stdin(Stdio::null()).stdout(writer.try_clone().expect("a pipe")).stderr(writer);
    let child = Child::start(command);
    server.wait_for(6);
    drop(reader);
    child.signal("HUP");
    gate.open();
    child.wait().expect_code(0);
    assert_eq!(server.count(), 40);
    assert_complete(&server, &offerit, 40);
}

#[test]
fn a_run_whose_parent_ignores_signals_outlives_a_hangup_and_still_stops_when_interrupted() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, number| match number {
        5.. => Reply::updated().gated(&at_the_door),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=40));
    let arguments = [&["run", INPUT, "--rate", "unlimited"], &sending(&[])[..]].concat();
    let mut command = offerit.command_in_shell("trap '' HUP PIPE INT;", &arguments);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let child = Child::start(command);
    server.wait_for(7);
    child.signal("HUP");
    child.signal("INT");
    gate.open();
    child.wait().expect_code(130);
    let mut arrived = rows(&server.requests());
    arrived.sort_unstable();
    assert_eq!(offerit.rows_in_sync(), arrived);
    offerit.send(&sending(&["--resume"])).expect_code(0);
    assert_eq!(server.count(), 40, "no row was sent twice");
    assert_complete(&server, &offerit, 40);
}

#[test]
fn a_run_that_is_told_to_end_while_it_prepares_ends_with_the_code_for_it() {
    for (signal, number, code, word) in [("TERM", 15, 143, "terminated"), ("INT", 2, 130, "interrupted")] {
        let server = Server::start(|_, _| Reply::updated());
        let offerit = Offerit::job(&server, "");
        let outputs = ["--summary", "summary.json", "--rate", "unlimited"];
        let mut command = offerit.command(&[&["run", "-", "--result", RESULT][..], &outputs].concat());
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Child::start(command);
        let mut pipe = child.stdin().expect("a pipe");
        // It reads on for the first row, which does not come.
        pipe.write_all(b"customer_id,city\n").expect("a header written");
        child.wait_until_caught(number);
        child.signal(signal);
        let output = child.wait().expect_code(code);
        assert!(output.stderr.contains(&format!("{word} before anything was sent")), "{}", output.stderr);
        let summary = std::fs::read_to_string(offerit.path("summary.json")).expect("a summary");
        assert!(summary.contains(&format!("\"reason\": \"{word}\"")), "{summary}");
        assert!(!offerit.path(RESULT).exists() && server.requests().is_empty());
        drop(pipe);
    }
}
