//! SIGINT and SIGTERM as wishes to end.

use crate::delivery::Interrupt;
use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Listens from now on, on the runtime that this is called on. Every signal comes through.
///
/// # Errors
/// If the system refuses.
pub(super) fn interrupts() -> io::Result<UnboundedReceiver<Interrupt>> {
    let (sender, receiver) = unbounded_channel();
    for (kind, interrupt) in
        [(SignalKind::interrupt(), Interrupt::Interrupt), (SignalKind::terminate(), Interrupt::Terminate)]
    {
        let mut signals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(
            async move { while signals.recv().await.is_some() && sender.send(interrupt).is_ok() {} },
        );
    }
    Ok(receiver)
}
