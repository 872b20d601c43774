//! The common parts of the option structs: the headings of `--help`, defaults, parsers of numbers and durations, and options
//! without typed values.

use crate::delivery;
use crate::exit::Failure;
use crate::journal::MOST_OPEN_ROWS;
use clap::{Args, Command};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

// The headings of `--help`. clap prints them in the order in which the first option of each is declared.
pub(super) const INPUT: &str = "Input";
pub(super) const COLUMNS: &str = "Columns";
pub(super) const SERVER: &str = "Server";
pub(super) const PACE: &str = "Pace and retries";
pub(super) const LIMITS: &str = "Limits";
pub(super) const RESULT: &str = "Result and reports";
/// The heading of `sandbox` only.
pub(super) const FAULTS: &str = "Faults";
/// The heading that also contains the flag `--help`.
pub const OUTPUT: &str = "Output";

/// The default of `--rate`. Chosen: careful with a server whose limit is unknown.
pub(super) const RATE: &str = "10/s";

/// The default of `--concurrency`. Chosen: it reaches the default rate with replies that take 1.6 s.
pub(super) const CONCURRENCY: usize = 16;

/// The largest `--concurrency`: 10,000 (chosen). A larger number is a typing mistake, and the journal allows for no more open
/// rows after a power cut.
const MOST_CONCURRENCY: usize = MOST_OPEN_ROWS as usize / delivery::OPEN_ROWS_PER_REQUEST;

/// Reads a whole number from 0.
pub(super) fn whole(text: &str) -> Result<u64, String> {
    within(text, 0..=u64::MAX, "a whole number, such as 2")
}

/// Reads a whole number from 1.
pub(super) fn positive(text: &str) -> Result<u64, String> {
    within(text, 1..=u64::MAX, "a whole number from 1")
}

/// Reads the number of attempts of a row.
pub(super) fn attempts(text: &str) -> Result<u32, String> {
    within(text, 1..=u32::MAX, "a whole number from 1")
}

/// Reads the number of simultaneous requests.
pub(super) fn concurrency(text: &str) -> Result<usize, String> {
    within(text, 1..=MOST_CONCURRENCY, format_args!("a number from 1 to {MOST_CONCURRENCY}"))
}

fn within<N: FromStr + PartialOrd>(
    text: &str,
    range: RangeInclusive<N>,
    expected: impl Display,
) -> Result<N, String> {
    // `parse` alone would accept a sign.
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_digits && range.contains(number));
    number.ok_or_else(|| format!("expected {expected}"))
}

/// Reads `500ms`, `30s`, `10m`, `4h`.
pub(super) fn duration(option: &str, text: &str) -> Result<Duration, Failure> {
    if let Ok(duration) = humantime::parse_duration(text)
        && (!duration.is_zero() || option == "--latency")
    {
        return Ok(duration);
    }
    let is_number = text.parse::<u64>().is_ok_and(|number| number > 0);
    let text = text.escape_debug();
    Err(Failure::usage(if is_number {
        format!("{option}: '{text}' has no unit. Did you mean {text}s?")
    } else {
        format!("{option}: cannot read '{text}'. Use a duration such as 500ms, 30s, 10m or 4h")
    }))
}

/// The options without typed values: the defaults that clap knows.
pub(super) fn untyped<Options: Args>() -> Options {
    let command = Options::augment_args(Command::new("").no_binary_name(true));
    let matches = command.try_get_matches_from([""; 0]).expect("none of the options is required");
    Options::from_arg_matches(&matches).expect("the defaults are values of their options")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_range_are_refused_with_the_range() {
        assert_eq!((positive("1"), whole("0"), concurrency("10000")), (Ok(1), Ok(0), Ok(10_000)));
        for text in ["0", "10001", "many", "+5", "-1", "", "1.5", "99999999999999999999999"] {
            assert_eq!(concurrency(text), Err("expected a number from 1 to 10000".to_owned()), "{text}");
        }
        assert!(positive("0").is_err() && attempts("0").is_err() && whole("-1").is_err());
    }
}
