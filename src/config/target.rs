//! The server and the credentials, from options, environment and files.

use super::RunOptions;
use super::opening::open;
use crate::exit::Failure;
use crate::offerit::{ApiKey, Authorities, Credentials, Endpoint, Route, Settings};
use crate::report::warn;
use crate::text::shell_word;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// The most bytes of a key file. Chosen: longer than any key.
const LONGEST_KEY_FILE: u64 = 64 * 1024;

/// The most bytes of a file of certificates. Chosen: twenty times the certificates that a Linux distribution trusts.
const LONGEST_CA_CERT: u64 = 4 * 1024 * 1024;

/// The bits of a mode that allow users other than the owner to read a file.
const OTHERS: u32 = 0o044;

/// The environment variables of the program. An empty variable counts as not set.
#[derive(Default)]
pub struct Environment {
    /// `OFFERIT_URL`
    pub url: Option<OsString>,
    /// `OFFERIT_API_USERNAME`
    pub api_username: Option<OsString>,
    /// `OFFERIT_API_KEY`
    pub api_key: Option<OsString>,
    /// `NO_COLOR`: see no-color.org.
    pub no_color: Option<OsString>,
    /// `TERM`
    pub term: Option<OsString>,
    /// `GITHUB_STEP_SUMMARY`: a file whose Markdown GitHub Actions shows on the job's page.
    pub github_step_summary: Option<OsString>,
}

impl Environment {
    /// The variable that contains the key itself.
    pub(super) const API_KEY: &str = "OFFERIT_API_KEY";

    /// The variable of an option and its value, if it is set.
    pub(super) fn variable(&self, option: &str) -> Option<(&'static str, &OsString)> {
        match option {
            "url" => Some("OFFERIT_URL").zip(self.url.as_ref()),
            "api-username" => Some("OFFERIT_API_USERNAME").zip(self.api_username.as_ref()),
            "api-key-file" => Some(Self::API_KEY).zip(self.api_key.as_ref()),
            _ => None,
        }
    }

    /// The variables of the process.
    #[must_use]
    pub fn from_process() -> Environment {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        Environment {
            url: variable("OFFERIT_URL"),
            api_username: variable("OFFERIT_API_USERNAME"),
            api_key: variable("OFFERIT_API_KEY"),
            no_color: variable("NO_COLOR"),
            term: variable("TERM"),
            github_step_summary: variable("GITHUB_STEP_SUMMARY"),
        }
    }
}

/// The options that a run requires, and their variables.
const SETTINGS: [(&str, &str); 3] = [
    ("--url", "OFFERIT_URL"),
    ("--api-username", "OFFERIT_API_USERNAME"),
    ("--api-key-file", Environment::API_KEY),
];

impl RunOptions {
    /// The server to send to. Options override the environment.
    pub(super) fn server(&self, environment: &Environment, timeout: Duration) -> Result<Settings, Failure> {
        self.refuse_missing(environment)?;
        let (from, url) = given(SETTINGS[0], self.url.as_ref(), environment.url.as_ref())?;
        let endpoint = Endpoint::new(&url, self.allow_http)
            .map_err(|error| Failure::usage(format!("{from}: {error}")))?;
        let route = Route::from_environment(&endpoint).map_err(Failure::usage)?;
        let (from, username) =
            given(SETTINGS[1], self.api_username.as_ref(), environment.api_username.as_ref())?;
        let key =
            api_key(self.api_key_file.as_deref(), environment)?.ok_or_else(|| missing(&SETTINGS[2..]))?;
        let credentials = Credentials::new(&username, key)
            .map_err(|error| Failure::usage(format!("{from}: the API user name {error}")))?;
        let authorities = self.ca_cert.as_deref().map(authorities).transpose()?.unwrap_or_default();
        Ok(Settings { endpoint, route, credentials, authorities, timeout, show_reply: None })
    }

    /// Names everything that is missing at once.
    fn refuse_missing(&self, environment: &Environment) -> Result<(), Failure> {
        let is_given = [
            self.url.is_some() || environment.url.is_some(),
            self.api_username.is_some() || environment.api_username.is_some(),
            self.api_key_file.is_some() || environment.api_key.is_some(),
        ];
        let settings = SETTINGS.into_iter().zip(is_given);
        let absent: Vec<_> = settings.filter(|(_, is_given)| !is_given).map(|(setting, _)| setting).collect();
        if absent.is_empty() { Ok(()) } else { Err(missing(&absent)) }
    }
}

