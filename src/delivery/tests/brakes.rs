//! The limits that the user sets, against a simulated server in virtual time.

use super::*;

fn settings_with(rate: &str, concurrency: usize, brakes: Brakes) -> Settings {
    Settings { brakes, ..settings(rate, concurrency) }
}

fn refused() -> Answer {
    Reply::Refused { status: 400, text: "no such customer".to_owned() }.into()
}

fn at_most(most: MaxFailures) -> Brakes {
    Brakes { max_failures: Some(most), ..Brakes::default() }
}

fn first(rows: u64) -> Brakes {
    Brakes { limit: NonZeroU64::new(rows), ..Brakes::default() }
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_stop_the_run_and_rows_in_flight_are_recorded() {
    for (most, allowed) in
        [(MaxFailures::Count(20), 20), (MaxFailures::Percent(5.0), 10), (MaxFailures::Count(0), 0)]
    {
        let server = Simulated::new(|_| (SECOND / 10, refused()));
        let (ending, lines) =
            run(&settings_with("100", 8, at_most(most)), &server, Rows::distinct(5000)).await;
        let Some(Stop::Brake(Brake::Failures { failed, sent, why, alike, .. })) = ending.stop else {
            panic!("{:?}", ending.stop)
        };
        assert_eq!((failed, sent, alike), (allowed + 1, allowed + 1, allowed + 1));
        assert_eq!(why, "HTTP 400: no such customer");
        assert!(server.account().len() as u64 <= allowed + 1 + 8, "{}", server.account().len());
        assert_eq!(lines.count("rejected"), server.account().len(), "every row that was sent is recorded");
    }
}

#[tokio::test(start_paused = true)]
async fn allowed_failures_do_not_stop_the_run() {
    for most in [MaxFailures::Count(50), MaxFailures::Percent(5.0)] {
        let server = Simulated::new(|arrival| {
            (SECOND / 10, if arrival.row.is_multiple_of(20) { refused() } else { updated() })
        });
        let (ending, lines) =
            run(&settings_with("100", 1, at_most(most)), &server, Rows::distinct(1000)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!((lines.count("rejected"), lines.count("updated")), (50, 950));
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_not_sent_are_no_failures() {
    let server = Simulated::new(|_| (SECOND / 10, updated()));
    let mut rows = Rows::distinct(100);
    for job in rows.0.as_mut().unwrap().iter_mut().filter(|job| job.row.is_multiple_of(2)) {
        let (customer_id, subscription_id, error) = (job.row.to_string(), String::new(), "wrong".to_owned());
        job.work = Work::Record { customer_id, subscription_id, status: Status::Invalid, error };
    }
    let (ending, lines) = run(&settings_with("100", 4, at_most(MaxFailures::Count(0))), &server, rows).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    assert_eq!((lines.count("invalid"), lines.count("updated")), (50, 50));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_no_failure_of_rows() {
    let server = Simulated::new(|_| (SECOND / 10, lost()));
    let (ending, _) =
        run(&settings_with("100", 8, at_most(MaxFailures::Count(0))), &server, Rows::distinct(500)).await;
    assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_starts_at_the_deadline_and_rows_in_flight_are_recorded() {
    let server = Simulated::new(|_| (3 * SECOND, updated()));
    let brakes = Brakes { deadline: Some(Instant::now() + 60 * SECOND), ..Brakes::default() };
    let (ending, lines) = run(&settings_with("10", 64, brakes), &server, Rows::distinct(5000)).await;
    assert!(matches!(ending.stop, Some(Stop::Reached(Limit::Deadline))), "{:?}", ending.stop);
    let account = server.account();
    assert!(account.iter().all(|seen| seen.began < 60 * SECOND));
    assert!(account.iter().any(|seen| seen.began > 59 * SECOND), "it is not early either");
    assert_eq!(lines.count("updated"), account.len());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_in_an_outage_a_pause_and_a_silent_input() {
    struct Silent;
    impl Feed for Silent {
        fn poll_jobs(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Vec<Job>, FeedError>>> {
            Poll::Pending
        }
    }
    let soon = || Brakes { deadline: Some(Instant::now() + 60 * SECOND), ..Brakes::default() };
    for sick in [lost, || busy(429, Some(3000))] {
        let server = Simulated::new(move |_| (SECOND / 10, sick()));
        let (ending, _) = run(&settings_with("10", 4, soon()), &server, Rows::distinct(100)).await;
        assert!(matches!(ending.stop, Some(Stop::Reached(Limit::Deadline))), "{:?}", ending.stop);
        assert!(server.began.elapsed() <= 61 * SECOND, "{:?}", server.began.elapsed());
    }
    let server = Simulated::new(|_| (SECOND, updated()));
    let (_sender, never) = unbounded_channel();
    let settings = settings_with("10", 4, soon());
    let ending = deliver(&settings, &server, Lines::default(), Silent, never, Notices::default()).await;
    assert!(matches!(ending.stop, Some(Stop::Reached(Limit::Deadline))), "{:?}", ending.stop);
    assert_eq!(server.began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_sends_nothing() {
    let server = Simulated::new(|_| (SECOND, updated()));
    let brakes = Brakes { deadline: Some(Instant::now()), ..Brakes::default() };
    let (ending, lines) = run(&settings_with("10", 4, brakes), &server, Rows::distinct(10)).await;
    assert!(matches!(ending.stop, Some(Stop::Reached(Limit::Deadline))), "{:?}", ending.stop);
    assert_eq!((server.account().len(), lines.statuses().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_limit_finishes_the_first_rows_with_their_retries_and_starts_no_other_row() {
    let server = Simulated::new(|arrival| {
        let is_first = arrival.earlier == 0 && arrival.row.is_multiple_of(3);
        (SECOND / 10, if is_first { busy(500, None) } else { updated() })
    });
    let (ending, lines) = run(&settings_with("unlimited", 16, first(10)), &server, Rows::distinct(500)).await;
    assert!(
        matches!(ending.stop, Some(Stop::Reached(Limit::Rows(most))) if most.get() == 10),
        "{:?}",
        ending.stop
    );
    assert_eq!((lines.count("updated"), lines.statuses().len()), (10, 10));
    assert!(server.account().iter().all(|seen| seen.row <= 10));
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_only_rows_that_need_sending_and_is_not_reached_by_the_last_of_them() {
    for (limit, recorded, is_reached) in [(5, 9, true), (50, 100, false), (49, 97, true)] {
        let server = Simulated::new(|_| (SECOND / 10, updated()));
        let mut rows = Rows::distinct(100);
        for job in rows.0.as_mut().unwrap().iter_mut().filter(|job| job.row.is_multiple_of(2)) {
            let (customer_id, subscription_id, error) = (String::new(), String::new(), "wrong".to_owned());
            job.work = Work::Record { customer_id, subscription_id, status: Status::Invalid, error };
        }
        let (ending, lines) = run(&settings_with("unlimited", 4, first(limit)), &server, rows).await;
        assert_eq!(server.account().len() as u64, limit);
        // The run ends at the next row that needs sending.
        assert_eq!(lines.statuses().len(), recorded + usize::from(is_reached));
        assert_eq!(ending.stop.is_some(), is_reached, "{:?}", ending.stop);
    }
}

#[tokio::test(start_paused = true)]
async fn a_brake_that_only_the_last_row_triggers_does_not_stop_the_run() {
    for most in [None, Some(MaxFailures::Count(19))] {
        for (limit, rows) in [(Some(20), 100), (None, 20)] {
            let server = Simulated::new(|_| (SECOND / 10, refused()));
            let limit = limit.and_then(NonZeroU64::new);
            let brakes = Brakes { max_failures: most, limit, ..Brakes::default() };
            let (ending, lines) = run(&settings_with("100", 4, brakes), &server, Rows::distinct(rows)).await;
            assert_eq!(lines.count("rejected"), 20);
            let is_limit = matches!(ending.stop, Some(Stop::Reached(Limit::Rows(_))));
            assert!(if limit.is_some() { is_limit } else { ending.stop.is_none() }, "{:?}", ending.stop);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_rows_of_a_limit_are_at_their_tail_although_they_take_all_slots() {
    let server = Simulated::new(|_| (SECOND / 10, not_sent()));
    let limits = settings_with("100", 4, first(MIN_OPEN_ROWS as u64));
    let (ending, _) = run(&limits, &server, Rows::distinct(1000)).await;
    assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
    // All rows were tried as probes after eight minutes. By then the minute of the tail is over.
    assert!(server.began.elapsed() < 600 * SECOND, "{:?}", server.began.elapsed());
}
