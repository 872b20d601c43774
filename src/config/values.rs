//! A value of the configuration file becomes arguments: it has the type of its option, and the parser of the option
//! reads it.

use super::file::{ConfigFile, Setting, Value};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};
use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

/// Converts a setting to the type of its option: a switch, a text, or a list of texts.
pub(super) fn check_type(
    command: &Command,
    arg: &Arg,
    setting: &Setting,
    file: &ConfigFile,
) -> Result<Setting, String> {
    let Setting { key, value, .. } = setting;
    let value = match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Switch(on)) => Value::Switch(*on),
        (ArgAction::SetTrue, other) => {
            return Err(format!("{key} must be true or false, not {}", other.kind()));
        }
        (ArgAction::Append, Value::List(items)) => {
            Value::List(items.iter().map(|item| item_of_list(item, false)).collect::<Result<_, _>>()?)
        }
        // NAME=VALUE, as it is typed.
        (ArgAction::Append, Value::Table(items)) if key != "ignore-column" => {
            Value::List(items.iter().map(|item| item_of_list(item, true)).collect::<Result<_, _>>()?)
        }
        (ArgAction::Append, other) => {
            return Err(format!("{key} must be a list such as [\"x\", \"y\"], not {}", other.kind()));
        }
        (_, Value::Text(text)) if is_path(arg) => {
            Value::Text(file.resolve(text).to_string_lossy().into_owned())
        }
        (_, Value::Text(text)) => Value::Text(text.clone()),
        (_, other) => return Err(format!("{key} must be a text or a number, not {}", other.kind())),
    };
    let setting = Setting { value, ..setting.clone() };
    read_alone(command, arg, &setting)?;
    Ok(setting)
}

fn item_of_list(item: &Setting, is_pair: bool) -> Result<Setting, String> {
    let Value::Text(text) = &item.value else {
        return Err(format!("{}: every item must be a text, not {}", item.key, item.value.kind()));
    };
    let text = if is_pair { format!("{}={text}", item.key) } else { text.clone() };
    Ok(Setting { value: Value::Text(text), ..item.clone() })
}

fn is_path(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<PathBuf>()
}

/// Has the option's own parser read the value.
fn read_alone(command: &Command, arg: &Arg, setting: &Setting) -> Result<(), String> {
    let arguments = [OsString::from(command.get_name())].into_iter().chain(as_arguments(arg, setting));
    match command.clone().try_get_matches_from(arguments) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::InvalidUtf8
            ) =>
        {
            Err(format!("{}: {}", setting.key, in_one_line(&error)))
        }
        _ => Ok(()),
    }
}

/// A setting as it is typed on the command line.
pub(super) fn as_arguments(arg: &Arg, setting: &Setting) -> Vec<OsString> {
    let long = arg.get_long().unwrap_or_default();
    let with = |text: &str| OsString::from(format!("--{long}={text}"));
    match &setting.value {
        Value::Switch(true) => vec![OsString::from(format!("--{long}"))],
        Value::Text(text) => vec![with(text)],
        Value::List(items) => items
            .iter()
            .filter_map(|item| match &item.value {
                Value::Text(text) => Some(with(text)),
                _ => None,
            })
            .collect(),
        Value::Switch(false) | Value::Table(_) | Value::Strange(_) => Vec::new(),
    }
}

/// The message of clap in one line, without its advice about the command line.
pub(super) fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}
