//! A model of power cuts: in each round, records are appended and synced, the power is cut, and the file is resumed.

use super::*;
use crate::customer::Fingerprint;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// The most rows that are open at once.
const OPEN_ROWS: u64 = 24;

/// The most rows of a batch that were not sent.
const MOST_UNSENT: u64 = 400;

/// The error length that marks a row that was not sent.
const UNSENT: usize = usize::MAX;

/// The unit in which a disk loses data, in bytes.
const SECTOR: usize = 512;

/// A disk in memory. A power cut loses all or some of its unsynced bytes.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    written: Vec<u8>,
    synced: usize,
    failure: Option<DiskFailure>,
}

/// The next failure of the disk.
#[derive(Debug, Clone, Copy)]
enum DiskFailure {
    /// An append fails after this number of bytes.
    Append(usize),
    /// A sync fails, although it may have synced the bytes.
    Sync { is_synced: bool },
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, DiskState> {
        self.0.lock().unwrap()
    }

    /// The file after a power cut: the synced bytes, and the sectors up to `length` that `survives` marks.
    fn after_cut(&self, length: usize, survives: &[bool]) -> Vec<u8> {
        let state = self.state();
        let unsynced = state.written.len() - state.synced;
        let end = state.synced + length.min(unsynced);
        let mut left = state.written[..end].to_vec();
        for (at, byte) in left.iter_mut().enumerate().skip(state.synced) {
            if !survives[at / SECTOR % survives.len()] {
                *byte = 0;
            }
        }
        left
    }
}

impl Storage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if let Some(DiskFailure::Append(length)) = state.failure {
            state.written.extend_from_slice(&bytes[..length.min(bytes.len())]);
            return Err(io::Error::other("no space"));
        }
        state.written.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(DiskFailure::Sync { is_synced }) = state.failure {
            if is_synced {
                state.synced = state.written.len();
            }
            return Err(io::Error::other("the disk is gone"));
        }
        state.synced = state.written.len();
        Ok(())
    }
}

fn record(row: u64, error_length: usize) -> Vec<u8> {
    let mut line = Vec::new();
    let record = Record {
        row,
        line: row + 1,
        customer_id: &format!("c{row}"),
        subscription_id: "",
        status: match error_length {
            UNSENT => Status::Unchanged,
            0 => Status::Updated,
            _ => Status::Failed,
        },
        http_status: Some(200),
        attempts: u32::from(error_length != UNSENT),
        duration: Duration::from_millis(row),
        finished_at: SystemTime::UNIX_EPOCH,
        error: &"é".repeat(error_length % UNSENT),
        fingerprint: Fingerprint(row << 8),
    };
    record.write(&mut line);
    line
}

/// One run and its power cut.
#[derive(Debug, Clone)]
struct SimulatedRun {
    /// The error length of each record of each batch.
    batches: Vec<Vec<usize>>,
    failure: Option<DiskFailure>,
    /// Whether the power is cut after the last batch was written and before it was synced.
    is_cut_before_sync: bool,
    /// The unsynced bytes that the length of the file includes.
    length: usize,
    /// For each sector, whether its unsynced bytes survive.
    survives: Vec<bool>,
}

fn any_run() -> impl Strategy<Value = SimulatedRun> {
    let error_length = prop_oneof![6 => Just(0_usize), 1 => 1_usize..40, 1 => 200_usize..700];
    let sent = proptest::collection::vec(error_length, 1..=OPEN_ROWS as usize);
    // `live` shortens a batch to the records that may be unsynced.
    let batch = prop_oneof![4 => sent, 1 => (1..MOST_UNSENT as usize).prop_map(|rows| vec![UNSENT; rows])];
    let failure = prop_oneof![
        3 => Just(None),
        1 => (0_usize..5000).prop_map(|length| Some(DiskFailure::Append(length))),
        1 => any::<bool>().prop_map(|is_synced| Some(DiskFailure::Sync { is_synced })),
    ];
    (
        proptest::collection::vec(batch, 1..6),
        failure,
        any::<bool>(),
        prop_oneof![Just(usize::MAX), 0_usize..20_000],
        proptest::collection::vec(any::<bool>(), 1..60),
    )
        .prop_map(|(batches, failure, is_cut_before_sync, length, survives)| SimulatedRun {
            batches,
            failure,
            is_cut_before_sync,
            length,
            survives,
        })
}

/// The facts about the rows that every file must agree with.
#[derive(Default)]
struct RowFacts {
    next_row: u64,
    /// Rows in sync: their request was confirmed before their record was submitted.
    confirmed: BTreeSet<u64>,
    /// Rows in sync whose records were reported as durable.
    acknowledged: BTreeSet<u64>,
}

impl RowFacts {
    /// Writes the batches to a disk that contains `file`, and cuts the power at the end. Returns the remaining file and the
    /// number of synced bytes.
    async fn live(&mut self, file: Vec<u8>, run: &SimulatedRun) -> (Vec<u8>, usize) {
        let disk = Disk(Arc::new(Mutex::new(DiskState {
            synced: file.len(),
            written: file,
            ..DiskState::default()
        })));
        let mut writer = Writer::start(disk.clone()).unwrap();
        let last = run.batches.len() - 1;
        for (index, batch) in run.batches.iter().enumerate() {
            let mut lines = Vec::new();
            let mut in_sync = Vec::new();
            let most = OPEN_ROWS + unsent_together(unsent_in(&disk.state().written));
            for error_length in batch.iter().take(most as usize) {
                self.next_row += 1;
                lines.extend(record(self.next_row, *error_length));
                if [0, UNSENT].contains(error_length) {
                    in_sync.push(self.next_row);
                }
            }
            self.confirmed.extend(&in_sync);
            if index == last {
                disk.state().failure = run.failure;
                if run.is_cut_before_sync {
                    disk.clone().append(&lines).ok();
                    break;
                }
            }
            writer.submit(lines);
            let outcome = poll_fn(|context| writer.poll_durable(context)).await;
            assert_eq!(outcome.is_err(), index == last && run.failure.is_some());
            if outcome.is_ok() {
                self.acknowledged.extend(in_sync);
            }
        }
        drop(writer);
        let synced = disk.state().synced;
        (disk.after_cut(run.length, &run.survives), synced)
    }
}

