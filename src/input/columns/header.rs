//! Maps a header, once a file: the parameter and the transform of each column.

use super::fault::{HeaderFault, MOST_LISTED, UnknownColumn};
use super::known::KnownColumns;
use super::mapping::{ColumnRule, Mapping, folded};
use super::nearest::{bare, nearest};
use super::planned::{PlanColumns, is_name_of_plan};
use super::transform::{Empty, Transform};
use crate::customer::{Parameter, Values, Violation};
use crate::input::csv::Record;
use crate::text::escape_name as shown;
use std::collections::HashSet;
use std::ops::Range;

/// The input's columns, each with its parameter.
#[derive(Debug)]
pub struct Header {
    /// `None` for a column that is left out. Columns behind the last name are missing here.
    columns: Vec<Option<Column>>,
    /// How many columns there are, those left out included.
    width: usize,
    constants: Vec<(Parameter, String)>,
    /// The numbers, from 0, of the columns that hold ids.
    ids: Vec<usize>,
    /// The names of all columns, as they are compared.
    names: HashSet<String>,
    /// The names of the parameters that are ids, without signs.
    id_names: [String; Parameter::LOOKUPS],
    /// The columns of a plan.
    plan: Option<PlanColumns>,
}

/// Neighbouring columns that are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The first one, from 1.
    pub first: usize,
    /// The last one, from 1. Differs from the first only for columns without a name.
    pub last: usize,
    /// As it may be shown; empty if there is none.
    pub name: String,
}

/// The role of a column.
enum Role {
    Known(Box<Column>),
    LeftOut,
    Unnamed,
    Unknown,
}

/// The first faults of a header, and the number of all others: a file may have thousands of columns.
#[derive(Default)]
struct Faults {
    listed: Vec<HeaderFault>,
    more: usize,
}

