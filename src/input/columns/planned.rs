//! The columns of a plan: an input with the value from before next to each new value. `set:` columns are sent, `was:` columns
//! are not. Check digits (a [checksum](https://en.wikipedia.org/wiki/Checksum)) prove that nobody changed the ids and the
//! values that undo needs; the numbers in `_row` prove that nobody sorted the rows.

use super::fault::HeaderFault;
use super::known::KnownColumns;
use super::mapping::{Mapping, normalize_name};
use super::nearest::find_nearest;
use crate::customer::Parameter;
use crate::input::csv::Record;
use crate::text::escape_name;

/// The prefix of the parameter in the name of a column that is sent.
pub const SET: &str = "set:";
/// The prefix of the parameter in the name of a column with the value from before.
pub const WAS: &str = "was:";
/// The column with the number of the row in the input of which the plan was made.
pub const ROW: &str = "_row";
/// The column with the line of the row in the input, for people.
pub const LINE: &str = "_line";
/// The column that indicates whether the baseline knows the customer: `changed` or `new`.
pub const CHANGE: &str = "_change";
/// The column with the check digits of a row.
pub const CHECK: &str = "_check";

/// The number of hex digits in `_check`.
const CHECK_DIGITS: usize = 16;

/// The positions of a plan's columns, each counted from 0.
#[derive(Debug, Clone, Default)]
pub struct PlanColumns {
    ids: [Option<usize>; Parameter::LOOKUPS],
    set: [Option<usize>; Parameter::COUNT],
    was: [Option<usize>; Parameter::COUNT],
    row: Option<usize>,
    line: Option<usize>,
    change: Option<usize>,
    check: Option<usize>,
}

/// The kind of a column of a plan.
enum PlanColumn {
    Id(Parameter),
    Set(Parameter),
    Was(Parameter),
    Row,
    Line,
    Change,
    Check,
    Skipped,
    /// A column with the name of a parameter, as in an ordinary input.
    Plain(Parameter),
    Unknown,
}

impl PlanColumn {
    fn of(name: &str, mapping: &Mapping, known: &KnownColumns<'_>) -> PlanColumn {
        let field = |prefix| {
            let parameter = Parameter::from_name(name.strip_prefix(prefix)?);
            parameter.filter(|parameter| !parameter.is_lookup())
        };
        if let Some(parameter) = field(SET) {
            return PlanColumn::Set(parameter);
        }
        // A plan holds no old passwords.
        if let Some(parameter) = field(WAS).filter(|parameter| *parameter != Parameter::Password) {
            return PlanColumn::Was(parameter);
        }
        match name {
            ROW => return PlanColumn::Row,
            LINE => return PlanColumn::Line,
            CHANGE => return PlanColumn::Change,
            CHECK => return PlanColumn::Check,
            _ => {}
        }
        match Parameter::from_name(name) {
            Some(parameter) if parameter.is_lookup() => PlanColumn::Id(parameter),
            _ if known.is_ignored(name) => PlanColumn::Skipped,
            Some(parameter) => PlanColumn::Plain(parameter),
            None if mapping.ignores_unknown => PlanColumn::Skipped,
            None => PlanColumn::Unknown,
        }
    }
}

/// Whether the column of this normalized name occurs only in plans.
pub(super) fn is_name_of_plan(name: &str) -> bool {
    name.starts_with(SET) || name.starts_with(WAS)
}

impl PlanColumns {
    /// Finds the columns of a plan by their names. Also returns the parameter of each column that is sent.
    pub(super) fn find(
        names: &[String],
        mapping: &Mapping,
        known: &KnownColumns<'_>,
        mut add_fault: impl FnMut(HeaderFault),
    ) -> (PlanColumns, Vec<Option<Parameter>>) {
        let (mut columns, mut sent) = (PlanColumns::default(), vec![None; names.len()]);
        for option in &mapping.typed {
            add_fault(HeaderFault::NotForPlan { option: option.clone() });
        }
        for (index, name) in names.iter().enumerate() {
            let place = match PlanColumn::of(&normalize_name(name), mapping, known) {
                PlanColumn::Id(parameter) => {
                    sent[index] = Some(parameter);
                    &mut columns.ids[parameter.index()]
                }
                PlanColumn::Set(parameter) => {
                    sent[index] = Some(parameter);
                    &mut columns.set[parameter.index()]
                }
                PlanColumn::Was(parameter) => &mut columns.was[parameter.index()],
                PlanColumn::Row => &mut columns.row,
                PlanColumn::Line => &mut columns.line,
                PlanColumn::Change => &mut columns.change,
                PlanColumn::Check => &mut columns.check,
                PlanColumn::Skipped => continue,
                PlanColumn::Plain(parameter) => {
                    add_fault(HeaderFault::Mixed { column: index + 1, parameter: parameter.name() });
                    continue;
                }
                PlanColumn::Unknown => {
                    add_fault(unknown(index + 1, name));
                    continue;
                }
            };
            match place {
                Some(first) => {
                    let (first, second) = (*first + 1, index + 1);
                    add_fault(HeaderFault::TwiceInPlan { first, second, name: escape_name(name) });
                }
                None => *place = Some(index),
            }
        }
        columns.missing().for_each(add_fault);
        (columns, sent)
    }

