//! SIGINT and SIGTERM, which end a run, and SIGUSR1, which asks for its progress.

use crate::delivery::Interrupt;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The signals that a run listens to.
pub(super) struct Signals {
    /// SIGINT and SIGTERM.
    pub interrupts: UnboundedReceiver<Interrupt>,
    /// SIGUSR1. Without a listener it would end the process.
    pub progress_requests: Signal,
}

impl Signals {
    /// Listens from now on, on the runtime that this is called on.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn listen() -> io::Result<Signals> {
        let progress_requests = signal(SignalKind::user_defined1())?;
        Ok(Signals { interrupts: interrupts()?, progress_requests })
    }
}

/// Listens to SIGINT and SIGTERM from now on, on the runtime that this is called on. Every signal comes through.
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
