//! The messages for a file that cannot be opened, with the name that was probably meant, or not be written.

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

/// The message for a result file that is the input itself.
#[must_use]
pub fn cannot_overwrite(path: &Path) -> String {
    format!("--result: would overwrite the input {}", path.display())
}

/// The file in the same folder whose name is nearest to a missing one, if it is of the same kind.
#[must_use]
pub fn near_file(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let files = fs::read_dir(folder).ok()?.flatten().take(MOST_NAMES).filter(|entry| !entry.path().is_dir());
    let names: Vec<String> =
        files.map(|entry| entry.file_name()).filter_map(|name| suggested(name, wanted)).collect();
    // The common ending is no likeness.
    let ending = ending(wanted).unwrap_or_default();
    let stem = |name: &str| name[..name.len() - ending.len()].to_owned();
    let stems: Vec<String> = names.iter().map(|name| stem(name)).collect();
    let near = find_nearest(&stem(wanted), stems.iter().map(String::as_str))?;
    let index = stems.iter().position(|stem| stem == near)?;
    Some(path.with_file_name(&names[index]))
}

/// A name that may be suggested: plain text of the same kind of file.
fn suggested(name: OsString, wanted: &str) -> Option<String> {
    let is_plain = |name: &str| !name.chars().any(is_escaped);
    name.into_string().ok().filter(|name| is_plain(name) && ending(name) == ending(wanted))
}

/// The end of a name that tells the kind of a file, in lower case. A result file is not an input, though both are CSV.
fn ending(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let length = if name.ends_with(RESULT) { RESULT.len() } else { name.len() - name.rfind('.')? };
    Some(name[name.len() - length..].to_owned())
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
        for unlike in ["x.csv", "last.csv", "monday.result.csv"] {
            assert!(message(unlike).ends_with(&format!("{unlike} not found")), "{}", message(unlike));
        }
        assert!(message("ab.csv").ends_with("ab.csv not found"), "a name with a line break is not suggested");
        assert!(message("none/x.csv").ends_with("none does not exist"));
    }
}
