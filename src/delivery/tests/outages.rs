//! A server that is down, and rows that always fail: the run distinguishes them, and each row gets its outcome.

use super::*;

/// A job and a server with an outage.
#[derive(Clone)]
struct Scenario {
    rows: u64,
    /// The number of customers, in turn; 0 gives each row its own customer.
    customers: u64,
    /// Rows that failed in an earlier run.
    failed_before: fn(u64) -> bool,
    rate: &'static str,
    concurrency: usize,
    max_attempts: u32,
    max_outage: u32,
    adapt: bool,
    /// The time to a reply, in milliseconds.
    latency: u32,
    /// Start and end of the outage, in seconds.
    down: (f64, f64),
    /// Instead of `down`: the row whose arrival begins an outage, and the length of the outage in seconds.
    down_from_row: Option<(u64, u32)>,
    /// The answer during the outage.
    broken: fn() -> Answer,
    /// The rows that always fail, and the answer to them.
    poison: PoisonRows,
}

/// Selects the rows that always fail, and gives the answer to them.
type PoisonRows = (fn(u64) -> bool, fn() -> Answer);

const FOR_EVER: f64 = 1e6;

fn none(_: u64) -> bool {
    false
}

fn all(_: u64) -> bool {
    true
}

fn busy_503() -> Answer {
    busy(503, None)
}

fn busy_500() -> Answer {
    busy(500, None)
}

fn busy_429() -> Answer {
    busy(429, None)
}

const JOB: Scenario = Scenario {
    rows: 100,
    customers: 0,
    failed_before: none,
    rate: "50",
    concurrency: 16,
    max_attempts: 5,
    max_outage: 600,
    adapt: true,
    latency: 2,
    down: (0.0, 0.0),
    down_from_row: None,
    broken: busy_503,
    poison: (none, busy_503),
};

/// The end of a scenario.
struct ScenarioEnd {
    ending: Ending,
    lines: Lines,
    server: Simulated,
}

impl ScenarioEnd {
    /// The name of the ending in the model.
    fn stop(&self) -> &'static str {
        match &self.ending.stop {
            None => "none",
            Some(Stop::Brake(Brake::Outage { .. })) => "outage",
            Some(Stop::Refused(Refusal::Unusable { .. })) => "unusable",
            Some(_) => "other",
        }
    }

    /// The outcomes, as `updated failed unknown`.
    fn outcomes(&self) -> (usize, usize, usize) {
        (self.lines.count("updated"), self.lines.count("failed"), self.lines.count("unknown"))
    }

    fn seconds(&self) -> f64 {
        self.server.began.elapsed().as_secs_f64()
    }

    fn attempts(&self) -> usize {
        self.server.account().len()
    }
}

impl Scenario {
    async fn run(&self) -> ScenarioEnd {
        let job = self.clone();
        let down_since = Cell::new(None);
        let server = Simulated::new(move |arrival| {
            let now = arrival.now.as_secs_f64();
            if job.down_from_row.is_some_and(|(row, _)| arrival.row >= row) && down_since.get().is_none() {
                down_since.set(Some(arrival.now));
            }
            let is_down_since = down_since.get().is_some_and(|since| {
                arrival.now < since + job.down_from_row.map_or(0, |(_, seconds)| seconds) * SECOND
            });
            let is_down = is_down_since || (job.down.0..job.down.1).contains(&now);
            let answer = match job.poison {
                _ if is_down => (job.broken)(),
                (is_poison, broken) if is_poison(arrival.row) => broken(),
                _ => updated(),
            };
            (job.latency * SECOND / 1000, answer)
        });
        let rows = match self.customers {
            0 => Rows::distinct(self.rows),
            customers => Rows::of_customers(self.rows, customers),
        };
        let limits = Settings {
            max_attempts: NonZeroU32::new(self.max_attempts).unwrap(),
            max_outage: self.max_outage * SECOND,
            adapt: self.adapt,
            ..settings(self.rate, self.concurrency)
        };
        let (ending, lines) = run(&limits, &server, rows.after_failures(self.failed_before)).await;
        ScenarioEnd { ending, lines, server }
    }
}

