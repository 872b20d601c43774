//! `Retry-After`: never undercut, whatever else the reply is, and never a trap.

use crate::support::{self, Offerit, Reply, Request, Server, rows, table};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// A server that gives these replies first and updates from then on, and when it gave each reply.
fn first(replies: Vec<Reply>) -> (Server, Arc<Mutex<Vec<Instant>>>) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let server = Server::start(move |_, number| {
        noted.lock().expect("no panic").push(Instant::now());
        replies.get(number).cloned().unwrap_or_else(Reply::updated)
    });
    (server, times)
}

/// Asserts that the request after this one came no sooner than a second after its reply.
#[track_caller]
fn assert_held(server: &Server, times: &Mutex<Vec<Instant>>, number: usize) {
    let pause = server.requests()[number + 1].arrived.duration_since(times.lock().expect("no panic")[number]);
    assert!(pause >= Duration::from_secs(1), "request {} came after {pause:?}", number + 1);
}

#[test]
fn a_row_on_its_last_attempt_hands_the_servers_wish_on() {
    support::alone();
    // A 429 is charged to no row.
    for (code, exit) in [(429, 0), (503, 3)] {
        let (server, times) = first(vec![Reply::new(code).header("retry-after", "1")]);
        let offerit = Offerit::job(&server, table(1..=5));
        // It is spent, but what the server wants concerns every row.
        offerit.send(&["--concurrency", "1", "--max-attempts", "1", "--no-adapt"]).expect_code(exit);
        assert_held(&server, &times, 0);
    }
}

#[test]
fn a_wish_counts_though_its_reply_breaks_off() {
    support::alone();
    let broken = Reply::new(429).header("retry-after", "1").body("slow down").truncated_after(3);
    let (server, times) = first(vec![broken]);
    let offerit = Offerit::job(&server, table(1..=5));
    offerit.send(&["--concurrency", "1", "--no-adapt"]).expect_code(0);
    assert_held(&server, &times, 0);
}

#[test]
fn a_wish_counts_while_its_reply_is_still_on_its_way() {
    support::alone();
    let stalled =
        Reply::drip("HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 9\r\n\r\nlate", Duration::ZERO);
    // The other request that is in flight ends when the wish is known for long.
    let others = vec![Reply::updated().after(Duration::from_millis(300)); 4];
    let (server, times) = first([vec![stalled], others].concat());
    let offerit = Offerit::job(&server, table(1..=30));
    offerit.send(&["--concurrency", "2", "--no-adapt", "--timeout", "1500ms"]).expect_code(0);
    let asked = times.lock().expect("no panic")[0];
    let within = |request: &&Request| request.arrived.duration_since(asked) < Duration::from_secs(1);
    // Its own, and the one that was on its way.
    assert!(server.requests().iter().filter(within).count() <= 2, "{:?}", rows(&server.requests()));
}

#[test]
fn of_several_wishes_none_is_undercut() {
    support::alone();
    let twice =
        Reply::new(503).header("retry-after", "1").header("Retry-After", "0").header("retry-after", "soon");
    let (server, times) = first(vec![twice]);
    let offerit = Offerit::job(&server, table(1..=5));
    offerit.send(&["--concurrency", "1"]).expect_code(0);
    assert_held(&server, &times, 0);
}

#[test]
fn wishes_that_a_proxy_has_made_one_are_not_undercut() {
    support::alone();
    let (server, times) = first(vec![Reply::new(503).header("retry-after", "0, 1, soon")]);
    let offerit = Offerit::job(&server, table(1..=5));
    offerit.send(&["--concurrency", "1"]).expect_code(0);
    assert_held(&server, &times, 0);
}

#[test]
fn a_date_by_a_clock_that_is_behind_is_not_undercut() {
    support::alone();
    let theirs = SystemTime::now() - Duration::from_secs(3600);
    let wish = Reply::new(503)
        .header("date", httpdate::fmt_http_date(theirs))
        .header("retry-after", httpdate::fmt_http_date(theirs + Duration::from_secs(1)));
    let (server, times) = first(vec![wish]);
    let offerit = Offerit::job(&server, table(1..=5));
    offerit.send(&["--concurrency", "1"]).expect_code(0);
    assert_held(&server, &times, 0);
}

