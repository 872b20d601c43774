//! The server and the credentials, from options, environment and files.

use super::RunOptions;
use crate::exit::Failure;
use crate::offerit::{ApiKey, Authorities, Credentials, Endpoint, Route, Settings};
use crate::report::say;
use crate::text::{escape_and_shorten, shell_word};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// More than any key: a file that holds more is not a key file.
const LONGEST_KEY_FILE: u64 = 64 * 1024;

/// In bytes. Chosen: twenty times the certificates that a Linux distribution trusts.
const LONGEST_CA_CERT: u64 = 4 * 1024 * 1024;

/// The bits of a mode by which others than the owner may read a file.
const OTHERS: u32 = 0o044;

/// The variables that are looked at. An empty one counts as not set.
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
    /// Holds the key itself.
    pub(super) const API_KEY: &str = "OFFERIT_API_KEY";

    /// The variable that stands for an option, with its value, if it is set.
    pub(super) fn variable(&self, option: &str) -> Option<(&'static str, &OsString)> {
        match option {
            "url" => Some("OFFERIT_URL").zip(self.url.as_ref()),
            "api-username" => Some("OFFERIT_API_USERNAME").zip(self.api_username.as_ref()),
            "api-key-file" => Some(Self::API_KEY).zip(self.api_key.as_ref()),
            _ => None,
        }
    }

    /// Those of the process.
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

impl RunOptions {
    /// The server to send to, flags before environment.
    pub(super) fn server(&self, environment: &Environment, timeout: Duration) -> Result<Settings, Failure> {
        let (from, url) = match (&self.url, &environment.url) {
            (Some(url), _) => ("--url", url.clone()),
            (None, Some(url)) => ("OFFERIT_URL", text("OFFERIT_URL", url)?),
            (None, None) => {
                return Err(Failure::usage(
                    "no server: give --url or set OFFERIT_URL to the base URL of the Offerit account, or try it \
                     out with --sandbox",
                ));
            }
        };
        let endpoint = Endpoint::new(&url, self.allow_http)
            .map_err(|error| Failure::usage(format!("{from}: the base URL {error}")))?;
        let route = Route::from_environment(&endpoint).map_err(Failure::usage)?;
        let (from, username) = match (&self.api_username, &environment.api_username) {
            (Some(name), _) => ("--api-username", name.clone()),
            (None, Some(name)) => ("OFFERIT_API_USERNAME", text("OFFERIT_API_USERNAME", name)?),
            (None, None) => {
                return Err(Failure::usage("no API user: give --api-username or set OFFERIT_API_USERNAME"));
            }
        };
        let key = api_key(self.api_key_file.as_deref(), environment)?.ok_or_else(|| {
            Failure::usage(
                "no API key: set OFFERIT_API_KEY, or name a file that holds it with --api-key-file",
            )
        })?;
        let credentials = Credentials::new(&username, key)
            .map_err(|error| Failure::usage(format!("{from}: the API user name {error}")))?;
        let authorities = self.ca_cert.as_deref().map(authorities).transpose()?.unwrap_or_default();
        Ok(Settings { endpoint, route, credentials, authorities, timeout, show_reply: None })
    }
}

fn authorities(path: &Path) -> Result<Authorities, Failure> {
    let wrong =
        |what: &dyn std::fmt::Display| Failure::usage(format!("--ca-cert: {}: {what}", path.display()));
    let mut pem = Vec::new();
    let file = File::open(path).map_err(|error| wrong(&error))?;
    // One byte more tells a file that is too long.
    file.take(LONGEST_CA_CERT + 1).read_to_end(&mut pem).map_err(|error| wrong(&error))?;
    if pem.len() as u64 > LONGEST_CA_CERT {
        return Err(wrong(&"is longer than 4 MiB: give a PEM file of the certificates of authorities alone"));
    }
    Authorities::from_pem(&pem).map_err(|error| wrong(&error))
}

/// The API key, if there is one: the file before the environment. Its text never reaches a message.
pub(super) fn api_key(file: Option<&Path>, environment: &Environment) -> Result<Option<ApiKey>, Failure> {
    let (from, key) = match (file, &environment.api_key) {
        (Some(path), _) => (format!("--api-key-file: {}", path.display()), read_key(path)?),
        (None, Some(key)) => ("OFFERIT_API_KEY".to_owned(), text("OFFERIT_API_KEY", key)?),
        (None, None) => return Ok(None),
    };
    let key = ApiKey::new(&key).map_err(|error| Failure::usage(format!("{from}: the API key {error}")))?;
    file.into_iter().for_each(warn_of_others);
    Ok(Some(key))
}

fn read_key(path: &Path) -> Result<String, Failure> {
    let mut key = String::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_KEY_FILE).read_to_string(&mut key))
        .map_err(|error| Failure::usage(format!("--api-key-file: {}: {error}", path.display())))?;
    Ok(key)
}

/// Says how to keep the key from other users of the machine, if its file lets them have it. A pipe is nobody else's.
fn warn_of_others(path: &Path) {
    let file = fs::metadata(path).ok().filter(|metadata| metadata.is_file());
    if let Some(metadata) = file.filter(|metadata| metadata.mode() & OTHERS != 0) {
        let shown = path.display().to_string();
        say(escape_and_shorten(&format!(
            "--api-key-file: {shown}: other users of this machine may read the key (mode {:04o}). To keep it to yourself: \
             chmod 600 {}",
            metadata.mode() & 0o7777,
            shell_word(&shown)
        )));
    }
}

fn text(name: &str, value: &OsString) -> Result<String, Failure> {
    value.to_str().map(str::to_owned).ok_or_else(|| Failure::usage(format!("{name} is not valid UTF-8")))
}

/// Reads `N` or `N/s`.
pub(super) fn per_second(option: &str, text: &str) -> Result<NonZeroU32, Failure> {
    let count = text.strip_suffix("/s").unwrap_or(text);
    count
        .parse()
        .map_err(|_| Failure::usage(format!("{option}: '{text}' is not a number a second such as 5/s")))
}

/// Reads `P` or `P%`, from 0 to 100.
pub(super) fn percent(option: &str, text: &str) -> Result<f64, Failure> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
    number
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| Failure::usage(format!("{option}: '{text}' is not a part such as 5% (0 to 100)")))
}
