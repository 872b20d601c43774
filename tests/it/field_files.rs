//! The user's own files: an input that changes under the run, a result file that somebody else has a hold on or writes
//! to, a folder that is not there, a key that others may read; and what a run says about its rows.

use crate::support::{
    self, Gate, INPUT, Offerit, Output, RESULT, Reply, Server, result, rows, strace, table,
};
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::SystemTime;

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// A finished job of this number of rows that are all in sync.
#[track_caller]
fn finished(rows: u64) -> (Server, Offerit) {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=rows));
    offerit.send(&["--concurrency", "1"]).expect_code(0);
    (server, offerit)
}

#[track_caller]
fn assert_said(output: &Output, words: &[&str]) {
    for words in words {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
}

/// Asserts that a run ended with 2, sent nothing and announced nothing.
#[track_caller]
fn assert_refused(server: &Server, offerit: &Offerit, arguments: &[&str], said: &[&str]) {
    let count = server.count();
    let output = offerit.send(arguments).expect_code(2);
    assert_said(&output, said);
    assert!(server.count() == count && !output.stderr.contains(" in flight"), "{}", output.stderr);
}

// ---- The input, looked at once more at the end ------------------------------------------------------------

/// Sends a table of three rows, and does something while the last reply is held back: all of the input was read by then.
#[track_caller]
fn send_and_meanwhile(
    first: u16,
    arguments: &[&str],
    meanwhile: impl Fn(&Path),
) -> (Server, Offerit, Output) {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, number| match number {
        0 => Reply::json(first, "true"),
        2 => Reply::updated().gated(&at_the_door),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=3));
    symlink(INPUT, offerit.path("link.csv")).expect("a link");
    let child = offerit.spawn(&[&["run", "--concurrency", "1", "--rate", "unlimited"], arguments].concat());
    server.wait_for(3);
    meanwhile(offerit.folder());
    gate.open();
    let output = child.wait();
    (server, offerit, output)
}

/// Changes the input, again and again until the clock of the file system has gone on.
fn change(folder: &Path, change: Change) {
    let path = folder.join(INPUT);
    let seen = || {
        fs::metadata(&path).ok().map(|there| (there.ino(), there.len(), there.ctime(), there.ctime_nsec()))
    };
    let before = seen();
    while seen() == before {
        change(&path);
    }
}

fn append(path: &Path) {
    fs::write(path, table(1..=4)).expect("written");
}

fn replace(path: &Path, text: String) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("a file written");
    fs::rename(new, path).expect("the file replaced");
}

fn set_time(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("a time set");
}

type Change = fn(&Path);

/// Kinds of change, by what a shell would do.
const CHANGES: [(&str, Change); 12] = [
    ("echo 4,City 4 >> input", append),
    ("sed in place, the same size", |path| {
        fs::write(path, table(1..=3).replace("City 1", "City 9")).expect("written");
    }),
    ("the same, and touch -d to the time before", |path| {
        let time = fs::metadata(path).and_then(|there| there.modified()).expect("a time");
        fs::write(path, table(1..=3).replace("City 1", "City 9")).expect("written");
        set_time(path, time);
    }),
    ("mv longer input", |path| replace(path, table(1..=4))),
    ("mv other input of the same size", |path| replace(path, table(1..=3).replace("City 2", "City 9"))),
    ("mv input of the same text", |path| replace(path, table(1..=3))),
    ("truncate -s 0 input", |path| fs::write(path, "").expect("written")),
    ("head -n 2 input", |path| fs::write(path, table(1..=1)).expect("written")),
    ("touch input", |path| set_time(path, SystemTime::now())),
    ("chmod 600 input", |path| fs::set_permissions(path, Permissions::from_mode(0o600)).expect("a mode")),
    ("rm input", |path| fs::remove_file(path).expect("removed")),
    ("mv input elsewhere", |path| fs::rename(path, path.with_extension("gone")).expect("moved")),
];

#[test]
fn an_input_that_changes_while_its_last_rows_go_out_is_no_success() {
    for (what, kind) in CHANGES {
        for input in [INPUT, "link.csv"] {
            let arguments = [input, "--result", RESULT, "--summary", "-"];
            let (server, offerit, output) =
                send_and_meanwhile(200, &arguments, |folder| change(folder, kind));
            let output = output.expect_code(1);
            let summary: Value = serde_json::from_str(&output.stdout).expect("JSON");
            assert_eq!(summary["reason"], "input_changed", "{what}");
            assert_said(&output, &[&format!("error: {input}: the file changed during the run"), "--resume"]);
            // What was sent is recorded, whatever became of the input.
            assert_eq!((server.count(), offerit.rows_in_sync()), (3, vec![1, 2, 3]), "{what}");
        }
    }
}

