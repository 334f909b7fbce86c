//! The headers of an answer: pages, counts, times. Nothing in them is trusted, and no URL in them
//! is followed.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, LINK, RETRY_AFTER};

use crate::model::Timestamp;

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The count in the header `Total`; an error when there is one that is not known.
pub(super) fn count(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let mut count = None;
    for value in headers.get_all("total") {
        let one: u64 = value.to_str().map_err(drop)?.trim().parse().map_err(drop)?;
        if count.replace(one).is_some_and(|other| other != one) {
            return Err(());
        }
    }
    Ok(count)
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc2822(text.trim()).ok().and_then(|time| Timestamp::from_utc(time.into()))
}

pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(text(headers, DATE.as_str())?)
}

/// How long the vendor wants requests to pause: seconds or a date. The budget bounds it; what is
/// past, or no number, is none.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER.as_str())?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(value)?.millis_since(now);
    u64::try_from(until).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
}

/// Whether the headers `Link` (RFC 8288) name a next page; `None` when they are not about pages.
/// Only the existence of a page is taken from them: the URL is the server's and is not followed.
pub(super) fn has_next(headers: &HeaderMap) -> Option<bool> {
    let mut paged = false;
    let links: Vec<_> = headers
        .get_all(LINK)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    for parameter in links.iter().flat_map(|links| links.split([',', ';'])) {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if !name.trim().eq_ignore_ascii_case("rel") {
            continue;
        }
        for relation in value.trim().trim_matches('"').split_ascii_whitespace() {
            match relation.to_ascii_lowercase().as_str() {
                "next" => return Some(true),
                "first" | "prev" | "previous" | "last" => paged = true,
                _ => {}
            }
        }
    }
    paged.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::super::encoding::decompress;
    use super::*;
    use crate::fuzz::{Outcome, PLANTED, run};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (reqwest::header::HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nonsense_is_none() {
        let now = Timestamp::from_millis(1_772_366_400_000);
        let cases = [
            ("7", Some(7_000)),
            ("978307200", Some(978_307_200_000)),
            ("Sun, 01 Mar 2026 12:00:30 GMT", Some(30_000)),
            ("Sun, 01 Mar 2026 11:59:30 GMT", None),
            ("-5", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ];
        for (value, millis) in cases {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(retry_after(&headers(&[("retry-after", value)]), now), expected, "{value}");
        }
    }

    #[test]
    fn a_next_page_is_known_by_its_relation_alone() {
        let cases = [
            ("<https://a.example/agents?page=2>; rel=\"next\"", Some(true)),
            ("<https://evil.example/>; rel=next, <x>; rel=\"last\"", Some(true)),
            ("<https://a.example/agents?page=1>; rel=\"last\"", Some(false)),
            ("</style.css>; rel=preload", None),
            ("", None),
        ];
        for (link, expected) in cases {
            assert_eq!(has_next(&headers(&[("link", link)])), expected, "{link}");
        }
        let mut two = headers(&[("link", "</style.css>; rel=preload")]);
        assert_eq!(has_next(&two), None);
        two.append(
            "link",
            "<https://a.example/calls?id[]=1,2&page=2>; REL = \"next last\"".parse().unwrap(),
        );
        assert_eq!(has_next(&two), Some(true));
        assert_eq!(has_next(&headers(&[])), None);
    }

    #[test]
    fn a_count_is_one_whole_number_however_often_it_is_repeated() {
        let cases: [(&[&str], _); 8] = [
            (&[], Ok(None)),
            (&["7"], Ok(Some(7))),
            (&[" 7 "], Ok(Some(7))),
            (&["7", "7"], Ok(Some(7))),
            (&["7", "8"], Err(())),
            (&["-3"], Err(())),
            (&["many"], Err(())),
            (&["99999999999999999999999"], Err(())),
        ];
        for (values, expected) in cases {
            let mut repeated = HeaderMap::new();
            for value in values {
                repeated.append("total", value.parse().unwrap());
            }
            assert_eq!(count(&repeated), expected, "{values:?}");
        }
    }

    #[test]
    fn fuzzed_headers_are_parsed_or_ignored() {
        let corpus: &[&[u8]] = &[
            b"<https://a.example/agents?page=2>; rel=\"next\", <https://a.example/>; rel=last",
            b"978307200",
            b"Sun, 01 Mar 2026 12:00:30 GMT",
            b"gzip, identity",
            b"250",
        ];
        let tokens = ["rel=next", "; REL = \"first next\"", ",", "\u{ff}", "GMT", "+2400", "br"];
        let now = Timestamp::from_millis(1_772_366_400_000);
        run("headers", corpus, &tokens, |bytes| {
            let Ok(value) = reqwest::header::HeaderValue::from_bytes(bytes) else {
                let outcome = String::from("no header");
                return Outcome { class: outcome.clone(), whole: outcome };
            };
            let mut headers = HeaderMap::new();
            for name in ["link", "retry-after", "date", "total", "content-encoding"] {
                headers.append(name, value.clone());
            }
            let (next, pause) = (has_next(&headers), retry_after(&headers, now));
            let (date, total) = (date(&headers), count(&headers));
            let possible = Timestamp::EARLIEST..=Timestamp::LATEST;
            assert!(date.is_none_or(|date| possible.contains(&date)));
            let plain = decompress(b"[]", &headers, reqwest::StatusCode::OK, 1000);
            let plain = plain.map_err(|error| error.to_string());
            let whole = format!("{next:?} {pause:?} {date:?} {total:?} {plain:?}");
            assert!(!whole.contains(PLANTED), "{whole}");
            let total = total.map(|total| total.is_some());
            let (pause, date) = (pause.is_some(), date.is_some());
            Outcome { class: format!("{next:?} {pause} {date} {total:?} {plain:?}"), whole }
        });
    }
}
