//! `verify` accounts for every row of the input against the result file, and touches nothing.

use crate::support::{self, Gate, INPUT, Offerit, Output, RESULT, Reply, Server, result, table};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;

/// The account as it was printed: each line's name with its figure.
#[track_caller]
fn account(output: &Output) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (name, figure) = line.rsplit_once(' ').expect("a name and a figure");
        (name.trim().to_owned(), figure.parse().expect("a figure"))
    };
    output.stdout.lines().map(line).collect()
}

/// Asserts that the parts of an account add up to the rows, and gives the parts that are not zero.
#[track_caller]
fn parts(output: &Output, rows: u64) -> BTreeMap<String, u64> {
    let mut account = account(output);
    assert_eq!(account.remove("rows"), Some(rows), "{}", output.stdout);
    assert_eq!(account.values().sum::<u64>(), rows, "{}", output.stdout);
    account.into_iter().filter(|(_, figure)| *figure > 0).collect()
}

fn named(parts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    parts.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect()
}

/// A finished job of so many rows that are all in sync.
#[track_caller]
fn finished(rows: u64) -> (Server, Offerit) {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=rows));
    offerit.send(&[]).expect_code(0);
    (server, offerit)
}

#[test]
fn a_job_that_is_done_is_accounted_for() {
    let (server, offerit) = finished(12);
    let output = offerit.run(&["verify", INPUT]).expect_code(0);
    assert_eq!(parts(&output, 12), named(&[("updated", 12)]));
    assert_eq!(server.count(), 12, "nothing is sent");
}

#[test]
fn verify_report_and_resume_agree_on_what_is_damage() {
    for time in ["9999-99-99T99:99:99.999Z", "2026-02-30T00:00:00.000Z", "2026-11-23T23:59:60.000Z"] {
        let (server, offerit) = finished(3);
        let records = String::from_utf8(offerit.result_bytes()).expect("text");
        let line = records.lines().nth(2).expect("the second record");
        let finished_at = line.split(',').nth(8).expect("a time");
        let damaged = records.replace(line, &line.replace(finished_at, time));
        offerit.input(RESULT, damaged);
        for arguments in [
            &["verify", INPUT][..],
            &["report", RESULT, "-o", "page.html"],
            &["failures", INPUT],
            &["run", INPUT, "--resume"],
        ] {
            let output = offerit.run(arguments).expect_code(2);
            assert!(output.stderr.contains("line 3 (byte "), "{arguments:?}: {}", output.stderr);
            assert!(output.stderr.contains("the field 'finished_at'"), "{arguments:?}: {}", output.stderr);
        }
        assert_eq!(server.count(), 3, "nothing is sent");
    }
}

#[test]
fn the_result_file_can_be_named() {
    let (_, offerit) = finished(3);
    fs::rename(offerit.path(RESULT), offerit.path("elsewhere.csv")).expect("the file renamed");
    offerit.run(&["verify", INPUT]).expect_code(2);
    offerit.run(&["verify", INPUT, "--result", "elsewhere.csv"]).expect_code(0);
}

#[test]
fn one_row_that_is_not_in_sync_is_enough() {
    let (_, offerit) = finished(5);
    let bytes = offerit.result_bytes();
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("a line") + 1;
    offerit.input(RESULT, &bytes[..last]);
    let output = offerit.run(&["verify", INPUT]).expect_code(3);
    assert_eq!(parts(&output, 5), named(&[("not sent yet", 1), ("updated", 4)]));
}

#[test]
fn rows_that_were_added_or_taken_away_show() {
    let (_, offerit) = finished(5);
    offerit.input(INPUT, table(1..=7));
    let output = offerit.run(&["verify", INPUT]).expect_code(3);
    assert_eq!(parts(&output, 7), named(&[("not sent yet", 2), ("updated", 5)]));
    offerit.input(INPUT, table(1..=4));
    let output = offerit.run(&["verify", INPUT]).expect_code(3);
    parts(&output, 4);
    assert!(output.stderr.contains("another input"), "{}", output.stderr);
}

#[test]
fn rows_that_changed_since_are_told_with_the_key_and_only_with_it() {
    let (server, offerit) = finished(5);
    let edited = table(1..=5).replace("City 2\n", "Elsewhere\n");
    offerit.input(INPUT, &edited);
    let output = offerit.run(&["verify", INPUT]).expect_code(3);
    assert_eq!(parts(&output, 5), named(&[("changed", 1), ("updated", 4)]));

    let without_key = Offerit::new();
    without_key.input(INPUT, &edited);
    without_key.input(RESULT, offerit.result_bytes());
    let output = without_key.run(&["verify", INPUT]).expect_code(0);
    assert_eq!(parts(&output, 5), named(&[("updated", 5)]));
    assert!(output.stderr.contains("OFFERIT_API_KEY"), "what it cannot tell is said: {}", output.stderr);

    let key = without_key.input("api.key", support::KEY);
    let with_key = ["verify", INPUT, "--api-key-file", key.to_str().expect("a path in UTF-8")];
    without_key.run(&with_key).expect_code(3);
    assert_eq!(server.count(), 5);
}

