//! The message for a file that cannot be opened, with the name that was probably meant.

use super::columns::find_nearest;
use crate::text::is_escaped;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The most names of a folder that are compared with the missing one (chosen): this takes a few milliseconds.
const MOST_NAMES: usize = 10_000;

/// The end of the names that result files have by default.
const RESULT: &str = ".result.csv";

/// The message for a file that cannot be opened. For a file that does not exist, the nearest name in the same folder is suggested.
#[must_use]
pub fn cannot_open(path: &Path, error: &io::Error) -> String {
    let shown_path = path.display();
    if error.kind() != io::ErrorKind::NotFound {
        return format!("{shown_path}: {error}");
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    if folder != Path::new("") && !folder.exists() {
        return format!("{shown_path} not found: the folder {} does not exist", folder.display());
    }
    match near_file(path) {
        Some(near) => format!("{shown_path} not found. Did you mean {}?", near.display()),
        None => format!("{shown_path} not found"),
    }
}

/// The file in the same folder whose name is nearest to a missing one, if it is of the same kind.
#[must_use]
pub fn near_file(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let files = fs::read_dir(folder).ok()?.flatten().take(MOST_NAMES).filter(|entry| !entry.path().is_dir());
    let names: Vec<String> =
        files.map(|entry| entry.file_name()).filter_map(|name| suggested(name, wanted)).collect();
    find_nearest(wanted, names.iter().map(String::as_str)).map(|name| path.with_file_name(name))
}

/// A name that may be suggested: plain text of the same kind of file.
fn suggested(name: OsString, wanted: &str) -> Option<String> {
    let extension = |name: &str| match name.to_lowercase() {
        // A result file is not an input, though both are CSV.
        name if name.ends_with(RESULT) => Some(RESULT.to_owned()),
        name => name.rsplit_once('.').map(|(_, extension)| extension.to_owned()),
    };
    let is_plain = |name: &str| !name.chars().any(is_escaped);
    name.into_string().ok().filter(|name| is_plain(name) && extension(name) == extension(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_comes_with_the_nearest_name_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["customers.csv", "customers.result.csv", "customers.toml", "other.csv", "a\nb.csv"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let message = |name: &str| {
            let path = folder.path().join(name);
            cannot_open(&path, &fs::read(&path).unwrap_err())
        };
        assert!(message("custmers.csv").ends_with("customers.csv?"), "{}", message("custmers.csv"));
        assert!(message("custmers.result.csv").ends_with("customers.result.csv?"));
        assert!(message("custmers.toml").ends_with("customers.toml?"));
        assert!(message("x.csv").ends_with("x.csv not found"));
        assert!(message("ab.csv").ends_with("ab.csv not found"), "a name with a line break is not suggested");
        assert!(message("none/x.csv").ends_with("none does not exist"));
    }
}
