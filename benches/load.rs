//! How fast a finished job is read again: `verify`, `run --resume` and `run --since`, with the program's CPU seconds and
//! memory. What each stage of it costs is in `benches/stages.rs`.
//!
//!     cargo bench --bench load -- [ROWS] [ROUNDS]      1,000,000 rows and 3 rounds unless said otherwise
//!
//! Needs `/usr/bin/time`. Works under target/ and leaves nothing behind.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it is for people, and may end at any fault")]

mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tables::{KEY, input, prepare, result};

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
    // A copy, as both at once must not be one file. Nothing is sent: every row is unchanged.
    let earlier = folder.join("earlier.result.csv");
    fs::copy(result(folder), &earlier).unwrap();
    let again = folder.join("again.result.csv");
    let (earlier, again) = (earlier.to_str().unwrap(), again.to_str().unwrap());
    let commands = [
        ("verify", vec!["verify"]),
        ("run --resume", vec!["run", "--resume"]),
        ("run --since", vec!["run", "--since", earlier, "--result", again, "--overwrite"]),
    ];
    let mut figures = vec![Vec::new(); commands.len()];
    for _ in 0..rounds {
        for (figures, (_, arguments)) in figures.iter_mut().zip(&commands) {
            figures.push(program(folder, arguments));
        }
    }
    for ((name, _), figures) in commands.iter().zip(figures) {
        let [seconds, cpu, memory] = median(figures);
        let speed = count as f64 / seconds;
        println!("{name:<14} {seconds:>8.2} s {speed:>12.0} rows/s {cpu:>8.2} CPU s {memory:>7.1} MiB peak");
    }
}

fn main() {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |index: usize, default| arguments.get(index).map_or(default, |text| text.parse().unwrap());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let folder = target.join(format!("load.{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    compare(&folder, number(0, 1_000_000), number(1, 3) as usize);
    fs::remove_dir_all(folder).unwrap();
}
