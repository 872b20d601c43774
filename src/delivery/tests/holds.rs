//! Pauses that the server asks for (`Retry-After`).

use super::*;

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_a_retry_after_is_over() {
    let server = Simulated::new(|arrival| {
        let first = arrival.row == 7 && arrival.earlier == 0;
        (SECOND / 10, if first { busy(429, Some(60)) } else { updated() })
    });
    let (ending, lines) = run(&settings("10", 4), &server, Rows::distinct(100)).await;
    assert_eq!((lines.count("updated"), ending.tally.holds), (100, 1));
    let account = server.account();
    let held_at = account.iter().find(|seen| seen.row == 7).unwrap().ended;
    assert!(account.iter().all(|seen| seen.began <= held_at || seen.began >= held_at + 60 * SECOND));
    assert_eq!(server.attempts_of(7), 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_counts_from_the_head_of_its_reply() {
    for body in [20, 100] {
        let server = Simulated::new(move |arrival| {
            let first = arrival.row == 7 && arrival.earlier == 0;
            let hold = || Answer { body: body * SECOND, ..busy(503, Some(60)) };
            (SECOND / 10, if first { hold() } else { updated() })
        });
        let (ending, lines) = run(&settings("10", 4), &server, Rows::distinct(100)).await;
        assert_eq!((lines.count("updated"), ending.tally.holds), (100, 1));
        let account = server.account();
        let held_at = account.iter().find(|seen| seen.row == 7).unwrap().began + SECOND / 10;
        assert!(account.iter().all(|seen| seen.began <= held_at || seen.began >= held_at + 60 * SECOND));
        // The end of the reply does not restart the hold.
        assert!(account.iter().any(|seen| seen.began <= held_at + 62 * SECOND && seen.began > held_at));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reply_costs_no_more_of_the_rate_than_a_fast_one() {
    for body in [0, 1, 2, 3] {
        let server = Simulated::new(move |arrival| {
            let first = arrival.row == 201 && arrival.earlier == 0;
            let hold = || Answer { body: body * SECOND, ..busy(429, Some(4)) };
            (SECOND / 100, if first { hold() } else { updated() })
        });
        let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(1000)).await;
        assert_eq!((lines.count("updated"), ending.tally.holds), (1000, 1));
        // 20 s for the rows, 4 s for the hold, and the cost of the cut rate.
        assert!(server.span() < 27 * SECOND, "{:?} with {body}", server.span());
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_for_a_connection_sends_nothing_in_a_hold() {
    let connects = |now: Duration| if now < SECOND { SECOND } else { Duration::ZERO };
    let server = Simulated::new(|arrival| {
        (SECOND / 100, if arrival.account.is_empty() { busy(429, Some(60)) } else { updated() })
    })
    .that_connects(connects);
    let (ending, lines) = run(&settings("10", 10), &server, Rows::distinct(50)).await;
    assert!(ending.stop.is_none());
    assert_eq!((lines.count("updated"), ending.tally.holds, ending.tally.attempts), (50, 1, 51));
    let account = server.account();
    let held_at = account[0].ended;
    assert!(account[1..].iter().all(|seen| seen.began >= held_at + 60 * SECOND), "{account:?}");
    assert_eq!(account.len(), 51);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_maximum_stops_the_run() {
    for asked in [7200, 86_401, 172_800, u32::MAX.into()] {
        let server = Simulated::new(move |_| (SECOND / 10, busy(503, Some(asked))));
        let (ending, lines) = run(&settings("10", 4), &server, Rows::distinct(100)).await;
        assert!(matches!(ending.stop, Some(Stop::Brake(Brake::RetryAfter { .. }))), "{asked}");
        assert_eq!((lines.statuses().len(), ending.tally.holds), (0, 0));
        assert!(server.account().len() <= 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_maximum_of_days_allows_a_pause_of_days() {
    let server = Simulated::new(|arrival| {
        (SECOND / 10, if arrival.earlier == 0 { busy(503, Some(172_800)) } else { updated() })
    });
    let patient = Settings { max_retry_after: 72 * 3600 * SECOND, ..settings("10", 1) };
    let (ending, lines) = run(&patient, &server, Rows::distinct(1)).await;
    assert!(ending.stop.is_none());
    assert_eq!((lines.count("updated"), ending.tally.holds), (1, 1));
    assert!(server.span() >= 172_800 * SECOND, "{:?}", server.span());
}
