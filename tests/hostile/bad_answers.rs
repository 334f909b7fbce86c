//! Bad answers of a vendor.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::vendor::{PLANTED, ReceivedRequest, Wire, stamp};

/// An answer with status 200.
pub(super) fn body(wire: &mut Wire, body: &[u8]) -> io::Result<()> {
    wire.answer("200 OK", "", body)
}

/// An answer with status 200 in this encoding.
pub(super) fn compressed(wire: &mut Wire, encoding: &str, body: &[u8]) -> io::Result<()> {
    wire.answer("200 OK", &format!("Content-Encoding: {encoding}\r\n"), body)
}

/// Compresses a body once per process: compression takes longer than a test reads it.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<u128, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let make = || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let fingerprint = xxhash_rust::xxh3::xxh3_128(bytes);
    MADE.lock().unwrap().entry(fingerprint).or_insert_with(make).clone()
}

pub(super) mod redirects {
    use super::{PLANTED, ReceivedRequest, Wire, io};

    pub(in super::super) fn to_another_host(
        status: &str,
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let head = format!("Location: http://{}/{}\r\n", request.other_host, request.endpoint);
        wire.answer(status, &head, PLANTED.as_bytes())
    }

    pub(in super::super) fn to_another_scheme(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let head = format!("Location: https://{}/{}\r\n", request.other_host, request.endpoint);
        wire.answer("308 Permanent Redirect", &head, PLANTED.as_bytes())
    }

    pub(in super::super) fn refresh(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let head = format!("Refresh: 0; url=http://{}/\r\n", request.other_host);
        wire.answer("200 OK", &head, PLANTED.as_bytes())
    }
}

pub(super) mod links {
    use serde_json::json;

    use super::{ReceivedRequest, Wire, io};

    /// Fewer rows than there are, without a count, and with this next page.
    fn linked(wire: &mut Wire, rows: &[serde_json::Value], link: &str) -> io::Result<()> {
        wire.answer("200 OK", &format!("Link: {link}\r\n"), json!(rows).to_string().as_bytes())
    }

    pub(in super::super) fn other_host(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let link =
            format!("<http://{}/{}?page=2>; rel=\"next\"", request.other_host, request.endpoint);
        // The second page equals the first one: the pages themselves do not show the end.
        linked(wire, &request.fewer_rows(), &link)
    }

    pub(in super::super) fn itself(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        linked(wire, &request.fewer_rows(), "<?page=1>; rel=\"next\"")
    }

    pub(in super::super) fn cycle(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let page = request.page.unwrap_or(1);
        let rows = request.fewer_rows();
        let (one, other) = rows.split_at(rows.len() / 2);
        let shown = if page % 2 == 1 { one } else { other };
        linked(wire, shown, &format!("<?page={}>; rel=\"next\"", page % 2 + 1))
    }

    pub(in super::super) fn garbage(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        linked(wire, &request.fewer_rows(), "<<<;;;rel=\"next\"\u{1}, rel=next")
    }

    pub(in super::super) fn non_ascii(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        linked(wire, &request.fewer_rows(), "<?page=2>; title=\"n\u{e4}chste\"; rel=\"next\"")
    }
}

pub(super) mod bombs {
    use std::sync::OnceLock;

    use super::{Compression, GzEncoder, ReceivedRequest, Wire, Write, gzip, io};

    /// A list of spaces, many times as long as the size limit.
    pub(in super::super) fn flat() -> Vec<u8> {
        // Compressed once, as it takes a while.
        static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
        BOMB.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(b"[").unwrap();
            let spaces = vec![b' '; 1 << 20];
            for _ in 0..16 {
                encoder.write_all(&spaces).unwrap();
            }
            encoder.write_all(b"]").unwrap();
            encoder.finish().unwrap()
        })
        .clone()
    }

    /// Many gzip members in a row, each small.
    pub(in super::super) fn members() -> Vec<u8> {
        gzip(&[b' '; 4096]).repeat(1000)
    }

    pub(in super::super) fn nested() -> Vec<u8> {
        gzip(&gzip(b"[]"))
    }

    /// The first header has the requested encoding, the second one an additional encoding.
    pub(in super::super) fn two_headers(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let head = "Content-Encoding: identity\r\nContent-Encoding: br\r\n";
        wire.answer("200 OK", head, b"[]")
    }

    pub(in super::super) fn corrupt() -> Vec<u8> {
        let mut bytes = gzip(b"[]");
        // The checksum.
        let end = bytes.len() - 8;
        bytes[end] ^= 0xff;
        bytes
    }

    pub(in super::super) fn with_trailing_data() -> Vec<u8> {
        let mut bytes = gzip(b"[]");
        bytes.extend_from_slice(b"Planted-in-an-answer");
        bytes
    }
}

