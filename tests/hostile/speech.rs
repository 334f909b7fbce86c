//! What a vendor may say instead of an answer.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::vendor::{Asked, PLANTED, Wire, stamp};

/// An answer with status 200.
pub(super) fn body(wire: &mut Wire, body: &[u8]) -> io::Result<()> {
    wire.answer("200 OK", "", body)
}

/// An answer with status 200 in this encoding.
pub(super) fn compressed(wire: &mut Wire, encoding: &str, body: &[u8]) -> io::Result<()> {
    wire.answer("200 OK", &format!("Content-Encoding: {encoding}\r\n"), body)
}

/// Every body is compressed once in a process: that takes longer than to read it.
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
    use super::{Asked, PLANTED, Wire, io};

    pub(in super::super) fn to_another_host(
        status: &str,
        asked: &Asked,
        wire: &mut Wire,
    ) -> io::Result<()> {
        let head = format!("Location: http://{}/{}\r\n", asked.elsewhere, asked.endpoint);
        wire.answer(status, &head, PLANTED.as_bytes())
    }

    pub(in super::super) fn to_another_scheme(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let head = format!("Location: https://{}/{}\r\n", asked.elsewhere, asked.endpoint);
        wire.answer("308 Permanent Redirect", &head, PLANTED.as_bytes())
    }

    pub(in super::super) fn refresh(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let head = format!("Refresh: 0; url=http://{}/\r\n", asked.elsewhere);
        wire.answer("200 OK", &head, PLANTED.as_bytes())
    }
}

pub(super) mod links {
    use serde_json::json;

    use super::{Asked, Wire, io};

    /// Fewer rows than there are, without a count, and this next page.
    fn linked(wire: &mut Wire, rows: &[serde_json::Value], link: &str) -> io::Result<()> {
        wire.answer("200 OK", &format!("Link: {link}\r\n"), json!(rows).to_string().as_bytes())
    }

    pub(in super::super) fn elsewhere(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let link = format!("<http://{}/{}?page=2>; rel=\"next\"", asked.elsewhere, asked.endpoint);
        // The second page is the first one again: the pages themselves prove nothing.
        linked(wire, &asked.fewer_rows(), &link)
    }

    pub(in super::super) fn itself(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        linked(wire, &asked.fewer_rows(), "<?page=1>; rel=\"next\"")
    }

    pub(in super::super) fn circle(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let page = asked.page.unwrap_or(1);
        let rows = asked.fewer_rows();
        let (one, other) = rows.split_at(rows.len() / 2);
        let shown = if page % 2 == 1 { one } else { other };
        linked(wire, shown, &format!("<?page={}>; rel=\"next\"", page % 2 + 1))
    }

    pub(in super::super) fn garbage(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        linked(wire, &asked.fewer_rows(), "<<<;;;rel=\"next\"\u{1}, rel=next")
    }

    pub(in super::super) fn beyond_ascii(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        linked(wire, &asked.fewer_rows(), "<?page=2>; title=\"n\u{e4}chste\"; rel=\"next\"")
    }
}

pub(super) mod bombs {
    use std::sync::OnceLock;

    use super::{Asked, Compression, GzEncoder, Wire, Write, gzip, io};

    /// A list of spaces, many times as long as the cap.
    pub(in super::super) fn flat() -> Vec<u8> {
        // Made once, as it takes a while.
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

    /// The first header names what was asked for, the second what was done as well.
    pub(in super::super) fn two_headers(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        let head = "Content-Encoding: identity\r\nContent-Encoding: br\r\n";
        wire.answer("200 OK", head, b"[]")
    }

    pub(in super::super) fn broken() -> Vec<u8> {
        let mut bytes = gzip(b"[]");
        // The check sum.
        let end = bytes.len() - 8;
        bytes[end] ^= 0xff;
        bytes
    }

    pub(in super::super) fn with_waste() -> Vec<u8> {
        let mut bytes = gzip(b"[]");
        bytes.extend_from_slice(b"Planted-in-an-answer");
        bytes
    }
}

pub(super) mod rows {
    use serde_json::json;

