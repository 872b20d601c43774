//! Why rows are not in sync, with the rows.

use super::super::reasons::{BLANK, Reason};
use super::super::scale::{count, counted, moment, percent, until};
use super::super::survey::{Named, Survey};
use crate::text::escape_line;
use maud::{Markup, html};

/// The section; empty if there is nothing to tell.
pub(super) fn section(survey: &Survey) -> Markup {
    let bad = survey.rows.total() - survey.rows.in_sync();
    let (shown, others) = survey.shown_reasons();
    let resolved = survey.reasons.resolved();
    if bad == 0 && resolved == 0 {
        return html! {};
    }
    html! {
        section {
            h2 { "Why rows are not in sync" }
            @if bad == 0 { p.about { "Every row so far is in sync now." } }
            ol.reasons {
                @for (number, reason) in &shown {
                    (one(reason, bad, survey.named.get(number).map_or(&[], Vec::as_slice)))
                }
            }
            @if others > 0 {
                p.about {
                    "For other reasons: " (counted(others, "row")) " (" (percent(others, bad)) "). "
                    "The result file has every one."
                }
            }
            @if resolved > 0 {
                p.about { (counted(resolved as u64, "reason")) " of earlier records no longer " (if resolved == 1 { "holds" } else { "hold" })
                    ": those rows were recorded anew." }
            }
        }
    }
}

fn one(reason: &Reason, bad: u64, rows: &[Named]) -> Markup {
    let text = escape_line(&reason.text);
    let (from, to) = reason.seen;
    html! {
        li {
            div {
                p.what {
                    strong { (counted(reason.rows, "row")) } " " span.part { (percent(reason.rows, bad)) }
                    span.tag { (reason.status) }
                    @if let Some(code) = reason.http_status { span.tag { "HTTP " (code) } }
                }
                p.text { @if text.is_empty() { "no reason is recorded" } @else { (text) } }
                p.seen {
                    "Seen " (moment(from)) @if to > from { " to " (until(from, to)) } " UTC"
                    @if reason.records > reason.rows { ", in " (counted(reason.records, "record")) }
                }
            }
            ul.rows {
                @for row in rows { li { (place(row)) (differing(row, &text)) } }
                @if reason.rows > rows.len() as u64 { li.more { "and " (count(reason.rows - rows.len() as u64)) " more" } }
            }
        }
    }
}

fn place(row: &Named) -> Markup {
    html! {
        b { "row " (row.row) } ", line " (row.line)
        @if !row.customer_id.is_empty() { ", customer " span.id { (escape_line(&row.customer_id)) } }
        @if !row.subscription_id.is_empty() { ", subscription " span.id { (escape_line(&row.subscription_id)) } }
    }
}

/// What the row's record says, where that is not what the reason says.
fn differing(row: &Named, text: &str) -> Markup {
    let error = escape_line(&row.error);
    // That a text names the row's own id is nothing new.
    let is_told = |id: &str| !id.is_empty() && error.replace(&escape_line(id), BLANK) == text;
    let is_new = error != text && !is_told(&row.customer_id) && !is_told(&row.subscription_id);
    html! { @if is_new { span.own { (error) } } }
}
