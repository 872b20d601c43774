//! Servers that admit no two requests at once, while these take now a little longer to get there, now a little less: now
//! and then two come too close together at any rate.

use super::*;

/// The longest that a request takes to get there, but for a few, in microseconds.
const USUAL: u64 = 300;
/// The same of those few: one in so many.
const LATE: (u64, u64) = (15_000, 1000);

/// A server that admits a request if none was admitted in the time that is one's share of a second.
fn that_admits_no_two_at_once(admits: u32, status: u16, seed: u64) -> Simulated {
    let random = RefCell::new(fastrand::Rng::with_seed(seed));
    let (last, free) = (Cell::new(Duration::ZERO), Cell::new(Duration::ZERO));
    Simulated::new(move |arrival| {
        let mut random = random.borrow_mut();
        let longest = if random.u64(..LATE.1) == 0 { LATE.0 } else { USUAL };
        let takes = random.u64(..longest);
        let at = last.get().max(arrival.now + Duration::from_micros(takes));
        last.set(at);
        if at < free.get() {
            return (SECOND / 50, busy(status, None));
        }
        free.set(at + SECOND / admits);
        // Told apart from what it refused by how long it took.
        (SECOND / 40, updated())
    })
}

/// What part of it gets through, and what part of the attempts is refused, both after the first minute.
async fn settled(rate: &str, admits: u32, status: u16, seed: u64) -> (f64, f64) {
    let server = that_admits_no_two_at_once(admits, status, seed);
    run(&settings(rate, 64), &server, Rows::distinct(u64::from(admits) * 180)).await;
    let account = server.account();
    let late: Vec<_> = account.iter().filter(|seen| seen.began > 60 * SECOND).collect();
    let refused = late.iter().filter(|seen| seen.ended - seen.began == SECOND / 50).count();
    let seconds = (server.span() - 60 * SECOND).as_secs_f64();
    let through = (late.len() - refused) as f64 / seconds / f64::from(admits);
    (through, refused as f64 / late.len() as f64)
}

#[tokio::test(start_paused = true)]
async fn the_rate_settles_where_two_that_are_too_close_are_refused() {
    for (rate, admits, status) in [
        ("30", 3, 429),
        ("50", 5, 429),
        ("12", 8, 429),
        ("36", 12, 429),
        ("200", 20, 429),
        ("50", 33, 429),
        ("12", 8, 503),
        ("36", 12, 503),
        ("200", 20, 503),
        ("50", 33, 503),
    ] {
        for seed in 0..3 {
            let (through, refused) = settled(rate, admits, status, seed).await;
            let case = format!("{rate} against {admits} with {status}, {seed}");
            assert!(through >= 0.9, "{case}: {through}");
            assert!(refused < 0.05, "{case}: {refused}");
        }
    }
}
