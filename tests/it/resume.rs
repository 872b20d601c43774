//! The result file as the job's memory: what a run does with one that is there already.

use crate::support::{self, Gate, INPUT, Offerit, RESULT, Reply, Server, Visits, result, rows, table};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// A finished job of so many rows that are all in sync.
#[track_caller]
fn finished(rows: u64) -> (Server, Offerit) {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=rows));
    offerit.send(&[]).expect_code(0);
    (server, offerit)
}

/// The rows that were sent since the first `before` requests, sorted.
fn sent_since(server: &Server, before: usize) -> Vec<u64> {
    let mut rows = rows(&server.requests()[before..]);
    rows.sort_unstable();
    rows
}

/// Asserts that a run was refused: nothing sent, the result file as it was.
#[track_caller]
fn assert_refused(server: &Server, offerit: &Offerit, arguments: &[&str], told: &[&str]) {
    let (count, before) = (server.count(), offerit.result_bytes());
    let output = offerit.send(arguments).expect_code(2);
    for words in told {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
    assert_eq!((server.count(), offerit.result_bytes() == before), (count, true), "{}", output.stderr);
}

#[test]
fn an_existing_result_file_is_refused_unless_it_is_said_what_to_do_with_it() {
    let (server, offerit) = finished(3);
    assert_refused(&server, &offerit, &[], &[RESULT, "--resume", "--overwrite"]);
    assert_refused(&server, &offerit, &["--resume", "--overwrite"], &["--resume", "--overwrite"]);
}

#[test]
fn overwrite_begins_anew() {
    let (server, offerit) = finished(5);
    offerit.input(INPUT, table(1..=3));
    offerit.send(&["--overwrite"]).expect_code(0);
    assert_eq!(sent_since(&server, 5), [1, 2, 3]);
    assert_eq!(offerit.records().len(), 3, "nothing of the earlier run is left");
}

#[test]
fn overwrite_spares_what_is_no_result_file() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=3));
    for content in ["customer_id,email\n1,a@example.org\n", "row,line\n", &"\0".repeat(200)] {
        offerit.input(RESULT, content);
        assert_refused(&server, &offerit, &["--overwrite"], &[RESULT]);
    }
}

/// A result file can be read as a table: what a mistake in the arguments must not cost.
#[test]
fn the_input_is_not_overwritten_however_its_path_is_spelled() {
    let (server, offerit) = finished(3);
    let absolute = offerit.path(RESULT).display().to_string();
    fs::hard_link(offerit.path(RESULT), offerit.path("hard.csv")).expect("a hard link");
    symlink(RESULT, offerit.path("soft.csv")).expect("a link");
    let plain = format!("./{RESULT}");
    for (input, path) in [
        (RESULT, plain.as_str()),
        (RESULT, &absolute),
        (&absolute, RESULT),
        (RESULT, "hard.csv"),
        ("soft.csv", RESULT),
    ] {
        for existing in ["--overwrite", "--resume"] {
            let before = (server.count(), offerit.result_bytes());
            let output = offerit.run(&["run", input, "--result", path, existing]).expect_code(2);
            assert!(output.stderr.contains("would overwrite the input"), "{input} {path}: {}", output.stderr);
            assert_eq!((server.count(), offerit.result_bytes()), before);
        }
    }
    let mut redirected = offerit.command_in_shell("", &["run", "-", "--result", RESULT, "--overwrite"]);
    redirected.stdin(fs::File::open(offerit.path(RESULT)).expect("the file")).stderr(Stdio::piped());
    let output = support::Child::start(redirected).wait().expect_code(2);
    assert!(output.stderr.contains("would overwrite the input"), "{}", output.stderr);
}

#[test]
fn overwrite_of_an_input_that_cannot_be_used_keeps_the_old_result() {
    let (server, offerit) = finished(3);
    offerit.input(INPUT, "customer_id,emial\n1,a@example.org\n");
    assert_refused(&server, &offerit, &["--overwrite"], &["emial"]);
}

