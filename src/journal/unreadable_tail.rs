//! The end of a result file from its first unreadable line on: the remains of a power cut, or damage.
//!
//! A power cut keeps all bytes up to the last fsync, which is the end of a record. Any subset of the later bytes may survive: a
//! file system may have written the length and not the data, or a later page and not an earlier page. Unwritten pages read as
//! NULs: a hole. The number of rows in a hole is unknown, so the records after a hole are useless. The reader cuts off the
//! whole tail, and the run sends these rows again: the rows were open, and therefore few, or never sent.
//!
//! A hole elsewhere has lost records that were on the disk. Its position, its length and the bytes after it distinguish this
//! damage from a power cut. The length is compared with the longest record before the hole, because the lost records cannot be
//! counted.

/// Bytes of a sector, the smallest unit in which a disk writes, and therefore loses, data. Disks report 512 or 4,096; the
/// smaller divides the larger.
const SECTOR: u64 = 512;

/// The most bytes of a record: two ids of 200 characters and an error of 600 characters, at most four bytes each.
pub(super) const LONGEST_RECORD: u64 = 5 * 1024;

/// Bytes of a lost record with an error of some words, which may follow shorter records. Chosen: a smaller number would refuse
/// a file after a power cut, a larger number would cut off records that were on the disk.
const LIKELY_RECORD: u64 = 256;

/// The most rows that a run has open at once: 4 for each of 10,000 requests in flight, the largest `--concurrency`. The result
/// file does not contain the `--concurrency` of its run.
pub const MOST_OPEN_ROWS: u64 = 40_000;

/// The most records that a power cut can have taken: one record of each open row, and the records of rows that were not sent.
pub(super) const MOST_LOST_RECORDS: u64 = MOST_OPEN_ROWS + MOST_UNSENT;

/// The most unsynced records of rows that were not sent. Chosen: an fsync per batch of this size costs little.
const MOST_UNSENT: u64 = 4096;

/// The most unsynced records of rows that are not sent, besides the records of open rows. Losing such a record repeats no
/// request, so that one fsync may cover thousands. Bounded by `durable`, the number of such records in the file already: damage
/// to a file with few of them costs few.
#[must_use]
pub fn unsent_together(durable: u64) -> u64 {
    durable.min(MOST_UNSENT)
}

/// The end of a file, from the start of a line that is not a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnreadableTail {
    /// The byte offset of its start.
    offset: u64,
    /// Its length in bytes.
    bytes: u64,
    /// The number of its line feeds.
    line_feeds: u64,
    hole: Hole,
}

impl UnreadableTail {
    /// An empty tail that begins at this byte offset of the file.
    pub(super) fn at(offset: u64) -> UnreadableTail {
        UnreadableTail { offset, bytes: 0, line_feeds: 0, hole: Hole::default() }
    }

    /// Adds the next bytes of the tail.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hole.extend(bytes, self.offset + self.bytes);
        self.bytes += bytes.len() as u64;
        self.line_feeds += memchr::memchr_iter(b'\n', bytes).count() as u64;
    }

    /// Its length in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a crash explains the tail. A tail without a hole must be one torn record, because a write tears only its last
    /// record. A tail with a hole must come from a power cut and contain at most `most_lost` records of `longest` bytes, the
    /// length of the longest record before the tail.
    pub(super) fn is_unsynced(&self, most_lost: u64, longest: u64) -> bool {
        if !self.hole.exists() {
            return self.line_feeds == 0 && self.bytes <= LONGEST_RECORD;
        }
        self.hole.is_of_a_power_cut(self.offset, self.offset + self.bytes)
            && self.line_feeds <= most_lost
            && self.bytes <= most_lost.saturating_mul(longest.max(LIKELY_RECORD))
    }
}

/// The first run of NULs.
#[derive(Debug, Clone, Copy, Default)]
struct Hole {
    start: Option<u64>,
    /// `None`: the hole extends to the end of the file.
    end: Option<u64>,
}

impl Hole {
    fn extend(&mut self, bytes: &[u8], offset: u64) {
        if self.start.is_none() {
            self.start = memchr::memchr(0, bytes).map(|index| offset + index as u64);
        }
        if let (Some(start), None) = (self.start, self.end) {
            let from = start.saturating_sub(offset) as usize;
            let data = bytes[from..].iter().position(|byte| *byte != 0);
            self.end = data.map(|index| offset + (from + index) as u64);
        }
    }

