//! The sections with figures and charts.

use super::super::charts::{Bins, course, replies, share_bar};
use super::super::scale::{count, counted, decimal, moment, percent, span, until};
use super::super::survey::Survey;
use super::super::words::{advice, meaning};
use super::{cell, columns};
use maud::{Markup, html};

/// The most runs that have a line: the last ones.
const SHOWN_RUNS: usize = 50;

/// The most holds that have a line: the longest.
const SHOWN_HOLDS: usize = 10;

/// The key figures.
pub(super) fn tiles(survey: &Survey) -> Markup {
    let (rows, tally) = (&survey.rows, &survey.tally);
    let bad = rows.total() - rows.in_sync();
    let attempts = tally.total_attempts();
    html! {
        section.tiles aria-label="Key figures" {
            @match survey.input_rows {
                // Without the number of all rows there is no percentage.
                None => (tile("Rows in sync", &count(rows.in_sync()), &format!("of {} so far", counted(rows.total(), "row"))))
                Some(all) => (tile("Rows in sync", &percent(rows.in_sync(), all), &format!("{} of {}", count(rows.in_sync()), count(all))))
            }
            (tile("Rows not in sync", &count(bad), if bad == 0 { "nothing to do" } else { "see the reasons below" }))
            (tile("Records per second", &speed(survey.tail.records, active(survey)), &format!("on average, over {}", span(active(survey)))))
            @if let Some(replies) = tally.replies() {
                (tile("Median reply time", &span(replies.value_at_quantile(0.5)), &format!("95% within {}", span(replies.value_at_quantile(0.95)))))
            }
            (tile("Attempts", &count(attempts), &format!("{} of them retries", count(tally.retries))))
        }
    }
}

fn tile(name: &str, figure: &str, remark: &str) -> Markup {
    html! { div.tile { p.name { (name) } p.figure { (figure) } p.remark { (remark) } } }
}

/// The duration of all runs, holds included, in milliseconds.
fn active(survey: &Survey) -> u64 {
    survey.runs.iter().fold(0, |total: u64, run| total.saturating_add(run.to - run.from))
}

/// Records per second; a dash if no time has passed.
fn speed(records: u64, milliseconds: u64) -> String {
    match milliseconds {
        0 => "–".to_owned(),
        _ => decimal(records as f64 * 1000.0 / milliseconds as f64),
    }
}

/// Rows by status.
pub(super) fn outcomes(survey: &Survey) -> Markup {
    let total = survey.input_rows.unwrap_or_else(|| survey.rows.total());
    let left = survey.still_to_come();
    let share = |number| left.map(|_| cell("Share", percent(number, total)));
    let labels = ["Status", "Rows", "Share", "", "Meaning", "What to do"];
    html! {
        section {
            h2 { "Outcomes" }
            p.about {
                @if left.is_some() { "Rows of the input, by their last record." }
                @else { "Rows with a record so far, by their last record. To count the rows that are left, add " code { "--input INPUT" } "." }
            }
            table.stack.outcomes role="table" {
                (columns(labels.iter().filter(|label| left.is_some() || **label != "Share")))
                tbody role="rowgroup" {
                    @for (status, number) in survey.rows.iter() {
                        tr role="row" .none[number == 0] {
                            th role="rowheader" scope="row" { (status) }
                            (cell("Rows", count(number)))
                            @if let Some(share) = share(number) { (share) }
                            td.chart role="cell" { (share_bar(number, total, !status.is_in_sync())) }
                            (cell("Meaning", meaning(status)))
                            (cell("What to do", if number > 0 { advice(status) } else { "–" }))
                        }
                    }
                    @if let Some(left) = left {
                        tr role="row" .none[left == 0] {
                            th role="rowheader" scope="row" { "not sent yet" }
                            (cell("Rows", count(left)))
                            (cell("Share", percent(left, total)))
                            td.chart role="cell" {}
                            (cell("Meaning", "no result yet, or in another shard"))
                            (cell("What to do", if left > 0 { "resume" } else { "–" }))
                        }
                    }
                }
                tfoot role="rowgroup" {
                    tr role="row" {
                        th role="rowheader" scope="row" { (if left.is_some() { "all" } else { "all so far" }) }
                        (cell("Rows", count(total)))
                        @if let Some(share) = share(total) { (share) }
                        td role="cell" colspan="3" {}
                    }
                }
            }
        }
    }
}

