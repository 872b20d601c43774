//! The report for people: the kinds of findings with their first places, the worst first, and the counts at the end.

use super::curl;
use crate::check::mask::mask_value;
use crate::check::report::{CheckReport, Example, Finding, MOST_EXAMPLES, Severity};
use crate::text::{escape_and_shorten, grouped, rounded};
use std::fmt::Write;

/// All of it, without the last line end.
pub(super) fn text(report: &CheckReport) -> String {
    let mut text =
        format!("{}: {}\n", escape_and_shorten(&report.input.display().to_string()), report.format);
    for (severity, title) in [(Severity::Error, "Errors"), (Severity::Warning, "Warnings")] {
        let findings: Vec<_> =
            report.findings.iter().filter(|finding| finding.severity == severity).collect();
        add_findings(&mut text, title, &findings, report);
    }
    add_notes(&mut text, report);
    if report.show_requests {
        add_requests(&mut text, report);
    }
    text.push('\n');
    if let Some(duration) = report.least_duration().filter(|_| report.rows.valid > 0) {
        let _ = writeln!(text, "Estimated duration at {}: {}", report.pace.name, rounded(duration));
    }
    text + &report.summary()
}

fn add_findings(text: &mut String, title: &str, findings: &[&Finding], report: &CheckReport) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    let width = findings.iter().map(|finding| grouped(finding.count).len()).max().unwrap_or_default().max(4);
    for finding in findings {
        let _ = writeln!(text, "{:>width$} × {} [{}]", grouped(finding.count), finding.message, finding.kind);
        for example in &finding.examples {
            let _ = writeln!(text, "{:width$}     {}", "", place(example, &report.names));
        }
        let more = finding.count.saturating_sub(finding.examples.len() as u64);
        if more > 0 && !finding.examples.is_empty() {
            let _ = writeln!(text, "{:width$}     … and {} more", "", grouped(more));
        }
    }
}

/// `line 5, row 4, column 6 'Land' (country): G… (7 characters)`. A column named after its field has no other name.
fn place(example: &Example, names: &[String]) -> String {
    let mut place = format!("line {}, row {}", example.line, example.row);
    if let Some((column, parameter)) = example.column {
        let _ = write!(place, ", column {column}");
        match names.get(column - 1) {
            Some(name) if !name.eq_ignore_ascii_case(parameter.name()) => {
                let _ = write!(place, " '{name}'");
            }
            _ => {}
        }
        let _ = write!(place, " ({})", parameter.name());
    }
    for detail in [&example.value, &example.message].into_iter().flatten() {
        let _ = write!(place, ": {detail}");
    }
    place
}

fn add_notes(text: &mut String, report: &CheckReport) {
    let (information, duplicates) = (report.information(), report.about_duplicates());
    if information.is_empty() && duplicates.is_empty() {
        return;
    }
    text.push_str("\nNotes\n");
    for line in information.iter().map(|(_, message)| message).chain(&duplicates) {
        let _ = writeln!(text, "       {line}");
    }
    for repeated in &report.duplicates.examples {
        let lines: Vec<String> = repeated.lines.iter().map(u64::to_string).collect();
        let more = match repeated.rows.saturating_sub(MOST_EXAMPLES as u64) {
            0 => String::new(),
            more => format!(" and {} more", grouped(more)),
        };
        let id = mask_value(repeated.parameter, &repeated.id, report.show_values);
        let _ =
            writeln!(text, "         {} {id}: lines {}{more}", repeated.parameter.name(), lines.join(", "));
    }
}

fn add_requests(text: &mut String, report: &CheckReport) {
    if report.first.is_empty() {
        return;
    }
    let about = if report.show_values { "passwords hidden" } else { "values hidden; add --show-values" };
    let _ = writeln!(text, "\nExample requests ({about})");
    for update in &report.first {
        let _ = writeln!(text, "{}", curl::command(update, report.show_values));
    }
}
