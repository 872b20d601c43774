//! Which column holds which parameter, and what becomes of its cells: the mapping held against a header, once a
//! file. From then on a row costs no decision.

use super::fault::{HeaderFault, shown};
use super::mapping::{ColumnRule, Mapping, folded};
use super::nearest::nearest;
use super::record::Record;
use super::transform::{Transform, is_blank_password, trimmed, trimmed_at};
use crate::customer::{Parameter, Place, Places, UpdateBuilder};
use csv::ByteRecord;

/// Columns of the file with what did not make it, which tell why. They are left out: a corrected copy is an input as it
/// stands.
pub const OF_FAILURES: [&str; 2] = ["_status", "_error"];

/// The most columns that are listed for somebody to choose from.
const MOST_LISTED: usize = 30;

/// The input's columns, each with its parameter.
#[derive(Debug)]
pub(super) struct Header {
    /// None where a column is left out.
    columns: Vec<Option<Column>>,
    constants: Vec<(Parameter, Box<[u8]>)>,
    /// The columns that are not left out, if every value is the cell or a part of it: else empty.
    borrowed: Vec<Borrowed>,
    /// The numbers, from 0, of the columns that hold ids.
    ids: Vec<usize>,
    /// The names of all columns, as they are compared.
    names: Vec<String>,
}

/// A column of which every value is the cell or a part of it.
#[derive(Debug)]
struct Borrowed {
    /// Its number, from 0.
    index: usize,
    parameter: Parameter,
    only_trims: bool,
}

#[derive(Debug)]
struct Column {
    parameter: Parameter,
    transform: Transform,
    /// Whether all there is to do is to trim: most columns, and the fast way through [`Header::fill`].
    only_trims: bool,
    /// Whether the value is the cell or a part of it.
    only_borrows: bool,
}

impl Column {
    fn new(parameter: Parameter, transform: Transform) -> Column {
        let only_trims = transform.only_trims();
        let only_borrows = transform.only_borrows();
        Column { parameter, transform, only_trims, only_borrows }
    }
}

impl Header {
    /// Maps a header record: by what was said about its columns, else by names equal to a parameter, case and
    /// surrounding blanks aside.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the columns.
    pub(super) fn map(record: &ByteRecord, mapping: &Mapping) -> Result<Header, Vec<HeaderFault>> {
        let names: Vec<String> =
            record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let mut faults = Vec::new();
        let mut columns: Vec<Option<Column>> = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let column = column(index + 1, name, mapping).unwrap_or_else(|fault| {
                faults.push(listed_once(fault, &faults));
                None
            });
            if let Some(column) = &column {
                faults.extend(second_source(&names, index, column.parameter, &columns, mapping));
            }
            columns.push(column);
        }
        // A column that was not understood may be the one that lacks.
        let may_lack = faults.is_empty();
        faults.extend(mapping.columns.iter().filter_map(|rule| missing(rule, &names)));
        if may_lack && faults.is_empty() {
            faults.extend(lacks(&columns, mapping));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let constants = mapping
            .constants
            .iter()
            .map(|constant| (constant.parameter, constant.value.as_bytes().into()))
            .collect();
        let borrowed = if mapping.constants.is_empty() { borrowed(&columns) } else { Vec::new() };
        let is_id =
            |column: &Option<Column>| column.as_ref().is_some_and(|column| column.parameter.is_lookup());
        let ids = (0..columns.len()).filter(|index| is_id(&columns[*index])).collect();
        let names = names.iter().map(|name| folded(name)).collect();
        Ok(Header { columns, constants, borrowed, ids, names })
    }

    /// Whether a record has the name of a column for an id. The second of two files may have brought its byte order mark
    /// along.
    pub(super) fn is_repeated_by(&self, record: Record<'_>) -> bool {
        self.ids.iter().filter_map(|index| record.field(*index)).any(|(_, cell)| {
            // Nearly all ids begin with a digit.
            !cell.first().is_none_or(u8::is_ascii_digit) && {
                let cell = folded(String::from_utf8_lossy(cell).trim_start_matches('\u{feff}'));
                !cell.is_empty() && self.names.contains(&cell)
            }
        })
    }

    /// What becomes of the cells of a column (from 1).
    pub(super) fn transform(&self, column: usize) -> Option<&Transform> {
        self.columns.get(column.checked_sub(1)?)?.as_ref().map(|column| &column.transform)
    }