pub(super) mod rows {
    use serde_json::json;

    use super::{PLANTED, ReceivedRequest, Wire, body, gzip, io, stamp};

    const LEVELS: usize = 200_000;

    pub(in super::super) fn deep_lists() -> Vec<u8> {
        gzip(&vec![b'['; LEVELS])
    }

    pub(in super::super) fn deep_objects() -> Vec<u8> {
        gzip(format!("[{}", "{\"a\":".repeat(LEVELS)).as_bytes())
    }

    /// The right rows, and one more row.
    fn with_row(request: &ReceivedRequest, wire: &mut Wire, row: &str) -> io::Result<()> {
        let rows = request.page_of_rows();
        let first = request.page.unwrap_or(1) == 1;
        let mut list = json!(rows).to_string();
        if first {
            list.pop();
            list = format!("{list}{}{row}]", if rows.is_empty() { "" } else { "," });
        }
        let total = request.rows().len() + 1;
        let head = format!("Total: {total}\r\nContent-Encoding: gzip\r\n");
        wire.answer("200 OK", &head, &gzip(list.as_bytes()))
    }

    pub(in super::super) fn deep_row(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        with_row(request, wire, &format!("{{\"id\": 999, \"name\": {deep}}}"))
    }

    pub(in super::super) fn tiny() -> Vec<u8> {
        gzip(format!("[{}{{}}]", "{},".repeat(100_000)).as_bytes())
    }

    pub(in super::super) fn wide_row(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        with_row(request, wire, &format!("{{\"id\": 999, \"name\": [{}0]}}", "0,".repeat(120_000)))
    }

    pub(in super::super) fn invalid_utf_8(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        body(wire, b"[{\"id\": 999, \"name\": \"Planted-in-an-answer \xff\xc0\xaf\"}]")
    }

    pub(in super::super) fn lone_surrogate(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let row = format!("{{\"id\": 999, \"name\": \"{PLANTED} \\ud800\"}}");
        with_row(request, wire, &row)
    }

    pub(in super::super) fn bare_nul(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        body(wire, b"[{\"id\": 999, \"name\": \"Planted-in-an-answer\0\0\"}]\0")
    }

    pub(in super::super) fn control_id(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let id = format!("\"9\\u0000\\n{PLANTED}\"");
        let row = format!(
            "{{\"id\": {id}, \"menu_path_id\": {id}, \"agent_id\": {id}, \"in_queue_count\": 1}}"
        );
        with_row(request, wire, &row)
    }

    pub(in super::super) fn huge_numbers(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        // An id for each kind of row, and a field that has to be an integer.
        with_row(
            request,
            wire,
            "{\"id\": 99999999999999999999999, \"menu_path_id\": 1e400, \"agent_id\": 1e400, \
             \"started_at\": 1e400, \"status_id\": -1e400, \"in_queue_count\": 1e400}",
        )
    }

    pub(in super::super) fn impossible_timestamp(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let stamps = [
            "0000-01-01T00:00:00.000Z",
            "+294276-12-31T23:59:59.999Z",
            "2026-02-30T12:00:00.000Z",
            "2026-01-01T25:61:61.000Z",
            "2026-01-01T12:00:00.000+99:99",
        ];
        let stamp = stamps[request.number % stamps.len()];
        let fields = ["status_updated_at", "created_at", "started_at", "updated_at"]
            .map(|name| format!("\"{name}\": \"{stamp}\""))
            .join(", ");
        // Where rows have no timestamp, the value is in a field that has to be a number.
        let row = format!(
            "{{\"id\": 999, \"agent_id\": 1, \"status_id\": {{}}, \"oldest_in_queue\": \"{stamp}\", \
             \"position\": \"{stamp}\", \"name\": {{}}, \"menu_path\": {{}}, {fields}}}"
        );
        with_row(request, wire, &row)
    }

