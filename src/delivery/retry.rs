//! What becomes of a row after a reply. Pure: a reply and the row's log in, a decision out.

use super::aimd::ServerLoad;
use super::breaker::Evidence;
use super::ending::Refusal;
use super::time::Time;
use crate::journal::Status;
use crate::offerit::{Fault, Reply};
use std::time::Duration;

/// Replies that confirm nothing before a row counts as used up. Chosen: a maintenance page is not asked five times.
const MAX_UNCONFIRMED: u32 = 3;

/// The longest backoff after the first attempt. Chosen.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// The longest backoff. Chosen.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The shortest backoff after a 429. Chosen: most limits are of a second, and sooner the answer would be the same.
const MIN_BACKOFF_AFTER_429: Duration = Duration::from_secs(1);

/// What a row has been through in this run.
#[derive(Debug, Clone, Default)]
pub(super) struct RowLog {
    /// Requests that left: the column `attempts`.
    pub sent: u32,
    /// Attempts, whether their requests left or no connection came about.
    pub tries: u32,
    /// Attempts that count for `--max-attempts`.
    pub charged: u32,
    /// Those of them whose replies confirmed nothing.
    pub unconfirmed: u32,
    /// Whether the update may have been applied without being confirmed, in this run or an earlier one.
    pub is_maybe_applied: bool,
    /// When its first attempt failed.
    pub first_failure: Option<Time>,
    /// Whether it is `failed` or `unknown` in an earlier run.
    pub has_failed_before: bool,
}

/// A reply, as delivery reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// The server answered for itself: the row is dealt with.
    Success { status: Status, http_status: u16, error: String },
    /// It did not.
    Failure(Failure),
    /// An attempt over the connection pool ended before the head of a reply.
    Stale { why: String },
    /// Every row would fare the same.
    Refused(Refusal),
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    kind: Kind,
    fault: Option<Fault>,
    /// What the attempt met.
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Overloaded(u16),
    Unconfirmed(u16),
    Lost,
    NotSent,
}

/// What becomes of a row after a failure while the breaker is closed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decision {
    /// It is sent again after a backoff.
    Retry(Duration),
    /// Its attempts are used up, and the row is at fault.
    Record,
    /// Its attempts are used up, and it is not known who is at fault.
    Park,
}

/// Reads a reply.
pub(super) fn verdict(reply: Reply) -> Verdict {
    let failure = |kind, fault, why| Verdict::Failure(Failure { kind, fault, why });
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
        Reply::Overloaded { status, text } => failure(Kind::Overloaded(status), None, http(status, text)),
        Reply::Unconfirmed { status, text } => failure(Kind::Unconfirmed(status), None, http(status, text)),
        Reply::Lost { text, fault } => failure(Kind::Lost, fault, text),
        Reply::NotSent { text, fault } => failure(Kind::NotSent, fault, text),
        Reply::Stale { text } => Verdict::Stale { why: text },
    }
}

impl Failure {
    /// The HTTP status, if there was a reply.
    pub(super) fn http_status(&self) -> Option<u16> {
        match self.kind {
            Kind::Overloaded(status) | Kind::Unconfirmed(status) => Some(status),
            Kind::Lost | Kind::NotSent => None,
        }
    }

    /// Whether a row is charged with it. A 429 is about the pace, and a connection knows of no row.
    pub(super) fn is_charged(&self) -> bool {
        !matches!(self.kind, Kind::Overloaded(429) | Kind::NotSent)
    }

    /// Whether the resolver says that the server's name does not exist.
    pub(super) fn is_name_unknown(&self) -> bool {
        self.fault == Some(Fault::UnknownName)
    }

    /// What it says of the server's load; `None` without a reply.
    pub(super) fn load(&self) -> Option<ServerLoad> {
        self.http_status().map(ServerLoad::of)
    }

    /// What it says of whether the server is up, where the row is suspect or not, and where the server has answered for
    /// itself in this run or not.
    pub(super) fn evidence(&self, is_suspect: bool, has_succeeded: bool) -> Evidence {
        match (self.kind, self.fault) {
            (Kind::Overloaded(429), _) => Evidence::None,
            (_, Some(fault)) if fault != Fault::UnknownName && !has_succeeded => Evidence::Unusable(fault),
            _ if is_suspect && self.is_charged() => Evidence::None,
            _ => Evidence::MayBeDown,
        }
    }
}