#[test]
fn after_an_input_has_changed_a_resume_sends_what_is_new_in_it() {
    let (server, offerit, output) = send_and_meanwhile(200, &[INPUT], |folder| change(folder, append));
    output.expect_code(1);
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!(rows(&server.requests()), [1, 2, 3, 4]);
}

#[test]
fn a_link_that_leads_elsewhere_in_the_end_is_a_changed_input() {
    let turn = |folder: &Path| {
        fs::write(folder.join("other.csv"), table(1..=3)).expect("written");
        fs::remove_file(folder.join("link.csv")).expect("removed");
        symlink("other.csv", folder.join("link.csv")).expect("a link");
    };
    let (_, _, output) = send_and_meanwhile(200, &["link.csv"], turn);
    assert_said(&output.expect_code(1), &["error: link.csv: the file changed during the run"]);
}

/// Neither do rows that are not in sync hide a change, nor a limit that kept no row back; and what is no change of the
/// input ends as ever.
#[test]
fn a_changed_input_comes_before_rows_that_are_not_in_sync() {
    for (first, more, code) in [(400, &[][..], 3), (200, &["--limit", "3"], 0), (400, &["--limit", "3"], 3)] {
        let arguments = [&[INPUT], more].concat();
        let (_, _, output) = send_and_meanwhile(first, &arguments, |folder| change(folder, append));
        output.expect_code(1);
        let read_it = |folder: &Path| {
            fs::read(folder.join(INPUT)).expect("the input");
            fs::write(folder.join("beside.csv"), "x").expect("written");
            fs::remove_file(folder.join("link.csv")).expect("removed");
        };
        send_and_meanwhile(first, &arguments, read_it).2.expect_code(code);
    }
}

#[test]
fn an_input_that_changed_while_it_was_read_has_the_same_reason() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, _| Reply::updated().gated(&at_the_door));
    // More than is read ahead.
    let offerit = Offerit::job(&server, table(1..=40_000));
    let child = offerit.start_sending(&["--concurrency", "1", "--summary", "-"]);
    server.wait_for(1);
    change(offerit.folder(), |path| fs::write(path, table(1..=40_001)).expect("written"));
    gate.open();
    let output = child.wait().expect_code(1);
    let summary: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(summary["reason"], "input_changed");
}

// ---- The result file --------------------------------------------------------------------------------------

/// Writes to a file in place as `dd conv=notrunc` does, and sets its time back if asked to.
fn overwrite(path: &Path, sets_time_back: bool) {
    let time = fs::metadata(path).and_then(|there| there.modified()).expect("a time");
    let file = File::options().write(true).open(path).expect("the result file");
    file.write_all_at(b"#", result::HEADER.len() as u64 + 1).expect("written");
    if sets_time_back {
        file.set_modified(time).expect("a time set");
    }
}

#[test]
fn a_result_file_that_is_overwritten_in_place_under_the_run_ends_it() {
    for sets_time_back in [false, true] {
        let offerit = Offerit::new();
        let path = offerit.path(RESULT);
        // With each request, once there is a record.
        let server = Server::start(move |_, _| {
            if fs::metadata(&path).expect("the result file").len() > result::HEADER.len() as u64 + 1 {
                overwrite(&path, sets_time_back);
            }
            Reply::updated()
        });
        offerit.input(INPUT, table(1..=200));
        let arguments = ["run", INPUT, "--url", &server.url(), "--concurrency", "1", "--rate", "unlimited"];
        let offerit = offerit.env("OFFERIT_API_USERNAME", "a").env("OFFERIT_API_KEY", "b");
        let output = offerit.run(&arguments).expect_code(1);
        assert_said(&output, &[RESULT, "changed by another program", "Sending has stopped"]);
        assert!(server.count() < 150, "{} rows were sent", server.count());
        assert_said(&offerit.run(&["verify", INPUT]).expect_code(2), &["line 2"]);
    }
}

#[test]
fn a_result_file_with_another_name_is_refused() {
    let (server, offerit) = finished(3);
    let before = offerit.result_bytes();
    offerit.input(INPUT, table(1..=4));
    fs::hard_link(offerit.path(RESULT), offerit.path("copy.csv")).expect("a hard link");
    for existing in ["--resume", "--overwrite"] {
        assert_refused(&server, &offerit, &[existing], &[RESULT, "2 names (hard links)", "another --result"]);
    }
    assert_eq!(offerit.result_bytes(), before);
    // Whoever only reads it may.
    offerit.run(&["verify", INPUT]).expect_code(3);
    fs::remove_file(offerit.path("copy.csv")).expect("removed");
    offerit.send(&["--resume"]).expect_code(0);
}

