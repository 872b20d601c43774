//! The tests' own server and reader must be right before anything is concluded from them: here they are
//! tried against plain sockets and hand-written files.

use crate::support::{self, Gate, Offerit, Reply, Server, result, schema};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A connection that fails instead of waiting for ever.
fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    stream
}

fn send(mut stream: &TcpStream, form: &str) {
    let length = form.len();
    let kind = "application/x-www-form-urlencoded";
    let head = format!("PATCH /set HTTP/1.1\r\nHost: a\r\nX-Case: Kept\r\nContent-Type: {kind}\r\n");
    let rest = format!("Content-Length: {length}\r\n\r\n{form}");
    stream.write_all((head + &rest).as_bytes()).expect("a request sent");
}

/// Reads up to the end of a reply that ends so.
fn receive(mut stream: &TcpStream, end: &str) -> String {
    let mut reply = Vec::new();
    while !reply.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("one more byte of the reply");
        reply.push(byte[0]);
    }
    String::from_utf8(reply).expect("a reply in UTF-8")
}

fn receive_all(mut stream: &TcpStream) -> Result<String, ErrorKind> {
    let mut reply = String::new();
    stream.read_to_string(&mut reply).map_err(|error| error.kind())?;
    Ok(reply)
}

fn customer(request: &support::Request) -> Vec<String> {
    request.field("customer_id").into_iter().collect()
}

#[test]
fn requests_are_kept_as_they_came_on_a_connection_that_stays_open() {
    let server = Server::start(|_, _| Reply::updated());
    let stream = connect(&server);
    send(&stream, "customer_id=7&city=a+b%26%C3%A9");
    let reply = receive(&stream, "true");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"), "{reply}");
    let chunked = "PATCH / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    (&stream).write_all(chunked.as_bytes()).expect("a request sent");
    receive(&stream, "true");

    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].headers[1], ("X-Case".to_owned(), "Kept".to_owned()));
    assert_eq!(requests[0].header("x-cASE"), Some("Kept"));
    assert_eq!(requests[0].field("city"), Some("a b&é".to_owned()));
    assert_eq!((requests[1].body.as_slice(), requests[1].connection), (b"abc".as_slice(), 0));
}

#[test]
fn replies_can_be_reset_closed_cut_dripped_raw_and_never_come() {
    let drip = || Reply::drip("HTTP/1.1 200 OK\r\n\r\n", Duration::from_millis(1));
    let server = Server::start(move |_, number| match number {
        0 => Reply::reset(),
        1 => Reply::close(),
        2 => Reply::json(200, "[1, 2, 3]").truncated_after(2),
        3 => Reply::raw("anything"),
        4 => drip(),
        _ => Reply::never(),
    });
    let ask = || {
        let stream = connect(&server);
        send(&stream, "customer_id=1");
        stream
    };
    assert_eq!(receive_all(&ask()), Err(ErrorKind::ConnectionReset));
    assert_eq!(receive_all(&ask()), Ok(String::new()));
    let cut = receive_all(&ask()).expect("a cut reply");
    assert!(cut.contains("content-length: 9\r\n") && cut.ends_with("\r\n\r\n[1"), "{cut}");
    assert_eq!(receive_all(&ask()).as_deref(), Ok("anything"));
    receive(&ask(), "\r\n\r\n");
    let silent = ask();
    server.wait_for(6);
    server.stop();
    assert_eq!(receive_all(&silent), Ok(String::new()), "a stopped server closes what it held");
    let refused = TcpStream::connect(server.address()).expect_err("a stopped server refuses");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let again = Server::start_at(server.address(), |_, _| Reply::updated());
    let stream = connect(&again);
    send(&stream, "customer_id=1");
    receive(&stream, "true");
    assert_eq!((server.count(), again.count()), (6, 1));
}

#[test]
fn the_account_knows_what_was_unanswered_when_a_request_arrived() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, _| Reply::updated().gated(&at_the_door));
    let streams: Vec<TcpStream> = (0..100).map(|_| connect(&server)).collect();
    for (index, stream) in streams.iter().enumerate() {
        send(stream, &format!("customer_id={}", index % 99));
        server.wait_for(index + 1);
    }
    assert_eq!(server.overlaps_of(customer), 1, "the hundredth has the first one's customer");
    gate.open();
    for stream in &streams {
        receive(stream, "true");
    }
    for stream in &streams {
        send(stream, "customer_id=0");
        receive(stream, "true");
    }
    assert_eq!(server.overlaps_of(customer), 1, "one after the other is no overlap");
    assert_eq!(server.most_in_flight(), 100);
    assert!(server.busiest_second() >= 1 && server.busiest_second() <= 200);
}

