//! Merges the options about columns, from flags and file, into a mapping.

use super::columns::{ColumnTable, parameter};
use super::file::ConfigPosition;
use super::grammar::{COLUMNS, untyped};
use crate::customer::value_fault;
use crate::exit::Failure;
use crate::input::{ColumnRule, Constant, Empty, EmptyRows, Mapping, Transform, normalize_name};
use clap::{Args, ValueEnum};
use std::collections::HashMap;

/// Options about columns, of every command that reads the input.
#[derive(Args)]
#[command(next_help_heading = COLUMNS)]
pub struct MappingOptions {
    /// Map a column to a field: 'Customer No=customer_id' (repeatable)
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<String>,

    /// Skip a column (repeatable)
    #[arg(long, value_name = "COLUMN")]
    pub ignore_column: Vec<String>,

    /// Skip every column that is not an Offerit field
    #[arg(long, hide_short_help = true)]
    pub ignore_unknown_columns: bool,

    /// Set a field to the same value in every row, such as custom1=crm (repeatable)
    #[arg(long, value_name = "FIELD=VALUE", hide_short_help = true)]
    pub set: Vec<String>,

    /// Empty cells: 'keep' the field, or 'remove' it
    #[arg(long, value_name = "ACTION", default_value = "keep", hide_possible_values = true)]
    pub empty: EmptyChoice,

    /// Rows with nothing to send: treat as 'invalid', or 'skip' them
    #[arg(
        long,
        value_name = "ACTION",
        default_value = "invalid",
        hide_short_help = true,
        hide_possible_values = true
    )]
    pub empty_rows: EmptyRowsChoice,

    /// The settings of the configuration file.
    #[arg(skip)]
    pub(super) file: FileMapping,
}

/// `--empty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmptyChoice {
    /// Keep the field as it is
    Keep,
    /// Remove the field
    Remove,
}

/// `--empty-rows`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmptyRowsChoice {
    /// Report the row as invalid
    Invalid,
    /// Record the row as unchanged
    Skip,
}

impl Default for MappingOptions {
    fn default() -> MappingOptions {
        untyped()
    }
}

/// Shows names only, because a constant may be a password.
impl std::fmt::Debug for MappingOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MappingOptions").field("map", &self.map).finish_non_exhaustive()
    }
}

/// The settings of a configuration file about columns. Items have the form of the command line.
#[derive(Clone, Default)]
pub(super) struct FileMapping {
    pub map: Vec<(String, ConfigPosition)>,
    pub set: Vec<(String, ConfigPosition)>,
    pub ignored: Vec<(String, ConfigPosition)>,
    pub columns: Vec<ColumnTable>,
    /// Whether the file sets `empty`.
    pub has_empty: bool,
    /// Whether `--empty` was typed. Its value does not reveal this, because it may be the default.
    pub is_empty_typed: bool,
    /// Whether the file sets `since`.
    pub has_since: bool,
}

impl FileMapping {
    /// The keys of the file that do not apply to a plan.
    fn keys(&self) -> Vec<&'static str> {
        let keys = [
            ("columns", !self.columns.is_empty()),
            ("map", !self.map.is_empty()),
            ("set", !self.set.is_empty()),
            ("empty", self.has_empty),
            ("since", self.has_since),
        ];
        keys.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect()
    }
}

/// The settings of one column, by the file, by a flag, or by both.
struct ColumnSettings {
    name: String,
    origin: String,
    is_flag: bool,
    parameter: Option<crate::customer::Parameter>,
    table: Option<ColumnTable>,
}

/// The settings of all columns, the file first.
#[derive(Default)]
struct AllColumnSettings {
    columns: Vec<ColumnSettings>,
    /// The number of each column in `columns`, by its normalized name.
    numbers: HashMap<String, usize>,
}

impl AllColumnSettings {
    fn find(&mut self, name: &str) -> Option<&mut ColumnSettings> {
        self.numbers.get(&normalize_name(name)).map(|number| &mut self.columns[*number])
    }

    fn push(&mut self, column: ColumnSettings) {
        self.numbers.insert(normalize_name(&column.name), self.columns.len());
        self.columns.push(column);
    }
}

