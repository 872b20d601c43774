//! Shows a run in progress: a block on a terminal, lines elsewhere, log lines in any case. The delivery loop reports every
//! event to it; it reads the clock itself, ten times a second at most.

mod messages;
mod speed;

use super::block::View;
use super::flood::Flood;
use super::latency::{Latency, Percentiles};
use super::pauses::{Kind, PauseClock};
use super::screen::Canvas;
use super::summary::Counts;
use super::{LogFormat, logs};
use crate::delivery::Tally;
use futures::FutureExt;
use speed::Speed;
use std::cell::RefCell;
use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

/// Between two drawings of the block.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// Interval between two progress lines without a block, and between two lines that sum up failed rows.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Interval between two writes of the summary and metrics files: the usual scrape interval of Prometheus.
const REPORT_EVERY: Duration = Duration::from_secs(15);

/// When progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// A block on a terminal that can show it, lines elsewhere.
    Auto,
    /// A block on any terminal, lines elsewhere.
    Always,
    /// Neither.
    Never,
}

/// What is known of a run before it begins.
#[derive(Debug, Clone)]
pub struct Plan {
    /// All rows, if that is known.
    pub total: Option<u64>,
    /// Rows that this run sends if nothing stops it, if that is known.
    pub to_send: Option<u64>,
    /// Rows that were in sync before.
    pub before: u64,
    /// The limit of the rate, as it is written; empty if there is none.
    pub limit: String,
    /// When progress is shown.
    pub mode: ProgressMode,
    /// Whether colours are wanted (`NO_COLOR`).
    pub is_coloured: bool,
    /// Whether the terminal can move its cursor (`TERM`).
    pub is_dumb: bool,
}

/// What was seen of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// How long it took.
    pub duration: Duration,
    /// How long attempts took; `None` without any.
    pub latency: Option<Percentiles>,
    /// The time the server asked for.
    pub held: Duration,
    /// The time in which the server was unreachable.
    pub outage: Duration,
    /// The most frequent reason of rows that failed, and how many have it.
    pub commonest: Option<(String, u64)>,
}

enum Face {
    Block { canvas: Canvas, shown: String },
    Lines,
    None,
}

/// Shows how a run goes.
pub struct Watch {
    plan: Plan,
    face: Face,
    began: Instant,
    tally: Tally,
    latency: Latency,
    pauses: PauseClock,
    flood: Flood,
    speed: Speed,
    /// What the present outage began with.
    why: String,
    next_line: Duration,
}

impl Watch {
    /// Begins to watch.
    #[must_use]
    pub fn new(plan: Plan) -> Watch {
        let is_quiet = logs::is_quiet();
        let has_block = io::stderr().is_terminal()
            && logs::format() == LogFormat::Text
            && (plan.mode == ProgressMode::Always || !plan.is_dumb);
        let face = match plan.mode {
            ProgressMode::Never => Face::None,
            _ if is_quiet => Face::None,
            _ if has_block => Face::Block { canvas: Canvas::new(), shown: String::new() },
            _ => Face::Lines,
        };
        Self::with_face(plan, face)
    }

    fn with_face(plan: Plan, face: Face) -> Watch {
        Watch {
            plan,
            face,
            began: Instant::now(),
            tally: Tally::default(),
            latency: Latency::new(),
            pauses: PauseClock::default(),
            flood: Flood::default(),
            speed: Speed::default(),
            why: String::new(),
            next_line: LINE_EVERY,
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Looks at the clock: draws what has changed, says what is due.
    fn tick(&mut self) {
        let now = self.now();
        let paused = self.pauses.total(Kind::Held, now) + self.pauses.total(Kind::Outage, now);
        self.speed.note(now.saturating_sub(paused), self.tally.sent);
        if now >= self.next_line {
            self.next_line = now + LINE_EVERY;
            self.report_rest();
            if matches!(self.face, Face::Lines) {
                self.say_progress();
            }
        }
        let view = matches!(self.face, Face::Block { .. }).then(|| self.view(now));
        if let (Face::Block { canvas, shown }, Some(view)) = (&mut self.face, view) {
            let text = view.lines(canvas.columns(), self.plan.is_coloured);
            if text != *shown || canvas.has_lines() {
                canvas.draw(&text);
                *shown = text;
            }
        }
    }

    fn view(&self, now: Duration) -> View {
        let speed = self.speed.rows_per_second();
        let pause = self.pauses.current(now);
        let still = self.plan.to_send.map(|rows| rows.saturating_sub(self.tally.sent));
        let left = still.filter(|_| speed > 0.0).and_then(|rows| {
            Duration::try_from_secs_f64(rows as f64 / speed)
                .ok()?
                .checked_add(pause.map_or(Duration::ZERO, |(_, left)| left))
        });
        View {
            to_send: self.plan.to_send,
            sent: self.tally.sent,
            done: self.tally.recorded(),
            before: self.plan.before,
            counts: Counts::of(|status| self.tally.count(status)),
            retries: self.tally.retries,
            speed,
            left,
            limit: self.plan.limit.clone(),
            effective_rate: self.tally.effective_rate,
            pause,
            why: self.why.clone(),
        }
    }

    /// Leaves the block where it is, as a shell has written below it, and draws another.
    fn leave_block(&mut self) {
        if let Face::Block { canvas, shown } = &mut self.face {
            canvas.leave();
            shown.clear();
        }
    }

    /// Takes the block away, says what is left to be said, and gives what was seen.
    #[must_use]
    pub fn end(mut self) -> Observed {
        self.report_rest();
        self.observed()
    }

    /// What was seen of the run so far.
    fn observed(&self) -> Observed {
        let now = self.now();
        Observed {
            duration: now,
            latency: self.latency.percentiles(),
            held: self.pauses.total(Kind::Held, now),
            outage: self.pauses.total(Kind::Outage, now),
            commonest: self.flood.commonest(),
        }
    }
}

/// Draws and reports the progress of a watch, for ever. Each signal of `asked` prints one progress line.
pub async fn keep_watching(watch: &RefCell<Watch>, mut asked: Signal) -> Infallible {
    let mut ticks = interval(DRAW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Without the signal the block is drawn over what a shell has written, and nothing worse.
    let mut continued = signal(SignalKind::from_raw(libc::SIGCONT)).ok();
    loop {
        ticks.tick().await;
        // After a stop (SIGSTOP) a tick is overdue: handle the signal before it.
        yield_now().await;
        while let Some(Some(Some(()))) = continued.as_mut().map(|signal| signal.recv().now_or_never()) {
            watch.borrow_mut().leave_block();
        }
        while let Some(Some(())) = asked.recv().now_or_never() {
            watch.borrow().say_progress();
        }
        watch.borrow_mut().tick();
    }
}

/// Passes the state of a run to `report` every 15 seconds, for ever.
pub async fn keep_reporting(watch: &RefCell<Watch>, mut report: impl FnMut(&Tally, &Observed)) -> Infallible {
    let mut ticks = interval_at(Instant::now() + REPORT_EVERY, REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let watch = watch.borrow();
        report(&watch.tally, &watch.observed());
    }
}

#[cfg(test)]
mod tests;
