//! What `--help` shows besides the options.

use crate::config::OUTPUT_HEADING;
use crate::exit::ExitCode;
use clap::{Arg, ArgAction, Command};

/// Examples of the program as a whole.
const FIRST_STEPS: &str = "\
Examples:
  # Send sample data to a local test server: needs no account and no key
  offerit-sync run samples/customers.csv --sandbox

  # Find problems in a file without sending anything
  offerit-sync check customers.csv

  # Send the file; continue the same way if the run stops
  offerit-sync run customers.csv --api-key-file offerit.key
  offerit-sync run customers.csv --api-key-file offerit.key --resume";

/// Two or three examples of each command.
const EXAMPLES: [(&str, &str); 9] = [
    (
        "run",
        "\
Examples:
  # Try a run against a local test server: needs no account and no key
  offerit-sync run customers.csv --sandbox

  # Send the first 10 rows, then the rest
  offerit-sync run customers.csv --api-key-file offerit.key --limit 10
  offerit-sync run customers.csv --api-key-file offerit.key --resume

  # Every night: send only what changed since the last delivery, until 06:00
  offerit-sync run tonight.csv --since last.result.csv --max-changes 20% --deadline 06:00",
    ),
    (
        "check",
        "\
Examples:
  # Find problems in an export whose columns have other names
  offerit-sync check export.csv --map 'Customer No=customer_id' --map 'E-Mail=email'

  # In GitHub Actions: annotate the lines, fail on warnings
  offerit-sync check customers.csv --format github --strict",
    ),
    (
        "plan",
        "\
Examples:
  # What differs from the input that was delivered last, as a file for review
  offerit-sync plan tonight.csv --baseline last.csv --baseline-result last.result.csv -o changes.csv

  # Detect what others changed in Offerit, with an export as the baseline
  offerit-sync plan customers.csv --baseline export.csv --baseline-is-export --exit-code",
    ),
    (
        "undo",
        "\
Examples:
  # Take back what a run of the plan changed
  offerit-sync undo changes.csv --result changes.result.csv -o undo.csv
  offerit-sync run undo.csv",
    ),
    (
        "verify",
        "\
Examples:
  # Exit with code 0 only if every row was delivered
  offerit-sync verify customers.csv

  # Notice rows that changed after they were sent, too
  offerit-sync verify customers.csv --api-key-file offerit.key --json",
    ),
    (
        "failures",
        "\
Examples:
  # Export the failed rows, fix them, and send them again
  offerit-sync failures customers.csv -o again.csv
  offerit-sync run again.csv",
    ),
    (
        "report",
        "\
Examples:
  # Write customers.result.html
  offerit-sync report customers.result.csv

  # Show how many rows are still to be sent, too
  offerit-sync report customers.result.csv --input customers.csv -o run.html",
    ),
    (
        "sandbox",
        "\
Examples:
  # Start a server, then send to it from another terminal
  offerit-sync sandbox --listen 127.0.0.1:8080

  # A server that fails often and is down from second 10 to 40
  offerit-sync sandbox --fail 20% --outage 10s..40s",
    ),
    (
        "completions",
        "\
Examples:
  # Completions for bash
  offerit-sync completions bash > ~/.local/share/bash-completion/completions/offerit-sync

  # Man page
  offerit-sync completions man > ~/.local/share/man/man1/offerit-sync.1",
    ),
];

/// Adds examples and exit codes to every help, and the flag for it to every command.
pub(super) fn complete(grammar: Command) -> Command {
    let codes = ExitCode::table();
    let grammar = grammar.after_help(codes.clone()).after_long_help(format!("{FIRST_STEPS}\n\n{codes}"));
    grammar.mut_subcommands(|command| {
        let example = EXAMPLES.iter().find(|(name, _)| *name == command.get_name());
        let mut parts: Vec<&str> = example.map(|(_, text)| *text).into_iter().collect();
        if command.get_name() == "run" {
            parts.push(&codes);
        }
        let command = if parts.is_empty() { command } else { command.after_long_help(parts.join("\n\n")) };
        command.disable_help_flag(true).arg(flag())
    })
}

/// `--help` under the heading of the output: of its own it would come before all other headings.
fn flag() -> Arg {
    Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help("Print the common options (-h), or all options with examples (--help)")
        .help_heading(OUTPUT_HEADING)
}
