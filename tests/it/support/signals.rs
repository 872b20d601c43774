//! Signals that whoever runs the tests has chosen to ignore, as `nohup` does.

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Gives every program that is started from now on the default reaction to a hangup, which ends it. A program inherits that
/// a signal is ignored, but not that it is caught: so the tests' own process catches it from now on.
pub fn hangups_reach_programs() {
    let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
    let _entered = runtime.enter();
    // The handler stays when what it would wake is dropped.
    drop(signal(SignalKind::hangup()).expect("a handler"));
}
