//! The speed of a run, from the end of its result file.

use super::file::open_to_read;
use super::parse::ParsedLine;
use super::{CANNOT_READ, Error, RecordRef};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The time over which the speed is measured. Chosen: long enough for a rate of a few rows per minute, short enough for the
/// present speed.
const WINDOW: Duration = Duration::from_secs(60);

/// Bytes read from the end of the file. Chosen: these are more than 2,000 records.
const END: u64 = 256 * 1024;

/// Rows per second that were sent and recorded in the last minute before `now`, or since the run began (`since`). `None` in
/// the first second.
///
/// # Errors
/// If the file cannot be read. Damage is no error: a line that is not a record does not count.
pub fn recent_speed(path: &Path, since: Option<SystemTime>, now: SystemTime) -> Result<Option<f64>, Error> {
    let mut file = open_to_read(path)?;
    let mut end = Vec::new();
    let read = file.metadata().and_then(|found| {
        let start = found.len().saturating_sub(END);
        file.seek(SeekFrom::Start(start)).and_then(|_| file.take(END).read_to_end(&mut end))?;
        Ok(start > 0)
    });
    let failed = |source: io::Error| Error::Io { path: path.to_path_buf(), doing: CANNOT_READ, source };
    Ok(speed(&end, read.map_err(failed)?, since, now))
}

/// The speed by the end of a file. If `is_cut`, the first line may be incomplete, and the records may cover less than the
/// window.
fn speed(end: &[u8], is_cut: bool, since: Option<SystemTime>, now: SystemTime) -> Option<f64> {
    let lines = end.split_inclusive(|byte| *byte == b'\n').skip(usize::from(is_cut));
    let times: Vec<SystemTime> = lines.filter_map(|line| sent_at(line.strip_suffix(b"\n")?)).collect();
    let earliest = times.first().copied().filter(|_| is_cut);
    let begin = [now.checked_sub(WINDOW), since, earliest].into_iter().flatten().max()?;
    let seconds = now.duration_since(begin).ok()?.as_secs_f64();
    let rows = times.iter().filter(|time| (begin..=now).contains(time)).count();
    (seconds >= 1.0).then(|| rows as f64 / seconds)
}

/// The time at which a row was finished, if the row was sent.
fn sent_at(text: &[u8]) -> Option<SystemTime> {
    let parsed = ParsedLine::from_line(text).ok()?;
    let record = RecordRef { text, parsed, position: Default::default() };
    (record.attempts() > 0).then(|| record.finished_at())
}

#[cfg(test)]
mod tests {
    use super::super::{Record, Status};
    use super::*;
    use crate::customer::Fingerprint;

    const SECOND: Duration = Duration::from_secs(1);

    /// Records of rows that were finished at these seconds, each after `attempts` attempts.
    fn records(seconds: impl Iterator<Item = u64>, attempts: u32) -> Vec<u8> {
        let mut file = Vec::new();
        for (row, second) in (1..).zip(seconds) {
            let record = Record {
                row,
                line: row + 1,
                customer_id: "1",
                subscription_id: "",
                status: Status::Updated,
                http_status: Some(200),
                attempts,
                duration: Duration::ZERO,
                finished_at: at(second),
                error: "",
                fingerprint: Fingerprint(16),
            };
            record.write(&mut file);
        }
        file
    }

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + second)
    }

    #[test]
    fn the_speed_counts_the_rows_sent_in_the_last_minute() {
        // Two rows a second for ten minutes, then nothing.
        let file = records((0..1200).map(|row| row / 2), 1);
        assert_eq!(speed(&file, false, Some(at(0)), at(600)), Some(2.0));
        assert_eq!(speed(&file, false, Some(at(0)), at(630)), Some(1.0));
        assert_eq!(speed(&file, false, Some(at(0)), at(700)), Some(0.0));
        // A run younger than a minute ignores the rows of an earlier run.
        assert_eq!(speed(&file, false, Some(at(590)), at(600)), Some(2.0));
        assert_eq!(speed(&file, false, Some(at(600)), at(600) + SECOND / 2), None);
        // The window begins with the first record that was read.
        let end = &file[file.len() - 2000..];
        assert!(speed(end, true, Some(at(0)), at(600)).is_some_and(|speed| (1.5..2.5).contains(&speed)));
        // Rows that were only recorded do not count.
        assert_eq!(speed(&records(0..60, 0), false, Some(at(0)), at(60)), Some(0.0));
    }
}
