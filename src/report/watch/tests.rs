//! Drawings are counted in virtual time, on a terminal that only counts.

use super::super::screen::{Canvas, write_lines};
use super::*;
use crate::delivery::{Notice, Observer, Pause};
use crate::journal::Status;
use console::strip_ansi_codes;
use std::sync::{Arc, Mutex};

const SECOND: Duration = Duration::from_secs(1);

/// The screen is the process's own.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What is written at once is a drawing.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<Mutex<Vec<String>>>);

impl Counting {
    fn drawings(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl io::Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(strip_ansi_codes(std::str::from_utf8(bytes).unwrap()).into_owned());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn plan() -> Plan {
    Plan {
        total: Some(100_000),
        to_send: Some(100_000),
        before: 0,
        limit: "100/s".to_owned(),
        mode: ProgressMode::Auto,
        is_coloured: false,
        is_dumb: false,
    }
}

/// A watch with a block on a counting terminal, and the terminal.
fn watch() -> (RefCell<Watch>, Counting) {
    let terminal = Counting::default();
    let face = Face::Block { canvas: Canvas::on(terminal.clone(), || 80), shown: String::new() };
    (RefCell::new(Watch::with_face(plan(), face)), terminal)
}

/// Runs a story while the watch looks at the clock.
async fn watched(watch: &RefCell<Watch>, story: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = story => {}
        never = keep_watching(watch, signal(SignalKind::user_defined1()).unwrap()) => match never {},
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_never_more_than_ten_drawings_a_second_whatever_happens() {
    let _guard = ONE_AT_A_TIME.lock().await;
    let (watch, terminal) = watch();
    watched(&watch, async {
        // A thousand changes and a thousand log lines a second, for ten seconds.
        let mut tally = Tally::default();
        for change in 0..10_000_u64 {
            tally.retries = change;
            (&mut &watch).progressed(&tally);
            (&mut &watch).paused((change % 2 == 0).then_some(Pause::Held { left: SECOND }));
            write_lines(format!("line {change}\n").as_bytes());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    })
    .await;
    let drawings = terminal.drawings();
    assert!((95..=102).contains(&drawings.len()), "{} drawings in ten seconds", drawings.len());
    // Every line is there once, in order, whole.
    let text = drawings.join("\n");
    let lines = text.lines().filter(|line| line.starts_with("line "));
    assert!(lines.eq((0..10_000).map(|change| format!("line {change}"))));
}

#[tokio::test(start_paused = true)]
async fn a_hold_counts_down_and_a_block_that_does_not_change_is_not_drawn() {
    let _guard = ONE_AT_A_TIME.lock().await;
    let (watch, terminal) = watch();
    watched(&watch, async {
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(terminal.drawings().len(), 1, "{:?}", terminal.drawings());
        (&mut &watch).paused(Some(Pause::Held { left: 5 * SECOND }));
        tokio::time::sleep(7 * SECOND).await;
        (&mut &watch).paused(None);
        tokio::time::sleep(SECOND).await;
    })
    .await;
    let seen: Vec<String> = terminal.drawings();
    let holds: Vec<&str> =
        seen.iter().filter_map(|text| text.split("on hold for ").nth(1)?.split(':').next()).collect();
    assert_eq!(holds, ["5s", "4s", "3s", "2s", "1s", "0s"]);
    assert!(seen.last().is_some_and(|text| text.contains("sending")), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn bar_speed_and_time_to_go_are_those_of_rows_that_are_sent() {
    let _guard = ONE_AT_A_TIME.lock().await;
    let (watch, terminal) = watch();
    watch.borrow_mut().plan = Plan { total: Some(10_000), to_send: Some(400), before: 100, ..plan() };
    watched(&watch, async {
        let mut tally = Tally::default();
        let mut record = |unsent: u64, sent: u64| {
            (0..unsent).for_each(|_| tally.add(Status::Unchanged));
            (0..sent).for_each(|_| tally.add(Status::Updated));
            tally.sent += sent;
            (&mut &watch).progressed(&tally);
        };
        record(0, 0);
        for second in 0..10 {
            tokio::time::sleep(SECOND).await;
            // What is only recorded comes by the thousand at once.
            record(if second == 0 { 9_500 } else { 0 }, 10);
        }
        tokio::time::sleep(DRAW_EVERY).await;
    })
    .await;
    let last = terminal.drawings().pop().unwrap_or_default();
    for part in
        ["25.0%", "100 of 400", "ETA 30s", "10.0 rows/s", "100 updated  9,500 unchanged  100 in sync before"]
    {
        assert!(last.contains(part), "{part}: {last}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_is_told_in_the_end() {
    let watch = RefCell::new(Watch::with_face(plan(), Face::None));
    (&mut &watch).attempted(Duration::from_millis(20));
    (&mut &watch).paused(Some(Pause::Outage { left: SECOND }));
    tokio::time::sleep(3 * SECOND).await;
    (&mut &watch).paused(None);
    tokio::time::sleep(SECOND).await;
    let observed = watch.into_inner().end();
    assert_eq!((observed.duration, observed.outage, observed.held), (4 * SECOND, 3 * SECOND, Duration::ZERO));
    assert_eq!(observed.latency.map(|latency| latency.count), Some(1));
}

#[tokio::test(start_paused = true)]
async fn without_a_terminal_there_is_a_line_every_30_seconds_and_where_the_rate_is_cut_or_full_again() {
    let lines = Counting::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).without_time().finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let watch = RefCell::new(Watch::with_face(plan(), Face::Lines));
    watched(&watch, async {
        tokio::time::sleep(95 * SECOND).await;
        (&mut &watch).noticed(&Notice::SlowedDown { rate: 4.25 });
        (&mut &watch).noticed(&Notice::SlowedDown { rate: 40.0 });
        for rate in [Some(90.0), Some(60.0), None, None] {
            let mut tally = Tally::default();
            tally.effective_rate = rate;
            (&mut &watch).progressed(&tally);
        }
    })
    .await;
    let text = lines.drawings().concat();
    assert_eq!(text.matches("0.0%: 0 of 100,000 rows, 0.0/s (no results yet)").count(), 3, "{text}");
    for line in [
        "Server is rate-limiting; slowing down to 4.2/s.",
        "Server is rate-limiting; slowing down to 40/s.",
        "Sending at the full rate again.",
    ] {
        assert_eq!(text.matches(line).count(), 1, "{line}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_is_reported_every_15_seconds_with_its_counts_so_far() {
    let watch = RefCell::new(Watch::with_face(plan(), Face::None));
    let mut reports = Vec::new();
    let story = async {
        (&mut &watch).paused(Some(Pause::Held { left: 20 * SECOND }));
        let mut tally = Tally::default();
        for _ in 0..47 {
            tokio::time::sleep(SECOND).await;
            tally.add(Status::Updated);
            (&mut &watch).progressed(&tally);
        }
    };
    tokio::select! {
        biased;
        () = story => {}
        never = keep_reporting(&watch, |tally, observed| {
            reports.push((tally.count(Status::Updated), observed.duration, observed.held));
        }) => match never {},
    }
    let expected: Vec<_> = [15_u32, 30, 45].map(|at| (u64::from(at), at * SECOND, at * SECOND)).to_vec();
    assert_eq!(reports, expected);
}
