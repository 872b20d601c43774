//! The options that end a run early, and the next occurrence of a local time.

use super::grammar::{LIMITS, duration, positive};
use crate::commands::run::MaxInvalid;
use crate::delivery::{Brakes, MaxFailures};
use crate::exit::Failure;
use crate::resume::MaxChanges;
use clap::Args;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{ToSpan, ZonedDateTime};
use std::num::NonZeroU64;
use std::time::Duration;
use tokio::time::Instant;

/// Options that end a run early, resumable.
#[derive(Debug, Args)]
#[command(next_help_heading = LIMITS)]
pub struct BrakeOptions {
    /// Send at most N rows, then stop: for a first trial
    #[arg(long, value_name = "N", value_parser = positive)]
    pub limit: Option<u64>,

    /// Stop after more than N failed rows (or P% of the recent rows)
    ///
    /// Failed rows are those that end as rejected, failed or unknown. A percentage applies to the last 100 rows, or to
    /// as many rows as make P% ten rows: 200 for 5%, 1,000 for 1%. 100% means no limit. If not given, the run stops
    /// when the server accepts nothing: the first 20 rows are refused for one reason, or none of the last 100 rows is
    /// accepted.
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<String>,

    /// Send nothing if more than N rows (or P%) are invalid
    #[arg(long, value_name = "N|P%")]
    pub max_invalid: Option<String>,

    /// With --since: send nothing if more than N rows (or P%) have changed
    #[arg(long, value_name = "N|P%", requires = "since")]
    pub max_changes: Option<String>,

    /// Send nothing if `offerit-sync check` would print a warning
    #[arg(long)]
    pub strict: bool,

    /// Stop sending after this long (4h) or at this local time (06:00)
    #[arg(long, value_name = "TIME")]
    pub deadline: Option<String>,
}

impl BrakeOptions {
    /// The limits of a run that begins now.
    pub(super) fn brakes(&self) -> Result<Brakes, Failure> {
        Ok(Brakes {
            max_failures: self.max_failures.as_deref().map(max_failures).transpose()?,
            deadline: self.deadline.as_deref().map(deadline).transpose()?,
            // The parser of the option refuses 0.
            limit: self.limit.and_then(NonZeroU64::new),
        })
    }

    /// The limit of `--max-invalid`.
    pub(super) fn max_invalid(&self) -> Result<Option<MaxInvalid>, Failure> {
        let most = |text| parse_row_limit("--max-invalid", text, MaxInvalid::Rows, MaxInvalid::Percent);
        self.max_invalid.as_deref().map(most).transpose()
    }

    /// The limit of `--max-changes`.
    pub(super) fn max_changes(&self) -> Result<Option<MaxChanges>, Failure> {
        let most = |text| parse_row_limit("--max-changes", text, MaxChanges::Count, MaxChanges::Percent);
        self.max_changes.as_deref().map(most).transpose()
    }
}

fn max_failures(text: &str) -> Result<MaxFailures, Failure> {
    match text {
        "100%" => Ok(MaxFailures::Percent(100.0)),
        _ => parse_row_limit("--max-failures", text, MaxFailures::Count, MaxFailures::Percent),
    }
}

pub(super) fn parse_row_limit<T>(
    option: &str,
    text: &str,
    count: fn(u64) -> T,
    percent: fn(f64) -> T,
) -> Result<T, Failure> {
    // `parse` alone would accept a sign, and for a percentage an exponent and words.
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let found = match text.strip_suffix('%') {
        Some(part) if is_plain(part) => {
            part.parse().ok().filter(|part| (0.0..100.0).contains(part)).map(percent)
        }
        None if is_plain(text) => text.parse().ok().map(count),
        _ => None,
    };
    found.ok_or_else(|| {
        Failure::usage(format!(
            "{option}: cannot read '{}'. Use a number of rows such as 50, or a percentage such as 5%",
            text.escape_debug()
        ))
    })
}

fn deadline(text: &str) -> Result<Instant, Failure> {
    let bad = || {
        Failure::usage(format!(
            "--deadline: cannot read '{}'. Use a duration such as 90m or 4h, or a local time such as 06:00",
            text.escape_debug()
        ))
    };
    let left = match time_of_day(text) {
        // Without a time zone, the local time is UTC, as in other programs.
        Some(time) => {
            let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
            duration_until(time, &ZonedDateTime::now().with_time_zone(zone)).ok_or_else(bad)?
        }
        None => duration("--deadline", text).map_err(|_| bad())?,
    };
    Instant::now().checked_add(left).ok_or_else(bad)
}

