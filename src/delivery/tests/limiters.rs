//! The adaptive rate against servers with a rate limiter.

use super::*;

/// A server with a rate limiter of one of the usual kinds.
#[derive(Debug, Clone, Copy)]
struct Limiter {
    /// `--rate`.
    rate: &'static str,
    /// Admitted requests per second.
    admits: u32,
    /// Capacity of the token bucket; 0 is nginx's `limit_req` without a burst, which never admits two requests at once.
    burst: u32,
    /// The status of a refusal.
    status: u16,
    /// The least share of the limit that the run must use, after the first minute.
    used: f64,
    /// The greatest share of attempts that may be refused, after the first minute.
    refused: f64,
    /// Rows that may end `failed`.
    failed: usize,
}

const BUCKET: Limiter =
    Limiter { rate: "100", admits: 20, burst: 20, status: 429, used: 0.95, refused: 0.05, failed: 0 };

/// A token bucket.
fn bucket(admits: f64, burst: f64, status: u16) -> Simulated {
    let (tokens, since) = (Cell::new(burst), Cell::new(Duration::ZERO));
    Simulated::new(move |arrival| {
        let new = (arrival.now - since.replace(arrival.now)).as_secs_f64() * admits;
        tokens.set((tokens.get() + new).min(burst));
        if tokens.get() < 1.0 {
            return (SECOND / 50, busy(status, None));
        }
        tokens.set(tokens.get() - 1.0);
        // Longer than a refusal, so that the account distinguishes them.
        (SECOND / 40, updated())
    })
}

/// A server that refuses a request which arrives too soon after the last admitted request. A request takes up to 0.3 ms to
/// arrive, and one in a thousand up to 15 ms.
fn without_burst(admits: u32, status: u16) -> Simulated {
    let random = RefCell::new(fastrand::Rng::new());
    let (last, free) = (Cell::new(Duration::ZERO), Cell::new(Duration::ZERO));
    Simulated::new(move |arrival| {
        let mut random = random.borrow_mut();
        let longest = if random.u64(..1000) == 0 { 15_000 } else { 300 };
        let at = last.get().max(arrival.now + Duration::from_micros(random.u64(..longest)));
        last.set(at);
        if at < free.get() {
            return (SECOND / 50, busy(status, None));
        }
        free.set(at + SECOND / admits);
        (SECOND / 40, updated())
    })
}

async fn check_limiter(limiter: Limiter) {
    let Limiter { rate, admits, burst, status, .. } = limiter;
    let server = match burst {
        0 => without_burst(admits, status),
        _ => bucket(f64::from(admits), f64::from(burst), status),
    };
    let count = u64::from(admits * 180);
    let (ending, lines) = run(&settings(rate, 64), &server, Rows::distinct(count)).await;
    assert!(ending.stop.is_none(), "{limiter:?}: {:?}", ending.stop);
    let account = server.account();
    let late: Vec<_> = account.iter().filter(|seen| seen.began > 60 * SECOND).collect();
    let refused = late.iter().filter(|seen| seen.ended - seen.began == SECOND / 50).count();
    let through = (late.len() - refused) as f64 / (server.span() - 60 * SECOND).as_secs_f64();
    let (used, share) = (through / f64::from(admits), refused as f64 / late.len() as f64);
    println!(
        "{rate} {admits} {burst} {status}: used {used:.2}, refused {share:.3}, failed {}",
        lines.count("failed")
    );
    assert!(used >= limiter.used, "{limiter:?}: used {used}");
    assert!(share <= limiter.refused, "{limiter:?}: refused {share}");
    assert!(lines.count("failed") <= limiter.failed, "{limiter:?}: {} failed", lines.count("failed"));
    assert_eq!(lines.statuses().len() as u64, count);
}

