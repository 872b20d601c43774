//! What `check` would warn of, said before a run sends it.

use crate::check::{CheckReport, Finding, Severity};
use crate::exit::{ExitCode, Failure};
use crate::report::say;
use crate::text::counted;

/// Says how many warnings there are, and what else is worth knowing.
///
/// # Errors
/// If there is a warning and `--strict` is set.
pub(super) fn tell(report: &CheckReport, is_quiet: bool) -> Result<(), Failure> {
    for note in report.notes.iter().filter(|_| !is_quiet) {
        say(format_args!("{}: {}", report.input.display(), note.message));
    }
    if report.rows.warnings == 0 {
        return Ok(());
    }
    let is_warning = |finding: &&Finding| finding.severity == Severity::Warning;
    let kinds = report.findings.iter().filter(is_warning);
    let kinds: Vec<_> = kinds.map(|finding| format!("{} {}", finding.count, finding.kind)).collect();
    let warnings = format!("{} ({})", counted(report.rows.warnings, "warning"), kinds.join(", "));
    let path = report.input.display();
    if !report.is_strict {
        say(format_args!(
            "{path}: {warnings}. These values are sent as they are. `offerit-sync check` shows them; --strict stops a run \
             that has any."
        ));
        return Ok(());
    }
    let message = format!(
        "{path}: {warnings}, and --strict is set. Nothing was sent or recorded. See them with `offerit-sync check`, then \
         correct the input or run without --strict"
    );
    Err(Failure::new(ExitCode::NotInSync, message))
}
