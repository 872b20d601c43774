//! Which fields of a row differ from what the baseline says of its customer, and the account of all rows.

use super::Fields;
use super::baseline::{Baseline, Customer, Found, Past};
use super::table::PlanLine;
use crate::customer::{Parameter, REMOVE};
use std::io;

/// The most rows that are shown.
pub const SHOWN: usize = 20;

/// What a plan does with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The baseline has no value, or is unknown.
    Set,
    /// The baseline has another value, or the same one where an earlier row of the plan changes it.
    Changed,
    /// The field is removed.
    Removed,
}

/// How often a field is planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FieldCounts {
    /// [`Kind::Set`].
    pub set: u64,
    /// [`Kind::Changed`].
    pub changed: u64,
    /// [`Kind::Removed`].
    pub removed: u64,
    /// Of these, how often the value from before is unknown although the baseline knows the customer.
    pub unknown: u64,
}

impl FieldCounts {
    /// All.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.set + self.changed + self.removed
    }
}

/// The account of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanCounts {
    /// Planned rows of customers that the baseline does not know.
    pub new: u64,
    /// Those of `new` that the baseline names, but is not known to be right about.
    pub in_full: u64,
    /// Planned rows of customers that the baseline knows.
    pub changed: u64,
    /// Valid rows that say what the baseline says.
    pub unchanged: u64,
    /// Rows with nothing to send that are passed over.
    pub passed_over: u64,
    /// Rows that are wrong: they are not planned.
    pub invalid: u64,
    /// Rows whose ids name two customers of the baseline: they are not planned.
    pub ambiguous: u64,
    /// By parameter.
    pub fields: [FieldCounts; Parameter::COUNT],
    /// The first planned rows, at most [`SHOWN`].
    pub first: Vec<ShownRow>,
}

impl PlanCounts {
    /// Rows of the plan.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.new + self.changed
    }

    /// Rows of the input that could be planned.
    #[must_use]
    pub fn valid(&self) -> u64 {
        self.planned() + self.unchanged + self.passed_over
    }

    /// All rows of the input.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.valid() + self.invalid + self.ambiguous
    }
}

/// The account of a baseline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BaselineCounts {
    /// All rows.
    pub rows: u64,
    /// Rows that are wrong.
    pub invalid: u64,
    /// Rows whose last record is not in sync.
    pub not_in_sync: u64,
    /// All customers.
    pub customers: u64,
    /// Customers that the input does not name.
    pub missing: u64,
}

/// A planned field, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The field.
    pub parameter: Parameter,
    /// The kind of the change.
    pub kind: Kind,
    /// The value from before; none where there was none or it is unknown.
    pub was: Option<Box<[u8]>>,
    /// The value that is sent.
    pub set: Box<[u8]>,
}

/// A planned row, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRow {
    /// `customer_id` and `subscription_id`.
    pub ids: [Box<[u8]>; Parameter::LOOKUPS],
    /// The line of the input.
    pub line: u64,
    /// Whether the baseline does not know the customer.
    pub is_new: bool,
    /// The planned fields.
    pub changes: Vec<Change>,
}

/// Compares row after row of an input with a baseline.
pub struct Differences {
    baseline: Baseline,
    counts: PlanCounts,
}

impl Differences {
    /// Begins with a baseline.
    #[must_use]
    pub fn new(baseline: Baseline) -> Differences {
        Differences { baseline, counts: PlanCounts::default() }
    }

    /// Counts a row that is no update. Its ids still name a customer.
    ///
    /// # Errors
    /// If the baseline cannot be read.
    pub fn pass_over(&mut self, fields: &Fields<'_>, is_invalid: bool) -> io::Result<()> {
        self.baseline.find(fields)?;
        let count = if is_invalid { &mut self.counts.invalid } else { &mut self.counts.passed_over };
        *count += 1;
        Ok(())
    }

