//! What `--max-invalid` says.

use super::RunOptions;
use crate::commands::run::MaxInvalid;
use crate::exit::Failure;

impl RunOptions {
    pub(super) fn max_invalid(&self) -> Result<Option<MaxInvalid>, Failure> {
        let parsed = self.brakes.max_invalid.as_deref().map(|text| {
            text.parse()
                .map_err(|error| Failure::usage(format!("--max-invalid: '{}' {error}", text.escape_debug())))
        });
        parsed.transpose()
    }
}