#[test]
fn a_resume_without_a_result_file_begins() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!((server.count(), offerit.outcomes().len()), (3, 3));
}

#[test]
fn a_finished_job_is_not_sent_again_however_often_it_is_resumed() {
    let (server, offerit) = finished(20);
    let before = offerit.result_bytes();
    for _ in 0..3 {
        offerit.send(&["--resume"]).expect_code(0);
    }
    assert_eq!((server.count(), offerit.result_bytes() == before), (20, true));
}

#[test]
fn resume_skips_what_is_in_sync_and_tries_the_rest() {
    let is_healed = Arc::new(AtomicBool::new(false));
    let healed = Arc::clone(&is_healed);
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        _ if healed.load(Ordering::SeqCst) => Reply::updated(),
        Some("3") => Reply::json(400, r#"{"message":"no"}"#),
        Some("4") => Reply::json(200, "false"),
        Some("5") => Reply::new(503),
        Some("6") => Reply::new(200).body("<html>"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=10));
    offerit.send(&["--max-attempts", "1", "--concurrency", "1"]).expect_code(3);
    let statuses: Vec<String> = offerit.outcomes().into_values().map(|record| record.status).collect();
    assert_eq!(statuses[2..6], ["rejected", "rejected", "failed", "unknown"]);

    is_healed.store(true, Ordering::SeqCst);
    let output = offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(sent_since(&server, 10), [3, 4, 5, 6]);
    assert!(offerit.outcomes().values().all(result::Record::is_in_sync));
    assert_eq!(offerit.records().len(), 14, "the file only ever grows");
    assert!(output.stderr.contains("6 in sync"), "{}", output.stderr);
}

#[test]
fn a_row_that_may_have_been_applied_stays_unknown_until_it_gets_through() {
    let visits = Visits::default();
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        Some("3") if visits.before(request) == 0 => Reply::new(200).body("<html>"),
        Some("3" | "4") => Reply::new(503),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=10));
    let few = ["--max-attempts", "1", "--max-outage", "1s", "--concurrency", "1"];
    offerit.send(&few).expect_code(3);
    offerit.send(&[&few[..], &["--resume"]].concat()).expect_code(3);
    let statuses: Vec<String> = offerit.outcomes().into_values().map(|record| record.status).collect();
    assert_eq!(
        (statuses[2..4].to_vec(), sent_since(&server, 10)),
        (vec!["unknown".into(), "failed".into()], vec![3, 4])
    );
}

#[test]
fn changed_and_new_rows_are_sent_and_counted_before_the_run_begins() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let visits = Visits::default();
    let server = Server::start(move |request, number| {
        let is_first = visits.before(request) == 0;
        match request.field("customer_id").as_deref() {
            Some("9") if is_first => Reply::json(400, "{}"),
            _ if number >= 10 => Reply::updated().gated(&at_the_door),
            _ => Reply::updated(),
        }
    });
    let offerit = Offerit::job(&server, table(1..=10));
    offerit.send(&[]).expect_code(3);
    let edited = table(1..=13).replace("2,City 2\n", "2,Elsewhere\n").replace("7,City 7\n", "7,REMOVE\n");
    offerit.input(INPUT, edited);
    let child = offerit.start_sending(&["--resume"]);
    // No row of this run is answered before the gate opens.
    server.wait_for(16);
    let told = child.wait_for_stderr(|text| text.contains("new"));
    for words in ["13 rows", "7 in sync", "2 changed", "1 to retry", "3 new"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    gate.open();
    child.wait().expect_code(0);
    assert_eq!(sent_since(&server, 10), [2, 7, 9, 11, 12, 13]);
    let sent = server.requests();
    let changed = sent[10..].iter().find(|request| request.field("customer_id").as_deref() == Some("2"));
    assert_eq!(changed.and_then(|request| request.field("city")), Some("Elsewhere".to_owned()));

    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(server.count(), 16, "the changed rows are in sync as they are now");
}

