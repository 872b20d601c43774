//! The sources of every option: flags override the environment, the environment overrides the configuration file, and the file
//! overrides the defaults. The grammar of the command line is the only list of options: a key of the file is an option without
//! its dashes, and the parser of the option reads its value.

use super::columns::{ColumnTable, unknown_key};
use super::file::{ConfigFile, ConfigPosition, Setting, Value};
use super::mapping::{FileMapping, MappingOptions};
use super::target::Environment;
use super::values::{as_arguments, check_type, in_one_line};
use crate::exit::Failure;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use std::ffi::OsString;
use std::path::PathBuf;

/// The option that names the configuration file. Commands that read such a file have this option.
pub(super) const CONFIG: &str = "config";

/// Options that belong to a call and not into a file.
const OF_A_CALL: [&str; 4] = [CONFIG, "show-config", "output", "help"];

/// A key that applies to `run` only. Other commands accept it as a flag only, because replacing their file may destroy
/// corrections made by hand.
const OVERWRITE: &str = "overwrite";

/// A key that does not apply to `plan`, whose `--format` has other values.
const FORMAT: &str = "format";

/// Whether a key of a file applies to a command that has the option.
fn applies_to(command: &str, key: &str) -> bool {
    match key {
        OVERWRITE => command == "run",
        FORMAT => command != "plan",
        _ => true,
    }
}

/// Options that are merged column by column, and tables of columns.
const LISTS: [&str; 3] = ["map", "set", "ignore-column"];
const COLUMNS: &str = "columns";

/// The settings in effect for one call of the program.
pub struct Layers {
    /// Flags and file, parsed as one command line.
    matches: ArgMatches,
    /// The settings of the file that are in effect, of all commands.
    pub(super) in_effect: Vec<Setting>,
    mapping: FileMapping,
}

impl Layers {
    /// Merges the layers. `grammar` is the grammar of the whole program, `arguments` are the arguments of the process, and
    /// `typed` are the parsed arguments.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration file.
    pub fn new(
        grammar: &Command,
        arguments: &[OsString],
        typed: ArgMatches,
        environment: &Environment,
    ) -> Result<Layers, Failure> {
        let none = |matches| Layers { matches, in_effect: Vec::new(), mapping: FileMapping::default() };
        let Some((name, command_matches)) = typed.subcommand() else { return Ok(none(typed)) };
        let Some(command) = grammar.find_subcommand(name) else { return Ok(none(typed)) };
        let Some(path) = config_path(command_matches) else { return Ok(none(typed)) };
        let file = ConfigFile::read(path)?;
        let path = path.clone();
        let (settings, mapping) = read_settings(grammar, file)?;
        let in_effect: Vec<Setting> = settings
            .into_iter()
            .filter(|setting| !is_overruled(command, command_matches, environment, &setting.key))
            .collect();
        refuse_conflicts(command, &in_effect)?;
        // The settings follow the command's name and precede the typed arguments, so that these override the settings.
        let mut merged: Vec<OsString> = arguments.iter().take(2).cloned().collect();
        for setting in in_effect.iter().filter(|setting| applies_to(name, &setting.key)) {
            if let Some(arg) = option(command, &setting.key) {
                merged.extend(as_arguments(arg, setting));
            }
        }
        merged.extend(arguments.iter().skip(2).cloned());
        let matches = grammar
            .clone()
            .try_get_matches_from(merged)
            .map_err(|error| Failure::usage(format!("{}: {}", path.display(), in_one_line(&error))))?;
        Ok(Layers { matches, in_effect, mapping })
    }

    /// The merged arguments, for the command's options.
    #[must_use]
    pub fn matches(&self) -> &ArgMatches {
        &self.matches
    }

    /// Adds the column settings of the file to the options.
    pub fn fill(&self, options: &mut MappingOptions) {
        let is_in_effect = |key: &str| self.in_effect.iter().any(|setting| setting.key == key);
        let (has_empty, has_since) = (is_in_effect("empty"), is_in_effect("since"));
        // The settings of the file are in `matches` as if they were typed.
        let typed = self.matches.subcommand().map(|(_, matches)| matches.value_source("empty"));
        let is_empty_typed = typed.flatten() == Some(ValueSource::CommandLine) && !has_empty;
        options.file = FileMapping { has_empty, has_since, is_empty_typed, ..self.mapping.clone() };
    }

    /// Replaces the option that a failure names by its position in the file, if the file sets the option.
    #[must_use]
    pub fn located(&self, mut failure: Failure) -> Failure {
        failure.message = self.locate(failure.message);
        failure.more = failure.more.into_iter().map(|message| self.locate(message)).collect();
        failure
    }

