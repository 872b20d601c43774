//! A run without failures, and its early ends.

use super::*;

#[tokio::test(start_paused = true)]
async fn every_row_is_sent_once_within_rate_and_concurrency() {
    let server = Simulated::new(|_| (300 * SECOND / 1000, updated()));
    let (ending, lines) = run(&settings("50", 10), &server, Rows::distinct(500)).await;
    assert!(ending.stop.is_none());
    assert_eq!((lines.count("updated"), server.account().len()), (500, 500));
    assert!(server.busiest(SECOND) <= 50 && server.most_in_flight() <= 10);
}

#[tokio::test(start_paused = true)]
async fn latency_does_not_cost_the_rate_while_there_is_concurrency() {
    let server = Simulated::new(|_| (100 * SECOND / 1000, updated()));
    let (_, lines) = run(&settings("unlimited", 64), &server, Rows::distinct(6400)).await;
    assert_eq!(lines.count("updated"), 6400);
    assert!(server.span() <= 10 * SECOND + SECOND / 10, "{:?}", server.span());
}

#[tokio::test(start_paused = true)]
async fn replies_that_take_about_as_long_as_the_window_do_not_cost_the_rate() {
    for (rate, rows) in [("1", 300), ("10", 1000), ("100", 4000)] {
        // A reply takes `usually` milliseconds in `part` of a hundred cases, and up to `else_up_to` milliseconds else.
        for (part, usually, else_up_to) in
            [(0, 0, 2000), (0, 0, 1500), (50, 300, 1300), (90, 50, 1500), (70, 50, 1500), (97, 50, 1500)]
        {
            let server = Simulated::new(move |arrival| {
                let mut random = fastrand::Rng::with_seed(arrival.row);
                let took = if random.u64(..100) < part { usually } else { random.u64(usually..else_up_to) };
                (Duration::from_millis(took), updated())
            });
            let (_, lines) = run(&settings(rate, 1000), &server, Rows::distinct(rows)).await;
            assert_eq!(lines.count("updated") as u64, rows);
            let last = server.account().iter().map(|seen| seen.began).max().unwrap();
            let reached = (rows - 1) as f64 / last.as_secs_f64() / rate.parse::<f64>().unwrap();
            assert!(reached >= 0.99, "{rate} {part} {usually} {else_up_to}: {reached}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_of_one_customer_goes_one_at_a_time() {
    let server = Simulated::new(|_| (SECOND / 10, updated()));
    let rows = Rows::of((0..200).map(|row| {
        if row % 2 == 0 { ("1".to_owned(), "s".to_owned()) } else { ("1".to_owned(), String::new()) }
    }));
    let (_, lines) = run(&settings("unlimited", 16), &server, rows).await;
    assert_eq!((lines.count("updated"), server.most_in_flight()), (200, 1));
    assert!(server.account().is_sorted_by_key(|seen| seen.row));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_credentials_stops_at_once_and_records_nothing() {
    let server =
        Simulated::new(|_| (SECOND / 10, Reply::Denied { status: 403, text: "no".to_owned() }.into()));
    let (ending, lines) = run(&settings("unlimited", 8), &server, Rows::distinct(1000)).await;
    assert!(matches!(ending.stop, Some(Stop::Refused(Refusal::Denied { status: 403, .. }))));
    assert_eq!((server.account().len(), lines.statuses().len()), (8, 0));
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_lets_the_rows_in_flight_end_and_a_second_one_does_not() {
    let (sender, interrupts) = unbounded_channel();
    let server = Simulated::new(move |arrival| {
        if arrival.row == 50 {
            let _ = sender.send(Interrupt::Terminate);
        }
        (SECOND, updated())
    });
    let (ending, lines) = run_with(&settings("10", 4), &server, Rows::distinct(1000), interrupts).await;
    assert!(matches!(ending.stop, Some(Stop::Interrupted(Interrupt::Terminate))));
    assert_eq!(lines.count("updated"), server.account().len());

    let (sender, interrupts) = unbounded_channel();
    let server = Simulated::new(move |_| {
        (0..2).for_each(|_| sender.send(Interrupt::Interrupt).unwrap_or_default());
        (3600 * SECOND, updated())
    });
    let began = Instant::now();
    let (ending, _) = run_with(&settings("10", 4), &server, Rows::distinct(1000), interrupts).await;
    assert!(matches!(ending.stop, Some(Stop::Interrupted(Interrupt::Interrupt))));
    assert!(began.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn rows_in_flight_are_waited_for_no_longer_than_the_drain_timeout() {
    let (sender, interrupts) = unbounded_channel();
    let server = Simulated::new(move |_| {
        let _ = sender.send(Interrupt::Interrupt);
        (3600 * SECOND, updated())
    });
    let began = Instant::now();
    let hurried = Settings { max_attempts: NonZeroU32::MIN, ..settings("1/m", 4) };
    let (ending, lines) = run_with(&hurried, &server, Rows::distinct(10), interrupts).await;
    assert!(matches!(ending.stop, Some(Stop::Interrupted(_))));
    assert!((30 * SECOND..31 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(lines.statuses().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_first_interrupt_lets_the_rows_in_flight_end_although_the_run_was_ending() {
    let (sender, interrupts) = unbounded_channel();
    let server = Simulated::new(move |arrival| {
        let is_denied = arrival.row == 1;
        if is_denied {
            let sender = sender.clone();
            tokio::spawn(async move {
                sleep(2 * SECOND).await;
                sender.send(Interrupt::Terminate)
            });
        }
        let denied = Reply::Denied { status: 403, text: "no".to_owned() };
        if is_denied { (SECOND, denied.into()) } else { (5 * SECOND, updated()) }
    });
    let (ending, lines) = run_with(&settings("unlimited", 4), &server, Rows::distinct(10), interrupts).await;
    assert!(matches!(ending.stop, Some(Stop::Refused(_))));
    assert_eq!((lines.count("updated"), server.account().len()), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn failures_after_an_interrupt_announce_no_outage() {
    let (sender, interrupts) = unbounded_channel();
    let server = Simulated::new(move |_| {
        let _ = sender.send(Interrupt::Interrupt);
        (SECOND, lost())
    });
    let (notices, limits) = (Notices::default(), settings("unlimited", 16));
    let rows = Rows::distinct(100);
    // Only the first interrupt is passed on: a second interrupt would end the run at once.
    let (first, only_one) = unbounded_channel();
    let mut interrupts = interrupts;
    let forward = async move {
        let _ = first.send(interrupts.recv().await.unwrap());
        std::future::pending::<()>().await;
    };
    let run = deliver(&limits, &server, Lines::default(), rows, only_one, notices.clone());
    let ending = tokio::select! { ending = run => ending, () = forward => unreachable!("it never ends") };
    assert!(matches!(ending.stop, Some(Stop::Interrupted(_))));
    let seen = notices.0.borrow();
    assert!(matches!(seen.as_slice(), [Notice::Stopping { in_flight: 16, .. }]), "{seen:?}");
}

/// Cells of 9 MiB, percent-encoded.
#[tokio::test(start_paused = true)]
async fn rows_larger_than_the_bound_of_all_bodies_go_one_at_a_time() {
    let server = Simulated::new(|_| (SECOND / 10, updated()));
    let mut rows = Rows::distinct(4);
    for job in rows.0.iter_mut().flatten() {
        let Work::Send(request, _) = &mut job.work else { panic!("it is sent") };
        let mut values = Values::default();
        values.set(Parameter::CustomerId, &job.row.to_string());
        values.set(Parameter::City, &job.row.to_string());
        values.set(Parameter::Lastname, &"/".repeat(12 << 20));
        *request = Request::from(Update::new(values, &mut Vec::new()).unwrap());
    }
    let (ending, lines) = run(&settings("unlimited", 4), &server, rows).await;
    assert!(ending.stop.is_none());
    assert_eq!((lines.count("updated"), server.most_in_flight()), (4, 1));
}

/// A documented limit: a silent stream has not ended. A row without a connection uses up no attempt.
#[tokio::test(start_paused = true)]
async fn rows_out_of_attempts_wait_for_the_next_row_of_a_silent_stream() {
    struct Silent(Rows, Pin<Box<Sleep>>);
    impl Feed for Silent {
        fn poll_jobs(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<Job>, FeedError>>> {
            match self.0.0.take() {
                Some(jobs) => Poll::Ready(Some(Ok(jobs))),
                None => self.1.as_mut().poll(context).map(|()| None),
            }
        }
    }
    for (broken, sent_again) in [((|| busy(503, None)) as fn() -> Answer, 3600..3610), (not_sent, 60..91)] {
        let server = Simulated::new(move |arrival| {
            (SECOND / 500, if arrival.now < 60 * SECOND { broken() } else { updated() })
        });
        let (_, never) = unbounded_channel();
        let (limits, lines) = (settings("50", 16), Lines::default());
        let feed = Silent(Rows::distinct(1), Box::pin(sleep(3600 * SECOND)));
        let ending = deliver(&limits, &server, lines.clone(), feed, never, Notices::default()).await;
        assert!(ending.stop.is_none() && lines.count("updated") == 1, "{:?}", ending.stop);
        assert!(sent_again.contains(&server.span().as_secs()), "{:?}", server.span());
    }
}
