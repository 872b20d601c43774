//! `sandbox`: runs a local test server that behaves like Offerit, until a signal stops it.

use super::check::cannot_print;
use super::signals::interrupts;
use crate::exit::{ExitCode, Failure};
use crate::input::cannot_open;
use crate::report::{put, say};
use crate::sandbox::{self, Credentials, Faults, Options, Sandbox, load_customers};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

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
    let customers = settings.customers.as_deref().map(load_customers).transpose();
    let customers = customers.map_err(|error| Failure::usage(in_words(&error)))?;
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
        error => Failure::fault(in_words(&error)),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::fault(format!("cannot start the runtime: {error}")))?;
    let interrupt = runtime.block_on(async {
        let mut interrupts = interrupts()?;
        put(format_args!("http://{}", sandbox.address()))?;
        say("The sandbox shows all data that is sent to it: use made-up data only. Press Ctrl-C to stop it.");
        Ok(interrupts.recv().await)
    });
    sandbox.stop();
    interrupt.map_err(cannot_print).map(|_| ExitCode::InSync)
}

/// The error with the option that avoids it, or the file that was probably meant.
fn in_words(error: &sandbox::Error) -> String {
    match error {
        sandbox::Error::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => format!(
            "cannot listen at {address}: port {} is already in use. Choose another with --listen, or --listen 127.0.0.1:0 \
             for any free port",
            address.port()
        ),
        sandbox::Error::Open { file, source } => cannot_open(Path::new(file), source),
        error => error.to_string(),
    }
}