/// The ignored columns by normalized name: the origin of the setting, and whether the origin is a flag.
type IgnoredColumns = HashMap<String, (String, bool)>;

impl MappingOptions {
    /// The mapping. A flag overrides the file for the same column or parameter.
    ///
    /// # Errors
    /// All errors that can be found without an input.
    pub fn mapping(&self) -> Result<Mapping, Failure> {
        let mut faults = Vec::new();
        let empty = match self.empty {
            EmptyChoice::Remove => Empty::Remove,
            EmptyChoice::Keep => Empty::Keep,
        };
        let ignored = self.ignored();
        let by_name: IgnoredColumns = ignored
            .iter()
            .map(|(name, origin, is_flag)| (normalize_name(name), (origin.clone(), *is_flag)))
            .collect();
        let mut settings = self.column_settings(&mut faults).columns;
        settings.retain(|column| !is_left_out(column, &by_name, &mut faults));
        let columns = settings.into_iter().filter_map(|column| rule(column, empty, &mut faults)).collect();
        let constants = self.constants(&mut faults);
        Failure::all(faults)?;
        Ok(Mapping {
            columns,
            constants,
            ignored: ignored.into_iter().map(|(name, ..)| name).collect(),
            ignores_unknown: self.ignore_unknown_columns,
            empty,
            empty_rows: match self.empty_rows {
                EmptyRowsChoice::Skip => EmptyRows::Skip,
                EmptyRowsChoice::Invalid => EmptyRows::Invalid,
            },
            may_lack_columns: false,
            typed: self.typed(),
            from_file: self.file.keys(),
        })
    }

    /// Whether the configuration file sets `since`.
    pub(super) fn is_since_of_file(&self) -> bool {
        self.file.has_since
    }

    /// The typed options that do not apply to a plan.
    fn typed(&self) -> Vec<String> {
        let typed = [
            ("--map", !self.map.is_empty()),
            ("--set", !self.set.is_empty()),
            ("--empty", self.file.is_empty_typed),
        ];
        typed.into_iter().filter(|(_, is_typed)| *is_typed).map(|(option, _)| option.to_owned()).collect()
    }

    /// Every ignored column, the origin of the setting, and whether the origin is a flag.
    pub(super) fn ignored(&self) -> Vec<(String, String, bool)> {
        let file = self.file.ignored.iter().map(|(name, place)| (name.clone(), place.to_string(), false));
        let flags = self.ignore_column.iter().map(|name| (name.clone(), "--ignore-column".to_owned(), true));
        file.chain(flags).collect()
    }

    /// The table of each column in the file, by normalized name.
    pub(super) fn tables(&self) -> HashMap<String, &ColumnTable> {
        self.file.columns.iter().map(|column| (normalize_name(&column.name), column)).collect()
    }

    /// The settings of each column, the file first.
    fn column_settings(&self, faults: &mut Vec<String>) -> AllColumnSettings {
        let mut settings = AllColumnSettings::default();
        for table in &self.file.columns {
            if let Some(before) = settings.find(&table.name) {
                faults.push(format!(
                    "{}: '{}' is the same column as {}. Remove one of them",
                    table.place, table.name, before.origin
                ));
                continue;
            }
            settings.push(ColumnSettings {
                name: table.name.clone(),
                origin: table.place.to_string(),
                is_flag: false,
                parameter: table.parameter,
                table: Some(table.clone()),
            });
        }
        let file = self.file.map.iter().map(|(text, place)| (text, place.to_string(), false));
        let flags = self.map.iter().map(|text| (text, format!("--map '{text}'"), true));
        for (text, origin, is_flag) in file.chain(flags) {
            if let Err(fault) = add_map(&mut settings, text, &origin, is_flag) {
                let origin = if is_flag { "--map".to_owned() } else { origin };
                faults.push(format!("{origin}: {fault}"));
            }
        }
        settings
    }