#[test]
fn a_row_that_was_in_sync_and_is_invalid_now_is_so_by_the_file() {
    let (server, offerit) = finished(5);
    offerit.input(INPUT, table(1..=5).replace("City 2\n", "\n"));
    offerit.send(&["--resume"]).expect_code(3);
    assert_eq!((server.count(), offerit.outcomes()[&2].status.as_str()), (5, "invalid"));
}

#[test]
fn a_change_of_columns_that_says_the_same_is_no_change() {
    let (server, offerit) = finished(5);
    let turned: String = (1..=5).map(|row| format!("\"City {row}\",,{row}\r\n")).collect();
    offerit.input(INPUT, format!("\u{feff}CITY,zip, Customer_Id \r\n{turned}"));
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(server.count(), 5);
}

#[test]
fn the_result_file_of_another_input_is_refused() {
    let (server, offerit) = finished(10);
    let other = table(101..=110);
    let shorter = table(1..=4);
    for input in [other.as_str(), &shorter] {
        offerit.input(INPUT, input);
        let told = [RESULT, "does not belong", "--accept-changed-input"];
        assert_refused(&server, &offerit, &["--resume"], &told);
    }
    offerit.input(INPUT, &other);
    offerit.send(&["--resume", "--accept-changed-input"]).expect_code(0);
    assert_eq!(sent_since(&server, 10), (101..=110).collect::<Vec<_>>());
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(server.count(), 20);
}

/// So many rows, then two of one customer: the older one is rejected, the newer one delivered.
fn overtaken(others: u64) -> (Server, Offerit, String) {
    let (older, newer) = (others + 1, others + 2);
    let city = format!("City {older}");
    let server = Server::start(move |request, _| {
        if request.field("city").as_deref() == Some(&city) { Reply::new(400) } else { Reply::updated() }
    });
    let table = table(1..=newer).replace(&format!("\n{newer},"), &format!("\n{older},"));
    let offerit = Offerit::job(&server, &table);
    offerit.send(&["--concurrency", "1"]).expect_code(3);
    (server, offerit, table)
}

#[test]
fn a_single_overtaken_row_is_told_in_the_one_pass_over_the_input() {
    let (server, offerit, _) = overtaken(0);
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!((server.count(), offerit.outcomes()[&1].status.as_str()), (2, "unchanged"));
}

#[test]
fn a_row_that_names_both_ids_hands_on_that_its_customer_was_updated_since() {
    let server = Server::start(|request, _| {
        if request.field("city").as_deref() == Some("Ulm") { Reply::updated() } else { Reply::new(400) }
    });
    let table = "customer_id,subscription_id,city,zip\n5,,Bonn,1\n5,77,Kiel,\n,77,Ulm,\n";
    let offerit = Offerit::job(&server, table);
    offerit.send(&[]).expect_code(3);
    offerit.send(&["--resume"]).expect_code(3);
    let outcomes = offerit.outcomes();
    // Row 3 sets the city, but no zip.
    let status = |row: u64| outcomes[&row].status.as_str();
    assert_eq!((server.count(), status(1), status(2), status(3)), (3, "rejected", "rejected", "updated"));
    assert!(outcomes[&1].error.contains("row 3, a newer row"), "{}", outcomes[&1].error);
}

