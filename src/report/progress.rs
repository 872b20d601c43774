//! Progress on standard error while a run goes on.

use super::summary::{rounded, share};
use super::{harmless, say};
use crate::delivery::{Notice, Observer, Tally};
use crate::journal::Status;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// Redraws a second on a terminal.
const REDRAWS: u8 = 10;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// A shorter pause that the server asks for is not worth a line: there may be one every few seconds.
const SHOWN_HOLD: Duration = Duration::from_secs(5);

/// When progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// A bar on a terminal, nothing elsewhere.
    Auto,
    /// A bar on a terminal, a line now and then elsewhere.
    Always,
    /// No progress, but what there is to say before and after.
    Never,
    /// Nothing but errors.
    Quiet,
}

/// Shows how a run goes.
pub struct Progress {
    face: Face,
    /// Rows that were in sync before.
    before: u64,
    /// All rows, if that is known.
    total: Option<u64>,
    is_quiet: bool,
}

enum Face {
    Bar(ProgressBar),
    Lines { next: Instant },
    None,
}

impl Progress {
    /// Progress of a run over `total` rows, of which `before` are in sync already.
    #[must_use]
    pub fn new(mode: ProgressMode, total: Option<u64>, before: u64) -> Progress {
        let face = match (mode, io::stderr().is_terminal()) {
            (ProgressMode::Auto | ProgressMode::Always, true) => Face::Bar(bar(total)),
            (ProgressMode::Always, false) => Face::Lines { next: Instant::now() + LINE_EVERY },
            _ => Face::None,
        };
        Progress { face, before, total, is_quiet: mode == ProgressMode::Quiet }
    }

    /// Takes the bar off the terminal.
    pub fn clear(&self) {
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(REDRAWS);
    let template = match total {
        Some(_) => "{wide_bar} {pos}/{len} rows  {per_sec}  ETA {eta}  {msg}",
        None => "{spinner} {pos} rows  {per_sec}  {msg}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(total, target).with_style(style)
}

impl Observer for &mut Progress {
    fn progressed(&mut self, tally: &Tally) {
        let done = self.before + tally.recorded();
        match &mut self.face {
            Face::Bar(bar) => {
                bar.set_position(done);
                let bad = tally.not_in_sync();
                let slowed = tally.effective_rate.map(|rate| format!("slowed to {rate:.1}/s"));
                let bad = (bad > 0).then(|| format!("{bad} not in sync"));
                bar.set_message(bad.into_iter().chain(slowed).collect::<Vec<_>>().join("  "));
            }
            Face::Lines { next } if Instant::now() >= *next => {
                *next = Instant::now() + LINE_EVERY;
                let part = self
                    .total
                    .map_or_else(String::new, |total| format!(" of {total} ({})", share(done, total)));
                let counts: Vec<_> = Status::ALL
                    .into_iter()
                    .filter(|status| tally.count(*status) > 0)
                    .map(|status| format!("{} {status}", tally.count(status)))
                    .collect();
                let slowed =
                    tally.effective_rate.map(|rate| format!(", slowed to {rate:.1}/s")).unwrap_or_default();
                say(format_args!("{done} rows{part}: {}{slowed}", counts.join(", ")));
            }
            Face::Lines { .. } | Face::None => {}
        }
    }

    fn noticed(&mut self, notice: &Notice) {
        let line = match notice {
            Notice::Held { asked } if *asked < SHOWN_HOLD => return,
            Notice::Held { asked } => {
                format!("the server asks for a pause: nothing is sent for {}", rounded(*asked))
            }
            Notice::Outage { why, patience } => format!(
                "nothing gets through to the server: sending holds, and one probe at a time goes out, for {} at \
                 most ({})",
                rounded(*patience),
                harmless(why)
            ),
            Notice::OutageOver => "the server answers again: sending goes on".to_owned(),
        };
        match &self.face {
            _ if self.is_quiet => {}
            Face::Bar(bar) => bar.suspend(|| say(&line)),
            Face::Lines { .. } | Face::None => say(&line),
        }
    }
}
