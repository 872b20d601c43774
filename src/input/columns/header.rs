//! Maps a header, once per file: the parameter and the transform of each column.

use super::fault::{HeaderFault, MOST_LISTED, UnknownColumn};
use super::known::KnownColumns;
use super::mapping::{ColumnRule, Mapping, normalize_name};
use super::nearest::{find_nearest, simplify_name};
use super::planned::{PlanColumns, is_name_of_plan};
use super::transform::{Empty, Transform};
use crate::customer::{Parameter, Values, Violation};
use crate::input::csv::Record;
use crate::text::escape_name;
use std::collections::HashSet;
use std::ops::Range;

/// The input's columns, each with its parameter.
#[derive(Debug)]
pub struct Header {
    /// `None` for a column that is skipped. Columns after the last name have no entry.
    columns: Vec<Option<Column>>,
    /// The number of columns, the skipped ones included.
    width: usize,
    constants: Vec<(Parameter, String)>,
    /// The numbers, from 0, of the columns that hold ids.
    ids: Vec<usize>,
    /// The normalized names of all columns.
    names: HashSet<String>,
    /// The names of the parameters that are ids, without signs.
    id_names: [String; Parameter::LOOKUPS],
    /// The columns of a plan.
    plan: Option<PlanColumns>,
}

/// Neighbouring columns that are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedColumns {
    /// The first one, from 1.
    pub first: usize,
    /// The last one, from 1. Differs from the first only for columns without a name.
    pub last: usize,
    /// The escaped name; empty if the columns have none.
    pub name: String,
}

/// The role of a column.
enum Role {
    Known(Box<Column>),
    Skipped,
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
    /// All faults, in the order of the columns.
    pub fn map(
        names: &[Vec<u8>],
        mapping: &Mapping,
        known: &KnownColumns<'_>,
    ) -> Result<Header, Vec<HeaderFault>> {
        let names: Vec<String> =
            names.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        if names.iter().any(|name| is_name_of_plan(&normalize_name(name))) {
            return Header::map_plan(&names, mapping, known);
        }
        let is_header = known.is_header(names.iter().map(String::as_str));
        let mut faults = Faults::default();
        let mut columns: Vec<Option<Column>> = Vec::new();
        if is_header {
            columns = assign_roles(&names, mapping, known, &mut faults);
        } else {
            faults.add(describe_no_header(&names));
        }
        // An unknown column may be the missing one.
        let may_lack = faults.is_empty();
        let normalized_names: HashSet<String> = names.iter().map(|name| normalize_name(name)).collect();
        let is_missing = |rule: &&ColumnRule| !normalized_names.contains(&normalize_name(&rule.name));
        for rule in mapping.columns.iter().filter(|_| !mapping.may_lack_columns).filter(is_missing) {
            faults.add(describe_missing(rule, if is_header { &names } else { &[] }));
        }
        if may_lack && faults.is_empty() {
            find_missing_kinds(&columns, mapping).into_iter().for_each(|fault| faults.add(fault));
        }
        if !faults.is_empty() {
            return Err(faults.into_all());
        }
        let constants = mapping.constants.iter();
        let constants = constants.map(|constant| (constant.parameter, constant.value.clone())).collect();
        Ok(Header::new(columns, &names, constants, None))
    }

