//! `check --show-config`: the settings in effect and their sources, in the form of a configuration file.

use super::layers::{Layers, keys};
use super::mapping::MappingOptions;
use super::target::Environment;
use crate::customer::Parameter;
use crate::input::normalize_name;
use crate::text::{escape_and_shorten, quote_for_toml};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::fmt::Write;

/// The mask of secrets.
const MASK: &str = "***";

/// One line per option: its value and the source of the value. Options that are not set are commented out.
pub(super) fn show_config(
    grammar: &Command,
    layers: &Layers,
    environment: &Environment,
    mapping: &MappingOptions,
) -> String {
    let mut text = String::new();
    let typed = layers.matches().subcommand().map(|(_, matches)| matches);
    for (_, arg) in keys(grammar) {
        let Some(long) = arg.get_long() else { continue };
        if matches!(arg.get_action(), ArgAction::Append) {
            continue;
        }
        let _ = match value(arg, long, layers, typed, environment) {
            Some((value, source)) => writeln!(text, "{long} = {} # {source}", masked(long, value)),
            None => writeln!(text, "# {long} is not set"),
        };
    }
    // The key itself is never shown.
    if environment.api_key.is_some() {
        let _ = writeln!(text, "# api-key = \"{MASK}\" # OFFERIT_API_KEY");
    }
    show_mapping(&mut text, mapping);
    text.truncate(text.trim_end().len());
    text
}

fn value(
    arg: &Arg,
    long: &str,
    layers: &Layers,
    typed: Option<&ArgMatches>,
    environment: &Environment,
) -> Option<(String, String)> {
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let id = arg.get_id().as_str();
    if let Some(place) = layers.place(long) {
        let setting = layers.in_effect.iter().find(|setting| setting.key == long)?;
        let value = match &setting.value {
            super::file::Value::Switch(on) => on.to_string(),
            super::file::Value::Text(text) => quote_for_toml(text),
            _ => return None,
        };
        return Some((value, place.to_string()));
    }
    let is_typed = |matches: &&ArgMatches| {
        matches.try_contains_id(id).unwrap_or(false)
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    if let Some(matches) = typed.filter(is_typed) {
        let raw = matches.get_raw(id).and_then(|mut values| values.next());
        let value = raw
            .filter(|_| !is_switch)
            .map_or("true".to_owned(), |raw| quote_for_toml(&raw.to_string_lossy()));
        return Some((value, format!("--{long}")));
    }
    if let Some((variable, value)) = environment.variable(long) {
        // The variable of the key contains the key. It overrides the option that names the key's file.
        let value = value.to_str().filter(|_| variable != Environment::API_KEY);
        return value.map(|value| (quote_for_toml(value), variable.to_owned()));
    }
    if is_switch {
        return Some(("false".to_owned(), "default".to_owned()));
    }
    let default = arg.get_default_values().first()?;
    Some((quote_for_toml(&default.to_string_lossy()), "default".to_owned()))
}

/// Masks a base URL that may contain a password or a key by mistake.
fn masked(long: &str, value: String) -> String {
    if long == "url" && value.contains(['@', '?', '#']) { quote_for_toml(MASK) } else { value }
}

fn show_mapping(text: &mut String, mapping: &MappingOptions) {
    let ignored = mapping.ignored();
    if !ignored.is_empty() {
        text.push_str("ignore-column = [\n");
        for (name, origin, _) in ignored {
            let _ = writeln!(text, "    {}, # {}", quote_for_toml(&name), escape_and_shorten(&origin));
        }
        text.push_str("]\n");
    }
    let Ok(checked) = mapping.mapping() else { return };
    if !checked.constants.is_empty() {
        text.push_str("\n[set]\n");
    }
    for constant in &checked.constants {
        let is_secret = constant.parameter == Parameter::Password;
        let value = if is_secret { quote_for_toml(MASK) } else { quote_for_toml(&constant.value) };
        let _ = writeln!(
            text,
            "{} = {value} # {}",
            constant.parameter.name(),
            escape_and_shorten(&constant.origin)
        );
    }
    let tables = mapping.tables();
    for rule in &checked.columns {
        let _ = writeln!(
            text,
            "\n[columns.{}] # {}",
            quote_for_toml(&rule.name),
            escape_and_shorten(&rule.origin)
        );
        let _ = writeln!(text, "parameter = {}", quote_for_toml(rule.parameter.name()));
        let is_secret = rule.parameter == Parameter::Password;
        let shown = |value: &str| quote_for_toml(if is_secret { MASK } else { value });
        for line in
            tables.get(&normalize_name(&rule.name)).map(|table| table.lines(shown)).unwrap_or_default()
        {
            let _ = writeln!(text, "{line}");
        }
    }
}
