//! The sandbox's faults: each flag can be seen at work, and a run gets over it.

use crate::support::{Child, INPUT, Offerit, table};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A running sandbox and its host and port.
struct Sandbox {
    _child: Child,
    address: String,
}

/// What one request came to.
#[derive(Debug, PartialEq)]
enum Came {
    Answer(String),
    Reset,
    Nothing,
}

impl Sandbox {
    #[track_caller]
    fn start(arguments: &[&str]) -> Self {
        let child = Offerit::new().spawn(&[&["sandbox", "--listen", "127.0.0.1:0"], arguments].concat());
        let address = child.first_line().strip_prefix("http://").expect("an address").to_owned();
        Self { _child: child, address }
    }

    #[track_caller]
    fn ask(&self, head: &str, body: &str) -> Came {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_millis(400))).expect("a time limit");
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\napi-key: k\r\napi-username: u\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let mut reply = Vec::new();
        match stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut reply)) {
            Ok(_) => Came::Answer(String::from_utf8(reply).expect("text")),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                Came::Reset
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Came::Nothing
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    fn patch(&self) -> Came {
        self.ask("PATCH /api/customer/set_customer_details", "customer_id=1&zip=1")
    }

    /// A count of the account.
    #[track_caller]
    fn stat(&self, name: &str) -> u64 {
        self.number("/sandbox/stats", name)
    }

    #[track_caller]
    fn number(&self, path: &str, name: &str) -> u64 {
        let Came::Answer(answer) = self.ask(&format!("GET {path}"), "") else { panic!("no answer") };
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let stats: serde_json::Value = serde_json::from_str(body).expect("JSON");
        stats[name].as_u64().unwrap_or_else(|| panic!("no {name} in {stats}"))
    }

    /// Sends so many rows there.
    #[track_caller]
    fn job(&self, rows: u64) -> Offerit {
        let offerit = Offerit::with_credentials(&format!("http://{}", self.address));
        offerit.input(INPUT, table(1..=rows));
        offerit
    }
}

fn says(came: &Came, words: &str) -> bool {
    matches!(came, Came::Answer(answer) if answer.to_lowercase().contains(words))
}

#[test]
fn a_reset_is_one_and_half_of_them_were_applied() {
    let sandbox = Sandbox::start(&["--reset", "100%"]);
    assert!((0..20).all(|_| sandbox.patch() == Came::Reset));
    let applied = sandbox.number("/sandbox/customers/1", "updates");
    assert!((1..20).contains(&applied), "{applied} of 20 applied");
    let flaky = Sandbox::start(&["--reset", "15", "--seed", "3"]);
    let offerit = flaky.job(80);
    offerit.send(&["--max-attempts", "20"]).expect_code(0);
    assert!(offerit.outcomes().values().any(|record| record.attempts > 1));
}

#[test]
fn a_stalled_request_is_never_answered_and_ends_by_the_timeout() {
    let sandbox = Sandbox::start(&["--stall", "100"]);
    assert_eq!(sandbox.patch(), Came::Nothing);
    assert_eq!(sandbox.stat("updated"), 0);
    let flaky = Sandbox::start(&["--stall", "10", "--seed", "5"]);
    let offerit = flaky.job(60);
    offerit.send(&["--max-attempts", "20", "--timeout", "300ms"]).expect_code(0);
    assert!(offerit.outcomes().values().any(|record| record.attempts > 1));
}

#[test]
fn a_maintenance_page_is_a_200_that_confirms_nothing() {
    let sandbox = Sandbox::start(&["--html", "100"]);
    let came = sandbox.patch();
    assert!(says(&came, "http/1.1 200") && says(&came, "<html"), "{came:?}");
    assert_eq!(sandbox.stat("updated"), 0);
    let flaky = Sandbox::start(&["--html", "10", "--seed", "5"]);
    let offerit = flaky.job(60);
    let code = offerit.send(&["--max-attempts", "20"]).code;
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    let outcomes = offerit.outcomes();
    assert!(outcomes.values().all(|record| matches!(record.status.as_str(), "updated" | "unknown")));
    assert!(outcomes.values().any(|record| record.attempts > 1));
}

#[test]
fn an_outage_of_the_sandbox_is_waited_out() {
    let sandbox = Sandbox::start(&["--outage", "200ms..1200ms"]);
    let offerit = sandbox.job(60);
    let output = offerit.run(&["run", INPUT, "--rate", "50/s", "--max-attempts", "3"]).expect_code(0);
    assert!(output.stderr.contains("Server unreachable"), "{}", output.stderr);
    assert!(offerit.outcomes().values().all(|record| record.status == "updated"));
}

#[test]
fn a_wish_of_the_sandbox_is_obeyed() {
    let sandbox = Sandbox::start(&["--fail", "100", "--retry-after", "7"]);
    let came = sandbox.patch();
    assert!(says(&came, "503") && says(&came, "\r\nretry-after: 7\r\n"), "{came:?}");
    let offerit = sandbox.job(5);
    offerit.send(&["--max-retry-after", "6s", "--concurrency", "1"]).expect_code(4);
    assert_eq!(sandbox.stat("requests"), 2);
}

#[test]
fn an_unauthorized_run_ends_at_once() {
    let sandbox = Sandbox::start(&["--unauthorized"]);
    assert!(says(&sandbox.patch(), "http/1.1 403"));
    let offerit = sandbox.job(50);
    offerit.send(&["--concurrency", "3"]).expect_code(6);
    assert_eq!(offerit.records(), []);
    assert_eq!(sandbox.stat("updated"), 0);
    assert!(sandbox.stat("requests") <= 4, "{}", sandbox.stat("requests"));
}

#[test]
fn faults_that_make_no_sense_are_refused_by_name() {
    for (arguments, told) in [
        (["--reset", "101"], "--reset"),
        (["--stall", "x"], "--stall"),
        (["--html", "-1"], "--html"),
        (["--outage", "5s"], "--outage"),
        (["--outage", "5s..1s"], "outage"),
    ] {
        let arguments = arguments.map(str::to_owned);
        let joined = format!("{}={}", arguments[0], arguments[1]);
        let output = Offerit::new().run(&["sandbox", "--listen", "127.0.0.1:0", &joined]).expect_code(2);
        assert!(output.stderr.contains(told), "{joined}: {}", output.stderr);
    }
}
