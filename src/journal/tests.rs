//! The result file as a whole: it is written, cut or damaged, and read again.

use super::unreadable_tail::MOST_LOST_RECORDS;
use super::*;
use crate::customer::Fingerprint;
use proptest::prelude::*;
use std::fs::File;
use std::future::poll_fn;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

fn line(row: u64) -> Vec<u8> {
    let mut line = Vec::new();
    let record = Record {
        row,
        line: row + 1,
        customer_id: &format!("c{row}"),
        subscription_id: "",
        status: if row.is_multiple_of(5) { Status::Rejected } else { Status::Updated },
        http_status: Some(200),
        attempts: 1,
        duration: Duration::from_millis(row),
        finished_at: SystemTime::UNIX_EPOCH + Duration::from_secs(row),
        error: if row.is_multiple_of(5) { "no, \"never\",0123456789abcdef" } else { "" },
        fingerprint: Fingerprint(row << 8),
    };
    record.write(&mut line);
    line
}

fn whole_file(rows: u64) -> Vec<u8> {
    let mut file = HEADER.as_bytes().to_vec();
    (1..=rows).for_each(|row| file.extend(line(row)));
    file
}

/// Resumes a file with these bytes in a new folder. Returns the bytes of the resumed file and its marks.
fn resume(bytes: &[u8]) -> Result<(Vec<u8>, Marks), Error> {
    // In memory if possible, because thousands of syncs would be slow on a disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("in.result.csv");
    fs::write(&path, bytes).unwrap();
    let (file, marks) = ResultFile::open(&path, Existing::Resume)?;
    assert_eq!(fs::read(&path).unwrap(), bytes, "opening must change nothing");
    let torn = file.tail().unwrap().torn;
    drop(file.begin().unwrap());
    let saved = fs::read(folder.path().join("in.result.csv.torn")).unwrap_or_default();
    let kept = fs::read(&path).unwrap();
    assert_eq!(saved.len() as u64, if torn > 0 { torn + 1 } else { 0 });
    if torn > 0 {
        assert_eq!(&saved[..saved.len() - 1], &bytes[bytes.len() - torn as usize..]);
    }
    Ok((kept, marks))
}

#[test]
fn a_file_cut_at_any_byte_keeps_exactly_its_whole_records() {
    let file = whole_file(20);
    for end in 0..=file.len() {
        let (kept, marks) = resume(&file[..end]).unwrap();
        let whole = file[..end].iter().filter(|byte| **byte == b'\n').count().saturating_sub(1) as u64;
        assert_eq!(kept, whole_file(whole), "cut at {end}");
        for row in 1..=20 {
            assert_eq!(marks.get(row).is_some(), row <= whole, "cut at {end}, row {row}");
        }
    }
}

#[test]
fn a_changed_byte_never_makes_a_row_done() {
    let file = whole_file(20);
    for at in 0..file.len() {
        for byte in (0..8).map(|bit| file[at] ^ 1 << bit).chain([0, 0xff, b'\n', b',', b'"']) {
            let mut damaged = file.clone();
            damaged[at] = byte;
            let read = scan(Path::new("r"), damaged.as_slice(), Keep::Fingerprint);
            let Ok((marks, _)) = read else { continue };
            for row in 1..=40_u64 {
                let was_done = row <= 20 && !row.is_multiple_of(5);
                assert!(
                    !marks.is_done(row, Fingerprint(row << 8)) || was_done,
                    "byte {at} is {byte}, row {row}"
                );
            }
        }
    }
}

#[test]
fn damage_before_the_tail_is_refused_with_its_position() {
    let file = whole_file(20);
    let offset = file.len() - line(20).len() - line(19).len();
    let mut hole = file.clone();
    hole[offset + 2..offset + 12].fill(0);
    let error = resume(&hole).unwrap_err().to_string();
    assert!(error.contains(&format!("line 20 (byte {offset})")), "{error}");

    let garbage = [&file[..offset], b"garbage\n", &file[offset..]].concat();
    assert!(resume(&garbage).unwrap_err().to_string().contains("16 hex digits"));
    let endless = [&file[..offset], &[0; 100_000], &file[offset..]].concat();
    assert!(resume(&endless).unwrap_err().to_string().contains("longer than any record"));
    assert!(resume(b"customer_id,email\n1,a@b\n").unwrap_err().to_string().contains("not a result file"));
}

