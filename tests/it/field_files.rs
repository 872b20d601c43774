//! The user's own files: an input that changes under the run, a result file that somebody else has a hold on or writes
//! to, a folder that is not there, a key that others may read; and what a run says about its rows.

use crate::support::{self, Gate, INPUT, Offerit, Output, RESULT, Reply, Server, result, rows, strace, table};
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
fn change(folder: &Path, change: fn(&Path)) {
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

/// Kinds of change, by what a shell would do.
const CHANGES: [(&str, fn(&Path)); 12] = [
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
            assert_said(&output, &[&format!("error: {input}: the file has changed"), "--resume"]);
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
    assert_said(&output.expect_code(1), &["error: link.csv: the file has changed"]);
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
