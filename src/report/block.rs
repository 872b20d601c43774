//! The block of lines that shows on a terminal how a run goes: what is known of it and a width in, text out. It has
//! the same number of lines all the time, so that nothing jumps.

use super::bar::bar;
use super::pauses::Kind;
use super::summary::Counts;
use crate::text::{counted, grouped, rounded_up, share};
use console::{measure_text_width, truncate_str};
use std::time::Duration;

/// On fewer columns than this the counts get two lines. Chosen.
const NARROW: usize = 60;

/// The longest bar, in columns.
const LONGEST_BAR: usize = 40;

/// Columns kept free behind the last line, where the terminal echoes Ctrl-C as `^C`: without them the echo can wrap, and
/// the block is taken away one line too low.
const CTRL_C: usize = 2;

/// Between two parts of a line.
const GAP: &str = "  ";

/// All that is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Rows to send in this run, if that is known.
    pub to_send: Option<u64>,
    /// Rows that were sent, retries and all.
    pub sent: u64,
    /// Rows that were recorded in this run, sent or not.
    pub done: u64,
    /// Rows that were in sync before.
    pub before: u64,
    pub counts: Counts,
    pub retries: u64,
    /// Rows sent a second of late.
    pub speed: f64,
    /// How long what is left will take.
    pub left: Option<Duration>,
    /// The limit, as it is written.
    pub limit: String,
    /// The rate below the limit that the server is taken to bear.
    pub effective_rate: Option<f64>,
    /// Why sending pauses, and for how much longer.
    pub pause: Option<(Kind, Duration)>,
    /// What an outage began with.
    pub why: String,
}

/// What a part of the block is, for its colour.
#[derive(Clone, Copy)]
enum Colour {
    Green,
    Yellow,
    Red,
}

impl View {
    /// The lines for a terminal of `columns` columns.
    pub(super) fn lines(&self, columns: usize, is_coloured: bool) -> String {
        // A line that fills the last column moves some terminals on.
        let width = columns.saturating_sub(1).max(1);
        let mut lines = vec![self.bar(width, is_coloured), fitting(&self.pace(), width)];
        let height = if columns < NARROW { 2 } else { 1 };
        lines.extend(wrapped(&self.outcomes(), width, height));
        lines.push(self.state(width.saturating_sub(CTRL_C).max(1), is_coloured));
        lines.join("\n")
    }

    fn bar(&self, width: usize, is_coloured: bool) -> String {
        let Some(to_send) = self.to_send else {
            return truncate_str(&counted(self.done, "row"), width, "…").into_owned();
        };
        let mut figures =
            vec![share(self.sent, to_send), format!("{} of {}", grouped(self.sent), grouped(to_send))];
        // Nobody knows how long a pause lasts.
        if self.pause.is_none() {
            figures.push(self.left.map_or_else(|| "ETA -".to_owned(), |left| format!("ETA {}", rough(left))));
        }
        // What does not fit beside a bar of a few columns goes without one.
        let text = figures.join(GAP);
        let length = width.saturating_sub(measure_text_width(&text) + GAP.len()).min(LONGEST_BAR);
        if length < 4 {
            return fitting(&figures, width);
        }
        let (full, rest) = bar(self.sent, to_send, length);
        format!("{}{rest}{GAP}{text}", painted(&full, Colour::Green, is_coloured))
    }

    fn pace(&self) -> Vec<String> {
        let limit = match self.effective_rate {
            None if self.limit.is_empty() => "no limit".to_owned(),
            None => format!("limit {}", self.limit),
            Some(rate) if self.limit.is_empty() => format!("slowed to {rate:.1}/s"),
            Some(rate) => format!("slowed to {rate:.1}/s of {}", self.limit),
        };
        let retries = (self.retries > 0).then(|| format!("{} retries", grouped(self.retries)));
        let speed = self.pause.is_none().then(|| format!("{:.1} rows/s", self.speed));
        speed.into_iter().chain([limit]).chain(retries).collect()
    }

    fn outcomes(&self) -> Vec<String> {
        let counts = self.counts.iter().filter(|(_, count)| *count > 0);
        let mut parts: Vec<_> =
            counts.map(|(status, count)| format!("{} {status}", grouped(count))).collect();
        if self.before > 0 {
            parts.push(format!("{} in sync before", grouped(self.before)));
        }
        parts
    }

    fn state(&self, width: usize, is_coloured: bool) -> String {
        let (texts, colour) = match self.pause {
            None => return truncate_str("sending", width, "…").into_owned(),
            Some((Kind::Held, left)) => {
                let left = rounded_up(left);
                let texts = [
                    format!("on hold for {left}: the server asks for a pause (Retry-After)"),
                    format!("on hold for {left} (Retry-After)"),
                ];
                (texts, Colour::Yellow)
            }
            Some((Kind::Outage, left)) => {
                let next = match left.is_zero() {
                    true => "trying now".to_owned(),
                    false => format!("next try in {}", rounded_up(left)),
                };
                let texts =
                    [format!("paused: server unreachable, {next} ({})", self.why), format!("paused: {next}")];
                (texts, Colour::Red)
            }
        };
        let [long, short] = texts;
        let fits = measure_text_width(&long) <= width;
        // What the server said may be as long as it likes.
        let text = if fits || width >= NARROW { long } else { short };
        painted(&truncate_str(&text, width, "…"), colour, is_coloured)
    }
}

