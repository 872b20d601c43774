//! What ended a run early, in words for people.

use crate::delivery::{Brake, Limit, MaxFailures, Refusal};
use crate::report::{counted, harmless, rounded};

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
                harmless(why)
            )
        }
        Brake::Outage { lasted: Some(lasted), why } => format!(
            "nothing has got through to the server for {} ({}). The rows that were open are left for the next run",
            rounded(*lasted),
            harmless(why)
        ),
        Brake::Outage { lasted: None, why } => format!(
            "nothing has got through to the server ({}), and no row that could be sent has an attempt left. The rows \
             that were open are left for the next run",
            harmless(why)
        ),
        Brake::RetryAfter { asked, most } => format!(
            "the server asks for a pause of {} (Retry-After), and --max-retry-after is {}",
            rounded(*asked),
            rounded(*most)
        ),
    }
}

/// Why the server refuses the run, and what to check.
pub(super) fn told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Denied { status: status @ (407 | 511), text } => format!(
            "a proxy or gateway between here and the server wants credentials (HTTP {status}: {}). Check HTTPS_PROXY \
             and the network; no row was recorded as rejected for it",
            harmless(text)
        ),
        Refusal::Denied { status, text } => format!(
            "the server refuses the credentials (HTTP {status}: {}). Check the API key, the user name (an admin \
             account) and that this machine's IP address is on the account's allow-list; no row was recorded as \
             rejected for it",
            harmless(text)
        ),
        Refusal::Redirected { status, target } => format!(
            "the server redirects to {} (HTTP {status}), which is not followed: it would carry the API key and the \
             row to another place. If that is your account's address, give it as --url",
            harmless(target)
        ),
    }
}
