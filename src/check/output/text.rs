//! The report for people: kinds of problems with their first places, the worst first, the counts last.

use super::curl;
use crate::check::mask::masked;
use crate::check::report::{CheckReport, Example, Finding, SHOWN, Severity};
use crate::text::{escape_and_shorten, rounded};
use std::fmt::Write;

/// All of it, without the last line end.
pub(super) fn text(report: &CheckReport) -> String {
    let mut text =
        format!("{}: {}\n", escape_and_shorten(&report.input.display().to_string()), report.format);
    for (severity, title) in [(Severity::Error, "errors"), (Severity::Warning, "warnings")] {
        findings(
            &mut text,
            title,
            report.findings.iter().filter(|finding| finding.severity == severity).collect(),
        );
    }
    information(&mut text, report);
    requests(&mut text, report);
    let _ = match report.least_duration() {
        Some(duration) => {
            writeln!(text, "\nat {} a run takes {} at least", report.pace.name, rounded(duration))
        }
        None => writeln!(text, "\nwithout a limit a run goes as fast as the server answers"),
    };
    text + &report.summary()
}

fn findings(text: &mut String, title: &str, findings: Vec<&Finding>) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    let width =
        findings.iter().map(|finding| finding.count.to_string().len()).max().unwrap_or_default().max(4);
    for finding in findings {
        let is_of_row = finding.examples.first().is_some_and(|example| example.column.is_none());
        let subject = if is_of_row { "the row " } else { "" };
        let _ = writeln!(text, "{:>width$}  {subject}{} [{}]", finding.count, finding.message, finding.kind);
        for example in &finding.examples {
            let _ = writeln!(text, "{:width$}    {}", "", place(example));
        }
        let more = finding.count.saturating_sub(finding.examples.len() as u64);
        if more > 0 && !finding.examples.is_empty() {
            let _ = writeln!(text, "{:width$}    … and {more} more", "");
        }
    }
}

fn place(example: &Example) -> String {
    let mut place = format!("line {}, row {}", example.line, example.row);
    if let Some((column, parameter)) = example.column {
        let _ = write!(place, ", column {column} ({})", parameter.name());
    }
    for told in [&example.value, &example.message].into_iter().flatten() {
        let _ = write!(place, ": {told}");
    }
    place
}

fn information(text: &mut String, report: &CheckReport) {
    let (information, duplicates) = (report.information(), report.about_duplicates());
    if information.is_empty() && duplicates.is_empty() {
        return;
    }
    text.push_str("\nfor your information\n");
    for line in information.iter().map(|(_, message)| message).chain(&duplicates) {
        let _ = writeln!(text, "      {line}");
    }
    for repeated in &report.duplicates.examples {
        let lines: Vec<String> = repeated.lines.iter().map(u64::to_string).collect();
        let more = if repeated.rows > SHOWN as u64 {
            format!(" and {} more", repeated.rows - SHOWN as u64)
        } else {
            String::new()
        };
        let id = masked(repeated.parameter, &repeated.id, report.show_values);
        let _ =
            writeln!(text, "        {} {id}: lines {}{more}", repeated.parameter.name(), lines.join(", "));
    }
}

fn requests(text: &mut String, report: &CheckReport) {
    if report.first.is_empty() {
        return;
    }
    let about = if report.show_values {
        "passwords are not shown"
    } else {
        "values masked, --show-values shows them"
    };
    let _ = writeln!(text, "\nthe first requests ({about})");
    for update in &report.first {
        let _ = writeln!(text, "{}", curl::command(update, report.show_values));
    }
}
