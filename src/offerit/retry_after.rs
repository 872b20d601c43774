//! `Retry-After` (RFC 9110, section 10.2.3): delay-seconds or an HTTP date.

use http::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// The longest valid pause. Chosen: values above a year are ignored as mistakes. The caller decides about long but plausible values.
const MAX_PLAUSIBLE: Duration = Duration::from_secs(365 * 24 * 3600);

/// The pause that the server asks for at `now`; the longest, if there are several. `None` if no value is valid, or the time is past.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    // The date comes from the server's clock, so it is compared with the server's own `Date` (RFC 9110, section 6.6.1).
    let server_now =
        headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?.trim()).ok());
    let now = server_now.unwrap_or(now);
    let values = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    let waits = values.flat_map(parse_list).filter_map(|value| match value {
        RetryAfter::Delay(wait) => Some(wait),
        RetryAfter::Date(time) => time.duration_since(now).ok(),
    });
    waits.filter(|wait| !wait.is_zero() && *wait <= MAX_PLAUSIBLE).max()
}

/// One value of the header.
#[derive(Clone, Copy)]
enum RetryAfter {
    Delay(Duration),
    Date(SystemTime),
}

/// Parses the values of one header line. Proxies join several values with commas (RFC 9110, section 5.3), and most dates hold
/// a comma.
fn parse_list(text: &str) -> impl Iterator<Item = RetryAfter> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let dates: Vec<_> = parts
        .windows(2)
        .map(|pair| httpdate::parse_http_date(&pair.join(", ")).ok().map(RetryAfter::Date))
        .collect();
    let single: Vec<_> = parts.into_iter().map(parse).collect();
    dates.into_iter().chain(single).flatten()
}

fn parse(text: &str) -> Option<RetryAfter> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(seconds) && is_number(fraction) {
        // A fraction is rounded up, so that the pause is never undercut. A number too large for the type is invalid.
        let is_rounded_up = fraction.bytes().any(|digit| digit != b'0');
        let seconds = seconds.parse::<u64>().ok()?.checked_add(u64::from(is_rounded_up))?;
        return Some(RetryAfter::Delay(Duration::from_secs(seconds)));
    }
    // A date without a comma (asctime).
    httpdate::parse_http_date(text).ok().map(RetryAfter::Date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HeaderValue;

    fn wait(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        }
        retry_after_at(&headers)
    }

    /// On Sun, 06 Nov 1994 08:49:37 GMT.
    fn retry_after_at(headers: &HeaderMap) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(wait(&["120"]), Some(120));
        assert_eq!(wait(&["Sun, 06 Nov 1994 08:50:37 GMT"]), Some(60));
        assert_eq!(wait(&["5", "7"]), Some(7));
    }

    #[test]
    fn values_that_a_proxy_joined_are_separated() {
        assert_eq!(wait(&["3, 3"]), Some(3));
        assert_eq!(wait(&["5 ,12,7"]), Some(12));
        assert_eq!(wait(&["5, soon", "-1, 4"]), Some(5));
        assert_eq!(wait(&["5, 100000000000000000000, 31536001"]), Some(5));
        assert_eq!(wait(&["5, Sun, 06 Nov 1994 08:50:37 GMT, 7"]), Some(60));
        assert_eq!(
            wait(&["Sun, 06 Nov 1994 08:50:37 GMT, Sunday, 06-Nov-94 08:51:37 GMT,Sun Nov  6 08:51:07 1994"]),
            Some(120)
        );
        assert_eq!(wait(&["soon, ,"]), None);
    }

    #[test]
    fn a_date_is_compared_with_the_servers_own_clock() {
        let asked = |date: &str, retry_after: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
            headers.insert(RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap());
            retry_after_at(&headers)
        };
        // The server's clock is an hour behind ours, then an hour, then a day ahead.
        assert_eq!(asked("Sun, 06 Nov 1994 07:49:37 GMT", "Sun, 06 Nov 1994 07:50:07 GMT"), Some(30));
        assert_eq!(asked("Sun, 06 Nov 1994 09:49:37 GMT", "Sun, 06 Nov 1994 09:50:07 GMT"), Some(30));
        assert_eq!(asked("Mon, 07 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:50:07 GMT"), Some(30));
        // A time in the past is no pause; a number needs no clock.
        assert_eq!(asked("Sun, 06 Nov 1994 07:49:37 GMT", "Sun, 06 Nov 1994 07:49:07 GMT"), None);
        assert_eq!(asked("Sun, 06 Nov 1994 07:49:37 GMT", "9"), Some(9));
        // Our own clock replaces an invalid date.
        for date in ["yesterday", ""] {
            assert_eq!(asked(date, "Sun, 06 Nov 1994 08:50:37 GMT"), Some(60), "{date}");
        }
    }

    #[test]
    fn absurd_values_are_ignored() {
        for text in [
            "-1",
            "soon",
            "",
            "1.",
            ".5",
            "1.5.2",
            "1.x",
            "0x10",
            "0",
            "0.0",
            "Sun, 06 Nov 1994 08:49:00 GMT",
            "+5",
        ] {
            assert_eq!(wait(&[text]), None, "{text}");
        }
        for text in [
            "31536001",
            "18446744073709551615",
            "18446744073709551616",
            "100000000000000000000",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(wait(&[text]), None, "{text}");
            assert_eq!(wait(&[text, "3"]), Some(3), "a valid value beside {text}");
        }
        assert_eq!(wait(&["soon", "3"]), Some(3));
    }

    #[test]
    fn a_fraction_is_rounded_up() {
        for (text, seconds) in [("1.5", 2), ("3.0", 3), ("0.001", 1), ("29.999, 7", 30)] {
            assert_eq!(wait(&[text]), Some(seconds), "{text}");
        }
    }

    #[test]
    fn values_up_to_a_year_are_valid() {
        assert_eq!(wait(&["86401"]), Some(86_401));
        assert_eq!(wait(&["31536000"]), Some(31_536_000));
        assert_eq!(wait(&["Tue, 08 Nov 1994 08:49:37 GMT"]), Some(172_800));
    }
}
