//! Numbers and durations in words.

use std::time::Duration;

/// A fraction in per cent, rounded down, so that only the whole is 100.0%.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    let tenths = if whole == 0 { 1000 } else { u128::from(part) * 1000 / u128::from(whole) };
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// A number with thousands separators: `1,000`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 row`, `2 rows`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A duration in the form of the options: `2d 3h`, `25m 20s`. Rounded down to whole seconds, or to milliseconds below one
/// second.
#[must_use]
pub fn rounded(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return match duration.subsec_millis() {
            0 => "0s".to_owned(),
            milliseconds => format!("{milliseconds}ms"),
        };
    }
    let units =
        [(seconds / 86_400, 'd'), (seconds / 3600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let parts = units.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

/// A remaining time, rounded up to whole seconds.
#[must_use]
pub fn rounded_up(left: Duration) -> String {
    rounded(Duration::from_secs(left.as_millis().div_ceil(1000) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 999, 1000, 4812, 1_000_000].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "4,812", "1,000,000"]);
    }

    #[test]
    fn a_share_below_the_whole_is_below_100_per_cent() {
        assert_eq!(share(999_999, 1_000_000), "99.9%");
        assert_eq!(share(5, 5), "100.0%");
        assert_eq!(share(0, 0), "100.0%");
    }

    #[test]
    fn a_duration_has_the_units_of_the_options() {
        for (milliseconds, text) in [
            (0, "0s"),
            (40, "40ms"),
            (1_999, "1s"),
            (1_520_000, "25m 20s"),
            (3_600_000, "1h"),
            (99_968_000, "1d 3h 46m 8s"),
            (172_800_000, "2d"),
            (4_000_000_000, "46d 7h 6m 40s"),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(rounded(duration), text);
            let typed = humantime::parse_duration(text).unwrap();
            assert!(duration >= typed && duration - typed < Duration::from_secs(1), "{text}");
        }
        let up = [0, 1, 1_000, 1_999].map(|milliseconds| rounded_up(Duration::from_millis(milliseconds)));
        assert_eq!(up, ["0s", "1s", "1s", "2s"]);
    }
}