#[test]
#[should_panic(expected = "bad requests")]
fn a_request_against_the_rules_fails_the_test() {
    let server = Server::start(|_, _| Reply::updated());
    let stream = connect(&server);
    (&stream).write_all(b"PATCH / HTTP/1.1\nHost: a\n\n").expect("a request sent");
    assert_eq!(receive_all(&stream).ok().as_deref().unwrap_or_default(), "");
}

#[test]
fn result_files_are_read_strictly() {
    let good = "1,2,a,\"b,\"\"c\",updated,200,1,35,2026-01-02T03:04:05.678Z,,0123456789abcdef\n";
    let parse = |records: &str| result::parse(format!("{}\n{records}", result::HEADER).as_bytes());
    let records = parse(&good.repeat(2)).expect("good records");
    assert_eq!(records[0].subscription_id, "b,\"c");
    assert_eq!(result::last_by_row(&records).len(), 1);
    for cut in 1..good.len() {
        assert!(parse(&good[..cut]).is_err(), "a record cut after {cut} bytes");
    }
    let wrong =
        [("\n", "\r\n"), ("Z", ""), ("updated", "done"), ("a,", "a,,"), ("1,2", "01,2"), (",,0", ",=1,0")];
    for (from, to) in wrong {
        assert!(parse(&good.replacen(from, to, 1)).is_err(), "{from:?} replaced by {to:?}");
    }
}

#[test]
fn the_program_runs_in_a_folder_of_its_own() {
    let offerit = Offerit::new();
    assert!(offerit.input("a.csv", "customer_id\n").starts_with(offerit.folder()));
    let output = offerit.run(&["no-such-command"]).expect_code(2);
    assert!(output.stdout.is_empty() && output.stderr.contains("no-such-command"), "{output:?}");
}

#[test]
fn a_document_is_held_against_its_schema() {
    let schema = json!({
        "type": "object",
        "required": ["count"],
        "properties": {
            "count": { "$ref": "#/$defs/count" },
            "name": { "type": ["string", "null"], "pattern": "^a+$" },
            "kind": { "enum": ["x", 1] },
            "format": { "const": "f" },
        },
        "$defs": { "count": { "type": "integer", "minimum": 0 } },
    });
    let good = [
        json!({ "count": 0 }),
        json!({ "count": 7.0, "name": null, "kind": 1, "format": "f" }),
        json!({ "count": 1, "name": "aa", "kind": "x" }),
    ];
    for document in good {
        assert_eq!(schema::faults(&document, &schema), [""; 0], "{document}");
    }
    let bad = [
        (json!([]), ""),
        (json!({}), ""),
        (json!({ "count": -1 }), "/count"),
        (json!({ "count": 1.5 }), "/count"),
        (json!({ "count": "1" }), "/count"),
        (json!({ "count": 1, "name": "ab" }), "/name"),
        (json!({ "count": 1, "name": 5 }), "/name"),
        (json!({ "count": 1, "kind": "y" }), "/kind"),
        (json!({ "count": 1, "format": "g" }), "/format"),
        (json!({ "count": 1, "more": 2 }), "/more"),
    ];
    for (document, place) in bad {
        let faults = schema::faults(&document, &schema);
        assert!(matches!(&faults[..], [fault] if fault.starts_with(&format!("{place}: "))), "{faults:?}");
    }
    assert_eq!(schema::faults(&json!(1), &json!({ "maximum": 5 })).len(), 1, "a keyword that is not checked");
}

/// Threads in the place of tests: each takes its turn and keeps it until it ends.
#[test]
fn a_test_that_runs_alone_meets_no_other() {
    const ALONE: usize = 1000;
    let inside = Arc::new(AtomicUsize::new(0));
    let tests: Vec<_> = (0..40)
        .map(|number| {
            let inside = Arc::clone(&inside);
            thread::spawn(move || {
                let is_alone = number % 4 == 0;
                if is_alone {
                    support::alone()
                } else {
                    support::beside_others()
                }
                let met = inside.fetch_add(if is_alone { ALONE } else { 1 }, Ordering::SeqCst);
                (0..100).for_each(|_| thread::yield_now());
                inside.fetch_sub(if is_alone { ALONE } else { 1 }, Ordering::SeqCst);
                assert!(met < if is_alone { 1 } else { ALONE }, "{number} met {met}");
            })
        })
        .collect();
    let ended: Vec<_> = tests.into_iter().map(JoinHandle::join).collect();
    assert!(ended.iter().all(Result::is_ok));
}
