//! The options that end a run early, and when a clock time comes next.

use super::duration;
use crate::commands::run::{MaxInvalid, Since};
use crate::delivery::{Brakes, MaxFailures};
use crate::exit::Failure;
use crate::resume::MaxChanges;
use clap::Args;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{ToSpan, ZonedDateTime};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Options that end a run early, resumable.
#[derive(Debug, Default, Args)]
pub struct BrakeOptions {
    /// Stop when more rows than this are rejected, failed or unknown: N in the whole run, or P% of the rows sent last (of
    /// a hundred, or of as many as it takes for P% to be ten); 100% is no limit [default: stop where the server accepts
    /// nothing: the first 20 rows refused for one reason, or none of the last 100 accepted]
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<String>,

    /// Stop before the first request if more rows than this are invalid: N rows, or P% of all [default: no limit]
    #[arg(long, value_name = "N|P%")]
    pub max_invalid: Option<String>,

    /// Stop before the first request if check has a warning, with exit code 3
    #[arg(long)]
    pub strict: bool,

    /// An earlier run's result file: a row is not sent whose very same update was the last one that its customer got
    #[arg(long, value_name = "RESULT")]
    pub since: Option<PathBuf>,

    /// With --since, send nothing if more rows than this would be sent: N, or P% of those that can be
    #[arg(long, value_name = "N|P%", requires = "since")]
    pub max_changes: Option<String>,

    /// Start nothing new after this time, or from this time of day on (HH:MM, local)
    #[arg(long, value_name = "DURATION|HH:MM")]
    pub deadline: Option<String>,

    /// Send only the first N rows that need sending: to see how they fare before the others follow
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

impl BrakeOptions {
    /// The limits of a run that begins now.
    pub(super) fn brakes(&self) -> Result<Brakes, Failure> {
        let limit =
            |limit| NonZeroU64::new(limit).ok_or_else(|| Failure::usage("--limit: give a number from 1"));
        Ok(Brakes {
            max_failures: self.max_failures.as_deref().map(max_failures).transpose()?,
            deadline: self.deadline.as_deref().map(deadline).transpose()?,
            limit: self.limit.map(limit).transpose()?,
        })
    }

    /// How many rows may be invalid.
    pub(super) fn max_invalid(&self) -> Result<Option<MaxInvalid>, Failure> {
        let most = |text| most("--max-invalid", text, MaxInvalid::Rows, MaxInvalid::Percent);
        self.max_invalid.as_deref().map(most).transpose()
    }

    /// What was delivered before, for a run that writes `result`.
    pub(super) fn since(&self, result: &Path, is_from_file: bool) -> Result<Option<Since>, Failure> {
        let Some(since) = &self.since else { return Ok(None) };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if real(since) == real(result) {
            return Err(Failure::usage(format!(
                "--since: {} is the result file of this very run: name that of an earlier one, and another --result. \
                 To go on with this one, --resume is enough",
                since.display()
            )));
        }
        let changes = |text| most("--max-changes", text, MaxChanges::Count, MaxChanges::Percent);
        let max_changes = self.max_changes.as_deref().map(changes).transpose()?;
        Ok(Some(Since { result: since.clone(), max_changes, is_from_file }))
    }
}

fn max_failures(text: &str) -> Result<MaxFailures, Failure> {
    match text {
        "100%" => Ok(MaxFailures::Percent(100.0)),
        _ => most("--max-failures", text, MaxFailures::Count, MaxFailures::Percent),
    }
}

pub(super) fn most<T>(
    option: &str,
    text: &str,
    count: fn(u64) -> T,
    percent: fn(f64) -> T,
) -> Result<T, Failure> {
    // `parse` would take a sign, and of a part an exponent and words.
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
            "{option}: '{}' is neither a number of rows such as 50 nor a percentage such as 5%",
            text.escape_debug()
        ))
    })
}

fn deadline(text: &str) -> Result<Instant, Failure> {
    let bad = || {
        Failure::usage(format!(
            "--deadline: '{}' is neither a duration such as 90m or 4h nor a time of day such as 06:00",
            text.escape_debug()
        ))
    };
    let left = match time_of_day(text) {
        // Without a time zone the system's clock is read as UTC, as everything else does.
        Some(time) => {
            let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
            until(time, &ZonedDateTime::now().with_time_zone(zone)).ok_or_else(bad)?
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

/// How long it takes until the clock shows this time next. A time that the clock skips in spring comes when the
/// clock has skipped it; of one that it shows twice in autumn, the one that is still ahead counts.
fn until(time: Time, now: &ZonedDateTime) -> Option<Duration> {
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
    fn a_limit_is_a_number_or_a_part() {
        let limit = |text| most("--max-invalid", text, MaxInvalid::Rows, MaxInvalid::Percent).ok();
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
        let left = until(time_of_day(time).unwrap(), &now.parse().unwrap()).unwrap();
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
            // Shown twice, before the first, between them, and behind both.
            ("02:30", "2026-10-25T01:00[Europe/Berlin]", "1h 30m"),
            ("02:30", "2026-10-25T02:40+02:00[Europe/Berlin]", "50m"),
            ("02:30", "2026-10-25T02:40+01:00[Europe/Berlin]", "23h 50m"),
        ] {
            assert_eq!(until_next(time, now), left, "{time} {now}");
        }
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        for text in ["24:00", "6:5", "06:60", "+6:00", "06:00:00", ":", "6", "", "06 :00"] {
            assert_eq!(time_of_day(text), None, "{text}");
        }
        for text in ["", "4", "soon", "25:00", "0s", "99999999999999y"] {
            let message = deadline(text).unwrap_err().message;
            assert!(message.starts_with(&format!("--deadline: '{text}' is neither")), "{message}");
        }
        assert!(deadline("4h").is_ok() && deadline("06:00").is_ok());
    }

    #[test]
    fn failures_are_a_number_or_a_part() {
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
            assert!(max_failures(text).unwrap_err().message.contains("neither a number of rows"), "{text}");
        }
    }
}
