//! The text that `completions` prints.

use super::CompletionsChoice;
use crate::commands::completions::Text;
use clap_complete::Shell;

impl CompletionsChoice {
    /// The text to print.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            CompletionsChoice::Bash => Text::Completions(Shell::Bash),
            CompletionsChoice::Elvish => Text::Completions(Shell::Elvish),
            CompletionsChoice::Fish => Text::Completions(Shell::Fish),
            CompletionsChoice::Powershell => Text::Completions(Shell::PowerShell),
            CompletionsChoice::Zsh => Text::Completions(Shell::Zsh),
            CompletionsChoice::Man => Text::Manual,
        }
    }
}
