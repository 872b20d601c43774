//! Opens the result file: never through a link, never without the lock, never a file that another user could change. The file
//! stays unchanged until the run begins.

use super::holder::Holder;
use super::reader::{Records, Tail, is_torn_header};
use super::record::HEADER;
use super::scan::{Keep, scan};
use super::{CANNOT_READ, CANNOT_STAT, Error, Marks};
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mode of the result file. Only the owner may read the file, because it names customers.
const MODE: u32 = 0o600;

/// The treatment of a result file that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse to run.
    Refuse,
    /// Append to the file.
    Resume,
    /// Empty the file.
    Overwrite,
}

/// A result file that is locked, if the file exists, and still unchanged.
#[derive(Debug)]
pub struct ResultFile {
    path: PathBuf,
    state: FileState,
}

#[derive(Debug)]
enum FileState {
    Absent,
    /// [`ResultFile::begin`] truncates the file to `tail.whole`.
    Open {
        file: File,
        tail: Tail,
    },
}

impl ResultFile {
    /// Opens and locks the result file and reads its records. The file is not created or changed before
    /// [`ResultFile::begin`].
    ///
    /// # Errors
    /// If the file is not regular, locked by another run, refused because it exists, owned by another user, damaged, or not
    /// readable, or if its folder is not writable.
    pub fn open(path: &Path, existing: Existing) -> Result<(ResultFile, Marks), Error> {
        let owned = path.to_path_buf();
        if fs::symlink_metadata(path).is_err() {
            refuse_unwritable_folder(path)?;
        }
        let Some(mut file) = open_regular(path, OpenOptions::new().read(true).append(true))? else {
            return Ok((ResultFile { path: owned, state: FileState::Absent }, Marks::default()));
        };
        lock(path, &file)?;
        if existing == Existing::Refuse {
            return Err(Error::Exists { path: owned });
        }
        refuse_shared(path, &read_metadata(path, &file)?)?;
        let (marks, tail) = if existing == Existing::Resume {
            scan(path, &mut file, Keep::Fingerprint)?
        } else {
            refuse_foreign(path, &mut file)?;
            (Marks::default(), Tail { whole: 0, torn: 0, records: 0 })
        };
        if tail.torn > 0 {
            open_torn(path)?;
        }
        Ok((ResultFile { path: owned, state: FileState::Open { file, tail } }, marks))
    }

    /// Reads the records of a result file without a lock, because another run may be writing the file. A torn tail stays in
    /// the file.
    ///
    /// # Errors
    /// If the file does not exist, is not regular, or is damaged.
    pub fn read(path: &Path, keep: Keep) -> Result<(Marks, Tail), Error> {
        scan(path, open_to_read(path)?, keep)
    }

    /// The records of a result file in their order, read without a lock as by [`ResultFile::read`].
    ///
    /// # Errors
    /// If the file does not exist or is not regular.
    pub fn records(path: &Path) -> Result<Records<File>, Error> {
        Ok(Records::new(path, open_to_read(path)?))
    }

    /// The process of the run that is writing a result file, if the process can be found. Takes no lock.
    #[must_use]
    pub fn holder(path: &Path) -> Option<Holder> {
        Holder::of(&fs::symlink_metadata(path).ok()?)
    }

    /// The end of the file; `None` if the file does not exist.
    #[must_use]
    pub fn tail(&self) -> Option<Tail> {
        match &self.state {
            FileState::Absent => None,
            FileState::Open { tail, .. } => Some(*tail),
        }
    }

    /// Prepares the file for records: creates the file, or saves its torn tail in another file and truncates it. From then
    /// on, a crash leaves a file that can be resumed.
    ///
    /// # Errors
    /// If the system refuses an operation, or if a file was created at the path in the meantime.
    pub fn begin(self) -> Result<File, Error> {
        let path = self.path;
        let (mut file, tail) = match self.state {
            FileState::Absent => (create(&path)?, Tail { whole: 0, torn: 0, records: 0 }),
            FileState::Open { file, tail } => (file, tail),
        };
        make_private(&path, &file)?;
        if tail.torn > 0 {
            save_torn(&path, &mut file, tail)?;
        }
        file.set_len(tail.whole).map_err(io_error(&path, "cannot remove the incomplete last record"))?;
        if tail.whole == 0 {
            file.write_all(HEADER.as_bytes()).map_err(io_error(&path, "cannot write the header"))?;
        }
        file.sync_all().map_err(io_error(&path, "cannot write it to the disk"))?;
        sync_folder(&path)?;
        Ok(file)
    }
}

/// Opens a regular file, if it exists. `O_NOFOLLOW` refuses a link; `O_NONBLOCK` keeps a FIFO from blocking the open.
fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<Option<File>, Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, CANNOT_STAT)(error)),
        Ok(metadata) => refuse_irregular(path, metadata.file_type())?,
    }
    let opened = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = opened.map_err(io_error(path, "cannot open the result file"))?;
    // The file may have been replaced between the first check and the open.
    refuse_irregular(path, read_metadata(path, &file)?.file_type())?;
    Ok(Some(file))
}

fn read_metadata(path: &Path, file: &File) -> Result<Metadata, Error> {
    file.metadata().map_err(io_error(path, CANNOT_STAT))
}

