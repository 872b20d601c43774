//! Replies that want to do harm: endless, compressed, out of turn, or made for a terminal.

use crate::support::{Child, Gate, Offerit, Reply, Server, table};
use std::fs;
use std::time::Duration;

/// The most memory a process ever had, in KiB.
#[track_caller]
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.pid())).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What such a reply may add to the memory at most, in KiB: some rows at once, 64 KiB each, and what the
/// libraries keep besides.
const ROOM: u64 = 16 * 1024;

/// Sends rows that all but the first and the last get this reply, and asserts that memory stays flat and that the
/// run goes on. No attempt ever times out: what ends the reading is its limit alone.
#[track_caller]
fn assert_flat(reply: Reply, status: &str) {
    const ROWS: u64 = 40;
    let (begin, end) = (Gate::new(), Gate::new());
    let gates = (begin.clone(), end.clone());
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        Some("1") => Reply::updated().gated(&gates.0),
        Some("40") => Reply::updated().gated(&gates.1),
        Some(row) if row.parse::<u64>().is_ok_and(|row| row % 4 == 2) => reply.clone(),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=ROWS));
    let arguments = ["--concurrency", "1", "--timeout", "1h", "--max-attempts", "1", "--no-adapt"];
    let child = offerit.start_sending(&arguments);
    server.wait_for(1);
    let before = peak(&child);
    begin.open();
    server.wait_for(ROWS as usize);
    let grown = peak(&child) - before;
    end.open();
    child.wait().expect_code(3);
    assert!(grown < ROOM, "{grown} KiB more");
    let outcomes = offerit.outcomes();
    for (row, record) in &outcomes {
        assert_eq!(record.status, if row % 4 == 2 { status } else { "updated" }, "{record:?}");
        assert!(record.error.len() < 2048, "{record:?}");
    }
    assert_eq!(outcomes.len() as u64, ROWS);
}

#[test]
fn a_body_without_an_end_is_read_no_further_than_its_limit() {
    let piece = vec![b'a'; 64 * 1024];
    assert_flat(Reply::endless("HTTP/1.1 200 OK\r\n\r\n", &piece), "unknown");
    assert_flat(Reply::endless("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n", &piece), "unknown");
    assert_flat(Reply::endless("HTTP/1.1 400 Bad Request\r\n\r\n", &piece), "rejected");
    let chunk = [b"10000\r\n".as_slice(), &piece, b"\r\n"].concat();
    assert_flat(Reply::endless("HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n", chunk), "failed");
}

#[test]
fn a_head_without_an_end_is_given_up() {
    assert_flat(Reply::endless("HTTP/1.1 200 OK\r\n", "x-padding: aaaaaaaaaaaaaaaaaaaaaaaa\r\n"), "unknown");
    assert_flat(Reply::endless("HTTP/1.1 200 OK\r\nx-padding: ", vec![b'a'; 64 * 1024]), "unknown");
}

/// Some megabytes of NULs in a few kilobytes: deflate with fixed codes, the same 258 bytes over and over.
fn bomb() -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let most_significant_first = |code: u32, length: u32, bits: &mut Vec<bool>| {
        (0..length).rev().for_each(|bit| bits.push(code >> bit & 1 == 1));
    };
    // The last block, fixed codes, and a literal NUL to repeat.
    bits.extend([true, true, false]);
    most_significant_first(0b0011_0000, 8, &mut bits);
    for _ in 0..38_000 {
        // A length of 258 at a distance of one.
        most_significant_first(0b1100_0101, 8, &mut bits);
        most_significant_first(0, 5, &mut bits);
    }
    most_significant_first(0, 7, &mut bits);
    let byte =
        |eight: &[bool]| eight.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at);
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gzip.extend(bits.chunks(8).map(byte));
    gzip.extend([0; 8]);
    gzip
}

#[test]
fn compression_that_nobody_asked_for_is_undone_up_to_the_limit() {
    let bomb = bomb();
    assert!(bomb.len() < 64 * 1024);
    assert_flat(Reply::new(200).header("content-encoding", "gzip").body(&bomb), "unknown");
    assert_flat(Reply::new(400).header("content-encoding", "gzip").body(&bomb), "rejected");
}

#[test]
fn a_compressed_true_confirms() {
    // `true`, stored as it is within gzip, with its checksum.
    let compressed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x04\0\xfb\xfftrue\x8d\x4c\xfc\xfd\x04\0\0\0";
    let server =
        Server::start(move |_, _| Reply::new(200).header("content-encoding", "gzip").body(compressed));
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.send(&[]).expect_code(0);
    assert_eq!(server.count(), 3);
    // A damaged one confirms nothing.
    let damaged = compressed[..compressed.len() - 6].to_vec();
    let reply = move || Reply::new(200).header("content-encoding", "gzip").body(&damaged);
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        Some("2") => reply(),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.send(&["--max-attempts", "1", "--concurrency", "1"]).expect_code(3);
    assert_eq!(offerit.outcomes()[&2].status, "unknown");
}