    fn exists(&self) -> bool {
        self.start.is_some()
    }

    /// Whether the hole begins at `first`, the end of a record, or at the start of a sector, and ends with a sector or the file.
    fn is_of_a_power_cut(&self, first: u64, last: u64) -> bool {
        self.start.is_some_and(|start| start == first || start.is_multiple_of(SECTOR))
            && self.end.is_none_or(|end| end == last || end.is_multiple_of(SECTOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of `length` bytes, its line feed included.
    fn line(length: usize) -> Vec<u8> {
        let mut line = vec![b'x'; length - 1];
        line.push(b'\n');
        line
    }

    /// Whether `rest` is unsynced data. The answer must not depend on the chunks in which `rest` is added.
    #[track_caller]
    fn is_unsynced(rest: &[u8], offset: u64, open_rows: u64) -> bool {
        is_unsynced_behind(76, rest, offset, open_rows)
    }

    /// Like [`is_unsynced`], after records of which the longest has `longest` bytes.
    #[track_caller]
    fn is_unsynced_behind(longest: u64, rest: &[u8], offset: u64, open_rows: u64) -> bool {
        let answers: Vec<bool> = [1, rest.len() / 2, rest.len()]
            .map(|end| {
                let (line, behind) = rest.split_at(end);
                let mut read = UnreadableTail::at(offset);
                read.add(line);
                behind.chunks(300).for_each(|bytes| read.add(bytes));
                assert_eq!(read.bytes(), rest.len() as u64);
                read.is_unsynced(open_rows, longest)
            })
            .to_vec();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        answers[0]
    }

    #[test]
    fn a_hole_from_the_last_sync_to_a_sector_is_unsynced_data() {
        let rest = [vec![0; 412], line(70), line(70)].concat();
        assert!(is_unsynced(&rest, 100, 8));
        // A hole elsewhere has lost data that was on the disk.
        assert!(!is_unsynced(&rest, 101, 8) && !is_unsynced(&rest, 99, 8));
        assert!(!is_unsynced(&[b"1".to_vec(), rest].concat(), 99, 8));
    }

    #[test]
    fn a_hole_of_whole_sectors_is_unsynced_data() {
        let rest = [vec![b'1'; 24], vec![0; 4096], line(30), line(70)].concat();
        assert!(is_unsynced(&rest, 1000, 32) && !is_unsynced(&rest, 1001, 32));
    }

    #[test]
    fn a_hole_before_more_records_than_were_open_is_damage() {
        let rest = |lines: usize| [vec![0; 412], line(70).repeat(lines)].concat();
        assert!(is_unsynced(&rest(8), 100, 8) && !is_unsynced(&rest(9), 100, 8));
    }

    #[test]
    fn a_hole_longer_than_the_open_records_can_have_been_is_damage() {
        let hole = |bytes: usize| vec![0; bytes];
        // The hole extends to the end of the file or to more records: at most eight records of 256 bytes.
        assert!(is_unsynced(&hole(2048), 100, 8) && !is_unsynced(&hole(2049), 100, 8));
        let and_line = |bytes: usize| [hole(bytes), line(70)].concat();
        assert!(is_unsynced(&and_line(1436), 100, 8) && !is_unsynced(&and_line(1436 + 1024), 100, 8));
        // After longer records, the lost records may have been as long.
        assert!(
            is_unsynced_behind(300, &hole(2400), 100, 8) && !is_unsynced_behind(300, &hole(2401), 100, 8)
        );
        assert!(!is_unsynced(&hole(1), 100, 0));
    }

    #[test]
    fn one_torn_record_is_unsynced_data_and_more_is_damage() {
        let torn = |bytes: usize| vec![b'x'; bytes];
        assert!(is_unsynced(&torn(1), 107, 1) && is_unsynced(&torn(5 * 1024), 107, 1));
        assert!(!is_unsynced(&torn(5 * 1024 + 1), 107, 1000), "more than any record");
        assert!(!is_unsynced(&[b"12\0".to_vec(), torn(9)].concat(), 107, 4), "a hole out of place");
        assert!(!is_unsynced(&[b"\0\0".to_vec(), line(9)].concat(), 107, 4));
        assert!(!is_unsynced(&line(9), 107, 4), "a line without a hole is damage");
    }
}