/// A finished job whose last record is torn.
#[track_caller]
fn torn() -> (Server, Offerit, Vec<u8>) {
    let (server, offerit) = finished(3);
    let whole = offerit.result_bytes();
    let torn = whole[..whole.len() - 9].to_vec();
    offerit.input(RESULT, &torn);
    (server, offerit, torn)
}

#[test]
fn a_file_for_the_torn_tail_that_is_another_file_too_is_refused_and_left_alone() {
    for (said, is_hard) in [("2 names (hard links)", true), ("is a symbolic link", false)] {
        let (server, offerit, torn) = torn();
        let target = offerit.input("precious.txt", "precious");
        let beside = format!("{RESULT}.torn");
        let place = offerit.path(&beside);
        if is_hard { fs::hard_link(&target, place) } else { symlink(&target, place) }.expect("a link");
        let mode = fs::metadata(&target).expect("the target").permissions();
        assert_refused(&server, &offerit, &["--resume"], &[&beside, said]);
        assert_eq!(fs::read(&target).expect("the target"), b"precious");
        assert_eq!(fs::metadata(&target).expect("the target").permissions(), mode);
        assert_eq!(offerit.result_bytes(), torn);
        fs::remove_file(offerit.path(&beside)).expect("removed");
        offerit.send(&["--resume"]).expect_code(0);
    }
}

/// Gives a file to nobody. Says so where only root could.
fn is_given_away(path: &Path) -> bool {
    let is_given = chown(path, Some(65_534), None).is_ok();
    if !is_given {
        support::say("SKIPPED: only root may give a file away");
    }
    is_given
}

#[test]
fn a_result_file_of_another_user_is_refused() {
    let (server, offerit) = finished(3);
    offerit.input(INPUT, table(1..=4));
    if !is_given_away(&offerit.path(RESULT)) {
        return;
    }
    for existing in ["--resume", "--overwrite"] {
        let said = [RESULT, "another user (uid 65534", "Run as that user"];
        assert_refused(&server, &offerit, &[existing], &said);
    }
    let (server, offerit, _) = torn();
    let beside = format!("{RESULT}.torn");
    is_given_away(&offerit.input(&beside, ""));
    assert_refused(&server, &offerit, &["--resume"], &[&beside, "uid 65534"]);
}

#[test]
fn a_folder_that_cannot_hold_the_result_file_is_a_wrong_path() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.input("file", "");
    for path in ["missing/r.csv", "missing/too/r.csv", "file/r.csv", "/sys/r.csv"] {
        for more in [&[][..], &["--resume"], &["--overwrite"]] {
            let arguments = [&["--result", path], more].concat();
            assert_refused(&server, &offerit, &arguments, &[path, "another --result"]);
        }
    }
    // No trace is left of the look.
    offerit.send(&["--max-invalid", "0", "--result", "r.csv"]).expect_code(0);
    let mut names: Vec<_> = fs::read_dir(offerit.folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, [INPUT, "file", "r.csv"]);
}

#[test]
fn a_file_system_that_knows_no_locks_or_modes_is_named() {
    if !strace::is_there() {
        return;
    }
    for call in ["flock", "fchmod"] {
        for error in ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EPERM", "EINVAL"] {
            let server = happy();
            let offerit = Offerit::job(&server, table(1..=3));
            let output = offerit.send_under_strace(&format!("{call}:error={error}"), &[]).expect_code(1);
            assert_said(&output, &[RESULT, "Choose a --result on another"]);
            assert_eq!(server.count(), 0, "{call} {error}");
        }
    }
}

// ---- A row corrected after a trial run --------------------------------------------------------------------

#[test]
fn a_trial_row_that_is_corrected_is_sent_again_and_the_job_goes_on() {
    for (limit, rows) in [(1, 2), (1, 30), (3, 30), (15, 30)] {
        let server = happy();
        let offerit = Offerit::job(&server, table(1..=rows));
        offerit.send(&["--limit", &limit.to_string(), "--concurrency", "1"]).expect_code(7);
        let corrected = (1..=limit).fold(table(1..=rows), |text, row| {
            text.replace(&format!("City {row}\n"), &format!("Town {row}\n"))
        });
        offerit.input(INPUT, corrected);
        let output = offerit.send(&["--resume", "--concurrency", "1"]).expect_code(0);
        let said = format!("{limit} of its {limit} rows in sync do not match the input, and are sent again");
        assert_said(&output, &[&said, "the customers are the same as before", "API key"]);
        assert_said(&output, &[&format!("({limit} changed since, {} new)", rows - limit)]);
        let sent = support::rows(&server.requests());
        assert_eq!(sent, (1..=limit).chain(1..=rows).collect::<Vec<_>>());
    }
}

