//! The program: it parses the command line, runs the command, prints the error and returns the exit code.

use offerit_sync::cli::{Cli, Command, Typed};
use offerit_sync::config::Environment;
use offerit_sync::exit::{ExitCode, Failure};
use offerit_sync::{commands, report};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

fn main() -> process::ExitCode {
    commands::prepare();
    report::start_logs();
    let typed = match Typed::from_process() {
        Ok(typed) => typed,
        Err(error) => {
            if error.use_stderr() {
                report::show_usage(error.render());
                return ExitCode::Usage.into();
            }
            // A closed standard output is ignored: the reader wants no more lines.
            let _ = error.print();
            return ExitCode::InSync.into();
        }
    };
    // A panic must not look like success or like another exit code.
    let outcome = catch_unwind(AssertUnwindSafe(|| execute(typed)))
        .unwrap_or_else(|_| Err(Failure::fault("internal error: this is a bug")));
    match outcome {
        Ok(code) => code.into(),
        Err(failure) => {
            report::complain(&failure.message);
            failure.more.iter().for_each(report::complain);
            failure.code.into()
        }
    }
}

fn execute(typed: Typed) -> Result<ExitCode, Failure> {
    let environment = Environment::from_process();
    typed.logs().apply();
    let (command, layers) = typed.command(&environment)?;
    command.logs().apply();
    let located = |failure| layers.located(failure);
    match command {
        Command::Run(options) => commands::run::run(options.settings(&environment).map_err(located)?),
        Command::Check(options) if options.show_config => {
            let shown = options.shown(&Cli::grammar(), &layers, &environment).map_err(located)?;
            commands::check::show(&shown)
        }
        Command::Check(options) => commands::check::check(&options.settings().map_err(located)?),
        Command::Plan(options) => {
            let settings = options.settings(&Cli::grammar(), &environment).map_err(located)?;
            commands::plan::plan(&settings)
        }
        Command::Undo(options) => commands::undo::undo(&options.settings(&environment)?),
        Command::Verify(options) => {
            commands::verify::verify(&options.settings(&environment).map_err(located)?)
        }
        Command::Failures(options) => {
            commands::failures::failures(&options.settings(&environment).map_err(located)?)
        }
        Command::Report(options) => commands::report::report(&options.settings()?),
        Command::Sandbox(options) => commands::sandbox::sandbox(options.settings()?),
        Command::Completions(options) => {
            commands::completions::completions(options.shell.text(), Cli::grammar())
        }
    }
}
