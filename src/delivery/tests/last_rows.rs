//! The last rows of a job while nothing gets through any more.

use super::outage::{page, with_bad_rows};
use super::*;

#[tokio::test(start_paused = true)]
async fn the_last_rows_of_a_sound_job_are_given_up_when_all_of_them_fail() {
    for broken in [|| busy(500, None), || busy(503, None)] {
        for is_bad in [|row| row >= 99, |row| row == 100] {
            let took = with_bad_rows("50", 100, is_bad, broken).await;
            assert!((45 * SECOND..50 * SECOND).contains(&took), "{took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_rows_wait_for_a_server_that_is_down_for_all_of_them() {
    for broken in [|| busy(503, None), || busy(500, None), lost, page, not_sent] {
        for (left, customers, attempts, latency) in [
            (50, 300, 5, 2),
            (20, 300, 2, 2),
            (3, 300, 2, 2),
            (3, 300, 5, 2),
            (3, 300, 3, 2),
            (50, 3, 5, 2),
            // Those before are still under way when it goes down.
            (3, 300, 5, 90),
            (50, 300, 3, 90),
        ] {
            for (patience, back) in [(600, 560), (600, 30), (60, 50), (25, 20), (600, 100_000), (25, 100_000)]
            {
                let rows = Rows::of((0..100).map(|row| ((row % customers).to_string(), String::new())));
                let through = Cell::new(0);
                let down_since = Cell::new(None);
                let server = Simulated::new(move |arrival| {
                    through.set(through.get() + 1);
                    if through.get() > 100 - left && down_since.get().is_none() {
                        down_since.set(Some(arrival.now));
                    }
                    let is_down = down_since.get().is_some_and(|since| arrival.now < since + back * SECOND);
                    if is_down { (SECOND / 500, broken()) } else { (latency * SECOND / 1000, updated()) }
                });
                let limits = Settings {
                    max_outage: patience * SECOND,
                    max_attempts: NonZeroU32::MIN.saturating_add(attempts - 1),
                    ..settings("50", 4)
                };
                let (ending, lines) = run(&limits, &server, rows).await;
                let case =
                    format!("{:?} {left} {customers} {attempts} {latency} {patience} {back}", broken());
                // A probe that fails costs a row that has no more than two attempts, or three at pages.
                let is_back = back < 100_000;
                let lost = if is_back && left == 3 && (attempts == 2 || broken() == page()) { 2 } else { 0 };
                assert!(lines.count("failed") <= lost, "{case}");
                if is_back {
                    assert!(ending.stop.is_none(), "{case}: {:?}", ending.stop);
                    assert!(lines.count("updated") + lost >= 100, "{case}");
                } else {
                    let is_outage = matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. })));
                    // Nothing is left to wait for where all may have been applied and have no attempt left.
                    let is_dealt_with = lines.count("unknown") == left;
                    assert!(is_outage || is_dealt_with, "{case}: {:?}", ending.stop);
                    assert_eq!(lines.count("updated"), 100 - left, "{case}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_rows_survive_an_outage_well_within_a_short_patience() {
    for (patience, down) in [(20, 14), (30, 20), (50, 30)] {
        for broken in [|| busy(503, None), lost, not_sent] {
            let server = Simulated::new(move |arrival| {
                let is_down = (2 * SECOND..(2 + down) * SECOND).contains(&arrival.now);
                (SECOND / 500, if is_down { broken() } else { updated() })
            });
            let limits = Settings { max_outage: patience * SECOND, ..settings("50", 16) };
            let (ending, lines) = run(&limits, &server, Rows::distinct(110)).await;
            assert!(ending.stop.is_none(), "{patience} {down}: {:?}", ending.stop);
            assert_eq!(lines.count("updated"), 110, "{patience} {down} {:?}", broken());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn three_rows_survive_an_outage_however_long_a_slow_server_takes_to_say_so() {
    for broken in [|| busy(502, None), || busy(503, None), || busy(500, None), lost] {
        for latency in [50, 100, 200, 300, 500, 1000, 3000, 5000] {
            for (count, down_from, back, patience, attempts) in
                [(3, 0, 52, 60, 5), (50, 47, 100, 120, 5), (50, 47, 540, 600, 5), (50, 46, 100, 120, 4)]
            {
                let through = Cell::new(0);
                let down_since = Cell::new(None);
                let server = Simulated::new(move |arrival| {
                    through.set(through.get() + 1);
                    if through.get() > down_from && down_since.get().is_none() {
                        down_since.set(Some(arrival.now));
                    }
                    let is_down = down_since.get().is_some_and(|since| arrival.now < since + back * SECOND);
                    if is_down { (latency * SECOND / 1000, broken()) } else { (SECOND / 500, updated()) }
                });
                let limits = Settings {
                    max_outage: patience * SECOND,
                    max_attempts: NonZeroU32::MIN.saturating_add(attempts - 1),
                    ..settings("50", 16)
                };
                let (ending, lines) = run(&limits, &server, Rows::distinct(count)).await;
                let case = format!("{:?} {latency} {count} {back} {patience} {attempts}", broken());
                assert!(ending.stop.is_none(), "{case}: {:?}", ending.stop);
                assert_eq!(lines.count("updated") as u64, count, "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_rows_wait_though_they_leave_while_replies_are_on_their_way() {
    for broken in [|| busy(503, None), || busy(502, None), lost, page, not_sent] {
        for (rate, left, patience, back) in
            [("200", 3, 600, 80), ("200", 6, 600, 80), ("1000", 3, 60, 50), ("100", 4, 600, 100_000)]
        {
            let arrived = Cell::new(0);
            let down_since = Cell::new(None);
            let server = Simulated::new(move |arrival| {
                arrived.set(arrived.get() + 1);
                if arrived.get() > 50 - left && down_since.get().is_none() {
                    down_since.set(Some(arrival.now));
                }
                let is_down = down_since.get().is_some_and(|since| arrival.now < since + back * SECOND);
                (SECOND / 10, if is_down { broken() } else { updated() })
            });
            let limits = Settings { max_outage: patience * SECOND, ..settings(rate, 16) };
            let (ending, lines) = run(&limits, &server, Rows::distinct(50)).await;
            let case = format!("{:?} {rate} {left} {patience} {back}: {:?}", broken(), ending.stop);
            assert_eq!(lines.count("failed"), 0, "{case}");
            if back < 100_000 {
                assert_eq!(lines.count("updated"), 50, "{case}");
                // Few attempts are left, but not none before the end; a page has fewer.
                let is_soon = server.span() < 250 * SECOND || broken() == page();
                assert!(is_soon, "{case} {:?}", server.span());
            } else {
                assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{case}");
            }
        }
    }
}
