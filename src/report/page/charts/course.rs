//! How fast it went: records a second over time, one run beside the other.

use super::super::runs::Pause;
use super::super::scale::{decimal, moment, span, time_step};
use super::super::survey::Survey;
use super::super::tally::Bar;
use super::{Label, Percent, Pixels, Upwards, fitting};
use maud::{Markup, html};

/// Above the plot, for the names of the runs.
const HEAD: f64 = 24.0;

/// What lies between two runs, in bars.
const BREAK: f64 = 3.0;

/// The most holds that are drawn, the longest of each run.
const MOST_HOLDS: usize = 100;

/// About how many times there are on the axis.
const TIMES: u64 = 7;

/// One run and its place across.
struct Lane<'survey> {
    number: usize,
    from: u64,
    bars: &'survey [Bar],
    holds: Vec<Pause>,
    /// Bars and breaks before it.
    start: f64,
}

/// Every lane that is drawn.
struct Course<'survey> {
    lanes: Vec<Lane<'survey>>,
    /// How long a bar is, in milliseconds.
    step: u64,
    /// Bars and breaks across.
    width: f64,
}

impl<'survey> Course<'survey> {
    fn of(survey: &'survey Survey) -> Course<'survey> {
        let (tally, mut lanes, mut width) = (&survey.tally, Vec::new(), 0.0);
        let runs = survey.runs.iter().zip(&tally.runs).enumerate().skip(tally.drawn_from());
        for (number, (run, measured)) in runs {
            if !lanes.is_empty() {
                width += BREAK;
            }
            let mut holds = run.holds.clone();
            holds.sort_by_key(|hold| (std::cmp::Reverse(hold.length()), hold.from));
            holds.truncate(MOST_HOLDS);
            lanes.push(Lane {
                number: number + 1,
                from: run.from,
                bars: &measured.bars,
                holds,
                start: width,
            });
            width += measured.bars.len() as f64;
        }
        Course { lanes, step: tally.step(), width }
    }

    /// A place this number of bars from the left.
    fn percent(&self, bars: f64) -> Percent {
        Percent(bars / self.width.max(1.0) * 100.0)
    }

    fn at(&self, lane: &Lane<'_>, time: u64) -> Percent {
        let inside = time.saturating_sub(lane.from) as f64 / self.step as f64;
        self.percent(lane.start + inside.min(lane.bars.len() as f64))
    }

    fn per_second(&self, records: u64) -> f64 {
        records as f64 * 1000.0 / self.step as f64
    }

    /// Round times in each run, or its beginning where there is none.
    fn times(&self) -> Vec<Label> {
        let total = self.lanes.iter().map(|lane| lane.bars.len() as u64).sum::<u64>();
        let step = time_step((total.saturating_mul(self.step) / TIMES).max(1000));
        let mut wanted = Vec::new();
        for lane in &self.lanes {
            let end = lane.from.saturating_add(self.step.saturating_mul(lane.bars.len() as u64));
            let first = lane.from.next_multiple_of(step);
            let times: Vec<_> = (first..=end).step_by(usize::try_from(step).unwrap_or(usize::MAX)).collect();
            let times = if times.is_empty() { vec![lane.from] } else { times };
            wanted.extend(times.into_iter().map(|time| (self.at(lane, time), clock(time, step))));
        }
        fitting(wanted)
    }

    /// How long the holds took, where there is room.
    fn holds(&self) -> Vec<Label> {
        let holds = self.lanes.iter().flat_map(|lane| lane.holds.iter().map(move |hold| (lane, *hold)));
        let middle =
            |lane, hold: Pause| Percent(f64::midpoint(self.at(lane, hold.from).0, self.at(lane, hold.to).0));
        fitting(
            holds.map(|(lane, hold)| (middle(lane, hold), format!("hold {}", span(hold.length())))).collect(),
        )
    }

    /// The names of the runs, with their days where these differ.
    fn names(&self) -> Vec<Label> {
        let day = |lane: &Lane<'_>| moment(lane.from).split(' ').next().unwrap_or_default().to_owned();
        let is_one_day = self.lanes.windows(2).all(|pair| day(&pair[0]) == day(&pair[1]));
        let name = |lane: &Lane<'_>| match is_one_day {
            true => format!("Run {}", lane.number),
            false => format!("Run {}, {}", lane.number, day(lane)),
        };
        fitting(self.lanes.iter().map(|lane| (self.middle(lane), name(lane))).collect())
    }

    fn middle(&self, lane: &Lane<'_>) -> Percent {
        self.percent(lane.start + lane.bars.len() as f64 / 2.0)
    }
}

/// A time on an axis with steps so long.
fn clock(time: u64, step: u64) -> String {
    let text = moment(time);
    match step {
        86_400_000.. => text[..10].to_owned(),
        60_000.. => text[11..16].to_owned(),
        _ => text[11..].to_owned(),
    }
}

/// The drawing, with a name for what reads it aloud.
pub(in super::super) fn course(survey: &Survey) -> Markup {
    let course = Course::of(survey);
    let all = || course.lanes.iter().flat_map(|lane| lane.bars);
    let most = all().map(|bar| course.per_second(bar.records())).fold(0.0, f64::max);
    let axis = Upwards::new(most, HEAD);
    let base = axis.base();
    html! {
        svg.plot width="100%" height=(Pixels(base + super::FOOT)) role="img" aria-labelledby="course-title course-desc" {
            title id="course-title" { "Records per second over time" }
            desc id="course-desc" {
                "Bars of " (span(course.step)) ", " (course.lanes.len()) " drawn, at most "
                (decimal(most)) " records per second. The table below has the figures."
            }
            (axis.draw())
            @for lane in &course.lanes {
                @for hold in &lane.holds { (draw_hold(&course, lane, *hold, base)) }
                @for (place, bar) in lane.bars.iter().enumerate() {
                    (draw_bar(&course, &axis, lane.start + place as f64, *bar))
                }
                @let (from, to) = (course.percent(lane.start), course.percent(lane.start + lane.bars.len() as f64));
                line.axis x1=(from) x2=(to) y1=(Pixels(base)) y2=(Pixels(base)) {}
            }
            g.held { @for hold in course.holds() { (hold.draw(HEAD + 18.0)) } }
            @if course.lanes.len() > 1 || course.lanes.iter().any(|lane| lane.number > 1) {
                @for name in course.names() { (name.draw(14.0)) }
            }
            @for time in course.times() { (time.draw(base + 18.0)) }
        }
    }
}

fn draw_bar(course: &Course<'_>, axis: &Upwards, place: f64, bar: Bar) -> Markup {
    let (x, width) = (course.percent(place), course.percent(1.0));
    let good = axis.height(course.per_second(bar.in_sync));
    let bad = axis.height(course.per_second(bar.not_in_sync));
    let base = axis.base();
    html! {
        @if bar.in_sync > 0 {
            rect.good x=(x) width=(width) y=(Pixels(base - good)) height=(Pixels(good)) {}
        }
        @if bar.not_in_sync > 0 {
            @for class in ["bad", "hatch"] {
                rect class=(class) x=(x) width=(width) y=(Pixels(base - good - bad)) height=(Pixels(bad)) {}
            }
        }
    }
}

fn draw_hold(course: &Course<'_>, lane: &Lane<'_>, hold: Pause, base: f64) -> Markup {
    let (from, to) = (course.at(lane, hold.from), course.at(lane, hold.to));
    html! {
        rect.hold x=(from) width=(Percent((to.0 - from.0).max(0.15))) y=(Pixels(HEAD)) height=(Pixels(base - HEAD)) {}
    }
}
