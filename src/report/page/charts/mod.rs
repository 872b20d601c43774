//! Drawings as inline SVG. They have no `viewBox`: across, everything is placed in per cent, so that a chart is as
//! wide as its column while its text keeps its size, on a phone as on a wide screen.

mod course;
mod replies;

use super::scale::{decimal, round_step};
use maud::{Markup, html};
use std::fmt;

pub(super) use course::course;
pub(super) use replies::{Bins, replies};

/// The height of what is drawn between the axes, in pixels.
const HEIGHT: f64 = 160.0;

/// Below the plot, for the labels of the axis.
const FOOT: f64 = 26.0;

/// How wide a plot is on a phone and where it has a wide screen for itself, in pixels: labels must not overlap on either.
/// One of two side by side shows the labels of a phone (`.pair .wide`).
const WIDTHS: [f64; 2] = [264.0, 620.0];

/// How wide a character of a label is, in pixels, generously.
const LETTER: f64 = 6.4;

/// What lies between two labels at least, in pixels.
const BETWEEN: f64 = 14.0;

/// A place across, in per cent of the width.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3}%", self.0)
    }
}

/// A height or place down, in pixels.
struct Pixels(f64);

impl fmt::Display for Pixels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.1}", self.0)
    }
}

/// A label below or above a plot.
#[derive(Debug, Clone, PartialEq)]
struct Label {
    at: Percent,
    text: String,
    /// Whether there is room for it on a wide screen only.
    is_wide_only: bool,
}

impl Label {
    /// Where it begins and ends at a width, in pixels.
    fn extent(at: Percent, text: &str, width: f64) -> (f64, f64) {
        let (place, length) = (at.0 / 100.0 * width, text.chars().count() as f64 * LETTER);
        match anchor(at) {
            "start" => (place, place + length),
            "end" => (place - length, place),
            _ => (place - length / 2.0, place + length / 2.0),
        }
    }

    fn draw(&self, y: f64) -> Markup {
        html! {
            text.wide[self.is_wide_only] x=(self.at) y=(Pixels(y)) text-anchor=(anchor(self.at)) { (self.text) }
        }
    }
}

/// On which side of its place a label stands: never beyond the edge.
fn anchor(at: Percent) -> &'static str {
    match at.0 {
        ..6.0 => "start",
        94.0.. => "end",
        _ => "middle",
    }
}

/// Those of the labels that fit without touching another; the first ones first.
fn fitting(wanted: Vec<(Percent, String)>) -> Vec<Label> {
    let mut chosen: Vec<Label> = Vec::new();
    for (pass, width) in WIDTHS.into_iter().enumerate() {
        for (at, text) in &wanted {
            let (from, to) = Label::extent(*at, text, width);
            let is_free = chosen.iter().all(|other| {
                let (begin, end) = Label::extent(other.at, &other.text, width);
                to + BETWEEN <= begin || end + BETWEEN <= from
            });
            if is_free {
                chosen.push(Label { at: *at, text: text.clone(), is_wide_only: pass > 0 });
            }
        }
    }
    chosen
}

/// The axis upwards: lines across with their values, and what one unit is worth in pixels.
struct Upwards {
    step: f64,
    top: f64,
    /// Where the plot begins, in pixels.
    head: f64,
}

impl Upwards {
    /// An axis that reaches `most`.
    fn new(most: f64, head: f64) -> Upwards {
        let step = round_step(most.max(1e-9), 4.0);
        Upwards { step, top: (most / step).ceil().max(1.0) * step, head }
    }

    fn height(&self, value: f64) -> f64 {
        value / self.top * HEIGHT
    }

    fn base(&self) -> f64 {
        self.head + HEIGHT
    }

    /// A value in few characters: there is little room beside the plot.
    fn label(&self, value: f64) -> String {
        let (unit, sign) = match self.top {
            1e9.. => (1e9, "G"),
            1e6.. => (1e6, "M"),
            1e4.. => (1e3, "k"),
            _ => (1.0, ""),
        };
        if value > 0.0 { decimal(value / unit) + sign } else { "0".to_owned() }
    }

    fn draw(&self) -> Markup {
        let steps = (self.top / self.step).round() as u32;
        html! {
            @for tick in 0..=steps {
                @let value = f64::from(tick) * self.step;
                @let y = self.base() - self.height(value);
                line.grid x1="0" x2="100%" y1=(Pixels(y)) y2=(Pixels(y)) {}
                text x="-8" y=(Pixels(y + 4.0)) text-anchor="end" { (self.label(value)) }
            }
        }
    }
}

/// A share as a bar in a table, next to its number.
pub(super) fn share_bar(part: u64, whole: u64, is_bad: bool) -> Markup {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 };
    // What is there can be seen.
    let width = Percent(if part > 0 { share.max(0.5) } else { 0.0 });
    html! {
        svg.share width="100%" height="10" aria-hidden="true" {
            rect.track width="100%" height="10" {}
            @if part > 0 { rect .(if is_bad { "bad" } else { "good" }) width=(width) height="10" {} }
            @if part > 0 && is_bad { rect.hatch width=(width) height="10" {} }
        }
    }
}

/// What the drawings refer to.
pub(super) fn patterns() -> Markup {
    let hatch = |id: &str, size: &str, class: &str| {
        html! {
            pattern id=(id) width=(size) height=(size) patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                line class=(class) x1="0" y1="0" x2="0" y2=(size) {}
            }
        }
    };
    html! {
        svg.defs width="0" height="0" aria-hidden="true" {
            defs { (hatch("bad-lines", "5", "bad-line")) (hatch("hold-lines", "7", "hold-line")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn labels_never_touch(places in proptest::collection::vec((0.0..=100.0, 1..20_usize), 0..60)) {
            let wanted = places.into_iter().map(|(at, length)| (Percent(at), "0".repeat(length))).collect();
            let labels = fitting(wanted);
            for (width, is_wide) in [(WIDTHS[0], false), (WIDTHS[1], true)] {
                let shown = labels.iter().filter(|label| is_wide || !label.is_wide_only);
                let mut extents: Vec<_> = shown.map(|label| Label::extent(label.at, &label.text, width)).collect();
                extents.sort_by(|one, other| one.0.total_cmp(&other.0));
                prop_assert!(extents.windows(2).all(|pair| pair[0].1 + BETWEEN <= pair[1].0));
            }
        }

        #[test]
        fn an_axis_reaches_what_it_must_show(most in 0.0..1e9_f64) {
            let axis = Upwards::new(most, 0.0);
            prop_assert!(axis.height(most) <= HEIGHT + 1e-6 && axis.top / axis.step <= 5.0 + 1e-6);
        }
    }
}