    /// Maps the header of a plan: no rule for columns applies, and cells are sent unchanged.
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
            names: names.iter().map(|name| normalize_name(name)).collect(),
            id_names: [Parameter::CustomerId, Parameter::SubscriptionId].map(|id| simplify_name(id.name())),
            plan,
        }
    }

    /// The columns of a plan; `None` of an ordinary input.
    pub fn plan(&self) -> Option<&PlanColumns> {
        self.plan.as_ref()
    }

    /// Whether an id of a record is the name of a column, or of a parameter that is an id. Where two files were joined, the byte
    /// order mark of the second may precede the name.
    pub fn is_repeated_by(&self, record: Record<'_>) -> bool {
        // Nearly all ids begin with a digit.
        let ids = self.ids.iter().filter_map(|index| record.cell(*index));
        ids.filter(|cell| !cell.first().is_none_or(u8::is_ascii_digit)).any(|cell| {
            let name = normalize_name(String::from_utf8_lossy(cell).trim_start_matches('\u{feff}'));
            !name.is_empty() && (self.names.contains(&name) || self.id_names.contains(&simplify_name(&name)))
        })
    }

    /// The transform of a column (from 1).
    pub fn transform(&self, column: usize) -> Option<&Transform> {
        self.columns.get(column.checked_sub(1)?)?.as_ref().map(|column| &column.transform)
    }

    /// Inserts the values of a record, and adds the rules that its cells break. Reports whether any cell has text.
    pub fn fill<'record>(
        &self,
        cells: impl Iterator<Item = Result<&'record str, &'record [u8]>>,
        values: &mut Values,
        broken: &mut Vec<Violation>,
    ) -> bool {
        let mut has_text = false;
        for (column, cell) in self.columns.iter().zip(cells) {
            let Some(Column { parameter, transform }) = column else { continue };
            let cell = match cell {
                Ok(cell) => cell,
                Err(bytes) => {
                    has_text = true;
                    values.set_damaged(*parameter, if transform.trim { bytes.trim_ascii() } else { bytes });
                    continue;
                }
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

    /// The number of columns, the skipped ones included.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The columns, from 0, after the last column with a name. They are skipped as long as they are empty.
    pub fn unnamed(&self) -> Range<usize> {
        self.columns.len()..self.width
    }

    /// The first column without a name, from 1, in which a record has a value. The record has one cell per column.
    pub fn column_without_name(&self, record: Record<'_>) -> Option<usize> {
        let Range { start, end } = self.unnamed();
        // There may be thousands of such columns, nearly always empty.
        if record.cells_from(start).is_empty() {
            return None;
        }
        let is_blank = |cell: &[u8]| String::from_utf8_lossy(cell).trim().is_empty();
        (start..end)
            .find(|index| record.cell(*index).is_some_and(|cell| !is_blank(cell)))
            .map(|index| index + 1)
    }

    /// The columns that are skipped. `names` has the names of all columns.
    pub fn skipped_columns(&self, names: &[Vec<u8>]) -> Vec<SkippedColumns> {
        let mut skipped: Vec<SkippedColumns> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let is_of_plan = self.plan.as_ref().is_some_and(|plan| plan.contains(index));
            if is_of_plan || self.columns.get(index).is_some_and(Option::is_some) {
                continue;
            }
            let (column, name) = (index + 1, escape_name(String::from_utf8_lossy(name).trim()));
            match skipped.last_mut() {
                Some(before) if name.is_empty() && before.name.is_empty() && before.last == index => {
                    before.last = column;
                }
                _ => skipped.push(SkippedColumns { first: column, last: column, name }),
            }
        }
        skipped
    }

    /// The column of a parameter, from 1.
    pub fn column_of(&self, parameter: Parameter) -> Option<usize> {
        position(&self.columns, parameter).map(|index| index + 1)
    }
}

fn position(columns: &[Option<Column>], parameter: Parameter) -> Option<usize> {
    columns.iter().position(|column| column.as_ref().is_some_and(|column| column.parameter == parameter))
}

/// Assigns the columns of a header their parameters, up to the last column with a name or a rule.
fn assign_roles(
    names: &[String],
    mapping: &Mapping,
    known: &KnownColumns<'_>,
    faults: &mut Faults,
) -> Vec<Option<Column>> {
    let are_unnamed_known = matches!(find_role("", mapping, known), Role::Known(_) | Role::Skipped);
    let named = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    let count = if are_unnamed_known { names.len() } else { named };
    let mut columns: Vec<Option<Column>> = Vec::with_capacity(count);
    for (index, name) in names[..count].iter().enumerate() {
        let column = match find_role(&normalize_name(name), mapping, known) {
            Role::Known(column) => Some(*column),
            Role::Skipped => None,
            Role::Unnamed => {
                faults.add_unnamed(index + 1);
                None
            }
            Role::Unknown => {
                let near = find_nearest(&normalize_name(name), Parameter::ALL.map(Parameter::name));
                faults.add_unknown(UnknownColumn::new(index + 1, escape_name(name), near));
                None
            }
        };
        if let Some(column) = &column
            && let Some(fault) = find_second_source(names, index, column.parameter, &columns, mapping)
        {
            faults.add(fault);
        }
        columns.push(column);
    }
    columns
}

/// Finds the role of the column with this normalized name.
fn find_role(name: &str, mapping: &Mapping, known: &KnownColumns<'_>) -> Role {
    let column = |parameter, transform| Role::Known(Box::new(Column { parameter, transform }));
    if let Some(rule) = known.rule(name) {
        return column(rule.parameter, rule.transform.clone());
    }
    if known.is_ignored(name) {
        return Role::Skipped;
    }
    match Parameter::from_name(name) {
        Some(parameter) => column(parameter, Transform::of(parameter, mapping.empty)),
        None if mapping.ignores_unknown => Role::Skipped,
        None if name.is_empty() => Role::Unnamed,
        None => Role::Unknown,
    }
}

/// The fault of a line in which no column is known. A number or an e-mail address is no name of a column.
fn describe_no_header(names: &[String]) -> HeaderFault {
    let is_number = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let is_data = names.iter().any(|name| is_number(name) || name.contains('@'));
    if is_data { HeaderFault::Data } else { HeaderFault::NoHeader { columns: names.len() } }
}

/// Finds another column or a constant that sets the parameter of the column at `index`.
fn find_second_source(
    names: &[String],
    index: usize,
    parameter: Parameter,
    before: &[Option<Column>],
    mapping: &Mapping,
) -> Option<HeaderFault> {
    if let Some(first) = position(before, parameter) {
        let are_alike = normalize_name(&names[first]) == normalize_name(&names[index]);
        return Some(HeaderFault::Duplicate {
            first: first + 1,
            second: index + 1,
            parameter: parameter.name(),
            names: (!are_alike).then(|| (escape_name(&names[first]), escape_name(&names[index]))),
        });
    }
    let constant = mapping.constants.iter().find(|constant| constant.parameter == parameter)?;
    Some(HeaderFault::ColumnAndConstant {
        column: index + 1,
        name: escape_name(&names[index]),
        parameter: parameter.name(),
        origin: constant.origin.clone(),
    })
}

fn describe_missing(rule: &ColumnRule, names: &[String]) -> HeaderFault {
    let wanted = normalize_name(&rule.name);
    let near = find_nearest(&wanted, names.iter().map(String::as_str));
    let number = near.and_then(|near| names.iter().position(|name| name == near));
    let listed: Vec<_> =
        names.iter().take(MOST_LISTED).map(|name| format!("'{}'", escape_name(name))).collect();
    let more = if names.len() > MOST_LISTED { ", …" } else { "" };
    HeaderFault::Missing {
        origin: rule.origin.clone(),
        name: escape_name(rule.name.trim()),
        suggestion: near.zip(number).map(|(name, index)| (escape_name(name), index + 1)),
        columns: listed.join(", ") + more,
    }
}

/// The faults of a header that lacks ids or fields.
fn find_missing_kinds(columns: &[Option<Column>], mapping: &Mapping) -> Vec<HeaderFault> {
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