/// Reads a file of which a power cut can have taken at most `most_lost` records.
fn read(file: &[u8], most_lost: u64) -> Result<(Marks, Tail), Error> {
    let mut records = Records::with_most_lost(Path::new("r"), file, most_lost);
    let mut marks = Marks::default();
    while let Some(record) = records.next_record()? {
        marks.set(record.row(), record.status(), record.fingerprint());
    }
    Ok((marks, records.tail()))
}

/// The part of the file that a resumed run keeps, and its marks.
fn recover(left: &[u8]) -> Result<(Vec<u8>, Marks), Error> {
    let (marks, tail) = read(left, OPEN_ROWS + MOST_UNSENT)?;
    assert_eq!(tail.whole + tail.torn, left.len() as u64);
    let kept = if tail.whole == 0 { HEADER.as_bytes() } else { &left[..tail.whole as usize] };
    Ok((kept.to_vec(), marks))
}

/// Damage to a file: the position, the length, and the byte that overwrites the bytes, or `None` if they are removed.
fn any_damage() -> impl Strategy<Value = (prop::sample::Index, usize, Option<u8>)> {
    let length = prop_oneof![3 => 1_usize..3000, 1 => 3000_usize..40_000];
    let fill = prop_oneof![Just(Some(0)), any::<u8>().prop_map(Some), Just(None)];
    (any::<prop::sample::Index>(), length, fill)
}

/// The most bytes that may be cut off after these records, if `most_lost` records can be lost.
fn most_cut_off(records: &[u8], most_lost: u64) -> usize {
    let longest = records.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or(0);
    most_lost as usize * longest.max(256)
}

/// The number of records of rows that were not sent.
fn unsent_in(records: &[u8]) -> u64 {
    let records = records.split(|byte| *byte == b'\n');
    records.filter(|line| line.split(|byte| *byte == b',').nth(4) == Some(b"unchanged")).count() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// For any surviving part of the unsynced data in any number of runs: a row that was not confirmed is never read as in
    /// sync, no durable record is lost, and a file can be resumed if its open rows have no longer records than those before.
    #[test]
    fn a_power_cut_loses_no_durable_record(runs in proptest::collection::vec(any_run(), 1..5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut facts = RowFacts::default();
        let mut file = HEADER.as_bytes().to_vec();
        for run in &runs {
            let (left, synced) = runtime.block_on(facts.live(file, run));
            let Ok((kept, marks)) = recover(&left) else {
                let unsynced = left.len() - synced;
                assert!(unsynced > most_cut_off(&left[..synced], OPEN_ROWS + MOST_UNSENT), "{unsynced} bytes are refused");
                break;
            };
            for row in 1..=facts.next_row + 1 {
                let is_done = marks.is_done(row, Fingerprint(row << 8));
                assert!(!is_done || facts.confirmed.contains(&row), "row {row} was never confirmed");
                assert!(is_done || !facts.acknowledged.contains(&row), "row {row} was durable");
            }
            file = kept;
        }
    }

    /// Any damage to synced bytes is refused, or the reader cuts off at most as many records as were open. No row becomes done
    /// by damage.
    #[test]
    fn damage_is_refused_or_costs_few_rows(
        rows in 1_u64..400,
        damages in proptest::collection::vec(any_damage(), 1..3),
        is_aligned: bool,
    ) {
        let mut file = HEADER.as_bytes().to_vec();
        (1..=rows).for_each(|row| file.extend(record(row, usize::from(row % 7 == 0))));
        for (at, length, fill) in damages {
            let mut at = at.index(file.len().max(1)).min(file.len());
            if is_aligned {
                at = at / SECTOR * SECTOR;
            }
            let end = (at + length).min(file.len());
            match fill {
                Some(byte) => file[at..end].fill(byte),
                None => drop(file.drain(at..end)),
            }
        }
        if let Ok((marks, tail)) = read(&file, OPEN_ROWS) {
            for row in 1..=rows + 100 {
                let was_done = row <= rows && row % 7 != 0;
                assert!(!marks.is_done(row, Fingerprint(row << 8)) || was_done, "row {row}");
            }
            let (kept, cut_off) = file.split_at(tail.whole as usize);
            assert!(cut_off.len() <= most_cut_off(kept, OPEN_ROWS), "{} bytes are cut off", cut_off.len());
            let lines = cut_off.iter().filter(|byte| **byte == b'\n').count();
            assert!(lines as u64 <= OPEN_ROWS, "{lines} lines are cut off");
        }
    }
}

#[test]
fn a_first_run_that_lost_power_before_its_header_was_synced_can_be_resumed() {
    for length in 0..=HEADER.len() {
        let (kept, marks) = recover(&vec![0; length]).unwrap();
        assert_eq!((kept.as_slice(), marks.last_row()), (HEADER.as_bytes(), 0), "{length} bytes");
    }
    assert!(recover(&vec![0; HEADER.len() + 1]).is_err());
}