#[test]
fn rows_that_name_both_ids_join_them_wherever_they_stand_and_however_often_it_is_resumed() {
    let server = Server::start(|request, _| {
        if request.field("city").as_deref() == Some("Kiel") { Reply::new(503) } else { Reply::updated() }
    });
    // The first row that is not done stands behind the one that joins.
    let table = "customer_id,subscription_id,city\n5,77,Bonn\n5,,Kiel\n9,,Jena\n,77,Ulm\n";
    let offerit = Offerit::job(&server, table);
    // Row 4 waits for row 2, which nobody else can show to be at fault: the first run ends with the outage, the second one
    // gets past it.
    let once = ["--max-attempts", "1", "--concurrency", "1", "--max-outage", "1s"];
    offerit.send(&once).expect_code(4);
    offerit.send(&[&once[..], &["--resume"]].concat()).expect_code(3);
    let sent = server.count();
    for _ in 0..2 {
        offerit.send(&["--resume"]).expect_code(3);
        let outcomes = offerit.outcomes();
        assert_eq!((server.count(), outcomes[&2].status.as_str()), (sent, "failed"));
        assert!(outcomes[&2].error.contains("row 4, a newer row"), "{}", outcomes[&2].error);
    }
}

#[test]
fn overtaken_rows_are_told_where_most_of_the_input_has_changed_too() {
    let (server, offerit, table) = overtaken(8);
    let edited = (2..=8).fold(table, |text, row| text.replace(&format!("City {row}\n"), "Elsewhere\n"));
    offerit.input(INPUT, edited);
    let before = server.count();
    assert_refused(&server, &offerit, &["--resume"], &["7 of its 9 rows in sync"]);
    offerit.send(&["--resume", "--accept-changed-input"]).expect_code(0);
    assert_eq!((server.count() - before, offerit.outcomes()[&9].status.as_str()), (7, "unchanged"));
}

#[test]
fn a_refusal_says_in_what_the_rows_differ() {
    let (server, offerit) = finished(10);
    let refused = |input: &str, told: &[&str]| {
        offerit.input(INPUT, input);
        assert_refused(&server, &offerit, &["--resume"], told);
    };
    // Fields of six rows; then a row put in before the fourth.
    let mut edited = table(1..=10);
    (5..=10).for_each(|row| edited = edited.replace(&format!("City {row}\n"), "Elsewhere\n"));
    refused(&edited, &["6 of its 10 rows in sync", "the customers are the same as before", "API key"]);
    let inserted = table(1..=10).replace("\n4,", "\n99,Riga\n4,");
    refused(&inserted, &["7 of its 10 rows in sync", "7 of them are of other customers", "row 4 (line 5)"]);
    // Rows taken out: the place in the result file is told.
    let result = String::from_utf8(offerit.result_bytes()).expect("UTF-8");
    let offset = result.find("\n10,").expect("the record of row 10") + 1;
    let line = result[..offset].lines().count() + 1;
    refused(&table(1..=9), &[&format!("line {line} (byte {offset}) is a record of row 10"), "only 9 rows"]);
}

#[test]
fn a_resorted_input_is_refused_rather_than_sent_in_full() {
    let (server, offerit) = finished(30);
    let mut lines: Vec<String> = table(1..=30).lines().map(str::to_owned).collect();
    lines[1..].reverse();
    offerit.input(INPUT, lines.join("\n"));
    assert_refused(&server, &offerit, &["--resume"], &["does not belong"]);
}

#[test]
fn with_another_key_nothing_counts_as_done_and_the_run_says_why() {
    let (server, offerit) = finished(4);
    let key = offerit.input("other.key", "another-key\n");
    let with_key = ["--resume", "--api-key-file", key.to_str().expect("a path in UTF-8")];
    assert_refused(&server, &offerit, &with_key, &["API key"]);
    offerit.send(&[&with_key[..], &["--accept-changed-input"]].concat()).expect_code(0);
    assert_eq!(sent_since(&server, 4), [1, 2, 3, 4]);
}

#[test]
fn a_file_that_a_crash_left_without_a_record_is_gone_on_with() {
    let (_, finished) = finished(1);
    let whole = finished.result_bytes();
    let header = result::HEADER.len() + 1;
    for length in [0, 1, 10, header - 1, header] {
        let server = happy();
        let offerit = Offerit::job(&server, table(1..=3));
        offerit.input(RESULT, &whole[..length]);
        offerit.send(&["--resume"]).expect_code(0);
        assert_eq!((server.count(), offerit.records().len()), (3, 3), "cut after {length} bytes");
    }
}

