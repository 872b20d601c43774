//! What each stage of a row's way costs by itself, and what a bare reader of the same bytes does.
//!
//!     cargo bench --bench stages -- [NAME]               seconds, by criterion
//!     cargo bench --bench stages -- prepare ROWS FOLDER  leaves in.csv and in.result.csv in FOLDER
//!     cargo bench --bench stages -- only STAGE FOLDER TIMES
//!
//! The last is for callgrind: a stage so many times, of which one run more costs what a run costs. Seconds drift with the
//! machine, instructions do not: `benches/instructions.sh` prints those.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it is for people, and may end at any fault")]

mod tables;

use criterion::{Criterion, Throughput};
use offerit_sync::customer::{Fingerprint, FingerprintKey, Parameter, Update};
use offerit_sync::input::{Input, Reading, Rows};
use offerit_sync::journal::{Keep, Record, ResultFile, Status};
use offerit_sync::offerit::Encoder;
use offerit_sync::resume::{LastDeliveries, LastDelivery};
use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tables::{KEY, input, prepare, result};

/// Rows of the files that criterion reads: few enough to stay in the cache of the system, and of most processors.
const ROWS: u64 = 10_000;

/// One pass over all rows; it gives how much it has seen.
type Pass = Box<dyn FnMut() -> u64>;

/// Its name, and what makes a pass ready over the files of a folder.
type Stage = (&'static str, fn(&Path) -> Pass);

const STAGES: [Stage; 10] = [
    ("csv", csv),
    ("parse", parse),
    ("map", map),
    ("fingerprint", fingerprint),
    ("encode", encode),
    ("record", record),
    ("lines", lines),
    ("records", records),
    ("marks", marks),
    ("delivered", delivered),
];

fn rows(path: &Path) -> Rows {
    Input::open(path, Reading::default()).unwrap().rows().unwrap()
}

/// Every update of the input, read beforehand.
fn updates(folder: &Path) -> Vec<Update> {
    let mut rows = rows(&input(folder));
    std::iter::from_fn(|| rows.next_row().unwrap().map(|row| row.content.unwrap())).collect()
}

/// The input by the bare CSV crate.
fn csv(folder: &Path) -> Pass {
    let path = input(folder);
    Box::new(move || {
        let file = BufReader::with_capacity(64 * 1024, File::open(&path).unwrap());
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let mut record = csv::ByteRecord::new();
        let mut count = 0;
        while reader.read_byte_record(&mut record).unwrap() {
            count += 1;
        }
        count
    })
}

/// The input's records, and nothing of what is in them.
fn parse(folder: &Path) -> Pass {
    let path = input(folder);
    Box::new(move || {
        let mut rows = rows(&path);
        rows.skip_rows(|_| black_box(true)).unwrap();
        u64::from(rows.next_row().unwrap().is_some())
    })
}

/// The input's rows as checked updates.
fn map(folder: &Path) -> Pass {
    let path = input(folder);
    Box::new(move || {
        let (mut rows, mut count) = (rows(&path), 0);
        while let Some(row) = rows.next_row().unwrap() {
            count += u64::from(row.content.is_ok());
        }
        count
    })
}

/// The fingerprints of updates that are there.
fn fingerprint(folder: &Path) -> Pass {
    let (key, updates, mut scratch) =
        (FingerprintKey::from_secret(KEY.as_bytes()), updates(folder), Vec::new());
    Box::new(move || updates.iter().map(|update| key.of_update(update, &mut scratch).0 & 1).sum())
}

/// The bodies of updates that are there, a copy of the update included.
fn encode(folder: &Path) -> Pass {
    let (updates, mut encoder) = (updates(folder), Encoder::default());
    Box::new(move || {
        updates.iter().map(|update| black_box(encoder.request(update.clone()))).map(|_| 1_u64).sum()
    })
}

/// A record of every update.
fn record(folder: &Path) -> Pass {
    let (updates, mut line) = (updates(folder), Vec::new());
    Box::new(move || {
        let mut bytes = 0;
        for (update, row) in updates.iter().zip(1..) {
            line.clear();
            Record {
                row,
                line: row + 1,
                customer_id: update.get(Parameter::CustomerId).unwrap_or_default(),
                subscription_id: "",
                status: Status::Updated,
                http_status: Some(200),
                attempts: 1,
                duration: Duration::from_millis(20 + row % 100),
                finished_at: SystemTime::UNIX_EPOCH + Duration::from_millis(row),
                error: "",
                fingerprint: Fingerprint(row),
            }
            .write(&mut line);
            bytes += black_box(&line).len() as u64;
        }
        bytes
    })
}

/// The result file's lines by memchr alone: as fast as any reader of lines can be.
fn lines(folder: &Path) -> Pass {
    let path = result(folder);
    Box::new(move || {
        let mut file = File::open(&path).unwrap();
        let mut buffer = vec![0; 256 * 1024];
        let mut lines = 0;
        loop {
            let read = file.read(&mut buffer).unwrap();
            if read == 0 {
                return lines;
            }
            lines += memchr::memchr_iter(b'\n', &buffer[..read]).map(black_box).count() as u64;
        }
    })
}

/// The result file's records, each of them checked.
fn records(folder: &Path) -> Pass {
    let path = result(folder);
    Box::new(move || {
        let mut records = ResultFile::records(&path).unwrap();
        while let Some(record) = records.next_record().unwrap() {
            black_box(record.fingerprint());
        }
        records.tail().records
    })
}

/// The same, noted by row: for `--resume` and `verify`.
fn marks(folder: &Path) -> Pass {
    let path = result(folder);
    Box::new(move || {
        let (marks, tail) = ResultFile::read(&path, Keep::Fingerprint).unwrap();
        black_box(marks);
        tail.records
    })
}

/// The same, noted by customer: for `--since`.
fn delivered(folder: &Path) -> Pass {
    let path = result(folder);
    Box::new(move || {
        let mut deliveries = LastDeliveries::default();
        deliveries.read(&path).unwrap();
        u64::from(black_box(deliveries).observe(["1", ""], Fingerprint(1), false) == LastDelivery::Same)
    })
}

fn measure(folder: &Path) {
    prepare(folder, ROWS);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("stages");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20).measurement_time(Duration::from_secs(2));
    for (name, stage) in STAGES {
        let mut pass = stage(folder);
        group.bench_function(name, |bencher| bencher.iter(&mut pass));
    }
    group.finish();
    criterion.final_summary();
}

fn main() {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["prepare", rows, folder] => prepare(Path::new(folder), rows.parse().unwrap()),
        ["stages"] => STAGES.iter().for_each(|(name, _)| println!("{name}")),
        ["only", wanted, folder, times] => {
            let (_, stage) = STAGES.iter().find(|(name, _)| *name == wanted).expect("a stage's name");
            let mut pass = stage(Path::new(folder));
            (0..times.parse().unwrap()).for_each(|_| _ = black_box(pass()));
        }
        _ => {
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
            let folder = target.join(format!("stages.{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            measure(&folder);
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
