//! The decision about a row after a reply: done, retry with exponential backoff and jitter, park or record. Pure: a reply and
//! the row's log in, a decision out.

use super::aimd::ServerLoad;
use super::breaker::Evidence;
use super::ending::Refusal;
use super::time::Time;
use crate::journal::Status;
use crate::offerit::{Fault, Reply};
use std::time::Duration;

/// The most replies of one row that confirm nothing. Chosen: a maintenance page is not requested five times.
const MAX_UNCONFIRMED: u32 = 3;

/// The longest backoff after the first attempt. Chosen: a short disturbance costs little time.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// The longest backoff. Chosen: later attempts would delay the end of the run.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The shortest backoff after a 429. Chosen: most rate limits are per second, so an earlier retry would be refused again.
const MIN_BACKOFF_AFTER_429: Duration = Duration::from_secs(1);

/// The attempts of a row in this run.
#[derive(Debug, Clone, Default)]
pub(super) struct RowLog {
    /// Requests that left: the column `attempts`.
    pub sent: u32,
    /// Attempts, including attempts that got no connection.
    pub tries: u32,
    /// Attempts that count against `--max-attempts`.
    pub charged: u32,
    /// Charged attempts whose replies confirmed nothing.
    pub unconfirmed: u32,
    /// Whether the update may have been applied without a confirmation, in this run or an earlier run.
    pub is_maybe_applied: bool,
    /// The time of its first failed attempt.
    pub first_failure: Option<Time>,
    /// Whether the row was `failed` or `unknown` in an earlier run.
    pub has_failed_before: bool,
}

/// The meaning of a reply for delivery.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// The server confirmed or refused the row: the row is done.
    Success { status: Status, http_status: u16, error: String },
    /// The attempt failed.
    Failure(AttemptFailure),
    /// An attempt over the connection pool ended before the head of a reply.
    Stale { why: String },
    /// The server would refuse every row.
    Refused(Refusal),
}

/// The reason why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AttemptFailure {
    kind: FailureKind,
    fault: Option<Fault>,
    /// The reason, for people.
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailureKind {
    Overloaded(u16),
    Unconfirmed(u16),
    Lost,
    NotSent,
}

/// The decision about a row after a failure while the breaker is closed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RetryDecision {
    /// Send the row again after this backoff.
    Retry(Duration),
    /// Record the row: its attempts are used up, and the row is at fault.
    Record,
    /// Park the row: the last rows get no connection, or its attempts are used up and either the row or the server is at fault.
    Park,
}

/// Classifies a reply.
pub(super) fn classify(reply: Reply) -> Verdict {
    let failure = |kind, fault, why| Verdict::Failure(AttemptFailure { kind, fault, why });
    let http = |status, text: String| format!("HTTP {status}: {text}");
    match reply {
        Reply::Confirmed { status } => {
            Verdict::Success { status: Status::Updated, http_status: status, error: String::new() }
        }
        Reply::Refused { status, text } => {
            Verdict::Success { status: Status::Rejected, http_status: status, error: http(status, text) }
        }
        Reply::Denied { status, text } => Verdict::Refused(Refusal::Denied { status, text }),
        Reply::Redirected { status, target } => Verdict::Refused(Refusal::Redirected { status, target }),
        Reply::Overloaded { status, text } => {
            failure(FailureKind::Overloaded(status), None, http(status, text))
        }
        Reply::Unconfirmed { status, text } => {
            failure(FailureKind::Unconfirmed(status), None, http(status, text))
        }
        Reply::Lost { text, fault } => failure(FailureKind::Lost, fault, text),
        Reply::NotSent { text, fault } => failure(FailureKind::NotSent, fault, text),
        Reply::Stale { text } => Verdict::Stale { why: text },
    }
}

impl AttemptFailure {
    /// The HTTP status, if there was a reply.
    pub(super) fn http_status(&self) -> Option<u16> {
        match self.kind {
            FailureKind::Overloaded(status) | FailureKind::Unconfirmed(status) => Some(status),
            FailureKind::Lost | FailureKind::NotSent => None,
        }
    }

