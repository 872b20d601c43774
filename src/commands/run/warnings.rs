//! What `check` would warn of, said before a run sends it.

use super::survey::Refused;
use crate::check::{Finding, Severity, Terms, lint};
use crate::exit::{ExitCode, Failure};
use crate::input::Input;
use crate::report::say;
use crate::resume::Shard;
use crate::text::counted;

/// Looks at every row as `check` does, in one pass, and says how many warnings there are, and what else is worth knowing.
/// `is_strict`: the run does not begin if there is a warning.
pub(super) fn tell(
    input: &Input,
    shard: Option<Shard>,
    is_strict: bool,
    is_quiet: bool,
) -> Result<(), Refused> {
    // Only the report of `check` shows the rate, the values and the customers that several rows name.
    let terms = Terms { shard, strict: is_strict, ..Terms::default() };
    let report = lint(input, &terms).map_err(Failure::from)?;
    for note in report.notes.iter().filter(|_| !is_quiet) {
        say(format_args!("{}: {}", input.path().display(), note.message));
    }
    if report.rows.warnings == 0 {
        return Ok(());
    }
    let is_warning = |finding: &&Finding| finding.severity == Severity::Warning;
    let kinds = report.findings.iter().filter(is_warning);
    let kinds: Vec<_> = kinds.map(|finding| format!("{} {}", finding.count, finding.kind)).collect();
    let warnings = format!("{} ({})", counted(report.rows.warnings, "warning"), kinds.join(", "));
    let path = input.path().display();
    if !is_strict {
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
    Err(Refused { failure: Failure::new(ExitCode::NotInSync, message), reason: Some("warnings") })
}