/// Compares the end of a scenario with the model of delivery.md.
fn check(case: &str, ended: &ScenarioEnd, stop: &str, outcomes: (usize, usize, usize), model_seconds: f64) {
    let seconds = ended.seconds();
    println!(
        "{case}: {} {:?} {seconds:.0} s, {} attempts (model: {model_seconds} s)",
        ended.stop(),
        ended.outcomes(),
        ended.attempts()
    );
    assert_eq!((ended.stop(), ended.outcomes()), (stop, outcomes), "{case}");
    assert!(seconds <= model_seconds * 1.25 + 10.0, "{case}: {seconds} s, the model gives {model_seconds}");
    // The run waits at least as long as the documentation promises.
    assert!(
        stop == "none" || seconds >= model_seconds * 0.9,
        "{case}: {seconds} s, the model gives {model_seconds}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_half_an_hour_in_the_middle_costs_no_row() {
    for broken in [lost, not_sent, busy_503, || busy(502, None), page] {
        let job = Scenario {
            rows: 1000,
            rate: "10",
            max_outage: 3600,
            down: (20.0, 1820.0),
            latency: 100,
            broken,
            ..JOB
        };
        let ended = job.run().await;
        check("half an hour", &ended, "none", (1000, 0, 0), 1905.0);
        let during = |seen: &&SeenAttempt| (22 * SECOND..1820 * SECOND).contains(&seen.began);
        let during = ended.server.account().iter().filter(during).count();
        assert!((150..230).contains(&during), "{during} attempts while it was down");
        assert_eq!(ended.ending.tally.outages, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_for_good_stops_the_run_and_costs_no_row() {
    for broken in [not_sent, busy_503] {
        let job = Scenario { rows: 10_000, rate: "100", down: (0.0, FOR_EVER), latency: 100, broken, ..JOB };
        let ended = job.run().await;
        check("down for good", &ended, "outage", (0, 0, 0), 602.0);
        assert!(ended.attempts() < 100, "{} attempts", ended.attempts());
        let again = Scenario { failed_before: |row| row <= 1000, ..job }.run().await;
        assert_eq!(again.stop(), "outage");
    }
    // Exactly the rows that may have been applied are `unknown`.
    let job =
        Scenario { rows: 10_000, rate: "100", down: (0.0, FOR_EVER), latency: 100, broken: lost, ..JOB };
    let ended = job.run().await;
    let tried: std::collections::HashSet<u64> = ended.server.account().iter().map(|seen| seen.row).collect();
    check("down for good", &ended, "outage", (0, 0, tried.len()), 602.0);
}

#[tokio::test(start_paused = true)]
async fn one_or_two_customers_survive_a_long_outage() {
    for broken in [busy_503, busy_500, lost, page, not_sent] {
        for customers in [1, 2] {
            for seconds in [4, 30, 40, 300, 500] {
                let down = (1.0, 1.0 + f64::from(seconds));
                let ended = Scenario { customers, down, broken, ..JOB }.run().await;
                let case = format!("{customers} customers, {seconds} s of {:?}", broken().reply);
                check(&case, &ended, "none", (100, 0, 0), f64::from(seconds + 11));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_of_one_customer_goes_on_within_ten_seconds_of_the_end_of_an_outage() {
    for rows in [1, 50] {
        for broken in [not_sent, lost, busy_503] {
            let ended = Scenario { rows, customers: 1, down: (0.0, 20.0), broken, ..JOB }.run().await;
            let mut starts = ended.server.account().into_iter().map(|seen| seen.began);
            let back = starts.find(|began| *began >= 20 * SECOND);
            assert!(
                back.is_some_and(|began| began <= 31 * SECOND),
                "{rows} rows, {:?}: {back:?}",
                broken().reply
            );
            assert_eq!((ended.outcomes(), ended.ending.tally.outages), ((rows as usize, 0, 0), 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_of_few_customers_waits_for_a_server_that_is_down_from_the_start() {
    for (customers, seconds) in [(1, 60.0), (1, 500.0), (3, 500.0)] {
        for broken in [busy_503, busy_429, lost, page, not_sent] {
            let ended = Scenario { rows: 20, customers, down: (0.0, seconds), broken, ..JOB }.run().await;
            check(
                &format!("{customers} {seconds} {:?}", broken().reply),
                &ended,
                "none",
                (20, 0, 0),
                seconds + 6.0,
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_rows_survive_an_outage() {
    for broken in [busy_503, busy_500, lost, page, not_sent] {
        for (left, seconds) in [(1, 40), (2, 40), (3, 80), (3, 500), (60, 500)] {
            for latency in [2, 100, 1000] {
                let down_from_row = Some((101 - left, seconds));
                let ended = Scenario { down_from_row, latency, broken, ..JOB }.run().await;
                let case = format!("{left} rows left, {seconds} s of {:?}, {latency} ms", broken().reply);
                check(&case, &ended, "none", (100, 0, 0), f64::from(seconds + 8));
            }
        }
    }
    let down_from_row = Some((98, 1_000_000));
    let ended = Scenario { down_from_row, ..JOB }.run().await;
    check("three left, for good", &ended, "outage", (97, 0, 0), 612.0);
    let Some(Stop::Brake(Brake::Outage { left, .. })) = ended.ending.stop else { panic!("an outage") };
    assert_eq!(left, Some((98, 100)));
}

/// Rows in flight count as waiting rows: the first of three rows to fail is not judged as the only failed row.
#[tokio::test(start_paused = true)]
async fn three_or_more_last_rows_survive_a_server_that_hangs() {
    for (left, latency) in [(3, 25_000), (3, 14_000), (6, 40_000)] {
        let down_from_row = Some((101 - left, 200));
        let ended = Scenario { down_from_row, latency, broken: lost, ..JOB }.run().await;
        assert_eq!((ended.stop(), ended.outcomes()), ("none", (100, 0, 0)), "{left} rows left, {latency} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_row_that_others_wait_for_is_the_only_one_recorded_after_an_outage() {
    for customers in [1, 2] {
        let ended = Scenario { customers, down: (1.0, FOR_EVER), ..JOB }.run().await;
        assert_eq!((ended.stop(), ended.lines.count("failed")), ("outage", 1), "{customers} customers");
    }
}

#[tokio::test(start_paused = true)]
async fn the_notice_names_the_whole_patience_for_three_last_rows() {
    let notices = Notices::default();
    let server =
        Simulated::new(|arrival| (SECOND / 500, if arrival.row > 97 { busy(503, None) } else { updated() }));
    let (_, silent) = unbounded_channel();
    let limits = settings("50", 16);
    deliver(&limits, &server, Lines::default(), Rows::distinct(100), silent, notices.clone()).await;
    let patience = |notice: &Notice| match notice {
        Notice::Outage { patience, .. } => Some(patience.as_secs()),
        _ => None,
    };
    assert_eq!(notices.0.borrow().iter().find_map(patience), Some(600));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_always_fails_ends_as_its_own_failure() {
    for (broken, outcomes) in [
        (busy_500 as fn() -> Answer, (99, 1, 0)),
        (busy_503, (99, 1, 0)),
        (lost, (99, 0, 1)),
        (page, (99, 0, 1)),
    ] {
        for (is_poison, seconds) in [((|row| row == 1) as fn(u64) -> bool, 10.0), (|row| row == 50, 10.0)] {
            let ended = Scenario { poison: (is_poison, broken), ..JOB }.run().await;
            check(&format!("one of {:?}", broken().reply), &ended, "none", outcomes, seconds);
            assert!(ended.server.account().len() <= 104);
        }
        let last = Scenario { poison: (|row| row == 100, broken), ..JOB }.run().await;
        check("the last", &last, "none", outcomes, 70.0);
        let only = Scenario { rows: 1, poison: (all, broken), ..JOB }.run().await;
        let unknown = outcomes.2;
        check("the only one", &only, "outage", (0, 0, unknown), 69.0);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_do_not_bring_down_a_sound_job() {
    // Scattered rows that fail never open the breaker.
    for (case, rows, rate, is_poison, failed, seconds) in [
        ("5%", 4000, "200", (|row| row % 20 == 7) as fn(u64) -> bool, 200, 44.0),
        ("10%", 1500, "50", |row| row % 10 == 3, 150, 122.0),
        ("25%", 400, "10", |row| row % 4 == 1, 100, 324.0),
    ] {
        let ended = Scenario { rows, rate, poison: (is_poison, busy_500), ..JOB }.run().await;
        check(case, &ended, "none", (rows as usize - failed, failed, 0), seconds);
        assert_eq!(ended.ending.tally.outages, 0, "{case}");
    }
    let ended = Scenario { rows: 1000, poison: (|row| row % 2 == 0, busy_500), ..JOB }.run().await;
    check("50%", &ended, "none", (500, 500, 0), 435.0);
    let ended =
        Scenario { rows: 4000, rate: "200", poison: (|row| row % 20 == 7, busy_503), ..JOB }.run().await;
    check("5% of 503", &ended, "none", (3800, 200, 0), 43.0);
}

#[tokio::test(start_paused = true)]
async fn the_run_gets_past_consecutive_rows_that_always_fail() {
    for broken in [busy_500, busy_503] {
        for (case, is_poison, failed, seconds) in [
            ("101 to 120", (|row| (101..=120).contains(&row)) as fn(u64) -> bool, 20, 33.0),
            ("101 to 150", |row| (101..=150).contains(&row), 50, 64.0),
            ("1 to 60", |row| row <= 60, 60, 87.0),
        ] {
            let ended = Scenario { rows: 300, poison: (is_poison, broken), ..JOB }.run().await;
            check(case, &ended, "none", (300 - failed, failed, 0), seconds);
        }
    }
}

/// A documented limit: the message names the rows, and the next run gets past the first row of one customer.
#[tokio::test(start_paused = true)]
async fn rows_that_always_fail_at_the_end_or_at_the_head_of_a_customer_stop_the_run_with_an_outage() {
    let ended = Scenario { rows: 300, poison: (|row| row > 297, busy_503), ..JOB }.run().await;
    check("the last three", &ended, "outage", (297, 0, 0), 613.0);
    let head = Scenario { customers: 1, poison: (|row| row == 50, busy_503), ..JOB };
    let ended = head.run().await;
    check("the 50th of one customer", &ended, "outage", (49, 1, 0), 610.0);
    let again = Scenario { failed_before: |row| row == 50, ..head }.run().await;
    check("once more", &again, "none", (99, 1, 0), 8.0);
}

#[tokio::test(start_paused = true)]
async fn rows_that_failed_before_and_fail_again_are_failures_and_survive_an_outage() {
    for (broken, outcomes) in
        [(busy_503 as fn() -> Answer, (0, 40, 0)), (busy_500, (0, 40, 0)), (lost, (0, 0, 40))]
    {
        let ended = Scenario { rows: 40, failed_before: all, poison: (all, broken), ..JOB }.run().await;
        assert_eq!((ended.stop(), ended.outcomes()), ("none", outcomes));
    }
    for broken in [lost, busy_503, not_sent] {
        let job = Scenario {
            rows: 1000,
            rate: "100",
            max_outage: 3600,
            failed_before: |row| row <= 5,
            broken,
            ..JOB
        };
        let ended = Scenario { down: (2.0, 1800.0), ..job }.run().await;
        // A row that fails again while others wait is recorded as failed. That concerns at most five rows.
        assert!(ended.outcomes().0 >= 995 && ended.stop() == "none", "{:?}", ended.outcomes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_up_and_down_in_turn_costs_no_row() {
    for broken in [busy_503, lost] {
        let server = Simulated::new(move |arrival| {
            (SECOND / 100, if arrival.now.as_secs() % 10 < 5 { updated() } else { broken() })
        });
        let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(2000)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!(lines.count("updated"), 2000);
        assert!(server.span() < 230 * SECOND, "{:?}", server.span());
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_outage_seconds_after_the_first_costs_no_row() {
    for customers in [0, 1] {
        let server = Simulated::new(|arrival| {
            let is_down = matches!(arrival.now.as_secs(), 2..20 | 33..90);
            (SECOND / 100, if is_down { busy(503, None) } else { updated() })
        });
        let rows = if customers == 0 { Rows::distinct(2000) } else { Rows::of_customers(2000, customers) };
        let (ending, lines) = run(&settings("50", 16), &server, rows).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!(
            (lines.count("updated"), ending.tally.outages),
            (2000, 2),
            "{customers} {:?}",
            server.span()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_were_unlucky_before_an_outage_are_not_lost_in_it() {
    for percent in [5, 30] {
        let server = Simulated::new(move |arrival| {
            let is_down = (20 * SECOND..80 * SECOND).contains(&arrival.now);
            let seed = arrival.row * 100 + arrival.earlier as u64;
            let is_unlucky = fastrand::Rng::with_seed(seed).u8(..100) < percent && arrival.earlier < 3;
            (SECOND / 100, if is_down || is_unlucky { busy(503, None) } else { updated() })
        });
        let fixed = Settings { adapt: false, ..settings("100", 16) };
        let (ending, lines) = run(&fixed, &server, Rows::distinct(4000)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!(lines.count("updated"), 4000, "{percent}");
    }
}

#[tokio::test(start_paused = true)]
async fn replies_that_were_under_way_do_not_end_an_outage() {
    for (broken, late) in [(page as fn() -> Answer, 3), (page, 9), (lost, 5), (busy_503, 9)] {
        let server = Simulated::new(move |arrival| {
            let is_down = (2 * SECOND..31 * SECOND).contains(&arrival.now);
            let is_late = arrival.now >= SECOND && arrival.now < 2 * SECOND && arrival.row % 3 == 0;
            let latency =
                if is_late { late * SECOND - SECOND / 10 * (arrival.row % 7) as u32 } else { SECOND / 500 };
            (latency, if is_down { broken() } else { updated() })
        });
        let (ending, lines) = run(&settings("20", 16), &server, Rows::distinct(200)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!((lines.count("updated"), ending.tally.outages), (200, 1), "{late} {:?}", broken());
        let during = |seen: &&SeenAttempt| (11 * SECOND..31 * SECOND).contains(&seen.began);
        let during = server.account().iter().filter(during).count();
        assert!(during <= 5, "{during} attempts while it was down");
    }
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_goes_out_and_is_charged_to_nobody() {
    for customers in [0, 1] {
        let job = Scenario { customers, max_attempts: 1, down: (1.0, 300.0), latency: 700, ..JOB };
        let ended = job.run().await;
        assert_eq!((ended.stop(), ended.outcomes()), ("none", (100, 0, 0)));
        let account = ended.server.account();
        let during: Vec<_> =
            account.iter().filter(|seen| (5 * SECOND..300 * SECOND).contains(&seen.began)).collect();
        assert!((25..45).contains(&during.len()), "{} probes", during.len());
        assert!(during.windows(2).all(|pair| pair[1].began > pair[0].ended), "two probes at once");
        assert!(
            during
                .iter()
                .rev()
                .take(20)
                .collect::<Vec<_>>()
                .windows(2)
                .all(|pair| pair[0].began - pair[1].began >= 10 * SECOND)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_failures_of_a_probe_are_not_charged_to_its_row_later() {
    // Three rows probe in turn for two minutes, six times each. Once the server is back, each row fails once more.
    let failed_once_more = RefCell::new(std::collections::HashSet::new());
    let server = Simulated::new(move |arrival| {
        let is_down = arrival.row > 97 && arrival.now < 120 * SECOND;
        let is_unlucky = !is_down && arrival.earlier > 4 && failed_once_more.borrow_mut().insert(arrival.row);
        // One of the rows shows that the server is back.
        let is_unlucky = is_unlucky && failed_once_more.borrow().len() > 1;
        (SECOND / 500, if is_down || is_unlucky { busy(503, None) } else { updated() })
    });
    let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(100)).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    assert!((98..=100).all(|row| server.attempts_of(row) >= 7), "{:?}", server.attempts.borrow());
    assert_eq!(lines.count("updated"), 100);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_limits_everybody_for_ever_ends_the_run() {
    for (broken, seconds) in [
        (busy_429 as fn() -> Answer, 601.0),
        (|| busy(429, Some(30)), 1200.0),
        (|| busy(503, Some(30)), 1200.0),
    ] {
        let ended =
            Scenario { rows: 10_000, rate: "100", down: (0.0, FOR_EVER), latency: 100, broken, ..JOB }
                .run()
                .await;
        check(&format!("{:?}", broken().reply), &ended, "outage", (0, 0, 0), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_can_never_be_used_ends_the_run_after_three_probes() {
    for fault in [Fault::Certificate, Fault::NoTls, Fault::NoHttp] {
        let server = Simulated::new(move |_| (SECOND / 100, unusable(fault)));
        let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(100)).await;
        assert!(matches!(ending.stop, Some(Stop::Refused(Refusal::Unusable { .. }))), "{:?}", ending.stop);
        assert_eq!((lines.statuses().len(), ending.tally.attempts), (0, 0));
        assert!(server.began.elapsed() < 5 * SECOND);
        // A server that worked before is waited for.
        let server = Simulated::new(move |arrival| {
            let is_down = (SECOND..60 * SECOND).contains(&arrival.now);
            (SECOND / 100, if is_down { unusable(fault) } else { updated() })
        });
        let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(100)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!(lines.count("updated"), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_failed_before_do_not_hide_that_the_server_can_never_be_used() {
    let no_http = || Reply::Lost { text: "no HTTP".to_owned(), fault: Some(Fault::NoHttp) }.into();
    let ended =
        Scenario { rows: 5, failed_before: all, broken: no_http, down: (0.0, FOR_EVER), ..JOB }.run().await;
    assert_eq!((ended.stop(), ended.outcomes()), ("unusable", (0, 0, 4)));
    assert!(ended.seconds() < 5.0, "{}", ended.seconds());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_exist_ends_the_run_after_a_minute() {
    let server = Simulated::new(|_| (SECOND / 100, unusable(Fault::UnknownName)));
    let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(1000)).await;
    assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
    assert_eq!(lines.statuses().len(), 0);
    assert!((59..75).contains(&server.began.elapsed().as_secs()), "{:?}", server.began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_half_broken_server_never_sees_a_multiple_of_the_load() {
    let is_bad = |row: u64, earlier: usize| fastrand::Rng::with_seed(row * 8 + earlier as u64).u8(..10) < 6;
    let server = Simulated::new(move |arrival| {
        (SECOND / 100, if is_bad(arrival.row, arrival.earlier) { busy(500, None) } else { updated() })
    });
    let fixed = Settings { adapt: false, ..settings("100", 16) };
    let (ending, lines) = run(&fixed, &server, Rows::distinct(2000)).await;
    assert!(ending.stop.is_none());
    assert_eq!(lines.statuses().len(), 2000);
    // The budget of retries in vain: a tenth of the first attempts, the full bucket at the start, and the refill.
    let in_vain = |row| (1..server.attempts_of(row)).filter(|earlier| is_bad(row, *earlier)).count();
    let in_vain = (1..=2000).map(in_vain).sum::<usize>() as f64;
    let budget = 0.1 * 2000.0 + 20.0 + 0.1 * 100.0 * server.span().as_secs_f64();
    assert!(in_vain <= budget + ending.tally.outages as f64 * 2.0, "{in_vain} of {budget}");
}