fn missing(settings: &[(&str, &str)]) -> Failure {
    let names: Vec<_> =
        settings.iter().map(|(option, variable)| format!("{option} (or {variable})")).collect();
    Failure::usage(format!("missing: {}. To try a run without an account, add --sandbox", names.join(", ")))
}

/// A setting and its source.
fn given(
    (option, variable): (&'static str, &'static str),
    typed: Option<&String>,
    value: Option<&OsString>,
) -> Result<(&'static str, String), Failure> {
    match (typed, value) {
        (Some(typed), _) => Ok((option, typed.clone())),
        (None, Some(value)) => Ok((variable, text(variable, value)?)),
        (None, None) => Err(missing(&[(option, variable)])),
    }
}

fn authorities(path: &Path) -> Result<Authorities, Failure> {
    let wrong =
        |what: &dyn std::fmt::Display| Failure::usage(format!("--ca-cert: {}: {what}", path.display()));
    let mut pem = Vec::new();
    let file = open("--ca-cert", path)?;
    // Reads one byte more, to notice a file that is too long.
    file.take(LONGEST_CA_CERT + 1).read_to_end(&mut pem).map_err(|error| wrong(&error))?;
    if pem.len() as u64 > LONGEST_CA_CERT {
        return Err(wrong(&"is longer than 4 MiB. Use a PEM file that contains only certificates"));
    }
    Authorities::from_pem(&pem).map_err(|error| wrong(&error))
}

/// The API key, if there is one: the file before the environment. No message contains the key.
pub(super) fn api_key(file: Option<&Path>, environment: &Environment) -> Result<Option<ApiKey>, Failure> {
    let (from, key) = match (file, &environment.api_key) {
        (Some(path), _) => (format!("--api-key-file: {}", path.display()), read_key(path)?),
        (None, Some(key)) => (Environment::API_KEY.to_owned(), text(Environment::API_KEY, key)?),
        (None, None) => return Ok(None),
    };
    let rule = if file.is_some() { "Put only the key in the file" } else { "Set it to the key alone" };
    let key = ApiKey::new(&key).map_err(|error| {
        Failure::usage(format!("{from} does not look like an API key: it {error}. {rule}"))
    })?;
    file.into_iter().for_each(warn_of_others);
    Ok(Some(key))
}

fn read_key(path: &Path) -> Result<String, Failure> {
    let mut key = String::new();
    open("--api-key-file", path)?
        .take(LONGEST_KEY_FILE)
        .read_to_string(&mut key)
        .map_err(|error| Failure::usage(format!("--api-key-file: {}: {error}", path.display())))?;
    Ok(key)
}

/// Warns if other users of the machine can read the key's file. A pipe is private.
fn warn_of_others(path: &Path) {
    let file = fs::metadata(path).ok().filter(|metadata| metadata.is_file());
    if let Some(metadata) = file.filter(|metadata| metadata.mode() & OTHERS != 0) {
        let shown = path.display().to_string();
        warn(format_args!(
            "--api-key-file: other users can read the key in {shown} (mode {:04o}). To prevent this, run: chmod 600 {}",
            metadata.mode() & 0o7777,
            shell_word(&shown)
        ));
    }
}

fn text(name: &str, value: &OsString) -> Result<String, Failure> {
    value.to_str().map(str::to_owned).ok_or_else(|| Failure::usage(format!("{name} is not valid UTF-8")))
}

/// Reads `N` or `N/s`.
pub(super) fn per_second(option: &str, text: &str) -> Result<NonZeroU32, Failure> {
    let count = text.strip_suffix("/s").unwrap_or(text);
    count.parse().map_err(|_| {
        Failure::usage(format!("{option}: cannot read '{}'. Use a rate such as 5/s", text.escape_debug()))
    })
}

/// Reads `P` or `P%`, from 0 to 100.
pub(super) fn percent(option: &str, text: &str) -> Result<f64, Failure> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
    number.filter(|percent| (0.0..=100.0).contains(percent)).ok_or_else(|| {
        Failure::usage(format!(
            "{option}: cannot read '{}'. Use a percentage from 0 to 100, such as 5%",
            text.escape_debug()
        ))
    })
}
