//! Messages about the end of a run before its last row.

use crate::delivery::{Brake, Limit, MaxFailures, Refusal};
use crate::text::{counted, escape_and_shorten, rounded};

/// Which bound the run has reached.
pub(super) fn reached(limit: Limit) -> String {
    match limit {
        Limit::Deadline => {
            "Stopped at the --deadline. Requests in flight were finished and recorded".to_owned()
        }
        Limit::Rows(most) => format!("Stopped after {} (--limit {most})", counted(most.get(), "row")),
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
                "{of} failed, more than --max-failures {most}. The most frequent reason ({}): {}",
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
                    ". Only rows {first} to {last} are left. If the server is up, these rows are the cause: remove them, \
                     or raise --concurrency"
                ),
                Some((row, _)) => {
                    format!(". Only row {row} is left. If the server is up, this row is the cause: remove it")
                }
                None => String::new(),
            };
            format!(
                "the server was unreachable for {} (--max-outage): {}. Check --url and that the server is up, then rerun \
                 with --resume{at_fault}",
                rounded(*lasted),
                escape_and_shorten(why)
            )
        }
        Brake::RetryAfter { asked, most } => format!(
            "the server asked for a pause of {} (Retry-After), longer than --max-retry-after {}. Resume after that time",
            rounded(*asked),
            rounded(*most)
        ),
    }
}

/// The message that no row was accepted, and how to continue anyway.
fn nothing_accepted(rows: u64, is_start: bool, why: &str, alike: u64) -> String {
    let why = escape_and_shorten(why);
    let hint = if is_start && why.starts_with("HTTP 404") { ". Is --url right?" } else { "." };
    let what = match is_start {
        true => format!("the first {rows} rows were all refused with {why}{hint}"),
        false => {
            format!(
                "none of the last {rows} rows was accepted. The most frequent reason ({}): {why}.",
                counted(alike, "row")
            )
        }
    };
    format!("{what} To continue anyway, add --max-failures 100%")
}

/// Why the server refuses the run, and what to check.
pub(super) fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Denied { status: status @ (407 | 511), text } => format!(
            "a proxy or gateway in front of the server requires credentials (HTTP {status}: {}). Check HTTPS_PROXY and the \
             network. No row was recorded as rejected",
            escape_and_shorten(text)
        ),
        Refusal::Denied { status, text } => format!(
            "the server rejected the credentials (HTTP {status}: {}). Check the API key, the user name (must be a full \
             admin) and that this machine's IP address is on the account's allow-list (ADMIN_API_ALLOWED_IPS). No row \
             was recorded as rejected",
            escape_and_shorten(text)
        ),
        Refusal::Unusable { why } => format!(
            "the server cannot be used: {}. Check --url; if the certificate is signed by your company's authority, pass that \
             with --ca-cert",
            escape_and_shorten(why)
        ),
        Refusal::Redirected { status, target } if target.is_empty() => {
            format!("the server answered with HTTP {status}, a redirect without an address. Check --url")
        }
        Refusal::Redirected { status, target } => format!(
            "the server redirects to {} (HTTP {status}). Redirects are not followed, to protect the API key. If that is \
             your account's address, use it as --url",
            escape_and_shorten(target)
        ),
    }
}