    use super::{Asked, PLANTED, Wire, body, gzip, io, stamp};

    const LEVELS: usize = 200_000;

    pub(in super::super) fn deep_lists() -> Vec<u8> {
        gzip(&vec![b'['; LEVELS])
    }

    pub(in super::super) fn deep_objects() -> Vec<u8> {
        gzip(format!("[{}", "{\"a\":".repeat(LEVELS)).as_bytes())
    }

    /// The rows as they are, and one row more.
    fn with_row(asked: &Asked, wire: &mut Wire, row: &str) -> io::Result<()> {
        let rows = asked.page_of_rows();
        let first = asked.page.unwrap_or(1) == 1;
        let mut list = json!(rows).to_string();
        if first {
            list.pop();
            list = format!("{list}{}{row}]", if rows.is_empty() { "" } else { "," });
        }
        let total = asked.rows().len() + 1;
        let head = format!("Total: {total}\r\nContent-Encoding: gzip\r\n");
        wire.answer("200 OK", &head, &gzip(list.as_bytes()))
    }

    pub(in super::super) fn deep_row(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        with_row(asked, wire, &format!("{{\"id\": 999, \"name\": {deep}}}"))
    }

    pub(in super::super) fn tiny() -> Vec<u8> {
        gzip(format!("[{}{{}}]", "{},".repeat(100_000)).as_bytes())
    }

    pub(in super::super) fn wide_row(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        with_row(asked, wire, &format!("{{\"id\": 999, \"name\": [{}0]}}", "0,".repeat(120_000)))
    }

    pub(in super::super) fn invalid_utf_8(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        body(wire, b"[{\"id\": 999, \"name\": \"Planted-in-an-answer \xff\xc0\xaf\"}]")
    }

    pub(in super::super) fn lone_surrogate(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let row = format!("{{\"id\": 999, \"name\": \"{PLANTED} \\ud800\"}}");
        with_row(asked, wire, &row)
    }

    pub(in super::super) fn bare_nul(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        body(wire, b"[{\"id\": 999, \"name\": \"Planted-in-an-answer\0\0\"}]\0")
    }

    pub(in super::super) fn control_id(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let id = format!("\"9\\u0000\\n{PLANTED}\"");
        let row = format!(
            "{{\"id\": {id}, \"menu_path_id\": {id}, \"agent_id\": {id}, \"in_queue_count\": 1}}"
        );
        with_row(asked, wire, &row)
    }

    pub(in super::super) fn huge_numbers(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        // An id for each kind of row, and a field that has to be whole.
        with_row(
            asked,
            wire,
            "{\"id\": 99999999999999999999999, \"menu_path_id\": 1e400, \"agent_id\": 1e400, \
             \"started_at\": 1e400, \"status_id\": -1e400, \"in_queue_count\": 1e400}",
        )
    }

    pub(in super::super) fn impossible_stamps(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let stamps = [
            "0000-01-01T00:00:00.000Z",
            "+294276-12-31T23:59:59.999Z",
            "2026-02-30T12:00:00.000Z",
            "2026-01-01T25:61:61.000Z",
            "2026-01-01T12:00:00.000+99:99",
        ];
        let stamp = stamps[asked.number % stamps.len()];
        let fields = ["status_updated_at", "created_at", "started_at", "updated_at"]
            .map(|name| format!("\"{name}\": \"{stamp}\""))
            .join(", ");
        // Rows without a stamp have a number that is a stamp, too.
        let row = format!(
            "{{\"id\": 999, \"agent_id\": 1, \"status_id\": {{}}, \"oldest_in_queue\": \"{stamp}\", \
             \"position\": \"{stamp}\", \"name\": {{}}, \"menu_path\": {{}}, {fields}}}"
        );
        with_row(asked, wire, &row)
    }

    /// `[]`, and nothing else to tell that from an empty centre; every other answer is right.
    pub(in super::super) fn empty_now_and_then(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let rows = if asked.turn % 2 == 1 { Vec::new() } else { asked.page_of_rows() };
        body(wire, json!(rows).to_string().as_bytes())
    }

