//! `--since`: finds the rows that have changed since the last delivery to their customers, and checks that the number of
//! changes is plausible.

use super::{LastDeliveries, LastDelivery, RowPlan, Workload};
use crate::customer::Fingerprint;
use std::fmt;

/// The fewest rows for a mass change. Chosen: a handful of customers can change in one night.
const MIN_ROWS_TO_JUDGE: u64 = 20;

/// The limit of `--max-changes`: the most changed rows among the rows that can be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxChanges {
    /// A number of rows.
    Count(u64),
    /// A percentage of the rows.
    Percent(f64),
}

impl MaxChanges {
    /// Whether this number of changes is above the limit.
    #[must_use]
    pub fn is_exceeded(self, changes: u64, rows: u64) -> bool {
        match self {
            MaxChanges::Count(most) => changes > most,
            MaxChanges::Percent(most) => changes as f64 * 100.0 > most * rows as f64,
        }
    }
}

impl fmt::Display for MaxChanges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxChanges::Count(most) => most.fmt(formatter),
            MaxChanges::Percent(most) => write!(formatter, "{most}%"),
        }
    }
}

/// The rows that are sent, counted by the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendReasons {
    /// The customer has another update.
    pub changed: u64,
    /// The last row of the customer failed.
    pub failed: u64,
    /// The customer is in no result file.
    pub unknown: u64,
    /// Another row of the customer is sent, too.
    pub repeated: u64,
}

impl SendReasons {
    fn count(&mut self, last: LastDelivery) {
        match last {
            LastDelivery::Same => {}
            LastDelivery::Another => self.changed += 1,
            LastDelivery::Failed => self.failed += 1,
            LastDelivery::Unknown => self.unknown += 1,
            LastDelivery::Sent { first_was_another } => {
                // A customer with the rows A and B has B every morning: A differs from B only because A is repeated.
                let first = u64::from(first_was_another).min(self.changed);
                self.changed -= first;
                self.repeated += 1 + first;
            }
        }
    }
}

/// The rows of an input, compared with the last deliveries to their customers.
pub struct ChangesSince {
    deliveries: LastDeliveries,
    /// Rows whose customers have an update.
    known: u64,
    /// The rows of `known` that equal the last delivery.
    same: u64,
    reasons: SendReasons,
}

/// More than half of the rows differ from the last deliveries: another key or another mapping is likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MassChange {
    /// The rows that differ.
    pub changed: u64,
    /// The rows whose customers have an update.
    pub known: u64,
}

impl ChangesSince {
    /// Compares with these deliveries.
    #[must_use]
    pub fn new(deliveries: LastDeliveries) -> ChangesSince {
        ChangesSince { deliveries, known: 0, same: 0, reasons: SendReasons::default() }
    }

    /// Compares the next row of the input with the last delivery to its customer; `None` if the row is done already.
    pub fn observe(
        &mut self,
        ids: [Option<&str>; 2],
        print: Fingerprint,
        plan: RowPlan,
    ) -> Option<LastDelivery> {
        let is_done = plan == RowPlan::Skip;
        let last = self.deliveries.observe(ids.map(Option::unwrap_or_default), print, is_done);
        if is_done {
            return None;
        }
        self.reasons.count(last);
        self.known += u64::from(matches!(last, LastDelivery::Same | LastDelivery::Another));
        self.same += u64::from(last == LastDelivery::Same);
        Some(last)
    }

    /// The reasons to send rows.
    #[must_use]
    pub fn reasons(&self) -> SendReasons {
        self.reasons
    }

    /// Whether the number of rows that differ is implausible. Rows that this job has brought in sync already count as unchanged:
    /// otherwise all rows left of an interrupted night would differ.
    #[must_use]
    pub fn find_mass_change(&self, workload: &Workload) -> Option<MassChange> {
        let (known, same) = (self.known + workload.in_sync, self.same + workload.in_sync);
        let is_implausible = known >= MIN_ROWS_TO_JUDGE && same * 2 < known;
        is_implausible.then_some(MassChange { changed: self.known - self.same, known: self.known })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_changes_that_equals_the_limit_is_within_it() {
        assert!(!MaxChanges::Count(2).is_exceeded(2, 9) && MaxChanges::Count(2).is_exceeded(3, 9));
        assert!(!MaxChanges::Percent(25.0).is_exceeded(1, 4) && MaxChanges::Percent(24.9).is_exceeded(1, 4));
        assert_eq!([MaxChanges::Count(7).to_string(), MaxChanges::Percent(2.5).to_string()], ["7", "2.5%"]);
    }

    #[test]
    fn rows_are_counted_by_the_reason_to_send_them() {
        let mut reasons = SendReasons::default();
        let repeated = |first_was_another| LastDelivery::Sent { first_was_another };
        let all = [LastDelivery::Same, LastDelivery::Failed, LastDelivery::Unknown, LastDelivery::Another];
        all.into_iter().chain([repeated(true), repeated(false)]).for_each(|last| reasons.count(last));
        assert_eq!(reasons, SendReasons { changed: 0, failed: 1, unknown: 1, repeated: 3 });
    }

    #[test]
    fn a_mass_change_needs_twenty_rows_and_more_than_half_of_them() {
        let find = |known, same, in_sync| {
            let changes = ChangesSince { known, same, ..ChangesSince::new(LastDeliveries::default()) };
            changes.find_mass_change(&Workload { in_sync, ..Workload::default() })
        };
        assert_eq!(find(20, 9, 0), Some(MassChange { changed: 11, known: 20 }));
        assert_eq!([find(20, 10, 0), find(19, 0, 0), find(20, 9, 2)], [None; 3]);
    }
}