#[test]
fn what_was_delivered_to_a_sandbox_is_not_passed_off_as_delivered() {
    let offerit = Offerit::with_credentials("http://127.0.0.1:1");
    offerit.input(INPUT, table(1..=3));
    offerit.run(&["run", INPUT, "--sandbox"]).expect_code(0);
    let output = offerit.run(&["verify", INPUT]).expect_code(3);
    assert!(output.stderr.contains("sandbox"), "{}", output.stderr);
    assert_eq!(parts(&output, 3), named(&[("changed", 3)]));
    let output = offerit.run(&["verify", INPUT, "--sandbox"]).expect_code(0);
    assert_eq!(parts(&output, 3), named(&[("updated", 3)]));
}

#[test]
fn a_torn_end_does_not_count_and_is_left_alone() {
    let (_, offerit) = finished(4);
    let mut bytes = offerit.result_bytes();
    bytes.truncate(bytes.len() - 5);
    offerit.input(RESULT, &bytes);
    let modified = |offerit: &Offerit| fs::metadata(offerit.path(RESULT)).and_then(|data| data.modified());
    let before = modified(&offerit).expect("a time");
    let output = offerit.run(&["verify", INPUT]).expect_code(3);
    assert_eq!(parts(&output, 4), named(&[("not sent yet", 1), ("updated", 3)]));
    assert!(output.stderr.contains("incomplete"), "{}", output.stderr);
    assert_eq!((offerit.result_bytes(), modified(&offerit).expect("a time")), (bytes, before));
    let files = fs::read_dir(offerit.folder()).expect("the folder").count();
    assert_eq!(files, 2, "nothing is written beside it");
}

#[test]
fn it_can_be_asked_while_a_run_goes_on() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, _| Reply::updated().gated(&at_the_door));
    let offerit = Offerit::job(&server, table(1..=3));
    let child = offerit.start_sending(&[]);
    server.wait_for(3);
    let output = offerit.run(&["verify", INPUT]).expect_code(3);
    assert_eq!(parts(&output, 3), named(&[("not sent yet", 3)]));
    gate.open();
    child.wait().expect_code(0);
    offerit.run(&["verify", INPUT]).expect_code(0);
}

#[test]
fn what_cannot_be_verified_is_no_success() {
    let (_, offerit) = finished(3);
    let good = offerit.result_bytes();
    let refuse = |name: &str, told: &str| {
        let output = offerit.run(&["verify", INPUT]).expect_code(2);
        assert!(output.stderr.contains(told), "{name}: {}", output.stderr);
        assert_eq!(output.stdout, "", "{name}: an account without a ground");
    };
    fs::remove_file(offerit.path(RESULT)).expect("the file removed");
    refuse("no result file", "not found");
    offerit.input(RESULT, String::from_utf8_lossy(&good).replacen("updated", "skipped", 1));
    refuse("a damaged record", "byte ");
    offerit.input(RESULT, table(1..=3));
    refuse("another file", RESULT);
    offerit.input(RESULT, &good);
    offerit.input(INPUT, "customer_id,emial\n1,a\n");
    refuse("a wrong header", "'email'");
    fs::remove_file(offerit.path(INPUT)).expect("the file removed");
    refuse("no input", INPUT);
    assert_eq!(offerit.result_bytes(), good);
}

/// The account for machines: one JSON object, whatever else is said.
#[track_caller]
fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&output.stdout).expect("one JSON object on standard output")
}

#[test]
fn the_account_for_machines_says_what_the_other_says() {
    let (_, offerit) = finished(6);
    let output = offerit.run(&["verify", INPUT, "--json"]).expect_code(0);
    let expected = serde_json::json!({
        "version": 1, "input": INPUT, "result": RESULT, "results": [RESULT], "shard": null,
        "rows_in_several_results": 0, "compared": "fingerprints", "rows": 6,
        "counts": {
            "updated": 6, "unchanged": 0, "invalid": 0, "rejected": 0, "failed": 0, "unknown": 0, "changed": 0,
            "no_record": 0
        },
        "records": 6, "highest_row": 6, "torn_bytes": 0, "in_sync": true, "reason": "in_sync", "exit_code": 0,
        "running": [], "seconds_left": null
    });
    assert_eq!(json(&output), expected);

    // A row changed, a row added, a torn record.
    let mut bytes = offerit.result_bytes();
    bytes.truncate(bytes.len() - 5);
    offerit.input(RESULT, &bytes);
    offerit.input(INPUT, table(1..=7).replace("City 2\n", "Elsewhere\n"));
    let account = json(&offerit.run(&["verify", INPUT, "--json"]).expect_code(3));
    let is_row_2_left = account["counts"]["changed"] == 1;
    assert_eq!(account["counts"]["no_record"], 2);
    assert_eq!(account["counts"]["updated"], if is_row_2_left { 4 } else { 5 });
    assert!(account["torn_bytes"].as_u64().expect("a figure") > 40);
    assert_eq!((&account["in_sync"], &account["reason"]), (&false.into(), &"not_in_sync".into()));
    assert_eq!((&account["exit_code"], &account["records"]), (&3.into(), &5.into()));

    offerit.input(INPUT, table(1..=2));
    let account = json(&offerit.run(&["verify", INPUT, "--json"]).expect_code(3));
    assert_eq!((&account["reason"], &account["rows"]), (&"rows_beyond_input".into(), &2.into()));

    fs::remove_file(offerit.path(RESULT)).expect("the file removed");
    assert_eq!(offerit.run(&["verify", INPUT, "--json"]).expect_code(2).stdout, "");
}

