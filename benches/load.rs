//! How fast a finished job is read again: the result file alone, `run --resume` and `verify`, beside what the
//! machine does with the same bytes and no question asked.
//!
//!     cargo bench --bench load -- [ROWS] [ROUNDS]      1,000,000 rows and 3 rounds unless said otherwise
//!     cargo bench --bench load -- prepare ROWS FOLDER  leaves in.csv and in.result.csv in FOLDER
//!     cargo bench --bench load -- only PART FOLDER     one part of it, once: for callgrind, perf
//!
//! A part is one of `lines`, `records`, `marks`, `csv`, `rows`, `fingerprints`. Seconds drift with the machine; what
//! does not is the number of instructions, by `valgrind --tool=callgrind` over `only PART`. Needs `/usr/bin/time` for
//! the whole program's memory. Works under target/ and leaves nothing behind.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it is for people, and may end at any fault")]

use offerit_sync::customer::{FingerprintKey, Parameter};
use offerit_sync::input::{Input, Reading};
use offerit_sync::journal::{HEADER, Keep, Record, ResultFile, Status, Timestamps};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

const KEY: &str = "bench";

/// Its name, and what it does with the files of a folder; it gives how much it has seen.
type Part = (&'static str, fn(&Path) -> u64);

const PARTS: [Part; 6] = [
    ("lines", lines),
    ("records", records),
    ("marks", marks),
    ("csv", csv),
    ("rows", rows),
    ("fingerprints", fingerprints),
];

fn input(folder: &Path) -> PathBuf {
    folder.join("in.csv")
}

fn result(folder: &Path) -> PathBuf {
    folder.join("in.result.csv")
}

/// The rows of `benches/throughput.sh`: about 120 bytes each, every id another.
fn write_input(path: &Path, count: u64) {
    const FIRST: [&str; 8] = ["Anna", "Jürgen", "María", "Seán", "Zoë", "Łukasz", "Noah", "Björk"];
    const LAST: [&str; 8] = ["Novak", "Weiß", "García", "Murphy", "Żak", "Smith", "Sørensen", "Costa"];
    const CITY: [&str; 8] = ["Berlin", "Praha", "Łódź", "Sevilla", "Dublin", "Oslo", "Lyon", "Graz"];
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    writeln!(file, "customer_id,firstname,lastname,email,address1,city,zip,custom1,custom2").unwrap();
    for row in 1..=count {
        let (first, last) = (FIRST[row as usize % 8], LAST[row as usize / 8 % 8]);
        let (city, id) = (CITY[row as usize % 8], 100_000_000 + row);
        let (house, flat, zip, day) = (row % 200 + 1, row % 40 + 1, row % 100_000, row % 30 + 1);
        writeln!(
            file,
            "{id},{first},{last},customer.{row}@example.com,\"{house} Station Road, Flat {flat}\",{city},{zip:05},newsletter,2026-11-{day:02}"
        )
        .unwrap();
    }
    file.flush().unwrap();
}

/// As a run leaves it: nearly in order, one row in a hundred delivered at the second run only.
fn write_result(folder: &Path) {
    let key = FingerprintKey::from_secret(KEY.as_bytes());
    let mut file = BufWriter::with_capacity(1 << 20, File::create(result(folder)).unwrap());
    file.write_all(HEADER.as_bytes()).unwrap();
    let (mut line, mut scratch) = (Vec::new(), Vec::new());
    for is_second_run in [false, true] {
        let mut rows = Input::open(&input(folder), Reading::default()).unwrap().rows().unwrap();
        while let Some(row) = rows.next_row().unwrap() {
            let is_refused = row.number.is_multiple_of(100);
            if is_second_run && !is_refused {
                continue;
            }
            let fails = is_refused && !is_second_run;
            let fingerprint = row.fingerprint(&key, &mut scratch);
            let update = row.content.unwrap();
            let record = Record {
                row: row.number,
                line: row.line,
                customer_id: update.get(Parameter::CustomerId).unwrap(),
                subscription_id: "",
                status: if fails { Status::Rejected } else { Status::Updated },
                http_status: Some(if fails { 400 } else { 200 }),
                attempts: 1,
                duration: Duration::from_millis(20 + row.number % 100),
                finished_at: Timestamps::default()
                    .at(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_000 + row.number)),
                error: if fails { "HTTP 400: no customer with this id, \"sorry\"" } else { "" },
                fingerprint,
            };
            line.clear();
            record.write(&mut line);
            file.write_all(&line).unwrap();
        }
    }
    file.flush().unwrap();
}

fn prepare(folder: &Path, count: u64) {
    write_input(&input(folder), count);
    write_result(folder);
}

/// The result file's lines by memchr alone: as fast as any reader of lines can be.
fn lines(folder: &Path) -> u64 {
    let mut file = File::open(result(folder)).unwrap();
    let mut buffer = vec![0; 256 * 1024];
    let mut lines = 0;
    loop {
        let read = file.read(&mut buffer).unwrap();
        if read == 0 {
            return lines;
        }
        lines += memchr::memchr_iter(b'\n', &buffer[..read]).map(black_box).count() as u64;
    }
}