/// As many of the parts as fit, the first in any case.
fn fitting(parts: &[String], width: usize) -> String {
    wrapped(parts, width, 1).remove(0)
}

/// The parts on `height` lines, in order. Parts that do not fit are left out and leave a mark.
fn wrapped(parts: &[String], width: usize, height: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new(); height];
    let mut at = 0;
    for part in parts {
        let needed = |line: &str| {
            let gap = if line.is_empty() { 0 } else { GAP.len() };
            measure_text_width(line) + gap + measure_text_width(part)
        };
        while at + 1 < height && needed(&lines[at]) > width && !lines[at].is_empty() {
            at += 1;
        }
        let line = &mut lines[at];
        if !line.is_empty() {
            line.push_str(GAP);
        }
        line.push_str(part);
    }
    lines.iter().map(|line| truncate_str(line, width, "…").into_owned()).collect()
}

fn painted(text: &str, colour: Colour, is_coloured: bool) -> String {
    if !is_coloured || text.is_empty() {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Green => 32,
        Colour::Yellow => 33,
        Colour::Red => 31,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The two largest units: nobody can know more.
fn rough(left: Duration) -> String {
    rounded_up(left).split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Status;
    use proptest::prelude::*;

    fn view() -> View {
        View {
            to_send: Some(27_300),
            sent: 12_345,
            done: 12_345,
            before: 0,
            counts: Counts::of(|status| match status {
                Status::Updated => 12_300,
                Status::Invalid => 40,
                Status::Rejected => 5,
                _ => 0,
            }),
            retries: 3,
            speed: 9.84,
            left: Some(Duration::from_secs(1520)),
            limit: "10/s".to_owned(),
            effective_rate: None,
            pause: None,
            why: String::new(),
        }
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        assert_eq!(
            view().lines(80, false),
            "██████████████████░░░░░░░░░░░░░░░░░░░░░░  45.2%  12,345 of 27,300  ETA 25m 20s\n\
             9.8 rows/s  limit 10/s  3 retries\n\
             12,300 updated  40 invalid  5 rejected\n\
             sending"
        );
    }

    #[test]
    fn forty_columns_are_enough_for_what_matters() {
        let held = View { pause: Some((Kind::Held, Duration::from_millis(41_200))), ..view() };
        let slowed = View { effective_rate: Some(5.0), ..held };
        // While sending is paused there is no speed and no time to go.
        assert_eq!(
            slowed.lines(40, false),
            "██████░░░░░░░░  45.2%  12,345 of 27,300\n\
             slowed to 5.0/s of 10/s  3 retries\n\
             12,300 updated  40 invalid  5 rejected\n\
             \n\
             on hold for 42s (Retry-After)"
        );
    }

    #[test]
    fn a_pause_is_shown_with_its_reason() {
        let state = |pause, columns| {
            let view = View { pause: Some(pause), why: "HTTP 503: busy".to_owned(), ..view() };
            view.lines(columns, false).lines().last().unwrap().to_owned()
        };
        let second = Duration::from_secs(1);
        assert_eq!(
            state((Kind::Held, 90 * second), 80),
            "on hold for 1m 30s: the server asks for a pause (Retry-After)"
        );
        assert_eq!(
            state((Kind::Outage, 4 * second), 80),
            "paused: server unreachable, next try in 4s (HTTP 503: busy)"
        );
        assert_eq!(state((Kind::Outage, Duration::ZERO), 40), "paused: trying now");
    }

    #[test]
    fn colours_are_left_out_where_they_are_not_wanted() {
        let view = View { pause: Some((Kind::Held, Duration::from_secs(5))), ..view() };
        assert!(view.lines(80, true).contains("\u{1b}[33m"));
        assert!(!view.lines(80, false).contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal_and_their_number_never_changes(
            columns in 1_usize..200, done in 0_u64..1_000_000_000, more in 0_u64..1_000_000_000,
            seconds in 0_u64..10_000_000, pause in 0_u8..3, why in "\\PC{0,80}", is_coloured: bool,
        ) {
            let left = Duration::from_secs(seconds);
            let view = View {
                to_send: Some(done + more), sent: done, done, left: Some(left), why, speed: done as f64, before: done,
                pause: [None, Some((Kind::Held, left)), Some((Kind::Outage, left))][usize::from(pause)],
                counts: Counts::of(|_| done), effective_rate: Some(done as f64), ..view()
            };
            let text = view.lines(columns, is_coloured);
            prop_assert_eq!(text.split('\n').count(), if columns < NARROW { 5 } else { 4 });
            for line in text.split('\n') {
                prop_assert!(measure_text_width(line) < columns.max(2), "{:?}", line);
            }
            // The echo of Ctrl-C fits behind the last line.
            let last = text.rsplit('\n').next().map_or(0, measure_text_width);
            prop_assert!(last + 2 < columns.max(4), "{:?}", text);
        }
    }
}
