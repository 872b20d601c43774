//! How long the server took: the distribution of reply times.

use super::super::scale::{count, round_step, span};
use super::{Percent, Pixels, Upwards, fitting};
use hdrhistogram::Histogram;
use maud::{Markup, html};

/// Above the plot, for three percentiles.
const HEAD: f64 = 46.0;

/// About how many bars there are.
const BARS: f64 = 36.0;

/// Reply times that lie closer together than this factor are drawn on an even scale.
const EVEN: u64 = 6;

/// So are those below this, as there are no parts of a millisecond.
const SHORT: u64 = 60;

/// The percentiles that are marked.
const MARKED: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

/// Replies by how long they took: bar `i` counts replies from `edges[i]` to less than `edges[i + 1]`. The first one
/// holds what was faster, too, the last one what was slower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Bins {
    pub edges: Vec<u64>,
    pub counts: Vec<u64>,
    /// Whether equal distances are equal factors.
    is_log: bool,
}

impl Bins {
    /// Sorts what was measured. Every reply is in exactly one bar.
    pub fn of(replies: &Histogram<u64>) -> Bins {
        // The slowest few may be so far off that nothing else could be seen.
        let (least, most) = (replies.min(), replies.value_at_quantile(0.999).max(1));
        let is_log = most > SHORT && most > least.saturating_mul(EVEN);
        let edges = if is_log { factors(least, most) } else { even(least, most) };
        let mut counts = vec![0; edges.len() - 1];
        for value in replies.iter_recorded() {
            let behind = edges.partition_point(|edge| *edge <= value.value_iterated_to());
            counts[behind.saturating_sub(1).min(edges.len() - 2)] += value.count_at_value();
        }
        Bins { edges, counts, is_log }
    }

    /// Where a reply time lies.
    fn at(&self, milliseconds: f64) -> Percent {
        let (first, last) = (self.edges[0] as f64, self.edges[self.edges.len() - 1] as f64);
        let scale = |value: f64| if self.is_log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let place = (scale(milliseconds) - scale(first)) / (scale(last) - scale(first));
        Percent(place.clamp(0.0, 1.0) * 100.0)
    }

    /// Round reply times within the drawing.
    fn ticks(&self) -> Vec<u64> {
        let (first, last) = (self.edges[0], self.edges[self.edges.len() - 1]);
        if !self.is_log {
            let step = round_step((last - first) as f64, 6.0).max(1.0) as u64;
            return (first.next_multiple_of(step)..=last).step_by(step as usize).collect();
        }
        let powers = (0..8).map(|power| 10_u64.pow(power));
        let round = powers.flat_map(|power| [power, 2 * power, 5 * power]);
        round.filter(|value| (first..=last).contains(value)).collect()
    }
}

fn even(least: u64, most: u64) -> Vec<u64> {
    let step = round_step((most - least.min(most)) as f64, BARS).max(1.0) as u64;
    (least / step..=most / step + 1).map(|edge| edge * step).collect()
}

fn factors(least: u64, most: u64) -> Vec<u64> {
    // From 5 ms on there is room for bars between whole milliseconds.
    let mut edges = vec![least.max(5)];
    let factor = (most as f64 / edges[0] as f64).powf(1.0 / BARS).max(1.2);
    while let Some(last) = edges.last().copied().filter(|last| *last <= most) {
        edges.push(((last as f64 * factor).round() as u64).max(last + 1));
    }
    edges
}

/// The drawing, with a name for what reads it aloud.
pub(in super::super) fn replies(measured: &Histogram<u64>, bins: &Bins) -> Markup {
    let most = bins.counts.iter().copied().max().unwrap_or(0);
    let axis = Upwards::new(most as f64, HEAD);
    let base = axis.base();
    let ticks = bins.ticks().into_iter().map(|value| (bins.at(value as f64), span(value))).collect();
    let marks = || {
        let places = MARKED.into_iter().enumerate();
        places.map(|(place, (quantile, name))| {
            (measured.value_at_quantile(quantile), name, 12.0 + 14.0 * place as f64)
        })
    };
    html! {
        svg.plot width="100%" height=(Pixels(base + super::FOOT)) role="img"
            aria-labelledby="replies-title replies-desc" {
            title id="replies-title" { "How long replies took" }
            desc id="replies-desc" {
                (count(measured.len())) " replies; half of them within " (span(measured.value_at_quantile(0.5)))
                ", the slowest after " (span(measured.max())) ". The tables below have the figures."
            }
            (axis.draw())
            @for (edges, number) in bins.edges.windows(2).zip(&bins.counts) {
                @let (from, to) = (bins.at(edges[0] as f64), bins.at(edges[1] as f64));
                @let height = axis.height(*number as f64);
                @if *number > 0 {
                    rect.good.apart x=(from) width=(Percent(to.0 - from.0)) y=(Pixels(base - height)) height=(Pixels(height)) {}
                }
            }
            line.axis x1="0" x2="100%" y1=(Pixels(base)) y2=(Pixels(base)) {}
            // A text that lies on the line of another is read if it is drawn after it.
            @for (value, _, y) in marks() { (draw_line(bins, value, y, base)) }
            @for (value, name, y) in marks() { (draw_name(bins, value, name, y)) }
            @for tick in fitting(ticks) { (tick.draw(base + 18.0)) }
        }
    }
}

/// Where a percentile is marked.
fn mark(bins: &Bins, value: u64) -> Percent {
    bins.at(value as f64 + 0.5)
}

fn draw_line(bins: &Bins, value: u64, y: f64, base: f64) -> Markup {
    let at = mark(bins, value);
    html! { line.mark x1=(at) x2=(at) y1=(Pixels(y - 9.0)) y2=(Pixels(base)) {} }
}

fn draw_name(bins: &Bins, value: u64, name: &str, y: f64) -> Markup {
    let at = mark(bins, value);
    let (anchor, beside) = if at.0 > 66.0 { ("end", -5) } else { ("start", 5) };
    html! { text.mark x=(at) dx=(beside) y=(Pixels(y)) text-anchor=(anchor) { (name) " " (span(value)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_line_is_drawn_over_a_name() {
        let mut measured = Histogram::new_with_max(86_400_000, 3).unwrap();
        (1..=1000).for_each(|value| measured.saturating_record(value));
        let drawn = replies(&measured, &Bins::of(&measured)).into_string();
        let (line, name) = (drawn.rfind(r#"<line class="mark""#), drawn.find(r#"<text class="mark""#));
        assert!(line.is_some() && line < name, "{drawn}");
    }

    proptest! {
        #[test]
        fn every_reply_is_in_one_bar(values in proptest::collection::vec(0..10_000_000_u64, 1..300)) {
            let mut replies = Histogram::new_with_max(86_400_000, 3).unwrap();
            values.iter().for_each(|value| replies.saturating_record(*value));
            let bins = Bins::of(&replies);
            prop_assert_eq!(bins.counts.iter().sum::<u64>(), values.len() as u64);
            prop_assert!(bins.edges.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!((2..120).contains(&bins.edges.len()), "{:?}", bins.edges);
            prop_assert!(bins.ticks().len() < 30);
        }
    }
}