    /// Sets what a record asks for. Gives whether there is anything in the cells that count.
    pub(super) fn fill<'record>(
        &self,
        cells: impl Iterator<Item = &'record [u8]>,
        builder: &mut UpdateBuilder,
    ) -> bool {
        let mut has_text = false;
        for (column, cell) in self.columns.iter().zip(cells) {
            let Some(Column { parameter, transform, only_trims, .. }) = column else { continue };
            if *only_trims {
                let value = trimmed(cell);
                builder.set(*parameter, value);
                has_text |= !value.is_empty();
            } else {
                has_text |= transform.apply(*parameter, cell, builder);
            }
        }
        for (parameter, value) in &self.constants {
            builder.set(*parameter, value);
        }
        has_text
    }

    /// Where the values of a record lie in it, if every value is a cell or a part of one. Gives whether that is so and
    /// there is anything in the cells that count. The other way to the same values is [`Header::fill`]. `places` are
    /// those of the record before.
    pub(super) fn locate(&self, record: Record<'_>, places: &mut Places) -> bool {
        let mut has_text = false;
        for Borrowed { index, parameter, only_trims } in &self.borrowed {
            let Some((start, cell)) = record.field(*index) else { return false };
            let (before, value) = if *only_trims { trimmed_at(cell) } else { kept_at(*parameter, cell) };
            let start = start + before;
            let Some(place) = Place::new(start, start + value.len()) else { return false };
            places[parameter.index()] = place;
            has_text |= !value.is_empty();
        }
        has_text
    }

    /// The parameters that have a column, each with its number from 1.
    pub(super) fn columns(&self) -> impl Iterator<Item = (usize, Parameter)> {
        let numbered = self.columns.iter().enumerate();
        numbered.filter_map(|(index, column)| Some((index + 1, column.as_ref()?.parameter)))
    }

    /// How many columns there are, those left out included.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The column of a parameter, from 1.
    pub(super) fn column_of(&self, parameter: Parameter) -> Option<usize> {
        position(&self.columns, parameter).map(|index| index + 1)
    }
}

/// A cell that is not trimmed, with the number of bytes before it.
#[inline(never)]
fn borrowed(columns: &[Option<Column>]) -> Vec<Borrowed> {
    if !columns.iter().flatten().all(|column| column.only_borrows) {
        return Vec::new();
    }
    let numbered = columns.iter().enumerate();
    let there = numbered.filter_map(|(index, column)| Some((index, column.as_ref()?)));
    let borrowed = there.map(|(index, Column { parameter, only_trims, .. })| Borrowed {
        index,
        parameter: *parameter,
        only_trims: *only_trims,
    });
    borrowed.collect()
}

fn kept_at(parameter: Parameter, cell: &[u8]) -> (usize, &[u8]) {
    if is_blank_password(parameter, cell) { trimmed_at(cell) } else { (0, cell) }
}

fn position(columns: &[Option<Column>], parameter: Parameter) -> Option<usize> {
    columns.iter().position(|column| column.as_ref().is_some_and(|column| column.parameter == parameter))
}

/// What a column is; None if it is left out.
fn column(column: usize, name: &str, mapping: &Mapping) -> Result<Option<Column>, HeaderFault> {
    let wanted = folded(name);
    if let Some(rule) = mapping.columns.iter().find(|rule| folded(&rule.name) == wanted) {
        return Ok(Some(Column::new(rule.parameter, rule.transform.clone())));
    }
    if OF_FAILURES.contains(&&*wanted) || mapping.ignored.iter().any(|ignored| folded(ignored) == wanted) {
        return Ok(None);
    }
    match Parameter::from_name(&wanted) {
        Some(parameter) => Ok(Some(Column::new(parameter, Transform::of(parameter, mapping.empty)))),
        None if mapping.ignores_unknown => Ok(None),
        None if wanted.is_empty() => Err(HeaderFault::Empty { column }),
        None => Err(HeaderFault::Unknown {
            column,
            name: shown(name),
            suggestion: nearest(&wanted, Parameter::ALL.map(Parameter::name)),
            is_first: true,
        }),
    }
}

/// The fault without the list of parameters where an earlier one has it already.
fn listed_once(fault: HeaderFault, before: &[HeaderFault]) -> HeaderFault {
    let lists = |fault: &HeaderFault| matches!(fault, HeaderFault::Unknown { suggestion: None, .. });
    match fault {
        HeaderFault::Unknown { column, name, suggestion: None, .. } if before.iter().any(lists) => {
            HeaderFault::Unknown { column, name, suggestion: None, is_first: false }
        }
        fault => fault,
    }
}

/// What else gives the parameter of the column at `index`.
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

fn missing(rule: &ColumnRule, names: &[String]) -> Option<HeaderFault> {
    let wanted = folded(&rule.name);
    if names.iter().any(|name| folded(name) == wanted) {
        return None;
    }
    let near = nearest(&wanted, names.iter().map(String::as_str));
    let number = near.and_then(|near| names.iter().position(|name| name == near));
    let listed: Vec<_> = names.iter().take(MOST_LISTED).map(|name| format!("'{}'", shown(name))).collect();
    let more = if names.len() > MOST_LISTED { ", …" } else { "" };
    Some(HeaderFault::Missing {
        origin: rule.origin.clone(),
        name: shown(rule.name.trim()),
        suggestion: near.zip(number).map(|(name, index)| (shown(name), index + 1)),
        columns: listed.join(", ") + more,
    })
}

/// What a header as a whole lacks.
fn lacks(columns: &[Option<Column>], mapping: &Mapping) -> Vec<HeaderFault> {
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
