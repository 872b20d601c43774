//! `sandbox` and `run --sandbox`: a local server that behaves as the API page says, for trials.

use crate::support::{self, Child, INPUT, Offerit, RESULT, table};
use serde_json::Value;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A running sandbox.
struct Sandbox {
    child: Child,
    /// Host and port, as its first line says.
    address: String,
}

/// What it answered.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// The credentials of the API page.
const PAGE_CREDENTIALS: &str = "api-key: 44b5498dbcb481a0d00b404c0169af62\r\napi-username: offerit_admin\r\n";

impl Sandbox {
    /// Starts one on a free port.
    #[track_caller]
    fn start(offerit: &Offerit, arguments: &[&str]) -> Self {
        let child = offerit.spawn(&[&["sandbox", "--listen", "127.0.0.1:0"], arguments].concat());
        let line = child.first_line();
        let address = line.strip_prefix("http://").expect("an address on the first line").to_owned();
        Self { child, address }
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        let request = format!("{head}{headers}Content-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("a request sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// The call of the API page with these headers besides the content type.
    #[track_caller]
    fn patch_as(&self, credentials: &str, form: &str) -> Answer {
        let headers = format!("{credentials}Content-Type: application/x-www-form-urlencoded\r\n");
        self.ask("PATCH", "/api/customer/set_customer_details", &headers, form)
    }

    #[track_caller]
    fn patch(&self, form: &str) -> Answer {
        self.patch_as(PAGE_CREDENTIALS, form)
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "", "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).expect("JSON")
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[test]
fn the_calls_of_the_api_page_work_and_can_be_looked_at() {
    let sandbox = Sandbox::start(&Offerit::new(), &[]);
    let form = "customer_id=191&firstname=Test&zip=66666&email=test@testmail.com&country=US";
    let answer = sandbox.patch(form);
    assert_eq!((answer.status, answer.body.as_str()), (200, "true"));
    assert_eq!(sandbox.patch("customer_id=191&country=REMOVE&city=K%C3%B6ln").body, "true");

    let customer = sandbox.get("/sandbox/customers/191");
    let fields = serde_json::json!(
        {"city": "Köln", "email": "test@testmail.com", "firstname": "Test", "zip": "66666"}
    );
    assert_eq!((&customer["fields"], &customer["updates"]), (&fields, &Value::from(2)));
    let stats = sandbox.get("/sandbox/stats");
    assert_eq!((&stats["requests"], &stats["updated"]), (&Value::from(2), &Value::from(2)));
    assert_eq!(sandbox.ask("GET", "/sandbox/customers/192", "", "").status, 404);
}

#[test]
fn what_the_api_page_does_not_allow_is_refused() {
    let sandbox = Sandbox::start(&Offerit::new(), &[]);
    for form in ["firstname=Test", "customer_id=191", "customer_id=191&password=REMOVE", "customer_id=1&x=2"]
    {
        assert!(matches!(sandbox.patch(form).status, 400 | 404), "{form}");
    }
    assert_eq!(sandbox.patch_as("", "customer_id=191&zip=1").status, 401);
    let call = "/api/customer/set_customer_details";
    assert_eq!(sandbox.ask("POST", call, PAGE_CREDENTIALS, "customer_id=191&zip=1").status, 405);
    assert_eq!(sandbox.ask("PATCH", "/api/customer/lock", PAGE_CREDENTIALS, "customer_id=1").status, 404);
    assert_eq!(sandbox.get("/sandbox/stats")["updated"], 0);
}

#[test]
fn with_a_file_of_customers_there_are_no_others() {
    let offerit = Offerit::new();
    offerit.input("known.csv", "customer_id,subscription_id,city\n1,S-1,Riga\n2,,\n");
    let sandbox = Sandbox::start(&offerit, &["--customers", "known.csv"]);
    assert_eq!(sandbox.patch("subscription_id=S-1&zip=0100").body, "true");
    assert_eq!(
        sandbox.get("/sandbox/customers/1")["fields"],
        serde_json::json!({"city": "Riga", "zip": "0100"})
    );
    let answer = sandbox.patch("customer_id=3&zip=1");
    let refusal: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!((answer.status, &refusal["result"]), (200, &Value::from("error")), "a 200 can refuse");
    assert_eq!(sandbox.ask("GET", "/sandbox/customers/3", "", "").status, 404);
}

#[test]
fn a_demanded_key_is_demanded() {
    let sandbox = Sandbox::start(&Offerit::new(), &["--api-username", "me", "--api-key", "made-up-key"]);
    let form = "customer_id=1&zip=1";
    assert_eq!(sandbox.patch(form).status, 401);
    assert_eq!(sandbox.patch_as("api-key: made-up-key\r\napi-username: you\r\n", form).status, 401);
    assert_eq!(sandbox.patch_as("API-Key: made-up-key\r\nAPI-Username: me\r\n", form).body, "true");

    let offerit = Offerit::with_credentials(&sandbox.url());
    offerit.input(INPUT, table(1..=5));
    offerit.send(&[]).expect_code(6);
    offerit.input("my.key", "made-up-key\n");
    offerit.send(&["--resume", "--api-username", "me", "--api-key-file", "my.key"]).expect_code(0);
    assert_eq!(sandbox.get("/sandbox/stats")["updated"], 6);
}

#[test]
fn above_the_limit_it_answers_429_and_a_run_waits_as_it_is_told() {
    let sandbox = Sandbox::start(&Offerit::new(), &["--limit", "4/s"]);
    let offerit = Offerit::with_credentials(&sandbox.url());
    offerit.input(INPUT, table(1..=10));
    offerit.send(&["--max-attempts", "20"]).expect_code(0);
    let stats = sandbox.get("/sandbox/stats");
    assert_eq!(stats["updated"], 10);
    assert!(stats["throttled"].as_u64() > Some(0), "{stats}");
    // However slow the machine is, some five of these come within a second.
    let throttled =
        (0..1000).map(|_| sandbox.patch("customer_id=1&zip=1")).find(|answer| answer.status == 429);
    assert!(throttled.expect("a 429").head.contains("\r\nretry-after: 1"));
}

#[test]
fn failures_are_drawn_by_the_seed_and_change_nothing() {
    let draw = |seed: &str| {
        let sandbox = Sandbox::start(&Offerit::new(), &["--fail", "50%", "--seed", seed]);
        let statuses: Vec<u16> = (0..40).map(|_| sandbox.patch("customer_id=1&zip=1").status).collect();
        let updates = sandbox.get("/sandbox/customers/1")["updates"].as_u64();
        assert_eq!(updates, Some(statuses.iter().filter(|status| **status == 200).count() as u64));
        assert!(statuses.iter().all(|status| matches!(status, 200 | 503)));
        statuses
    };
    let first = draw("7");
    assert!(first.contains(&200) && first.contains(&503), "{first:?}");
    assert_eq!(draw("7"), first);
    assert_ne!(draw("8"), first);
    let always = Sandbox::start(&Offerit::new(), &["--fail", "100"]);
    assert_eq!(always.patch("customer_id=1&zip=1").status, 503);
}

#[test]
fn a_run_gets_over_failures_that_come_and_go() {
    let sandbox = Sandbox::start(&Offerit::new(), &["--fail", "20", "--seed", "1"]);
    let offerit = Offerit::with_credentials(&sandbox.url());
    offerit.input(INPUT, table(1..=60));
    offerit.send(&["--max-attempts", "20"]).expect_code(0);
    let stats = sandbox.get("/sandbox/stats");
    assert_eq!((&stats["updated"], &stats["customers"]), (&Value::from(60), &Value::from(60)));
    assert!(stats["failed"].as_u64() > Some(0), "{stats}");
    assert_eq!(stats["same_customer_overlaps"], 0);
}

#[test]
fn latency_delays_every_reply() {
    support::alone();
    let sandbox = Sandbox::start(&Offerit::new(), &["--latency", "150ms"]);
    for form in ["customer_id=1&zip=1", "customer_id=1"] {
        let asked = Instant::now();
        sandbox.patch(form);
        assert!(asked.elapsed() >= Duration::from_millis(150));
    }
}

#[test]
fn it_ends_well_when_told_to() {
    for signal in ["TERM", "INT"] {
        let sandbox = Sandbox::start(&Offerit::new(), &[]);
        sandbox.patch("customer_id=1&zip=1");
        // A connection that is open and idle does not keep it.
        let idle = TcpStream::connect(&sandbox.address).expect("a connection");
        sandbox.child.signal(signal);
        let output = sandbox.child.wait().expect_code(0);
        assert_eq!(output.stdout, format!("http://{}\n", sandbox.address));
        drop(idle);
        let gone = TcpStream::connect(&sandbox.address).expect_err("nobody listens any more");
        assert_eq!(gone.kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn what_it_cannot_start_with_is_said() {
    let offerit = Offerit::new();
    offerit.input("bad.csv", "customer_id,city\n1,Riga\n1,Riga\n");
    let running = Sandbox::start(&offerit, &[]);
    for (arguments, code, told) in [
        (&["--listen", "0.0.0.0:0"][..], 2, "--allow-remote"),
        (&["--listen", "nowhere"], 2, "--listen"),
        (&["--listen", &running.address], 1, &running.address),
        (&["--customers", "bad.csv"], 2, "line 3"),
        (&["--customers", "missing.csv"], 2, "missing.csv"),
        (&["--api-key", "made-up-key"], 2, "--api-username"),
        (&["--limit", "0"], 2, "--limit"),
        (&["--fail", "101"], 2, "--fail"),
        (&["--latency", "long"], 2, "--latency"),
        (&["--seed", "x"], 2, "--seed"),
    ] {
        let output = offerit.run(&[&["sandbox"], arguments].concat()).expect_code(code);
        assert!(output.stderr.contains(told), "{arguments:?}: {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
}

/// The address a run says it sends to.
fn told_address(stderr: &str) -> String {
    let (_, behind) = stderr.split_once("http://").expect("where to");
    behind.chars().take_while(|letter| letter.is_ascii_digit() || ".:".contains(*letter)).collect()
}

#[test]
fn a_run_with_its_own_sandbox_needs_nothing_and_leaves_nothing() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=30));
    // That its output ends shows that no process is left: one would hold the pipes open.
    let output = offerit.send(&["--sandbox"]).expect_code(0);
    assert_eq!(offerit.outcomes().len(), 30);
    let gone = TcpStream::connect(told_address(&output.stderr)).expect_err("nobody listens any more");
    assert_eq!(gone.kind(), ErrorKind::ConnectionRefused);
    let files = fs::read_dir(offerit.folder()).expect("the folder").count();
    assert_eq!(files, 2, "the input and the result");
    offerit.send(&["--sandbox", "--resume"]).expect_code(0);
    assert_eq!(offerit.records().len(), 30, "a second run has nothing to do");
}

#[test]
fn a_trial_is_never_taken_for_the_memory_of_an_account() {
    let account = support::Server::start(|_, _| support::Reply::updated());
    let offerit = Offerit::job(&account, table(1..=5));
    offerit.send(&["--sandbox"]).expect_code(0);
    assert_eq!(account.count(), 0, "credentials that are there are not used");
    offerit.send(&["--resume"]).expect_code(2);
    offerit.send(&["--resume", "--accept-changed-input"]).expect_code(0);
    assert_eq!(account.count(), 5);
}

#[test]
fn the_samples_do_what_their_readme_says() {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    let known = format!("{samples}/sandbox-customers.csv");
    let sandbox = Sandbox::start(&Offerit::new(), &["--customers", &known]);
    let offerit = Offerit::with_credentials(&sandbox.url());
    offerit.input(INPUT, fs::read(format!("{samples}/customers.csv")).expect("the sample"));
    offerit.send(&[]).expect_code(3);
    let outcomes = offerit.outcomes();
    let count = |status: &str| outcomes.values().filter(|record| record.status == status).count();
    assert_eq!((count("updated"), count("rejected"), outcomes.len()), (294, 6, 300), "{RESULT}");
    assert_eq!(sandbox.get("/sandbox/stats")["same_customer_overlaps"], 0);
    assert!(sandbox.get("/sandbox/stats")["requests"] == 300, "no row was sent twice");
}
