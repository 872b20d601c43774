//! Rows that always fail and a server that is down, told from each other.

use super::*;

pub(super) fn page() -> Answer {
    Reply::Unconfirmed { status: 200, text: "Back soon".to_owned() }.into()
}

/// Runs so many rows of which some always fail, and gives how long it took.
pub(super) async fn with_bad_rows(
    rate: &str,
    count: u64,
    is_bad: fn(u64) -> bool,
    broken: fn() -> Answer,
) -> Duration {
    let server =
        Simulated::new(move |arrival| (SECOND / 500, if is_bad(arrival.row) { broken() } else { updated() }));
    let (ending, lines) = run(&settings(rate, 16), &server, Rows::distinct(count)).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    let bad = (1..=count).filter(|row| is_bad(*row)).count();
    assert_eq!((lines.count("failed"), lines.count("updated")), (bad, count as usize - bad));
    assert!((1..=count).all(|row| server.attempts_of(row) <= 5));
    server.span()
}

#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_do_not_bring_down_a_sound_job() {
    for broken in [|| busy(500, None), || busy(503, None)] {
        // At the rate it takes 20 s for the first attempts of these, and for all attempts 24 s.
        let took = with_bad_rows("200", 4000, |row| row % 20 == 7, broken).await;
        assert!(took < 60 * SECOND, "{took:?}");
        let took = with_bad_rows("50", 1500, |row| row % 10 == 3, broken).await;
        assert!(took < 200 * SECOND, "{took:?}");
        let took = with_bad_rows("10", 400, |row| row % 4 == 1, broken).await;
        assert!(took < 600 * SECOND, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_are_got_past_though_they_stand_side_by_side() {
    for broken in [|| busy(500, None), || busy(503, None)] {
        // Their retries come out of the budget: five a second while there is nothing else to send.
        let took = with_bad_rows("50", 300, |row| (101..=120).contains(&row), broken).await;
        assert!(took < 30 * SECOND, "{took:?}");
        let took = with_bad_rows("50", 300, |row| (101..=150).contains(&row), broken).await;
        assert!(took < 60 * SECOND, "{took:?}");
        let took = with_bad_rows("50", 300, |row| (1..=60).contains(&row), broken).await;
        assert!(took < 60 * SECOND, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_are_got_past_though_there_are_many_such_places() {
    for broken in [|| busy(500, None), || busy(503, None)] {
        for (bad, of) in [(10, 30), (20, 100), (30, 100), (20, 40)] {
            let server = Simulated::new(move |arrival| {
                (SECOND / 500, if arrival.row % of < bad { broken() } else { updated() })
            });
            let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(500)).await;
            assert!(ending.stop.is_none(), "{bad} in {of}: {:?}", ending.stop);
            assert_eq!(lines.statuses().len(), 500);
            // Four retries of each, five a second, and an outage now and then that is none.
            let all = (1..=500).filter(|row| row % of < bad).count() as u32;
            assert_eq!(lines.count("failed"), all as usize);
            assert!(server.span() < 4 * all * SECOND, "{bad} in {of}: {:?}", server.span());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bad_rows_do_not_hide_that_a_server_is_back() {
    let server = Simulated::new(|arrival| {
        let is_down = (10 * SECOND..38 * SECOND).contains(&arrival.now);
        let answer = if is_down { busy(503, None) } else { updated() };
        (SECOND / 500, if arrival.row <= 60 { busy(500, None) } else { answer })
    });
    let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(300)).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    assert_eq!((lines.count("updated"), lines.count("failed")), (240, 60));
    assert!(server.span() < 150 * SECOND, "{:?}", server.span());
}

#[tokio::test(start_paused = true)]
async fn late_replies_do_not_end_an_outage() {
    for (broken, late) in [(page as fn() -> Answer, 3), (page, 9), (lost, 5), (|| busy(503, None), 9)] {
        let server = Simulated::new(move |arrival| {
            let is_down = (2 * SECOND..31 * SECOND).contains(&arrival.now);
            let is_late = arrival.now >= SECOND && arrival.now < 2 * SECOND && arrival.row % 3 == 0;
            let latency =
                if is_late { late * SECOND - SECOND / 10 * (arrival.row % 7) as u32 } else { SECOND / 500 };
            (latency, if is_down { broken() } else { updated() })
        });
        let (ending, lines) = run(&settings("20", 16), &server, Rows::distinct(200)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!(lines.count("updated"), 200, "{late} {:?}", broken());
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_costs_no_row_however_few_customers_there_are() {
    for broken in [|| busy(503, None), || busy(500, None), lost, not_sent] {
        for (customers, down_after) in [(1, 5), (3, 5), (1, 10), (2, 10), (300, 5), (300, 10)] {
            let rows = Rows::of((0..100).map(|row| ((row % customers).to_string(), String::new())));
            let count = Rc::new(Cell::new(0));
            let down_since = Rc::new(Cell::new(None));
            let server = Simulated::new(move |arrival| {
                count.set(count.get() + 1);
                if count.get() > down_after * 10 - 1 && down_since.get().is_none() {
                    down_since.set(Some(arrival.now));
                }
                let is_down =
                    down_since.get().is_some_and(|since: Duration| arrival.now < since + 30 * SECOND);
                (SECOND / 500, if is_down { broken() } else { updated() })
            });
            let (ending, lines) = run(&settings("50", 16), &server, rows).await;
            assert!(ending.stop.is_none(), "{customers} {down_after}: {:?}", ending.stop);
            assert_eq!(lines.count("updated"), 100, "{customers} {down_after} {:?}", broken());
            assert!((1..=100).all(|row| broken() == not_sent() || server.attempts_of(row) <= 5));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_for_everybody_for_a_short_while_costs_no_row() {
    for customers in [1, 3, 300] {
        let rows = Rows::of((0..100).map(|row| ((row % customers).to_string(), String::new())));
        let server = Simulated::new(|arrival| {
            let is_down = (SECOND..31 * SECOND).contains(&arrival.now);
            (SECOND / 500, if is_down { page() } else { updated() })
        });
        let (ending, lines) = run(&settings("50", 16), &server, rows).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!(lines.count("updated"), 100, "{customers}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_pauses_for_ever_ends_the_run() {
    for status in [429, 503] {
        let server = Simulated::new(move |_| (SECOND / 100, busy(status, Some(30))));
        let (ending, lines) = run(&settings("100", 16), &server, Rows::distinct(10_000)).await;
        assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
        assert_eq!(lines.count("failed"), 0);
        // Ten pauses, and the patience for an outage.
        assert!((600 * SECOND..1000 * SECOND).contains(&server.span()), "{:?}", server.span());
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_failed_before_an_outage_are_not_burnt_in_it() {
    for broken in [|| busy(503, None), lost] {
        for percent in [5, 30] {
            let server = Simulated::new(move |arrival| {
                let is_down = (20 * SECOND..80 * SECOND).contains(&arrival.now);
                let seed = arrival.row * 100 + arrival.earlier as u64;
                let is_unlucky = fastrand::Rng::with_seed(seed).u8(..100) < percent && arrival.earlier < 3;
                (SECOND / 100, if is_down || is_unlucky { broken() } else { updated() })
            });
            let fixed = Settings { adapt: false, ..settings("100", 16) };
            let (ending, lines) = run(&fixed, &server, Rows::distinct(4000)).await;
            assert!(ending.stop.is_none(), "{:?}", ending.stop);
            assert_eq!(lines.count("updated"), 4000, "{percent}");
        }
    }
}

/// The first so many rows failed in an earlier run.
fn after_failures(failed: u64, mut rows: Rows) -> Rows {
    let jobs = rows.0.iter_mut().flatten().filter(|job| job.row <= failed);
    jobs.for_each(|job| job.has_failed = true);
    rows
}

#[tokio::test(start_paused = true)]
async fn rows_that_fail_once_more_in_a_run_of_their_own_are_no_outage() {
    for (broken, status) in [(|| busy(503, None)) as fn() -> Answer, || busy(500, None), lost, page]
        .into_iter()
        .zip(["failed", "failed", "unknown", "unknown"])
    {
        for (count, concurrency) in [(1, 16), (40, 16), (200, 1), (1000, 8)] {
            let server = Simulated::new(move |_| (SECOND / 10, broken()));
            let rows = after_failures(count, Rows::distinct(count));
            let (ending, lines) = run(&settings("1000", concurrency), &server, rows).await;
            assert!(ending.stop.is_none(), "{:?}", ending.stop);
            assert_eq!(lines.count(status) as u64, count);
            // Not a minute for each lot of them.
            let least = Duration::from_secs_f64(0.5 * count as f64 / concurrency as f64);
            assert!(server.span() < 60 * SECOND + 4 * least, "{count} {concurrency} {:?}", server.span());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_failed_in_an_earlier_run_survive_an_outage_all_the_same() {
    for broken in [lost, not_sent, || busy(503, None), || busy(502, None)] {
        for (failed, count, back) in [(1, 1, 40), (3, 3, 40), (40, 40, 40), (5, 1000, 1800), (5, 12, 200)] {
            let server = Simulated::new(move |arrival| {
                (SECOND / 10, if arrival.now < back * SECOND { broken() } else { updated() })
            });
            let patient = Settings { max_outage: 3600 * SECOND, ..settings("100", 16) };
            let rows = after_failures(failed, Rows::distinct(count));
            let (ending, lines) = run(&patient, &server, rows).await;
            assert!(ending.stop.is_none(), "{:?}", ending.stop);
            assert_eq!(lines.count("updated") as u64, count, "{failed} of {count}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn that_no_connection_comes_about_is_an_outage_for_rows_that_failed_before_too() {
    let server = Simulated::new(|_| (SECOND / 10, not_sent()));
    let (ending, lines) = run(&settings("100", 4), &server, after_failures(9, Rows::distinct(9))).await;
    assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
    assert_eq!(lines.statuses().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_was_under_way_when_the_server_went_down_does_not_tell_that_it_is_up() {
    for broken in [|| busy(503, None), lost, page] {
        for (count, down) in [(2, 15), (30, 10), (200, 10), (200, 25)] {
            // Every row takes a while to be answered; the server answers what it has begun, and nothing new.
            let from = if count == 2 { SECOND / 20 } else { 15 * SECOND / 10 };
            let server = Simulated::new(move |arrival| {
                if (from..from + down * SECOND).contains(&arrival.now) {
                    (SECOND / 500, broken())
                } else {
                    (SECOND * 8 / 10, updated())
                }
            });
            let (ending, lines) = run(&settings("10", 16), &server, Rows::distinct(count)).await;
            assert!(ending.stop.is_none(), "{:?}", ending.stop);
            assert_eq!(lines.count("updated"), count as usize, "{count} {:?}", broken());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_may_change_its_face() {
    for faces in
        [[busy(503, None), busy(503, None), page()], [lost(), lost(), page()], [page(), lost(), page()]]
    {
        for count in [1, 3, 15] {
            let told = faces.clone();
            let asked = Rc::new(Cell::new(0));
            let server = Simulated::new(move |arrival| {
                asked.set(asked.get() + 1);
                let is_down = (SECOND / 20..25 * SECOND).contains(&arrival.now);
                let face = told[(asked.get() - 1) as usize / count as usize % 3].clone();
                (SECOND / 500, if is_down { face } else { updated() })
            });
            // One goes through before.
            let (ending, lines) = run(&settings("10", 16), &server, Rows::distinct(count + 1)).await;
            assert!(ending.stop.is_none(), "{:?}", ending.stop);
            assert_eq!(lines.count("updated"), count as usize + 1, "{count} {faces:?}");
        }
    }
}