    fn locate(&self, message: String) -> String {
        let is_named = |setting: &&Setting| {
            let rest = message.strip_prefix("--").and_then(|rest| rest.strip_prefix(setting.key.as_str()));
            rest.is_some_and(|rest| rest.starts_with(':'))
        };
        match self.in_effect.iter().find(is_named) {
            Some(setting) => format!("{}: {}", setting.place, &message[2..]),
            None => message,
        }
    }

    /// The position at which the file sets an option that is in effect.
    pub(super) fn place(&self, key: &str) -> Option<&ConfigPosition> {
        self.in_effect.iter().find(|setting| setting.key == key).map(|setting| &setting.place)
    }
}

/// The configuration file that a call names.
fn config_path(matches: &ArgMatches) -> Option<&PathBuf> {
    matches.try_get_one::<PathBuf>(CONFIG).ok().flatten()
}

/// The keys of the file: the options of all commands that read a configuration file, each once.
pub(super) fn keys(grammar: &Command) -> Vec<(&Command, &Arg)> {
    let mut keys: Vec<(&Command, &Arg)> = Vec::new();
    for command in grammar.get_subcommands().filter(|command| option(command, CONFIG).is_some()) {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            if !OF_A_CALL.contains(&long) && !keys.iter().any(|(_, known)| known.get_long() == Some(long)) {
                keys.push((command, arg));
            }
        }
    }
    keys
}

fn option<'grammar>(command: &'grammar Command, long: &str) -> Option<&'grammar Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(long))
}

/// Checks the settings of a file: their types, with resolved paths, and the settings of columns.
fn read_settings(grammar: &Command, file: ConfigFile) -> Result<(Vec<Setting>, FileMapping), Failure> {
    let known = keys(grammar);
    let mut names: Vec<&str> = known.iter().filter_map(|(_, arg)| arg.get_long()).collect();
    names.push(COLUMNS);
    let (mut settings, mut mapping, mut faults) = (Vec::new(), FileMapping::default(), Vec::new());
    for setting in &file.settings {
        if setting.key == COLUMNS {
            read_columns(setting, &mut mapping, &mut faults);
            continue;
        }
        let Some((command, arg)) = known.iter().find(|(_, arg)| arg.get_long() == Some(&setting.key)) else {
            faults.push(format!("{}: {}", setting.place, unknown_key(&setting.key, &names)));
            continue;
        };
        match check_type(command, arg, setting, &file) {
            Err(fault) => faults.push(format!("{}: {fault}", setting.place)),
            Ok(Setting { value: Value::List(items), .. }) if LISTS.contains(&&*setting.key) => {
                let items = items.into_iter().filter_map(|item| match item.value {
                    Value::Text(text) => Some((text, item.place)),
                    _ => None,
                });
                match setting.key.as_str() {
                    "map" => mapping.map = items.collect(),
                    "set" => mapping.set = items.collect(),
                    _ => mapping.ignored = items.collect(),
                }
            }
            Ok(setting) => settings.push(setting),
        }
    }
    Failure::all(faults)?;
    Ok((settings, mapping))
}

fn read_columns(setting: &Setting, mapping: &mut FileMapping, faults: &mut Vec<String>) {
    match &setting.value {
        Value::Table(columns) => {
            mapping.columns = columns.iter().filter_map(|column| ColumnTable::read(column, faults)).collect();
        }
        other => faults.push(format!(
            "{}: {COLUMNS} must be tables such as [columns.\"Customer No\"], not {}",
            setting.place,
            other.kind()
        )),
    }
}

/// Whether a flag or a variable overrides a setting: the same option, or an option that conflicts with it.
fn is_overruled(command: &Command, typed: &ArgMatches, environment: &Environment, key: &str) -> bool {
    if environment.variable(key).is_some() {
        return true;
    }
    let Some(arg) = option(command, key) else { return false };
    let is_typed = |other: &Arg| {
        typed.value_source(other.get_id().as_str()) == Some(ValueSource::CommandLine)
            && (other.get_id() == arg.get_id() || exclude(command, arg, other))
    };
    command.get_arguments().any(is_typed)
}

fn exclude(command: &Command, one: &Arg, other: &Arg) -> bool {
    let is_in = |arg: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(arg).iter().any(|excluded| excluded.get_id() == other.get_id())
    };
    is_in(one, other) || is_in(other, one)
}

fn refuse_conflicts(command: &Command, settings: &[Setting]) -> Result<(), Failure> {
    let is_set = |setting: &Setting| !matches!(setting.value, Value::Switch(false));
    for (index, setting) in settings.iter().enumerate().filter(|(_, setting)| is_set(setting)) {
        for before in settings[..index].iter().filter(|before| is_set(before)) {
            let (Some(one), Some(other)) = (option(command, &setting.key), option(command, &before.key))
            else {
                continue;
            };
            if exclude(command, one, other) {
                return Err(Failure::usage(format!(
                    "{}: {} and {} cannot be used together. Remove one of them",
                    setting.place, before.key, setting.key
                )));
            }
        }
    }
    Ok(())
}
