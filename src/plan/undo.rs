//! Undo: for each field that a run of a plan may have changed, the value from before the first row of the plan that names it;
//! one row a customer.

use super::Fields;
use super::baseline::Past;
use super::table::PlanLine;
use crate::customer::{Parameter, REMOVE};
use crate::resume::{CustomerIds, IdKey};
use std::collections::HashMap;

/// A row of a plan that was sent.
#[derive(Debug, Clone, Copy)]
pub struct UndoRow<'row> {
    /// `customer_id` and `subscription_id`; one at least.
    pub ids: [Option<&'row str>; Parameter::LOOKUPS],
    /// Its line in the plan.
    pub line: u64,
    /// What it sets; empty where it leaves a field alone.
    pub set: Fields<'row>,
    /// The values from before; empty where they are unknown.
    pub was: Fields<'row>,
    /// Whether the baseline did not know the customer.
    pub is_new: bool,
    /// Whether the server may have applied it.
    pub may_be_applied: bool,
    /// Whether the server has confirmed it.
    pub is_confirmed: bool,
}

impl UndoRow<'_> {
    fn fields(&self) -> impl Iterator<Item = Parameter> {
        let set = self.set;
        let named = move |parameter: &Parameter| !parameter.is_lookup() && !set[parameter.index()].is_empty();
        Parameter::ALL.into_iter().filter(named)
    }
}

/// The account of an undo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UndoCounts {
    /// Customers with a row in the undo.
    pub customers: u64,
    /// Fields that are written back, by parameter.
    pub fields: [u64; Parameter::COUNT],
    /// Customers that the baseline did not know.
    pub new: u64,
    /// Fields of other customers whose value from before is unknown, by parameter.
    pub unknown: [u64; Parameter::COUNT],
    /// Passwords.
    pub passwords: u64,
}

impl UndoCounts {
    /// Whether something cannot be undone.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.new + self.passwords + self.unknown.iter().sum::<u64>() > 0
    }
}

/// Observes every row of a plan, and then takes every row back, each time in the order of the plan. Only customers with
/// several rows are held in memory.
#[derive(Default)]
pub struct Undo {
    ids: CustomerIds,
    customers: Vec<Seen>,
    open: HashMap<u32, Open>,
    counts: UndoCounts,
}

/// What is known of an id, and after the first pass of a customer.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// A bit for each parameter that may have been changed.
    applied: u32,
    /// Rows that are still to be taken back.
    rows: u32,
}

/// A customer some of whose rows were taken back.
#[derive(Default)]
struct Open {
    ids: [Box<str>; Parameter::LOOKUPS],
    is_new: bool,
    /// A bit for each parameter that a row has named.
    named: u32,
    /// The values from before.
    set: [Option<Box<[u8]>>; Parameter::COUNT],
    /// What the plan has made of them, where that is certain.
    was: [Option<Box<[u8]>>; Parameter::COUNT],
}

impl Undo {
    /// Looks at the next row.
    pub fn observe(&mut self, row: &UndoRow<'_>) {
        let id = self.number(row);
        let seen = &mut self.customers[id as usize];
        seen.rows += 1;
        if row.may_be_applied {
            row.fields().for_each(|parameter| seen.applied |= bit(parameter));
        }
    }

    fn number(&mut self, row: &UndoRow<'_>) -> u32 {
        let (ids, _) = self.ids.add(IdKey::of_ids(row.ids));
        self.customers.resize(self.ids.count(), Seen::default());
        ids.into_iter().flatten().next().expect("a row of a plan names a customer")
    }

    /// Ends the first pass.
    pub fn begin_second_pass(&mut self) {
        for id in 0..self.customers.len() {
            let root = self.ids.root(u32::try_from(id).expect("ids are numbered with 32 bits")) as usize;
            if root != id {
                let Seen { applied, rows } = std::mem::take(&mut self.customers[id]);
                self.customers[root].applied |= applied;
                self.customers[root].rows += rows;
            }
        }
    }

    /// Takes the next row back. Hands the customer's line of the undo to `write` at its last row.
    ///
    /// # Errors
    /// What `write` returns.
    pub fn take_back<E>(
        &mut self,
        row: &UndoRow<'_>,
        write: impl FnOnce(&PlanLine<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let id = self.number(row);
        let root = self.ids.root(id);
        let seen = &mut self.customers[root as usize];
        seen.rows = seen.rows.saturating_sub(1);
        let Seen { applied, rows } = *seen;
        if applied == 0 {
            return Ok(());
        }
        let mut open = self.open.remove(&root).unwrap_or_else(|| Open {
            ids: row.ids.map(|id| id.unwrap_or_default().into()),
            is_new: row.is_new,
            ..Open::default()
        });
        for parameter in row.fields().filter(|parameter| applied & bit(*parameter) != 0) {
            open.take_in(row, parameter, &mut self.counts);
        }
        if rows > 0 {
            self.open.insert(root, open);
            return Ok(());
        }
        self.counts.new += u64::from(open.is_new);
        if open.set.iter().all(Option::is_none) {
            return Ok(());
        }
        self.counts.customers += 1;
        write(&open.line(self.counts.customers, row.line))
    }

    /// The account behind the last row.
    #[must_use]
    pub fn finish(self) -> UndoCounts {
        self.counts
    }
}

impl Open {
    fn take_in(&mut self, row: &UndoRow<'_>, parameter: Parameter, counts: &mut UndoCounts) {
        let index = parameter.index();
        if self.named & bit(parameter) == 0 {
            self.named |= bit(parameter);
            match row.was[index] {
                _ if self.is_new => {}
                _ if parameter == Parameter::Password => counts.passwords += 1,
                b"" => counts.unknown[index] += 1,
                was => {
                    counts.fields[index] += 1;
                    self.set[index] = Some(was.into());
                }
            }
        }
        if row.may_be_applied {
            self.was[index] = row.is_confirmed.then(|| row.set[index].into());
        }
    }

    fn line(&self, row: u64, line: u64) -> PlanLine<'_> {
        let mut undo = PlanLine { row, line, ..PlanLine::default() };
        undo.ids = self.ids.each_ref().map(|id| id.as_bytes());
        for (index, set) in self.set.iter().enumerate() {
            let Some(set) = set else { continue };
            undo.set[index] = set;
            undo.was[index] = match self.was[index].as_deref() {
                None => Past::Unknown,
                Some(was) if was == REMOVE.as_bytes() => Past::None,
                Some(was) => Past::Value(was),
            };
        }
        undo
    }
}

fn bit(parameter: Parameter) -> u32 {
    1 << parameter.index()
}
