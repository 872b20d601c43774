//! Attempts that wait for a connection.

use super::*;

#[tokio::test(start_paused = true)]
async fn connections_made_at_the_same_time_do_not_exceed_the_rate() {
    for concurrency in [4, 16, 64] {
        // The server's queue of connections is full for 2.7 s. All pending connections are accepted then.
        let late = |now: Duration| (27 * SECOND / 10).saturating_sub(now);
        let server = Simulated::new(|_| (SECOND / 100, updated())).that_connects(late);
        let (ending, lines) = run(&settings("10", concurrency), &server, Rows::distinct(100)).await;
        assert!(ending.stop.is_none());
        assert_eq!(lines.count("updated"), 100);
        assert!(server.busiest(SECOND) <= 10, "{} with {concurrency}", server.busiest(SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_never_made_blocks_no_other() {
    let nth = Cell::new(0);
    let connects = move |_| {
        nth.set(nth.get() + 1);
        if nth.get() == 5 { 300 * SECOND } else { Duration::ZERO }
    };
    let server = Simulated::new(|_| (SECOND / 100, updated())).that_connects(connects);
    let (_, lines) = run(&settings("10", 16), &server, Rows::distinct(1000)).await;
    assert_eq!(lines.count("updated"), 1000);
    // The pending attempt keeps a place in every window, so the others get nine places of ten.
    let late = server.account().iter().filter(|seen| seen.began > 120 * SECOND).count();
    assert_eq!(late, 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_connection_is_sent_again_once_another_row_gets_through() {
    let server = Simulated::new(|arrival| {
        let is_cut_off = arrival.row == 3 && arrival.now < SECOND;
        (SECOND / 100, if is_cut_off { not_sent() } else { updated() })
    });
    let (ending, lines) = run(&settings("10", 4), &server, Rows::distinct(100)).await;
    assert_eq!((lines.count("updated"), ending.tally.outages), (100, 0));
    let third = server.account().iter().filter(|seen| seen.row == 3).map(|seen| seen.began).max();
    assert!(third.is_some_and(|began| began < 2 * SECOND), "{third:?}");
}

#[tokio::test(start_paused = true)]
async fn the_run_does_not_wait_for_attempts_without_a_connection_at_its_end() {
    let (wish, wishes) = unbounded_channel();
    let nth = Cell::new(0);
    let connects = move |_| {
        nth.set(nth.get() + 1);
        if nth.get() == 1 { Duration::ZERO } else { 3600 * SECOND }
    };
    let server = Simulated::new(move |_| {
        let _ = wish.send(Interrupt::Interrupt);
        (SECOND, updated())
    })
    .that_connects(connects);
    let (ending, lines) = run_with(&settings("unlimited", 4), &server, Rows::distinct(10), wishes).await;
    assert!(matches!(ending.stop, Some(Stop::Interrupted(_))));
    assert_eq!((lines.count("updated"), ending.tally.attempts), (1, 1));
    assert!(server.began.elapsed() <= SECOND + SECOND / 10, "{:?}", server.began.elapsed());
}
