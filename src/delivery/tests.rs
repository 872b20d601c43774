//! The delivery loop against simulated servers, in virtual time: hours pass in milliseconds.

use super::*;
use crate::customer::{Fingerprint, Parameter, Update, UpdateBuilder};
use crate::journal::{self, Log, Storage, Writer};
use crate::offerit::{Attempt, AttemptEvents, Reply, Transport};
use crate::resume::LaneKeys;
use futures::FutureExt;
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::rc::Rc;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, Sleep, sleep};

#[cfg(test)]
mod brakes;
mod close_pairs;
mod few_customers;
mod last_rows;
mod outage;
#[cfg(test)]
mod unsent;

const SECOND: Duration = Duration::from_secs(1);

/// One attempt as the server saw it.
#[derive(Debug, Clone)]
struct Seen {
    customer: String,
    subscription: String,
    row: u64,
    began: Duration,
    ended: Duration,
}

/// What the server does with an attempt: how long it takes, and what it replies.
type Script = Box<dyn Fn(&Arrival<'_>) -> (Duration, Answer)>;

/// What the server knows when an attempt arrives.
struct Arrival<'account> {
    now: Duration,
    row: u64,
    /// How many attempts of this row came before.
    earlier: usize,
    account: &'account [Seen],
}

/// A server that keeps its own account.
struct Simulated {
    began: Instant,
    /// How long it takes to connect, by when.
    connects: Box<dyn Fn(Duration) -> Duration>,
    script: Script,
    /// In the order in which the attempts began.
    account: RefCell<Vec<Seen>>,
    attempts: RefCell<HashMap<u64, usize>>,
}

impl Simulated {
    fn new(script: impl Fn(&Arrival<'_>) -> (Duration, Answer) + 'static) -> Simulated {
        Simulated {
            began: Instant::now(),
            connects: Box::new(|_| Duration::ZERO),
            script: Box::new(script),
            account: RefCell::default(),
            attempts: RefCell::default(),
        }
    }

    /// The same, where it takes its time to connect.
    fn that_connects(self, connects: impl Fn(Duration) -> Duration + 'static) -> Simulated {
        Simulated { connects: Box::new(connects), ..self }
    }

    fn account(&self) -> Vec<Seen> {
        self.account.borrow().clone()
    }

    fn attempts_of(&self, row: u64) -> usize {
        self.attempts.borrow().get(&row).copied().unwrap_or_default()
    }

    fn most_in_flight(&self) -> usize {
        let account = self.account.borrow();
        let at = |time| account.iter().filter(|seen| seen.began <= time && time < seen.ended).count();
        account.iter().map(|seen| at(seen.began)).max().unwrap_or(0)
    }

    fn busiest(&self, window: Duration) -> usize {
        let account = self.account.borrow();
        let before = |time| account.partition_point(|seen| seen.began < time);
        account.iter().map(|seen| before(seen.began + window) - before(seen.began)).max().unwrap_or(0)
    }

    fn span(&self) -> Duration {
        self.account.borrow().iter().map(|seen| seen.ended).max().unwrap_or_default()
    }
}

impl Transport for Simulated {
    async fn attempt(&self, request: &Request, events: &dyn AttemptEvents) -> Attempt {
        let connecting = (self.connects)(Instant::now() - self.began);
        sleep(connecting).await;
        if !connecting.is_zero() {
            // A real request is sent by its connection, after the attempt has handed it over.
            tokio::task::yield_now().await;
        }
        let began = Instant::now() - self.began;
        events.request_sent();
        let value = |parameter| request.update.get(parameter).unwrap_or_default().to_owned();
        let row = value(Parameter::City).parse().unwrap();
        let (latency, Answer { reply, asked, body }) = {
            let account = self.account.borrow();
            let earlier = self.attempts_of(row);
            (self.script)(&Arrival { now: began, row, earlier, account: &account })
        };
        let (customer, subscription) = (value(Parameter::CustomerId), value(Parameter::SubscriptionId));
        let seen = Seen { customer, subscription, row, began, ended: began + latency + body };
        self.account.borrow_mut().push(seen);
        *self.attempts.borrow_mut().entry(row).or_default() += 1;
        sleep(latency).await;
        if let Some(wait) = asked {
            events.retry_after(wait);
        }
        sleep(body).await;
        Attempt { reply, duration: latency + body }
    }
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    reply: Reply,
    /// The wish in its head.
    asked: Option<Duration>,
    /// How long its body takes once its head is there.
    body: Duration,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        Answer { reply, asked: None, body: Duration::ZERO }
    }
}

