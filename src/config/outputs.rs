//! What a run leaves and says besides its result file, and the command that goes on with it.

use super::target::Environment;
use super::{LogFormatChoice, ProgressChoice, RunOptions};
use crate::commands::run::Outputs;
use crate::report::{LogFormat, Logs, ProgressMode, Verbosity};
use std::ffi::OsString;

impl From<LogFormatChoice> for LogFormat {
    fn from(choice: LogFormatChoice) -> LogFormat {
        match choice {
            LogFormatChoice::Text => LogFormat::Text,
            LogFormatChoice::Json => LogFormat::Json,
        }
    }
}

impl RunOptions {
    /// How lines on standard error look, and what is said.
    #[must_use]
    pub fn logs(&self) -> Logs {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Logs { format: self.log_format.map_or(LogFormat::Text, Into::into), verbosity }
    }

    pub(super) fn outputs(&self, environment: &Environment) -> Outputs {
        Outputs {
            summary: self.summary.clone(),
            metrics: self.metrics.clone(),
            job_summary: environment.github_step_summary.clone().map(Into::into),
            progress: match self.progress {
                Some(ProgressChoice::Always) => ProgressMode::Always,
                Some(ProgressChoice::Never) => ProgressMode::Never,
                Some(ProgressChoice::Auto) | None => ProgressMode::Auto,
            },
            is_quiet: self.quiet,
            is_coloured: environment.no_color.is_none(),
            is_dumb: environment.term.as_ref().is_none_or(|term| term == "dumb"),
            go_on: go_on(&self.arguments),
        }
    }
}

/// The command that goes on with a run, for a shell. `None` where it would show values of fields (`--set`), or where
/// nothing was typed.
fn go_on(arguments: &[OsString]) -> Option<String> {
    let mut words = vec![quoted(&arguments.first()?.to_string_lossy())];
    let mut rest = arguments.iter().skip(1).map(|argument| argument.to_string_lossy());
    let mut is_resumed = false;
    let mut behind = Vec::new();
    while let Some(word) = rest.next() {
        match &*word {
            "--" => {
                behind.push(word);
                behind.extend(rest.by_ref());
            }
            "--overwrite" => {}
            "--resume" => {
                is_resumed = true;
                words.push(word.into_owned());
            }
            set if set == "--set" || set.starts_with("--set=") => return None,
            _ => words.push(quoted(&word)),
        }
    }
    if !is_resumed {
        words.push("--resume".to_owned());
    }
    words.extend(behind.iter().map(|word| quoted(word)));
    Some(words.join(" "))
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn command(words: &[&str]) -> Option<String> {
        go_on(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_that_goes_on_is_the_same_with_resume() {
        for (typed, expected) in [
            (&["offerit-sync", "run", "a.csv"][..], "offerit-sync run a.csv --resume"),
            (&["./o", "run", "--resume", "a b.csv", "--rate=5/m"], "./o run --resume 'a b.csv' --rate=5/m"),
            (&["o", "run", "--overwrite", "--", "-x.csv"], "o run --resume -- -x.csv"),
            (
                &["o", "run", "it's.csv", "--map", "E-Mail=email"],
                r"o run 'it'\''s.csv' --map E-Mail=email --resume",
            ),
        ] {
            assert_eq!(command(typed).as_deref(), Some(expected));
        }
    }

    #[test]
    fn values_of_fields_are_never_shown() {
        assert_eq!(command(&["o", "run", "a.csv", "--set", "password=x"]), None);
        assert_eq!(command(&["o", "run", "a.csv", "--set=password=x"]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(words in prop::collection::vec("[^\0]{0,12}", 1..5)) {
            let line: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            let script = format!("printf '%s\\0' {}", line.join(" "));
            let printed = Command::new("sh").args(["-c", &script]).output().unwrap().stdout;
            let expected: Vec<u8> = words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
            prop_assert_eq!(printed, expected);
        }
    }
}
