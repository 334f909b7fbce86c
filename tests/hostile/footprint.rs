//! The memory of the built program under bad answers, with its default limits.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::bad_answers::{body, compressed, endless, headers, refusals};
use super::recovery::{authorization_of, contains};
use super::vendor::{CHANGES, PLANTED, ReceivedRequest, Vendor, Wire};
use crate::support::process::Floorcast;
use crate::support::wait_until;

const DEADLINE: Duration = Duration::from_secs(120);
/// How far the peak of resident memory may rise, in KiB: one account's largest answers, decoded,
/// and what the allocator keeps of them.
const MAX_RISE: u64 = 160 << 10;
const PASSWORD: &str = "Planted-password-of-the-footprint";

/// One value of `/proc/…/status`, in KiB.
fn status(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A gzip stream of a sequence of bytes, repeated, in members of 16 MiB.
fn repeated(start: &[u8], sequence: &[u8], members: usize) -> Vec<u8> {
    let member = |bytes: &[u8], times: usize| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..times {
            encoder.write_all(bytes).unwrap();
        }
        encoder.finish().unwrap()
    };
    let mut all = member(start, 1);
    all.extend(member(sequence, (16 << 20) / sequence.len()).repeat(members));
    all
}

/// Two gigabytes, of which 8 MiB are sent.
fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| repeated(b"[", &vec![b' '; 1 << 20], 110))
}

/// One row of two million values.
fn wide() -> &'static [u8] {
    static WIDE: OnceLock<Vec<u8>> = OnceLock::new();
    WIDE.get_or_init(|| {
        let row = format!("[{{\"id\": 1, \"name\": [0{}]}}]", ",0".repeat((4 << 19) - 100));
        repeated(row.as_bytes(), b" ", 0)
    })
}

/// Millions of rows, just below the size limit.
fn many() -> &'static [u8] {
    static MANY: OnceLock<Vec<u8>> = OnceLock::new();
    MANY.get_or_init(|| repeated(b"[{}", b",{}", 1))
}

/// One text, just below the size limit.
fn long() -> &'static [u8] {
    static LONG: OnceLock<Vec<u8>> = OnceLock::new();
    LONG.get_or_init(|| {
        let mut bytes = repeated(b"[{\"id\": 1, \"name\": \"", b"x", 1);
        bytes.extend(repeated(b"\"}]", b" ", 0));
        bytes
    })
}

/// Each bad answer in turn.
fn all_in_turn(request: &ReceivedRequest, wire: &mut Wire) -> io::Result<()> {
    match request.number % 10 {
        0 => compressed(wire, "gzip", bomb()),
        1 => compressed(wire, "gzip", wide()),
        2 => compressed(wire, "gzip", many()),
        3 => compressed(wire, "gzip", long()),
        4 => endless::body(request, wire),
        5 => endless::chunks(request, wire),
        6 => refusals::large_page(request, wire),
        7 => headers::large(request, wire),
        8 => headers::cookies(request, wire),
        _ => body(wire, &vec![b'['; 6 << 20]),
    }
}

#[test]
fn the_memory_of_the_program_is_bounded_whatever_the_vendor_sends() {
    let vendor = Vendor::open(authorization_of(PASSWORD));
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("floorcast.toml");
    let quick = ["agents", "agent_statuses", "agent_activity", "calls", "chats", "queues"]
        .map(|stream| format!("[account.streams.{stream}]\nmax_interval = \"1s\"\n"));
    let text = format!(
        "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\ndeployment = \"tests\"\n\
         [state]\ndir = \"{}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [[account]]\nname = \"acme\"\nvendor = \"ccai\"\nbase_url = \"{}\"\n\
         username = \"acme\"\npassword = {{ env = \"ACME_TOKEN\" }}\n\
         requests_per_second = 100\nlongest_pause = \"1s\"\n{}",
        directory.path().join("state").display(),
        vendor.url(),
        quick.concat()
    );
    std::fs::write(&config, text).unwrap();
    let config = config.display().to_string();
    let mut bridge = Floorcast::start(
        &["run", "--dry-run", "--config", &config],
        &[("ACME_TOKEN", PASSWORD), ("FLOORCAST_LOG", "debug")],
    );
    bridge.wait_for_line("\"AgentAdded\"", DEADLINE);
    wait_until(DEADLINE, "every endpoint is polled", || vendor.least_requests() >= 1);
    let before = status(bridge.id(), "VmHWM:");

    vendor.answer_badly(all_in_turn);
    wait_until(DEADLINE, "every bad answer was sent more than once", || {
        assert!(!bridge.has_ended(), "{}", bridge.output());
        vendor.answers() >= 60
    });
    let rise = status(bridge.id(), "VmHWM:").saturating_sub(before);
    eprintln!("peak before: {before} KiB, rise: {rise} KiB");
    assert!(rise < MAX_RISE, "the peak rose by {rise} KiB, from {before} KiB");

    vendor.answer_well();
    for (event, key) in CHANGES.iter().filter(|(event, _)| event.starts_with("Agent")) {
        let has_event = |line: &String| line.contains(event) && line.contains(key);
        wait_until(DEADLINE, "the bridge recovers", || bridge.stdout().iter().any(has_event));
    }
    bridge.terminate();
    assert!(bridge.wait(DEADLINE).success(), "{}", bridge.output());
    let output = bridge.output();
    assert!(output.contains(" DEBUG floorcast::source::http: retrying a request"), "{output}");
    let output = output.into_bytes();
    for text in [PASSWORD, PLANTED, &authorization_of(PASSWORD)["authorization: Basic ".len()..]] {
        assert!(!contains(&output, text), "{text} is in the output");
    }
}
