//! kill -9 at random instants, five resumes deep. The instants are counted in requests, not in time.
//!
//! `OFFERIT_TEST_SEED=N` repeats what a failure has printed; `OFFERIT_TEST_JOBS=N` with `--ignored` goes on for N jobs.

use crate::support::crash::Broken;
use crate::support::{self, Gate, Reply};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

/// As an argument and as the number it is.
const CONCURRENCY: (&str, usize) = ("3", 3);
const ROWS: u64 = 60;
const RESUMES: usize = 5;

fn number_from(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Kills one job's first run and its resumes, each at some request: before it is answered, or some while after.
#[track_caller]
fn kill_one_job(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    // The number of the request at which the run is to die, and whether it is answered still.
    let fatal = Arc::new(AtomicUsize::new(usize::MAX));
    let is_answered = random.bool();
    let (seen, told) = channel();
    let (at, seen) = (Arc::clone(&fatal), Mutex::new(seen));
    let closed = Gate::new();
    let job = Broken::job_with(ROWS, CONCURRENCY.1, move |_, number| {
        let fatal = at.load(Ordering::SeqCst);
        if number >= fatal {
            // The test may have its kill already.
            let _ = seen.lock().expect("no panic").send(());
        }
        if number >= fatal && !is_answered { Reply::updated().gated(&closed) } else { Reply::updated() }
    });
    let mut state = job.state();
    for run in 0..=RESUMES {
        let what = format!("OFFERIT_TEST_SEED={seed}, run {run}");
        while told.try_recv().is_ok() {}
        fatal.store(state.0 + random.usize(0..12), Ordering::SeqCst);
        let mut child = job.offerit.start_sending(&["--resume", "--concurrency", CONCURRENCY.0]);
        // A run that has too little left to do ends by itself.
        while told.recv_timeout(Duration::from_millis(1)).is_err() && child.is_running() {}
        for _ in 0..if is_answered { random.usize(0..3000) } else { random.usize(0..30) } {
            thread::yield_now();
        }
        child.kill();
        let now = job.state();
        job.assert_repeats_little(&state, &what);
        job.assert_recorded(&what);
        assert!(state.1.iter().all(|row| now.1.contains(row)), "{what}: a record is lost");
        state = now;
    }
    let what = format!("OFFERIT_TEST_SEED={seed}, last run");
    fatal.store(usize::MAX, Ordering::SeqCst);
    job.offerit.send(&["--resume", "--concurrency", CONCURRENCY.0]).expect_code(0);
    job.assert_repeats_little(&state, &what);
    job.assert_complete(&what);
}

#[track_caller]
fn kill_jobs(count: u64) {
    let seed = number_from("OFFERIT_TEST_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
        u64::from(now.subsec_nanos())
    });
    support::say(format_args!("random kills from OFFERIT_TEST_SEED={seed}"));
    (seed..seed + count).for_each(kill_one_job);
}

#[test]
fn two_hundred_kills_five_resumes_deep_lose_nothing() {
    kill_jobs(35);
}

#[test]
#[ignore = "takes long: OFFERIT_TEST_JOBS=N says how long"]
fn many_more_kills_lose_nothing() {
    kill_jobs(number_from("OFFERIT_TEST_JOBS").unwrap_or(2000));
}
