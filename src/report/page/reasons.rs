//! Why rows are not in sync: errors with equal keys have one reason. The number of reasons is bounded, whatever the file
//! holds: rows with further reasons are counted together.

use super::survey::reason_of;
use crate::journal::{RecordRef, Status, push_reason_key};
use crate::text::shorten;
use std::collections::HashMap;

/// The maximum number of reasons that are counted separately (chosen).
const MOST: usize = 2000;

/// The number of all reasons beyond [`MOST`].
const OTHERS: u16 = 1 + MOST as u16;

/// The longest text that is compared, in characters; the rest of a longer one makes no other reason.
const LONGEST: usize = 300;

/// Replaces a number or an id.
pub(super) const BLANK: &str = "…";

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub status: Status,
    pub http_status: Option<u16>,
    /// The text with blanks for what differs; the text as it is while there is but one.
    pub text: String,
    /// Rows whose last record has it.
    pub rows: u64,
    /// Records that have it: of earlier runs too.
    pub records: u64,
    /// When the first and the last of these records were finished, in milliseconds since 1970.
    pub seen: (u64, u64),
}

/// Every reason of a file.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    numbers: HashMap<String, u16>,
    all: Vec<Reason>,
    /// Rows whose last record has a reason beyond [`MOST`].
    others: u64,
    scratch: String,
}

impl Reasons {
    /// Counts a record and gives the number of its reason: 0 for a row in sync.
    pub fn add(&mut self, record: &RecordRef<'_>, finished_at: u64) -> u16 {
        let (status, http_status) = (record.status(), record.http_status());
        if status.is_in_sync() {
            return 0;
        }
        let text = reason_of(record);
        self.scratch.clear();
        self.scratch.push_str(status.name());
        http_status.into_iter().for_each(|code| self.scratch.push_str(&code.to_string()));
        self.scratch.push(' ');
        let start = self.scratch.len();
        let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
        push_reason_key(&mut self.scratch, &text[..end]);
        if let Some(number) = self.numbers.get(&self.scratch) {
            let reason = &mut self.all[usize::from(*number) - 1];
            reason.rows += 1;
            reason.records += 1;
            reason.seen = (reason.seen.0.min(finished_at), reason.seen.1.max(finished_at));
            let pattern = &self.scratch[start..];
            if reason.text != *pattern && reason.text != shorten(text.to_string(), LONGEST) {
                reason.text = pattern.to_owned();
            }
            return *number;
        }
        if self.all.len() >= MOST {
            self.others += 1;
            return OTHERS;
        }
        let (text, seen) = (shorten(text.into_owned(), LONGEST), (finished_at, finished_at));
        self.all.push(Reason { status, http_status, text, rows: 1, records: 1, seen });
        let number = self.all.len() as u16;
        self.numbers.insert(self.scratch.clone(), number);
        number
    }

    /// A row has another record now: its earlier one's reason no longer holds.
    pub fn replace(&mut self, number: u16) {
        match usize::from(number).checked_sub(1) {
            None => {}
            Some(index) => match self.all.get_mut(index) {
                Some(reason) => reason.rows -= 1,
                None => self.others -= 1,
            },
        }
    }

    /// Reasons that hold for rows now, the most frequent first, with their numbers.
    pub fn by_rows(&self) -> Vec<(u16, &Reason)> {
        let mut held: Vec<_> = (1..).zip(&self.all).filter(|(_, reason)| reason.rows > 0).collect();
        held.sort_by_key(|(number, reason)| (std::cmp::Reverse(reason.rows), *number));
        held
    }

    /// Reasons of earlier records that hold for no row any more.
    pub fn resolved(&self) -> usize {
        self.all.iter().filter(|reason| reason.rows == 0).count()
    }

    /// Rows whose reasons are counted together, because there are too many different ones.
    pub fn others(&self) -> u64 {
        self.others
    }
}