    /// `[]` without a count, as of an empty contact centre; every other answer is right.
    pub(in super::super) fn empty_now_and_then(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let rows = if request.turn % 2 == 1 { Vec::new() } else { request.page_of_rows() };
        body(wire, json!(rows).to_string().as_bytes())
    }

    /// The right rows, and one more with an id that is in no other answer.
    pub(in super::super) fn new_ids(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let mut row = json!({"activity": "call_picked_up", "in_queue_count": 1, "status_id": 0,
            "started_at": stamp(1)});
        for field in ["id", "menu_path_id", "agent_id"] {
            row[field] = json!(format!("9000{}", request.number));
        }
        if request.endpoint != "agents" && request.endpoint != "agent_activity_logs" {
            row["status"] = json!("Available");
        }
        with_row(request, wire, &row.to_string())
    }

    pub(in super::super) fn partial_content(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let rows = json!(request.fewer_rows()).to_string();
        wire.answer("206 Partial Content", "Content-Range: bytes 0-99/*\r\n", rows.as_bytes())
    }
}

pub(super) mod contradiction {
    use serde_json::json;

    use super::{ReceivedRequest, Wire, io};

    /// The rows without the first one, and a count that differs from their number.
    pub(in super::super) fn shifted(
        request: &ReceivedRequest,
        wire: &mut Wire,
        by: i64,
    ) -> io::Result<()> {
        let rows = request.fewer_rows();
        let total = i64::try_from(rows.len()).unwrap() + by;
        let shown = if request.page.unwrap_or(1) > 1 { &[] } else { &rows[..] };
        // A count below 0 is a test of its own.
        wire.rows(shown, &if total < 0 { 7 } else { total }.to_string())
    }

    pub(in super::super) fn with_total(
        request: &ReceivedRequest,
        wire: &mut Wire,
        total: &str,
    ) -> io::Result<()> {
        let rows = if request.page.unwrap_or(1) > 1 { Vec::new() } else { request.fewer_rows() };
        wire.rows(&rows, total)
    }

    pub(in super::super) fn two(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let rows = if request.page.unwrap_or(1) > 1 { Vec::new() } else { request.fewer_rows() };
        let head = format!("Total: {}\r\nTotal: {}\r\n", rows.len(), rows.len() + 1);
        wire.answer("200 OK", &head, json!(rows).to_string().as_bytes())
    }

    pub(in super::super) fn moving(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let rows = request.fewer_rows();
        let page = request.page.unwrap_or(1);
        let half = rows.len().div_ceil(2);
        let shown = rows.chunks(half.max(1)).nth(page as usize - 1).unwrap_or_default();
        let total = rows.len() + usize::from(page == 1);
        wire.rows(shown, &total.to_string())
    }
}

pub(super) mod slow {
    use super::{Duration, ReceivedRequest, Wire, Write, io, sleep};

    /// The time between two bytes.
    const INTERVAL: Duration = Duration::from_millis(5);

    fn forever(wire: &mut Wire, byte: u8) -> io::Result<()> {
        loop {
            sleep(INTERVAL);
            wire.write_all(&[byte])?;
        }
    }

    pub(in super::super) fn body(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[")?;
        forever(wire, b' ')
    }

    pub(in super::super) fn head(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ")?;
        forever(wire, b'x')
    }

    pub(in super::super) fn no_answer(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.until_gone()
    }
}

pub(super) mod endless {
    use super::{Duration, ReceivedRequest, Wire, Write, io, sleep};

    fn forever(wire: &mut Wire, bytes: &[u8]) -> io::Result<()> {
        loop {
            wire.write_all(bytes)?;
        }
    }

    pub(in super::super) fn body(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[")?;
        forever(wire, &[b' '; 4096])
    }

    pub(in super::super) fn chunks(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n")?;
        forever(wire, b"1\r\n \r\n".repeat(500).as_slice())
    }

    pub(in super::super) fn chunk_extension(
        _: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")?;
        forever(wire, &[b'x'; 4096])
    }

    pub(in super::super) fn trailers(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n")?;
        forever(wire, b"X-Trailer: 1\r\n".repeat(100).as_slice())
    }

    pub(in super::super) fn informational(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        loop {
            wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n")?;
            sleep(Duration::from_millis(1));
        }
    }
}

pub(super) mod lengths {
    use super::{ReceivedRequest, Wire, Write, io};

