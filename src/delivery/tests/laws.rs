//! Laws that hold against any server.

use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any rows over few customers against a server of any mood: every row ends, none above its attempts unless there was
    /// an outage, no customer has two at once or out of order, and no limit is passed.
    #[test]
    fn the_invariants_hold_against_any_server(
        ids in proptest::collection::vec((0_u32..12, 0_u32..12), 1..120),
        moods in proptest::collection::vec(0_u8..14, 1..40),
        concurrency in 1_usize..12,
        rate in 1_u32..60,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let answers = moods.iter().filter(|mood| **mood == 3 || **mood > 5).count();
            let is_lively = answers * 2 >= moods.len();
            let counted: Rc<RefCell<HashMap<u64, usize>>> = Rc::default();
            let charged = Rc::clone(&counted);
            let server = Simulated::new(move |arrival| {
                let seed = arrival.account.len() as u64 * 1000 + arrival.row;
                let mood = moods[fastrand::Rng::with_seed(seed).usize(..moods.len())];
                *charged.borrow_mut().entry(arrival.row).or_insert(0) += usize::from(matches!(mood, 0 | 1 | 4));
                let latency = SECOND / 100 * u32::from(mood % 5);
                (latency, match mood {
                    0 => lost(),
                    1 => busy(503, None),
                    2 => busy(429, Some(2)),
                    3 => Reply::Refused { status: 400, text: "no".to_owned() }.into(),
                    4 => Reply::Unconfirmed { status: 200, text: "<html>".to_owned() }.into(),
                    5 => busy(429, None),
                    _ => updated(),
                })
            });
            let name = |id: u32| if id == 0 { String::new() } else { id.to_string() };
            let rows = ids.iter().map(|(one, other)| match (one, other) {
                (0, 0) => ("x".to_owned(), String::new()),
                (one, other) => (name(*one), name(*other)),
            });
            let brakes = Brakes { max_failures: Some(MaxFailures::Percent(100.0)), ..Brakes::default() };
            let limits = Settings { brakes, ..settings(&rate.to_string(), concurrency) };
            let (ending, lines) = run(&limits, &server, Rows::of(rows)).await;
            if ending.stop.is_none() {
                assert_eq!(lines.statuses().len(), ids.len());
            } else {
                assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
                assert!(!is_lively, "a server that answers every other request is no outage");
            }
            assert!(server.most_in_flight() <= concurrency && server.busiest(SECOND) <= rate as usize);
            let account = server.account();
            if ending.tally.outages == 0 {
                assert!(counted.borrow().values().all(|charged| *charged <= 5), "{counted:?}");
            }
            for (index, one) in account.iter().enumerate() {
                for other in &account[index + 1..] {
                    let same = |a: &str, b: &str| !a.is_empty() && a == b;
                    if same(&one.customer, &other.customer) || same(&one.subscription, &other.subscription) {
                        assert!(other.row >= one.row && other.began >= one.ended, "{one:?} {other:?}");
                    }
                }
            }
            let confirmed = lines.count("updated") as u64;
            assert_eq!(ending.tally.count(Status::Updated), confirmed);
        });
    }
}
