//! The files that the benchmarks of reading work on, made up.
#![expect(clippy::unwrap_used, reason = "it is for people, and may end at any fault")]

use offerit_sync::customer::{FingerprintKey, Parameter};
use offerit_sync::input::{Input, Reading};
use offerit_sync::journal::{HEADER, Record, Status};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub const KEY: &str = "bench";

pub fn input(folder: &Path) -> PathBuf {
    folder.join("in.csv")
}

pub fn result(folder: &Path) -> PathBuf {
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
                finished_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_000 + row.number),
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

pub fn prepare(folder: &Path, count: u64) {
    write_input(&input(folder), count);
    write_result(folder);
}
