//! Output of a run besides its result file, and the command that continues it.

use super::target::Environment;
use super::{FailuresOptions, LogFormatChoice, ProgressChoice, RunOptions};
use crate::commands::run::Outputs;
use crate::report::{LogFormat, Logs, ProgressMode, Verbosity};
use crate::text::shell_word;
use clap::Args;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

impl From<LogFormatChoice> for LogFormat {
    fn from(choice: LogFormatChoice) -> LogFormat {
        match choice {
            LogFormatChoice::Text => LogFormat::Text,
            LogFormatChoice::Json => LogFormat::Json,
        }
    }
}

impl RunOptions {
    /// The format and the verbosity of the lines on standard error.
    #[must_use]
    pub fn logs(&self) -> Logs {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Logs { format: self.log_format.into(), verbosity }
    }

    pub(super) fn outputs(&self, environment: &Environment, result: &Path) -> Outputs {
        Outputs {
            summary: self.summary.clone(),
            metrics: self.metrics.clone(),
            job_summary: environment.github_step_summary.clone().map(Into::into),
            progress: match self.progress {
                ProgressChoice::Always => ProgressMode::Always,
                ProgressChoice::Never => ProgressMode::Never,
                ProgressChoice::Auto => ProgressMode::Auto,
            },
            is_quiet: self.quiet,
            is_coloured: environment.no_color.is_none(),
            is_dumb: environment.term.as_ref().is_none_or(|term| term == "dumb"),
            go_on: continue_command(&self.arguments),
            failures: self.failures_command(result),
        }
    }
}

/// The command that continues a run, for a shell. `None` if it would show values of fields (`--set`), or if nothing was
/// typed.
fn continue_command(arguments: &[OsString]) -> Option<String> {
    // An argument that is not UTF-8 cannot be printed so that a shell reads the same argument.
    let arguments: Vec<&str> = arguments.iter().map(|argument| argument.to_str()).collect::<Option<_>>()?;
    let mut words = vec![shell_word(arguments.first()?)];
    let mut rest = arguments.iter().skip(1).copied();
    let mut is_resumed = false;
    let mut positional = Vec::new();
    while let Some(word) = rest.next() {
        match word {
            "--" => {
                positional.push(word);
                positional.extend(rest.by_ref());
            }
            "--overwrite" => {}
            "--resume" => {
                is_resumed = true;
                words.push(word.to_owned());
            }
            set if set == "--set" || set.starts_with("--set=") => return None,
            _ => words.push(shell_word(word)),
        }
    }
    if !is_resumed {
        words.push("--resume".to_owned());
    }
    words.extend(positional.iter().map(|word| shell_word(word)));
    Some(words.join(" "))
}

impl RunOptions {
    /// The command that exports the failed rows, for a shell, with the typed options that `failures` has too. `None` if
    /// [`continue_command`] returns `None`.
    fn failures_command(&self, result: &Path) -> Option<String> {
        continue_command(&self.arguments)?;
        let (run, failures) =
            (Self::grammar(), FailuresOptions::augment_args(clap::Command::new("failures")));
        let mut words = vec![self.arguments.first()?.to_str()?, "failures"];
        // The first two arguments are the program and its command.
        let mut typed = self.arguments.iter().skip(2).filter_map(|argument| argument.to_str());
        while let Some(word) = typed.next() {
            let Some(option) = word.strip_prefix("--").filter(|option| !option.is_empty()) else { continue };
            let (name, value) = option.split_once('=').unzip();
            let name = name.unwrap_or(option);
            let has_value = value.is_none() && takes_value(&run, name);
            let value = if has_value { typed.next() } else { None };
            // `run --overwrite` refers to the result file.
            if name != "overwrite" && long(&failures, name).is_some() {
                words.push(word);
                words.extend(value);
            }
        }
        let input = self.input.to_str()?;
        let output = free_path_beside(result);
        let mut words: Vec<_> = words.into_iter().map(shell_word).collect();
        words.extend(["-o", output.to_str()?].map(shell_word));
        if input.starts_with('-') {
            words.push("--".to_owned());
        }
        words.push(shell_word(input));
        Some(words.join(" "))
    }

    fn grammar() -> clap::Command {
        RunOptions::augment_args(clap::Command::new("run"))
    }

