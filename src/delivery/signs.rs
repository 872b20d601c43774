//! What tells of an overload. A 429 does at once, anything else only where there is more of it: a single failure may be
//! about its row.

use super::throughput::SECOND;
use std::time::Duration;

/// So many overloads one after the other, of any kind, count like a 429.
const REPEATED: u32 = 5;
/// So do this many of so many attempts, but for a 500, which is mostly about a row: a limit that is told by a 503 lets
/// some through whatever it is asked.
const MANY: (u32, u32) = (20, 64);
/// The same where a limit is known and asked for again.
const MANY_AGAIN: (u32, u32) = (3, 16);
/// How long no more than `REPEATED` tells of an overload once less was to no avail.
const UNHEEDED: Duration = Duration::from_secs(60);
/// So many that got through one after the other say that the server takes what it is asked.
const CLEAN: u32 = 16;

type Time = Duration;

/// The latest attempts at the present rate.
#[derive(Debug, Default)]
pub(super) struct Signs {
    overloads: u32,
    /// The latest as the lowest bit: 1 for an overload.
    outcomes: u64,
    /// How many attempts got through since the last overload.
    clean: u32,
    /// The rate at which the first was refused after many that got through.
    clean_at: Option<f64>,
    /// When the last was refused.
    refused: Time,
    /// Whether that one was refused alone.
    was_alone: bool,
    /// Until when `MANY` tells nothing.
    unheeded_until: Time,
}

/// What an overload is a sign of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nothing yet.
    None,
    /// More is refused than got through, or it was told outright.
    Plain,
    /// So much is refused that it is about the rate.
    Mild,
}

impl Signs {
    /// An attempt got through.
    pub(super) fn got_through(&mut self) {
        self.overloads = 0;
        self.outcomes <<= 1;
        self.clean = self.clean.saturating_add(1);
    }

    /// How many got through since the last overload.
    pub(super) fn clean(&self) -> u32 {
        self.clean
    }

    /// One was refused; `rate` is the present rate if it was made at this one, `None` within if that is the ceiling.
    pub(super) fn refused(&mut self, rate: Option<Option<f64>>, now: Time) {
        let clean = std::mem::take(&mut self.clean);
        // A limit that counts by the second lets many through before it refuses, though not for a second.
        self.was_alone = clean >= CLEAN && now >= self.refused + SECOND;
        self.refused = now;
        if let Some(rate) = rate.filter(|_| clean >= CLEAN) {
            self.clean_at = rate;
        }
    }

    /// Whether the last was refused alone: after many that got through and a second without any other.
    pub(super) fn was_alone(&self) -> bool {
        self.was_alone
    }

    /// What an overload of this status, at the present rate, is a sign of. Whether it is below the ceiling counts.
    pub(super) fn of(&mut self, status: u16, now: Time, is_lower: bool) -> Sign {
        self.overloads += 1;
        self.outcomes <<= 1;
        // A 500 is mostly about a row.
        if status != 500 {
            self.outcomes |= 1;
        }
        let (many, of) = if is_lower { MANY_AGAIN } else { MANY };
        let are_many = (self.outcomes << (u64::BITS - of)).count_ones() >= many;
        match () {
            () if status == 429 || self.overloads >= REPEATED => Sign::Plain,
            () if are_many && now >= self.unheeded_until => Sign::Mild,
            () => Sign::None,
        }
    }

    /// The rate is another one: what was counted says nothing about it.
    pub(super) fn forget(&mut self) {
        (self.overloads, self.outcomes) = (0, 0);
    }

    /// A rate that the server took for a while, until the first was refused; forgotten with this.
    pub(super) fn taken_before(&mut self) -> Option<f64> {
        self.clean_at.take()
    }

    /// The rate was lowered for such signs and it was to no avail.
    pub(super) fn were_wrong(&mut self, now: Time) {
        self.unheeded_until = now + UNHEEDED;
    }
}