#[test]
fn without_the_key_machines_are_told_that_only_ids_were_compared() {
    let (_, offerit) = finished(2);
    let without_key = Offerit::new();
    without_key.input(INPUT, table(1..=2));
    without_key.input(RESULT, offerit.result_bytes());
    let account = json(&without_key.run(&["verify", INPUT, "--json"]).expect_code(0));
    assert_eq!(account["compared"], "ids");
    without_key.input(INPUT, table(1..=2).replace("2,City 2", "3,City 3"));
    let account = json(&without_key.run(&["verify", INPUT, "--json"]).expect_code(3));
    assert_eq!(account["counts"]["changed"], 1);
}

/// What becomes of a row of the tables below.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Updated,
    Rejected,
    Failed,
    Unknown,
    Invalid,
}

impl Fate {
    fn reply(self) -> Reply {
        match self {
            Self::Rejected => Reply::json(400, r#"{"message":"a, \"b\""}"#),
            Self::Failed => Reply::new(503),
            Self::Unknown => Reply::new(200).body("<html>"),
            Self::Updated | Self::Invalid => Reply::updated(),
        }
    }

    fn row(self, number: usize) -> String {
        let id = if self == Self::Invalid { String::new() } else { number.to_string() };
        format!("{id},City {number}\n")
    }
}

fn any_fate() -> impl Strategy<Value = Fate> {
    use Fate::{Failed, Invalid, Rejected, Unknown, Updated};
    proptest::sample::select(vec![
        Updated, Updated, Updated, Updated, Updated, Updated, Rejected, Failed, Unknown, Invalid,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn the_account_of_any_result_adds_up(
        mut fates in proptest::collection::vec(any_fate(), 1..60),
        dropped in proptest::collection::vec(proptest::bool::weighted(0.1), 61),
        added in 0_usize..3,
    ) {
        // The last one gets through: else the server would be to blame for the rows before it, and not they.
        fates.push(Fate::Updated);
        let replies = fates.clone();
        let server = Server::start(move |request, _| {
            let row: usize = request.field("customer_id").and_then(|id| id.parse().ok()).expect("a row");
            replies[row - 1].reply()
        });
        let header = "customer_id,city\n".to_owned();
        let rows: Vec<String> = fates.iter().enumerate().map(|(index, fate)| fate.row(index + 1)).collect();
        let offerit = Offerit::job(&server, header.clone() + &rows.concat());
        let is_done = fates.iter().all(|fate| *fate == Fate::Updated);
        let arguments = ["--max-attempts", "1", "--concurrency", "1"];
        offerit.send(&arguments).expect_code(if is_done { 0 } else { 3 });

        // As if some records were never written, and rows were added since.
        let text = String::from_utf8(offerit.result_bytes()).expect("UTF-8");
        let lines = text.split_inclusive('\n').enumerate();
        let kept: Vec<&str> = lines.filter(|(at, _)| *at == 0 || !dropped[at - 1]).map(|(_, line)| line).collect();
        offerit.input(RESULT, kept.concat());
        let more: Vec<String> = (0..added).map(|index| Fate::Updated.row(fates.len() + index + 1)).collect();
        offerit.input(INPUT, header + &rows.concat() + &more.concat());

        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        let records = result::last_by_row(&offerit.records());
        let count = (rows.len() + added) as u64;
        for row in 1..=count {
            let name = records.get(&row).map_or("not sent yet", |record| record.status.as_str());
            *expected.entry(name.to_owned()).or_default() += 1;
        }
        let output = offerit.run(&["verify", INPUT]);
        prop_assert_eq!(parts(&output, count), expected.clone());
        let is_in_sync = expected.keys().all(|name| name == "updated");
        prop_assert_eq!(output.code, Some(if is_in_sync { 0 } else { 3 }));
    }
}
