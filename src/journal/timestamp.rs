//! Times as they stand in a record: RFC 3339, UTC, milliseconds.

use std::io::Write;
use std::time::{Duration, SystemTime};

/// How long one is.
const LENGTH: usize = 24;

/// A time as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    pub(super) text: [u8; LENGTH],
}

/// Makes timestamps. To write out a date costs more than the rest of a record, so it is done once a second.
#[derive(Debug, Default)]
pub struct Timestamps {
    /// Since 1970, in seconds, and how that is written.
    last: Option<(u64, Timestamp)>,
}

impl Timestamps {
    /// A time as it is written. What is before 1970 or after 9999 is that bound.
    pub fn at(&mut self, time: SystemTime) -> Timestamp {
        const LATEST: Duration = Duration::from_millis(253_402_300_799_999);
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LATEST);
        let (second, millis) = (since_1970.as_secs(), since_1970.subsec_millis());
        let mut timestamp = match self.last {
            Some((last, timestamp)) if last == second => timestamp,
            _ => written(second),
        };
        self.last = Some((second, timestamp));
        let figure = |unit: u32| b'0' + (millis / unit % 10) as u8;
        timestamp.text[LENGTH - 4..LENGTH - 1].copy_from_slice(&[figure(100), figure(10), figure(1)]);
        timestamp
    }
}

fn written(second: u64) -> Timestamp {
    let mut text = [0; LENGTH];
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    // It has exactly this length for every time up to the year 9999.
    let _ = write!(&mut text[..], "{}", humantime::format_rfc3339_millis(time));
    Timestamp { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_the_library_writes(millis in proptest::collection::vec(0_u64..253_402_300_800_000, 1..5), near in 0_u64..3000) {
            let mut timestamps = Timestamps::default();
            for millis in millis.iter().flat_map(|first| [*first, first.saturating_sub(near)]) {
                let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
                let expected = humantime::format_rfc3339_millis(time).to_string();
                prop_assert_eq!(&timestamps.at(time).text[..], expected.as_bytes());
            }
        }
    }

    #[test]
    fn a_clock_that_is_far_off_does_no_harm() {
        let mut timestamps = Timestamps::default();
        let before = timestamps.at(SystemTime::UNIX_EPOCH - Duration::from_secs(9));
        assert_eq!(&before.text, b"1970-01-01T00:00:00.000Z");
        let after = timestamps.at(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40));
        assert_eq!(&after.text, b"9999-12-31T23:59:59.999Z");
    }
}