    /// Whether the failure is charged to its row. The cause of a 429 is the pace, and a failed connection carries no row.
    pub(super) fn is_charged(&self) -> bool {
        !matches!(self.kind, FailureKind::Overloaded(429) | FailureKind::NotSent)
    }

    /// Whether the resolver reports that the server's name does not exist.
    pub(super) fn is_name_unknown(&self) -> bool {
        self.fault == Some(Fault::UnknownName)
    }

    /// The load of the server that the reply indicates; `None` without a reply.
    pub(super) fn load(&self) -> Option<ServerLoad> {
        self.http_status().map(ServerLoad::of)
    }

    /// Whether waiting cannot help: the server has a permanent fault, and no row succeeded in this run.
    pub(super) fn is_hopeless(&self, has_succeeded: bool) -> bool {
        matches!(self.evidence(false, has_succeeded), Evidence::Unusable(_))
    }

    /// The evidence about the server. `is_suspect`: the row is suspect. `has_succeeded`: the server has confirmed or refused
    /// a row in this run.
    pub(super) fn evidence(&self, is_suspect: bool, has_succeeded: bool) -> Evidence {
        match (self.kind, self.fault) {
            (FailureKind::Overloaded(429), _) => Evidence::None,
            (_, Some(fault)) if fault != Fault::UnknownName && !has_succeeded => Evidence::Unusable(fault),
            _ if is_suspect && self.is_charged() => Evidence::None,
            _ => Evidence::MayBeDown,
        }
    }
}

impl RowLog {
    /// Counts a failure. `is_charged` is false while the breaker is open.
    pub(super) fn add_failure(&mut self, failure: &AttemptFailure, is_charged: bool, now: Time) {
        self.first_failure.get_or_insert(now);
        self.is_maybe_applied |= matches!(failure.kind, FailureKind::Unconfirmed(_) | FailureKind::Lost);
        if is_charged && failure.is_charged() {
            self.charged += 1;
            self.unconfirmed += u32::from(matches!(failure.kind, FailureKind::Unconfirmed(_)));
        }
    }

    /// Cancels the charged attempts, because the server was at fault.
    pub(super) fn forgive(&mut self) {
        (self.charged, self.unconfirmed) = (0, 0);
    }

    /// Whether no attempt of `max_attempts` is left.
    pub(super) fn is_used_up(&self, max_attempts: u32) -> bool {
        self.charged >= max_attempts || self.unconfirmed >= MAX_UNCONFIRMED
    }

    /// Decides about the row after a failure that was counted. `is_last`: no other row can be opened.
    pub(super) fn decide(
        &self,
        failure: &AttemptFailure,
        (is_suspect, is_last): (bool, bool),
        max_attempts: u32,
        random: &mut fastrand::Rng,
    ) -> RetryDecision {
        match self.is_used_up(max_attempts) {
            // The probes of an outage come sooner than the end of a backoff, and no row is to blame.
            _ if is_last && failure.kind == FailureKind::NotSent => RetryDecision::Park,
            true if is_suspect => RetryDecision::Record,
            true => RetryDecision::Park,
            false => {
                let backoff = backoff(self.tries, random);
                let is_429 = failure.kind == FailureKind::Overloaded(429);
                RetryDecision::Retry(if is_429 { backoff.max(MIN_BACKOFF_AFTER_429) } else { backoff })
            }
        }
    }

    /// The outcome of a row that ends without a success.
    pub(super) fn lost_status(&self) -> Status {
        if self.is_maybe_applied { Status::Unknown } else { Status::Failed }
    }
}

