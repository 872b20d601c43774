//! The result file: one line a row whatever the server says, for its owner's eyes only. The reader the tests
//! use refuses what the file's description does not allow, so reading it is an assertion of its own.

use crate::support::{self, Offerit, RESULT, Reply, Server, result, table};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

fn mode(offerit: &Offerit) -> u32 {
    fs::metadata(offerit.path(RESULT)).expect("a result file").permissions().mode() & 0o7777
}

/// Whether a terminal would obey something in this text, or its lines would read in another order.
fn is_harmful(text: &str) -> bool {
    let obeyed = |letter: char| letter.is_control() && letter != '\n';
    text.contains(obeyed) || text.contains(['\u{202e}', '\u{2066}', '\u{2028}'])
}

#[test]
fn a_record_has_the_columns_of_the_header_and_ends_in_its_fingerprint() {
    let server = Server::start(|_, number| match number {
        0 => Reply::json(400, r#"{"result":"error","message":"no, \"never\""}"#),
        _ => Reply::updated(),
    });
    let offerit =
        Offerit::job(&server, "subscription_id,customer_id,zip\nS-1,,1\n,\"2,\"\"3\"\"\",1\nS-3,4,1\n");
    offerit.send(&["--concurrency", "1"]).expect_code(3);

    let text = String::from_utf8(offerit.result_bytes()).expect("UTF-8");
    let header = text.lines().next().expect("a header");
    assert_eq!(
        header,
        "row,line,customer_id,subscription_id,status,http_status,attempts,duration_ms,finished_at,error,fingerprint"
    );
    let records = offerit.records();
    let ids: Vec<_> =
        records.iter().map(|one| (one.customer_id.as_str(), one.subscription_id.as_str())).collect();
    assert_eq!(ids, [("", "S-1"), ("2,\"3\"", ""), ("4", "S-3")]);
    assert_eq!((records[0].status.as_str(), records[0].http_status), ("rejected", Some(400)));
    assert!(records[0].error.contains("no, \"never\""), "{:?}", records[0]);
    let fingerprints: BTreeSet<&str> = records.iter().map(|one| one.fingerprint.as_str()).collect();
    assert_eq!(fingerprints.len(), 3, "different rows have different fingerprints");
    for (line, record) in text.lines().skip(1).zip(&records) {
        assert!(line.ends_with(&format!(",{}", record.fingerprint)));
    }
}

#[test]
fn only_the_owner_may_read_it_and_a_resume_sees_to_that_again() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=1));
    let mut open_to_all = offerit.command_in_shell("umask 0;", &["run", support::INPUT]);
    open_to_all.stderr(Stdio::piped());
    support::Child::start(open_to_all).wait().expect_code(0);
    assert_eq!(mode(&offerit), 0o600);
    fs::set_permissions(offerit.path(RESULT), Permissions::from_mode(0o644)).expect("another mode");
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(mode(&offerit), 0o600);
}

/// What a server may say to harm whoever reads it, as bytes of a body.
fn hostile_texts() -> Vec<Vec<u8>> {
    let texts = [
        "two\nlines\r\nand\rmore",
        "quotes \" and \"\" and commas ,,,,",
        "\",updated,200,1,1,2026-01-01T00:00:00.000Z,,0123456789abcdef\n9,9,,,updated",
        "\u{1b}[2J\u{1b}]0;title\u{7}\u{8}\u{9b}31m",
        "gpj.exe\u{202e} \u{2066}inside\u{2069} \u{200f}",
        "separators \u{2028} and \u{2029} and \u{85}",
        "=cmd|'/C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1)",
        "\t=1+1",
        "\u{feff}=1+1",
        "nul \0 and delete \u{7f}",
        "🙂 é 東京 still",
    ];
    let mut all: Vec<Vec<u8>> = texts.into_iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(b"broken \xff\xfe UTF-8 \xf0\x9f".to_vec());
    all.push("a large text ".repeat(100_000).into_bytes());
    all.push("é".repeat(40_000).into_bytes());
    all
}