#[test]
fn what_would_send_most_of_the_input_again_or_names_other_customers_is_refused() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=30));
    offerit.send(&["--limit", "16", "--concurrency", "1"]).expect_code(7);
    offerit.input(INPUT, table(1..=30).replace("City", "Town"));
    assert_refused(
        &server,
        &offerit,
        &["--resume"],
        &["16 of its 16 rows in sync", "the customers are the same"],
    );

    let server = happy();
    let offerit = Offerit::job(&server, table(1..=30));
    offerit.send(&["--limit", "1"]).expect_code(7);
    offerit.input(INPUT, table(1..=30).replace("\n1,", "\n99,"));
    assert_refused(&server, &offerit, &["--resume"], &["1 of its 1 rows in sync", "row 1 (line 2)"]);
}

/// Rows that are overtaken are found where most of the rows in sync were corrected, too.
#[test]
fn a_row_that_is_overtaken_is_not_sent_among_corrected_ones() {
    let server = Server::start(|request, _| match request.field("city").as_deref() {
        Some("City 4") => Reply::new(400),
        _ => Reply::updated(),
    });
    // Rows 4 and 5 are one customer's.
    let text = table(1..=20).replace("\n5,", "\n4,");
    let offerit = Offerit::job(&server, &text);
    offerit.send(&["--limit", "5", "--concurrency", "1"]).expect_code(7);
    let corrected =
        (1..=3).fold(text, |text, row| text.replace(&format!("City {row}\n"), &format!("Town {row}\n")));
    offerit.input(INPUT, corrected);
    let before = server.count();
    offerit.send(&["--resume", "--concurrency", "1"]).expect_code(0);
    assert_eq!((server.count() - before, offerit.outcomes()[&4].status.as_str()), (18, "unchanged"));
}

// ---- What is said -----------------------------------------------------------------------------------------

const CORRECT: &str = "Fix the input, then rerun with --resume";
const NOTHING_WRONG: &str = "Nothing is wrong with the input there: rerun with --resume";

/// Sends rows that are answered by their customer: `r` is rejected, `u` never confirmed.
#[track_caller]
fn send_fates(fates: &[&str], more: &[&str]) -> Output {
    let server = Server::start(|request, _| match request.field("customer_id").unwrap_or_default() {
        id if id.starts_with('r') => Reply::json(400, "{}"),
        id if id.starts_with('u') => Reply::new(200).body("<html>"),
        _ => Reply::updated(),
    });
    let text: String = fates.iter().map(|id| format!("{id},Riga\n")).collect();
    let offerit = Offerit::job(&server, format!("customer_id,city\n{text}"));
    // One at a time: a later row that is answered shows that an earlier one is at fault.
    offerit.send(&[&["--max-attempts", "1", "--concurrency", "1"], more].concat()).expect_code(3)
}

#[test]
fn rows_that_are_unknown_have_an_advice_of_their_own() {
    for (fates, counts, unknown) in [
        (&["u1", "a"][..], (0, 1), "1 row is unknown"),
        (&["u1", "u2", "a"], (0, 1), "2 rows are unknown"),
        (&["r1", "a"], (1, 0), ""),
        (&["r1", "u1", "u2", "r2", "u3", "a"], (1, 1), "3 rows are unknown"),
    ] {
        let output = send_fates(fates, &[]);
        let count = |words: &str| output.stderr.matches(words).count();
        assert_eq!((count(CORRECT), count(NOTHING_WRONG)), counts, "{fates:?}: {}", output.stderr);
        assert_said(&output, &[unknown]);
    }
    let output = send_fates(&["u1", "a"], &["--log-format", "json"]);
    let end = event(&output, "end");
    let advice = end["advice"].as_str().expect("a text");
    assert!(advice.contains(NOTHING_WRONG) && !advice.contains(CORRECT), "{advice}");
}

/// The only line of an event.
#[track_caller]
fn event(output: &Output, name: &str) -> Value {
    let lines = output.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let events: Vec<_> = lines.filter(|line| line["event"] == name).collect();
    assert_eq!(events.len(), 1, "{}", output.stderr);
    events[0].clone()
}

