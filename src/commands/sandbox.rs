//! `sandbox`: a local Offerit-compatible server, until it is told to stop.

use super::check::cannot_print;
use super::signals::interrupts;
use crate::exit::{ExitCode, Failure};
use crate::report::{put, say};
use crate::sandbox::{self, Credentials, Faults, Options, Sandbox, load_customers};
use std::net::SocketAddr;
use std::path::PathBuf;

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
    pub faults: Faults,
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
        faults: settings.faults,
    };
    let sandbox = Sandbox::start(options).map_err(|error| match error {
        sandbox::Error::Faults(_) => Failure::usage(error),
        error => Failure::fault(error),
    })?;
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
