//! Durations, sizes and URLs as text.

use std::time::Duration;

use url::{Host, Url};

/// `500ms`, `30s`, `5m`, `2h`, `7d`: above zero, at most ten years.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.checked_mul(millis)?;
    let longest = 3_650 * 86_400_000;
    (1..=longest).contains(&millis).then(|| Duration::from_millis(millis))
}

/// `512 MiB`, `1 GiB`, `100 MB`, in bytes, above zero.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes).filter(|bytes| *bytes > 0)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let unit = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// An http or https URL, or what is wrong with it and what to do.
pub(super) fn address(text: &str) -> Result<Url, (&'static str, &'static str)> {
    let remedy = "write it such as \"https://acme.example.com\"";
    let url = Url::parse(text).map_err(|_| ("not a URL", remedy))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(("not an http or https URL", remedy));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(("it holds credentials", "set username and password beside it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("it holds a query", remedy));
    }
    Ok(url)
}

/// Whether credentials would cross a network unencrypted.
pub(super) fn is_unencrypted(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && !loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_with_their_units() {
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("500 ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("7d"), Some(Duration::from_hours(168)));
        for bad in ["", "30", "s", "0s", "-1s", "1.5s", "30 bananas", "99999999999999999999s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(size("1 GiB"), Some(1 << 30));
        assert_eq!(size("100MB"), Some(100_000_000));
        for bad in ["", "1", "GiB", "0 B", "99999999999999 GiB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn plain_http_is_unencrypted_unless_it_stays_on_the_machine() {
        let unencrypted = |text| is_unencrypted(&Url::parse(text).unwrap());
        assert!(unencrypted("http://acme.example.com"));
        assert!(!unencrypted("https://acme.example.com"));
        assert!(!unencrypted("http://127.0.0.1:8080"));
        assert!(!unencrypted("http://localhost"));
    }
}
