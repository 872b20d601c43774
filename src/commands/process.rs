//! What the system lets the process do: no core dumps, and as many open files as the user may have.

use crate::report::say;
use crate::text::counted;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::num::NonZeroUsize;

/// Files that a run opens besides those of its requests, once it has begun. Chosen: the result file, metrics, a resolver.
const BESIDES_REQUESTS: usize = 8;

/// Files that one request may need: an idle connection of the pool, and a fresh one or the resolver's.
const PER_REQUEST: usize = 2;

/// Prepares the process, before it reads a key: a core dump would hold the key and the rows' passwords, and the soft limit of
/// open files is often far below the hard one. Where the system refuses, nothing is lost that a user can do something about.
pub fn prepare() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The requests that may be in flight with the files that may still be opened, at most `wanted`. Without this limit, requests
/// that find no descriptor would look like a server that is down. `has_sandbox`: both ends of a connection are in this
/// process.
pub(super) fn affordable_requests(wanted: NonZeroUsize, has_sandbox: bool) -> NonZeroUsize {
    let each = if has_sandbox { 2 * PER_REQUEST } else { PER_REQUEST };
    let needed = BESIDES_REQUESTS + each * wanted.get();
    // Inherited files count too, and no limit says how many there are.
    let spare: Vec<File> = (0..needed).map_while(|_| File::open("/dev/null").ok()).collect();
    let affordable = spare.len().saturating_sub(BESIDES_REQUESTS) / each;
    let affordable = NonZeroUsize::new(affordable).unwrap_or(NonZeroUsize::MIN).min(wanted);
    if affordable < wanted {
        say(format_args!(
            "Only {} more can be opened, so at most {} at once, not {wanted}. To allow more, raise ulimit -n.",
            counted(spare.len() as u64, "file"),
            counted(affordable.get() as u64, "request"),
        ));
    }
    affordable
}