#[test]
fn the_server_is_asked_for_no_compression() {
    let server = Server::start(|_, _| Reply::updated());
    Offerit::job(&server, table(1..=1)).send(&[]).expect_code(0);
    assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
}

#[test]
fn a_reply_that_nobody_asked_for_confirms_no_row() {
    let true_again = "trueHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue";
    let server = Server::start(move |request, _| {
        match request.field("customer_id").and_then(|row| row.parse::<u64>().ok()) {
            // The second reply lies in wait on the connection for the next row.
            Some(row) if row % 2 == 1 => Reply::new(200).header("content-length", "4").body(true_again),
            _ => Reply::json(400, r#"{"message":"no"}"#),
        }
    });
    let offerit = Offerit::job(&server, table(1..=60));
    offerit.send(&["--concurrency", "1", "--no-adapt", "--max-attempts", "20"]).expect_code(3);
    for (row, record) in offerit.outcomes() {
        assert_eq!(record.status, if row % 2 == 1 { "updated" } else { "rejected" }, "{record:?}");
    }
}

#[test]
fn interim_replies_are_no_replies() {
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        Some("1") => Reply::raw(format!("{early}{early}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue")),
        Some("2") => Reply::raw(format!("{early}HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n")),
        Some("3") => Reply::drip(early, Duration::from_millis(1)),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=40));
    let arguments = ["--concurrency", "2", "--timeout", "500ms", "--max-attempts", "2", "--no-adapt"];
    offerit.send(&arguments).expect_code(3);
    let outcomes = offerit.outcomes();
    let statuses: Vec<&str> = (1..=4).map(|row| outcomes[&row].status.as_str()).collect();
    assert_eq!(statuses, ["updated", "rejected", "unknown", "updated"]);
}

#[test]
fn a_drip_ends_with_its_time_and_frees_its_place() {
    let server = Server::start(|_, number| match number {
        // A byte a minute: the first of them is all there ever is.
        0..2 => Reply::drip("HTTP/1.1 200 OK\r\n\r\ntrue", Duration::from_secs(60)),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=20));
    let arguments = ["--concurrency", "2", "--timeout", "300ms", "--max-attempts", "1"];
    offerit.send(&arguments).expect_code(3);
    let unknown = offerit.outcomes().into_values().filter(|record| record.status == "unknown");
    let unknown: Vec<_> = unknown.collect();
    assert_eq!(unknown.len(), 2, "{unknown:?}");
    assert!(unknown.iter().all(|record| record.duration_ms >= Some(300)), "{unknown:?}");
    assert_eq!(server.count(), 20, "the places of the two were free again");
    assert!(server.most_in_flight() <= 4, "given up, seen by the server a little later");
}

/// What could drive a terminal or a spreadsheet, in one text.
const VENOM: &[u8] = b"=cmd|'/c calc'!A0\x1b]0;owned\x07\x1b[2J\r\nrow,1\t\xe2\x80\xae\xe2\x81\xa6\xc2\x9b31m\xff\xfe\0\"quoted\",,\"";

#[track_caller]
fn assert_harmless(text: &str) {
    let is_bad = |letter: char| {
        letter.is_control() && letter != '\n'
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(is_bad), "{text:?}");
}

#[test]
fn what_a_server_says_drives_neither_terminal_nor_spreadsheet() {
    let server = Server::start(|request, _| match request.field("customer_id").as_deref() {
        Some("1") => Reply::new(400).body(VENOM),
        Some("2") => Reply::json(200, [b"{\"message\":\"\\u001b[2J\\u202e\\r\\n=1+1\"}".as_slice()].concat()),
        Some("3") => Reply::new(422).body(b"=".repeat(1_000_000)),
        Some("4") => Reply::new(200).body(VENOM),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=40));
    let output = offerit.send(&["--no-adapt", "--progress", "always"]).expect_code(3);
    // Read strictly: every record one line, no control character, no formula.
    let outcomes = offerit.outcomes();
    assert_eq!(outcomes.len(), 40);
    for row in [1, 2, 3] {
        assert_eq!(outcomes[&row].status, "rejected");
        assert!(outcomes[&row].error.len() < 2048, "cut with a mark");
    }
    assert_eq!(outcomes[&4].status, "unknown");
    assert!(!output.stderr.contains("owned") || !output.stderr.contains("\u{1b}]"), "{:?}", output.stderr);
}

#[test]
fn what_ends_a_run_drives_no_terminal() {
    let venomous = [
        (Reply::new(401).body(VENOM), 6),
        (Reply::new(403).body(VENOM), 6),
        (Reply::new(302).header("location", "https://x/\u{202e}\u{2066}\u{9b}31m"), 6),
        (Reply::new(503).body(VENOM), 4),
        (Reply::new(200).body(VENOM), 4),
    ];
    for (reply, code) in venomous {
        let server = Server::start(move |_, _| reply.clone());
        let offerit = Offerit::job(&server, table(1..=60));
        let output = offerit.send(&["--max-outage", "1s", "--max-attempts", "2"]).expect_code(code);
        assert_harmless(&output.stderr);
        assert_harmless(&output.stdout);
    }
}