fn updated() -> Answer {
    Reply::Confirmed { status: 200 }.into()
}

fn busy(status: u16, retry_after: Option<u64>) -> Answer {
    let reply = Reply::Overloaded { status, text: "busy".to_owned() };
    Answer { asked: retry_after.map(Duration::from_secs), ..reply.into() }
}

fn lost() -> Answer {
    Reply::Lost { text: "reset".to_owned() }.into()
}

fn not_sent() -> Answer {
    Reply::NotSent { text: "connection refused".to_owned() }.into()
}

/// A row by its ids; its number is its field's value.
fn update(row: u64, customer: &str, subscription: &str) -> Update {
    let mut builder = UpdateBuilder::default();
    builder.set(Parameter::CustomerId, customer.as_bytes());
    builder.set(Parameter::SubscriptionId, subscription.as_bytes());
    builder.set(Parameter::City, row.to_string().as_bytes());
    builder.build().unwrap()
}

/// Rows that are all there at once.
struct Rows(Option<Vec<Job>>);

impl Rows {
    fn of(ids: impl Iterator<Item = (String, String)>) -> Rows {
        let mut lanes = LaneKeys::default();
        let job = |(index, (customer, subscription)): (usize, (String, String))| {
            let row = index as u64 + 1;
            let update = update(row, &customer, &subscription);
            let keys = lanes.keys(&update);
            Job {
                row,
                line: row + 1,
                fingerprint: Fingerprint(row),
                has_failed: false,
                maybe_applied: false,
                work: Work::Send(Request::from(update), keys),
            }
        };
        Rows(Some(ids.enumerate().map(job).collect()))
    }

    fn distinct(count: u64) -> Rows {
        Rows::of((1..=count).map(|row| (row.to_string(), String::new())))
    }
}

impl Feed for Rows {
    fn poll_jobs(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Vec<Job>, FeedError>>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

/// A log that is durable at once and keeps its lines.
#[derive(Clone, Default)]
struct Lines {
    text: Rc<RefCell<String>>,
    under_way: Rc<RefCell<Option<Vec<u8>>>>,
    batches: Rc<Cell<usize>>,
}

impl Log for Lines {
    fn submit(&mut self, batch: Vec<u8>) {
        self.under_way.replace(Some(batch));
        self.batches.set(self.batches.get() + 1);
    }

    fn poll_durable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        let batch = self.under_way.take().unwrap();
        self.text.borrow_mut().push_str(std::str::from_utf8(&batch).unwrap());
        Poll::Ready(Ok(Vec::new()))
    }
}

impl Lines {
    /// The status of every row that has a record.
    fn statuses(&self) -> HashMap<u64, String> {
        let text = self.text.borrow();
        let fields = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        fields.map(|fields| (fields[0].parse().unwrap(), fields[4].to_owned())).collect()
    }

    fn count(&self, status: &str) -> usize {
        self.statuses().values().filter(|known| *known == status).count()
    }
}

#[derive(Default, Clone)]
struct Notices(Rc<RefCell<Vec<Notice>>>);

impl Observer for Notices {
    fn progressed(&mut self, _: &Tally) {}

