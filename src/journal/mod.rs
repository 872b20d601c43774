//! The result file, which is the job's whole memory. This module alone opens, reads, repairs and appends to
//! it: the format of a record, the writer that makes it durable, the recovery of a file that a crash left, and
//! the marks of the last record of each row.
//!
//! The file is append-only, one record a line, and no field ever holds a raw line break, so that a line feed
//! means a whole record: bytes after the last line feed are torn and are never read as a result.

mod file;
mod holder;
mod lookup;
mod marks;
mod pace;
mod parse;
mod reader;
mod reason;
mod record;
mod unreadable_tail;
mod scan;
mod together;
mod writer;

use std::io;
use std::path::PathBuf;

pub use file::{Existing, ResultFile};
pub use holder::Holder;
pub use lookup::Lookup;
pub use marks::{Mark, Marks, RowSet};
pub use pace::recent_speed;
pub use parse::{ParseFault, Place, RecordRef};
pub use reader::{Records, Tail};
pub use reason::{push_reason_key, reason_key};
pub use record::{HEADER, Record, Status, identity, shown_id};
pub use scan::{Keep, scan};
pub use together::Together;
pub use unreadable_tail::{MOST_OPEN_ROWS, unsent_together};
pub use writer::{Log, OwnFile, Storage, Writer};

/// Why the result file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file exists, and neither `--resume` nor `--overwrite` is given.
    #[error(
        "{} exists: it is the memory of an earlier run. Add --resume to go on with it, or --overwrite to begin anew",
        path.display()
    )]
    Exists {
        /// The result file.
        path: PathBuf,
    },
    /// `--overwrite` of a file that this program did not write.
    #[error("{} is not a result file of offerit-sync and is not overwritten: name another --result", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Symlink, FIFO, device, directory.
    #[error("{} is {what}: the result file must be a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// The kind of file.
        what: &'static str,
    },
    /// Other names lead to the same file.
    #[error(
        "{} has {links} names (hard links): a run would change the file under all of them. Copy it and move the copy \
         over it, or name another --result",
        path.display()
    )]
    Linked {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// Somebody else could read and change what is written to it.
    #[error(
        "{} belongs to another user (uid {owner}; this run is uid {user}'s): run as that user, or name another --result",
        path.display()
    )]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// The owner of the file.
        owner: u32,
        /// The user of this run.
        user: u32,
    },
    /// There is no folder for it, or one that may not be written to.
    #[error(
        "{}: the result file cannot be created: {what}, or name another --result",
        path.display()
    )]
    Folder {
        /// The result file.
        path: PathBuf,
        /// The fault of the folder, and the remedy.
        what: &'static str,
    },
    /// Another run holds it.
    #[error(
        "another run{} is using {}. Wait for it, or choose another --result",
        holder.map(|holder| format!(" ({holder})")).unwrap_or_default(),
        path.display()
    )]
    Locked {
        /// The result file.
        path: PathBuf,
        /// The process of that run, if it can be found.
        holder: Option<Holder>,
    },
    /// A line before the end of the file is no record.
    #[error("{}: line {line} (byte {offset}): {fault}. The file was damaged or edited; nothing was changed in it and nothing was sent", path.display())]
    Damaged {
        /// The result file.
        path: PathBuf,
        /// The physical line, from 1.
        line: u64,
        /// The byte offset at which the line begins.
        offset: u64,
        /// The fault of the line.
        fault: ParseFault,
    },
    /// Two result files that were to be read together are one.
    #[error("{} is named twice: name every result file once", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// Result files that were to be read together speak of the same rows.
    #[error(
        "{} and another of the result files have records of the same rows, {rows} of them at least: they are not the \
         shards of one job",
        path.display()
    )]
    NotDisjoint {
        /// The later of them.
        path: PathBuf,
        /// How many rows were seen in both until then.
        rows: usize,
    },
    /// The system refused what not every file system knows.
    #[error(
        "{}: {doing}: {source}. A file system that does not know this cannot hold a result file: name a --result on \
         another one",
        path.display()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The operation.
        doing: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The system refused an operation.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operation.
        doing: &'static str,
        /// The error of the system.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod power_cut;
