//! `[columns.NAME]` of the configuration file: the field of a column and the changes to its cells.

use super::file::{ConfigPosition, Setting, Value};
use crate::customer::{Parameter, value_fault};
use crate::input::{Empty, Letters, Otherwise, Table, Transform, find_nearest};
use std::borrow::Cow;
use std::collections::HashMap;

/// The keys of a column's table.
const KEYS: [&str; 9] =
    ["parameter", "trim", "lower", "upper", "digits", "values", "otherwise", "default", "empty"];

/// The table of one column in a file, before the check against the column's parameter.
#[derive(Clone)]
pub(super) struct ColumnTable {
    pub name: String,
    pub place: ConfigPosition,
    pub parameter: Option<Parameter>,
    trim: Option<bool>,
    letters: Letters,
    values: Option<Vec<(String, String, ConfigPosition)>>,
    otherwise: Option<Otherwise>,
    default: Option<(String, ConfigPosition)>,
    empty: Option<(Empty, ConfigPosition)>,
}

impl ColumnTable {
    /// An empty table.
    pub fn new(name: &str, place: ConfigPosition) -> ColumnTable {
        ColumnTable {
            name: name.to_owned(),
            place,
            parameter: None,
            trim: None,
            letters: Letters::Keep,
            values: None,
            otherwise: None,
            default: None,
            empty: None,
        }
    }

    /// Reads a table of the file; errors go to `faults`.
    pub fn read(setting: &Setting, faults: &mut Vec<String>) -> Option<ColumnTable> {
        let Setting { key: name, place, value } = setting;
        let Value::Table(entries) = value else {
            let kind = value.kind();
            faults
                .push(format!("{place}: a column must be a table such as [columns.\"{name}\"], not {kind}"));
            return None;
        };
        let mut column = ColumnTable::new(name, place.clone());
        for entry in entries {
            if let Err(fault) = column.set_key(entry) {
                faults.push(format!("{}: {fault}", entry.place));
            }
        }
        if column.otherwise.is_some() && column.values.is_none() {
            faults.push(format!("{place}: otherwise needs values. Add values, or remove otherwise"));
        }
        Some(column)
    }

    fn set_key(&mut self, entry: &Setting) -> Result<(), String> {
        let Setting { key, place, value } = entry;
        match key.as_str() {
            "parameter" => self.parameter = Some(parameter(text(entry)?)?),
            "trim" => self.trim = Some(switch(entry)?),
            "lower" => self.set_letters(switch(entry)?, Letters::Lower)?,
            "upper" => self.set_letters(switch(entry)?, Letters::Upper)?,
            "digits" => self.set_letters(switch(entry)?, Letters::Digits)?,
            "values" => {
                let Value::Table(pairs) = value else {
                    return Err(format!(
                        "values must be a table such as {{ \"United States\" = \"US\" }}, not {}",
                        value.kind()
                    ));
                };
                let pair =
                    |pair: &Setting| Ok((pair.key.clone(), text(pair)?.to_owned(), pair.place.clone()));
                self.values = Some(pairs.iter().map(pair).collect::<Result<_, String>>()?);
            }
            "otherwise" => {
                self.otherwise =
                    Some(choice(entry, [("keep", Otherwise::Keep), ("invalid", Otherwise::Invalid)])?);
            }
            "default" => self.default = Some((text(entry)?.to_owned(), place.clone())),
            "empty" => {
                let chosen = choice(entry, [("keep", Empty::Keep), ("remove", Empty::Remove)])?;
                self.empty = Some((chosen, place.clone()));
            }
            unknown => return Err(unknown_key(unknown, &KEYS)),
        }
        Ok(())
    }

    fn set_letters(&mut self, is_on: bool, letters: Letters) -> Result<(), String> {
        if is_on && self.letters != Letters::Keep {
            return Err("lower, upper and digits cannot be used together. Keep one of them".to_owned());
        }
        if is_on {
            self.letters = letters;
        }
        Ok(())
    }

    /// The changes to the cells of the column, which holds `parameter`; errors go to `faults`.
    pub fn transform(&self, parameter: Parameter, empty: Empty, faults: &mut Vec<String>) -> Transform {
        let plain = Transform::of(parameter, empty);
        let mut check = |value: &str, place: &ConfigPosition| {
            if let Some(fault) = value_fault(parameter, value) {
                faults.push(format!("{place}: {}: {fault}", parameter.name()));
            }
        };
        if let Some((default, place)) = &self.default {
            check(default, place);
        }
        self.values.iter().flatten().for_each(|(_, value, place)| check(value, place));
        if let Some((default, place)) = &self.default {
            if parameter.is_lookup() {
                let name = parameter.name();
                faults.push(format!("{place}: {name} identifies the customer, so it cannot have a default"));
            } else if default.is_empty() {
                faults.push(format!("{place}: default is empty. Remove it"));
            }
        }
        if parameter.is_lookup() && (self.letters != Letters::Keep || self.values.is_some()) {
            faults.push(format!(
                "{}: lower, upper, digits and values could change an id in {} into the id of another customer. Remove them",
                self.place,
                parameter.name()
            ));
        }
        if let Some((Empty::Remove, place)) = &self.empty
            && !parameter.is_removable()
        {
            let name = parameter.name();
            faults.push(format!(
                "{place}: {name} cannot be removed, so empty = \"remove\" does not apply. Remove empty"
            ));
        }
        let trim = self.trim.unwrap_or(plain.trim);
        Transform {
            trim,
            letters: self.letters,
            table: self.values.as_ref().map(|values| self.lookup_table(values, trim, faults)),
            default: self.default.as_ref().map(|(default, _)| default.clone()),
            empty: self.empty.as_ref().map_or(plain.empty, |(empty, _)| *empty),
        }
    }