    /// The constants. A flag overrides the file.
    fn constants(&self, faults: &mut Vec<String>) -> Vec<Constant> {
        let mut constants: Vec<(Constant, bool)> = Vec::new();
        let file = self.file.set.iter().map(|(text, place)| (text, Some(place)));
        let flags = self.set.iter().map(|text| (text, None));
        for (text, place) in file.chain(flags) {
            let by = place.map_or_else(|| "--set".to_owned(), ToString::to_string);
            let constant = match constant(text, place) {
                Ok(constant) => constant,
                Err(fault) => {
                    faults.push(format!("{by}: {fault}"));
                    continue;
                }
            };
            let same = constants.iter_mut().find(|(before, _)| before.parameter == constant.parameter);
            match same {
                None => constants.push((constant, place.is_none())),
                Some((before, is_flag)) if !*is_flag && place.is_none() => {
                    (*before, *is_flag) = (constant, true);
                }
                Some(_) => faults.push(format!("{by}: {} is set twice", constant.parameter.name())),
            }
        }
        constants.into_iter().map(|(constant, _)| constant).collect()
    }
}

/// Whether a flag ignores a column that only the file maps. A column that one source both ignores and maps is an error.
fn is_left_out(column: &ColumnSettings, ignored: &IgnoredColumns, faults: &mut Vec<String>) -> bool {
    let ColumnSettings { name, origin: mapped_by, .. } = column;
    let Some((origin, is_flag)) = ignored.get(&normalize_name(name)) else { return false };
    if *is_flag == column.is_flag {
        faults.push(format!("{origin}: '{name}' is also mapped by {mapped_by}. Remove one of them"));
    }
    *is_flag && !column.is_flag
}

/// Adds `COLUMN=parameter` to the settings.
fn add_map(settings: &mut AllColumnSettings, text: &str, origin: &str, is_flag: bool) -> Result<(), String> {
    let (name, wanted) = text.rsplit_once('=').ok_or_else(|| {
        format!("cannot read '{text}'. Use COLUMN=FIELD, such as 'Customer No=customer_id'")
    })?;
    let parameter = Some(parameter(wanted)?);
    let name = name.trim();
    match settings.find(name) {
        None => {
            let (name, origin) = (name.to_owned(), origin.to_owned());
            settings.push(ColumnSettings { name, origin, is_flag, parameter, table: None });
        }
        Some(before) if before.is_flag == is_flag && before.parameter.is_some() => {
            return Err(format!("'{name}' is also mapped by {}. Remove one of them", before.origin));
        }
        Some(before) => {
            (before.parameter, before.is_flag) = (parameter, is_flag);
            origin.clone_into(&mut before.origin);
        }
    }
    Ok(())
}

fn rule(column: ColumnSettings, empty: Empty, faults: &mut Vec<String>) -> Option<ColumnRule> {
    let ColumnSettings { name, origin, table, parameter: given, .. } = column;
    let Some(parameter) = given.or_else(|| parameter(&name).ok()) else {
        faults.push(format!(
            "{origin}: '{name}' is not an Offerit field. Add parameter = \"...\" with the field of this column"
        ));
        return None;
    };
    let transform = match table {
        Some(table) => table.transform(parameter, empty, faults),
        None => Transform::of(parameter, empty),
    };
    Some(ColumnRule { name, origin, parameter, transform })
}

/// Reads `parameter=VALUE`. No message contains the value.
fn constant(text: &str, place: Option<&ConfigPosition>) -> Result<Constant, String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| "needs FIELD=VALUE, such as 'custom1=crm'".to_owned())?;
    let parameter = parameter(name)?;
    let name = parameter.name();
    if parameter.is_lookup() {
        return Err(format!("{name} identifies the customer, so it cannot be the same in every row"));
    }
    if value.is_empty() && !parameter.is_removable() {
        return Err(format!("{name} has no value"));
    }
    if value.is_empty() {
        return Err(format!("{name} has no value. To remove the field of every customer, use {name}=REMOVE"));
    }
    if let Some(fault) = value_fault(parameter, value) {
        return Err(format!("{name}: {fault}"));
    }
    let origin = place.map_or_else(|| format!("--set {name}"), ToString::to_string);
    Ok(Constant { parameter, value: value.to_owned(), origin })
}
