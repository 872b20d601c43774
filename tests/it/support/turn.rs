//! Which tests run at the same time. A test that measures instants runs alone, so that no other test takes the processor
//! from its server or from the program; all others run beside each other.

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Written by a test that runs alone, read by the others.
static MACHINE: RwLock<()> = RwLock::new(());

thread_local! {
    /// The turn of this thread's test. Each test has a thread of its own, even with `--test-threads=1`, which gives the turn
    /// back when it ends.
    static TURN: RefCell<Turn> = const { RefCell::new(Turn::NotYet) };
}

enum Turn {
    NotYet,
    BesideOthers(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'static, ()>),
    Apart,
}

/// Waits until no other test runs, and keeps the others waiting until this test ends. It comes first in a test.
#[track_caller]
pub fn alone() {
    TURN.with_borrow_mut(|turn| {
        assert!(matches!(turn, Turn::NotYet), "this comes first in a test: it would wait for its own end");
        *turn = Turn::Alone(MACHINE.write().unwrap_or_else(PoisonError::into_inner));
    });
}

/// Takes no turn: for a test that waits for the clock nearly all the time, for the better part of a minute, so that those
/// that run alone need not wait for its end. What it asserts must hold on a busy machine.
pub fn apart() {
    TURN.replace(Turn::Apart);
}

/// Waits until no test runs that must be alone. Every test that runs the program does so by [`super::Offerit::new`],
/// which must be called in the test's own thread.
pub fn beside_others() {
    TURN.with_borrow_mut(|turn| {
        if matches!(turn, Turn::NotYet) {
            *turn = Turn::BesideOthers(MACHINE.read().unwrap_or_else(PoisonError::into_inner));
        }
    });
}
