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

/// How every page begins: by this a file is known as one.
pub const OPENING: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"generator\" \
content=\"offerit-sync ";

/// Nothing may be loaded, sent or run; the page's own style is all there is.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const VERSION: &str = env!("CARGO_PKG_VERSION");

const STYLE: &str = include_str!("style.css");

/// The whole document. `name` is the result file's.
pub(super) fn document(name: &str, survey: &Survey) -> String {
    let name = &escape_and_shorten(name);
    let headline = headline(&survey.rows, survey.input_rows);
    // Written out, so that there is one text that a page begins with.
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

/// How much is on record, and from when.
fn when(survey: &Survey) -> String {
    let records = counted(survey.tail.records, "record");
    match (survey.runs.first(), survey.runs.iter().map(|run| run.to).max()) {
        (Some(first), Some(to)) => {
            let from = survey.runs.iter().map(|run| run.from).min().unwrap_or(first.from);
            let runs = counted(survey.runs.len() as u64, "run");
            format!("{records} of {runs}, {} to {} UTC", moment(from), until(from, to))
        }
        _ => "The result file holds no record.".to_owned(),
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
                dd { "A row may have several records over several runs; the last one counts. Outcomes and reasons count \
                    rows. Speed, reply times, attempts and runs count records. Rows that were not dealt with yet have no \
                    record: " code { "--input INPUT" } " counts them here, " code { "offerit-sync verify INPUT" } " accounts for them." }
                dt { "Runs and holds" }
                dd { (RULE) }
                dt { "Reasons" }
                dd { "Reasons of one status that differ only in numbers, ids and quoted values are one; “…” stands for \
                    these. Counts are exact." }
                dt { "Reply times" }
                dd { "Of the last attempt of each record that had one, in whole milliseconds, rounded to three digits." }
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