    /// The rows as they are, and one more that was never shown and will not be shown again.
    pub(in super::super) fn new_ids(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let mut row = json!({"activity": "call_picked_up", "in_queue_count": 1, "status_id": 0,
            "started_at": stamp(1)});
        for field in ["id", "menu_path_id", "agent_id"] {
            row[field] = json!(format!("9000{}", asked.number));
        }
        if asked.endpoint != "agents" && asked.endpoint != "agent_activity_logs" {
            row["status"] = json!("Available");
        }
        with_row(asked, wire, &row.to_string())
    }

    pub(in super::super) fn partial_content(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let rows = json!(asked.fewer_rows()).to_string();
        wire.answer("206 Partial Content", "Content-Range: bytes 0-99/*\r\n", rows.as_bytes())
    }
}

pub(super) mod contradiction {
    use serde_json::json;

    use super::{Asked, Wire, io};

    /// Rows without the first of them, and a count that disagrees with them.
    pub(in super::super) fn shifted(asked: &Asked, wire: &mut Wire, by: i64) -> io::Result<()> {
        let rows = asked.fewer_rows();
        let total = i64::try_from(rows.len()).unwrap() + by;
        let shown = if asked.page.unwrap_or(1) > 1 { &[] } else { &rows[..] };
        // Of nothing there cannot be less.
        wire.rows(shown, &if total < 0 { 7 } else { total }.to_string())
    }

    pub(in super::super) fn said(asked: &Asked, wire: &mut Wire, total: &str) -> io::Result<()> {
        let rows = if asked.page.unwrap_or(1) > 1 { Vec::new() } else { asked.fewer_rows() };
        wire.rows(&rows, total)
    }

    pub(in super::super) fn two(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let rows = if asked.page.unwrap_or(1) > 1 { Vec::new() } else { asked.fewer_rows() };
        let head = format!("Total: {}\r\nTotal: {}\r\n", rows.len(), rows.len() + 1);
        wire.answer("200 OK", &head, json!(rows).to_string().as_bytes())
    }

    pub(in super::super) fn moving(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let rows = asked.fewer_rows();
        let page = asked.page.unwrap_or(1);
        let half = rows.len().div_ceil(2);
        let shown = rows.chunks(half.max(1)).nth(page as usize - 1).unwrap_or_default();
        let total = rows.len() + usize::from(page == 1);
        wire.rows(shown, &total.to_string())
    }
}

pub(super) mod drip {
    use super::{Asked, Duration, Wire, Write, io, sleep};

    /// Between two bytes.
    const PAUSE: Duration = Duration::from_millis(5);

    fn forever(wire: &mut Wire, byte: u8) -> io::Result<()> {
        loop {
            sleep(PAUSE);
            wire.write_all(&[byte])?;
        }
    }

    pub(in super::super) fn body(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[")?;
        forever(wire, b' ')
    }

    pub(in super::super) fn head(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nX-Drip: ")?;
        forever(wire, b'x')
    }

    pub(in super::super) fn silence(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.until_gone()
    }
}

pub(super) mod endless {
    use super::{Asked, Duration, Wire, Write, io, sleep};

    fn forever(wire: &mut Wire, bytes: &[u8]) -> io::Result<()> {
        loop {
            wire.write_all(bytes)?;
        }
    }

    pub(in super::super) fn body(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[")?;
        forever(wire, &[b' '; 4096])
    }

    pub(in super::super) fn chunks(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n")?;
        forever(wire, b"1\r\n \r\n".repeat(500).as_slice())
    }

    pub(in super::super) fn chunk_extension(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")?;
        forever(wire, &[b'x'; 4096])
    }

    pub(in super::super) fn trailers(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n")?;
        forever(wire, b"X-Trailer: 1\r\n".repeat(100).as_slice())
    }

    pub(in super::super) fn informational(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        loop {
            wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n")?;
            sleep(Duration::from_millis(1));
        }
    }
}

pub(super) mod lengths {
    use super::{Asked, Wire, Write, io};