impl Faults {
    fn add(&mut self, fault: HeaderFault) {
        if self.listed.len() < MOST_LISTED {
            self.listed.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// Adds a column that is not an Offerit field to those of its kind: one message lists them all.
    fn add_unknown(&mut self, unknown: UnknownColumn) {
        let is_added = self.listed.iter_mut().any(|fault| fault.add_unknown(unknown.clone()));
        if !is_added {
            self.listed.push(HeaderFault::Unknown { columns: vec![unknown], more: 0 });
        }
    }

    /// Adds a column (from 1) to those without a name.
    fn add_unnamed(&mut self, column: usize) {
        let unnamed = self.listed.iter_mut().find_map(|fault| match fault {
            HeaderFault::Empty { columns } => Some(columns),
            _ => None,
        });
        let Some(columns) = unnamed else {
            return self.listed.push(HeaderFault::Empty { columns: vec![column..=column] });
        };
        match columns.last_mut() {
            Some(range) if range.end() + 1 == column => *range = *range.start()..=column,
            _ => columns.push(column..=column),
        }
    }

    fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    fn into_all(mut self) -> Vec<HeaderFault> {
        if self.more > 0 {
            self.listed.push(HeaderFault::More { count: self.more });
        }
        self.listed
    }
}

#[derive(Debug)]
struct Column {
    parameter: Parameter,
    transform: Transform,
}

impl Header {
    /// Maps a header by the rules for its columns, and all other columns by their names, which are equal to a parameter
    /// except for case and surrounding blanks.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the columns.
    pub fn map(
        names: &[Vec<u8>],
        mapping: &Mapping,
        known: &KnownColumns<'_>,
    ) -> Result<Header, Vec<HeaderFault>> {
        let names: Vec<String> =
            names.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        if names.iter().any(|name| is_name_of_plan(&folded(name))) {
            return Header::map_plan(&names, mapping, known);
        }
        let is_header = known.are_a_header(names.iter().map(String::as_str));
        let mut faults = Faults::default();
        let mut columns: Vec<Option<Column>> = Vec::new();
        if is_header {
            columns = roles(&names, mapping, known, &mut faults);
        } else {
            faults.add(no_header(&names));
        }
        // An unknown column may be the missing one.
        let may_lack = faults.is_empty();
        let folded_names: HashSet<String> = names.iter().map(|name| folded(name)).collect();
        let is_missing = |rule: &&ColumnRule| !folded_names.contains(&folded(&rule.name));
        for rule in mapping.columns.iter().filter(|_| !mapping.may_lack_columns).filter(is_missing) {
            faults.add(missing(rule, if is_header { &names } else { &[] }));
        }
        if may_lack && faults.is_empty() {
            missing_kinds(&columns, mapping).into_iter().for_each(|fault| faults.add(fault));
        }
        if !faults.is_empty() {
            return Err(faults.into_all());
        }
        let constants = mapping.constants.iter();
        let constants = constants.map(|constant| (constant.parameter, constant.value.clone())).collect();
        Ok(Header::new(columns, &names, constants, None))
    }

    /// Maps the header of a plan: no rule for columns applies, and cells are sent as they are.
    fn map_plan(
        names: &[String],
        mapping: &Mapping,
        known: &KnownColumns<'_>,
    ) -> Result<Header, Vec<HeaderFault>> {
        let mut faults = Faults::default();
        // Spreadsheets add columns without a name.
        let named = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        let (plan, sent) = PlanColumns::find(&names[..named], mapping, known, |fault| faults.add(fault));
        let exact = |parameter| Transform { trim: false, ..Transform::of(parameter, Empty::Keep) };
        let column = |parameter| Column { parameter, transform: exact(parameter) };
        let columns = sent.into_iter().map(|parameter| parameter.map(column)).collect();
        if faults.is_empty() && plan.set().next().is_none() {
            faults.add(HeaderFault::NoField);
        }
        if !faults.is_empty() {
            return Err(faults.into_all());
        }
        Ok(Header::new(columns, names, Vec::new(), Some(plan)))
    }

    fn new(
        columns: Vec<Option<Column>>,
        names: &[String],
        constants: Vec<(Parameter, String)>,
        plan: Option<PlanColumns>,
    ) -> Header {
        let is_id =
            |column: &Option<Column>| column.as_ref().is_some_and(|column| column.parameter.is_lookup());
        Header {
            width: names.len(),
            constants,
            ids: (0..columns.len()).filter(|index| is_id(&columns[*index])).collect(),
            columns,
            names: names.iter().map(|name| folded(name)).collect(),
            id_names: [Parameter::CustomerId, Parameter::SubscriptionId].map(|id| bare(id.name())),
            plan,
        }
    }

    /// The columns of a plan; `None` of an ordinary input.
    pub fn plan(&self) -> Option<&PlanColumns> {
        self.plan.as_ref()
    }

    /// Whether a record has the name of a column, or of a parameter that is an id, for an id. The second of two files may
    /// have brought its byte order mark along.
    pub fn is_repeated_by(&self, record: Record<'_>) -> bool {
        // Nearly all ids begin with a digit.
        let ids = self.ids.iter().filter_map(|index| record.cell(*index));
        ids.filter(|cell| !cell.first().is_none_or(u8::is_ascii_digit)).any(|cell| {
            let name = folded(String::from_utf8_lossy(cell).trim_start_matches('\u{feff}'));
            !name.is_empty() && (self.names.contains(&name) || self.id_names.contains(&bare(&name)))
        })
    }

    /// The transform of a column (from 1).
    pub fn transform(&self, column: usize) -> Option<&Transform> {
        self.columns.get(column.checked_sub(1)?)?.as_ref().map(|column| &column.transform)
    }

    /// Inserts the values of a record, and adds the rules that its cells break. Reports whether any of the cells holds
    /// anything.
    pub fn fill<'record>(
        &self,
        cells: impl Iterator<Item = &'record [u8]>,
        values: &mut Values,
        broken: &mut Vec<Violation>,
    ) -> bool {
        let mut has_text = false;
        for (column, cell) in self.columns.iter().zip(cells) {
            let Some(Column { parameter, transform }) = column else { continue };
            let Ok(cell) = std::str::from_utf8(cell) else {
                has_text = true;
                values.set_damaged(*parameter, if transform.trim { cell.trim_ascii() } else { cell });
                continue;
            };
            let cell = if transform.trims(*parameter, cell) { cell.trim() } else { cell };
            has_text |= !cell.is_empty();
            match transform.apply(cell) {
                Ok(value) if value.is_empty() => {}
                Ok(value) => values.set(*parameter, &value),
                Err((rule, value)) => {
                    values.set(*parameter, &value);
                    broken.push(Violation { parameter: Some(*parameter), rule });
                }
            }
        }
        for (parameter, value) in &self.constants {
            values.set(*parameter, value);
        }
        has_text
    }

    /// The parameters that have a column, each with its number from 1.
    pub fn columns(&self) -> impl Iterator<Item = (usize, Parameter)> {
        let numbered = self.columns.iter().enumerate();
        numbered.filter_map(|(index, column)| Some((index + 1, column.as_ref()?.parameter)))
    }

    /// How many columns there are, those left out included.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The columns, from 0, behind all that have a name: left out, as long as there is nothing in them.
    pub fn unnamed(&self) -> Range<usize> {
        self.columns.len()..self.width
    }

    /// The first of these, from 1, in which a record has a value. It has one field a column.
    pub fn column_without_name(&self, record: Record<'_>) -> Option<usize> {
        let Range { start, end } = self.unnamed();
        // Nearly always all of them are empty, and there may be thousands.
        if record.cells_from(start).is_empty() {
            return None;
        }
        let is_blank = |cell: &[u8]| String::from_utf8_lossy(cell).trim().is_empty();
        (start..end)
            .find(|index| record.cell(*index).is_some_and(|cell| !is_blank(cell)))
            .map(|index| index + 1)
    }

    /// The columns that are left out; `names` are those of all.
    pub fn left_out(&self, names: &[Vec<u8>]) -> Vec<LeftOut> {
        let mut left_out: Vec<LeftOut> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let is_of_plan = self.plan.as_ref().is_some_and(|plan| plan.contains(index));
            if is_of_plan || self.columns.get(index).is_some_and(Option::is_some) {
                continue;
            }
            let (column, name) = (index + 1, shown(String::from_utf8_lossy(name).trim()));
            match left_out.last_mut() {
                Some(before) if name.is_empty() && before.name.is_empty() && before.last == index => {
                    before.last = column;
                }
                _ => left_out.push(LeftOut { first: column, last: column, name }),
            }
        }
        left_out
    }

