//! The result file, which is the job's whole memory. Only this module opens, reads, repairs and appends to the file. It
//! contains the format of a record, the writer that makes records durable, the recovery of a file after a crash, and the
//! marks of the last record of each row.
//!
//! The file is append-only, one record per line, and no field ever holds a raw line break. So a line feed marks a whole
//! record: bytes after the last line feed are torn and are never read as a result.

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
mod shard_results;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

pub use file::{Existing, ResultFile};
pub use holder::Holder;
pub use lookup::RecordLookup;
pub use marks::{Mark, Marks, RowSet};
pub use pace::recent_speed;
pub use parse::{ParseFault, RecordPosition, RecordRef};
pub use reader::{Records, Tail};
pub use reason::{push_reason_key, reason_key};
pub use record::{HEADER, Record, Status, identity, shown_id};
pub use scan::{Keep, scan};
pub use shard_results::ShardResults;
pub use unreadable_tail::{MOST_OPEN_ROWS, unsent_together};
pub use writer::{Log, OwnFile, Storage, Writer};

/// The reason why the result file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file exists, and neither `--resume` nor `--overwrite` is given.
    #[error(
        "{} already exists from an earlier run. Add --resume to continue that run, or --overwrite to start over",
        path.display()
    )]
    Exists {
        /// The result file.
        path: PathBuf,
    },
    /// `--overwrite` of a file that this program did not write.
    #[error("{} already exists and is not a result file, so it is not overwritten. Choose another --result", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A symlink, FIFO, device or directory.
    #[error("{} is {what}. The result file must be a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// The kind of file.
        what: &'static str,
    },
    /// Other names lead to the same file.
    #[error(
        "{} has {links} names (hard links), and a run would change the file under all of them. Copy it and move the copy \
         over it, or choose another --result",
        path.display()
    )]
    Linked {
        /// The file.
        path: PathBuf,
        /// The number of its names.
        links: u64,
    },
    /// The file belongs to another user, who could read and change its records.
    #[error(
        "{} belongs to another user (uid {owner}, not {user}). Run as that user, or choose another --result",
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
    /// The folder of the file does not exist or is not writable.
    #[error(
        "cannot create {}: {what}, or choose another --result",
        path.display()
    )]
    Folder {
        /// The result file.
        path: PathBuf,
        /// The fault of the folder, and the remedy.
        what: &'static str,
    },
    /// Another run holds the lock of the file.
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
    /// A line before the end of the file is not a record.
    #[error("{}", damaged(path, *line, *offset, fault))]
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
    /// Two paths of result files lead to one file.
    #[error("{} is given twice. Give each result file once", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// Several result files contain records of the same rows.
    #[error(
        "{} and another result file both have results for at least {rows} of the same rows, so they are not the shards of \
         one job. Give only the result files of one job",
        path.display()
    )]
    NotDisjoint {
        /// The later file.
        path: PathBuf,
        /// Rows with records in several files, found so far.
        rows: usize,
    },
    /// The system refused an operation that not every file system supports.
    #[error(
        "{}: {doing}: {source}. This file system cannot hold a result file. Choose a --result on another",
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

/// The failure to read the bytes of a result file.
const CANNOT_READ: &str = "cannot read the result file";

/// The failure to read the size or the kind of a result file.
const CANNOT_STAT: &str = "cannot read the properties of the result file";

fn damaged(path: &Path, line: u64, offset: u64, fault: &ParseFault) -> String {
    let path = path.display();
    match fault {
        ParseFault::Header => {
            format!("{path} {fault} (line 1, byte 0). Restore a copy of it, or use another result file")
        }
        _ => format!(
            "{path}: line {line} (byte {offset}): {fault}. The file is damaged or was edited. Restore a copy of it, or use \
             another result file"
        ),
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod power_cut;
