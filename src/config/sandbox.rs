//! The options of `sandbox` become its settings.

use super::grammar::duration;
use super::{SandboxOptions, target};
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
        let listen = &self.listen;
        let address: SocketAddr = listen.parse().map_err(|_| {
            Failure::usage(format!(
                "--listen: cannot read '{}'. Use an address and a port, such as 127.0.0.1:8080",
                listen.escape_debug()
            ))
        })?;
        if !address.ip().is_loopback() && !self.allow_remote {
            return Err(Failure::usage(format!(
                "--listen: other machines can reach {address}, and the sandbox shows what was sent to it. Use 127.0.0.1, \
                 or add --allow-remote"
            )));
        }
        // clap demands both or neither.
        let credentials = self.api_username.clone().zip(self.api_key.clone());
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
                seed: self.seed,
            },
        })
    }
}

fn percent_or_none(option: &str, text: Option<&str>) -> Result<f64, Failure> {
    text.map_or(Ok(0.0), |text| target::percent(option, text))
}

/// Reads `10s..40s`. It may start at `0s`.
fn span(option: &str, text: &str) -> Result<(Duration, Duration), Failure> {
    let parts = text.split_once("..").and_then(|(from, to)| {
        Some((humantime::parse_duration(from).ok()?, humantime::parse_duration(to).ok()?))
    });
    parts.filter(|(from, to)| from < to).ok_or_else(|| {
        let text = text.escape_debug();
        Failure::usage(format!("{option}: cannot read '{text}'. Use a time from and to, such as 10s..40s"))
    })
}