#[test]
fn a_key_file_that_others_may_read_is_a_warning_with_what_mends_it() {
    let (_, offerit) = finished(1);
    for (name, mode, chmod) in [
        ("my.key", 0o600, None),
        ("my.key", 0o400, None),
        ("my.key", 0o640, Some("chmod 600 my.key")),
        ("my.key", 0o604, Some("chmod 600 my.key")),
        ("it's my key", 0o644, Some(r"chmod 600 'it'\''s my key'")),
    ] {
        fs::set_permissions(offerit.input(name, support::KEY), Permissions::from_mode(mode)).expect("a mode");
        for command in [&["run", INPUT, "--resume"][..], &["verify", INPUT], &["failures", INPUT]] {
            let output = offerit.run(&[command, &["--api-key-file", name]].concat()).expect_code(0);
            let said = output.stderr.lines().find(|line| line.contains("other users can read the key"));
            assert_eq!(said.is_some(), chmod.is_some(), "{mode:o} {command:?}: {}", output.stderr);
            let is_mended = said.zip(chmod).is_none_or(|(said, chmod)| said.ends_with(chmod));
            assert!(is_mended && !output.stderr.contains(support::KEY), "{}", output.stderr);
        }
        fs::remove_file(offerit.path(name)).expect("removed");
    }
}

#[test]
fn a_file_of_authorities_is_read_up_to_4_mib() {
    let (server, offerit) = finished(1);
    let most = 4 << 20;
    offerit.input("most.pem", vec![b'\n'; most]);
    offerit.input("more.pem", vec![b'\n'; most + 1]);
    for (name, said) in [
        ("most.pem", "holds no certificate"),
        ("more.pem", "longer than 4 MiB"),
        ("/dev/zero", "longer than 4 MiB"),
    ] {
        assert_refused(
            &server,
            &offerit,
            &["--resume", "--ca-cert", name],
            &[&format!("--ca-cert: {name}: "), said],
        );
    }
}

// ---- --since ----------------------------------------------------------------------------------------------

#[test]
fn since_says_why_rows_are_sent_before_a_brake_decides() {
    let server = Server::start(|request, _| match request.field("customer_id").as_deref() {
        Some("2") => Reply::json(400, "{}"),
        Some("3") => Reply::new(503),
        Some("4") => Reply::new(200).body("<html>"),
        _ => Reply::updated(),
    });
    // Customer 5 is invalid, 6 has two rows.
    let text = "customer_id,city\n1,A\n2,A\n3,A\n4,A\n5,\n6,A\n6,B\n7,A\n8,A\n";
    let offerit = Offerit::job(&server, text);
    offerit.send(&["--result", "night-0.csv", "--concurrency", "1", "--max-attempts", "1"]).expect_code(3);
    let tonight = text.replace("5,\n", "5,A\n").replace("7,A", "7,B") + "9,A\n9,B\n10,A\n";
    offerit.input(INPUT, tonight);
    let arguments = ["--since", "night-0.csv", "--max-changes", "0", "--log-format"];
    let before = server.count();
    let output = offerit.send(&[&arguments[..], &["text"]].concat()).expect_code(4);
    let said = "Compared with night-0.csv: 1 row changed, 4 failed last time, 3 of customers without a result (did that \
                run stop early? Finish it with --resume first), 2 of customers that occur several times.";
    let (_, behind) = output.stderr.split_once(said).unwrap_or_else(|| panic!("{}", output.stderr));
    assert!(behind.starts_with("\nerror: ") && server.count() == before, "{}", output.stderr);

    let output = offerit.send(&[&arguments[..], &["json"]].concat()).expect_code(4);
    let since = event(&output, "since");
    for (field, count) in [
        ("rows_changed", 1),
        ("rows_failed_before", 4),
        ("rows_of_unknown_customers", 3),
        ("rows_repeated", 2),
        ("rows_unchanged", 2),
    ] {
        assert_eq!(since[field], count, "{field}: {since}");
    }
}

#[test]
fn a_night_that_stopped_early_is_told_by_the_customers_it_does_not_know() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=30));
    offerit.send(&["--result", "night-0.csv", "--limit", "10"]).expect_code(7);
    let arguments = ["--since", "night-0.csv", "--max-changes", "5", "--result", "night-1.csv"];
    let output = offerit.send(&arguments).expect_code(4);
    assert_said(
        &output,
        &["0 rows changed, 0 failed last time, 20 of customers without a result (did that run stop early?"],
    );
    offerit.send(&["--result", "night-0.csv", "--resume"]).expect_code(0);
    let output = offerit.send(&arguments).expect_code(0);
    assert_said(
        &output,
        &["0 rows changed, 0 failed last time, 0 of customers without a result, 0 of customers"],
    );
    assert!(!output.stderr.contains("stop early") && server.count() == 30, "{}", output.stderr);
}
