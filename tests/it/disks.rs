//! Real file systems: one that is full, and one that loses what was not synced.

use crate::support::crash::Broken;
use crate::support::{Mounted, Offerit, Reply, table, tools};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As an argument and as the number it is.
const CONCURRENCY: (&str, usize) = ("2", 2);

#[test]
fn a_full_disk_ends_the_run_and_room_lets_it_go_on() {
    let job = Broken::job(300, CONCURRENCY.1);
    let Some(disk) = Mounted::memory(&job.offerit.path("disk"), "1m") else { return };
    // Of a mebibyte, 16 KiB are left.
    fs::write(disk.path("filler"), vec![0; (1 << 20) - (16 << 10)]).expect("a disk nearly full");
    let path = disk.path("r.csv");
    let job = job.with_result(&path);
    let arguments = ["--result", &path, "--concurrency", CONCURRENCY.0];
    let resume = [&arguments[..], &["--resume"]].concat();

    let output = job.offerit.send(&arguments).expect_code(1);
    assert!(output.stderr.contains("No space left"), "{}", output.stderr);
    let full = fs::read(&path).expect("a result file");
    assert_eq!(full.len(), 16 * 1024, "what found room was written");
    let state = job.state();
    job.assert_recorded("full");
    assert!(state.1.len() > 100, "{state:?}");

    // There is no room to save the torn record in: then it is not cut off.
    assert!(!full.ends_with(b"\n"), "the last record is torn");
    let output = job.offerit.send(&resume).expect_code(1);
    assert!(output.stderr.contains(".torn"), "{}", output.stderr);
    assert_eq!((job.server.count(), fs::read(&path).expect("a result file") == full), (state.0, true));

    fs::remove_file(disk.path("filler")).expect("room");
    job.offerit.send(&resume).expect_code(0);
    job.assert_repeats_little(&state, "with room");
    job.assert_complete("with room");
}

#[test]
fn a_full_disk_leaves_no_half_of_a_plan() {
    let offerit = Offerit::new();
    let (base, input) = (table(1..=5000), table(1..=5000).replace("City", "Town"));
    offerit.input("base.csv", base);
    offerit.input("in.csv", input);
    // The rows of the baseline alone take more than 64 KiB, and with them the plan more than 192.
    for size in ["64k", "192k"] {
        let Some(disk) = Mounted::memory(&offerit.path("disk"), size) else { return };
        let path = disk.path("changes.csv");
        let output = offerit.run(&["plan", "in.csv", "--baseline", "base.csv", "-o", &path]).expect_code(1);
        assert!(output.stderr.contains("No space left"), "{}", output.stderr);
        assert_eq!(fs::read_dir(disk.path("")).expect("a disk").count(), 0);
    }
}

/// A new ext4 file system in a file, if that can be made here.
fn new_image(job: &Broken) -> Option<std::path::PathBuf> {
    let image = job.offerit.path("0.img");
    fs::File::create(&image).and_then(|file| file.set_len(8 << 20)).expect("an image file");
    let mut command = Command::new("mke2fs");
    command.args(["-q", "-F", "-t", "ext4"]).arg(&image).stdout(Stdio::null()).stderr(Stdio::null());
    let is_made = command.status().is_ok_and(|status| status.success());
    tools::can_use("ext4", is_made).then_some(image)
}

/// The power goes again and again: the program is killed, and all that is left is what the file system has brought to
/// its image by then. It writes by itself after minutes only, so this is what was synced.
#[test]
fn what_is_recorded_survives_a_power_cut_of_a_real_file_system() {
    const ROWS: u64 = 90;
    let fatal = Arc::new(AtomicUsize::new(usize::MAX));
    let at = Arc::clone(&fatal);
    let job = Broken::job_with(ROWS, CONCURRENCY.1, move |_, number| {
        if number >= at.load(Ordering::SeqCst) { Reply::never() } else { Reply::updated() }
    });
    let Some(mut image) = new_image(&job) else { return };
    let Some(mut disk) = Mounted::image(&job.offerit.path("disk"), &image) else { return };
    let mut job = job.with_result(&disk.path("r.csv"));
    let mut state = job.state();
    // So many requests after the cut before: the very first one, few, many.
    for (cut, requests) in [1, 2, 9, 30, 3, 17].into_iter().enumerate() {
        let what = format!("cut {cut}");
        let arguments = ["--resume", "--result", &disk.path("r.csv"), "--concurrency", CONCURRENCY.0];
        fatal.store(state.0 + requests, Ordering::SeqCst);
        let child = job.offerit.start_sending(&arguments);
        // One more than is answered, so that the last answer may be on its way to the disk.
        job.server.wait_for(state.0 + requests + 1);
        child.kill();
        job.server.settle();
        let written = job.rows_in_sync();
        let after = job.offerit.path(&format!("{}.img", cut + 1));
        fs::copy(&image, &after).expect("the image copied");
        drop(disk);
        disk = Mounted::image(&job.offerit.path("disk"), &after).expect("mounted once more");
        image = after;
        job = job.with_result(&disk.path("r.csv"));

        assert!(fs::exists(disk.path("r.csv")).expect("a folder"), "{what}: the file is gone");
        let now = job.state();
        assert!(now.1.iter().all(|row| written.contains(row)), "{what}: a record out of nothing");
        assert!(state.1.iter().all(|row| now.1.contains(row)), "{what}: a record is lost");
        job.assert_repeats_little(&state, &what);
        job.assert_recorded(&what);
        state = now;
    }
    fatal.store(usize::MAX, Ordering::SeqCst);
    let arguments = ["--resume", "--result", &disk.path("r.csv"), "--concurrency", CONCURRENCY.0];
    job.offerit.send(&arguments).expect_code(0);
    job.assert_repeats_little(&state, "at last");
    job.assert_complete("at last");
}