    /// Whether the column at `index` (from 0) is a column of a plan.
    pub fn contains(&self, index: usize) -> bool {
        let helpers = [self.row, self.line, self.change, self.check];
        self.ids.iter().chain(&self.set).chain(&self.was).chain(&helpers).any(|column| *column == Some(index))
    }

    /// The faults of a plan that lacks columns.
    fn missing(&self) -> impl Iterator<Item = HeaderFault> {
        let helpers = [(self.row, ROW), (self.change, CHANGE), (self.check, CHECK)];
        let missing = helpers.into_iter().filter(|(column, _)| column.is_none());
        let names = missing.map(|(_, name)| name);
        let has_id = self.ids.iter().any(Option::is_some);
        names.chain((!has_id).then_some("customer_id")).map(|name| HeaderFault::LacksOfPlan { name })
    }

    /// The parameters that have a `set:` column.
    pub fn set(&self) -> impl Iterator<Item = Parameter> {
        with_column(&self.set)
    }

    /// The parameters that have a `was:` column.
    pub fn was(&self) -> impl Iterator<Item = Parameter> {
        with_column(&self.was)
    }

    /// The cells of a row; `cell` returns the cell of a column (from 1).
    pub fn cells<'row>(&self, cell: impl Fn(usize) -> Option<&'row [u8]>) -> PlanCells<'row> {
        let at = |column: Option<usize>| column.and_then(|index| cell(index + 1)).unwrap_or_default();
        PlanCells {
            ids: self.ids.map(at),
            was: self.was.map(at),
            row: at(self.row),
            line: at(self.line),
            change: at(self.change),
            check: at(self.check),
        }
    }
}

fn with_column(columns: &[Option<usize>; Parameter::COUNT]) -> impl Iterator<Item = Parameter> {
    Parameter::ALL.into_iter().filter(|parameter| columns[parameter.index()].is_some())
}

fn unknown(column: usize, name: &str) -> HeaderFault {
    let fields = Parameter::ALL.into_iter().filter(|parameter| !parameter.is_lookup());
    let with =
        |prefix: &str| fields.clone().map(|field| format!("{prefix}{}", field.name())).collect::<Vec<_>>();
    let helpers = ["customer_id", "subscription_id", ROW, LINE, CHANGE, CHECK].map(str::to_owned);
    let names = [with(SET), with(WAS), helpers.to_vec()].concat();
    let suggestion = find_nearest(&normalize_name(name), names.iter().map(String::as_str)).map(str::to_owned);
    HeaderFault::NotOfPlan { column, name: escape_name(name), suggestion }
}

