//! Files of one or two customers while nothing gets through: one row at a time can be sent.

use super::outage::page;
use super::*;

#[tokio::test(start_paused = true)]
async fn where_one_row_at_a_time_can_be_sent_the_patience_is_as_long_as_elsewhere() {
    for broken in [|| busy(503, None), || busy(500, None), lost, page, not_sent] {
        // Those that wait for them have slots, or have not.
        for (customers, concurrency) in [(1, 4), (2, 4), (1, 64), (2, 64)] {
            for (back, within) in [(4, 20), (40, 90), (300, 600), (500, 600), (100_000, 600)] {
                let rows = Rows::of((0..100).map(|row| ((row % customers).to_string(), String::new())));
                let server = Simulated::new(move |arrival| {
                    let is_down = (SECOND..(1 + back) * SECOND).contains(&arrival.now);
                    (SECOND / 500, if is_down { broken() } else { updated() })
                });
                let (ending, lines) = run(&settings("50", concurrency), &server, rows).await;
                let case = format!("{:?} {customers} {concurrency} {back}: {:?}", broken(), ending.stop);
                let lost = lines.count("failed") + lines.count("unknown");
                if back < 100_000 {
                    // A 500 is mostly about the row: it takes two to tell.
                    let is_500 = broken() == busy(500, None);
                    assert!(lost <= if is_500 { 2 } else { 0 }, "{case} {lost}");
                    assert_eq!(lines.count("updated"), 100 - lost, "{case}");
                    assert!(ending.stop.is_none(), "{case}");
                    // What is restarted is back soon; a page has no attempt to spare for that.
                    let within = if broken() == page() { within.max(90) } else { within };
                    assert!(server.span() < within * SECOND, "{case} {:?}", server.span());
                } else {
                    assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{case}");
                    assert!(server.span() > 580 * SECOND, "{case} {:?}", server.span());
                    assert!(lost <= 4, "{case} {lost}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_always_refused_with_an_error_holds_those_behind_it_no_longer_than_the_patience() {
    for (broken, longest) in [(|| busy(503, None)) as fn() -> Answer, lost, page]
        .into_iter()
        .map(|broken| (broken, 600))
        .chain([((|| busy(500, None)) as fn() -> Answer, 50)])
    {
        let rows = Rows::of((0..100).map(|_| ("7".to_owned(), String::new())));
        let server = Simulated::new(move |arrival| {
            (SECOND / 500, if arrival.row == 50 { broken() } else { updated() })
        });
        let (ending, lines) = run(&settings("50", 4), &server, rows).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!((lines.count("updated"), lines.count("failed") + lines.count("unknown")), (99, 1));
        assert!(server.span() < longest * SECOND, "{:?} {:?}", broken(), server.span());
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_waits_to_see_that_the_server_is_up_goes_on_when_it_is_seen() {
    let rows = Rows::of((0..100).map(|row| (u64::min(row, 1).to_string(), String::new())));
    let server = Simulated::new(|arrival| match arrival.row {
        // All others wait for the second.
        2 => (20 * SECOND, updated()),
        1 if arrival.earlier < 2 => (SECOND / 500, page()),
        _ => (SECOND / 500, updated()),
    });
    let (ending, lines) = run(&settings("50", 4), &server, rows).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    assert_eq!(lines.count("updated"), 100);
    assert!(server.span() < 30 * SECOND, "{:?}", server.span());
}

#[tokio::test(start_paused = true)]
async fn a_file_of_one_customer_waits_for_a_server_that_is_down_at_first_too() {
    for broken in [|| busy(503, None), || busy(429, None), lost, page, not_sent] {
        for (patience, back) in [(600, 60), (60, 50), (600, 500)] {
            let rows = Rows::of((0..20).map(|_| ("7".to_owned(), String::new())));
            let server = Simulated::new(move |arrival| {
                (SECOND / 500, if arrival.now < back * SECOND { broken() } else { updated() })
            });
            let limits = Settings { max_outage: patience * SECOND, ..settings("50", 16) };
            let (ending, lines) = run(&limits, &server, rows).await;
            assert!(ending.stop.is_none(), "{:?} {patience} {back}: {:?}", broken(), ending.stop);
            assert_eq!(lines.count("updated"), 20, "{:?} {patience} {back}", broken());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_row_that_always_fails_does_not_keep_those_behind_it_from_being_sent() {
    for broken in [|| busy(503, None), || busy(500, None), || busy(429, None), lost, page] {
        for (count, customers, attempts) in [(5, 1, 5), (120, 1, 5), (6, 2, 5), (5, 1, 1), (5, 1, 2)] {
            let rows = Rows::of((0..count).map(|row| ((row % customers).to_string(), String::new())));
            let server = Simulated::new(move |arrival| {
                (SECOND / 500, if arrival.row == 1 { broken() } else { updated() })
            });
            let limits =
                Settings { max_attempts: NonZeroU32::MIN.saturating_add(attempts - 1), ..settings("50", 16) };
            let (ending, lines) = run(&limits, &server, rows).await;
            let case = format!("{:?} {count} {customers} {attempts}", broken());
            assert!(ending.stop.is_none(), "{case}: {:?}", ending.stop);
            assert_eq!(lines.count("updated") as u64, count - 1, "{case}");
            assert!(server.span() < 600 * SECOND, "{case} {:?}", server.span());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_is_tried_once_more_before_the_patience_ends_however_many_attempts_it_has() {
    for (broken, attempts) in [
        ((|| busy(503, None)) as fn() -> Answer, 10),
        (lost, 10),
        (|| busy(503, None), 7),
        (not_sent, 5),
        (not_sent, 10),
    ] {
        for (customers, patience, back) in
            [(1, 20, 16), (1, 30, 25), (2, 30, 25), (1, 60, 52), (1, 600, 560), (50, 30, 26)]
        {
            let rows = Rows::of((0..50).map(|row| ((row % customers).to_string(), String::new())));
            let server = Simulated::new(move |arrival| {
                let is_down = (SECOND..(1 + back) * SECOND).contains(&arrival.now);
                (SECOND / 500, if is_down { broken() } else { updated() })
            });
            let limits = Settings {
                max_outage: patience * SECOND,
                max_attempts: NonZeroU32::MIN.saturating_add(attempts - 1),
                ..settings("20", 16)
            };
            let (ending, lines) = run(&limits, &server, rows).await;
            let case = format!("{:?} {attempts} {customers} {patience}: {:?}", broken(), ending.stop);
            assert!(ending.stop.is_none(), "{case}");
            assert_eq!(lines.count("updated"), 50, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_side_by_side_are_got_past_with_little_patience_too() {
    for broken in [|| busy(503, None), || busy(500, None), lost, page] {
        for (patience, first, attempts) in [
            (10, 5, 5),
            (20, 5, 5),
            (20, 1, 5),
            (30, 5, 5),
            (40, 5, 5),
            (10, 5, 10),
            (20, 5, 10),
            (60, 5, 20),
        ] {
            let rows = Rows::of((0..8).map(|row| ((row % 2).to_string(), String::new())));
            let server = Simulated::new(move |arrival| {
                let is_bad = (first..first + 2).contains(&arrival.row);
                (SECOND / 500, if is_bad { broken() } else { updated() })
            });
            let limits = Settings {
                max_outage: patience * SECOND,
                max_attempts: NonZeroU32::MIN.saturating_add(attempts - 1),
                ..settings("50", 16)
            };
            let (ending, lines) = run(&limits, &server, rows).await;
            let case = format!("{:?} {patience} {first} {attempts}: {:?}", broken(), ending.stop);
            assert!(ending.stop.is_none(), "{case}");
            assert_eq!(lines.count("updated"), 6, "{case}");
        }
    }
}