/// The result file's records, each of them checked.
fn records(folder: &Path) -> u64 {
    let mut records = ResultFile::records(&result(folder), 64).unwrap();
    while let Some(record) = records.next_record().unwrap() {
        black_box(record.fingerprint());
    }
    records.tail().records
}

/// The same, noted by row.
fn marks(folder: &Path) -> u64 {
    let (marks, tail) = ResultFile::read(&result(folder), Keep::Fingerprint, 64).unwrap();
    black_box(marks);
    tail.records
}

/// The input by the bare CSV crate.
fn csv(folder: &Path) -> u64 {
    let file = BufReader::with_capacity(64 * 1024, File::open(input(folder)).unwrap());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let mut record = csv::ByteRecord::new();
    let mut count = 0;
    while reader.read_byte_record(&mut record).unwrap() {
        count += 1;
    }
    count
}

/// The input as checked updates.
fn rows(folder: &Path) -> u64 {
    let mut rows = Input::open(&input(folder), Reading::default()).unwrap().rows().unwrap();
    let mut count = 0;
    while let Some(row) = rows.next_row().unwrap() {
        black_box(row.content.is_ok());
        count += 1;
    }
    count
}

/// The same with a fingerprint each.
fn fingerprints(folder: &Path) -> u64 {
    let key = FingerprintKey::from_secret(KEY.as_bytes());
    let mut rows = Input::open(&input(folder), Reading::default()).unwrap().rows().unwrap();
    let (mut count, mut scratch) = (0, Vec::new());
    while let Some(row) = rows.next_row().unwrap() {
        black_box(row.fingerprint(&key, &mut scratch));
        count += 1;
    }
    count
}

/// Seconds, CPU seconds and peak memory in MiB of the whole program.
fn program(folder: &Path, arguments: &[&str]) -> [f64; 3] {
    let figures = folder.join("time");
    let mut command = Command::new("/usr/bin/time");
    command.arg("-o").arg(&figures).args(["-f", "%e %U %S %M", env!("CARGO_BIN_EXE_offerit-sync")]);
    command.args(arguments).arg(input(folder));
    command.env("OFFERIT_URL", "http://127.0.0.1:9").env("OFFERIT_API_USERNAME", "bench");
    command.env("OFFERIT_API_KEY", KEY);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures = fs::read_to_string(figures).unwrap();
    let figures: Vec<f64> = figures.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    [figures[0], figures[1] + figures[2], figures[3] / 1024.0]
}

/// The one in the middle, by seconds.
fn median(mut figures: Vec<[f64; 3]>) -> [f64; 3] {
    figures.sort_by(|one, other| one[0].total_cmp(&other[0]));
    figures[figures.len() / 2]
}

fn compare(folder: &Path, count: u64, rounds: usize) {
    prepare(folder, count);
    let size = |path: PathBuf| fs::metadata(path).unwrap().len() / count;
    println!("{count} rows of {} bytes, {} bytes of result a row", size(input(folder)), size(result(folder)));
    let whole = [("run --resume", ["run", "--resume"].as_slice()), ("verify", &["verify"])];
    let mut figures = vec![Vec::new(); PARTS.len() + whole.len()];
    for _ in 0..rounds {
        for (figures, (_, part)) in figures.iter_mut().zip(PARTS) {
            let start = Instant::now();
            black_box(part(folder));
            figures.push([start.elapsed().as_secs_f64(), 0.0, 0.0]);
        }
        for (figures, (_, arguments)) in figures[PARTS.len()..].iter_mut().zip(whole) {
            figures.push(program(folder, arguments));
        }
    }
    let names = PARTS.iter().map(|(name, _)| *name).chain(whole.iter().map(|(name, _)| *name));
    for (name, figures) in names.zip(figures) {
        let [seconds, cpu, memory] = median(figures);
        print!("{name:<14} {seconds:>8.2} s {:>12.0} rows/s", count as f64 / seconds);
        println!(
            "{}",
            if memory > 0.0 { format!(" {cpu:>8.2} CPU s {memory:>7.1} MiB peak") } else { String::new() }
        );
    }
}

fn main() {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |index: usize, default| arguments.get(index).map_or(default, |text| text.parse().unwrap());
    match arguments.first().map(String::as_str) {
        Some("prepare") => prepare(Path::new(&arguments[2]), number(1, 0)),
        Some("only") => {
            let part = PARTS.iter().find(|(name, _)| *name == arguments[1]).expect("a part's name");
            println!("{} {}", part.0, part.1(Path::new(&arguments[2])));
        }
        _ => {
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
            let folder = target.join(format!("load.{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            compare(&folder, number(0, 1_000_000), number(1, 3) as usize);
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
