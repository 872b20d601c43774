//! `Retry-After` (RFC 9110, section 10.2.3): delay-seconds or an HTTP date.

use http::header::{HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// How long the server asks to be left alone, as of `now`. `None`: nothing that can be understood, or a time
/// that is past. Several values: the longest, so that none is undercut.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let values = headers.get_all(RETRY_AFTER).iter();
    values.filter_map(|value| parse(value.to_str().ok()?.trim(), now)).filter(|wait| !wait.is_zero()).max()
}

fn parse(text: &str, now: SystemTime) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for the type is a very long wait; the caller caps it.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX)).min(u32::MAX.into())));
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
    fn absurd_ones_are_ignored_or_a_very_long_wait() {
        for text in ["-1", "soon", "", "1.5", "0x10", "0", "Sun, 06 Nov 1994 08:49:00 GMT", "+5"] {
            assert_eq!(wait(&[text]), None, "{text}");
        }
        assert_eq!(wait(&["100000000000000000000"]), Some(u32::MAX.into()));
        assert_eq!(wait(&["soon", "3"]), Some(3));
    }
}
