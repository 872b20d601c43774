//! `Retry-After` (RFC 9110, section 10.2.3): delay-seconds or an HTTP date.

use http::header::{HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// Longer than a year no server means: such a wish is taken for a mistake and ignored. What is shorter and beyond our
/// patience is for the caller to judge.
const ABSURD: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long the server asks to be left alone, as of `now`. `None`: nothing that can be understood or meant, or a time
/// that is past. Several values: the longest, so that none is undercut.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let values = headers.get_all(RETRY_AFTER).iter();
    let waits = values.filter_map(|value| parse(value.to_str().ok()?.trim(), now));
    waits.filter(|wait| !wait.is_zero() && *wait <= ABSURD).max()
}

fn parse(text: &str, now: SystemTime) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for the type is no time.
        return text.parse().ok().map(Duration::from_secs);
    }
    httpdate::parse_http_date(text).ok()?.duration_since(now).ok()
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
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(wait(&["120"]), Some(120));
        assert_eq!(wait(&["Sun, 06 Nov 1994 08:50:37 GMT"]), Some(60));
        assert_eq!(wait(&["5", "7"]), Some(7));
    }

    #[test]
    fn absurd_ones_are_ignored() {
        for text in ["-1", "soon", "", "1.5", "0x10", "0", "Sun, 06 Nov 1994 08:49:00 GMT", "+5"] {
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
            assert_eq!(wait(&[text, "3"]), Some(3), "one that is meant stands beside {text}");
        }
        assert_eq!(wait(&["soon", "3"]), Some(3));
    }

    #[test]
    fn up_to_a_year_is_meant() {
        assert_eq!(wait(&["86401"]), Some(86_401));
        assert_eq!(wait(&["31536000"]), Some(31_536_000));
        assert_eq!(wait(&["Tue, 08 Nov 1994 08:49:37 GMT"]), Some(172_800));
    }
}