/// The ids of a row of a plan, and the cells that are not sent, unchanged.
#[derive(Clone, Copy)]
pub struct PlanCells<'row> {
    /// `customer_id` and `subscription_id`.
    pub ids: [&'row [u8]; Parameter::LOOKUPS],
    /// The values from before, by parameter; empty where they are unknown.
    pub was: [&'row [u8]; Parameter::COUNT],
    /// `_row`.
    pub row: &'row [u8],
    /// `_line`.
    pub line: &'row [u8],
    /// `_change`.
    pub change: &'row [u8],
    /// `_check`.
    pub check: &'row [u8],
}

impl PlanCells<'_> {
    /// The check digits that belong to the row: the first 16 hex digits of the BLAKE3 hash of one line for each of `_row`,
    /// `_change`, the ids and the `was:` columns that is not empty, in this order. `scratch` is reused from row to row.
    ///
    /// ```text
    /// _row=2:17
    /// _change=7:changed
    /// customer_id=3:191
    /// was:city=4:Riga
    /// ```
    pub fn digits(&self, scratch: &mut Vec<u8>) -> [u8; CHECK_DIGITS] {
        scratch.clear();
        let mut line = |name: [&str; 2], value: &[u8]| {
            if value.is_empty() {
                return;
            }
            let mut length = itoa::Buffer::new();
            let length = length.format(value.len());
            for part in [name[0].as_bytes(), name[1].as_bytes(), b"=", length.as_bytes(), b":", value, b"\n"]
            {
                scratch.extend_from_slice(part);
            }
        };
        line([ROW, ""], self.row);
        line([CHANGE, ""], self.change);
        for (parameter, id) in Parameter::ALL.into_iter().zip(self.ids) {
            line([parameter.name(), ""], id);
        }
        for (parameter, was) in Parameter::ALL.into_iter().zip(self.was) {
            line([WAS, parameter.name()], was);
        }
        let digits = blake3::hash(scratch).to_hex();
        let mut first = [0; CHECK_DIGITS];
        first.copy_from_slice(&digits.as_bytes()[..CHECK_DIGITS]);
        first
    }

    /// Whether `_check` has the check digits that belong to the row.
    pub fn have_valid_check(&self, scratch: &mut Vec<u8>) -> bool {
        self.digits(scratch) == self.check
    }

    /// The number in `_row`, if the cell is a number.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        std::str::from_utf8(self.row).ok()?.parse().ok()
    }
}

/// A fault for which a row of a plan is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanFault {
    Check,
    Order,
}

impl PlanFault {
    /// The short name of the broken rule, and the message.
    pub fn rule(self) -> (&'static str, &'static str) {
        match self {
            PlanFault::Check => (
                "plan-check",
                "does not match its _check: an id, a was: cell, _row or _change was edited after `offerit-sync plan` wrote \
                 the file (spreadsheets rewrite numbers and dates). Restore the row, or make the plan again",
            ),
            PlanFault::Order => (
                "plan-order",
                "_row is not higher than in the row before: the plan was sorted, or contains a row twice. Sort it by _row, \
                 as the updates of a customer must keep their order, or make the plan again",
            ),
        }
    }
}

/// Watches the rows of a plan as they are read.
pub struct PlanWatch {
    pub columns: PlanColumns,
    /// The highest `_row` so far of a row with valid check digits.
    last: u64,
    /// The fault of the row read last.
    pub fault: Option<PlanFault>,
    scratch: Vec<u8>,
}

impl PlanWatch {
    pub fn new(columns: PlanColumns) -> PlanWatch {
        PlanWatch { columns, last: 0, fault: None, scratch: Vec::new() }
    }

    /// Checks the next record. A record with misplaced quotes has no cells.
    pub fn observe(&mut self, record: Record<'_>) {
        let cells = self.columns.cells(|column| record.cell(column - 1));
        let number = cells.number().filter(|_| cells.have_valid_check(&mut self.scratch));
        self.fault = match number {
            None => Some(PlanFault::Check),
            Some(number) if number <= self.last => Some(PlanFault::Order),
            Some(number) => {
                self.last = number;
                None
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by another program, Python's `blake3`, as documented at [`PlanCells::digits`].
    #[test]
    fn check_digits_never_change_from_one_version_to_the_next() {
        let mut was = [&b""[..]; Parameter::COUNT];
        was[Parameter::City.index()] = b"Riga";
        let cells =
            PlanCells { ids: [b"191", b""], was, row: b"17", line: b"18", change: b"changed", check: b"" };
        assert_eq!(String::from_utf8_lossy(&cells.digits(&mut Vec::new())), "ac70e3a06d536c46");
    }

    #[test]
    fn a_value_in_another_place_has_other_check_digits() {
        let empty = PlanCells {
            ids: [b""; 2],
            was: [b""; Parameter::COUNT],
            row: b"1",
            line: b"",
            change: b"new",
            check: b"",
        };
        let scratch = &mut Vec::new();
        let mut seen = std::collections::HashSet::from([empty.digits(scratch)]);
        for index in 0..Parameter::COUNT {
            let mut cells = empty;
            cells.was[index] = b"1";
            assert!(seen.insert(cells.digits(scratch)), "{index}");
        }
        for index in 0..Parameter::LOOKUPS {
            let mut cells = empty;
            cells.ids[index] = b"1";
            assert!(seen.insert(cells.digits(scratch)), "{index}");
        }
        assert!(seen.insert(PlanCells { row: b"11", ..empty }.digits(scratch)));
        assert_eq!(PlanCells { line: b"9", ..empty }.digits(scratch), empty.digits(scratch));
    }
}