pub(super) fn open_to_read(path: &Path) -> Result<File, Error> {
    let missing = || io_error(path, "cannot open the result file")(io::ErrorKind::NotFound.into());
    open_regular(path, OpenOptions::new().read(true))?.ok_or_else(missing)
}

fn refuse_irregular(path: &Path, kind: fs::FileType) -> Result<(), Error> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_symlink() => "a symbolic link",
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a FIFO",
        _ => "a device or socket",
    };
    Err(Error::NotAFile { path: path.to_path_buf(), what })
}

/// Refuses a file of another user, who could change it, and a file with several names, because a run would change the file
/// under all of them.
fn refuse_shared(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let path = path.to_path_buf();
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    match metadata.nlink() {
        links if links > 1 => Err(Error::Linked { path, links }),
        _ if owner != user => Err(Error::OtherOwner { path, owner, user }),
        _ => Ok(()),
    }
}

/// Creates a temporary file without a name in the folder. A missing or unwritable folder means that the path is wrong; any
/// other error is a fault of the machine.
fn refuse_unwritable_folder(path: &Path) -> Result<(), Error> {
    let Err(error) = tempfile::tempfile_in(folder_of(path)) else { return Ok(()) };
    let what = match error.kind() {
        ErrorKind::NotFound => "its folder does not exist. Create it",
        ErrorKind::NotADirectory => "its folder is a file. Fix the path",
        ErrorKind::PermissionDenied => {
            "you have no permission to write to its folder. Change the permissions"
        }
        ErrorKind::ReadOnlyFilesystem => "its file system is read-only. Make it writable",
        _ => return Err(io_error(path, "cannot create a file in its folder")(error)),
    };
    Err(Error::Folder { path: path.to_path_buf(), what })
}

/// Takes an advisory lock. The lock lasts as long as the file is open, and at most as long as the process.
fn lock(path: &Path, file: &File) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let holder = file.metadata().ok().and_then(|found| Holder::of(&found));
            Err(Error::Locked { path: path.to_path_buf(), holder })
        }
        Err(TryLockError::Error(source)) => {
            Err(Error::Unsupported { path: path.to_path_buf(), doing: "cannot lock the result file", source })
        }
    }
}

/// Sets the mode, because an existing file may be readable for everybody.
fn make_private(path: &Path, file: &File) -> Result<(), Error> {
    file.set_permissions(Permissions::from_mode(MODE)).map_err(|source| Error::Unsupported {
        path: path.to_path_buf(),
        doing: "cannot set its mode to 0600",
        source,
    })
}

fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true).mode(MODE).custom_flags(libc::O_NOFOLLOW);
    let file = options.open(path).map_err(io_error(path, "cannot create the result file"))?;
    lock(path, &file)?;
    Ok(file)
}

/// Refuses to overwrite a file that is neither a result file nor the start of a result file: a mistyped path must not destroy an
/// export.
fn refuse_foreign(path: &Path, file: &mut File) -> Result<(), Error> {
    let mut head = Vec::new();
    // One byte more than the header, to recognize a file that is longer.
    let read = file.take(HEADER.len() as u64 + 1).read_to_end(&mut head);
    read.map_err(io_error(path, CANNOT_READ))?;
    if head.starts_with(HEADER.as_bytes()) || is_torn_header(&head) {
        return Ok(());
    }
    Err(Error::NotOurs { path: path.to_path_buf() })
}

/// The path of the file for the torn tail.
fn torn_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".torn");
    PathBuf::from(name)
}

/// Opens the file for the torn tail, if the file exists.
fn open_torn(path: &Path) -> Result<Option<File>, Error> {
    let beside = torn_path(path);
    let file = open_regular(&beside, OpenOptions::new().append(true))?;
    if let Some(file) = &file {
        refuse_shared(&beside, &read_metadata(&beside, file)?)?;
    }
    Ok(file)
}

/// Appends the torn tail to `RESULT.torn` and syncs that file, so that the truncation loses nothing.
fn save_torn(path: &Path, file: &mut File, tail: Tail) -> Result<(), Error> {
    let beside = torn_path(path);
    let saving = || io_error(&beside, "cannot save the incomplete last record");
    let mut saved = match open_torn(path)? {
        Some(saved) => saved,
        None => {
            let mut options = OpenOptions::new();
            options.append(true).create_new(true).mode(MODE);
            options.open(&beside).map_err(saving())?
        }
    };
    make_private(&beside, &saved)?;
    let before = saved.metadata().map_err(saving())?.len();
    file.seek(SeekFrom::Start(tail.whole))
        .and_then(|_| io::copy(&mut file.take(tail.torn), &mut saved))
        .and_then(|_| saved.write_all(b"\n"))
        .and_then(|()| saved.sync_all())
        .inspect_err(|_| {
            // An incomplete copy is useless, and each further try would append another copy.
            let _ = saved.set_len(before);
        })
        .map_err(saving())?;
    sync_folder(&beside)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Syncs the folder, because a new file survives a crash only if its folder is synced too.
fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(folder_of(path))
        .and_then(|folder| folder.sync_all())
        .map_err(io_error(path, "cannot write its folder to the disk"))
}

pub(super) fn io_error(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io { path, doing, source }
}