#[test]
fn a_torn_end_is_cut_off_if_a_crash_explains_it() {
    let file = whole_file(3);
    let with = |end: &[u8]| [file.as_slice(), end].concat();
    let longest_hole = MOST_LOST_RECORDS as usize * 256;
    for end in [&vec![0; longest_hole][..], &[b'4'; 5 * 1024], b"4,5,c4,,upd\n"] {
        assert_eq!(resume(&with(end)).unwrap().0, file);
    }
    let line = |byte: u8, length: usize| [vec![byte; length], b"\n".to_vec()].concat();
    for end in [vec![0; longest_hole + 1], vec![b'4'; 5 * 1024 + 1], line(b'4', 5 * 1024), line(0, 3)] {
        let error = resume(&with(&end)).unwrap_err().to_string();
        assert!(error.contains(&format!("line 5 (byte {})", file.len())), "{error}");
    }
}

#[test]
fn damage_up_to_the_end_is_not_treated_as_a_torn_record() {
    // This half contains more records than a power cut can take.
    let mut file = whole_file(8 * MOST_LOST_RECORDS);
    let half = file.len() / 2 / 512 * 512;
    file[half..].fill(0);
    assert!(matches!(resume(&file), Err(Error::Damaged { .. })));
}

#[test]
fn begin_creates_a_new_file_that_only_its_owner_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.result.csv");
    let (file, _) = ResultFile::open(&path, Existing::Refuse).unwrap();
    assert!(!path.exists());
    drop(file.begin().unwrap());
    assert_eq!(fs::read(&path).unwrap(), HEADER.as_bytes());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(ResultFile::open(&path, Existing::Refuse), Err(Error::Exists { .. })));
}

#[test]
fn only_a_result_file_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.csv");
    fs::write(&path, "customer_id,email\n1,a@b\n").unwrap();
    assert!(matches!(ResultFile::open(&path, Existing::Overwrite), Err(Error::NotOurs { .. })));
    fs::write(&path, whole_file(3)).unwrap();
    let (file, marks) = ResultFile::open(&path, Existing::Overwrite).unwrap();
    assert_eq!(marks.last_row(), 0);
    drop(file.begin().unwrap());
    assert_eq!(fs::read(&path).unwrap(), HEADER.as_bytes());
}

#[test]
fn overwriting_and_resuming_accept_the_same_starts_of_a_result_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.result.csv");
    let long = [&[0; 3][..], HEADER.as_bytes()].concat();
    let header = HEADER.len();
    for (content, is_ours) in [
        (&[0; 1000][..1], true),
        (&[0; 1000][..header], true),
        (&[0; 1000][..header + 1], false),
        (&long, false),
        (&HEADER.as_bytes()[..header - 1], true),
        (HEADER.as_bytes(), true),
        (b"row,line\n", false),
    ] {
        fs::write(&path, content).unwrap();
        for existing in [Existing::Resume, Existing::Overwrite] {
            let opened = ResultFile::open(&path, existing);
            assert_eq!(opened.is_ok(), is_ours, "{existing:?} of {} bytes", content.len());
        }
    }
}

#[test]
fn only_its_owner_can_read_the_file_of_torn_records_even_if_it_existed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.result.csv");
    let beside = folder.path().join("in.result.csv.torn");
    fs::write(&path, [whole_file(3), b"4,5,c".to_vec()].concat()).unwrap();
    fs::write(&beside, "earlier\n").unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o666)).unwrap();
    drop(ResultFile::open(&path, Existing::Resume).unwrap().0.begin().unwrap());
    assert_eq!(fs::metadata(&beside).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&beside).unwrap(), b"earlier\n4,5,c\n");
}

#[test]
fn a_second_run_is_kept_out_until_the_first_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.result.csv");
    let first = ResultFile::open(&path, Existing::Refuse).unwrap().0.begin().unwrap();
    for existing in [Existing::Refuse, Existing::Resume, Existing::Overwrite] {
        assert!(matches!(ResultFile::open(&path, existing), Err(Error::Locked { .. })));
    }
    drop(first);
    assert!(ResultFile::open(&path, Existing::Resume).is_ok());
}