#[test]
fn a_hostile_text_makes_one_harmless_record() {
    let texts = hostile_texts();
    let count = texts.len();
    let bodies = texts.clone();
    // Once as a bare body, once as the message of a JSON error.
    let server = Server::start(move |request, _| {
        let row: usize = request.field("customer_id").and_then(|id| id.parse().ok()).expect("a row");
        let text = &bodies[(row - 1) / 2];
        if row.is_multiple_of(2) {
            return Reply::new(400).body(text);
        }
        let message = serde_json::to_string(&String::from_utf8_lossy(text)).expect("JSON");
        Reply::json(400, format!("{{\"result\":\"error\",\"message\":{message}}}"))
    });
    let offerit = Offerit::job(&server, table(1..=2 * count as u64));
    let output = offerit.send(&[]).expect_code(3);
    assert!(!is_harmful(&output.stderr) && output.stdout.is_empty(), "{output:?}");

    let text = String::from_utf8(offerit.result_bytes()).expect("UTF-8");
    assert!(!is_harmful(&text));
    assert_eq!(text.lines().count(), 1 + 2 * count);
    let outcomes = offerit.outcomes();
    assert_eq!(outcomes.len(), 2 * count);
    for record in outcomes.values() {
        assert_eq!(record.status, "rejected");
        assert!(record.error.len() < 4000, "{} bytes", record.error.len());
    }
    assert!(outcomes[&27].error.ends_with("… still"), "a listed word stays as it is");
    let long = 2 * (count as u64 - 1) - 1;
    let cut = &outcomes[&long].error;
    assert!(cut.contains("a large text") && cut.contains('…'), "a cut is marked: {cut}");
}

#[test]
fn a_hostile_text_that_ends_the_run_is_harmless_on_the_terminal() {
    for text in hostile_texts() {
        let body = text.clone();
        let server = Server::start(move |_, _| Reply::new(401).body(&body));
        let offerit = Offerit::job(&server, table(1..=1));
        let output = offerit.send(&[]).expect_code(6);
        assert!(!is_harmful(&output.stderr), "{:?}", output.stderr);
        assert!(output.stderr.contains("401") && output.stderr.len() < 4000, "{:?}", output.stderr);
    }
    let location = "https://elsewhere.example/\u{202e}gpj.exe/\u{2028}";
    let server = Server::start(move |_, _| Reply::new(302).header("location", location));
    let offerit = Offerit::job(&server, table(1..=1));
    let output = offerit.send(&[]).expect_code(6);
    assert!(output.stderr.contains("elsewhere.example") && !is_harmful(&output.stderr), "{output:?}");
}

#[test]
fn hostile_ids_make_one_harmless_record() {
    let server = Server::start(|_, _| Reply::updated());
    let long = "9".repeat(5000);
    let offerit = Offerit::job(
        &server,
        format!("customer_id,zip\nabc\u{202e}def,1\n\"a \"\"b\"\", c\",1\n{long},1\nx\u{2028}y,1\n"),
    );
    offerit.send(&[]).expect_code(0);
    let text = String::from_utf8(offerit.result_bytes()).expect("UTF-8");
    assert!(!is_harmful(&text) && text.len() < 4000, "{text}");
    assert_eq!(offerit.outcomes()[&2].customer_id, "a \"b\", c");
    // The server still got what stands in the table.
    assert!(support::customers(&server.requests()).contains(&long));
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(server.count(), 4, "such rows are known again");
}

#[test]
fn records_are_there_before_the_run_ends() {
    let gate = support::Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, number| match number {
        0..200 => Reply::updated(),
        _ => Reply::updated().gated(&at_the_door),
    });
    let offerit = Offerit::job(&server, table(1..=300));
    let child = offerit.start_sending(&["--concurrency", "2"]);
    server.wait_for(202);
    // 202 rows were sent, and at most 64 are open at once: the others are recorded.
    let bytes = offerit.result_bytes();
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').expect("a line") + 1;
    let records = result::parse(&bytes[..whole]).expect("whole records");
    assert!(records.len() >= 138, "{} records", records.len());
    gate.open();
    child.wait().expect_code(0);
}
