//! Errors of the command line in the words of the help: clap's own messages speak of arguments and subcommands.

use crate::input::find_nearest;
use crate::text::shell_word;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, Command};
use std::error::Error as _;
use std::ffi::OsString;
use std::path::Path;

/// Options of other programs that try a job out without doing it.
const TRIALS: [&str; 5] = ["--dry-run", "--dryrun", "--dry_run", "--simulate", "-n"];

/// The same error with a plain message, and with the name that was probably meant. `arguments` are those of the process.
pub(super) fn in_plain_words(error: Error, grammar: &Command, arguments: &[OsString]) -> Error {
    let command = arguments.get(1).and_then(|name| grammar.find_subcommand(name));
    let message = match error.kind() {
        ErrorKind::UnknownArgument => unknown_argument(&error, grammar, command, arguments),
        ErrorKind::InvalidSubcommand => unknown_command(&error, grammar),
        ErrorKind::MissingRequiredArgument => {
            format!("missing {}", texts(&error, ContextKind::InvalidArg).join(", "))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => invalid_value(&error),
        ErrorKind::ArgumentConflict => conflict(&error),
        _ => return error,
    };
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => format!("\n\n{usage}"),
        _ => String::new(),
    };
    let name = command.map_or(String::new(), |command| format!(" {}", command.get_name()));
    Error::raw(error.kind(), format!("{message}{usage}\n\nFor help, run: offerit-sync{name} --help\n"))
}