    fn with_lengths(wire: &mut Wire, lengths: &str) -> io::Result<()> {
        write!(wire, "HTTP/1.1 200 OK\r\nConnection: close\r\n{lengths}\r\n[ ]")
    }

    pub(in super::super) fn too_long(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        with_lengths(wire, "Content-Length: 400\r\n")
    }

    /// The end of the list is beyond the length.
    pub(in super::super) fn too_short(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        with_lengths(wire, "Content-Length: 2\r\n")
    }

    pub(in super::super) fn two(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        with_lengths(wire, "Content-Length: 2\r\nContent-Length: 3\r\n")
    }

    pub(in super::super) fn negative(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        with_lengths(wire, "Content-Length: -3\r\n")
    }
}

pub(super) mod cut {
    use super::{ReceivedRequest, Wire, Write, io};

    pub(in super::super) fn head(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Le")
    }

    /// What came before the end of the connection is a valid list.
    pub(in super::super) fn body(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]")
    }

    pub(in super::super) fn chunks(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n")
    }

    pub(in super::super) fn garbage(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let bytes: [&[u8]; 4] = [
            b"\0\0\0\0\0\0\0\0",
            b"HTTP/9.9 200 OK\r\n\r\n[]",
            b"HTTP/1.1 2000 OK\r\n\r\n[]",
            b"\x16\x03\x01\x02\x00\x01Planted-in-an-answer\r\n\r\n",
        ];
        wire.write_all(bytes[request.number % bytes.len()])
    }
}

pub(super) mod refusals {
    use super::{Duration, PLANTED, ReceivedRequest, Wire, Write, io, sleep};

    pub(in super::super) fn pause(wire: &mut Wire, retry_after: &str) -> io::Result<()> {
        let head = format!("Retry-After: {retry_after}\r\n");
        wire.answer("429 Too Many Requests", &head, PLANTED.as_bytes())
    }

    pub(in super::super) fn server_error(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.answer("503 Service Unavailable", "Retry-After: 978307200\r\n", PLANTED.as_bytes())
    }

    pub(in super::super) fn large_page(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        // More than the buffers of two sockets take: whether it is read shows in what is written.
        write!(wire, "HTTP/1.1 500 Oh No\r\nContent-Length: {}\r\n\r\n", 64 << 20)?;
        let chunk = PLANTED.repeat(1 << 12);
        for _ in 0..=(64 << 20) / chunk.len() {
            wire.write_all(chunk.as_bytes())?;
        }
        Ok(())
    }

    pub(in super::super) fn slow_page(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 500 Oh No\r\nContent-Length: 1000000\r\n\r\n")?;
        loop {
            sleep(Duration::from_millis(5));
            wire.write_all(b" ")?;
        }
    }
}

pub(super) mod headers {
    use serde_json::json;

    use super::{PLANTED, ReceivedRequest, Wire, Write, io};

    pub(in super::super) fn large(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.answer("200 OK", &format!("X-Large: {}\r\n", "x".repeat(4 << 20)), b"[]")
    }

    pub(in super::super) fn cookies(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.answer("200 OK", &format!("Set-Cookie: a={PLANTED}\r\n").repeat(5_000), b"[]")
    }

    /// A right answer with a cookie.
    pub(in super::super) fn few_cookies(
        request: &ReceivedRequest,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let rows = json!(request.page_of_rows()).to_string();
        let total = request.rows().len();
        let head = format!("Total: {total}\r\nSet-Cookie: session={PLANTED}; Path=/\r\n");
        wire.answer("200 OK", &head, rows.as_bytes())
    }

    pub(in super::super) fn endless(_: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            wire.write_all(b"X-More: more\r\n".repeat(100).as_slice())?;
        }
    }

    /// The right rows with an impossible date.
    pub(in super::super) fn dates(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
        let dates = [
            "Thu, 01 Jan 0000 00:00:00 GMT",
            "Fri, 31 Dec 294276 23:59:59 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            PLANTED,
        ];
        let rows = json!(request.page_of_rows()).to_string();
        let total = request.rows().len();
        let date = dates[request.number % dates.len()];
        wire.answer("200 OK", &format!("Total: {total}\r\nDate: {date}\r\n"), rows.as_bytes())
    }
}
