//! The process that holds the lock of a result file. Linux lists all locks in `/proc/locks`
//! (<https://man7.org/linux/man-pages/man5/proc_locks.5.html>). On other systems, and where the process is in another
//! container or on another machine, the holder is unknown.

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The process that holds the lock of a result file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// The time of its start, if the system reports it.
    pub since: Option<SystemTime>,
}

impl Holder {
    /// Finds the process that holds the lock of this file. Takes no lock, because a lock would block a run that starts now.
    pub(super) fn of(file: &Metadata) -> Option<Holder> {
        let locks = fs::read_to_string("/proc/locks").ok()?;
        let device = format!("{:02x}:{:02x}", libc::major(file.dev()), libc::minor(file.dev()));
        let mut locks = exclusive_locks(&locks, file.ino());
        // Some file systems (btrfs, overlayfs) list a lock with a device that differs from the file's device.
        let (pid, _) = locks.find(|(pid, listed)| *listed == device || has_open(*pid, file))?;
        Some(Holder { pid, since: started_at(pid) })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "pid {}", self.pid)?;
        let Some(Ok(since)) = self.since.map(ZonedDateTime::try_from) else { return Ok(()) };
        let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        let (since, now) = (since.with_time_zone(zone.clone()), ZonedDateTime::now().with_time_zone(zone));
        let format = if since.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        write!(formatter, ", since {}", since.strftime(format))
    }
}

/// Process and device of each exclusive `flock` of an inode. The line of a process that waits for a lock contains `->`.
fn exclusive_locks(locks: &str, inode: u64) -> impl Iterator<Item = (u32, &str)> {
    locks.lines().filter_map(move |line| {
        let mut fields = line.split_whitespace().skip(1);
        let kind = [fields.next()?, fields.next()?, fields.next()?];
        let pid = fields.next()?.parse().ok().filter(|pid| *pid > 0)?;
        let (device, listed) = fields.next()?.rsplit_once(':')?;
        (kind == ["FLOCK", "ADVISORY", "WRITE"] && listed.parse() == Ok(inode)).then_some((pid, device))
    })
}

/// Whether a process has this file open. False for a process of another user, where the answer is unknown.
fn has_open(pid: u32, file: &Metadata) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let is_file = |found: Metadata| (found.dev(), found.ino()) == (file.dev(), file.ino());
    open.flatten().any(|entry| fs::metadata(entry.path()).is_ok_and(is_file))
}

/// The start of a process, computed from the clock ticks since the machine started.
fn started_at(pid: u32) -> Option<SystemTime> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let machine = fs::read_to_string("/proc/stat").ok()?;
    let booted: u64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let ticks = start_ticks(&stat)? as f64 / rustix::param::clock_ticks_per_second() as f64;
    Some(UNIX_EPOCH + Duration::from_secs(booted) + Duration::try_from_secs_f64(ticks).ok()?)
}

/// Field 22 of the line. Field 2 is the program's name in parentheses, which may contain any character.
fn start_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::process;

    #[test]
    fn the_holder_is_found_among_all_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 08:02:77 0 EOF\n2: FLOCK  ADVISORY  READ 12 08:02:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 13 08:02:78 0 EOF\n4: FLOCK  ADVISORY  WRITE 14 08:02:77 0 EOF\n\
                     4: -> FLOCK  ADVISORY  WRITE 15 08:02:77 0 EOF\n5: FLOCK  ADVISORY  WRITE 0 08:02:77 0 EOF\n";
        assert_eq!(exclusive_locks(locks, 77).collect::<Vec<_>>(), [(14, "08:02")]);
    }

    #[test]
    fn the_start_is_read_after_any_program_name() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 0";
        assert_eq!(start_ticks(stat), Some(4711));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found_with_the_time_of_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("a")).unwrap();
        assert_eq!(Holder::of(&file.metadata().unwrap()), None);
        file.try_lock().unwrap();
        let holder = Holder::of(&file.metadata().unwrap()).unwrap();
        assert_eq!(holder.pid, process::id());
        assert!(holder.since.is_some_and(|since| since < SystemTime::now()), "{holder:?}");
        let text = holder.to_string();
        assert!(text.starts_with(&format!("pid {}, since ", process::id())), "{text}");
    }
}
