//! What reading costs: a plain UTF-8 CSV through the `csv` crate into a reused record, through our reader as `check`
//! uses it, and through the release binary's `check`, by turns in one run. The best of each counts, as other work on
//! the machine only ever adds. The first argument is the number of rows, a million unless said.
#![expect(clippy::print_stdout, reason = "a benchmark talks to its terminal")]

use offerit_sync::input::{Input, Reading};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often each is measured.
const ROUNDS: usize = 9;

/// How the cells of a table are written.
#[derive(Clone, Copy)]
enum Cells {
    Plain,
    AllQuoted,
}

fn table(rows: usize, cells: Cells) -> String {
    let mut text = "customer_id,firstname,lastname,email,address1,city,country,zip\n".to_owned();
    for row in 0..rows {
        let number = row * 7919 % 1_000_003;
        let line = match cells {
            Cells::Plain => writeln!(
                text,
                "{row},José,García {number},jose.{number}@example.org,{number} High Street,Riga,LV,0{number}"
            ),
            Cells::AllQuoted => writeln!(
                text,
                r#""{row}","José","García {number}","jose.{number}@example.org","{number} High ""Street""","Riga","LV","0{number}""#
            ),
        };
        line.expect("room");
    }
    text
}

fn by_csv_crate(path: &Path) -> u64 {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(true).from_reader(File::open(path).expect("the table"));
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).expect("a record") {
        rows += 1;
    }
    rows
}

fn by_us(path: &Path) -> u64 {
    let input = Input::open(path, Reading::default()).expect("the table");
    let mut rows = input.rows().expect("a header");
    let mut valid = 0;
    while let Some(row) = rows.next_row().expect("a row") {
        valid += u64::from(row.content.is_ok());
    }
    valid
}

fn binary(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offerit-sync"));
    command.arg("check").arg(path).stdout(Stdio::null());
    command
}

fn by_binary(path: &Path) {
    assert!(binary(path).status().expect("the binary").success());
}

/// The most memory that the binary's `check` used, in KiB, as far as it could be seen. Not timed: who looks all the time
/// takes some of it.
fn memory(path: &Path) -> u64 {
    let mut child = binary(path).spawn().expect("the binary");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("a child").is_none() {
        let seen = fs::read_to_string(&status).unwrap_or_default();
        let peak = seen.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        most = most.max(peak.and_then(|peak| peak.parse().ok()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(child.wait().expect("a child").success());
    most
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn main() {
    // cargo bench adds a flag of its own.
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    for (name, cells) in [("plain", Cells::Plain), ("every cell quoted", Cells::AllQuoted)] {
        let path = folder.path().join("customers.csv");
        fs::write(&path, table(rows, cells)).expect("the table written");
        let megabytes = fs::metadata(&path).expect("the table").len() as f64 / 1e6;
        let (mut csv, mut us, mut binary) = (Duration::MAX, Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            let (time, count) = timed(|| by_csv_crate(&path));
            assert_eq!(count, rows as u64);
            csv = csv.min(time);
            let (time, count) = timed(|| by_us(&path));
            assert_eq!(count, rows as u64);
            us = us.min(time);
            let (time, ()) = timed(|| by_binary(&path));
            binary = binary.min(time);
        }
        println!("{name}: {rows} rows, {megabytes:.0} MB");
        for (what, time) in [("csv crate", csv), ("our reader", us), ("check", binary)] {
            let speed = megabytes / time.as_secs_f64();
            let share = 100.0 * csv.as_secs_f64() / time.as_secs_f64();
            println!("  {what:<10} {:>7.0} ms  {speed:>5.0} MB/s  {share:>4.0}%", time.as_secs_f64() * 1e3);
        }
        println!("  check used at most {:.1} MiB", memory(&path) as f64 / 1024.0);
    }
}
