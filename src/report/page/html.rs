//! The page, section by section. `maud` escapes every text; [`plain`] spells out what a browser would obey in it.

mod figures;
mod reasons;

use super::charts::patterns;
use super::runs::RULE;
use super::scale::{counted, moment, until};
use super::survey::Survey;
use super::words::{headline, notices};
use crate::text::escape_and_shorten;
use maud::{Markup, PreEscaped, html};

/// The first bytes of every page: they identify a file as one of this program.
pub const OPENING: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"generator\" \
content=\"offerit-sync ";

/// Loads, sends and runs nothing; only the page's own style is allowed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const VERSION: &str = env!("CARGO_PKG_VERSION");

const STYLE: &str = include_str!("style.css");

/// The whole document. `name` is the result file's.
pub(super) fn document(name: &str, survey: &Survey) -> String {
    let name = &escape_and_shorten(name);
    let headline = headline(&survey.rows, survey.input_rows);
    // Built as text, so that the page begins with OPENING exactly.
    let rest = html! {
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta http-equiv="Content-Security-Policy" content=(POLICY);
        meta name="referrer" content="no-referrer";
        meta name="robots" content="noindex";
        meta name="color-scheme" content="light dark";
        title { (name) ": " (headline) }
        style { (PreEscaped(STYLE)) }
    };
    let opening = html! { (PreEscaped(OPENING)) (VERSION) (PreEscaped("\">")) (rest) };
    let body = html! {
        body {
            (patterns())
            main {
                header {
                    p.eyebrow { "offerit-sync report" span { (name) } }
                    h1 { (headline) "." }
                    p.lead { (when(survey)) }
                    @for notice in notices(survey) { p.notice { (notice) } }
                }
                @if survey.tail.records > 0 { (sections(survey)) }
            }
            (footer(name, survey))
        }
    };
    format!("{}</head>{}</html>\n", opening.into_string(), body.into_string())
}

/// The number of records and runs, and their time span.
fn when(survey: &Survey) -> String {
    let records = counted(survey.tail.records, "record");
    match (survey.runs.first(), survey.runs.iter().map(|run| run.to).max()) {
        (Some(first), Some(to)) => {
            let from = survey.runs.iter().map(|run| run.from).min().unwrap_or(first.from);
            let runs = counted(survey.runs.len() as u64, "run");
            format!("{records} of {runs}, {} to {} UTC", moment(from), until(from, to))
        }
        _ => "The result file has no records yet.".to_owned(),
    }
}

fn sections(survey: &Survey) -> Markup {
    html! {
        (figures::tiles(survey))
        (figures::outcomes(survey))
        (reasons::section(survey))
        (figures::course_section(survey))
        (figures::runs_section(survey))
        div.pair { (figures::replies_section(survey)) (figures::attempts_section(survey)) }
    }
}

fn footer(name: &str, survey: &Survey) -> Markup {
    html! {
        footer {
            h2 { "How to read this page" }
            dl {
                dt { "Rows and records" }
                dd { "Each run adds a record for each row that it handles. If a row has several records, the last one counts. \
                    Outcomes and reasons count rows. Speed, reply times, attempts and runs count records. A row that was not \
                    sent yet has no record: add " code { "--input INPUT" } " to count these rows here, or run "
                    code { "offerit-sync verify INPUT" } "." }
                dt { "Runs and holds" }
                dd { (RULE) }
                dt { "Reasons" }
                dd { "Reasons that differ only in numbers, ids and quoted values are counted together; “…” replaces the \
                    parts that differ." }
                dt { "Reply times" }
                dd { "Duration of the last attempt of each record, in milliseconds, rounded to three digits. Records \
                    without an attempt do not count." }
                dt { "Times" }
                dd { "All times are UTC." }
            }
            p.made { "Made by offerit-sync " (VERSION) " from " (name) ", up to record " (super::scale::count(survey.tail.records))
                " (byte " (super::scale::count(survey.tail.whole)) ")." }
        }
    }
}

/// A cell of a table whose columns become lines on a phone.
fn cell(label: &str, content: impl maud::Render) -> Markup {
    html! { td role="cell" data-label=(label) { (content) } }
}

/// The head of such a table.
fn columns<'label>(labels: impl IntoIterator<Item = &'label &'label str>) -> Markup {
    html! {
        thead role="rowgroup" { tr role="row" { @for label in labels { th role="columnheader" scope="col" { (label) } } } }
    }
}
