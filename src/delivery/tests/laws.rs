//! Laws that hold against any server.

use super::*;
use proptest::prelude::*;

/// An answer of a server that behaves at random.
fn any_answer(mood: u8, is_first: bool) -> Answer {
    match mood {
        0 => lost(),
        1 => busy(503, None),
        2 => busy(429, Some(2)),
        3 => Reply::Refused { status: 400, text: "no".to_owned() }.into(),
        4 => page(),
        5 => Answer { body: SECOND, ..busy(503, Some(7)) },
        6 => not_sent(),
        7 if is_first => Reply::Stale { text: "closed".to_owned() }.into(),
        8 => unusable(Fault::Certificate),
        9 => unusable(Fault::UnknownName),
        10 => busy(429, None),
        11 => Reply::Lost { text: "no HTTP".to_owned(), fault: Some(Fault::NoHttp) }.into(),
        _ => updated(),
    }
}

/// Limits that end a run.
fn any_brakes(end: u8) -> Brakes {
    let limit = (end == 1).then_some(NonZeroU64::new(7).unwrap());
    let deadline = (end == 2).then(|| Instant::now() + 9 * SECOND);
    let max_failures = (end > 2).then_some(MaxFailures::Percent(if end == 3 { 5.0 } else { 100.0 }));
    Brakes { max_failures, deadline, limit }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// For any behaviour of server and user, the run ends, a row that may have been applied never ends as `failed`, nothing
    /// leaves in a hold, and no row is recorded twice.
    #[test]
    fn a_run_ends_and_its_records_are_true(
        customers in proptest::collection::vec(0_u32..9, 1..90),
        moods in proptest::collection::vec(0_u8..20, 1..12),
        concurrency in 1_usize..9,
        connects in 0_u32..3,
        end in 0_u8..8,
        seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (wish, wishes) = unbounded_channel();
            let holds: Rc<RefCell<Vec<(Duration, Duration)>>> = Rc::default();
            let maybe_applied: Rc<RefCell<HashMap<u64, bool>>> = Rc::default();
            let (asked, applied) = (Rc::clone(&holds), Rc::clone(&maybe_applied));
            let server = Simulated::new(move |arrival| {
                let mut random = fastrand::Rng::with_seed(seed ^ (arrival.account.len() as u64 * 1000 + arrival.row));
                // Half of the servers keep a mood for ten seconds.
                let at = if seed % 2 == 0 { random.usize(..) } else { arrival.now.as_secs() as usize / 10 };
                // Some rows always fail from their second attempt on.
                let is_poison = arrival.earlier > 0 && arrival.row % 5 == seed % 6;
                let answer = any_answer(moods[at % moods.len()], arrival.earlier == 0);
                let answer = if is_poison { busy(503, None) } else { answer };
                let latency = SECOND / 100 * random.u32(..200);
                if let Some(wait) = answer.asked {
                    asked.borrow_mut().push((arrival.now + latency, arrival.now + latency + wait));
                }
                let is_maybe = matches!(answer.reply, Reply::Lost { .. } | Reply::Unconfirmed { .. } | Reply::Stale { .. });
                *applied.borrow_mut().entry(arrival.row).or_default() |= is_maybe;
                if end == 7 && arrival.account.len() == 20 {
                    let _ = wish.send(Interrupt::Terminate);
                }
                (latency, answer)
            }).that_connects(move |now| connects * SECOND / 3 * (now.as_secs() as u32 % 3));
            let rows = customers.iter().map(|customer| (customer.to_string(), String::new()));
            let failed = |row: u64| row % 7 == seed % 9;
            let limits = Settings { brakes: any_brakes(end), ..settings("40", concurrency) };
            let run = run_with(&limits, &server, Rows::of(rows).after_failures(failed), wishes);
            let (ending, lines) = tokio::time::timeout(8 * 3600 * SECOND, run).await.expect("the run ends");
            let statuses = lines.statuses();
            assert_eq!(lines.text.borrow().lines().count(), statuses.len(), "a row has two records");
            if ending.stop.is_none() {
                assert_eq!(statuses.len(), customers.len());
            }
            for (row, status) in &statuses {
                assert!(status != "failed" || !maybe_applied.borrow()[row], "row {row}");
            }
            let holds = holds.borrow();
            let is_held = |at: Duration| holds.iter().any(|(from, until)| *from < at && at < *until);
            let undercut = server.account().iter().find(|seen| is_held(seen.began)).cloned();
            assert!(undercut.is_none(), "{undercut:?} {holds:?}");
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any rows of few customers against a server of any mood: every row ends; no row exceeds its attempts unless there was
    /// an outage; the rows of a customer go one at a time and in order; and no limit is exceeded.
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