    /// Compares the next valid row, and hands the line of the plan to `write` if there is one.
    ///
    /// # Errors
    /// If the baseline cannot be read, or what `write` returns.
    pub fn compare<E: From<io::Error>>(
        &mut self,
        (row, line): (u64, u64),
        fields: &Fields<'_>,
        write: impl FnOnce(&PlanLine<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let customer = match self.baseline.find(fields)? {
            Found::Two => {
                self.counts.ambiguous += 1;
                return Ok(());
            }
            Found::Nobody => None,
            Found::One(customer) => {
                let is_right = self.baseline.is_right_about(&customer);
                self.counts.in_full += u64::from(!is_right);
                Some(customer).filter(|_| is_right)
            }
        };
        let ids = [fields[0], fields[1]];
        let mut planned = PlanLine { row, line, is_new: customer.is_none(), ids, ..PlanLine::default() };
        // Left out, the row would take the order of the others with it.
        let is_joint = ids.iter().all(|id| !id.is_empty())
            && customer.as_ref().is_some_and(|customer| self.baseline.is_named_apart(customer));
        for (parameter, set) in Parameter::ALL.into_iter().zip(fields) {
            if parameter.is_lookup() || set.is_empty() {
                continue;
            }
            let past = customer.as_ref().map_or(Past::Unknown, |customer| customer.past(parameter));
            let is_planned = |customer: &Customer| self.baseline.is_planned(customer, parameter);
            if !is_joint && is_same(&past, set) && !customer.as_deref().is_some_and(is_planned) {
                continue;
            }
            if let Some(customer) = &customer {
                self.baseline.note_planned(customer, parameter);
            }
            planned.set[parameter.index()] = set;
            planned.was[parameter.index()] = past;
        }
        if planned.set.iter().all(|set| set.is_empty()) {
            self.counts.unchanged += 1;
            return Ok(());
        }
        self.count(&planned);
        write(&planned)
    }

    fn count(&mut self, planned: &PlanLine<'_>) {
        *(if planned.is_new { &mut self.counts.new } else { &mut self.counts.changed }) += 1;
        for (parameter, set) in planned.changes() {
            let past = &planned.was[parameter.index()];
            let counts = &mut self.counts.fields[parameter.index()];
            counts.unknown += u64::from(!planned.is_new && *past == Past::Unknown);
            match kind(past, set) {
                Kind::Set => counts.set += 1,
                Kind::Changed => counts.changed += 1,
                Kind::Removed => counts.removed += 1,
            }
        }
        if self.counts.first.len() < SHOWN {
            self.counts.first.push(shown(planned));
        }
    }

    /// Ends behind the last row. Counts the customers of the baseline and those that the input does not name, too.
    ///
    /// # Errors
    /// If the baseline cannot be read.
    pub fn finish(mut self, mut base: BaselineCounts) -> io::Result<(PlanCounts, BaselineCounts)> {
        (base.missing, base.customers) = self.baseline.count_missing()?;
        Ok((self.counts, base))
    }
}

fn is_same(past: &Past<'_>, set: &[u8]) -> bool {
    match past {
        Past::Unknown => false,
        Past::None => set == REMOVE.as_bytes(),
        Past::Value(was) => *was == set,
    }
}

fn kind(past: &Past<'_>, set: &[u8]) -> Kind {
    match past {
        _ if set == REMOVE.as_bytes() => Kind::Removed,
        Past::Value(_) => Kind::Changed,
        Past::Unknown | Past::None => Kind::Set,
    }
}

fn shown(planned: &PlanLine<'_>) -> ShownRow {
    let change = |(parameter, set): (Parameter, &[u8])| {
        let past = &planned.was[parameter.index()];
        let was = if let Past::Value(was) = past { Some((*was).into()) } else { None };
        Change { parameter, kind: kind(past, set), was, set: set.into() }
    };
    ShownRow {
        ids: planned.ids.map(Into::into),
        line: planned.line,
        is_new: planned.is_new,
        changes: planned.changes().map(change).collect(),
    }
}
