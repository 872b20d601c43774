//! Numbers, times and axes as people read them.

use crate::text::{rounded, share};
use std::time::{Duration, UNIX_EPOCH};

/// Steps of a time axis, in milliseconds.
const STEPS: [u64; 29] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    1_209_600_000,
    2_592_000_000,
    7_776_000_000,
    31_536_000_000,
    157_680_000_000,
    315_360_000_000,
];

/// The shortest step of a time axis that is not below `least` milliseconds.
pub(super) fn time_step(least: u64) -> u64 {
    STEPS.into_iter().find(|step| *step >= least).unwrap_or_else(|| least.next_multiple_of(STEPS[28]))
}

/// 1, 2 or 5 times a power of ten: the least step with which at most `steps` of them reach `top`.
pub(super) fn round_step(top: f64, steps: f64) -> f64 {
    let least = (top / steps).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= least * (1.0 - 1e-9));
    step.unwrap_or(10.0) * power
}

/// `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1,234`, `12.3` or `0.12`: three digits that say something.
pub(super) fn decimal(number: f64) -> String {
    match number {
        _ if number >= 99.95 => count(number.round() as u64),
        _ if number >= 9.995 => trim(format!("{number:.1}")),
        _ => trim(format!("{number:.2}")),
    }
}

fn trim(text: String) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A part of a whole; neither all but a few nor only a few look like all or none.
pub(super) fn percent(part: u64, whole: u64) -> String {
    match share(part, whole) {
        text if text == "0.0%" && part > 0 => "<0.1%".to_owned(),
        text => text,
    }
}

/// A number with its noun: `1 row`, `2 rows`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `84 ms`, `1.25 s`, `2m 5s`.
pub(super) fn span(milliseconds: u64) -> String {
    match milliseconds {
        0 => "under 1 ms".to_owned(),
        1..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{} s", decimal(milliseconds as f64 / 1000.0)),
        _ => rounded(Duration::from_millis(milliseconds)),
    }
}

/// `2026-11-23 20:45:01`, in UTC.
pub(super) fn moment(time: u64) -> String {
    // Beyond the year 9999 there is no such text, and no record that was read is.
    let latest = Duration::from_millis(time.min(253_402_300_799_999));
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + latest).to_string();
    text.replace('T', " ").trim_end_matches('Z').to_owned()
}

/// `20:45:01`, or with the day before it if that is another.
pub(super) fn until(from: u64, to: u64) -> String {
    let (from, to) = (moment(from), moment(to));
    match (from.split_once(' '), to.split_once(' ')) {
        (Some((day, _)), Some((same, time))) if day == same => time.to_owned(),
        _ => to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let decimals = [0.0, 0.123, 9.994, 9.996, 12.34, 99.94, 99.96, 1234.5].map(decimal);
        assert_eq!(decimals, ["0", "0.12", "9.99", "10", "12.3", "99.9", "100", "1,235"]);
        assert_eq!(
            [0, 84, 1_250, 125_000, 93_600_000].map(span),
            ["under 1 ms", "84 ms", "1.25 s", "2m 5s", "1d 2h"]
        );
        assert_eq!((counted(1, "row"), counted(2, "row")), ("1 row".to_owned(), "2 rows".to_owned()));
    }

    #[test]
    fn times_are_utc_and_the_day_is_said_once() {
        assert_eq!(moment(1_795_000_000_123), "2026-11-18 11:06:40");
        assert_eq!(until(1_795_000_000_123, 1_795_000_060_123), "11:07:40");
        assert_eq!(until(1_795_000_000_123, 1_795_086_400_123), "2026-11-19 11:06:40");
        assert_eq!(moment(u64::MAX), "9999-12-31 23:59:59");
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(
            [0, 101, 3_600_001, 400_000_000_000].map(time_step),
            [100, 200, 7_200_000, 630_720_000_000]
        );
        let steps =
            [(100.0, 4.0), (9.0, 4.0), (0.3, 4.0), (1000.0, 5.0)].map(|(top, steps)| round_step(top, steps));
        assert!(
            steps.iter().zip([50.0, 5.0, 0.1, 200.0]).all(|(step, round)| (step - round).abs() < 1e-9),
            "{steps:?}"
        );
    }
}