    fn said(wire: &mut Wire, lengths: &str) -> io::Result<()> {
        write!(wire, "HTTP/1.1 200 OK\r\nConnection: close\r\n{lengths}\r\n[ ]")
    }

    pub(in super::super) fn too_long(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        said(wire, "Content-Length: 400\r\n")
    }

    /// What is cut off is the end of the list.
    pub(in super::super) fn too_short(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        said(wire, "Content-Length: 2\r\n")
    }

    pub(in super::super) fn two(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        said(wire, "Content-Length: 2\r\nContent-Length: 3\r\n")
    }

    pub(in super::super) fn negative(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        said(wire, "Content-Length: -3\r\n")
    }
}

pub(super) mod cut {
    use super::{Asked, Wire, Write, io};

    pub(in super::super) fn head(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Le")
    }

    /// What came before the cut is a list by itself.
    pub(in super::super) fn body(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]")
    }

    pub(in super::super) fn chunks(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n")
    }

    pub(in super::super) fn garbage(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let bytes: [&[u8]; 4] = [
            b"\0\0\0\0\0\0\0\0",
            b"HTTP/9.9 200 OK\r\n\r\n[]",
            b"HTTP/1.1 2000 OK\r\n\r\n[]",
            b"\x16\x03\x01\x02\x00\x01Planted-in-an-answer\r\n\r\n",
        ];
        wire.write_all(bytes[asked.number % bytes.len()])
    }
}

pub(super) mod refusals {
    use super::{Asked, Duration, PLANTED, Wire, Write, io, sleep};

    pub(in super::super) fn pause(wire: &mut Wire, wish: &str) -> io::Result<()> {
        let head = format!("Retry-After: {wish}\r\n");
        wire.answer("429 Too Many Requests", &head, PLANTED.as_bytes())
    }

    pub(in super::super) fn server_error(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.answer("503 Service Unavailable", "Retry-After: 978307200\r\n", PLANTED.as_bytes())
    }

    pub(in super::super) fn large_page(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.answer("500 Oh No", "", PLANTED.repeat(5 << 20).get(..5 << 20).unwrap().as_bytes())
    }

    pub(in super::super) fn dripping_page(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 500 Oh No\r\nContent-Length: 1000000\r\n\r\n")?;
        loop {
            sleep(Duration::from_millis(5));
            wire.write_all(b" ")?;
        }
    }
}

pub(super) mod headers {
    use serde_json::json;

    use super::{Asked, PLANTED, Wire, Write, io};

    pub(in super::super) fn large(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.answer("200 OK", &format!("X-Large: {}\r\n", "x".repeat(4 << 20)), b"[]")
    }

    pub(in super::super) fn cookies(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.answer("200 OK", &format!("Set-Cookie: a={PLANTED}\r\n").repeat(5_000), b"[]")
    }

    /// A good answer; the vendor's good answers check that no header comes back.
    pub(in super::super) fn few_cookies(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let rows = json!(asked.page_of_rows()).to_string();
        let total = asked.rows().len();
        let head = format!("Total: {total}\r\nSet-Cookie: session={PLANTED}; Path=/\r\n");
        wire.answer("200 OK", &head, rows.as_bytes())
    }

    pub(in super::super) fn endless(_: &Asked, wire: &mut Wire) -> io::Result<()> {
        wire.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            wire.write_all(b"X-More: more\r\n".repeat(100).as_slice())?;
        }
    }

    /// The rows are as they are; the clock is not.
    pub(in super::super) fn dates(asked: &Asked, wire: &mut Wire) -> io::Result<()> {
        let dates = [
            "Thu, 01 Jan 0000 00:00:00 GMT",
            "Fri, 31 Dec 294276 23:59:59 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            PLANTED,
        ];
        let rows = json!(asked.page_of_rows()).to_string();
        let total = asked.rows().len();
        let date = dates[asked.number % dates.len()];
        wire.answer("200 OK", &format!("Total: {total}\r\nDate: {date}\r\n"), rows.as_bytes())
    }
}
