//! The runtime of a run: one thread. For this load it beats many threads at less CPU.

use std::fs::File;
use std::io;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// How many files a runtime and a first connection open at least.
const DESCRIPTORS: usize = 8;

/// Starts it. From here on a file that may not grow (`ulimit -f`) makes a write fail, as a full disk does. The
/// signal that comes with it would end the process by default, before it could say why.
///
/// # Errors
/// If the system refuses. Too few descriptors are an error too; later they would be a panic of the runtime.
pub(super) fn start() -> io::Result<Runtime> {
    let spare: Vec<File> = (0..DESCRIPTORS).map(|_| File::open("/dev/null")).collect::<io::Result<_>>()?;
    drop(spare);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    // Nobody listens to it: that it is caught is enough, and it stays so.
    let _ = signal(SignalKind::from_raw(libc::SIGXFSZ))?;
    drop(inside);
    Ok(runtime)
}