#[test]
fn an_irregular_file_is_refused_and_stays_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, whole_file(1)).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    for (path, what) in
        [(link.as_path(), "link"), (folder.path(), "directory"), (Path::new("/dev/null"), "device")]
    {
        for existing in [Existing::Refuse, Existing::Resume, Existing::Overwrite] {
            let error = ResultFile::open(path, existing).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
    assert_eq!(fs::read(&target).unwrap(), whole_file(1));
}

/// A disk in memory that counts its syncs.
#[derive(Clone, Default)]
struct Disk {
    state: std::sync::Arc<std::sync::Mutex<DiskState>>,
}

#[derive(Default)]
struct DiskState {
    written: Vec<u8>,
    synced: usize,
    syncs: u32,
    failing_sync: Option<u32>,
}

impl Storage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.state.lock().unwrap().written.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.syncs += 1;
        if state.failing_sync == Some(state.syncs) {
            return Err(io::Error::other("injected"));
        }
        state.synced = state.written.len();
        Ok(())
    }
}

#[test]
fn a_write_fails_after_the_file_was_removed_or_changed_by_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.result.csv");
    let harms: [fn(&Path); 5] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::rename(path, path.with_extension("moved")).unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| overwrite(path, None),
        |path| overwrite(path, fs::metadata(path).unwrap().modified().ok()),
    ];
    for harm in harms {
        let file = ResultFile::open(&path, Existing::Overwrite).unwrap().0.begin().unwrap();
        let mut own = OwnFile::new(path.clone(), file).unwrap();
        own.append(&line(1)).unwrap();
        own.sync().unwrap();
        harm(&path);
        assert!(own.append(&line(2)).and_then(|()| own.sync()).is_err());
    }
}

/// Overwrites a byte of a file in place, as `dd conv=notrunc` does, and sets its modification time to `time` if given.
fn overwrite(path: &Path, time: Option<SystemTime>) {
    let changed = || fs::metadata(path).map(|now| (now.ctime(), now.ctime_nsec())).unwrap();
    let before = changed();
    // Repeated until the clock of the file system has advanced.
    while changed() == before {
        let file = File::options().write(true).open(path).unwrap();
        file.write_all_at(b"x", HEADER.len() as u64 + 1).unwrap();
        time.into_iter().for_each(|time| file.set_modified(time).unwrap());
    }
}

#[test]
fn nothing_is_appended_after_another_program_wrote_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.result.csv");
    let file = ResultFile::open(&path, Existing::Refuse).unwrap().0.begin().unwrap();
    let mut own = OwnFile::new(path.clone(), file).unwrap();
    own.append(&line(1)).unwrap();
    overwrite(&path, None);
    // The line before the change is not durable either.
    assert!(own.sync().is_err());
    let before = fs::read(&path).unwrap();
    assert!(own.append(&line(2)).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
}

async fn wait_until_durable(writer: &mut Writer) -> io::Result<Vec<u8>> {
    poll_fn(|context| writer.poll_durable(context)).await
}

#[tokio::test]
async fn a_durable_record_survives_a_power_cut() {
    let disk = Disk::default();
    let mut writer = Writer::start(disk.clone()).unwrap();
    for row in 1..=5 {
        writer.submit(line(row));
        assert!(wait_until_durable(&mut writer).await.unwrap().is_empty());
        let state = disk.state.lock().unwrap();
        assert!(state.written[..state.synced].ends_with(&line(row)));
    }
}

#[tokio::test]
async fn no_record_is_written_or_durable_after_a_failed_sync() {
    let disk = Disk::default();
    disk.state.lock().unwrap().failing_sync = Some(2);
    let mut writer = Writer::start(disk.clone()).unwrap();
    writer.submit(line(1));
    wait_until_durable(&mut writer).await.unwrap();
    writer.submit(line(2));
    assert!(wait_until_durable(&mut writer).await.is_err());
    writer.submit(line(3));
    assert!(wait_until_durable(&mut writer).await.is_err());
    assert!(!disk.state.lock().unwrap().written.ends_with(&line(3)));
}

/// A storage that panics.
struct PanickingStorage;

impl Storage for PanickingStorage {
    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        panic!("a bug, on purpose")
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_writer_that_dies_returns_errors_and_never_blocks() {
    let mut writer = Writer::start(PanickingStorage).unwrap();
    for row in 1..=3 {
        writer.submit(line(row));
        assert!(
            wait_until_durable(&mut writer).await.unwrap_err().to_string().contains("ended unexpectedly")
        );
    }
}

proptest! {
    #[test]
    fn the_reader_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), header: bool) {
        let file = if header { [HEADER.as_bytes(), &bytes].concat() } else { bytes };
        let _ = scan(Path::new("r"), file.as_slice(), Keep::Identity);
    }
}