/// The first ten rows in sync, the last one's record cut after so many bytes: that row alone is sent again,
/// and what was cut off is kept.
#[track_caller]
fn assert_torn_row_is_sent_again(whole: &[u8], last: usize, length: usize) {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=10));
    let torn = &whole[last..last + length];
    offerit.input(RESULT, &whole[..last + length]);
    let records = result::parse(whole).expect("whole records");
    let row = records.last().expect("a record").row;
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(rows(&server.requests()), [row], "cut after {length} bytes");
    assert_eq!(offerit.outcomes().len(), 10);
    let saved = fs::read(offerit.path(&format!("{RESULT}.torn"))).expect("the torn tail");
    assert!(saved.starts_with(torn), "cut after {length} bytes: {saved:?}");
}

#[test]
fn a_torn_record_is_no_result_and_is_saved_beside_the_file() {
    let (_, finished) = finished(10);
    let whole = finished.result_bytes();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("a line") + 1;
    let record = whole.len() - last;
    // In the row's number, before its comma, in the middle, in the fingerprint, without the line feed.
    for length in [1, 2, 3, record / 2, record - 17, record - 2, record - 1] {
        assert_torn_row_is_sent_again(&whole, last, length);
    }
}

#[test]
fn a_record_torn_in_its_row_number_is_no_other_row() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=12));
    offerit.send(&["--concurrency", "1"]).expect_code(0);
    let text = String::from_utf8(offerit.result_bytes()).expect("UTF-8");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert!(lines[1].starts_with("1,") && lines[12].starts_with("12,"));
    // Row 1 has no record, and row 12's is torn so that a "1" is left of it.
    offerit.input(RESULT, [&[lines[0]], &lines[2..12], &["1"]].concat().concat());
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(sent_since(&server, 12), [1, 12]);
}

