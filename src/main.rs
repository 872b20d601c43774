//! The program: parses, runs, says what went wrong, returns the exit code.

use offerit_sync::cli::{Cli, Command};
use offerit_sync::config::Environment;
use offerit_sync::exit::{ExitCode, Failure};
use offerit_sync::{commands, report};
use std::panic::catch_unwind;
use std::process;

fn main() -> process::ExitCode {
    let cli = match Cli::from_process() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed terminal is no reason to fail.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::InSync }.into();
        }
    };
    // A bug must neither look like success nor like another ending.
    let outcome =
        catch_unwind(|| execute(cli.command)).unwrap_or_else(|_| Err(Failure::fault("this is a bug")));
    match outcome {
        Ok(code) => code.into(),
        Err(failure) => {
            report::complain(&failure.message);
            failure.code.into()
        }
    }
}

fn execute(command: Command) -> Result<ExitCode, Failure> {
    let environment = Environment::from_process();
    match command {
        Command::Run(options) => commands::run::run(options.settings(&environment)?),
        Command::Check(options) => commands::check::check(&options.settings()),
        Command::Verify(options) => commands::verify::verify(&options.settings(&environment)?),
        Command::Report(options) => commands::report::report(&options.settings()?),
        Command::Sandbox(options) => commands::sandbox::sandbox(options.settings()?),
    }
}
