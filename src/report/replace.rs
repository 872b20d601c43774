//! A file that is replaced as a whole or stays as it is.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The readers of a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner: mode 0600.
    Owner,
    /// Everybody: mode 0644.
    Everybody,
}

/// A file that may be replaced: it is not there, is empty, or was written by this program.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    /// What this program begins such a file with.
    opening: &'static str,
    access: Access,
}

/// Why a file is not replaced.
#[derive(Debug, thiserror::Error)]
pub enum NotReplaceable {
    /// A folder, a device, a link.
    #[error("{} is not a regular file. Name another", .0.display())]
    NoFile(PathBuf),
    /// A mistyped path must not cost an export.
    #[error("{} already exists and was not written by this program, so it is not replaced. Name another file", .0.display())]
    Foreign(PathBuf),
    /// The system refuses.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Replacement {
    /// Checks whether the file may and can be replaced. Its first bytes show whether this program wrote it.
    ///
    /// # Errors
    /// If not. Nothing is changed.
    pub fn new(path: &Path, opening: &'static str, access: Access) -> Result<Replacement, NotReplaceable> {
        let failed = |error| NotReplaceable::Io { path: path.to_path_buf(), source: plain(error) };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            // No link is followed, or it would be replaced where it leads to.
            Ok(metadata) if !metadata.file_type().is_file() => {
                return Err(NotReplaceable::NoFile(path.to_path_buf()));
            }
            Ok(_) => {
                if is_foreign(path, opening).map_err(failed)? {
                    return Err(NotReplaceable::Foreign(path.to_path_buf()));
                }
            }
        }
        let replacement = Replacement { path: path.to_path_buf(), opening, access };
        // A folder that cannot be written to is better known before the work is done.
        replacement.beside().map_err(failed)?;
        Ok(replacement)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a whole file in the place of what is there, or leaves that as it is.
    ///
    /// # Errors
    /// If the system refuses, or if another file has come to its place meanwhile.
    pub fn write(&self, content: &[u8]) -> io::Result<()> {
        let mut file = self.beside().map_err(plain)?;
        file.write_all(content)?;
        if self.access == Access::Everybody {
            file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        }
        file.as_file().sync_all()?;
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_file())
            && is_foreign(&self.path, self.opening)?
        {
            return Err(io::Error::other("a file that this program did not write has come to its place"));
        }
        file.persist(&self.path)?;
        Ok(())
    }

    /// A file of mode 0600 in the same folder; dropped, it is gone. Its name ends unlike one that a collector of
    /// metrics looks for.
    fn beside(&self) -> io::Result<NamedTempFile> {
        let folder = folder_of(&self.path);
        tempfile::Builder::new().prefix(".offerit-sync-").suffix(".part").tempfile_in(folder)
    }
}

/// Whether a file holds something and begins unlike what this program writes there.
fn is_foreign(path: &Path, opening: &str) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(opening.len() as u64).read_to_end(&mut start)?;
    Ok(!start.is_empty() && start != opening.as_bytes())
}

/// Whether two paths lead to the same file, by any names, even if it does not exist yet.
#[must_use]
pub fn is_one_file(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let place = |path: &Path| Some(fs::canonicalize(folder_of(path)).ok()?.join(path.file_name()?));
    match (identity(one), identity(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => {
            one == other || place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other))
        }
        _ => false,
    }
}

/// The folder that a file is in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What the system said, without the temporary file that it said it of: nobody has named that one.
#[must_use]
pub fn plain(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for (access, expected) in [(Access::Owner, 0o600), (Access::Everybody, 0o644)] {
            let replacement = Replacement::new(&path, "{", access).unwrap();
            replacement.write(b"{1}").unwrap();
            assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"{1}".to_vec(), expected));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_foreign_or_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("export.csv"), folder.path().join("link"));
        fs::write(&file, "customer_id\n").unwrap();
        symlink(&file, &link).unwrap();
        let refused = |path: &Path| Replacement::new(path, "{", Access::Owner).unwrap_err();
        assert!(matches!(refused(&file), NotReplaceable::Foreign(_)));
        assert!(matches!(refused(&link), NotReplaceable::NoFile(_)));
        assert!(matches!(refused(folder.path()), NotReplaceable::NoFile(_)));
        assert!(matches!(refused(&folder.path().join("missing/file")), NotReplaceable::Io { .. }));
    }

    #[test]
    fn a_link_that_appears_meanwhile_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("a"), folder.path().join("target"));
        let replacement = Replacement::new(&path, "{", Access::Owner).unwrap();
        fs::write(&target, "kept").unwrap();
        symlink(&target, &path).unwrap();
        replacement.write(b"{}").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"kept");
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_file());
    }

    #[test]
    fn a_file_of_another_kind_that_appears_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let replacement = Replacement::new(&path, "{", Access::Owner).unwrap();
        fs::write(&path, "row,line\n").unwrap();
        assert!(replacement.write(b"{}").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"row,line\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_file_is_told_by_every_name_whether_it_is_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a", "./a", "sub/../a", "link/a"].map(|name| folder.path().join(name));
        fs::create_dir(folder.path().join("sub")).unwrap();
        symlink(folder.path(), folder.path().join("link")).unwrap();
        for is_there in [false, true] {
            if is_there {
                fs::write(&names[0], "").unwrap();
            }
            assert!(names.iter().all(|name| is_one_file(&names[0], name) && is_one_file(name, &names[0])));
            assert!(!is_one_file(&names[0], &folder.path().join("b")));
        }
        assert!(!is_one_file(Path::new("missing/a"), Path::new("missing/b")));
    }
}