/// Records per second over time.
pub(super) fn course_section(survey: &Survey) -> Markup {
    let (tally, drawn_from) = (&survey.tally, survey.tally.drawn_from());
    let has_holds = survey.runs.iter().skip(drawn_from).any(|run| !run.holds.is_empty());
    let drawn = survey.runs.iter().zip(&tally.runs).enumerate().skip(drawn_from);
    html! {
        section {
            h2 { "Speed" }
            p.about {
                "Records per second, in bars of " (span(tally.step())) ". Times are UTC."
                @if drawn_from > 0 { " The last " (survey.runs.len() - drawn_from) " of " (survey.runs.len()) " runs." }
            }
            figure {
                (course(survey))
                ul.legend {
                    li { (swatch("good", "")) "in sync" }
                    li { (swatch("bad", "hatch")) "not in sync" }
                    @if has_holds { li { (swatch("hold", "")) "hold: nothing was recorded" } }
                }
            }
            details {
                summary { "Figures of this chart" }
                table {
                    thead { tr { th scope="col" { "From (UTC)" } th scope="col" { "Run" } th scope="col" { "In sync" } th scope="col" { "Not in sync" } } }
                    tbody {
                        @for (number, (run, measured)) in drawn {
                            @for (place, bar) in measured.bars.iter().enumerate() {
                                tr { th scope="row" { (moment(run.from + place as u64 * tally.step())) } td { (number + 1) }
                                    td { (count(bar.in_sync)) } td { (count(bar.not_in_sync)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn swatch(class: &str, over: &str) -> Markup {
    html! {
        svg width="14" height="14" aria-hidden="true" {
            rect class=(class) width="14" height="14" {}
            @if !over.is_empty() { rect class=(over) width="14" height="14" {} }
        }
    }
}

/// The runs and the holds.
pub(super) fn runs_section(survey: &Survey) -> Markup {
    let hidden = survey.runs.len().saturating_sub(SHOWN_RUNS);
    let labels = [
        "Run",
        "Began (UTC)",
        "Break before",
        "Took",
        "Records",
        "In sync",
        "Not in sync",
        "Attempts",
        "Per second",
    ];
    html! {
        section {
            h2 { "Runs" }
            p.about { "Found in the records: see the note at the end." }
            table.stack.runs role="table" {
                (columns(&labels))
                tbody role="rowgroup" {
                    @for (number, (run, measured)) in survey.runs.iter().zip(&survey.tally.runs).enumerate().skip(hidden) {
                        @let (records, took) = (measured.records.total(), run.to - run.from);
                        @let before = number.checked_sub(1).and_then(|before| run.from.checked_sub(survey.runs[before].to));
                        tr role="row" {
                            th role="rowheader" scope="row" { span.phone { "Run " } (number + 1) }
                            (cell(labels[1], moment(run.from)))
                            (cell(labels[2], before.map_or("–".to_owned(), span)))
                            (cell(labels[3], span(took)))
                            (cell(labels[4], count(records)))
                            (cell(labels[5], count(measured.records.in_sync())))
                            (cell(labels[6], count(records - measured.records.in_sync())))
                            (cell(labels[7], count(measured.attempts)))
                            (cell(labels[8], speed(records, took)))
                        }
                    }
                }
            }
            @if hidden > 0 { p.about { (counted(hidden as u64, "earlier run")) " not listed." } }
            (holds(survey))
        }
    }
}

fn holds(survey: &Survey) -> Markup {
    let runs = survey.runs.iter().enumerate();
    let mut holds: Vec<_> =
        runs.flat_map(|(run, it)| it.holds.iter().map(move |hold| (run + 1, *hold))).collect();
    let total = holds.iter().fold(0_u64, |total, (_, hold)| total.saturating_add(hold.length()));
    let number = holds.len();
    holds.sort_by_key(|(_, hold)| (std::cmp::Reverse(hold.length()), hold.from));
    holds.truncate(SHOWN_HOLDS);
    holds.sort_by_key(|(run, hold)| (*run, hold.from));
    html! {
        @if number == 0 {
            p.about { "No holds." }
        } @else {
            p.about {
                (counted(number as u64, "hold")) " of " (span(total)) " in all: the server asked for a pause, did not answer, or was \
                slow. "
                @if number > holds.len() { "The longest are:" }
            }
            ul.holds {
                @for (run, hold) in &holds {
                    li { strong { (span(hold.length())) } " in run " (run) ", " (moment(hold.from)) " to " (until(hold.from, hold.to)) " UTC" }
                }
            }
        }
    }
}

/// Reply times.
pub(super) fn replies_section(survey: &Survey) -> Markup {
    let Some(measured) = survey.tally.replies() else {
        return html! {};
    };
    let bins = Bins::of(measured);
    let quantiles = [("half of them", 0.5), ("90%", 0.9), ("95%", 0.95), ("99%", 0.99), ("99.9%", 0.999)];
    html! {
        section {
            h2 { "Reply times" }
            p.about { "Duration of the last attempt of " (counted(measured.len(), "record")) "." }
            figure { (replies(measured, &bins)) }
            table.plain {
                thead { tr { th scope="col" { "Within" } th scope="col" { "Replies" } } }
                tbody {
                    @for (name, quantile) in quantiles {
                        tr { td { (span(measured.value_at_quantile(quantile))) } th scope="row" { (name) } }
                    }
                    tr { td { (span(measured.max())) } th scope="row" { "all of them" } }
                }
            }
            details {
                summary { "Figures of this chart" }
                table {
                    thead { tr { th scope="col" { "From" } th scope="col" { "Replies" } } }
                    tbody {
                        @for (edge, number) in bins.edges.iter().zip(&bins.counts) {
                            tr { th scope="row" { (span(*edge)) } td { (count(*number)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Attempts per record.
pub(super) fn attempts_section(survey: &Survey) -> Markup {
    let attempts = &survey.tally.attempts;
    let (records, most) = (survey.tail.records, attempts.len() - 1);
    let last = attempts.iter().rposition(|number| *number > 0).unwrap_or(0);
    html! {
        section {
            h2 { "Attempts" }
            p.about { "Requests per record." }
            table.plain.attempts {
                thead { tr { th scope="col" { "Attempts" } th scope="col" { "Records" } td {} } }
                tbody {
                    @for (number, of) in attempts.iter().enumerate().take(last.max(1) + 1) {
                        @if number > 0 || *of > 0 {
                            tr {
                                th scope="row" { (number) @if number == most { " or more" } @if number == 0 { " (not sent)" } }
                                td { (count(*of)) }
                                td.chart { (share_bar(*of, records, false)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
