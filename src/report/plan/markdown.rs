//! The account of a plan for a pull request.

use super::{PlanReport, sign};
use crate::plan::FieldCounts;
use crate::report::markdown::plain;
use crate::text::{counted, grouped};
use std::fmt::Write;

/// All of it, without the last line end.
pub(super) fn markdown(report: &PlanReport) -> String {
    let planned = counted(report.counts.planned(), "row");
    let mut text = format!("### offerit-sync: {planned} planned for {}\n\n", plain(&report.input));
    if let Some(stopped) = &report.stopped {
        let _ = writeln!(text, "No plan was written: {}.\n", plain(stopped));
    }
    text.push_str("| rows | |\n| --- | ---: |\n");
    for (name, count) in report.rows() {
        let _ = writeln!(text, "| {name} | {} |", grouped(count));
    }
    let _ = writeln!(text, "| **all** | {} |", grouped(report.counts.rows()));
    if report.counts.planned() > 0 {
        text.push_str("\n| field | set | changed | removed | old value unknown |\n");
        text.push_str("| --- | ---: | ---: | ---: | ---: |\n");
    }
    for (parameter, FieldCounts { set, changed, removed, unknown }) in report.planned() {
        let counts = [set, changed, removed, unknown].map(|count| grouped(*count));
        let _ = writeln!(text, "| {} | {} |", parameter.name(), counts.join(" | "));
    }
    first(&mut text, report);
    let _ = write!(text, "\n{}", plain(&report.customers()));
    for note in report.notes() {
        let _ = write!(text, "\n\n{}", plain(&note));
    }
    text
}

/// The first rows, folded.
fn first(text: &mut String, report: &PlanReport) {
    if report.counts.first.is_empty() {
        return;
    }
    let shown = counted(report.counts.first.len() as u64, "row");
    let _ = writeln!(text, "\n<details><summary>The first {shown}</summary>\n");
    for row in &report.counts.first {
        let changes: Vec<_> = row
            .changes
            .iter()
            .map(|change| plain(&format!("{} {}", sign(change.kind), report.change(change))))
            .collect();
        let _ = writeln!(text, "- {}: {}", plain(&PlanReport::customer(row)), changes.join(", "));
    }
    if report.more() > 0 {
        let _ = writeln!(text, "- … and {}", counted(report.more(), "more row"));
    }
    text.push_str("\n</details>\n");
}
