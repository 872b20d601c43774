//! The report of a check: as text for people, as JSON for programs, as annotations for a CI of GitHub.

mod curl;
mod github;
mod json;
mod text;

use super::report::CheckReport;
use std::path::Path;

/// The format of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CheckFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// Workflow commands of GitHub Actions.
    Github,
}

impl CheckFormat {
    /// The whole report, without the last line end. `exit_code` is the code with which the command ends.
    #[must_use]
    pub fn render(self, report: &CheckReport, exit_code: u8) -> String {
        match self {
            CheckFormat::Text => text::text(report),
            CheckFormat::Json => json::json(report, exit_code),
            CheckFormat::Github => github::commands(report),
        }
    }

    /// The report for programs of an input that cannot be used as a whole: the errors and their line. People read them on
    /// standard error.
    #[must_use]
    pub fn unusable(
        self,
        input: &Path,
        line: Option<u64>,
        messages: &[String],
        exit_code: u8,
    ) -> Option<String> {
        let input = input.display().to_string();
        match self {
            CheckFormat::Text => None,
            CheckFormat::Json => Some(json::unusable(&input, line, messages, exit_code)),
            CheckFormat::Github => Some(github::unusable(&input, line, messages)),
        }
    }
}
