//! Files that a command writes besides the result file: whole or not at all, for the owner only, and never in the
//! place of something else.

use super::check::cannot_print;
use crate::exit::Failure;
use crate::report::{folder_of, plain};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, StdoutLock, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// How much of a file that is to be replaced is looked at.
const HEAD: u64 = 64 * 1024;

/// Appends to a file that may not exist yet.
pub(super) fn append(path: &Path, text: &str) -> io::Result<()> {
    File::options().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// Where a command's data goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To standard output.
    Stdout,
    /// Into a file, which only its owner may read.
    File(PathBuf),
}

/// Whether a file that exists at the path of an output may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and the command is refused: somebody may have edited it.
    Refuse,
    /// It is replaced if it is of the same kind.
    Replace,
}

/// An output that is being written.
pub(super) enum Sink {
    Stdout(BufWriter<StdoutLock<'static>>),
    /// Takes its place in the end.
    File {
        output: BufWriter<NamedTempFile>,
        path: PathBuf,
        existing: Existing,
    },
}

impl Output {
    /// A path as it was typed; `-` is standard output.
    pub(crate) fn to(path: &Path) -> Output {
        if path == Path::new("-") { Output::Stdout } else { Output::File(path.to_path_buf()) }
    }

    /// Begins to write. Even with [`Existing::Replace`] a file is only replaced if `is_such` finds by its first bytes
    /// that it is of the same `kind`, and if it is none of `kept`, by any name: a mistyped path must not cost an
    /// export.
    pub(super) fn begin(
        &self,
        existing: Existing,
        kept: &[&Path],
        kind: &str,
        is_such: impl Fn(&[u8]) -> bool,
    ) -> Result<Sink, Failure> {
        let Output::File(path) = self else { return Ok(Sink::Stdout(BufWriter::new(io::stdout().lock()))) };
        refuse_other(path, existing, kept, kind, is_such)?;
        // Its mode is 0600 from the beginning.
        let file = tempfile::Builder::new().prefix(".offerit-sync-").tempfile_in(folder_of(path));
        let output = BufWriter::new(file.map_err(cannot_begin(path))?);
        Ok(Sink::File { output, path: path.clone(), existing })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Stdout(output) => output.write(bytes),
            Sink::File { output, .. } => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout(output) => output.flush(),
            Sink::File { output, .. } => output.flush(),
        }
    }
}

impl Sink {
    /// What a failed write means.
    pub(super) fn fault(&self, error: io::Error) -> Failure {
        match self {
            Sink::Stdout(_) => cannot_print(error),
            Sink::File { path, .. } => cannot_write(path)(error),
        }
    }

    /// Ends it: a file takes its place.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if let Err(error) = self.flush() {
            return Err(self.fault(error));
        }
        let Sink::File { output, path, existing } = self else { return Ok(()) };
        let file = output.into_inner().map_err(|error| cannot_write(&path)(error.into_error()))?;
        file.as_file().sync_all().map_err(cannot_write(&path))?;
        // A link that appeared in the meantime is not followed: it is replaced, or kept and the command refused.
        let persisted = match existing {
            Existing::Replace => file.persist(&path),
            Existing::Refuse => file.persist_noclobber(&path),
        };
        match persisted.map_err(|error| error.error) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(refusal_of_existing(&path)),
            Err(error) => Err(cannot_write(&path)(error)),
        }
    }
}

fn refuse_other(
    path: &Path,
    existing: Existing,
    kept: &[&Path],
    kind: &str,
    is_such: impl Fn(&[u8]) -> bool,
) -> Result<(), Failure> {
    let refused = |why: &str| Failure::usage(format!("--output: {} {why}", path.display()));
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot_begin(path)(error)),
        Ok(metadata) => metadata,
    };
    if !found.is_file() {
        return Err(refused("is not a regular file. Name another, or - for standard output"));
    }
    let is_same = |other: &&Path| {
        fs::metadata(other).is_ok_and(|other| (other.dev(), other.ino()) == (found.dev(), found.ino()))
    };
    if let Some(other) = kept.iter().find(|other| is_same(other)) {
        return Err(Failure::usage(format!(
            "--output: would overwrite {}, which this command reads. Name another file",
            other.display()
        )));
    }
    let mut head = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    opened.map_err(cannot_begin(path))?;
    if !head.is_empty() && !is_such(&head) {
        return Err(refused(&format!(
            "already exists and is not {kind}, so it is not replaced. Name another file"
        )));
    }
    if existing == Existing::Refuse { Err(refusal_of_existing(path)) } else { Ok(()) }
}

fn refusal_of_existing(path: &Path) -> Failure {
    Failure::usage(format!(
        "--output: {} already exists and may contain edits. Name another file, or add --overwrite to replace it",
        path.display()
    ))
}

/// A path that cannot be written to from the start, such as one in a folder that is not there, is a mistake of the
/// call.
fn cannot_begin(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_path_buf();
    move |error| Failure::usage(format!("--output: cannot write {}: {}", path.display(), plain(error)))
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_path_buf();
    move |error| Failure::fault(format!("cannot write {}: {error}", path.display()))
}
