//! Standard streams: rows from a pipe are sent as they come, and a closed output is no reason to end a job.

use crate::support::{self, Child, INPUT, Offerit, Output, RESULT, Reply, Server, customers, table};
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// A stream whose reader is gone already: writing to it fails with EPIPE.
fn broken_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn rows_from_standard_input_are_sent_and_recorded() {
    let server = happy();
    let offerit = Offerit::job(&server, "").stdin("customer_id,city\n1,a\n\n,b\n3,c");
    let output = offerit.run(&["run", "-", "--result", RESULT, "--rate", "unlimited"]).expect_code(3);
    assert_eq!((server.count(), output.stdout.as_str()), (2, ""));
    let outcomes = offerit.outcomes();
    let told: Vec<_> = outcomes.values().map(|record| (record.line, record.status.as_str())).collect();
    assert_eq!(told, [(2, "updated"), (4, "invalid"), (5, "updated")]);
}

#[test]
fn many_rows_from_standard_input_all_arrive() {
    let server = happy();
    let offerit = Offerit::job(&server, "").stdin(table(1..=2000));
    offerit.run(&["run", "-", "--result", RESULT, "--rate", "unlimited"]).expect_code(0);
    let mut sent: Vec<u64> = support::rows(&server.requests());
    sent.sort_unstable();
    assert!(sent.into_iter().eq(1..=2000));
}

