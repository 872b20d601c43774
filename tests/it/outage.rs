//! A server that is down, or says 503 or 429 to everything: no row pays for it, the load stays small, and the
//! run goes on by itself or stops, resumable.

use crate::support::{self, Child, Offerit, Output, Record, Reply, Request, Server, rows, table};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const OUTAGE: &str = "Server unreachable";

/// A server that gives `sick` until the switch is set, and updates from then on.
fn healing(sick: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Server, Arc<AtomicBool>) {
    let switch = Arc::new(AtomicBool::new(false));
    let is_healed = Arc::clone(&switch);
    let server = Server::start(move |_, number| match is_healed.load(Ordering::SeqCst) {
        true => Reply::updated(),
        false => sick(number),
    });
    (server, switch)
}

/// How often each row was sent.
fn attempts_by_row(server: &Server) -> BTreeMap<u64, usize> {
    let mut attempts = BTreeMap::new();
    for row in rows(&server.requests()) {
        *attempts.entry(row).or_default() += 1;
    }
    attempts
}

#[track_caller]
fn assert_all_updated(offerit: &Offerit, count: u64) {
    let outcomes = offerit.outcomes();
    assert!(outcomes.keys().copied().eq(1..=count), "{:?}", outcomes.keys());
    let others: Vec<&Record> = outcomes.values().filter(|record| record.status != "updated").collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Runs a job that never gets through and asserts that the server hardly notices; then that it is finished by
/// the next run.
#[track_caller]
fn assert_spares_the_server(sick: Reply, max_attempts: usize) -> Output {
    let (server, switch) = healing(move |_| sick.clone());
    let offerit = Offerit::job(&server, table(1..=500));
    let attempts = max_attempts.to_string();
    let output = offerit
        .send(&["--concurrency", "8", "--max-outage", "3s", "--max-attempts", &attempts])
        .expect_code(4);
    assert_eq!(offerit.records(), [], "no row pays for it");
    let by_row = attempts_by_row(&server);
    let (touched, sent) = (by_row.len(), server.count());
    // A disturbance may cost twenty retries at once, the run-wide budget that is there from the beginning, and probes.
    assert!(sent <= touched + touched / 5 + 25, "{sent} attempts for {touched} rows");
    switch.store(true, Ordering::SeqCst);
    offerit.send(&["--resume"]).expect_code(0);
    assert_all_updated(&offerit, 500);
    output
}

#[test]
fn a_server_that_says_503_to_everything_is_spared_and_no_row_fails() {
    let output = assert_spares_the_server(Reply::json(503, r#"{"message":"down"}"#), 2);
    assert!(output.stderr.contains("down") && output.stderr.contains("--resume"), "{}", output.stderr);
}

#[test]
fn a_server_that_says_429_for_ever_is_spared_and_no_row_fails() {
    assert_spares_the_server(Reply::new(429), 5);
}

#[test]
fn a_maintenance_page_for_everybody_is_an_outage_and_no_failure_of_rows() {
    let page = Reply::new(200).header("content-type", "text/html").body("<html>Back soon</html>");
    let (server, switch) = healing(move |_| page.clone());
    let offerit = Offerit::job(&server, table(1..=300));
    offerit.send(&["--concurrency", "8", "--max-outage", "2s", "--max-attempts", "3"]).expect_code(4);
    let records = offerit.records();
    assert!(records.iter().all(|record| record.status == "unknown"), "{records:?}");
    assert!(server.count() < 60, "{} requests", server.count());
    switch.store(true, Ordering::SeqCst);
    offerit.send(&["--resume"]).expect_code(0);
    assert_all_updated(&offerit, 300);
}

#[test]
fn a_server_that_is_gone_for_a_while_costs_no_row() {
    const ANSWERED: usize = 20;
    let server = Server::start(|_, number| match number {
        0..ANSWERED => Reply::updated(),
        _ => Reply::never(),
    });
    let offerit = Offerit::job(&server, table(1..=300));
    let child = offerit.start_sending(&["--concurrency", "6", "--max-attempts", "3", "--timeout", "1h"]);
    server.wait_for(ANSWERED + 6);
    server.stop();
    child.wait_for_stderr(|text| text.contains(OUTAGE));
    // Nothing came of any row since then. The last of those that were answered may still be on their way to the disk.
    assert!(offerit.rows_in_sync().len() <= ANSWERED);
    let back = Server::start_at(server.address(), |_, _| Reply::updated());
    child.wait().expect_code(0);
    assert_all_updated(&offerit, 300);
    assert_eq!(offerit.records().len(), 300, "one record a row");
    let sent: BTreeSet<u64> = rows(&back.requests()).into_iter().collect();
    assert_eq!(sent.len(), 300 - ANSWERED);
    assert_eq!(back.count(), sent.len(), "once it was back, once a row");
}

#[test]
fn after_an_outage_the_run_is_as_fast_as_it_was() {
    support::apart();
    let (server, switch) = healing(|number| if number < 30 { Reply::updated() } else { Reply::new(503) });
    let offerit = Offerit::job(&server, table(1..=400));
    let child = offerit.spawn(&["run", support::INPUT, "--rate", "200/s", "--concurrency", "1"]);
    child.wait_for_stderr(|text| text.contains(OUTAGE));
    // Two probes: by then nothing has got through for more than a second.
    let before = server.count() + 2;
    server.wait_for(before);
    switch.store(true, Ordering::SeqCst);
    // Enough to see whether the pace comes back at all; a run that crawls does not have to be seen to its end.
    server.wait_for(before + 20);
    let requests = server.requests();
    child.kill();
    let since: Vec<&Request> = requests.iter().skip(before + 2).collect();
    let busiest = busiest_second(&since);
    assert!(busiest >= 12, "at most {busiest} a second after an outage, of 200");
}

/// The most arrivals in any one second.
fn busiest_second(requests: &[&Request]) -> usize {
    let within = |start: &Request, end: &Request| {
        end.arrived.saturating_duration_since(start.arrived) < Duration::from_secs(1)
    };
    let count =
        |index: usize| requests[index..].iter().take_while(|end| within(requests[index], end)).count();
    (0..requests.len()).map(count).max().unwrap_or(0)
}

/// Starts a job whose server goes away, and gives it once the outage is noticed: nothing is in flight then.
fn in_an_outage(offerit: &Offerit, server: &Server) -> Child {
    let child = offerit.start_sending(&["--concurrency", "2", "--timeout", "1h"]);
    server.wait_for(7);
    server.stop();
    child.wait_for_stderr(|text| text.contains(OUTAGE));
    child
}

#[test]
fn a_signal_ends_an_outage_at_once_and_the_job_is_resumed() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let server = Server::start(|_, number| if number < 5 { Reply::updated() } else { Reply::never() });
        let offerit = Offerit::job(&server, table(1..=60));
        let child = in_an_outage(&offerit, &server);
        child.signal(signal);
        child.wait().expect_code(code);
        assert_eq!(offerit.rows_in_sync().len(), 5);
        assert_eq!(offerit.records().len(), 5, "no row pays for it");
        let back = Server::start_at(server.address(), |_, _| Reply::updated());
        offerit.send(&["--resume"]).expect_code(0);
        assert_all_updated(&offerit, 60);
        assert_eq!(back.count(), 55);
    }
}

#[test]
fn what_does_not_answer_is_not_waited_for_beyond_the_drain_timeout() {
    let server = Server::start(|_, number| if number < 5 { Reply::updated() } else { Reply::never() });
    let offerit = Offerit::job(&server, table(1..=60));
    let child = offerit.start_sending(&["--concurrency", "3", "--timeout", "1h", "--drain-timeout", "300ms"]);
    server.wait_for(8);
    child.signal("INT");
    child.wait().expect_code(130);
    let records = offerit.records();
    assert!(records.len() == 5 && records.iter().all(Record::is_in_sync), "{records:?}");
}

/// Both ids of a request, told apart.
fn both_ids(request: &Request) -> Vec<String> {
    let id = |name| request.field(name).map(|id| format!("{name} {id}"));
    ["customer_id", "subscription_id"].into_iter().filter_map(id).collect()
}

fn place(request: &Request) -> u64 {
    request.field("custom1").and_then(|row| row.parse().ok()).expect("a row's number")
}

#[test]
fn order_holds_while_connections_break_and_rows_are_tried_again() {
    let server = Server::start(|_, number| match number % 7 {
        1 => Reply::reset(),
        3 => Reply::new(503),
        5 => Reply::updated().header("connection", "close").after(Duration::from_millis(3)),
        _ => Reply::updated(),
    });
    let line = |row: u64| match row % 3 {
        0 => format!("C{},,{row}\n", row % 5),
        1 => format!(",S{},{row}\n", row % 4),
        _ => format!("C{},S{},{row}\n", row % 5, row % 4),
    };
    let lines: String = (1..=90).map(line).collect();
    let offerit = Offerit::job(&server, "customer_id,subscription_id,custom1\n".to_owned() + &lines);
    offerit.send(&["--concurrency", "8", "--max-attempts", "50", "--no-adapt"]).expect_code(0);
    assert_eq!(server.overlaps_of(both_ids), 0);
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for request in server.requests() {
        for id in both_ids(&request) {
            let before = last.insert(id.clone(), place(&request)).unwrap_or(0);
            assert!(before <= place(&request), "{id}: row {} after row {before}", place(&request));
        }
    }
    assert_all_updated(&offerit, 90);
}

#[test]
fn a_file_of_one_customer_goes_one_at_a_time() {
    let server = Server::start(|_, number| if number % 50 == 49 { Reply::reset() } else { Reply::updated() });
    let lines: String = (1..=400).map(|row| format!("7,{row}\n")).collect();
    let offerit = Offerit::job(&server, "customer_id,custom1\n".to_owned() + &lines);
    offerit.send(&["--concurrency", "16"]).expect_code(0);
    assert_eq!((server.most_in_flight(), server.overlaps_of(both_ids)), (1, 0));
    let mut places: Vec<u64> = server.requests().iter().map(place).collect();
    places.dedup();
    assert_eq!(places, (1..=400).collect::<Vec<u64>>());
}

#[test]
fn a_row_that_always_fails_does_not_stop_its_customer_for_ever() {
    // As many rows of one customer as may be open: while the first of them waits, nobody else has room.
    let server = Server::start(|request, _| match place(request) {
        4 => Reply::json(500, r#"{"message":"cannot digest this"}"#),
        _ => Reply::updated(),
    });
    let line = |row: u64| match row {
        4..=12 => format!("sick,{row}\n"),
        _ => format!("{row},{row}\n"),
    };
    let lines: String = (1..=30).map(line).collect();
    let offerit = Offerit::job(&server, "customer_id,custom1\n".to_owned() + &lines);
    let arguments = ["--concurrency", "1", "--max-attempts", "2", "--max-outage", "1s"];
    let mut code = offerit.send(&arguments).code;
    // It may take a run or two to tell a bad row from a bad server, but then the others must have their turn.
    for _ in 0..3 {
        if code != Some(4) {
            break;
        }
        code = offerit.send(&[&arguments[..], &["--resume"]].concat()).code;
    }
    let outcomes = offerit.outcomes();
    let updated = outcomes.values().filter(|record| record.status == "updated").count();
    assert_eq!((code, updated), (Some(3), 29), "{outcomes:?}");
    assert_eq!(outcomes[&4].status, "failed");
}

/// Sends an older row in vain and a newer one of its customer with success, then resumes.
#[track_caller]
fn overtaken(older: &str, newer: &str) -> (Server, Offerit, usize) {
    let refused = AtomicUsize::new(0);
    let server = Server::start(move |request, _| match place(request) {
        // The others get through meanwhile: it is this row and no outage.
        1 if refused.fetch_add(1, Ordering::SeqCst) < 2 => Reply::new(503),
        _ => Reply::updated(),
    });
    let others: String = (3..=40).map(|row| format!("other {row},x,,{row}\n")).collect();
    let table = format!("customer_id,city,zip,custom1\n7,{older},1\n7,{newer},2\n{others}");
    let offerit = Offerit::job(&server, table);
    offerit.send(&["--concurrency", "4", "--max-attempts", "2", "--no-adapt"]).expect_code(3);
    assert_eq!(
        (offerit.outcomes()[&1].status.as_str(), offerit.outcomes()[&2].status.as_str()),
        ("failed", "updated")
    );
    let before = server.count();
    (server, offerit, before)
}

#[test]
fn an_older_row_that_a_newer_one_covers_is_not_sent_any_more() {
    let (server, offerit, before) = overtaken("Riga,", "Oslo,0150");
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(server.count(), before);
    let record = &offerit.outcomes()[&1];
    assert!(record.status == "unchanged" && record.attempts == 0, "{record:?}");
}

#[test]
fn an_older_row_that_a_newer_one_covers_in_part_is_told_and_not_sent() {
    let (server, offerit, before) = overtaken("Riga,1010", "Oslo,");
    for _ in 0..2 {
        offerit.send(&["--resume"]).expect_code(3);
        assert_eq!(server.count(), before);
        let record = &offerit.outcomes()[&1];
        assert!(record.status == "failed" && record.error.contains("row 2"), "{record:?}");
    }
}
