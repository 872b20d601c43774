//! What ended a run early, in words for people.

use crate::delivery::{Brake, Limit, MaxFailures, Refusal};
use crate::text::{counted, escape_and_shorten, rounded};

/// Which bound the run has reached.
pub(super) fn reached(limit: Limit) -> String {
    match limit {
        Limit::Deadline => {
            "the --deadline has come: nothing new was started, and what was under way is recorded".to_owned()
        }
        Limit::Rows(most) => {
            format!("the first {most} rows that needed sending were sent, which is the --limit")
        }
    }
}

/// Which limit ended the run early.
pub(super) fn pulled(brake: &Brake) -> String {
    match brake {
        Brake::Failures { failed, sent, most, why, alike } => {
            let (of, most) = match most {
                MaxFailures::Count(count) => {
                    (format!("{failed} of the {sent} rows sent in this run"), count.to_string())
                }
                MaxFailures::Percent(percent) => {
                    (format!("{failed} of the last {sent} rows sent"), format!("{percent}%"))
                }
            };
            format!(
                "{of} were refused or failed, and --max-failures is {most}. The commonest reason ({}): {}",
                counted(*alike, "row"),
                escape_and_shorten(why)
            )
        }
        Brake::NothingAccepted { rows, is_start, why, alike } => {
            nothing_accepted(*rows, *is_start, why, *alike)
        }
        Brake::Outage { lasted, why, left } => {
            let at_fault = match left {
                Some((first, last)) if first != last => format!(
                    ". Rows {first} to {last} are the last ones that wait. If the server is up, they are at fault: \
                     take them out, or raise --concurrency"
                ),
                Some((row, _)) => format!(
                    ". Row {row} is the last one that waits. If the server is up, it is at fault: take it out"
                ),
                None => String::new(),
            };
            format!(
                "the server has answered nothing for {} ({}). The next run with --resume sends the rows that were \
                 open{at_fault}",
                rounded(*lasted),
                escape_and_shorten(why)
            )
        }
        Brake::RetryAfter { asked, most } => format!(
            "the server asks for a pause of {} (Retry-After), and --max-retry-after is {}",
            rounded(*asked),
            rounded(*most)
        ),
    }
}

/// That no row was accepted, and how to go on all the same.
fn nothing_accepted(rows: u64, is_start: bool, why: &str, alike: u64) -> String {
    let why = escape_and_shorten(why);
    let hint = if is_start && why.starts_with("HTTP 404") { ". Is --url right?" } else { "." };
    let what = match is_start {
        true => format!("the first {rows} rows were all refused with {why}{hint}"),
        false => {
            format!(
                "none of the last {rows} rows was accepted. The commonest reason ({}): {why}.",
                counted(alike, "row")
            )
        }
    };
    format!("{what} To go on all the same, add --max-failures 100%")
}

/// Why the server refuses the run, and what to check.
pub(super) fn told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Denied { status: status @ (407 | 511), text } => format!(
            "a proxy or gateway between here and the server wants credentials (HTTP {status}: {}). Check HTTPS_PROXY \
             and the network; no row was recorded as rejected for it",
            escape_and_shorten(text)
        ),
        Refusal::Denied { status, text } => format!(
            "the server refuses the credentials (HTTP {status}: {}). Check the API key, the user name (an admin \
             account) and that this machine's IP address is on the account's allow-list; no row was recorded as \
             rejected for it",
            escape_and_shorten(text)
        ),
        Refusal::Unusable { why } => format!(
            "the server cannot be used: {}. Waiting does not heal that: check --url, and --ca-cert if the server's \
             certificate is one of your own authority",
            escape_and_shorten(why)
        ),
        Refusal::Redirected { status, target } => format!(
            "the server redirects to {} (HTTP {status}), which is not followed: it would carry the API key and the \
             row to another place. If that is your account's address, give it as --url",
            escape_and_shorten(target)
        ),
    }
}
