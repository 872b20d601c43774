//! `Retry-After` (RFC 9110, section 10.2.3): delay-seconds or an HTTP date.

use http::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// Longer than a year no server means: such a wish is taken for a mistake and ignored. What is shorter and beyond our
/// patience is for the caller to judge.
const ABSURD: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long the server asks to be left alone, as of `now`. `None`: nothing that can be understood or meant, or a time
/// that is past. Several values: the longest, so that none is undercut.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    // The server's clock may be behind ours: by its own (`Date`; RFC 9110, section 6.6.1) the time it names is further
    // away. One that is ahead makes no wait shorter: ours counts too.
    let its_now =
        headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?.trim()).ok());
    let clocks = || [Some(now), its_now].into_iter().flatten();
    let values = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    let wishes = values.flat_map(wishes);
    let waits = wishes.flat_map(|wish| {
        clocks().filter_map(move |clock| match wish {
            Wish::Wait(wait) => Some(wait),
            Wish::Until(time) => time.duration_since(clock).ok(),
        })
    });
    waits.filter(|wait| !wait.is_zero() && *wait <= ABSURD).max()
}

/// What one value asks for.
#[derive(Clone, Copy)]
enum Wish {
    Wait(Duration),
    Until(SystemTime),
}

/// What the values of one header ask for: proxies make one of several, with commas (RFC 9110, section 5.3), and most
/// dates have a comma of their own.
fn wishes(text: &str) -> impl Iterator<Item = Wish> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let dates: Vec<_> = parts
        .windows(2)
        .map(|pair| httpdate::parse_http_date(&pair.join(", ")).ok().map(Wish::Until))
        .collect();
    let alone: Vec<_> = parts.into_iter().map(wish).collect();
    dates.into_iter().chain(alone).flatten()
}

fn wish(text: &str) -> Option<Wish> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for the type is no time.
        return text.parse().ok().map(|seconds| Wish::Wait(Duration::from_secs(seconds)));
    }
    // In the form without a comma (asctime).
    httpdate::parse_http_date(text).ok().map(Wish::Until)
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
    fn what_a_proxy_has_made_one_of_several_is_several() {
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
    fn a_date_is_undercut_by_neither_clock() {
        let asked = |date: &str, retry_after: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
            headers.insert(RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap());
            retry_after_at(&headers)
        };
        // Theirs is an hour behind, then an hour ahead of ours.
        assert_eq!(asked("Sun, 06 Nov 1994 07:49:37 GMT", "Sun, 06 Nov 1994 07:50:07 GMT"), Some(30));
        assert_eq!(asked("Sun, 06 Nov 1994 09:49:37 GMT", "Sun, 06 Nov 1994 09:50:07 GMT"), Some(3630));
        // A time that is past by both is past; a number asks no clock.
        assert_eq!(asked("Sun, 06 Nov 1994 07:49:37 GMT", "Sun, 06 Nov 1994 07:49:07 GMT"), None);
        assert_eq!(asked("Sun, 06 Nov 1994 07:49:37 GMT", "9"), Some(9));
        // A clock that was never set, or that is none: ours alone counts.
        for date in ["Thu, 01 Jan 1970 00:00:00 GMT", "yesterday", ""] {
            assert_eq!(asked(date, "Sun, 06 Nov 1994 08:50:37 GMT"), Some(60), "{date}");
        }
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
