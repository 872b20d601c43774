//! System calls on the result file that fail, one after the other: the run ends with exit code 1, says why, sends
//! nothing more, claims nothing that is not in the file, and can be resumed. An interrupted call does no harm.

use crate::support::crash::Broken;
use crate::support::{RESULT, strace};
use std::fs;

/// As an argument and as the number it is.
const CONCURRENCY: (&str, usize) = ("2", 2);
const ROWS: u64 = 14;

/// How a call fails that somebody waits for.
const FAULTS: [(&str, &str); 13] = [
    ("write", "ENOSPC"),
    ("write", "EIO"),
    ("write", "EDQUOT"),
    ("fdatasync", "EIO"),
    ("fdatasync", "ENOSPC"),
    ("fsync", "EIO"),
    ("openat", "EIO"),
    ("openat", "ENOSPC"),
    ("ftruncate", "EIO"),
    ("read", "EIO"),
    ("statx", "EIO"),
    ("flock", "ENOLCK"),
    ("fchmod", "EROFS"),
];

/// The number of rows that a run's last words call updated.
#[track_caller]
fn claimed(stderr: &str) -> usize {
    let (before, _) = stderr.split_once(" updated").unwrap_or(("0", ""));
    before.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a count")
}

/// Whether a failure of a call leaves nothing in the file that was not durable.
fn leaves_no_trace(call: &str) -> bool {
    matches!(call, "write" | "fdatasync")
}

/// Makes each call of a kind fail in a run of its own, and gives the number of failures.
#[track_caller]
fn enumerate(call: &str, error: &str, arguments: &[&str], existing: Option<&[u8]>) -> usize {
    let concurrency = ["--concurrency", CONCURRENCY.0];
    for point in 1.. {
        let what = format!("{call} {error} {point} {arguments:?}");
        let mut job = Broken::job(ROWS, CONCURRENCY.1);
        if let Some(bytes) = existing {
            job.adopt(bytes);
        }
        let before = job.rows_in_sync().len();
        let injection = format!("{call}:error={error}:when={point}");
        let output = job.offerit.send_under_strace(&injection, &[arguments, &concurrency].concat());
        let state = job.state();
        let survived = output.code == Some(0);
        if !survived {
            let told = output.expect_code(1).stderr;
            assert!(told.contains("error: ") && told.contains(RESULT), "{what}: {told}");
            // Before the first request nothing of an old file is overwritten for sure, and nothing is recorded.
            let kept = if arguments == ["--overwrite"] { 0 } else { before };
            let recorded = if state.0 == 0 { 0 } else { state.1.len() - kept };
            assert!(claimed(&told) <= recorded, "{what}: more is claimed than is in the file: {told}");
            if leaves_no_trace(call) {
                assert_eq!(claimed(&told), recorded, "{what}: the file holds what was not durable: {told}");
            }
        }
        job.assert_recorded(&what);
        job.offerit.send(&[&["--resume"], &concurrency[..]].concat()).expect_code(0);
        job.assert_repeats_little(&state, &what);
        job.assert_complete(&what);
        if let (Some(bytes), "write", ["--resume"]) = (existing, call, arguments) {
            let torn = bytes.rsplit(|byte| *byte == b'\n').next().expect("a torn record");
            let saved = fs::read(job.offerit.path(&format!("{RESULT}.torn"))).expect("what was torn off");
            assert_eq!(saved, [torn, b"\n"].concat(), "{what}: saved once and whole");
        }
        if survived {
            return point - 1;
        }
    }
    unreachable!("a run that survives ends the search")
}

#[test]
fn any_call_that_fails_in_a_first_run_ends_it_resumable() {
    if strace::is_there() {
        for (call, error) in FAULTS {
            let failures = enumerate(call, error, &[], None);
            // A new file is not read.
            assert!(failures > 0 || call == "read", "{call} never failed");
        }
    }
}

#[test]
fn any_call_that_fails_in_a_resumed_run_ends_it_resumable() {
    if strace::is_there() {
        let job = Broken::job(ROWS, CONCURRENCY.1);
        job.offerit.send(&["--concurrency", "1"]).expect_code(0);
        let bytes = job.offerit.result_bytes();
        let torn = &bytes[..bytes.len() / 2];
        for (call, error) in FAULTS {
            for arguments in [["--resume"], ["--overwrite"]] {
                let failures = enumerate(call, error, &arguments, Some(torn));
                assert!(failures > 0, "{call} never failed");
            }
        }
    }
}

#[test]
fn an_interrupted_call_does_no_harm() {
    if strace::is_there() {
        for call in ["write", "fdatasync", "fsync", "openat", "ftruncate", "fchmod", "read"] {
            // Every second call of its kind, so that each is made again and gets through.
            let injection = format!("{call}:error=EINTR:when=1+2");
            for (existing, arguments) in [(None, &[][..]), (Some("row,li"), &["--resume"])] {
                let mut job = Broken::job(ROWS, CONCURRENCY.1);
                if let Some(start) = existing {
                    job.adopt(start.as_bytes());
                }
                job.offerit.send_under_strace(&injection, arguments).expect_code(0);
                assert_eq!(job.sent().len() as u64, ROWS, "{call}");
                job.assert_complete(call);
            }
        }
    }
}

/// A fault of the loop itself while rows are under way: nothing else makes it panic from outside.
#[test]
fn a_panic_while_rows_are_under_way_is_no_success_and_loses_no_record() {
    if !strace::is_there() {
        return;
    }
    let mut panics = 0;
    for point in (1..).step_by(3) {
        let what = format!("epoll_wait {point}");
        let job = Broken::job(ROWS, CONCURRENCY.1);
        let injection = format!("epoll_wait,epoll_pwait:error=EBADF:when={point}");
        let output = job.offerit.send_under_strace_anywhere(&injection, &["--concurrency", CONCURRENCY.0]);
        let state = job.state();
        let survived = output.code == Some(0);
        if !survived {
            let told = output.expect_code(1).stderr;
            assert!(told.contains("this is a bug"), "{what}: {told}");
            panics += 1;
        }
        job.assert_recorded(&what);
        job.offerit.send(&["--resume", "--concurrency", CONCURRENCY.0]).expect_code(0);
        job.assert_repeats_little(&state, &what);
        job.assert_complete(&what);
        if survived {
            break;
        }
    }
    assert!(panics > 3, "{panics} panics only");
}
