//! A file that is replaced as a whole or stays as it is.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Who may read a file that is written.
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
    access: Access,
}

/// Why a file is not replaced.
#[derive(Debug, thiserror::Error)]
pub enum NotReplaceable {
    /// A folder, a device, a link.
    #[error("{} is no regular file: name another one", .0.display())]
    NoFile(PathBuf),
    /// A mistyped path must not cost an export.
    #[error("{} is there and was not written by this program: it is not overwritten, name another file", .0.display())]
    Foreign(PathBuf),
    /// The system refuses.
    #[error("{}: cannot be written: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Replacement {
    /// Looks whether the file may and can be replaced. What it begins with tells whether this program wrote it.
    ///
    /// # Errors
    /// If not. Nothing is changed.
    pub fn new(path: &Path, opening: &str, access: Access) -> Result<Replacement, NotReplaceable> {
        let failed = |source| NotReplaceable::Io { path: path.to_path_buf(), source };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            // No link is followed, or it would be replaced where it leads to.
            Ok(metadata) if !metadata.file_type().is_file() => {
                return Err(NotReplaceable::NoFile(path.to_path_buf()));
            }
            Ok(_) => {
                let mut start = Vec::new();
                let read =
                    File::open(path).and_then(|file| file.take(opening.len() as u64).read_to_end(&mut start));
                read.map_err(failed)?;
                if !start.is_empty() && start != opening.as_bytes() {
                    return Err(NotReplaceable::Foreign(path.to_path_buf()));
                }
            }
        }
        let replacement = Replacement { path: path.to_path_buf(), access };
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
    /// If the system refuses.
    pub fn write(&self, content: &[u8]) -> io::Result<()> {
        let mut file = self.beside()?;
        file.write_all(content)?;
        if self.access == Access::Everybody {
            file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        }
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }

    /// A file of mode 0600 in the same folder; dropped, it is gone. Its name ends unlike one that a collector of
    /// metrics looks for.
    fn beside(&self) -> io::Result<NamedTempFile> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        tempfile::Builder::new().prefix(".offerit-sync-").suffix(".part").tempfile_in(folder)
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
}