#[test]
fn a_record_torn_within_quotes_swallows_no_other() {
    let visits = Visits::default();
    let server = Server::start(move |request, _| match visits.before(request) {
        0 => Reply::json(400, r#"{"message":"no, \"never\", not this row"}"#),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.send(&["--concurrency", "1"]).expect_code(3);
    let bytes = offerit.result_bytes();
    let quote = bytes.windows(7).rposition(|part| part == b"\"never\"").expect("a quoted error");
    offerit.input(RESULT, &bytes[..quote + 3]);
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(sent_since(&server, 3), [1, 2, 3]);
    assert_eq!(offerit.records().len(), 5, "two refusals and three updates");
}

/// A power cut can lose a sector of the last records and keep the next one.
#[test]
fn a_hole_of_a_power_cut_is_cut_off_whatever_the_concurrency_and_another_is_refused() {
    const SECTOR: usize = 512;
    let (server, offerit) = finished(400);
    let whole = offerit.result_bytes();
    let last = (whole.len() / SECTOR - 1) * SECTOR;
    let with_hole = |start: usize| {
        let mut bytes = whole.clone();
        bytes[start..start + SECTOR].fill(0);
        bytes
    };
    let resume = ["--resume", "--concurrency", "4"];
    for start in [SECTOR + 1, last + 1] {
        offerit.input(RESULT, with_hole(start));
        assert_refused(&server, &offerit, &resume, &[RESULT, "(byte "]);
    }
    // More than the 64 rows that this concurrency has open at once: the run before may have had more.
    offerit.input(RESULT, with_hole(last - 16 * SECTOR));
    let verified = offerit.run(&["verify", INPUT, "--json"]).expect_code(3);
    let account: serde_json::Value = serde_json::from_str(&verified.stdout).expect("JSON");
    assert!(account["counts"]["no_record"].as_u64() > Some(64), "{account}");

    offerit.input(RESULT, with_hole(last));
    let kept = whole[..last].iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
    let cut = whole[..last].iter().rposition(|byte| *byte == b'\n').expect("a line") + 1;
    let lines: Vec<u64> = result::parse(&whole).expect("records").iter().map(|record| record.row).collect();
    let mut lost = lines[kept as usize..].to_vec();
    lost.sort_unstable();
    assert!((8..=16).contains(&lost.len()), "{lost:?}");
    let verified = offerit.run(&["verify", INPUT]).expect_code(3);
    assert!(verified.stdout.contains(&format!("not sent yet {:>10}", lost.len())), "{verified:?}");
    offerit.send(&resume).expect_code(0);
    assert_eq!(sent_since(&server, 400), lost);
    assert_eq!(offerit.outcomes().len(), 400);
    let saved = fs::read(offerit.path(&format!("{RESULT}.torn"))).expect("what was cut off");
    assert_eq!(saved[..saved.len() - 1], with_hole(last)[cut..]);
}

#[test]
fn damage_before_the_tail_is_refused_with_its_place() {
    let (server, offerit) = finished(10);
    let whole = offerit.result_bytes();
    let starts: Vec<usize> = (0..whole.len()).filter(|at| *at == 0 || whole[at - 1] == b'\n').collect();
    let (third, fourth) = (starts[3], starts[4]);
    let mut zeros = whole.clone();
    zeros[third..fourth - 1].fill(0);
    let mut over_lines = whole.clone();
    over_lines[third + 5..fourth + 5].fill(0);
    let mut garbage = whole.clone();
    garbage[third + 2] = b'x';
    let mut status = whole.clone();
    let at = third + whole[third..].windows(7).position(|part| part == b"updated").expect("a status");
    status[at..at + 7].copy_from_slice(b"skipped");
    let mut header = whole.clone();
    header[..3].copy_from_slice(b"ROW");
    let without_line = [&whole[..third + 20], &whole[fourth..]].concat();
    let saved_by_a_spreadsheet = String::from_utf8_lossy(&whole).replace('\n', "\r\n").into_bytes();
    for (damaged, offset) in [
        (zeros, third),
        (over_lines, third),
        (garbage, third),
        (status, third),
        (without_line, third),
        (header, 0),
        (saved_by_a_spreadsheet, 0),
    ] {
        offerit.input(RESULT, damaged);
        assert_refused(&server, &offerit, &["--resume"], &[RESULT, &format!("byte {offset})")]);
    }
}

#[test]
fn the_result_path_must_be_a_regular_file() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=3));
    let target = offerit.input("target.csv", "");
    let make_fifo =
        |path: &Path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    symlink(&target, offerit.path("link.csv")).expect("a link");
    symlink(offerit.path("nowhere"), offerit.path("dangling.csv")).expect("a link");
    fs::create_dir(offerit.path("folder.csv")).expect("a folder");
    make_fifo(&offerit.path("fifo.csv"));
    for path in ["link.csv", "dangling.csv", "folder.csv", "fifo.csv", "/dev/null", "/dev/full"] {
        for more in [&[][..], &["--resume"], &["--overwrite"]] {
            let output = offerit.send(&[&["--result", path], more].concat()).expect_code(2);
            assert!(output.stderr.contains(path), "{}", output.stderr);
        }
    }
    assert_eq!(server.count(), 0);
    assert_eq!(fs::read(target).expect("the target"), b"", "the target of the link is untouched");
    assert!(!offerit.path("nowhere").exists());
}

#[test]
fn the_result_can_lie_elsewhere() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=3));
    fs::create_dir(offerit.path("results")).expect("a folder");
    offerit.send(&["--result", "results/monday.csv"]).expect_code(0);
    assert_eq!(result::read(offerit.path("results/monday.csv")).len(), 3);
    assert!(!offerit.path(RESULT).exists());
}
