//! What a reply comes to: the record, the number of attempts, the exit code. Each run has many customers, so
//! that trouble with one of them is trouble with one row and not with the server.

use crate::support::{self, Gate, INPUT, Offerit, Record, Reply, Server, Visits, customers, rows, table};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A named case and the reply to it.
type Case = (String, Reply);

fn case(name: &str, reply: Reply) -> Case {
    (name.to_owned(), reply)
}

fn status(code: u16) -> Case {
    (format!("status {code}"), Reply::json(code, format!(r#"{{"result":"error","message":"no {code}"}}"#)))
}

/// What came of the cases of one run: the record of each, and how often the server was asked for it.
struct Outcome {
    server: Server,
    records: BTreeMap<String, (Record, usize)>,
}

/// How many customers there are that are updated at once.
const GOOD: usize = 250;
/// As fast as the server answers.
const FAST: &str = "unlimited";
/// So that the other customers take some seconds: as long as rows are tried again in vain, others get through.
const STEADY: &str = "100/s";

/// Runs a job with one customer a case, among many that are updated at once. `bad` says by the number of the
/// attempt, from 0, whether the case's reply is given, or `true`.
#[track_caller]
fn run(cases: &[Case], bad: fn(usize) -> bool, rate: &str, arguments: &[&str], code: i32) -> Outcome {
    let replies: BTreeMap<String, Reply> = cases.iter().cloned().collect();
    let visits = Visits::default();
    let server = Server::start(move |request, _| {
        let visit = visits.before(request);
        let customer = request.field("customer_id").unwrap_or_default();
        replies.get(&customer).filter(|_| bad(visit)).cloned().unwrap_or_else(Reply::updated)
    });
    let mut names: Vec<String> = (0..GOOD).map(|number| format!("good {number}")).collect();
    for (index, (name, _)) in cases.iter().enumerate() {
        names.insert(3 * index, name.clone());
    }
    let lines: String = names.iter().map(|name| format!("\"{}\",x\n", name.replace('"', "\"\""))).collect();
    let offerit = Offerit::job(&server, "customer_id,city\n".to_owned() + &lines);
    // No slower for the sake of those that are refused: that is another matter.
    let job = ["run", INPUT, "--rate", rate, "--no-adapt"];
    offerit.run(&[&job, arguments].concat()).expect_code(code);

    let sent = customers(&server.requests());
    let count = |name: &String| sent.iter().filter(|customer| *customer == name).count();
    let records: BTreeMap<String, (Record, usize)> = offerit
        .outcomes()
        .into_values()
        .map(|record| (names[record.row as usize - 1].clone(), record))
        .map(|(name, record)| (name.clone(), (record, count(&name))))
        .collect();
    assert_eq!(records.len(), names.len(), "every row has a record");
    for (name, (record, _)) in records.iter().filter(|(name, _)| name.starts_with("good")) {
        assert_eq!(record.status, "updated", "{name}");
    }
    Outcome { server, records }
}

impl Outcome {
    #[track_caller]
    fn of(&self, name: &str) -> &Record {
        &self.records[name].0
    }

    /// Asserts the status of every case, and that as many attempts are recorded as arrived: one of these.
    #[track_caller]
    fn assert_all(&self, cases: &[Case], status: &str, attempts: RangeInclusive<usize>) {
        for (name, _) in cases {
            let (record, arrived) = &self.records[name];
            assert_eq!(record.status, status, "{name}: {record:?}");
            assert_eq!(record.attempts as usize, *arrived, "{name}: {record:?}");
            assert!(attempts.contains(arrived), "{name}: {arrived} attempts");
        }
    }
}

fn always(_: usize) -> bool {
    true
}

fn once(visit: usize) -> bool {
    visit == 0
}

#[test]
fn true_and_nothing_else_confirms() {
    let cases = [
        case("blanks", Reply::json(200, " true\r\n")),
        case("created", Reply::json(201, "true")),
        case("no type", Reply::new(200).body("true")),
        case("html type", Reply::new(200).header("content-type", "text/html").body("true")),
        case(
            "chunked",
            Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ntrue\r\n0\r\n\r\n"),
        ),
        case("marked", Reply::json(200, "\u{feff}true")),
        case("last on its connection", Reply::updated().header("connection", "close")),
    ];
    run(&cases, always, FAST, &[], 0).assert_all(&cases, "updated", 1..=1);
}

#[test]
fn any_other_json_is_a_refusal_that_is_never_sent_again() {
    let cases = [
        case("false", Reply::json(200, "false")),
        case("null", Reply::json(200, "null")),
        case("number", Reply::json(200, "1")),
        case("string", Reply::json(200, "\"true\"")),
        case("list", Reply::json(200, "[true]")),
        case("success object", Reply::json(200, r#"{"result":"success"}"#)),
        case("empty object", Reply::json(200, "{}")),
        case("message", Reply::json(200, r#"{"result":"error","message":"customer not found"}"#)),
        case("data", Reply::json(200, r#"{"result":"error","data":"locked customer"}"#)),
        case("both", Reply::json(200, r#"{"message":"the message","data":"the data"}"#)),
        case("accepted", Reply::json(202, "false")),
    ];
    let outcome = run(&cases, always, FAST, &[], 3);
    outcome.assert_all(&cases, "rejected", 1..=1);
    assert!(outcome.of("message").error.contains("customer not found"));
    assert!(outcome.of("data").error.contains("locked customer"));
    assert!(outcome.of("both").error.contains("the message"));
    assert_eq!(outcome.of("false").error, "HTTP 200: expected true, got false");
    assert_eq!(outcome.of("string").error, "HTTP 200: expected true, got the string \"true\"");
    assert_eq!((outcome.of("false").http_status, outcome.of("accepted").http_status), (Some(200), Some(202)));
}

#[test]
fn what_is_no_json_confirms_nothing_and_gets_few_retries() {
    let cases = [
        case("empty", Reply::new(200)),
        case("blank", Reply::new(200).body(" \n")),
        case("no content", Reply::new(204)),
        case("html", Reply::new(200).header("content-type", "text/html").body("<html>Maintenance</html>")),
        case("half", Reply::json(200, r#"{"result":"#)),
        case("tru", Reply::json(200, "tru")),
        case("capital", Reply::json(200, "True")),
        case("twice", Reply::json(200, "true true")),
        case("bytes", Reply::json(200, b"\xff\xfe\0")),
        case("endless", Reply::endless("HTTP/1.1 200 OK\r\n\r\n", vec![b' '; 16 * 1024])),
        case("true and endless blanks", Reply::endless("HTTP/1.1 200 OK\r\n\r\ntrue", vec![b' '; 16 * 1024])),
    ];
    let outcome = run(&cases, always, STEADY, &["--max-attempts", "10"], 3);
    outcome.assert_all(&cases, "unknown", 2..=4);
    assert!(outcome.of("html").error.contains("Maintenance"), "{:?}", outcome.of("html"));
    assert_eq!(outcome.of("html").http_status, Some(200));
}

#[test]
fn a_page_in_between_is_got_over() {
    let cases =
        [case("html", Reply::new(200).body("<html>Maintenance</html>")), case("empty", Reply::new(200))];
    run(&cases, once, FAST, &[], 0).assert_all(&cases, "updated", 2..=2);
}

#[test]
fn a_status_that_says_no_is_a_refusal_that_is_never_sent_again() {
    let codes = [
        400, 402, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 418, 422, 423, 428, 431, 451, 499, 501,
        505, 506, 508, 510,
    ];
    let cases: Vec<Case> = codes.into_iter().map(status).collect();
    let outcome = run(&cases, always, FAST, &[], 3);
    outcome.assert_all(&cases, "rejected", 1..=1);
    for code in codes {
        let record = outcome.of(&format!("status {code}"));
        assert_eq!(record.http_status, Some(code));
        assert!(record.error.contains(&format!("no {code}")), "{record:?}");
    }
}

#[test]
fn a_refusal_is_read_up_to_a_limit() {
    let head = "HTTP/1.1 400 Bad Request\r\n\r\n";
    let cases = [case("endless", Reply::endless(head, "no ".repeat(5000))), case("bare", Reply::new(400))];
    let outcome = run(&cases, always, FAST, &[], 3);
    outcome.assert_all(&cases, "rejected", 1..=1);
    assert!(!outcome.of("bare").error.is_empty(), "a status without words is told as well");
}

const OVERLOADED: [u16; 14] = [408, 425, 429, 500, 502, 503, 504, 509, 520, 521, 522, 524, 529, 530];

#[test]
fn an_overloaded_server_is_asked_again_with_the_very_same_update() {
    let mut cases: Vec<Case> = OVERLOADED.into_iter().map(status).collect();
    // Nothing that could be waited for: as if it were not there.
    for value in ["soon", "-1", "", "0", "1.", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        cases.push(case(&format!("retry-after '{value}'"), Reply::new(429).header("retry-after", value)));
    }
    let outcome = run(&cases, once, FAST, &[], 0);
    outcome.assert_all(&cases, "updated", 2..=2);
    assert!(outcome.records.values().all(|(record, _)| record.error.is_empty()));
    let mut bodies = BTreeMap::new();
    for request in outcome.server.requests() {
        let customer = request.field("customer_id").expect("a customer");
        assert_eq!(*bodies.entry(customer).or_insert_with(|| request.body.clone()), request.body);
    }
}

#[test]
fn a_row_that_never_gets_through_has_failed_once_its_attempts_are_spent() {
    // A 429 is charged to no row.
    let charged = || OVERLOADED.into_iter().filter(|code| *code != 429);
    let cases: Vec<Case> = charged().map(status).collect();
    let outcome = run(&cases, always, STEADY, &["--max-attempts", "2"], 3);
    outcome.assert_all(&cases, "failed", 2..=2);
    for code in charged() {
        let record = outcome.of(&format!("status {code}"));
        assert_eq!(record.http_status, Some(code));
        assert!(record.error.contains(&format!("no {code}")), "{record:?}");
    }
    run(&cases, always, STEADY, &["--max-attempts", "1"], 3).assert_all(&cases, "failed", 1..=1);
}

#[test]
fn one_row_that_does_not_get_through_is_no_outage() {
    for attempts in ["2", "3"] {
        let visits = Visits::default();
        let server = Server::start(move |request, _| {
            let is_first = visits.before(request) == 0;
            let is_flaky =
                matches!(request.field("customer_id").as_deref(), Some("40" | "80" | "120" | "160"));
            if is_flaky && is_first { Reply::new(503) } else { Reply::updated() }
        });
        let offerit = Offerit::job(&server, table(1..=200));
        let output = offerit.send(&["--concurrency", "1", "--max-attempts", attempts]).expect_code(0);
        assert_eq!(server.count(), 204);
        assert!(!output.stderr.contains("Server unreachable"), "{attempts}: {}", output.stderr);
    }
}

/// Replies that leave open whether the update was applied.
fn broken() -> Vec<Case> {
    vec![
        case("reset", Reply::reset()),
        case("closed", Reply::close()),
        case("half a head", Reply::raw("HTTP/1.1 200 O")),
        case("no http", Reply::raw("true\n")),
        case("half true", Reply::json(200, "true").truncated_after(2)),
        case("announced more", Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ntrue")),
        case("no body", Reply::json(200, "true").truncated_after(0)),
        case(
            "chunks without an end",
            Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ntrue\r\n"),
        ),
        case(
            "two lengths",
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 3\r\n\r\ntrue"),
        ),
    ]
}

#[test]
fn a_reply_that_breaks_off_is_asked_for_again() {
    run(&broken(), once, FAST, &[], 0).assert_all(&broken(), "updated", 2..=2);
}

#[test]
fn a_server_that_hangs_up_after_each_answer_loses_no_row() {
    // Without a word: the next request may just be on its way on that connection.
    let server = Server::start(|_, _| Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue"));
    let offerit = Offerit::job(&server, table(1..=200));
    offerit.send(&[]).expect_code(0);
    assert_eq!(rows(&server.requests()).into_iter().collect::<BTreeSet<_>>().len(), 200);
}

#[test]
fn a_server_that_closes_idle_connections_without_a_word_costs_no_row_an_attempt() {
    // It closes as the next request arrives, and reads nothing of it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let account = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let account = Arc::clone(&account);
            thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    if reader.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
                        return;
                    }
                }
                let head = String::from_utf8_lossy(&head).to_lowercase();
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.expect("a length")];
                reader.read_exact(&mut body).expect("a whole request");
                account.lock().expect("no panic").push(body);
                let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue");
                let _ = stream.peek(&mut [0]);
            });
        }
    });
    let offerit = Offerit::with_credentials(&url);
    offerit.input(INPUT, table(1..=300));
    let output = offerit.send(&["--max-attempts", "1", "--no-adapt"]).expect_code(0);
    assert!(!output.stderr.contains("Server unreachable"), "{}", output.stderr);
    let outcomes = offerit.outcomes();
    assert!(outcomes.len() == 300 && outcomes.values().all(|record| record.status == "updated"));
    assert!(outcomes.values().all(|record| record.attempts <= 2), "a retry goes over a fresh connection");
    assert!(outcomes.values().any(|record| record.attempts == 2), "an attempt met a closed connection");
    let seen = seen.lock().expect("no panic");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 300);
    assert_eq!(seen.len(), 300, "no request reaches the server twice");
}

#[test]
fn a_row_whose_replies_all_break_off_is_unknown() {
    let outcome = run(&broken(), always, STEADY, &["--max-attempts", "2"], 3);
    // A pooled connection that ends before the head of a reply is charged to nobody.
    let (headless, begun): (Vec<Case>, Vec<Case>) = broken()
        .into_iter()
        .partition(|(name, _)| ["reset", "closed", "half a head"].contains(&name.as_str()));
    outcome.assert_all(&headless, "unknown", 3..=3);
    outcome.assert_all(&begun, "unknown", 2..=2);
    assert!(outcome.records.values().all(|(one, _)| one.status == "updated" || !one.error.is_empty()));
}

#[test]
fn a_row_that_may_have_been_applied_is_never_said_to_have_failed() {
    let visits = Visits::default();
    let server = Server::start(move |request, _| {
        let visit = visits.before(request);
        match request.field("customer_id").as_deref() {
            Some("1") if visit == 0 => Reply::reset(),
            Some("1") => Reply::new(503),
            _ => Reply::updated(),
        }
    });
    let offerit = Offerit::job(&server, table(1..=10));
    // One at a time: a later row that is answered shows that the first one is at fault.
    offerit.send(&["--max-attempts", "2", "--concurrency", "1"]).expect_code(3);
    let record = &offerit.outcomes()[&1];
    assert_eq!((record.status.as_str(), record.attempts), ("unknown", 3), "{record:?}");
}

#[test]
fn a_reply_that_takes_too_long_leaves_its_row_unknown() {
    let cases = [
        case("never", Reply::never()),
        case("a byte at a time", Reply::drip("HTTP/1.1 200 OK\r\n\r\n true", Duration::from_millis(200))),
        case("head only", Reply::drip("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", Duration::ZERO)),
    ];
    let outcome = run(&cases, always, STEADY, &["--timeout", "500ms", "--max-attempts", "2"], 3);
    outcome.assert_all(&cases, "unknown", 2..=2);
    for (name, _) in &cases {
        let record = outcome.of(name);
        assert!(record.duration_ms >= Some(500), "{name}: {record:?}");
        assert!(record.error.contains("500ms"), "{name}: {record:?}");
    }
}

/// Asserts that a run ends at once with exit 6: few requests, no record of the rows that were refused.
#[track_caller]
fn assert_refuses_the_run(reply: Reply, told: &[&str]) {
    let server = Server::start(move |_, _| reply.clone());
    let offerit = Offerit::job(&server, table(1..=50));
    let output = offerit.send(&["--concurrency", "3"]).expect_code(6);
    assert!((1..=3).contains(&server.count()), "{} requests", server.count());
    assert_eq!(offerit.records(), [], "no row pays for it");
    for words in told {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
}

#[test]
fn refused_credentials_end_the_run_and_it_is_said_what_to_check() {
    for code in [401, 403] {
        let reply = Reply::json(code, r#"{"message":"not you"}"#);
        let told = [&code.to_string(), "not you", "key", "user", "IP address", "--resume"];
        assert_refuses_the_run(reply, &told);
        assert_refuses_the_run(Reply::new(code), &[&code.to_string()]);
        assert_refuses_the_run(Reply::new(code).body("cut").truncated_after(1), &[&code.to_string()]);
    }
}

#[test]
fn a_proxy_that_wants_credentials_ends_the_run() {
    for code in [407, 511] {
        assert_refuses_the_run(Reply::new(code), &[&code.to_string(), "proxy", "--resume"]);
    }
}

#[test]
fn a_redirect_is_not_followed_and_its_target_is_named() {
    for code in [301, 302, 303, 307, 308] {
        let elsewhere = Server::start(|_, _| Reply::updated());
        let target = format!("{}/api/customer/set_customer_details", elsewhere.url());
        let host = elsewhere.address().to_string();
        assert_refuses_the_run(Reply::new(code).header("location", target), &[&code.to_string(), &host]);
        assert_eq!(elsewhere.count(), 0, "the key and the row were carried to another place");
    }
}

#[test]
fn odd_redirects_end_the_run_too() {
    assert_refuses_the_run(Reply::new(301).header("location", "/login"), &["/login"]);
    assert_refuses_the_run(Reply::new(302), &["302"]);
    assert_refuses_the_run(Reply::new(300).header("location", ""), &["300"]);
    assert_refuses_the_run(Reply::new(304), &["304"]);
    let loops = "/api/customer/set_customer_details";
    assert_refuses_the_run(Reply::new(307).header("location", loops), &[loops]);
}

#[test]
fn credentials_refused_half_way_cost_no_row_its_place() {
    let is_key_right = Arc::new(AtomicBool::new(false));
    let right = Arc::clone(&is_key_right);
    let server = Server::start(move |_, number| match number {
        20.. if !right.load(Ordering::SeqCst) => Reply::new(403),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=50));
    offerit.send(&["--concurrency", "4"]).expect_code(6);
    let stopped_at = server.count();
    assert!((21..=24).contains(&stopped_at), "{stopped_at} requests");
    let records = offerit.records();
    assert!(records.len() == 20 && records.iter().all(Record::is_in_sync), "{records:?}");

    is_key_right.store(true, Ordering::SeqCst);
    offerit.send(&["--resume"]).expect_code(0);
    let done: Vec<u64> = records.iter().map(|record| record.row).collect();
    assert!(rows(&server.requests()[stopped_at..]).iter().all(|row| !done.contains(row)));
    assert_eq!(offerit.outcomes().len(), 50);
}

#[test]
fn nothing_is_sent_before_retry_after_is_over() {
    support::alone();
    let answered = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::clone(&answered);
    let server = Server::start(move |_, number| {
        let code = match number {
            0 => 429,
            3 => 503,
            _ => return Reply::updated(),
        };
        answers.lock().expect("no panic").push((number, Instant::now()));
        Reply::json(code, r#"{"message":"slow down"}"#).header("Retry-After", "1")
    });
    let offerit = Offerit::job(&server, table(1..=10));
    // One at a time: with more, others would be on their way already when the answer comes.
    offerit.send(&["--concurrency", "1", "--no-adapt"]).expect_code(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 12);
    for (number, at) in answered.lock().expect("no panic").iter() {
        let pause = requests[number + 1].arrived.duration_since(*at);
        assert!(pause >= Duration::from_secs(1), "request {} came after {pause:?}", number + 1);
    }
    let attempts: u32 = offerit.outcomes().values().map(|record| record.attempts).sum();
    assert_eq!(attempts, 12);
}

#[test]
fn a_retry_after_holds_all_that_is_not_on_its_way_yet() {
    support::alone();
    const IN_FLIGHT: usize = 4;
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let answered = Arc::new(Mutex::new(None));
    let answers = Arc::clone(&answered);
    let server = Server::start(move |_, number| match number {
        0 => {
            *answers.lock().expect("no panic") = Some(Instant::now());
            Reply::new(429).header("retry-after", "1")
        }
        // The others that were on their way stay unanswered until the hold is over: only it, and no lack of
        // room, keeps the rest back.
        1..IN_FLIGHT => Reply::updated().gated(&at_the_door),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=30));
    let child = offerit.start_sending(&["--concurrency", &IN_FLIGHT.to_string(), "--no-adapt"]);
    server.wait_for(IN_FLIGHT + 1);
    gate.open();
    child.wait().expect_code(0);
    let at = answered.lock().expect("no panic").expect("an answer");
    let requests = server.requests();
    let pause = requests[IN_FLIGHT].arrived.duration_since(at);
    assert!(pause >= Duration::from_secs(1), "the next request came after {pause:?}");
    assert_eq!(requests.len(), 31);
}

#[test]
fn a_retry_after_date_is_one_of_the_servers_own_clock() {
    // Its clock is a day ahead: by ours the pause would be longer than anybody waits.
    let server = Server::start(|_, number| {
        let now = SystemTime::now() + Duration::from_secs(86_400);
        let date = |seconds| httpdate::fmt_http_date(now + Duration::from_secs(seconds));
        match number {
            0 => Reply::new(503).header("date", date(0)).header("retry-after", date(1)),
            _ => Reply::updated(),
        }
    });
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.send(&["--concurrency", "1"]).expect_code(0);
    assert_eq!(offerit.outcomes()[&1].attempts, 2);
}

#[test]
fn a_retry_after_that_is_a_date_is_not_undercut() {
    support::alone();
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&arrivals);
    // A date has whole seconds: the one that is to come after the next is one to two seconds away.
    let second =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let date = Arc::new(Mutex::new(0));
    let announced = Arc::clone(&date);
    let server = Server::start(move |_, number| {
        let now = SystemTime::now();
        noted.lock().expect("no panic").push(now);
        if number > 0 {
            return Reply::updated();
        }
        *announced.lock().expect("no panic") = second(now) + 2;
        let until = httpdate::fmt_http_date(now + Duration::from_secs(2));
        Reply::new(503).header("retry-after", until)
    });
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.send(&["--concurrency", "1"]).expect_code(0);
    let arrivals = arrivals.lock().expect("no panic");
    let date = *date.lock().expect("no panic");
    assert_eq!(arrivals.len(), 4);
    assert!(second(arrivals[1]) >= date, "sent before the date");
    assert_eq!(offerit.outcomes()[&1].attempts, 2);
}