/// Reads `06:00`.
fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_number = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    };
    let minute = number(minute).filter(|_| minute.len() == 2)?;
    Time::new(number(hour)?, minute, 0, 0).ok()
}

/// The duration until the clock shows this time next. A time that the clock skips in spring is the end of the skipped hour; of
/// a time that the clock shows twice in autumn, the first that is in the future counts.
fn duration_until(time: Time, now: &ZonedDateTime) -> Option<Duration> {
    let days = (0..=2).filter_map(|day| now.date().checked_add(day.days()).ok());
    let next = days
        .flat_map(|day| {
            let shown = now.time_zone().to_ambiguous_zoned_datetime(day.to_datetime(time));
            [shown.clone().compatible().ok(), shown.later().ok()]
        })
        .flatten()
        .filter(|moment| moment > now)
        .min()?;
    Duration::try_from(now.duration_until(&next)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_percentage() {
        let limit = |text| parse_row_limit("--max-invalid", text, MaxInvalid::Rows, MaxInvalid::Percent).ok();
        for (text, expected) in [
            ("0", MaxInvalid::Rows(0)),
            ("25", MaxInvalid::Rows(25)),
            ("0%", MaxInvalid::Percent(0.0)),
            ("2.5%", MaxInvalid::Percent(2.5)),
        ] {
            assert_eq!(limit(text), Some(expected));
        }
        for text in ["", "%", "-1", "+1", "1.5", "100%", "101%", "-1%", "+1%", "NaN%", "inf%", "1e1%", "five"]
        {
            assert_eq!(limit(text), None, "{text}");
        }
    }

    fn until_next(time: &str, now: &str) -> String {
        let left = duration_until(time_of_day(time).unwrap(), &now.parse().unwrap()).unwrap();
        humantime::format_duration(left).to_string()
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        for (time, now, left) in [
            ("06:00", "2026-07-29T22:30[Europe/Berlin]", "7h 30m"),
            ("6:00", "2026-07-29T05:59:30[Europe/Berlin]", "30s"),
            ("06:00", "2026-07-29T06:00[Europe/Berlin]", "1day"),
            ("00:00", "2026-12-31T23:00[UTC]", "1h"),
        ] {
            assert_eq!(until_next(time, now), left, "{time} {now}");
        }
    }

    #[test]
    fn a_night_in_which_the_clock_changes_is_an_hour_shorter_or_longer() {
        for (time, now, left) in [
            ("06:00", "2026-03-28T23:00[Europe/Berlin]", "6h"),
            ("06:00", "2026-10-24T23:00[Europe/Berlin]", "8h"),
            // Skipped: the clock goes from 02:00 to 03:00.
            ("02:30", "2026-03-29T01:00[Europe/Berlin]", "1h 30m"),
            // The time occurs twice: now is before the first, between both, and after both.
            ("02:30", "2026-10-25T01:00[Europe/Berlin]", "1h 30m"),
            ("02:30", "2026-10-25T02:40+02:00[Europe/Berlin]", "50m"),
            ("02:30", "2026-10-25T02:40+01:00[Europe/Berlin]", "23h 50m"),
        ] {
            assert_eq!(until_next(time, now), left, "{time} {now}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_time_of_day_is_refused() {
        for text in ["24:00", "6:5", "06:60", "+6:00", "06:00:00", ":", "6", "", "06 :00"] {
            assert_eq!(time_of_day(text), None, "{text}");
        }
        for text in ["", "4", "soon", "25:00", "0s", "99999999999999y"] {
            let message = deadline(text).unwrap_err().message;
            assert!(message.starts_with(&format!("--deadline: cannot read '{text}'")), "{message}");
        }
        assert!(deadline("4h").is_ok() && deadline("06:00").is_ok());
    }

    #[test]
    fn max_failures_is_a_number_or_a_percentage() {
        for (text, most) in [
            ("0", MaxFailures::Count(0)),
            ("50", MaxFailures::Count(50)),
            ("5%", MaxFailures::Percent(5.0)),
            ("0.5%", MaxFailures::Percent(0.5)),
            ("100%", MaxFailures::Percent(100.0)),
        ] {
            assert_eq!(max_failures(text).unwrap(), most);
        }
        for text in ["", "%", "-1", "101%", "NaN%", "-1%", "5 %", "many", "1e3"] {
            assert!(max_failures(text).unwrap_err().message.contains("Use a number of rows"), "{text}");
        }
    }
}