    /// The lookup table of the values. The keys are changed in the same way as the cells.
    fn lookup_table(
        &self,
        values: &[(String, String, ConfigPosition)],
        trim: bool,
        faults: &mut Vec<String>,
    ) -> Table {
        let mut table = Table { values: HashMap::new(), otherwise: self.otherwise.unwrap_or_default() };
        for (from, to, place) in values {
            let Some(from) = self.letters.apply(if trim { from.trim() } else { from }).map(Cow::into_owned)
            else {
                faults.push(format!(
                    "{place}: digits = true keeps only digits, so this value can never match. Write it in digits"
                ));
                continue;
            };
            if from.is_empty() || from == crate::customer::REMOVE {
                faults.push(format!(
                    "{place}: empty cells and REMOVE are never looked up. Use default or empty instead"
                ));
            } else if table.values.insert(from, to.clone()).is_some_and(|before| before != *to) {
                faults.push(format!(
                    "{place}: this value is already listed above, with another result. Remove one of them"
                ));
            }
        }
        table
    }

    /// The lines of the table in a configuration file, without `parameter`. `quoted` puts texts in quotes.
    pub fn lines(&self, quoted: impl Fn(&str) -> String) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.trim.map(|trim| format!("trim = {trim}")));
        lines.extend(match self.letters {
            Letters::Keep => None,
            Letters::Lower => Some("lower = true".to_owned()),
            Letters::Upper => Some("upper = true".to_owned()),
            Letters::Digits => Some("digits = true".to_owned()),
        });
        lines.extend(self.values.as_ref().map(|values| {
            let pairs: Vec<_> =
                values.iter().map(|(from, to, _)| format!("{} = {}", quoted(from), quoted(to))).collect();
            format!("values = {{ {} }}", pairs.join(", "))
        }));
        lines.extend(self.otherwise.map(|otherwise| match otherwise {
            Otherwise::Keep => "otherwise = \"keep\"".to_owned(),
            Otherwise::Invalid => "otherwise = \"invalid\"".to_owned(),
        }));
        lines.extend(self.default.as_ref().map(|(default, _)| format!("default = {}", quoted(default))));
        lines.extend(self.empty.as_ref().map(|(empty, _)| match empty {
            Empty::Keep => "empty = \"keep\"".to_owned(),
            Empty::Remove => "empty = \"remove\"".to_owned(),
        }));
        lines
    }
}

/// The field of this name. Case and surrounding blanks do not matter.
pub(super) fn parameter(name: &str) -> Result<Parameter, String> {
    let wanted = name.trim().to_lowercase();
    Parameter::from_name(&wanted).ok_or_else(|| {
        let names = Parameter::ALL.map(Parameter::name);
        match find_nearest(&wanted, names) {
            Some(near) => format!("'{}' is not an Offerit field. Did you mean '{near}'?", name.trim()),
            None => {
                format!("'{}' is not an Offerit field. The fields are {}", name.trim(), names.join(", "))
            }
        }
    })
}

/// The message for an unknown key.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> String {
    match find_nearest(key, known.iter().copied()) {
        Some(near) => format!("unknown key '{key}'. Did you mean '{near}'?"),
        None => format!("unknown key '{key}'. The keys are {}", known.join(", ")),
    }
}

pub(super) fn text(setting: &Setting) -> Result<&str, String> {
    match &setting.value {
        Value::Text(text) => Ok(text),
        other => Err(format!("{} must be a text such as \"x\", not {}", setting.key, other.kind())),
    }
}

fn switch(setting: &Setting) -> Result<bool, String> {
    match &setting.value {
        Value::Switch(on) => Ok(*on),
        other => Err(format!("{} must be true or false, not {}", setting.key, other.kind())),
    }
}

fn choice<T>(setting: &Setting, choices: [(&str, T); 2]) -> Result<T, String> {
    let typed = text(setting)?;
    let names = choices.each_ref().map(|(name, _)| format!("\"{name}\"")).join(" or ");
    let found = choices.into_iter().find(|(name, _)| *name == typed);
    found.map(|(_, choice)| choice).ok_or_else(|| format!("{} must be {names}, not '{typed}'", setting.key))
}