#[tokio::test(start_paused = true)]
async fn a_limit_with_429_replies_is_used_and_rarely_exceeded() {
    for limiter in [
        BUCKET,
        Limiter { admits: 30, burst: 30, ..BUCKET },
        Limiter { rate: "unlimited", admits: 50, burst: 50, ..BUCKET },
        Limiter { rate: "50", admits: 5, burst: 5, ..BUCKET },
        Limiter { rate: "20", admits: 3, burst: 3, ..BUCKET },
    ] {
        check_limiter(limiter).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_above_nine_per_second_with_overload_replies_is_used_and_fails_no_row() {
    let bucket = Limiter { status: 503, refused: 0.06, ..BUCKET };
    for limiter in [
        bucket,
        Limiter { burst: 5, used: 0.9, ..bucket },
        Limiter { rate: "1000", ..bucket },
        Limiter { admits: 50, burst: 50, status: 502, ..bucket },
        Limiter { rate: "14", admits: 10, burst: 10, ..bucket },
        Limiter { rate: "10", admits: 9, burst: 9, ..bucket },
        Limiter { rate: "28", ..bucket },
        Limiter { rate: "44", admits: 40, burst: 40, ..bucket },
        Limiter { rate: "50", admits: 43, burst: 10, used: 0.9, ..bucket },
    ] {
        check_limiter(limiter).await;
    }
}

/// A documented limit: `--resume` sends the rows that fail, and `--rate` avoids the failures.
#[tokio::test(start_paused = true)]
async fn a_run_ends_against_a_limit_of_a_few_per_second_with_overload_replies() {
    let bucket = Limiter { status: 503, refused: 0.6, used: 0.9, failed: 40, ..BUCKET };
    for limiter in [
        Limiter { rate: "1000", admits: 5, burst: 5, status: 502, ..bucket },
        Limiter { rate: "1000", admits: 3, burst: 3, ..bucket },
        Limiter { rate: "10", admits: 2, burst: 2, ..bucket },
    ] {
        check_limiter(limiter).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_limiter_without_a_burst_is_used_to_seven_tenths() {
    let limiter = Limiter { burst: 0, used: 0.7, refused: 0.06, ..BUCKET };
    for limiter in [
        Limiter { rate: "30", admits: 3, ..limiter },
        Limiter { rate: "12", admits: 8, ..limiter },
        Limiter { rate: "200", admits: 20, ..limiter },
        Limiter { rate: "50", admits: 33, ..limiter },
        Limiter { rate: "36", admits: 12, status: 503, failed: 10, ..limiter },
    ] {
        check_limiter(limiter).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_one_request_in_fifty_keeps_most_of_its_rate() {
    let random = RefCell::new(fastrand::Rng::new());
    let server = Simulated::new(move |_| {
        let is_bad = random.borrow_mut().u32(..100) < 2;
        (SECOND / 50, if is_bad { busy(503, None) } else { updated() })
    });
    let (ending, lines) = run(&settings("100", 64), &server, Rows::distinct(10_000)).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    assert_eq!(lines.count("updated"), 10_000);
    let rate = server.account().len() as f64 / server.span().as_secs_f64();
    assert!(rate >= 60.0, "{rate}/s");
}

#[tokio::test(start_paused = true)]
async fn the_full_rate_is_back_four_minutes_after_a_throttle() {
    let throttled = 10 * SECOND..15 * SECOND;
    let server = Simulated::new(move |arrival| {
        (SECOND / 50, if throttled.contains(&arrival.now) { busy(429, None) } else { updated() })
    });
    let (ending, lines) = run(&settings("100", 64), &server, Rows::distinct(30_000)).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    assert_eq!(lines.count("updated"), 30_000);
    let account = server.account();
    let back = account.iter().filter(|seen| (255 * SECOND..265 * SECOND).contains(&seen.began)).count();
    assert!(back >= 950, "{back} in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_reported_once_and_again_when_it_halves() {
    let (_, silent) = unbounded_channel::<Interrupt>();
    let notices = Notices::default();
    let limits = settings("100", 64);
    let server = bucket(20.0, 20.0, 429);
    deliver(&limits, &server, Lines::default(), Rows::distinct(2000), silent, notices.clone()).await;
    let rates: Vec<f64> = notices
        .0
        .borrow()
        .iter()
        .map(|notice| match notice {
            Notice::SlowedDown { rate } => *rate,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!((1..=4).contains(&rates.len()), "{rates:?}");
    assert!(rates.windows(2).all(|pair| pair[1] < pair[0] / 2.0), "{rates:?}");
}
