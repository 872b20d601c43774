//! Parses the configuration file: TOML becomes settings, each with its position in the file. Other modules interpret the
//! settings.

use super::opening::open;
use crate::exit::Failure;
use std::fmt;
use std::io::Read;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most bytes of a configuration file. Chosen: longer than any configuration file.
const LONGEST: u64 = 4 * 1024 * 1024;

/// Keys under which people might put the API key itself.
const NAMES_OF_KEY: [&str; 5] = ["apikey", "key", "offeritapikey", "secret", "token"];

/// A position in a configuration file, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigPosition {
    path: Arc<Path>,
    line: usize,
    column: usize,
}

impl fmt::Display for ConfigPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// One key of the file with its value.
#[derive(Clone)]
pub(super) struct Setting {
    pub key: String,
    pub place: ConfigPosition,
    pub value: Value,
}

/// A value of the file.
#[derive(Clone)]
pub(super) enum Value {
    Switch(bool),
    /// A text or a number.
    Text(String),
    List(Vec<Setting>),
    Table(Vec<Setting>),
    /// A date or another type that no option accepts.
    Strange(&'static str),
}

impl Value {
    /// Its type, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Switch(_) => "true or false",
            Value::Text(_) => "a text or a number",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Strange(kind) => kind,
        }
    }
}

/// The settings of a file in their order.
pub(super) struct ConfigFile {
    pub path: PathBuf,
    pub settings: Vec<Setting>,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or contains the API key.
    pub fn read(path: &Path) -> Result<ConfigFile, Failure> {
        let unreadable =
            |what: &dyn fmt::Display| Failure::usage(format!("--config: {}: {what}", path.display()));
        let mut text = String::new();
        let file = open("--config", path)?;
        file.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
        if text.len() as u64 > LONGEST {
            return Err(unreadable(&format_args!(
                "is longer than {} MiB, which is too long for a configuration file",
                LONGEST >> 20
            )));
        }
        Self::parse(path, &text)
    }

    /// Reads the text of `path`.
    pub fn parse(path: &Path, text: &str) -> Result<ConfigFile, Failure> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let source = Source { path: path.into(), text, line_starts: iter::once(0).chain(ends).collect() };
        let table = DeTable::parse(text).map_err(|error| {
            let place = source.place(error.span().map_or(0, |span| span.start));
            Failure::usage(format!("{place}: cannot be read as TOML: {}", in_plain_words(error.message())))
        })?;
        let settings = source.settings(table.get_ref());
        for setting in &settings {
            refuse_key(setting)?;
        }
        Ok(ConfigFile { path: path.to_path_buf(), settings })
    }

    /// Resolves a relative path against the folder of the file. `-` is no path.
    pub fn resolve(&self, path: &str) -> PathBuf {
        if path == "-" {
            return PathBuf::from(path);
        }
        self.path.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
    }
}

/// The message of the TOML parser in plain words. For a missing quote, the parser reports the expected token.
fn in_plain_words(message: &str) -> String {
    if message.contains("expected `\"`") || message.contains("expected `'`") {
        return "a closing quote is missing".to_owned();
    }
    if message.starts_with("string values must be quoted") {
        return "a value is missing, or is a text without quotes".to_owned();
    }
    message.lines().collect::<Vec<_>>().join(", ")
}

/// Refuses the API key in a file that people pass around. The message does not show the key.
fn refuse_key(setting: &Setting) -> Result<(), Failure> {
    let bare: String = setting.key.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    if !NAMES_OF_KEY.contains(&&*bare) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{}: the API key must not be in this file ('{}'). Remove it and use a key file that only you can read \
         (api-key-file), or set OFFERIT_API_KEY",
        setting.place, setting.key
    )))
}

struct Source<'text> {
    path: Arc<Path>,
    text: &'text str,
    /// The byte offset of each line, to find the position of each setting quickly.
    line_starts: Vec<usize>,
}

impl Source<'_> {
    fn place(&self, offset: usize) -> ConfigPosition {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let before = self.text.get(self.line_starts[line - 1]..offset).unwrap_or_default();
        let column = before.chars().count() + 1;
        ConfigPosition { path: Arc::clone(&self.path), line, column }
    }

    /// In the order of the file, not of the parser's table.
    fn settings(&self, table: &DeTable<'_>) -> Vec<Setting> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries.into_iter().map(|(key, value)| self.setting(key.get_ref(), key.span().start, value)).collect()
    }

    fn setting(&self, key: &str, offset: usize, value: &Spanned<DeValue<'_>>) -> Setting {
        let value = match value.get_ref() {
            DeValue::Boolean(on) => Value::Switch(*on),
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Value::Text(number.as_str().to_owned()),
            DeValue::Float(number) => Value::Text(number.as_str().to_owned()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.setting(key, item.span().start, item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.settings(table)),
            DeValue::Integer(_) => Value::Strange("a number that is not decimal"),
            DeValue::Datetime(_) => Value::Strange("a date or a time without quotes"),
        };
        Setting { key: key.to_owned(), place: self.place(offset), value }
    }
}
