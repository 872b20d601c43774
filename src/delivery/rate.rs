//! The value of `--rate`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// The most attempts that may start in any window of `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// At most `count` in any window of `per`.
    Limited {
        /// Attempts a window.
        count: NonZeroU32,
        /// The window: a second or a minute.
        per: Duration,
    },
    /// As fast as the server answers.
    Unlimited,
}

/// The text is not a rate.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Use a rate such as 10/s or 600/m (whole numbers from 1), or unlimited")]
pub struct BadRate;

impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Rate, BadRate> {
        if text == "unlimited" {
            return Ok(Rate::Unlimited);
        }
        let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
        let per = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            _ => return Err(BadRate),
        };
        // `parse` accepts a sign.
        if !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadRate);
        }
        count.parse().map(|count| Rate::Limited { count, per }).map_err(|_| BadRate)
    }
}

impl Rate {
    /// The share of each of `among` runs that send at the same time, rounded down, so that all runs together never exceed
    /// the rate. A share below one per second is given per minute. `None` if the share is below one per minute.
    #[must_use]
    pub fn divided(self, among: NonZeroU32) -> Option<Rate> {
        let Rate::Limited { count, per } = self else { return Some(self) };
        let minute = Duration::from_secs(60);
        let (count, per) = match count.get() / among {
            0 if per < minute => (u64::from(count.get()) * (minute.as_secs() / per.as_secs()), minute),
            _ => (u64::from(count.get()), per),
        };
        let count = NonZeroU32::new(u32::try_from(count / u64::from(among.get())).ok()?)?;
        Some(Rate::Limited { count, per })
    }

    /// Attempts per second; `None` if unlimited.
    #[must_use]
    pub fn per_second(self) -> Option<f64> {
        match self {
            Rate::Limited { count, per } => Some(f64::from(count.get()) / per.as_secs_f64()),
            Rate::Unlimited => None,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::Limited { count, per } if *per == Duration::from_secs(60) => write!(formatter, "{count}/m"),
            Rate::Limited { count, .. } => write!(formatter, "{count}/s"),
            Rate::Unlimited => formatter.write_str("unlimited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_a_rate_is_refused() {
        for text in ["0", "-1", "+1", "1.5", "", "/s", "10/h", "10 /s", "Unlimited", "99999999999"] {
            assert_eq!(text.parse::<Rate>(), Err(BadRate), "{text}");
        }
        for text in ["10/s", "600/m", "unlimited"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_rate_is_divided_downwards() {
        let divided = |rate: &str, among| {
            let divided = rate.parse::<Rate>().unwrap().divided(NonZeroU32::new(among).unwrap());
            divided.map(|rate| rate.to_string())
        };
        for (rate, among, expected) in [
            ("10", 1, Some("10/s")),
            ("10", 4, Some("2/s")),
            ("10", 10, Some("1/s")),
            ("10", 16, Some("37/m")),
            ("600/m", 16, Some("37/m")),
            ("4294967295", 2, Some("2147483647/s")),
            ("5/m", 6, None),
            ("1", 61, None),
            ("unlimited", 8, Some("unlimited")),
        ] {
            assert_eq!(divided(rate, among).as_deref(), expected, "{rate} among {among}");
        }
    }
}