    fn noticed(&mut self, notice: &Notice) {
        self.0.borrow_mut().push(notice.clone());
    }
}

fn settings(rate: &str, concurrency: usize) -> Settings {
    Settings {
        concurrency: NonZeroUsize::new(concurrency).unwrap(),
        rate: rate.parse().unwrap(),
        max_attempts: NonZeroU32::new(5).unwrap(),
        max_retry_after: 3600 * SECOND,
        max_outage: 600 * SECOND,
        brakes: Brakes::default(),
        drain_timeout: 30 * SECOND,
        adapt: true,
        seed: Some(1),
    }
}

async fn run(settings: &Settings, server: &Simulated, rows: Rows) -> (Ending, Lines) {
    let (_, silent) = unbounded_channel();
    run_with(settings, server, rows, silent).await
}

async fn run_with(
    settings: &Settings,
    server: &Simulated,
    rows: Rows,
    interrupts: UnboundedReceiver<Interrupt>,
) -> (Ending, Lines) {
    let lines = Lines::default();
    let ending = deliver(settings, server, lines.clone(), rows, interrupts, Notices::default()).await;
    (ending, lines)
}

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
        // Milliseconds of so many in a hundred, and of the others.
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
async fn an_outage_of_half_an_hour_in_the_middle_fails_no_row() {
    for broken in [lost, not_sent, || busy(503, None), || busy(502, None)] {
        let server = Simulated::new(move |arrival| {
            let is_down = (20 * SECOND..1820 * SECOND).contains(&arrival.now);
            (SECOND / 10, if is_down { broken() } else { updated() })
        });
        let patient = Settings { max_outage: 3600 * SECOND, ..settings("10", 16) };
        let (ending, lines) = run(&patient, &server, Rows::distinct(1000)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!(lines.count("updated"), 1000);
        let during =
            server.account().iter().filter(|seen| (22 * SECOND..1820 * SECOND).contains(&seen.began)).count();
        assert!((100..260).contains(&during), "{during} attempts while it was down");
        assert!((1..=1000).all(|row| broken() == not_sent() || server.attempts_of(row) <= 5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_for_good_stops_the_run_and_burns_no_row() {
    for broken in [lost, not_sent, || busy(503, None), || busy(429, None), || busy(503, Some(1))] {
        let server = Simulated::new(move |_| (SECOND / 10, broken()));
        let (ending, lines) = run(&settings("100", 16), &server, Rows::distinct(10_000)).await;
        assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
        assert_eq!(lines.count("failed"), 0);
        // Whatever may have been applied says so, be it that it has attempts left.
        let seen = server.account().iter().map(|seen| seen.row).collect::<HashSet<_>>().len();
        assert_eq!(lines.count("unknown"), if broken() == lost() { seen } else { 0 });
        assert_eq!(lines.text.borrow().lines().count(), lines.count("unknown"), "one record a row");
        assert!(server.account().len() < 200, "{} attempts", server.account().len());
        assert!((590 * SECOND..700 * SECOND).contains(&server.span()) || server.span() < 610 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_rows_survive_an_outage_too() {
    let server = Simulated::new(|arrival| {
        (SECOND / 10, if arrival.now < 30 * SECOND { busy(503, None) } else { updated() })
    });
    let (ending, lines) = run(&settings("10", 16), &server, Rows::distinct(5)).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    assert_eq!(lines.count("updated"), 5);
}

#[tokio::test(start_paused = true)]
async fn one_bad_row_among_good_ones_ends_as_its_own_failure() {
    for (broken, status) in
        [(lost as fn() -> Answer, "unknown"), (|| busy(500, None), "failed"), (not_sent, "failed")]
    {
        // That no connection comes about for the last row only would be an outage indeed.
        for bad in if broken() == not_sent() { vec![1] } else { vec![1, 50, 100] } {
            let server = Simulated::new(move |arrival| {
                (SECOND / 10, if arrival.row == bad { broken() } else { updated() })
            });
            let (ending, lines) = run(&settings("unlimited", 4), &server, Rows::distinct(100)).await;
            assert!(ending.stop.is_none(), "{:?}", ending.stop);
            assert_eq!((lines.statuses()[&bad].as_str(), lines.count("updated")), (status, 99));
            assert_eq!(server.attempts_of(bad), 5);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_were_sent_and_never_answered_are_unknown_in_the_end() {
    let server = Simulated::new(|_| (SECOND, lost()));
    let (ending, lines) = run(&settings("unlimited", 4), &server, Rows::distinct(2)).await;
    assert!(ending.stop.is_none());
    assert_eq!(lines.count("unknown"), 2);
    assert_eq!(server.account().len(), 10);
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
    assert!((1..=2000).all(|row| server.attempts_of(row) <= 5));
    // Retries in vain: a tenth of the first attempts, what there was at first, and while no first attempt could
    // be made, a tenth of the rate. Probes are not counted, they pause.
    let in_vain = |row| (1..server.attempts_of(row)).filter(|earlier| is_bad(row, *earlier)).count();
    let in_vain = (1..=2000).map(in_vain).sum::<usize>() as f64;
    let budget = 0.1 * 2000.0 + 20.0 + 0.1 * 100.0 * server.span().as_secs_f64();
    assert!(in_vain <= budget + ending.tally.outages as f64 * 2.0, "{in_vain} of {budget}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_a_retry_after_is_over() {
    let server = Simulated::new(|arrival| {
        let first = arrival.row == 7 && arrival.earlier == 0;
        (SECOND / 10, if first { busy(429, Some(60)) } else { updated() })
    });
    let (ending, lines) = run(&settings("10", 4), &server, Rows::distinct(100)).await;
    assert_eq!((lines.count("updated"), ending.tally.holds), (100, 1));
    let account = server.account();
    let told = account.iter().find(|seen| seen.row == 7).unwrap().ended;
    assert!(account.iter().all(|seen| seen.began <= told || seen.began >= told + 60 * SECOND));
    assert_eq!(server.attempts_of(7), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wish_counts_from_the_head_of_its_reply() {
    for body in [20, 100] {
        let server = Simulated::new(move |arrival| {
            let first = arrival.row == 7 && arrival.earlier == 0;
            let wish = || Answer { body: body * SECOND, ..busy(503, Some(60)) };
            (SECOND / 10, if first { wish() } else { updated() })
        });
        let (ending, lines) = run(&settings("10", 4), &server, Rows::distinct(100)).await;
        assert_eq!((lines.count("updated"), ending.tally.holds), (100, 1));
        let account = server.account();
        let told = account.iter().find(|seen| seen.row == 7).unwrap().began + SECOND / 10;
        assert!(account.iter().all(|seen| seen.began <= told || seen.began >= told + 60 * SECOND));
        // Nor does it count again when the reply is whole.
        assert!(account.iter().any(|seen| seen.began <= told + 62 * SECOND && seen.began > told));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_takes_its_time_costs_no_more_of_the_rate_than_another() {
    for body in [0, 1, 2, 3] {
        let server = Simulated::new(move |arrival| {
            let first = arrival.row == 201 && arrival.earlier == 0;
            let wish = || Answer { body: body * SECOND, ..busy(429, Some(4)) };
            (SECOND / 100, if first { wish() } else { updated() })
        });
        let (ending, lines) = run(&settings("50", 16), &server, Rows::distinct(1000)).await;
        assert_eq!((lines.count("updated"), ending.tally.holds), (1000, 1));
        // 20 s for the rows, 4 s for the wish, and what halving costs.
        assert!(server.span() < 27 * SECOND, "{:?} with {body}", server.span());
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_come_about_together_bring_no_second_above_the_rate() {
    for concurrency in [4, 16, 64] {
        // As with a server whose queue of connections is full for a while: whoever knocks is let in at once later.
        let late = |now: Duration| (27 * SECOND / 10).saturating_sub(now);
        let server = Simulated::new(|_| (SECOND / 100, updated())).that_connects(late);
        let (ending, lines) = run(&settings("10", concurrency), &server, Rows::distinct(100)).await;
        assert!(ending.stop.is_none());
        assert_eq!(lines.count("updated"), 100);
        assert!(server.busiest(SECOND) <= 10, "{} with {concurrency}", server.busiest(SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_comes_about_stops_no_other() {
    let nth = Cell::new(0);
    let connects = move |_| {
        nth.set(nth.get() + 1);
        if nth.get() == 5 { 300 * SECOND } else { Duration::ZERO }
    };
    let server = Simulated::new(|_| (SECOND / 100, updated())).that_connects(connects);
    let (_, lines) = run(&settings("10", 16), &server, Rows::distinct(1000)).await;
    assert_eq!(lines.count("updated"), 1000);
    // It keeps a place in every window until it has left: nine of ten are enough for the others.
    let late = server.account().iter().filter(|seen| seen.began > 120 * SECOND).count();
    assert_eq!(late, 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_connection_does_not_leave_in_a_hold() {
    let connects = |now: Duration| if now < SECOND { SECOND } else { Duration::ZERO };
    let server = Simulated::new(|arrival| {
        (SECOND / 100, if arrival.account.is_empty() { busy(429, Some(60)) } else { updated() })
    })
    .that_connects(connects);
    let (ending, lines) = run(&settings("10", 10), &server, Rows::distinct(50)).await;
    assert!(ending.stop.is_none());
    assert_eq!((lines.count("updated"), ending.tally.holds, ending.tally.attempts), (50, 1, 51));
    let account = server.account();
    let told = account[0].ended;
    assert!(account[1..].iter().all(|seen| seen.began >= told + 60 * SECOND), "{account:?}");
    assert_eq!(account.len(), 51);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_connection_is_not_waited_for_at_the_end() {
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

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_our_patience_stops_the_run() {
    for asked in [7200, 86_401, 172_800, u32::MAX.into()] {
        let server = Simulated::new(move |_| (SECOND / 10, busy(503, Some(asked))));
        let (ending, lines) = run(&settings("10", 4), &server, Rows::distinct(100)).await;
        assert!(matches!(ending.stop, Some(Stop::Brake(Brake::RetryAfter { .. }))), "{asked}");
        assert_eq!((lines.statuses().len(), ending.tally.holds), (0, 0));
        assert!(server.account().len() <= 4);
    }
}

#[tokio::test(start_paused = true)]
async fn patience_for_days_is_patience_for_days() {
    let server = Simulated::new(|arrival| {
        (SECOND / 10, if arrival.earlier == 0 { busy(503, Some(172_800)) } else { updated() })
    });
    let patient = Settings { max_retry_after: 72 * 3600 * SECOND, ..settings("10", 1) };
    let (ending, lines) = run(&patient, &server, Rows::distinct(1)).await;
    assert!(ending.stop.is_none());
    assert_eq!((lines.count("updated"), ending.tally.holds), (1, 1));
    assert!(server.span() >= 172_800 * SECOND, "{:?}", server.span());
}

#[tokio::test(start_paused = true)]
async fn the_rate_settles_at_what_a_limited_server_admits() {
    for (rate, admits, retry_after) in
        [("100", 30, None), ("unlimited", 50, None), ("100", 20, Some(1)), ("50", 5, None), ("20", 3, None)]
    {
        let server = Simulated::new(move |arrival| {
            let since = arrival.now.saturating_sub(SECOND);
            // What it refused does not count: those ended with no latency.
            let recent = arrival.account.iter().rev().take_while(|seen| seen.began > since);
            let admitted = recent.filter(|seen| seen.ended > seen.began).count();
            if admitted < admits {
                (SECOND / 20, updated())
            } else {
                (Duration::ZERO, busy(429, retry_after))
            }
        });
        let (ending, lines) = run(&settings(rate, 64), &server, Rows::distinct(6000)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        assert_eq!(lines.count("updated"), 6000, "{rate} against {admits}");
        let account = server.account();
        let late: Vec<_> = account.iter().filter(|seen| seen.began > 60 * SECOND).collect();
        let refused = late.iter().filter(|seen| seen.ended == seen.began).count();
        let seconds = (server.span() - 60 * SECOND).as_secs_f64();
        let through = (late.len() - refused) as f64 / seconds;
        assert!(through >= 0.9 * admits as f64, "{rate} against {admits}: {through}/s");
        assert!(refused * 20 < late.len(), "{rate} against {admits}: {refused} of {} refused", late.len());
    }
}

/// A server that lets `admits` a second through and so many at once, and refuses the others with this status.
fn bucket(admits: f64, burst: f64, status: u16) -> Simulated {
    let (tokens, since) = (Cell::new(burst), Cell::new(Duration::ZERO));
    Simulated::new(move |arrival| {
        let new = (arrival.now - since.replace(arrival.now)).as_secs_f64() * admits;
        tokens.set((tokens.get() + new).min(burst));
        if tokens.get() < 1.0 {
            return (SECOND / 50, busy(status, None));
        }
        tokens.set(tokens.get() - 1.0);
        // Told apart from what it refused by how long it took.
        (SECOND / 40, updated())
    })
}

#[tokio::test(start_paused = true)]
async fn the_rate_settles_at_what_a_server_admits_that_says_so_by_503() {
    for (rate, admits, burst, status) in [
        ("100", 20, 20, 503),
        ("100", 20, 5, 503),
        ("1000", 20, 20, 503),
        ("1000", 5, 5, 502),
        ("1000", 5, 3, 503),
        ("1000", 8, 8, 502),
        ("100", 50, 50, 502),
        ("50", 5, 5, 503),
        ("1000", 3, 3, 503),
        ("1000", 2, 2, 503),
        ("100", 2, 2, 503),
        ("10", 2, 2, 503),
        ("1000", 1, 1, 502),
        ("100", 1, 1, 503),
        ("10", 1, 1, 503),
        ("unlimited", 50, 50, 503),
        ("100", 20, 20, 429),
        // A little below the rate: most gets through whatever is asked.
        ("14", 10, 10, 503),
        ("10", 9, 9, 503),
        ("10", 8, 5, 408),
        ("28", 20, 20, 503),
        ("22", 20, 5, 502),
        ("44", 40, 40, 503),
        ("50", 43, 10, 503),
        // No two at once: every other is refused as soon as it is asked a little more.
        ("30", 7, 1, 503),
        ("50", 10, 1, 503),
        ("10", 8, 1, 502),
        ("14", 10, 1, 503),
        ("100", 50, 1, 503),
    ] {
        let server = bucket(f64::from(admits), f64::from(burst), status);
        let count = u64::try_from(admits * 180).unwrap();
        let (ending, lines) = run(&settings(rate, 64), &server, Rows::distinct(count)).await;
        let case = format!("{rate} against {admits} with {status}");
        assert!(ending.stop.is_none(), "{case}: {:?}", ending.stop);
        let account = server.account();
        let is_refused = |seen: &&Seen| seen.ended - seen.began == SECOND / 50;
        let late: Vec<_> = account.iter().filter(|seen| seen.began > 60 * SECOND).collect();
        let refused = late.iter().copied().filter(is_refused).count();
        let through = (late.len() - refused) as f64 / (server.span() - 60 * SECOND).as_secs_f64();
        assert!(through >= 0.9 * f64::from(admits), "{case}: {through}/s");
        // Of few attempts some are needed to see that it is no chance.
        let least = if admits == 1 { 15 } else { 20 };
        assert!(refused * least < late.len(), "{case}: {refused} of {} refused", late.len());
        let updated = lines.count("updated") as u64;
        // Until the limit is found.
        let spent = if rate == "10" && admits == 2 { 2 } else { 1 };
        assert!(updated + spent >= count, "{case}: {updated} of {count}");
        // Retries in vain: what there is at first and a tenth of the first attempts.
        let in_vain = account.iter().filter(is_refused).count() as u64;
        let first = if admits == 1 { 90 } else { 60 };
        assert!(in_vain <= 20 + count / 10 + first, "{case}: {in_vain} refused in all");
    }
}

/// A server that lets so many a second through and so many at once, and nothing for a while once it is asked for more.
fn that_shuts_out(admits: f64, burst: f64, seconds: u32) -> Simulated {
    let (tokens, since, until) = (Cell::new(burst), Cell::new(Duration::ZERO), Cell::new(Duration::ZERO));
    Simulated::new(move |arrival| {
        let new = (arrival.now - since.replace(arrival.now)).as_secs_f64() * admits;
        tokens.set((tokens.get() + new).min(burst));
        let is_out = arrival.now < until.get();
        if is_out || tokens.get() < 1.0 {
            until.set(if is_out { until.get() } else { arrival.now + seconds * SECOND });
            return (SECOND / 50, busy(429, None));
        }
        tokens.set(tokens.get() - 1.0);
        (SECOND / 40, updated())
    })
}

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_out_for_a_while_is_asked_for_what_it_took_before() {
    for (admits, burst, seconds, least) in
        [(50, 5, 3, 0.75), (30, 10, 3, 0.75), (20, 2, 2, 0.75), (50, 50, 3, 0.7)]
    {
        let server = that_shuts_out(f64::from(admits), f64::from(burst), seconds);
        let count = admits * 180;
        let (ending, lines) = run(&settings("100", 64), &server, Rows::distinct(count as u64)).await;
        let case = format!("{admits} {burst} {seconds}");
        assert!(ending.stop.is_none(), "{case}: {:?}", ending.stop);
        assert_eq!(lines.count("updated"), count as usize, "{case}");
        let account = server.account();
        let late: Vec<_> = account.iter().filter(|seen| seen.began > 60 * SECOND).collect();
        let refused = late.iter().filter(|seen| seen.ended - seen.began == SECOND / 50).count();
        let through = (late.len() - refused) as f64 / (server.span() - 60 * SECOND).as_secs_f64();
        assert!(through >= least * f64::from(admits), "{case}: {through}/s");
        assert!(refused * 20 < late.len(), "{case}: {refused} of {}", late.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_dip_does_not_leave_a_crawl() {
    let dip = 10 * SECOND..15 * SECOND;
    let recent = RefCell::new(std::collections::VecDeque::new());
    let server = Simulated::new(move |arrival| {
        let mut recent = recent.borrow_mut();
        while recent.front().is_some_and(|at| *at + SECOND <= arrival.now) {
            recent.pop_front();
        }
        if recent.len() >= if dip.contains(&arrival.now) { 1 } else { 100 } {
            return (SECOND / 50, busy(429, None));
        }
        recent.push_back(arrival.now);
        (SECOND / 40, updated())
    });
    let (ending, lines) = run(&settings("100", 64), &server, Rows::distinct(6000)).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    assert_eq!(lines.count("updated"), 6000);
    // A minute without the dip.
    assert!(server.span() < 120 * SECOND, "{:?}", server.span());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_at_random_whatever_the_rate_is_not_taken_for_a_limited_one() {
    for (per_cent, least) in [(10, 0.9), (30, 0.2)] {
        let random = RefCell::new(fastrand::Rng::with_seed(7));
        let server = Simulated::new(move |_| {
            let is_bad = random.borrow_mut().u32(..100) < per_cent;
            (SECOND / 50, if is_bad { busy(503, None) } else { updated() })
        });
        let (ending, _) = run(&settings("100", 64), &server, Rows::distinct(10_000)).await;
        assert!(ending.stop.is_none(), "{:?}", ending.stop);
        let rate = server.account().len() as f64 / server.span().as_secs_f64();
        assert!(rate >= least * 100.0, "{per_cent}%: {rate}/s");
    }
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
    let (wish, wishes) = unbounded_channel();
    let server = Simulated::new(move |arrival| {
        if arrival.row == 50 {
            let _ = wish.send(Interrupt::Terminate);
        }
        (SECOND, updated())
    });
    let (ending, lines) = run_with(&settings("10", 4), &server, Rows::distinct(1000), wishes).await;
    assert!(matches!(ending.stop, Some(Stop::Interrupted(Interrupt::Terminate))));
    assert_eq!(lines.count("updated"), server.account().len());

    let (wish, wishes) = unbounded_channel();
    let server = Simulated::new(move |_| {
        (0..2).for_each(|_| wish.send(Interrupt::Interrupt).unwrap_or_default());
        (3600 * SECOND, updated())
    });
    let began = Instant::now();
    let (ending, _) = run_with(&settings("10", 4), &server, Rows::distinct(1000), wishes).await;
    assert!(matches!(ending.stop, Some(Stop::Interrupted(Interrupt::Interrupt))));
    assert!(began.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn rows_in_flight_are_waited_for_no_longer_than_the_drain_timeout() {
    let (wish, wishes) = unbounded_channel();
    let server = Simulated::new(move |_| {
        let _ = wish.send(Interrupt::Interrupt);
        (3600 * SECOND, updated())
    });
    let began = Instant::now();
    let hurried = Settings { max_attempts: NonZeroU32::MIN, ..settings("1/m", 4) };
    let (ending, lines) = run_with(&hurried, &server, Rows::distinct(10), wishes).await;
    assert!(matches!(ending.stop, Some(Stop::Interrupted(_))));
    assert!((30 * SECOND..31 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(lines.statuses().len(), 0);
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
async fn rows_that_spend_their_attempts_while_nothing_gets_through_are_not_burnt() {
    for max_attempts in [1, 2] {
        let server = Simulated::new(move |_| (SECOND / 10, busy(503, None)));
        let settings =
            Settings { max_attempts: NonZeroU32::new(max_attempts).unwrap(), ..settings("100", 4) };
        let (ending, lines) = run(&settings, &server, Rows::distinct(1000)).await;
        assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))), "{:?}", ending.stop);
        assert_eq!(lines.statuses().len(), 0);
        assert!(server.account().len() <= 16 * max_attempts as usize);
    }
}

/// A log whose disk fails at its n-th batch.
struct FailingLog {
    left: u32,
}

impl Log for FailingLog {
    fn submit(&mut self, _: Vec<u8>) {
        self.left -= 1;
    }

    fn poll_durable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        Poll::Ready(if self.left == 0 { Err(io::Error::other("disk full")) } else { Ok(Vec::new()) })
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_write_nothing_more_is_sent() {
    let server = Simulated::new(|_| (SECOND / 10, updated()));
    let (_, silent) = unbounded_channel::<Interrupt>();
    let log = FailingLog { left: 3 };
    let ending =
        deliver(&settings("10", 1), &server, log, Rows::distinct(100), silent, Notices::default()).await;
    assert!(matches!(ending.stop, Some(Stop::Storage(_))));
    // The fourth row had left when the third one's record was lost.
    assert_eq!((server.account().len(), ending.tally.recorded()), (4, 2));
}

/// A storage in memory that outlives its run.
#[derive(Clone, Default)]
struct Memory(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Storage for Memory {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server in front of which a bug sits for one row.
struct Buggy {
    server: Simulated,
    row: u64,
}

impl Transport for Buggy {
    async fn attempt(&self, request: &Request, events: &dyn AttemptEvents) -> Attempt {
        assert!(request.update.get(Parameter::City) != Some(&self.row.to_string()), "a bug, on purpose");
        self.server.attempt(request, events).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_one_row_costs_no_other_row_its_record() {
    let limits = settings("unlimited", 4);
    let open_rows = limits.open_rows() as u64;
    let (memory, server) = (Memory::default(), Simulated::new(|_| (SECOND / 10, updated())));
    let transport = Buggy { server, row: 60 };
    let (_, silent) = unbounded_channel::<Interrupt>();
    let writer = Writer::start(memory.clone()).unwrap();
    let run = deliver(&limits, &transport, writer, Rows::distinct(100), silent, Notices::default());
    assert!(std::panic::AssertUnwindSafe(run).catch_unwind().await.is_err(), "it must not look like an end");

    // The writer has brought what it had to its end, and nothing else.
    let file = [journal::HEADER.as_bytes(), &memory.0.lock().unwrap()].concat();
    let (marks, tail) =
        journal::scan("r".as_ref(), file.as_slice(), journal::Keep::Fingerprint, open_rows).unwrap();
    assert_eq!(tail.torn, 0);
    let sent: Vec<u64> = transport.server.account().iter().map(|seen| seen.row).collect();
    for row in 1..=100 {
        let is_done = marks.is_done(row, Fingerprint(row));
        assert!(!is_done || sent.contains(&row), "row {row}");
        assert!(is_done || row + open_rows > 60, "row {row} was done long before");
    }
    assert!(marks.get(60).is_none());
}

/// A log that never says that a batch is durable.
struct StuckLog;

impl Log for StuckLog {
    fn submit(&mut self, _: Vec<u8>) {}

    fn poll_durable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_only_free_once_its_record_is_durable() {
    let server = Simulated::new(|_| (SECOND / 10, updated()));
    let (_, silent) = unbounded_channel::<Interrupt>();
    let limits = settings("unlimited", 4);
    let run = deliver(&limits, &server, StuckLog, Rows::distinct(1000), silent, Notices::default());
    assert!(tokio::time::timeout(3600 * SECOND, run).await.is_err());
    assert_eq!(server.account().len(), 4 * OPEN_ROWS_PER_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn records_go_to_the_disk_together_while_nobody_waits_for_them() {
    let server = Simulated::new(|_| (SECOND / 1000, updated()));
    let (_, lines) = run(&settings("1000", 64), &server, Rows::distinct(3000)).await;
    assert_eq!(lines.count("updated"), 3000);
    // Every 90 ms, and a few at the end, when there are no more rows to send.
    assert!((30..50).contains(&lines.batches.get()), "{} batches", lines.batches.get());
}

#[tokio::test(start_paused = true)]
async fn no_row_waits_for_the_records_of_others_to_gather() {
    // Of one customer: each waits for the record of the one before.
    let server = Simulated::new(|_| (SECOND / 100, updated()));
    let rows = Rows::of((0..100).map(|_| ("1".to_owned(), String::new())));
    run(&settings("unlimited", 16), &server, rows).await;
    assert!(server.span() <= 100 * SECOND / 100 + SECOND / 10, "{:?}", server.span());
    // Of many: none is short of a slot while others are on their way to the disk.
    let server = Simulated::new(|_| (SECOND / 500, updated()));
    let (_, silent) = unbounded_channel::<Interrupt>();
    let (limits, rows) = (settings("unlimited", 16), Rows::distinct(16_000));
    deliver(&limits, &server, SlowLog::default(), rows, silent, Notices::default()).await;
    assert!(server.span() <= 2 * SECOND + SECOND / 10, "{:?}", server.span());
}

/// A log with a disk that takes its time.
#[derive(Default)]
struct SlowLog(Option<Pin<Box<Sleep>>>);

impl Log for SlowLog {
    fn submit(&mut self, _: Vec<u8>) {
        self.0 = Some(Box::pin(sleep(SECOND / 250)));
    }

    fn poll_durable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        self.0.as_mut().unwrap().as_mut().poll(context).map(|()| Ok(Vec::new()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any rows over few customers against a server of any mood: every row ends, none above its attempts, no
    /// customer has two at once or out of order, and no limit is passed.
    #[test]
    fn the_invariants_hold_against_any_server(
        ids in proptest::collection::vec((0_u32..12, 0_u32..12), 1..120),
        moods in proptest::collection::vec(0_u8..14, 1..40),
        concurrency in 1_usize..12,
        rate in 1_u32..60,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let server = Simulated::new(move |arrival| {
                let mood = moods[(arrival.account.len() * 7 + arrival.row as usize) % moods.len()];
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
            let (ending, lines) = run(&settings(&rate.to_string(), concurrency), &server, Rows::of(rows)).await;
            if ending.stop.is_none() {
                assert_eq!(lines.statuses().len(), ids.len());
            } else {
                assert!(matches!(ending.stop, Some(Stop::Brake(Brake::Outage { .. }))));
            }
            assert!(server.most_in_flight() <= concurrency && server.busiest(SECOND) <= rate as usize);
            let account = server.account();
            assert!((1..=ids.len() as u64).all(|row| server.attempts_of(row) <= 5));
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
