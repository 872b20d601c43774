//! The account of a plan for a terminal.

use super::{PlanReport, sign};
use crate::plan::{FieldCounts, Kind};
use crate::text::{counted, escape_and_shorten, grouped};
use std::fmt::Write;

/// All of it, without the last line end.
pub(super) fn text(report: &PlanReport) -> String {
    let mut text = String::new();
    for row in &report.counts.first {
        let changes = row.changes.iter().map(|change| {
            let line = format!("{} {}", sign(change.kind), report.change(change));
            coloured(&line, change.kind, report.is_coloured)
        });
        let changes: Vec<_> = changes.collect();
        let _ = writeln!(text, "{}  {}", PlanReport::customer(row), changes.join("  "));
    }
    if report.more() > 0 {
        let _ = writeln!(text, "… and {}", counted(report.more(), "more row"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    fields(&mut text, report);
    let rows: Vec<_> =
        report.rows().iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    let _ = writeln!(
        text,
        "{}: {}: {}.",
        escape_and_shorten(&report.input),
        counted(report.counts.rows(), "row"),
        rows.join(", ")
    );
    let _ = writeln!(text, "{}", report.customers());
    for note in report.notes() {
        let _ = writeln!(text, "{note}");
    }
    let _ = match (&report.output, &report.stopped) {
        (_, Some(stopped)) => write!(text, "No plan was written: {stopped}."),
        (Some(output), _) => {
            write!(
                text,
                "Wrote {} ({}).",
                escape_and_shorten(output),
                counted(report.counts.planned(), "row")
            )
        }
        (None, None) => write!(text, "No plan was written. To write one, add -o FILE."),
    };
    text
}

/// The number of changes per field.
fn fields(text: &mut String, report: &PlanReport) {
    if report.counts.planned() == 0 {
        return;
    }
    let _ = writeln!(text, "{:<15} {:>11} {:>11} {:>11}", "field", "set", "changed", "removed");
    for (parameter, FieldCounts { set, changed, removed, unknown }) in report.planned() {
        let [set, changed, removed] = [set, changed, removed].map(|count| grouped(*count));
        let _ = write!(text, "{:<15} {set:>11} {changed:>11} {removed:>11}", parameter.name());
        let _ = match unknown {
            0 => writeln!(text),
            _ => writeln!(text, "  ({} with an unknown old value)", grouped(*unknown)),
        };
    }
    text.push('\n');
}

fn coloured(text: &str, kind: Kind, is_coloured: bool) -> String {
    if !is_coloured {
        return text.to_owned();
    }
    let colour = match kind {
        Kind::Set => 32,
        Kind::Changed => 33,
        Kind::Removed => 31,
    };
    format!("\u{1b}[{colour}m{text}\u{1b}[0m")
}