/// A FIFO in the folder, opened so that neither side waits for the other.
#[track_caller]
fn fifo(offerit: &Offerit) -> File {
    let path = offerit.path("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    File::options().read(true).write(true).open(path).expect("a FIFO")
}

#[test]
fn a_named_pipe_is_read_like_standard_input() {
    let server = happy();
    let offerit = Offerit::job(&server, "");
    let mut pipe = fifo(&offerit);
    pipe.write_all(table(1..=20).as_bytes()).expect("rows written");
    let child = offerit.spawn(&["run", "fifo", "--result", RESULT, "--rate", "unlimited"]);
    // From here on the program holds its own end.
    server.wait_for(1);
    drop(pipe);
    child.wait().expect_code(0);
    assert_eq!(offerit.outcomes().len(), 20);
}

#[test]
fn a_named_pipe_cannot_be_resumed_any_more_than_standard_input() {
    // It cannot be read before it is sent, so that a result file of another input would not be noticed.
    let server = happy();
    let offerit = Offerit::job(&server, table(101..=110));
    offerit.send(&[]).expect_code(0);
    let mut pipe = fifo(&offerit);
    pipe.write_all(table(1..=10).as_bytes()).expect("rows written");
    let child = offerit.spawn(&["run", "fifo", "--result", RESULT, "--resume", "--rate", "unlimited"]);
    // Where it is not refused, the end of the pipe ends it.
    child.wait_for_stderr(|text| text.contains('\n'));
    drop(pipe);
    let output = child.wait().expect_code(2);
    assert!(output.stderr.contains("--resume"), "{}", output.stderr);
    assert_eq!(server.count(), 10);
}

#[test]
fn standard_input_without_a_row_is_wrong_usage_and_leaves_no_result() {
    for input in ["", "customer_id,city\n", "customer_id,city", "\n\n"] {
        let server = happy();
        let offerit = Offerit::job(&server, "").stdin(input);
        let output = offerit.run(&["run", "-", "--result", RESULT]).expect_code(2);
        assert_eq!(output.stderr.lines().count(), 1, "{input:?}: {}", output.stderr);
        assert!(!offerit.path(RESULT).exists(), "{input:?} has a result file");
    }
}

#[test]
fn a_bad_header_from_standard_input_is_refused_before_the_rest_is_there() {
    let server = happy();
    let offerit = Offerit::job(&server, "");
    let mut command = offerit.command(&["run", "-", "--result", RESULT]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Child::start(command);
    let mut pipe = child.stdin().expect("a pipe");
    pipe.write_all(b"customer_id,emial\n").expect("a header written");
    // The pipe stays open: the header alone must be enough.
    let output = child.wait().expect_code(2);
    assert!(output.stderr.contains("'email'") && !offerit.path(RESULT).exists(), "{}", output.stderr);
    drop(pipe);
}

#[test]
fn rows_of_a_slow_pipe_are_sent_as_they_come() {
    let server = happy();
    let offerit = Offerit::job(&server, "");
    let mut command = offerit.command(&["run", "-", "--result", RESULT, "--rate", "unlimited"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Child::start(command);
    let mut pipe = child.stdin().expect("a pipe");
    let mut write = |text: &str| pipe.write_all(text.as_bytes()).expect("a row written");
    write("customer_id,city\n");
    for row in 1..=5 {
        // A part of the next row is there as well: it must wait for the rest and hold up no other.
        write(&format!("{row},City\n{row}"));
        server.wait_for(2 * row - 1);
        write("0,City\n");
        server.wait_for(2 * row);
    }
    drop(pipe);
    child.wait().expect_code(0);
    assert_eq!(customers(&server.requests()).len(), 10);
    assert_eq!(offerit.outcomes().len(), 10);
}

#[test]
fn rows_that_come_in_bursts_are_not_kept_back() {
    let server = happy();
    let offerit = Offerit::job(&server, "");
    let mut command = offerit.command(&["run", "-", "--result", RESULT, "--rate", "unlimited"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Child::start(command);
    let mut pipe = child.stdin().expect("a pipe");
    let text = table(1..=20);
    let (header_and_one, more) = text.split_at(text.find("2,").expect("a second row"));
    pipe.write_all(header_and_one.as_bytes()).expect("a row written");
    server.wait_for(1);
    // Then nothing more for a long time, as far as the program knows.
    pipe.write_all(more.as_bytes()).expect("rows written");
    server.wait_for(20);
    drop(pipe);
    child.wait().expect_code(0);
}

/// Asserts that a job came to its end all the same.
#[track_caller]
fn assert_job_done(offerit: &Offerit, output: &Output, server: &Server, rows: usize) {
    assert_eq!((output.code, output.signal), (Some(0), None), "{output:?}");
    assert_eq!((server.count(), offerit.outcomes().len()), (rows, rows));
}

#[test]
fn a_job_whose_output_nobody_reads_any_more_goes_on() {
    for more in [&[][..], &["--progress", "always"], &["--quiet"]] {
        let server = happy();
        let offerit = Offerit::job(&server, table(1..=50));
        let mut command = offerit.command(&[&["run", INPUT, "--rate", "unlimited"], more].concat());
        command.stdin(Stdio::null()).stdout(broken_pipe()).stderr(broken_pipe());
        let output = Child::start(command).wait();
        assert_job_done(&offerit, &output, &server, 50);
    }
}

#[test]
fn a_job_without_any_stream_writes_nothing_but_records_into_its_result() {
    // What is opened first gets the number of a closed stream: messages must not go there.
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=50));
    let arguments = ["run", INPUT, "--rate", "unlimited"];
    let output = Child::start(offerit.command_in_shell("exec <&- >&- 2>&-;", &arguments)).wait();
    assert_job_done(&offerit, &output, &server, 50);
}

#[test]
fn a_job_whose_messages_find_no_room_goes_on() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=50));
    let mut command: Command = offerit.command(&["run", INPUT, "--rate", "unlimited"]);
    let full = || File::options().write(true).open("/dev/full").expect("a device");
    command.stdin(Stdio::null()).stdout(full()).stderr(full());
    let output = Child::start(command).wait();
    assert_job_done(&offerit, &output, &server, 50);
}

#[test]
fn what_ends_a_run_has_its_exit_code_though_nobody_reads_why() {
    let server = Server::start(|_, _| Reply::new(401));
    let offerit = Offerit::job(&server, table(1..=3));
    for (arguments, code) in [
        (&["run", INPUT][..], 6),
        (&["run", "missing.csv"], 2),
        (&["run", "--no-such-flag"], 2),
        (&["--help"], 0),
    ] {
        let mut command = offerit.command(arguments);
        command.stdin(Stdio::null()).stdout(broken_pipe()).stderr(broken_pipe());
        assert_eq!(Child::start(command).wait().code, Some(code), "{arguments:?}");
    }
}

#[test]
fn an_account_that_nobody_reads_is_no_success_and_no_panic() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=50));
    offerit.send(&[]).expect_code(0);
    for command in ["check", "verify"] {
        let mut command = offerit.command(&[command, INPUT]);
        command.stdin(Stdio::null()).stdout(broken_pipe()).stderr(Stdio::piped());
        let output = Child::start(command).wait().expect_code(1);
        assert!(output.stderr.contains("standard output") && !output.stderr.contains("panic"), "{output:?}");
    }
}

#[test]
fn progress_can_be_asked_for_and_keeps_off_standard_output() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=5));
    let output = offerit.send(&["--progress", "always"]).expect_code(0);
    assert_eq!(output.stdout, "");
    assert!(!output.stderr.contains('\u{1b}'), "no terminal, no colours: {:?}", output.stderr);
    assert!(output.stderr.contains("5 updated"), "{}", output.stderr);
}