    /// The column of a parameter, from 1.
    pub fn column_of(&self, parameter: Parameter) -> Option<usize> {
        position(&self.columns, parameter).map(|index| index + 1)
    }
}

fn position(columns: &[Option<Column>], parameter: Parameter) -> Option<usize> {
    columns.iter().position(|column| column.as_ref().is_some_and(|column| column.parameter == parameter))
}

/// The columns of a header, up to the last that has a name or a rule.
fn roles(
    names: &[String],
    mapping: &Mapping,
    known: &KnownColumns<'_>,
    faults: &mut Faults,
) -> Vec<Option<Column>> {
    let are_unnamed_known = matches!(role("", mapping, known), Role::Known(_) | Role::LeftOut);
    let named = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    let count = if are_unnamed_known { names.len() } else { named };
    let mut columns: Vec<Option<Column>> = Vec::with_capacity(count);
    for (index, name) in names[..count].iter().enumerate() {
        let column = match role(&folded(name), mapping, known) {
            Role::Known(column) => Some(*column),
            Role::LeftOut => None,
            Role::Unnamed => {
                faults.add_unnamed(index + 1);
                None
            }
            Role::Unknown => {
                let near = nearest(&folded(name), Parameter::ALL.map(Parameter::name));
                faults.add_unknown(UnknownColumn::new(index + 1, shown(name), near));
                None
            }
        };
        if let Some(column) = &column
            && let Some(fault) = second_source(names, index, column.parameter, &columns, mapping)
        {
            faults.add(fault);
        }
        columns.push(column);
    }
    columns
}

/// The role of the column with this folded name.
fn role(name: &str, mapping: &Mapping, known: &KnownColumns<'_>) -> Role {
    let column = |parameter, transform| Role::Known(Box::new(Column { parameter, transform }));
    if let Some(rule) = known.rule(name) {
        return column(rule.parameter, rule.transform.clone());
    }
    if known.is_ignored(name) {
        return Role::LeftOut;
    }
    match Parameter::from_name(name) {
        Some(parameter) => column(parameter, Transform::of(parameter, mapping.empty)),
        None if mapping.ignores_unknown => Role::LeftOut,
        None if name.is_empty() => Role::Unnamed,
        None => Role::Unknown,
    }
}

/// The fault of a line in which no column is known. A number or an e-mail address is no name of a column.
fn no_header(names: &[String]) -> HeaderFault {
    let is_number = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let is_data = names.iter().any(|name| is_number(name) || name.contains('@'));
    if is_data { HeaderFault::Data } else { HeaderFault::NoHeader { columns: names.len() } }
}

/// The fault that another column or a constant sets the parameter of the column at `index`.
fn second_source(
    names: &[String],
    index: usize,
    parameter: Parameter,
    before: &[Option<Column>],
    mapping: &Mapping,
) -> Option<HeaderFault> {
    if let Some(first) = position(before, parameter) {
        let are_alike = folded(&names[first]) == folded(&names[index]);
        return Some(HeaderFault::Duplicate {
            first: first + 1,
            second: index + 1,
            parameter: parameter.name(),
            names: (!are_alike).then(|| (shown(&names[first]), shown(&names[index]))),
        });
    }
    let constant = mapping.constants.iter().find(|constant| constant.parameter == parameter)?;
    Some(HeaderFault::ColumnAndConstant {
        column: index + 1,
        name: shown(&names[index]),
        parameter: parameter.name(),
        origin: constant.origin.clone(),
    })
}

fn missing(rule: &ColumnRule, names: &[String]) -> HeaderFault {
    let wanted = folded(&rule.name);
    let near = nearest(&wanted, names.iter().map(String::as_str));
    let number = near.and_then(|near| names.iter().position(|name| name == near));
    let listed: Vec<_> = names.iter().take(MOST_LISTED).map(|name| format!("'{}'", shown(name))).collect();
    let more = if names.len() > MOST_LISTED { ", …" } else { "" };
    HeaderFault::Missing {
        origin: rule.origin.clone(),
        name: shown(rule.name.trim()),
        suggestion: near.zip(number).map(|(name, index)| (shown(name), index + 1)),
        columns: listed.join(", ") + more,
    }
}

/// The faults of a header that lacks ids or fields.
fn missing_kinds(columns: &[Option<Column>], mapping: &Mapping) -> Vec<HeaderFault> {
    let has = |lookup: bool| {
        let is_such = |parameter: Parameter| parameter.is_lookup() == lookup;
        columns.iter().flatten().any(|column| is_such(column.parameter))
            || mapping.constants.iter().any(|constant| is_such(constant.parameter))
    };
    let mut faults = Vec::new();
    if !has(true) {
        faults.push(HeaderFault::NoLookup);
    }
    if !has(false) {
        faults.push(HeaderFault::NoField);
    }
    faults
}

#[cfg(test)]
mod tests;
