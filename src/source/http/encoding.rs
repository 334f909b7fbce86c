//! Decoding of a compressed body, up to a cap: a few bytes may decompress to gigabytes.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use crate::source::Error;

/// The body without its encoding; `None` when it has none.
pub(super) fn decompress(
    body: &[u8],
    headers: &HeaderMap,
    status: StatusCode,
    limit: usize,
) -> Result<Option<Vec<u8>>, Error> {
    let undecodable = |problem: &str, size| Error::Undecodable {
        problem: String::from(problem),
        status: status.as_u16(),
        size,
        in_rows: false,
    };
    let encodings = headers.get_all(CONTENT_ENCODING).iter();
    let encodings: Vec<_> = encodings
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|encoding| encoding.trim_ascii().to_ascii_lowercase())
        .filter(|encoding| !matches!(&encoding[..], b"" | b"identity"))
        .collect();
    match &encodings[..] {
        [] => Ok(None),
        [one] if matches!(&one[..], b"gzip" | b"x-gzip") => {
            let mut plain = Vec::new();
            let mut decoder = MultiGzDecoder::new(body).take(limit as u64 + 1);
            decoder
                .read_to_end(&mut plain)
                .map_err(|_| undecodable("the gzip stream is broken", body.len()))?;
            if plain.len() > limit {
                return Err(Error::TooLarge { what: "decompressed", limit });
            }
            Ok(Some(plain))
        }
        _ => Err(undecodable("an encoding that was not requested", body.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{Outcome, run};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (reqwest::header::HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_decompression_bomb_stops_at_the_cap() {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        let gzip = headers(&[("content-encoding", "gzip")]);
        let error = decompress(&bomb, &gzip, StatusCode::OK, 1000).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        let plain = decompress(&bomb, &gzip, StatusCode::OK, 2 << 20).unwrap();
        assert_eq!(plain.map(|plain| plain.len()), Some(1 << 20));
    }

    #[test]
    fn fuzzed_gzip_is_decompressed_within_the_cap_or_refused() {
        use std::io::Write;
        let gzip = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let page = include_bytes!("../../../tests/fixtures/ccai/agents.json");
        let (small, large) = (gzip(page), gzip(&vec![b' '; 100_000]));
        let headers = headers(&[("content-encoding", "gzip")]);
        run("gzip", &[&small, &large, b"[]"], &["\u{1f}"], |bytes| {
            let outcome = match decompress(bytes, &headers, StatusCode::OK, 50_000) {
                Ok(plain) => {
                    let plain = plain.unwrap();
                    assert!(plain.len() <= 50_000);
                    // The checksum of the stream guarantees the bytes.
                    assert_eq!(plain, page.repeat(plain.len() / page.len()));
                    format!("{} bytes", plain.len())
                }
                Err(error) => error.to_string(),
            };
            let class = outcome.replace(|letter: char| letter.is_ascii_digit(), "");
            Outcome { class: format!("{class}{}", bytes.len() % 4), whole: outcome }
        });
    }
}