/// What the error says of one of its subjects.
fn texts(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

fn text(error: &Error, kind: ContextKind) -> String {
    texts(error, kind).into_iter().next().unwrap_or_default()
}

fn unknown_argument(
    error: &Error,
    grammar: &Command,
    command: Option<&Command>,
    arguments: &[OsString],
) -> String {
    let typed = text(error, ContextKind::InvalidArg);
    if TRIALS.contains(&&*typed) {
        return instead_of_a_trial(&typed, arguments);
    }
    if !typed.starts_with('-') {
        let name = command.map_or("the program", Command::get_name);
        let wanted = command.and_then(|command| command.get_positionals().next());
        return match wanted {
            Some(wanted) => format!("unexpected argument '{typed}': {name} takes one {wanted} only"),
            None => format!("unexpected argument '{typed}': {name} takes options only"),
        };
    }
    let unknown = format!("unknown option '{typed}'");
    let long = typed.trim_start_matches('-');
    if let Some(near) = command.and_then(|command| find_nearest(long, longs(command))) {
        return format!("{unknown}. Did you mean '--{near}'?");
    }
    let has_option = |other: &&Command| {
        let is_short = |arg: &Arg| arg.get_short().is_some_and(|short| typed == format!("-{short}"));
        longs(other).any(|known| known == long) || other.get_arguments().any(is_short)
    };
    let others = grammar.get_subcommands().filter(has_option);
    let others: Vec<_> = others.map(Command::get_name).collect();
    match (others.first(), command) {
        (None, _) => unknown,
        (Some(_), Some(_)) => format!("{unknown}. It is an option of {}", others.join(", ")),
        (Some(first), None) => {
            format!("{unknown}. Put it after the command: offerit-sync {first} … {typed}")
        }
    }
}

/// The long options of a command.
fn longs(command: &Command) -> impl Iterator<Item = &str> {
    command.get_arguments().filter_map(|arg| arg.get_long())
}

/// How a job is tried out here.
fn instead_of_a_trial(typed: &str, arguments: &[OsString]) -> String {
    let files = arguments.iter().skip(1).filter(|argument| Path::new(argument).is_file());
    let files: Vec<_> = files.filter_map(|file| file.to_str()).collect();
    // Another file may be the value of an option.
    let input = if let [file] = files[..] { shell_word(file) } else { "INPUT".to_owned() };
    format!(
        "unknown option '{typed}'\n\n\
         To check a file without sending it:      offerit-sync check {input}\n\
         To try a run on a local test server:     offerit-sync run {input} --sandbox\n\
         To send only the first row:              offerit-sync run {input} --limit 1"
    )
}

fn unknown_command(error: &Error, grammar: &Command) -> String {
    let typed = text(error, ContextKind::InvalidSubcommand);
    let path = Path::new(&typed);
    if typed == "-" || path.extension().is_some() || path.is_file() {
        return format!("unknown command '{typed}'. To send a file: offerit-sync run {}", shell_word(&typed));
    }
    let names = || grammar.get_subcommands().map(Command::get_name);
    match find_nearest(&typed, names()) {
        Some(near) => format!("unknown command '{typed}'. Did you mean '{near}'?"),
        None => {
            format!("unknown command '{typed}'. The commands are {}", names().collect::<Vec<_>>().join(", "))
        }
    }
}

fn invalid_value(error: &Error) -> String {
    let (arg, value) = (text(error, ContextKind::InvalidArg), text(error, ContextKind::InvalidValue));
    let option = arg.split(' ').next().unwrap_or_default();
    if value.is_empty() {
        return format!("{option}: a value is missing");
    }
    let expected = match error.source() {
        Some(source) => source.to_string(),
        None => format!("expected {}", texts(error, ContextKind::ValidValue).join(", ")),
    };
    let near = match text(error, ContextKind::SuggestedValue) {
        near if near.is_empty() => String::new(),
        near => format!(". Did you mean '{near}'?"),
    };
    format!("{option}: {expected}, got '{value}'{near}")
}

fn conflict(error: &Error) -> String {
    let (one, others) = (text(error, ContextKind::InvalidArg), texts(error, ContextKind::PriorArg));
    let name = |arg: &str| arg.split(' ').next().unwrap_or_default().to_owned();
    match others.first().filter(|other| **other != one) {
        Some(other) => format!("{} and {} cannot be used together", name(&one), name(other)),
        None => format!("{} is given twice", name(&one)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;

    fn message(arguments: &[&str]) -> String {
        let arguments: Vec<OsString> = ["offerit-sync"].iter().chain(arguments).map(OsString::from).collect();
        let error = Cli::grammar().try_get_matches_from(&arguments).expect_err("a mistake");
        let error = in_plain_words(error, &Cli::grammar(), &arguments);
        assert_eq!(error.exit_code(), 2, "{arguments:?}");
        error.to_string()
    }

    #[test]
    fn a_mistake_on_the_command_line_comes_with_what_was_probably_meant() {
        for (arguments, meant) in [
            (&["run", "a.csv", "--resum"][..], "'--resum'. Did you mean '--resume'?"),
            (&["run", "a.csv", "--ressult", "r.csv"], "Did you mean '--result'?"),
            (&["check", "a.csv", "--resume"], "It is an option of run"),
            (&["--rate", "5", "run", "a.csv"], "after the command: offerit-sync run … --rate"),
            (&["-q", "run", "a.csv"], "after the command: offerit-sync run … -q"),
            (&["run", "a.csv", "--frobnicate"], "unknown option '--frobnicate'\n"),
            (&["run", "a.csv", "b.csv"], "'b.csv': run takes one <INPUT> only"),
            (&["sandbox", "b.csv"], "sandbox takes options only"),
            (&["chek", "a.csv"], "Did you mean 'check'?"),
            (&["frobnicate"], "The commands are run, check, plan"),
            (&["a.csv"], "offerit-sync run a.csv"),
            (&["help", "rnu"], "Did you mean 'run'?"),
            (&["run"], "missing <INPUT>"),
            (&["undo", "a.csv"], "missing --result <FILE>, --output <FILE>"),
            (&["run", "a.csv", "--rate"], "--rate: a value is missing"),
            (&["run", "a.csv", "--empty", "no"], "--empty: expected keep, remove, got 'no'"),
            (
                &["run", "a.csv", "--concurrency", "many"],
                "--concurrency: expected a number from 1 to 10000, got 'many'",
            ),
            (&["completions", "basch"], "Did you mean 'bash'?"),
            (
                &["run", "a.csv", "--resume", "--overwrite"],
                "--resume and --overwrite cannot be used together",
            ),
            (&["run", "a.csv", "--rate", "5", "--rate", "6"], "--rate is given twice"),
        ] {
            let message = message(arguments);
            assert!(message.contains(meant), "{arguments:?}: {message}");
            assert!(message.ends_with("--help\n"), "{arguments:?}: {message}");
        }
    }

    #[test]
    fn who_wants_a_dry_run_learns_how_a_job_is_tried_out() {
        for option in TRIALS {
            let message = message(&["run", "a.csv", option]);
            assert!(message.contains("check INPUT") && message.contains("--sandbox"), "{message}");
        }
    }
}
