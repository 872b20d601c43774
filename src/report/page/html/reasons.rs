//! Why rows are not in sync, with the rows.

use super::super::reasons::{BLANK, Reason};
use super::super::scale::{count, counted, moment, percent, until};
use super::super::survey::{Named, Survey};
use crate::text::escape_line;
use maud::{Markup, html};

/// The section; empty if no row has a reason.
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
                    (counted(others, "row")) " (" (percent(others, bad)) ") " (if others == 1 { "has another reason" } else { "have other reasons" })
                    ": see the error column of the result file."
                }
            }
            @if resolved > 0 {
                p.about { (counted(resolved as u64, "earlier reason")) " no longer " (if resolved == 1 { "applies" } else { "apply" })
                    ": the rows have newer records." }
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

/// The row's own error, if it says more than the reason.
fn differing(row: &Named, text: &str) -> Markup {
    let error = escape_line(&row.error);
    // A difference in the row's own id adds nothing.
    let is_own_id = |id: &str| !id.is_empty() && error.replace(&escape_line(id), BLANK) == text;
    let is_new = error != text && !is_own_id(&row.customer_id) && !is_own_id(&row.subscription_id);
    html! { @if is_new { span.own { (error) } } }
}
