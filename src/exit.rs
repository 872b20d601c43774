//! The exit codes, which scripts and cron jobs depend on.

use std::fmt;
use std::process;

/// The exit codes of the program. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Every row is in sync and recorded, the file is on disk.
    InSync = 0,
    /// A fault of the machine: an I/O error on the input or the result file, an input that changed under the run, a bug.
    Fault = 1,
    /// Wrong usage, configuration or input header; nothing was sent.
    Usage = 2,
    /// Finished, but some rows are not in sync.
    NotInSync = 3,
    /// A limit stopped the run; resumable.
    Brake = 4,
    /// Another run holds the result file.
    Locked = 5,
    /// The server refuses the credentials, redirects, or cannot be used; resumable.
    Refused = 6,
    /// The deadline or `--limit` was reached; resumable.
    Limit = 7,
    /// Interrupted by SIGINT; resumable.
    Interrupted = 130,
    /// Interrupted by SIGTERM; resumable.
    Terminated = 143,
}

/// Columns of the table in `--help`. Chosen: the width of the other help texts.
const WIDTH: usize = 100;
/// Columns of the table that the code and blanks take: three digits and three blanks.
const INDENT: usize = 6;

impl ExitCode {
    /// Every code, in order.
    pub const ALL: [ExitCode; 10] = [
        ExitCode::InSync,
        ExitCode::Fault,
        ExitCode::Usage,
        ExitCode::NotInSync,
        ExitCode::Brake,
        ExitCode::Locked,
        ExitCode::Refused,
        ExitCode::Limit,
        ExitCode::Interrupted,
        ExitCode::Terminated,
    ];

    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The meaning of the code, in the words of `--help`.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            ExitCode::InSync => {
                "success: every row is delivered or unchanged, and its result is saved (plan, undo: the file is written)"
            }
            ExitCode::Fault => {
                "I/O error, such as a full disk, an input that changed during the run, or an internal error"
            }
            ExitCode::Usage => "wrong option, configuration or CSV header; nothing was sent",
            ExitCode::NotInSync => {
                "finished, but some rows are invalid, rejected, failed or unknown (check --strict: there are warnings; plan: \
                 rows are not planned, or with --exit-code something would change; undo: something cannot be undone)"
            }
            ExitCode::Brake => {
                "stopped by a safety limit such as --max-failures or --max-outage, or unknown host; resumable"
            }
            ExitCode::Locked => "another run is using the result file",
            ExitCode::Refused => {
                "the server rejected the credentials, redirected, or speaks no proper TLS or HTTP; resumable"
            }
            ExitCode::Limit => "reached --deadline or --limit; resumable",
            ExitCode::Interrupted => "interrupted by SIGINT (Ctrl-C); resumable",
            ExitCode::Terminated => "interrupted by SIGTERM; resumable",
        }
    }

    /// The table of `--help`.
    #[must_use]
    pub fn table() -> String {
        let mut table = "Exit codes (resumable: run again with --resume to continue):\n".to_owned();
        for code in Self::ALL {
            table.push_str(&format!("  {:>3} ", code.number()));
            let mut column = INDENT;
            for word in code.meaning().split(' ') {
                if column + word.len() >= WIDTH {
                    table.push_str(&format!("\n{}", " ".repeat(INDENT)));
                    column = INDENT;
                }
                table.push(' ');
                table.push_str(word);
                column += word.len() + 1;
            }
            table.push('\n');
        }
        table
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        process::ExitCode::from(code.number())
    }
}

/// The reason why a command ended before its work was done, for people, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub code: ExitCode,
    /// The problem and the next step. Contains no secret.
    pub message: String,
    /// Further problems that were found at the same time.
    pub more: Vec<String>,
}

impl Failure {
    /// A failure with its code.
    pub fn new(code: ExitCode, message: impl fmt::Display) -> Failure {
        Failure { code, message: message.to_string(), more: Vec::new() }
    }

    /// Wrong usage, configuration or input.
    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure::new(ExitCode::Usage, message)
    }

    /// A failure for several problems of usage, configuration or input, if there are any.
    ///
    /// # Errors
    /// If there is a message.
    pub fn all(messages: Vec<String>) -> Result<(), Failure> {
        let mut messages = messages.into_iter();
        match messages.next() {
            None => Ok(()),
            Some(first) => Err(Failure { more: messages.collect(), ..Failure::usage(first) }),
        }
    }

    /// A fault of the machine.
    pub fn fault(message: impl fmt::Display) -> Failure {
        Failure::new(ExitCode::Fault, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_have_the_numbers_of_the_contract() {
        let numbers = ExitCode::ALL.map(ExitCode::number);
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]);
        let table = ExitCode::table();
        let codes = table.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
        assert_eq!(codes.collect::<Vec<u8>>(), numbers);
        assert!(table.lines().all(|line| line.len() <= WIDTH), "{table}");
    }
}