#[test]
fn a_wish_that_nobody_can_mean_neither_hangs_nor_ends_the_run() {
    let absurd = [
        "100000000000000000000",
        "18446744073709551616",
        "18446744073709551615",
        "-1",
        "soon",
        "1e9",
        "31536001",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "-1, soon",
    ];
    let replies = absurd.into_iter().map(|text| Reply::new(429).header("retry-after", text)).collect();
    let (server, _) = first(replies);
    let offerit = Offerit::job(&server, table(1..=30));
    offerit.send(&["--concurrency", "1", "--no-adapt", "--max-attempts", "20"]).expect_code(0);
    assert_eq!(server.count(), 30 + absurd.len());
}

#[test]
fn a_wish_beyond_our_patience_stops_the_run_and_loses_nothing() {
    let (server, _) = first(vec![Reply::updated(), Reply::new(503).header("retry-after", "3")]);
    let offerit = Offerit::job(&server, table(1..=20));
    let output = offerit.send(&["--concurrency", "1", "--max-retry-after", "2s"]).expect_code(4);
    assert!(output.stderr.contains("--max-retry-after"), "{}", output.stderr);
    assert_eq!((server.count(), offerit.records().len()), (2, 1));
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!((offerit.outcomes().len(), server.count()), (20, 21));
}

#[test]
fn a_wish_of_more_than_a_day_is_no_less_of_a_wish() {
    let in_two_days = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(172_800));
    for (asked, options) in [
        ("86401", ["--max-retry-after", "1h"]),
        ("172800", ["--max-retry-after", "24h"]),
        ("31536000", ["--max-retry-after", "72h"]),
        (in_two_days.as_str(), ["--max-retry-after", "1h"]),
    ] {
        let (server, _) = first(vec![Reply::updated(), Reply::new(503).header("retry-after", asked)]);
        let offerit = Offerit::job(&server, table(1..=20));
        let arguments = [&["--concurrency", "1"], options.as_slice()].concat();
        let output = offerit.send(&arguments).expect_code(4);
        assert!(output.stderr.contains("--max-retry-after"), "{}", output.stderr);
        assert_eq!((server.count(), offerit.records().len()), (2, 1), "{asked}");
    }
}

#[test]
fn a_wish_on_the_last_attempt_beyond_our_patience_stops_the_run_too() {
    let (server, _) = first(vec![Reply::updated(), Reply::new(503).header("retry-after", "3")]);
    let offerit = Offerit::job(&server, table(1..=20));
    let arguments = ["--concurrency", "1", "--max-attempts", "1", "--max-retry-after", "2s"];
    offerit.send(&arguments).expect_code(4);
    assert_eq!(server.count(), 2);
}

#[test]
fn time_that_the_server_asked_for_is_not_taken_from_the_patience() {
    support::alone();
    // Three holds of a second, then it is back: it never was silent without a word.
    let busy = Reply::new(503).header("retry-after", "1");
    let (server, times) = first(vec![busy; 3]);
    let offerit = Offerit::job(&server, table(1..=20));
    let arguments = ["--concurrency", "1", "--max-attempts", "4", "--max-outage", "4s", "--no-adapt"];
    offerit.send(&arguments).expect_code(0);
    (0..3).for_each(|number| assert_held(&server, &times, number));
    assert_eq!(offerit.outcomes().len(), 20);
}

#[test]
fn sigint_ends_a_hold_at_once() {
    let (server, _) = first(vec![Reply::updated(), Reply::new(429).header("retry-after", "3000")]);
    let offerit = Offerit::job(&server, table(1..=20));
    let child = offerit.start_sending(&["--concurrency", "1"]);
    server.wait_for(2);
    child.signal("INT");
    child.wait().expect_code(130);
    assert_eq!((server.count(), offerit.records().len()), (2, 1));
    offerit.send(&["--resume"]).expect_code(0);
    assert!(!rows(&server.requests()[2..]).contains(&1), "row 1 was in sync");
    assert_eq!((server.count(), offerit.outcomes().len()), (21, 20));
}
