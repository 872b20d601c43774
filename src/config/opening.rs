//! Files that options name.

use crate::exit::Failure;
use crate::input::cannot_open;
use std::fs::File;
use std::path::Path;

/// Opens the file of an option.
pub(super) fn open(option: &str, path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::usage(format!("{option}: {}", cannot_open(path, &error))))
}