impl RowLog {
    /// Notes a failure, which is `charged` to the row unless the breaker is open.
    pub(super) fn failed(&mut self, failure: &Failure, is_charged: bool, now: Time) {
        self.first_failure.get_or_insert(now);
        self.is_maybe_applied |= matches!(failure.kind, Kind::Unconfirmed(_) | Kind::Lost);
        if is_charged && failure.is_charged() {
            self.charged += 1;
            self.unconfirmed += u32::from(matches!(failure.kind, Kind::Unconfirmed(_)));
        }
    }

    /// Takes back what was charged: it was the server's.
    pub(super) fn forgive(&mut self) {
        (self.charged, self.unconfirmed) = (0, 0);
    }

    /// Whether no attempt of `max_attempts` is left.
    pub(super) fn is_used_up(&self, max_attempts: u32) -> bool {
        self.charged >= max_attempts || self.unconfirmed >= MAX_UNCONFIRMED
    }

    /// What becomes of the row after a failure that was noted.
    pub(super) fn decide(
        &self,
        failure: &Failure,
        is_suspect: bool,
        max_attempts: u32,
        random: &mut fastrand::Rng,
    ) -> Decision {
        match self.is_used_up(max_attempts) {
            true if is_suspect => Decision::Record,
            true => Decision::Park,
            false => {
                let backoff = backoff(self.tries, random);
                let is_429 = failure.kind == Kind::Overloaded(429);
                Decision::Retry(if is_429 { backoff.max(MIN_BACKOFF_AFTER_429) } else { backoff })
            }
        }
    }

    /// What a row is recorded as that ends without a success.
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

    fn failure(reply: Reply) -> Failure {
        match verdict(reply) {
            Verdict::Failure(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn overloaded(status: u16) -> Failure {
        failure(Reply::Overloaded { status, text: "busy".to_owned() })
    }

    fn page() -> Failure {
        failure(Reply::Unconfirmed { status: 200, text: "<html>".to_owned() })
    }

    fn lost(fault: Option<Fault>) -> Failure {
        failure(Reply::Lost { text: "reset".to_owned(), fault })
    }

    fn not_sent(fault: Option<Fault>) -> Failure {
        failure(Reply::NotSent { text: "connection refused".to_owned(), fault })
    }

    /// The log of a row that met these failures.
    fn log(failures: &[Failure]) -> RowLog {
        let mut log = RowLog::default();
        for failure in failures {
            log.tries += 1;
            log.failed(failure, true, SECOND);
        }
        log
    }

    #[test]
    fn only_a_confirmation_is_updated_and_only_a_refusal_rejected() {
        let success = |reply| match verdict(reply) {
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
            // Nothing is while the breaker is open.
            let mut row = RowLog::default();
            row.failed(&failure, false, SECOND);
            assert_eq!((row.charged, row.first_failure), (0, Some(SECOND)));
        }
    }

    #[test]
    fn attempts_are_used_up_by_their_number_or_by_three_pages() {
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
    fn a_row_whose_attempts_are_used_up_is_recorded_if_it_is_suspect_and_parked_if_not() {
        let random = &mut fastrand::Rng::new();
        let (busy, log) = (overloaded(503), log(&vec![overloaded(503); 5]));
        assert_eq!(log.decide(&busy, true, 5, random), Decision::Record);
        assert_eq!(log.decide(&busy, false, 5, random), Decision::Park);
        assert!(matches!(log.decide(&busy, true, 6, random), Decision::Retry(_)));
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
    fn only_failures_of_rows_that_are_not_suspect_speak_of_the_server() {
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
        // A server that nothing got through to cannot be used, whatever became of the row before.
        for (failure, fault) in [
            (not_sent(Some(Fault::Certificate)), Fault::Certificate),
            (lost(Some(Fault::NoHttp)), Fault::NoHttp),
        ] {
            assert_eq!([false, true].map(|it| failure.evidence(it, false)), [unusable(fault); 2]);
        }
    }

    #[test]
    fn a_failure_has_the_status_and_the_load_of_its_reply_and_the_fault_of_its_connection() {
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
    fn after_a_429_a_row_waits_for_a_second_at_least() {
        let random = &mut fastrand::Rng::new();
        for _ in 0..100 {
            let Decision::Retry(backoff) = log(&[overloaded(429)]).decide(&overloaded(429), false, 5, random)
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
            assert!(matches!(verdict(reply), Verdict::Refused(_)));
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
