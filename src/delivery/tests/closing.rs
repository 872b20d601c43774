//! Connections that the server closes in good order, as nginx does after so many requests.

use super::*;

/// A server that closes its connection after so many requests that it takes. It answers these; what was sent until its
/// word arrived, a round trip later, it does not take.
fn that_closes_after(most: u64, round_trip: Duration) -> Simulated {
    let taken = Cell::new(0);
    let told_at = Cell::new(None);
    Simulated::new(move |arrival| {
        if let Some(told) = told_at.get().filter(|told| arrival.now < *told) {
            return (told - arrival.now, not_taken());
        }
        let is_last = taken.get() % most == most - 1;
        taken.set(taken.get() + 1);
        told_at.set(is_last.then_some(arrival.now + round_trip));
        (round_trip + SECOND / 20, updated())
    })
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_in_good_order_costs_what_it_did_not_take() {
    for (rate, concurrency, round_trip) in
        [(300_u32, 64, SECOND / 20), (300, 128, SECOND / 5), (1000, 128, SECOND / 100)]
    {
        let server = that_closes_after(1000, round_trip);
        let rows = 6000;
        let notices = Notices::default();
        let (lines, limits) = (Lines::default(), settings(&rate.to_string(), concurrency));
        let (_, silent) = unbounded_channel();
        let ending =
            deliver(&limits, &server, lines.clone(), Rows::distinct(rows), silent, notices.clone()).await;
        assert!(ending.stop.is_none() && notices.0.borrow().is_empty(), "{:?}", notices.0.borrow());
        assert_eq!(lines.count("updated") as u64, rows);
        let not_taken = ending.tally.attempts - rows;
        assert!(not_taken > rows / 1000, "{not_taken}");
        let least = Duration::from_secs_f64(ending.tally.attempts as f64 / f64::from(rate));
        assert!(server.span() < least.mul_f64(1.005) + SECOND / 2, "{:?} of {least:?}", server.span());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_for_ever_is_down_and_no_row_fails() {
    for round_trip in [SECOND / 1000, SECOND / 20, SECOND] {
        let server = Simulated::new(move |_| (round_trip, not_taken()));
        let (ending, lines) = run(&settings("300", 64), &server, Rows::distinct(5000)).await;
        assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
        assert_eq!((ending.tally.outages, lines.statuses().len()), (1, 0));
        assert!((1..=5000).all(|row| server.attempts_of(row) <= 5));
    }
}
