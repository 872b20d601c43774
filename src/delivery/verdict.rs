//! What to do about a reply. Pure: a reply and the row's history in, a verdict out.

use crate::journal::Status;
use crate::offerit::Reply;
use std::time::Duration;

/// After so many replies that confirm nothing, a maintenance page is taken for what the server has to say.
const MOST_UNCONFIRMED: u32 = 3;

/// What a row has been through, this reply included.
#[derive(Debug, Clone, Copy)]
pub(super) struct History {
    /// Attempts started in this run, at least one.
    pub attempts: u32,
    /// Whether an earlier attempt may have been applied.
    pub maybe_applied: bool,
    /// `--max-attempts`.
    pub max_attempts: u32,
}

/// What becomes of a row after a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is dealt with.
    Done { status: Status, error: String },
    /// It is tried again; if the server asked for it, after all sending was held for a time.
    Again { hold: Option<Duration>, why: String },
    /// Every row would fare the same: the run stops and the row stays without a record.
    Stop(Refusal),
}

/// Why the server will have nothing of this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 401, 403, 407, 511.
    Denied {
        /// The HTTP status.
        status: u16,
        /// Why, in the server's words.
        text: String,
    },
    /// 3xx.
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to.
        target: String,
    },
}

/// The verdict on a reply.
pub(super) fn verdict(reply: Reply, history: History) -> Verdict {
    let done = |status, error| Verdict::Done { status, error };
    let unanswered =
        if history.maybe_applied || may_be_applied(&reply) { Status::Unknown } else { Status::Failed };
    let again = |hold, why, most: u32| {
        if history.attempts < most.min(history.max_attempts) {
            Verdict::Again { hold, why }
        } else {
            done(unanswered, spent(&why, history.attempts))
        }
    };
    match reply {
        Reply::Confirmed { .. } => done(Status::Updated, String::new()),
        Reply::Refused { status, text } => done(Status::Rejected, format!("HTTP {status}: {text}")),
        Reply::Denied { status, text } => Verdict::Stop(Refusal::Denied { status, text }),
        Reply::Redirected { status, target } => Verdict::Stop(Refusal::Redirected { status, target }),
        Reply::Unconfirmed { status, text } => {
            again(None, format!("HTTP {status}: {text}"), MOST_UNCONFIRMED)
        }
        Reply::Overloaded { status, retry_after, text } => {
            again(retry_after, format!("HTTP {status}: {text}"), u32::MAX)
        }
        Reply::NotSent { text } | Reply::Lost { text } => again(None, text, u32::MAX),
    }
}

/// Whether the update may have been applied although the reply does not confirm it.
pub(super) fn may_be_applied(reply: &Reply) -> bool {
    matches!(reply, Reply::Unconfirmed { .. } | Reply::Lost { .. })
}

fn spent(why: &str, attempts: u32) -> String {
    match attempts {
        1 => format!("after 1 attempt: {why}"),
        _ => format!("after {attempts} attempts: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(attempts: u32) -> History {
        History { attempts, maybe_applied: false, max_attempts: 5 }
    }

    fn overloaded() -> Reply {
        Reply::Overloaded { status: 503, retry_after: None, text: "busy".to_owned() }
    }

    fn status(verdict: &Verdict) -> Option<Status> {
        match verdict {
            Verdict::Done { status, .. } => Some(*status),
            _ => None,
        }
    }

    #[test]
    fn only_a_confirmation_is_updated() {
        assert_eq!(status(&verdict(Reply::Confirmed { status: 200 }, history(1))), Some(Status::Updated));
        let refused = Reply::Refused { status: 200, text: "no".to_owned() };
        assert_eq!(status(&verdict(refused, history(1))), Some(Status::Rejected));
    }

    #[test]
    fn what_may_pass_is_tried_until_the_attempts_are_spent() {
        let lost = Reply::Lost { text: "reset".to_owned() };
        let not_sent = Reply::NotSent { text: "refused".to_owned() };
        for (reply, end) in
            [(overloaded(), Status::Failed), (not_sent, Status::Failed), (lost, Status::Unknown)]
        {
            for attempts in 1..5 {
                assert!(matches!(verdict(reply.clone(), history(attempts)), Verdict::Again { .. }));
            }
            assert_eq!(status(&verdict(reply, history(5))), Some(end));
        }
    }

    #[test]
    fn a_row_that_may_have_been_applied_once_never_ends_as_failed() {
        let applied = History { maybe_applied: true, ..history(5) };
        assert_eq!(status(&verdict(overloaded(), applied)), Some(Status::Unknown));
    }

    #[test]
    fn a_page_that_is_no_answer_gets_few_retries() {
        let page = || Reply::Unconfirmed { status: 200, text: "<html>".to_owned() };
        assert!(matches!(verdict(page(), history(2)), Verdict::Again { .. }));
        assert_eq!(status(&verdict(page(), history(3))), Some(Status::Unknown));
        let once = History { max_attempts: 1, ..history(1) };
        assert_eq!(status(&verdict(page(), once)), Some(Status::Unknown));
    }

    #[test]
    fn what_every_row_would_meet_stops_the_run() {
        let denied = Reply::Denied { status: 401, text: String::new() };
        let moved = Reply::Redirected { status: 301, target: String::new() };
        for reply in [denied, moved] {
            assert!(matches!(verdict(reply, history(5)), Verdict::Stop(_)));
        }
    }
}
