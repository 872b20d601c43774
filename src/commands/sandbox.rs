//! `sandbox`: a local Offerit-compatible server, until it is told to stop.

use super::check::cannot_print;
use super::signals::interrupts;
use crate::exit::{ExitCode, Failure};
use crate::report::{put, say};
use crate::sandbox::{Credentials, Faults, Options, Sandbox, load_customers};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a sandbox.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The user name and key to demand.
    pub credentials: Option<(String, String)>,
    /// The customers that exist.
    pub customers: Option<PathBuf>,
    /// What goes wrong.
    pub faults: FaultSettings,
}

/// What the sandbox does wrong on purpose.
#[derive(Debug)]
pub struct FaultSettings {
    /// Before every reply.
    pub latency: Duration,
    /// Requests a second above which it answers 429.
    pub limit: Option<NonZeroU32>,
    /// Part of the requests that it answers with 503.
    pub fail_percent: f64,
    /// Of its dice.
    pub seed: u64,
}

/// Runs the server until SIGINT or SIGTERM. The first line on standard output is its address.
///
/// # Errors
/// If the customers cannot be read or the address cannot be listened on.
pub fn sandbox(settings: Settings) -> Result<ExitCode, Failure> {
    let customers = settings.customers.as_deref().map(load_customers).transpose().map_err(Failure::usage)?;
    let options = Options {
        listen: settings.listen,
        credentials: settings
            .credentials
            .map(|(api_username, api_key)| Credentials { api_username, api_key }),
        customers,
        faults: Faults {
            latency: settings.faults.latency,
            limit: settings.faults.limit.map(NonZeroU32::get),
            fail_percent: settings.faults.fail_percent,
            seed: settings.faults.seed,
            ..Faults::default()
        },
    };
    let sandbox = Sandbox::start(options).map_err(Failure::fault)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::fault(format!("cannot start the runtime: {error}")))?;
    let interrupt = runtime.block_on(async {
        let mut interrupts = interrupts()?;
        put(format_args!("http://{}", sandbox.address()))?;
        say("the sandbox is made for made-up data: it shows what it was sent. Stop it with Ctrl-C");
        Ok(interrupts.recv().await)
    });
    sandbox.stop();
    interrupt.map_err(cannot_print).map(|_| ExitCode::InSync)
}
