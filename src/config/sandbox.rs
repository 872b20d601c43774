//! What the options of `sandbox` say.

use super::{SandboxOptions, duration, target};
use crate::commands::sandbox;
use crate::exit::Failure;
use crate::sandbox::Faults;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

impl SandboxOptions {
    /// The settings of a sandbox.
    ///
    /// # Errors
    /// If an option is wrong.
    pub fn settings(&self) -> Result<sandbox::Settings, Failure> {
        let listen = self.listen.as_deref().unwrap_or("127.0.0.1:8080");
        let address: SocketAddr = listen.parse().map_err(|_| {
            Failure::usage(format!("--listen: '{listen}' is not an address such as 127.0.0.1:8080"))
        })?;
        if !address.ip().is_loopback() && !self.allow_remote {
            return Err(Failure::usage(format!(
                "--listen: {address} can be reached from other machines, and the sandbox shows what it was sent. \
                 Listen on 127.0.0.1, or add --allow-remote"
            )));
        }
        let credentials = match (&self.api_username, &self.api_key) {
            (Some(name), Some(key)) => Some((name.clone(), key.clone())),
            (None, None) => None,
            _ => return Err(Failure::usage("--api-username and --api-key: give both, or neither")),
        };
        Ok(sandbox::Settings {
            listen: address,
            credentials,
            customers: self.customers.clone(),
            faults: Faults {
                latency: self
                    .latency
                    .as_deref()
                    .map_or(Ok(Duration::ZERO), |text| duration("--latency", text))?,
                limit: self
                    .limit
                    .as_deref()
                    .map(|text| target::per_second("--limit", text))
                    .transpose()?
                    .map(NonZeroU32::get),
                fail_percent: percent_or_none("--fail", self.fail.as_deref())?,
                retry_after: self.retry_after,
                reset_percent: percent_or_none("--reset", self.reset.as_deref())?,
                stall_percent: percent_or_none("--stall", self.stall.as_deref())?,
                html_percent: percent_or_none("--html", self.html.as_deref())?,
                outage: self.outage.as_deref().map(|text| span("--outage", text)).transpose()?,
                unauthorized: self.unauthorized,
                seed: self.seed.unwrap_or(0),
            },
        })
    }
}

fn percent_or_none(option: &str, text: Option<&str>) -> Result<f64, Failure> {
    text.map_or(Ok(0.0), |text| target::percent(option, text))
}

/// Reads `10s..40s`; `0s` is a start too.
fn span(option: &str, text: &str) -> Result<(Duration, Duration), Failure> {
    let parts = text.split_once("..").and_then(|(from, to)| {
        Some((humantime::parse_duration(from).ok()?, humantime::parse_duration(to).ok()?))
    });
    parts
        .filter(|(from, to)| from < to)
        .ok_or_else(|| Failure::usage(format!("{option}: '{text}' is not a span of time such as 10s..40s")))
}
