//! Killed before each of its system calls on the result file, one after the other, a job loses nothing and repeats
//! next to nothing. Before a call is after the one before it: the calls of a batch are write, fdatasync, statx,
//! statx, so both sides of each are met.

use crate::support::crash::Broken;
use crate::support::strace;

/// As an argument and as the number it is.
const CONCURRENCY: (&str, usize) = ("2", 2);
/// More than can be open at once.
const ROWS: u64 = 14;
/// Every kind of call that the program makes on the file, its folder, or what is saved beside it.
const CALLS: [&str; 12] = [
    "openat",
    "statx",
    "flock",
    "read",
    "fchmod",
    "lseek",
    "copy_file_range",
    "ftruncate",
    "write",
    "fsync",
    "fdatasync",
    "close",
];

/// Kills a run at each call, resumes it, kills some of the resumes too, and gives the number of kills of first runs.
#[track_caller]
fn enumerate(arguments: &[&str], existing: Option<&[u8]>) -> usize {
    let concurrency = ["--concurrency", CONCURRENCY.0];
    let first = [arguments, &concurrency].concat();
    let resume = [&["--resume"], &concurrency[..]].concat();
    let mut random = fastrand::Rng::with_seed(7);
    let mut kills = 0;
    for calls in CALLS {
        for point in 1.. {
            let mut what = format!("{calls} {point}");
            let mut job = Broken::job(ROWS, CONCURRENCY.1);
            if let Some(bytes) = existing {
                job.adopt(bytes);
            }
            let output = job.offerit.send_under_strace(&kill(calls, point), &first);
            let survived = output.signal != Some(9);
            if survived {
                output.expect_code(0);
            }
            let mut state = job.state();
            job.assert_recorded(&what);
            while random.u8(..3) == 0 {
                let (calls, point) = (CALLS[random.usize(..CALLS.len())], random.u64(1..7));
                what += &format!(", {calls} {point}");
                job.offerit.send_under_strace(&kill(calls, point), &resume);
                let now = job.state();
                job.assert_repeats_little(&state, &what);
                job.assert_recorded(&what);
                assert!(state.1.iter().all(|row| now.1.contains(row)), "{what}: a record is lost");
                state = now;
            }
            job.offerit.send(&resume).expect_code(0);
            job.assert_repeats_little(&state, &what);
            job.assert_complete(&what);
            if survived {
                break;
            }
            kills += 1;
        }
    }
    kills
}

fn kill(calls: &str, point: u64) -> String {
    format!("{calls}:signal=SIGKILL:when={point}")
}

#[test]
fn a_first_run_can_be_killed_at_any_call() {
    if strace::is_there() {
        let kills = enumerate(&[], None);
        assert!(kills >= 20, "{kills} kills only");
    }
}

/// The result file of a job that was killed, its last record torn.
#[track_caller]
fn torn() -> Vec<u8> {
    let job = Broken::job(ROWS, CONCURRENCY.1);
    job.offerit.send(&["--concurrency", "1"]).expect_code(0);
    let bytes = job.offerit.result_bytes();
    let half = bytes.len() / 2;
    bytes[..half].to_vec()
}

#[test]
fn a_run_that_cuts_off_a_torn_tail_can_be_killed_at_any_call() {
    if strace::is_there() {
        let kills = enumerate(&["--resume"], Some(&torn()));
        assert!(kills >= 30, "{kills} kills only");
    }
}

#[test]
fn a_run_that_begins_anew_can_be_killed_at_any_call() {
    if strace::is_there() {
        let kills = enumerate(&["--overwrite"], Some(&torn()));
        assert!(kills >= 20, "{kills} kills only");
    }
}
