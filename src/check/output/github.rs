//! The report as workflow commands of GitHub Actions (documentation, "Workflow commands", and the runner's own
//! escaping of them): annotations at the places in the file. Every line is such a command, so that no text from outside
//! ever begins one.

use crate::check::report::{CheckReport, Example, Finding};
use crate::text::escape_line;
use std::fmt::Write;

/// All of it, without the last line end.
pub(super) fn commands(report: &CheckReport) -> String {
    let file = report.input.display().to_string();
    let mut commands = String::new();
    for finding in &report.findings {
        let last = finding.examples.len().saturating_sub(1);
        for (index, example) in finding.examples.iter().enumerate() {
            let more = finding.count.saturating_sub(finding.examples.len() as u64);
            let more = if index == last && more > 0 { format!(" (and {more} more)") } else { String::new() };
            let message = message_at(finding, example) + &more;
            let _ = writeln!(
                commands,
                "{}",
                command(finding.severity.name(), &file, Place::of(example), finding.kind, &message)
            );
        }
        if finding.examples.is_empty() {
            let _ = writeln!(
                commands,
                "{}",
                command(finding.severity.name(), &file, Place::File, finding.kind, &finding.message)
            );
        }
    }
    for (kind, message) in report.information() {
        let _ = writeln!(commands, "{}", command("notice", &file, Place::File, kind, &message));
    }
    for message in report.about_duplicates() {
        let _ = writeln!(commands, "{}", command("notice", &file, Place::File, "same-customer", &message));
    }
    commands + &command("notice", &file, Place::File, "check", &report.summary())
}

/// The errors of an input that cannot be used as a whole, without the last line end.
pub(super) fn unusable(file: &str, line: Option<u64>, messages: &[String]) -> String {
    let one =
        |message: &String| command("error", file, line.map_or(Place::File, Place::Line), "input", message);
    messages.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn message_at(finding: &Finding, example: &Example) -> String {
    let message = example.message.as_ref().unwrap_or(&finding.message);
    let column = match example.column {
        Some((column, parameter)) => format!(", column {column} ({})", parameter.name()),
        None => String::new(),
    };
    let value = example.value.as_ref().map(|value| format!(", value {value}")).unwrap_or_default();
    format!("row {}{column}{value}: {message}", example.row)
}

/// The place of an annotation.
enum Place {
    File,
    Line(u64),
    /// A line and a character in it, from 1.
    Character(u64, usize),
}

impl Place {
    fn of(example: &Example) -> Place {
        example.place.map_or(Place::Line(example.line), |(line, column)| Place::Character(line, column))
    }
}

fn command(name: &str, file: &str, place: Place, kind: &str, message: &str) -> String {
    let mut command = format!("::{name} file={}", property(file));
    let _ = match place {
        Place::File => Ok(()),
        Place::Line(line) => write!(command, ",line={line}"),
        Place::Character(line, column) => write!(command, ",line={line},col={column}"),
    };
    let _ = write!(command, ",title={}::{}", property(&format!("offerit-sync: {kind}")), data(message));
    command
}

/// The text after the last `::`, with the characters escaped that a terminal obeys.
fn data(text: &str) -> String {
    escape_line(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_or_begins_another() {
        assert_eq!(property("a,b:c%d\n::error::x\r"), "a%2Cb%3Ac%25d\\n%3A%3Aerror%3A%3Ax\\r");
        assert_eq!(data("50%: a,b\n::error::x\u{1b}"), "50%25: a,b\\n::error::x\\u{1b}");
        let line = command(
            "error",
            "a,line=9::\n::set-output name=x::y",
            Place::File,
            "kind",
            "m\r\n::stop-commands::t",
        );
        assert_eq!(
            line,
            "::error file=a%2Cline=9%3A%3A\\n%3A%3Aset-output name=x%3A%3Ay,title=offerit-sync%3A kind::m\\r\\n::stop-commands::t"
        );
    }
}