    /// The options of `run` from the words after the name of the command.
    #[cfg(test)]
    pub(super) fn typed(words: &[&str]) -> Result<RunOptions, clap::Error> {
        use clap::FromArgMatches;
        let matches = Self::grammar().no_binary_name(true).try_get_matches_from(words)?;
        RunOptions::from_arg_matches(&matches)
    }
}

/// The path of the file for the failed rows. It is named after the result file, because several shards or nights have one input
/// and different result files. If the path exists, the next number is added, because `failures` replaces no file.
fn free_path_beside(result: &Path) -> PathBuf {
    let stem = result.with_extension("");
    let is_usual = stem.extension().is_some_and(|extension| extension == "result");
    let stem = if is_usual { stem.with_extension("") } else { stem };
    let mut number = 1;
    loop {
        let mut name = stem.clone().into_os_string();
        name.push(if number == 1 { ".failures.csv".to_owned() } else { format!(".failures-{number}.csv") });
        if fs::symlink_metadata(&name).is_err() {
            return name.into();
        }
        number += 1;
    }
}

fn long<'grammar>(grammar: &'grammar clap::Command, name: &str) -> Option<&'grammar clap::Arg> {
    grammar.get_arguments().find(|argument| argument.get_long() == Some(name))
}

fn takes_value(grammar: &clap::Command, name: &str) -> bool {
    long(grammar, name).is_some_and(|argument| argument.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Option<String> {
        continue_command(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_that_continues_is_the_typed_command_with_resume() {
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
    fn the_command_for_failures_keeps_the_typed_options_that_it_has() {
        for (typed, result, expected) in [
            (&["o", "run", "a.csv"][..], "a.result.csv", "o failures -o a.failures.csv a.csv"),
            (
                &[
                    "o",
                    "run",
                    "--rate",
                    "5",
                    "a b.csv",
                    "--map=E-Mail=email",
                    "--overwrite",
                    "-q",
                    "--shard",
                    "0/2",
                ],
                "a b.shard-0-of-2.result.csv",
                "o failures --map=E-Mail=email --shard 0/2 -o 'a b.shard-0-of-2.failures.csv' 'a b.csv'",
            ),
            (
                &[
                    "o",
                    "run",
                    "--summary",
                    "--encoding",
                    "--result",
                    "r.csv",
                    "--empty",
                    "remove",
                    "--",
                    "-x",
                ],
                "r.csv",
                "o failures --result r.csv --empty remove -o r.failures.csv -- -x",
            ),
            (&["o", "run", "a.csv", "--set", "city=Riga"], "a.result.csv", ""),
        ] {
            let input = typed.iter().find(|word| word.contains("csv") && **word != "r.csv").unwrap_or(&"-x");
            let arguments = typed.iter().map(OsString::from).collect();
            let options = RunOptions { arguments, ..RunOptions::typed(&["--", *input]).unwrap() };
            assert_eq!(options.failures_command(Path::new(result)).unwrap_or_default(), expected);
        }
    }

    #[test]
    fn the_file_of_failures_is_named_after_the_result_file() {
        for (result, name) in [
            ("dir.d/in.result.csv", "dir.d/in.failures.csv"),
            ("tonight.csv", "tonight.failures.csv"),
            ("tonight", "tonight.failures.csv"),
            (".result.csv", ".result.failures.csv"),
        ] {
            assert_eq!(free_path_beside(Path::new(result)), Path::new(name));
        }
    }

    #[test]
    fn an_existing_file_of_failures_is_not_suggested_again() {
        let folder = tempfile::tempdir().unwrap();
        let result = folder.path().join("in.result.csv");
        for name in ["in.failures.csv", "in.failures-2.csv", "in.failures-3.csv"] {
            let path = free_path_beside(&result);
            assert_eq!(path, folder.path().join(name));
            fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn no_command_is_shown_for_an_argument_that_is_not_utf_8() {
        let word = std::os::unix::ffi::OsStringExt::from_vec(b"\xff.csv".to_vec());
        assert_eq!(continue_command(&["o".into(), "run".into(), word]), None);
    }

    #[test]
    fn values_of_fields_are_never_shown() {
        assert_eq!(command(&["o", "run", "a.csv", "--set", "password=x"]), None);
        assert_eq!(command(&["o", "run", "a.csv", "--set=password=x"]), None);
    }
}
