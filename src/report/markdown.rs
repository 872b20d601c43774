//! The summary of a run as Markdown, for the page of a CI job.

use super::document::Document;
use crate::text::{counted, escape_and_shorten, grouped, rounded};
use std::fmt::Write;

/// A section of its own.
#[must_use]
pub fn job_summary(document: &Document) -> String {
    let Document { rows, attempts, holds, outages, .. } = document;
    let mark = match document.exit_code {
        Some(0) => "✅",
        // Stopped on request: at a limit or by a signal.
        Some(7 | 130 | 143) => "⏸️",
        _ => "❌",
    };
    let mut text = format!("### {mark} offerit-sync: {}\n\n", plain(&document.input));
    if let Some(message) = &document.message {
        let _ = writeln!(text, "{}\n", plain(message));
    }
    text.push_str("| rows | |\n| --- | ---: |\n");
    let mut row = |name: &str, count: u64| {
        let _ = writeln!(text, "| {name} | {} |", grouped(count));
    };
    for (status, count) in document.counts.iter().filter(|(_, count)| *count > 0) {
        row(status.name(), count);
    }
    if rows.in_sync_before > 0 {
        row("in sync before", rows.in_sync_before);
    }
    if let Some(left) = rows.left.filter(|left| *left > 0) {
        row("not sent yet", left);
    }
    if let Some(total) = rows.total {
        row("**all**", total);
    }
    let mut facts = vec![
        match document.exit_code {
            Some(code) => format!("exit code {code} ({})", document.reason.replace('_', " ")),
            None => document.reason.to_owned(),
        },
        format!("{} in {}", counted(attempts.total, "request"), rounded(document.duration)),
    ];
    if attempts.retries > 0 {
        facts.push(if attempts.retries == 1 {
            "1 retry".to_owned()
        } else {
            format!("{} retries", grouped(attempts.retries))
        });
    }
    if let Some(latency) = attempts.latency_ms {
        facts.push(format!("half of them within {:.0} ms, 99% within {:.0} ms", latency.p50, latency.p99));
    }
    for (pauses, noun, whose) in [(holds, "pause", " asked for by the server"), (outages, "outage", "")] {
        if pauses.count > 0 {
            facts.push(format!(
                "{}{whose}, {} in all",
                counted(pauses.count, noun),
                rounded(pauses.duration)
            ));
        }
    }
    let _ = writeln!(text, "\n{}.", facts.join(" · "));
    if let Some(command) = &document.next_command {
        let _ = writeln!(text, "\nTo continue: {}", code(command));
    }
    text
}

/// Text from outside: nothing in it is Markdown or HTML.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in escape_and_shorten(text).chars() {
        match letter {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            // A mention or a reference would reach people.
            '@' => plain.push_str("&#64;"),
            '#' => plain.push_str("&#35;"),
            ':' => plain.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => {
                plain.extend(['\\', letter])
            }
            _ => plain.push(letter),
        }
    }
    plain
}

/// A span of code that holds whatever the text has.
fn code(text: &str) -> String {
    let text = escape_and_shorten(text);
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        assert_eq!(
            plain("<b>|@all #1\n[x](http://y)`"),
            r"&lt;b&gt;\|&#64;all &#35;1\\n\[x\]\(http&#58;//y\)\`"
        );
        assert_eq!(code("a ``b` c"), "``` a ``b` c ```");
    }
}
