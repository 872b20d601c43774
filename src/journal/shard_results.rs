//! The result files of the shards of one job, read together.

use super::file::ResultFile;
use super::reader::Tail;
use super::scan::Keep;
use super::{Error, Marks, Status};
use crate::customer::Fingerprint;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// The most rows with records in several files. Chosen: a row is in two files if its id was corrected and it moved to another
/// shard. More rows mean that the files are not the shards of one job.
const MOST_IN_SEVERAL: usize = 100_000;

/// The records of several result files.
#[derive(Debug, Default)]
pub struct ShardResults {
    /// The last record of every row, by the time of the records.
    pub marks: Marks,
    /// The end of each file.
    pub tails: Vec<Tail>,
    /// The index of the file that has a record of the highest row.
    pub highest_in: usize,
    /// Rows that have records in more than one file.
    pub in_several: u64,
}

/// The last record of a row that has records in several files.
#[derive(Default)]
struct LastRecord {
    finished_at: Option<SystemTime>,
    /// The index of its file.
    file: usize,
    record: Option<(Status, Fingerprint)>,
}

impl ShardResults {
    /// Reads each file with [`ResultFile::read`]. Needs the memory of two files.
    ///
    /// # Errors
    /// If a file cannot be read, if two paths lead to one file, or if the files plainly belong to different jobs.
    pub fn read(paths: &[PathBuf], keep: Keep) -> Result<ShardResults, Error> {
        let mut results = ShardResults::default();
        let mut several = HashMap::new();
        for (index, path) in paths.iter().enumerate() {
            let (marks, tail) = ResultFile::read(path, keep)?;
            refuse_same_file(paths, index)?;
            if marks.last_row() > results.marks.last_row() {
                results.highest_in = index;
            }
            results.tails.push(tail);
            let mut rows = several.len();
            results.marks.absorb(marks, |row| {
                if several.len() < MOST_IN_SEVERAL {
                    several.insert(row, LastRecord::default());
                }
                rows += 1;
            });
            if several.len() >= MOST_IN_SEVERAL {
                return Err(Error::NotDisjoint { path: path.clone(), rows });
            }
        }
        results.in_several = several.len() as u64;
        if !several.is_empty() {
            results.find_last_records(paths, keep, several)?;
        }
        Ok(results)
    }

    /// Finds the last record of the rows in several files. Of two records with the same time, the record of the later file
    /// counts.
    fn find_last_records(
        &mut self,
        paths: &[PathBuf],
        keep: Keep,
        mut several: HashMap<u64, LastRecord>,
    ) -> Result<(), Error> {
        for (file, path) in paths.iter().enumerate() {
            let mut records = ResultFile::records(path)?;
            while let Some(record) = records.next_record()? {
                let Some(last) = several.get_mut(&record.row()) else { continue };
                // Within a file, the order of the records counts and not their time, because the clock may have been set.
                let finished_at = Some(record.finished_at());
                if file != last.file && finished_at < last.finished_at {
                    continue;
                }
                last.file = file;
                last.finished_at = finished_at;
                last.record = Some((record.status(), keep.of(&record)));
            }
        }
        for (row, last) in several {
            if let Some((status, kept)) = last.record {
                self.marks.set(row, status, kept);
            }
        }
        Ok(())
    }
}

/// Refuses two paths that lead to one file. The paths may be spelt differently.
fn refuse_same_file(paths: &[PathBuf], index: usize) -> Result<(), Error> {
    let found = |path: &PathBuf| fs::canonicalize(path).ok();
    let path = &paths[index];
    if paths[..index]
        .iter()
        .any(|before| before == path || found(before).is_some_and(|at| Some(at) == found(path)))
    {
        return Err(Error::Twice { path: path.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{HEADER, Record};
    use super::*;
    use std::time::Duration;

    fn write_file(folder: &tempfile::TempDir, name: &str, records: &[(u64, u64, Status, u64)]) -> PathBuf {
        let mut file = HEADER.as_bytes().to_vec();
        for (row, second, status, print) in records {
            let record = Record {
                row: *row,
                line: *row + 1,
                customer_id: "1",
                subscription_id: "",
                status: *status,
                http_status: Some(200),
                attempts: 1,
                duration: Duration::ZERO,
                finished_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + second),
                error: "",
                fingerprint: Fingerprint(*print << 4),
            };
            record.write(&mut file);
        }
        let path = folder.path().join(name);
        fs::write(&path, file).unwrap();
        path
    }

    fn read(paths: &[PathBuf]) -> Result<ShardResults, Error> {
        ShardResults::read(paths, Keep::Fingerprint)
    }

    #[test]
    fn the_last_record_of_a_row_counts_in_any_file() {
        let folder = tempfile::tempdir().unwrap();
        let one = write_file(
            &folder,
            "one",
            &[(1, 5, Status::Updated, 1), (3, 9, Status::Updated, 2), (4, 1, Status::Failed, 3)],
        );
        let other = write_file(
            &folder,
            "other",
            &[
                (2, 5, Status::Updated, 4),
                (3, 7, Status::Rejected, 5),
                (4, 2, Status::Updated, 6),
                (8, 3, Status::Failed, 7),
            ],
        );
        for paths in [[one.clone(), other.clone()], [other.clone(), one.clone()]] {
            let results = read(&paths).unwrap();
            let (marks, highest) = (&results.marks, &paths[results.highest_in]);
            let statuses: Vec<_> = (1..9).map(|row| marks.get(row).map(|mark| mark.status)).collect();
            let (updated, failed) = (Some(Status::Updated), Some(Status::Failed));
            assert_eq!(statuses, [updated, updated, updated, updated, None, None, None, failed]);
            assert!(marks.is_done(3, Fingerprint(2 << 4)) && marks.is_done(4, Fingerprint(6 << 4)));
            assert_eq!((marks.in_sync(), marks.last_row(), results.in_several), (4, 8, 2));
            assert_eq!((highest, marks.last_row_at().line), (&other, 5));
            assert_eq!(results.tails.iter().map(|tail| tail.records).sum::<u64>(), 7);
        }
    }

    #[test]
    fn one_file_is_read_alone_and_the_same_file_is_refused_twice() {
        let folder = tempfile::tempdir().unwrap();
        let one = write_file(&folder, "one", &[(2, 5, Status::Updated, 1), (2, 1, Status::Failed, 1)]);
        let alone = read(std::slice::from_ref(&one)).unwrap();
        // Within a file, the order of the records counts and not their time.
        assert_eq!((alone.marks.get(2).unwrap().status, alone.in_several), (Status::Failed, 0));
        let spelt = folder.path().join(".").join("one");
        assert!(matches!(read(&[one, spelt]), Err(Error::Twice { .. })));
    }
}