/// Exponential backoff with [full jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so
/// that rows which failed together do not come back together.
fn backoff(tries: u32, random: &mut fastrand::Rng) -> Duration {
    let bound = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(MAX_BACKOFF);
    bound.mul_f64(random.f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failure(reply: Reply) -> AttemptFailure {
        match classify(reply) {
            Verdict::Failure(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn overloaded(status: u16) -> AttemptFailure {
        failure(Reply::Overloaded { status, text: "busy".to_owned() })
    }

    fn page() -> AttemptFailure {
        failure(Reply::Unconfirmed { status: 200, text: "<html>".to_owned() })
    }

    fn lost(fault: Option<Fault>) -> AttemptFailure {
        failure(Reply::Lost { text: "reset".to_owned(), fault })
    }

    fn not_sent(fault: Option<Fault>) -> AttemptFailure {
        failure(Reply::NotSent { text: "connection refused".to_owned(), fault })
    }

    /// The log of a row with these failures.
    fn log(failures: &[AttemptFailure]) -> RowLog {
        let mut log = RowLog::default();
        for failure in failures {
            log.tries += 1;
            log.add_failure(failure, true, SECOND);
        }
        log
    }

    #[test]
    fn a_confirmed_row_is_updated_and_a_refused_row_is_rejected() {
        let success = |reply| match classify(reply) {
            Verdict::Success { status, error, .. } => (status, error),
            other => panic!("{other:?}"),
        };
        assert_eq!(success(Reply::Confirmed { status: 200 }), (Status::Updated, String::new()));
        let refused = Reply::Refused { status: 400, text: "no".to_owned() };
        assert_eq!(success(refused), (Status::Rejected, "HTTP 400: no".to_owned()));
    }

    #[test]
    fn a_429_and_a_failed_connection_are_charged_to_no_row() {
        for (failure, charged) in [
            (overloaded(503), 1),
            (overloaded(500), 1),
            (page(), 1),
            (lost(None), 1),
            (overloaded(429), 0),
            (not_sent(None), 0),
        ] {
            assert_eq!(log(&vec![failure.clone(); 2]).charged, 2 * charged, "{failure:?}");
            // While the breaker is open, no failure is charged.
            let mut row = RowLog::default();
            row.add_failure(&failure, false, SECOND);
            assert_eq!((row.charged, row.first_failure), (0, Some(SECOND)));
        }
    }

    #[test]
    fn five_failures_or_three_pages_use_up_the_attempts_of_a_row() {
        for (failures, expected) in [
            (vec![overloaded(503); 4], false),
            (vec![overloaded(503); 5], true),
            (vec![page(); 2], false),
            (vec![page(); 3], true),
            (vec![lost(None), lost(None), page(), page()], false),
            (vec![overloaded(429); 99], false),
        ] {
            let mut log = log(&failures);
            assert_eq!(log.is_used_up(5), expected, "{failures:?}");
            log.forgive();
            assert!(!log.is_used_up(5));
        }
    }

    #[test]
    fn a_row_without_attempts_is_recorded_if_suspect_and_else_parked() {
        let random = &mut fastrand::Rng::new();
        let (busy, log) = (overloaded(503), log(&vec![overloaded(503); 5]));
        assert_eq!(log.decide(&busy, (true, true), 5, random), RetryDecision::Record);
        assert_eq!(log.decide(&busy, (false, true), 5, random), RetryDecision::Park);
        assert!(matches!(log.decide(&busy, (true, true), 6, random), RetryDecision::Retry(_)));
    }

    #[test]
    fn a_row_without_a_connection_is_parked_if_no_other_row_can_be_opened() {
        let (log, random) = (log(&[not_sent(None)]), &mut fastrand::Rng::new());
        for is_suspect in [false, true] {
            let mut decide = |is_last| log.decide(&not_sent(None), (is_suspect, is_last), 5, random);
            assert_eq!(decide(true), RetryDecision::Park);
            assert!(matches!(decide(false), RetryDecision::Retry(_)));
        }
    }

    #[test]
    fn a_row_that_may_have_been_applied_never_ends_as_failed() {
        assert_eq!(log(&[overloaded(503)]).lost_status(), Status::Failed);
        assert_eq!(log(&[not_sent(None)]).lost_status(), Status::Failed);
        for failure in [page(), lost(None)] {
            assert_eq!(log(&[failure, overloaded(503)]).lost_status(), Status::Unknown);
        }
    }

    #[test]
    fn a_charged_failure_of_a_suspect_row_is_no_evidence_about_the_server() {
        let unusable = Evidence::Unusable;
        let table = [
            (overloaded(503), Evidence::MayBeDown, Evidence::None),
            (page(), Evidence::MayBeDown, Evidence::None),
            (lost(None), Evidence::MayBeDown, Evidence::None),
            (overloaded(429), Evidence::None, Evidence::None),
            (not_sent(None), Evidence::MayBeDown, Evidence::MayBeDown),
            (not_sent(Some(Fault::UnknownName)), Evidence::MayBeDown, Evidence::MayBeDown),
            (not_sent(Some(Fault::Certificate)), Evidence::MayBeDown, Evidence::MayBeDown),
            (lost(Some(Fault::NoHttp)), Evidence::MayBeDown, Evidence::None),
        ];
        for (failure, unsuspected, suspect) in table {
            let found = [false, true].map(|is_suspect| failure.evidence(is_suspect, true));
            assert_eq!(found, [unsuspected, suspect], "{failure:?}");
        }
        // If no row succeeded, the server cannot be used; the history of the row does not matter.
        for (failure, fault) in [
            (not_sent(Some(Fault::Certificate)), Fault::Certificate),
            (lost(Some(Fault::NoHttp)), Fault::NoHttp),
        ] {
            assert_eq!([false, true].map(|it| failure.evidence(it, false)), [unusable(fault); 2]);
        }
    }

    #[test]
    fn a_failure_keeps_the_status_and_the_load_of_its_reply_and_the_fault_of_its_connection() {
        let unknown_name = not_sent(Some(Fault::UnknownName));
        for (failure, status, load, is_name_unknown) in [
            (overloaded(503), Some(503), Some(ServerLoad::Overloaded), false),
            (page(), Some(200), Some(ServerLoad::Normal), false),
            (lost(None), None, None, false),
            (not_sent(Some(Fault::Certificate)), None, None, false),
            (unknown_name, None, None, true),
        ] {
            let found = (failure.http_status(), failure.load(), failure.is_name_unknown());
            assert_eq!(found, (status, load, is_name_unknown), "{failure:?}");
        }
    }

    #[test]
    fn a_row_waits_for_a_second_or_more_after_a_429() {
        let random = &mut fastrand::Rng::new();
        for _ in 0..100 {
            let RetryDecision::Retry(backoff) =
                log(&[overloaded(429)]).decide(&overloaded(429), (false, true), 5, random)
            else {
                panic!("it is not charged")
            };
            assert!(backoff >= SECOND);
        }
    }

    #[test]
    fn a_refusal_of_all_rows_stops_the_run() {
        let denied = Reply::Denied { status: 401, text: String::new() };
        let moved = Reply::Redirected { status: 301, target: String::new() };
        for reply in [denied, moved] {
            assert!(matches!(classify(reply), Verdict::Refused(_)));
        }
    }

    proptest! {
        #[test]
        fn a_backoff_is_never_above_its_bound(tries in 1_u32.., seed: u64) {
            let bound = 0.5 * f64::from(tries - 1).exp2();
            let backoff = backoff(tries, &mut fastrand::Rng::with_seed(seed)).as_secs_f64();
            prop_assert!(backoff <= bound.min(30.0));
        }
    }

    #[test]
    fn backoffs_grow() {
        let mut random = fastrand::Rng::new();
        let mut mean = |tries| (0..1000).map(|_| backoff(tries, &mut random)).sum::<Duration>() / 1000;
        let means: Vec<_> = (1..=6).map(&mut mean).collect();
        assert!(means.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2), "{means:?}");
    }
}
