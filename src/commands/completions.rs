//! `completions`: what a shell needs to complete the command line, and the manual page.

use super::check::cannot_print;
use crate::exit::{ExitCode, Failure};
use crate::report::put;
use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io;

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Completions for a shell.
    Completions(Shell),
    /// The manual page, in roff.
    Manual,
}

/// The variables that the program looks at, with the manual's words.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("OFFERIT_URL", "URL of the Offerit account, as --url."),
    ("OFFERIT_API_USERNAME", "API user name, as --api-username."),
    ("OFFERIT_API_KEY", "The API key itself; --api-key-file names a file that contains it."),
    ("NO_COLOR", "If it is set and not empty, the output has no colours."),
];

/// Behind the program's name on the page, where `apropos` finds it.
const IN_SHORT: &str = "update Offerit customers from a CSV file, one rate-limited request per row";

/// Prints what was asked for, made of the program's own grammar.
///
/// # Errors
/// If standard output cannot be written.
pub fn completions(text: Text, grammar: Command) -> Result<ExitCode, Failure> {
    let made = match text {
        Text::Completions(shell) => Ok(completing(shell, grammar)),
        Text::Manual => manual(grammar),
    };
    let made = made
        .map_err(|error| Failure::fault(format!("cannot create the completions or the man page: {error}")))?;
    put(String::from_utf8_lossy(&made).trim_end()).map_err(cannot_print)?;
    Ok(ExitCode::InSync)
}

fn completing(shell: Shell, mut grammar: Command) -> Vec<u8> {
    let (name, mut made) = (grammar.get_name().to_owned(), Vec::new());
    generate(shell, &mut grammar, name.as_str(), &mut made);
    if shell != Shell::Bash {
        return made;
    }
    // clap_complete 4.6 spells a name with a hyphen in two ways, so that nothing is completed behind a command
    // (clap-rs/clap, issue 6421).
    let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    String::from_utf8_lossy(&made).replace(&wrong, &right).into_bytes()
}

/// One page for the program and all its commands, so that a reader searches in one place.
fn manual(mut grammar: Command) -> io::Result<Vec<u8>> {
    grammar.build();
    let mut page = Vec::new();
    let about = grammar.get_long_about().cloned().unwrap_or_default();
    let whole = Man::new(grammar.clone().about(IN_SHORT).long_about(about));
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    for command in grammar.get_subcommands().filter(|command| command.get_name() != "help") {
        Roff::new().control("SH", [command.get_name().to_uppercase().as_str()]).to_writer(&mut page)?;
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        Roff::new().text([roman(about)]).to_writer(&mut page)?;
        let man = Man::new(command.clone());
        let mut sections = Vec::new();
        man.render_synopsis_section(&mut sections)?;
        man.render_options_section(&mut sections)?;
        // Sections of a page become those of a command.
        page.extend(String::from_utf8_lossy(&sections).replace("\n.SH ", "\n.SS ").into_bytes());
    }
    let mut codes = Roff::new();
    codes.control("SH", ["EXIT STATUS"]);
    for code in ExitCode::ALL {
        codes.control("TP", []).text([bold(code.number().to_string())]).text([roman(code.meaning())]);
    }
    codes.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in ENVIRONMENT {
        codes.control("TP", []).text([bold(name)]).text([roman(meaning)]);
    }
    codes.to_writer(&mut page)?;
    Ok(page)
}
