//! What to do about a reply. Pure: a reply and the row's history in, a verdict out.

use crate::journal::Status;
use crate::offerit::Reply;

/// After so many replies that confirm nothing, a maintenance page is taken for what the server has to say.
pub(super) const MOST_UNCONFIRMED: u32 = 3;

/// What a row has been through, this reply included.
#[derive(Debug, Clone, Copy)]
pub(super) struct History {
    /// Attempts that were on the wire in this run, stale ones aside.
    pub attempts: u32,
    /// How often no connection came about.
    pub not_sent: u32,
    /// Attempts over the connection pool that ended without a reply.
    pub stale: u32,
    /// How many replies confirmed nothing.
    pub unconfirmed: u32,
    /// Whether an attempt may have been applied.
    pub maybe_applied: bool,
    /// Whether nothing got through, of any row, since this one first failed: then it is not to blame.
    pub is_alone: bool,
    /// `--max-attempts`.
    pub max_attempts: u32,
}

/// What becomes of a row after a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is dealt with.
    Done { status: Status, error: String },
    /// Its attempts are spent: it is dealt with if the server is up.
    Spent { status: Status, error: String },
    /// It is tried again; so many attempts are left, at least one.
    Again { why: String, left: u32 },
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
    match reply {
        Reply::Confirmed { .. } => done(Status::Updated, String::new()),
        Reply::Refused { status, text } => done(Status::Rejected, format!("HTTP {status}: {text}")),
        Reply::Denied { status, text } => Verdict::Stop(Refusal::Denied { status, text }),
        Reply::Redirected { status, target } => Verdict::Stop(Refusal::Redirected { status, target }),
        Reply::Unconfirmed { status, text } => {
            let left = MOST_UNCONFIRMED.saturating_sub(history.unconfirmed);
            history.again(format!("HTTP {status}: {text}"), left, history.attempts)
        }
        Reply::Overloaded { status, text, .. } => {
            history.again(format!("HTTP {status}: {text}"), u32::MAX, history.attempts)
        }
        // The pipeline retries a stale attempt before any verdict.
        Reply::Stale { text } | Reply::Lost { text } => history.again(text, u32::MAX, history.attempts),
        // What never left is no attempt. It counts only while others get through: then it must end some time.
        Reply::NotSent { text } => {
            let tries = if history.is_alone { 0 } else { history.attempts + history.not_sent };
            history.again(text, u32::MAX, tries)
        }
    }
}

impl History {
    /// `most`: how many more of the kind are of use.
    fn again(self, why: String, most: u32, tries: u32) -> Verdict {
        if most > 0 && tries < self.max_attempts {
            let left = self.max_attempts.saturating_sub(self.attempts + self.not_sent).max(1);
            return Verdict::Again { why, left: left.min(most) };
        }
        let status = if self.maybe_applied { Status::Unknown } else { Status::Failed };
        Verdict::Spent { status, error: spent(&why, self.attempts + self.not_sent + self.stale) }
    }
}

/// Whether the update may have been applied although the reply does not confirm it.
pub(super) fn may_be_applied(reply: &Reply) -> bool {
    matches!(reply, Reply::Unconfirmed { .. } | Reply::Lost { .. } | Reply::Stale { .. })
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
        History {
            attempts,
            not_sent: 0,
            stale: 0,
            unconfirmed: 0,
            maybe_applied: false,
            is_alone: false,
            max_attempts: 5,
        }
    }

    fn overloaded() -> Reply {
        Reply::Overloaded { status: 503, text: "busy".to_owned() }
    }

    fn not_sent() -> Reply {
        Reply::NotSent { text: "refused".to_owned() }
    }

    fn status(verdict: &Verdict) -> Option<Status> {
        match verdict {
            Verdict::Done { status, .. } | Verdict::Spent { status, .. } => Some(*status),
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
        for reply in [overloaded(), lost] {
            for attempts in 1..5 {
                let Verdict::Again { left, .. } = verdict(reply.clone(), history(attempts)) else {
                    panic!("again")
                };
                assert_eq!(left, 5 - attempts);
            }
            assert!(matches!(verdict(reply, history(5)), Verdict::Spent { status: Status::Failed, .. }));
        }
    }

    #[test]
    fn a_row_that_may_have_been_applied_once_never_ends_as_failed() {
        let applied = History { maybe_applied: true, ..history(5) };
        assert_eq!(status(&verdict(overloaded(), applied)), Some(Status::Unknown));
    }

    #[test]
    fn a_stale_attempt_may_have_been_applied() {
        assert!(may_be_applied(&Reply::Lost { text: String::new() }));
        assert!(may_be_applied(&Reply::Stale { text: String::new() }));
        assert!(!may_be_applied(&not_sent()));
    }

    #[test]
    fn what_never_left_is_spent_only_while_others_get_through() {
        let tried = History { not_sent: 5, ..history(0) };
        assert_eq!(status(&verdict(not_sent(), tried)), Some(Status::Failed));
        let alone = History { not_sent: 1000, is_alone: true, ..history(0) };
        assert!(matches!(verdict(not_sent(), alone), Verdict::Again { .. }));
    }

    #[test]
    fn a_page_that_is_no_answer_gets_few_retries() {
        let page = || Reply::Unconfirmed { status: 200, text: "<html>".to_owned() };
        let applied = |attempts| History { maybe_applied: true, unconfirmed: attempts, ..history(attempts) };
        assert!(matches!(verdict(page(), applied(2)), Verdict::Again { left: 1, .. }));
        assert_eq!(status(&verdict(page(), applied(3))), Some(Status::Unknown));
        let once = History { max_attempts: 1, ..applied(1) };
        assert_eq!(status(&verdict(page(), once)), Some(Status::Unknown));
        // What went before it and was no page does not count as one, but as an attempt.
        let first = History { unconfirmed: 1, ..applied(3) };
        assert!(matches!(verdict(page(), first), Verdict::Again { left: 2, .. }));
        assert!(matches!(
            verdict(page(), History { unconfirmed: 2, ..applied(4) }),
            Verdict::Again { left: 1, .. }
        ));
        assert_eq!(status(&verdict(page(), History { unconfirmed: 2, ..applied(5) })), Some(Status::Unknown));
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
