//! The check that a bridge recovers from bad answers without publishing anything because of them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use floorcast::bridge::{Bridge, BridgeParts, EventDestination};
use floorcast::clock::{Clock, SystemClock};
use floorcast::config::{Config, Environment};
use floorcast::engine::Start;
use floorcast::model::Privacy;
use floorcast::poll::{BudgetSettings, Share};
use floorcast::shard::AccountParts;
use floorcast::source::Limits;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::vendor::{BadAnswer, CHANGES, PLANTED, Vendor};
use crate::support::wait_until;

/// How long a condition is waited for.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often every endpoint is requested while the answers are bad: often enough for three polls of
/// three attempts each, and for a removal by full scans that would be complete.
const BAD_REQUESTS: usize = 9;
/// The limits of an answer in bytes, as received and as decompressed.
const COMPRESSED: usize = 64 << 10;
const DECOMPRESSED: usize = 2 << 20;
/// How much the buffers of two sockets may take in addition.
const SOCKETS: u64 = 32 << 20;

/// What a bad answer may lead to.
#[derive(Clone, Copy)]
pub(super) struct Expectation {
    /// The timeout of a request.
    pub(super) timeout: Duration,
    /// How often every endpoint is requested while the answers are bad.
    pub(super) requests: usize,
    /// Whether rows are quarantined; a bad answer may lead to no other event.
    pub(super) quarantines_rows: bool,
    /// Whether the answers contain new entities.
    pub(super) shows_new_ids: bool,
    /// Whether the answers are bad until the conditional requests were sent, too.
    pub(super) until_conditional_requests: bool,
}

impl Default for Expectation {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            requests: BAD_REQUESTS,
            quarantines_rows: false,
            shows_new_ids: false,
            until_conditional_requests: false,
        }
    }
}

/// The log of all bridges of this process.
pub(super) fn log() -> &'static Mutex<Vec<u8>> {
    static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    struct Writer;
    impl Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            log().lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let log = LOG.get_or_init(Mutex::default);
    INSTALLED.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(|| Writer)
            .finish();
        // No other test of this binary sets a subscriber.
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    log
}

/// A bridge in this process, its vendor, and the events that it has emitted.
struct ObservedBridge {
    runtime: Runtime,
    bridge: Option<Bridge>,
    vendor: Vendor,
    lines: Receiver<String>,
    events: Vec<Value>,
    state: tempfile::TempDir,
    password: String,
    pair: String,
}

impl ObservedBridge {
    fn start(
        case: &str,
        Expectation { timeout, until_conditional_requests, .. }: Expectation,
    ) -> Self {
        log();
        let password = format!("Planted-password-of-{case}");
        let pair = STANDARD.encode(format!("acme:{password}"));
        let authorization = authorization_of(&password);
        let vendor = if until_conditional_requests {
            Vendor::open_with_waiting_call(authorization)
        } else {
            Vendor::open(authorization)
        };
        let state = tempfile::tempdir().unwrap();
        let (sender, lines) = channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let text = format!(
            "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\ndeployment = \"tests\"\n\
             [[account]]\nname = \"acme\"\nvendor = \"ccai\"\nbase_url = \"{}\"\n\
             username = \"acme\"\npassword = {{ env = \"PASSWORD\" }}\n",
            vendor.url()
        );
        let environment = Environment::from([(String::from("PASSWORD"), password.clone())]);
        let config = Config::read("tests", &text, &environment).unwrap();
        let mut account =
            AccountParts::configured(&config.accounts[0], &Arc::new(environment)).unwrap();
        for stream in &mut account.streams {
            stream.min_interval = Duration::from_millis(20);
            stream.share = Share::default();
        }
        account.budget = BudgetSettings {
            requests_per_second: 5_000.0,
            longest_pause: Duration::from_millis(5),
        };
        account.start = Start::At(SystemClock.now() - Duration::from_hours(1));
        let limits = Limits {
            head: timeout,
            body: timeout,
            error_page: timeout.min(Duration::from_millis(500)),
            compressed: COMPRESSED,
            decompressed: DECOMPRESSED,
            pause: Duration::from_millis(1),
            ..Limits::default()
        };
        let parts = BridgeParts {
            deployment: String::from("tests"),
            accounts: vec![account],
            destination: EventDestination::Lines(sender),
            registry: None,
            state_dir: state.path().join("state"),
            outbox_limit: 1 << 30,
            privacy: Privacy::default(),
            limits,
            admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            clock: Arc::new(SystemClock),
        };
        let bridge = Some(runtime.block_on(Bridge::start(parts)).unwrap());
        Self { runtime, bridge, vendor, lines, events: Vec::new(), state, password, pair }
    }

    /// Receives new events: how many events there are.
    fn receive(&mut self) -> usize {
        let lines = self.lines.try_iter();
        self.events.extend(lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()));
        self.events.len()
    }

    /// How often each event was emitted, without the first `since` events.
    fn events_since(&self, since: usize) -> BTreeMap<(String, String), usize> {
        let mut events = BTreeMap::new();
        for event in &self.events[since..] {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            *events.entry((text("event"), text("key"))).or_default() += 1;
        }
        events
    }

    fn page(&self, path: &str) -> String {
        let address = self.bridge.as_ref().unwrap().admin_address().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// The header line of the account's credentials.
pub(super) fn authorization_of(password: &str) -> String {
    format!("authorization: Basic {}", STANDARD.encode(format!("acme:{password}")))
}

/// Whether the bytes contain the text.
pub(super) fn contains(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}

pub(super) fn files(directory: &Path, found: &mut Vec<u8>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.extend(std::fs::read(&path).unwrap());
        }
    }
}

/// Runs a bridge with a vendor that answers correctly, then badly, then correctly again.
pub(super) fn check_recovery(case: &str, bad_answer: BadAnswer, expected: Expectation) {
    let logged_before = log().lock().unwrap().len();
    let mut observed = ObservedBridge::start(case, expected);
    let mut seen = 0;
    wait_until(DEADLINE, "the baseline is emitted", || {
        let (before, requests) = (seen, observed.vendor.least_requests());
        seen = observed.receive();
        seen > 0 && before == seen && requests >= 4
    });
    let first = observed.events_since(0);
    for (event, key) in [
        ("AgentAdded", "acme:agent:1"),
        ("AgentHoldStarted", "acme:agent:1"),
        ("QueueDepthChanged", "acme:queue_path:5/en/call"),
        ("CallConnected", "acme:call:70"),
    ] {
        assert!(first.contains_key(&(event.to_owned(), key.to_owned())), "{event}: {first:?}");
    }

    let events_before = observed.receive();
    observed.vendor.answer_badly(bad_answer);
    wait_until(DEADLINE, "the bad answers are requested again and again", || {
        let conditional =
            !expected.until_conditional_requests || observed.vendor.has_conditional_requests();
        observed.vendor.least_requests() >= expected.requests && conditional
    });
    let pages: Vec<_> =
        ["/metrics", "/status", "/readyz"].iter().map(|path| observed.page(path)).collect();
    observed.vendor.answer_well();
    let mut changes = CHANGES.to_vec();
    if expected.until_conditional_requests {
        // This call has waited too long by now, and still waits.
        changes.push(("SlaBreached", "acme:call:72"));
    }
    wait_until(DEADLINE, "the changes are emitted", || {
        observed.receive();
        let emitted = observed.events_since(events_before);
        changes.iter().all(|(event, key)| emitted.contains_key(&((*event).into(), (*key).into())))
    });
    let begun = observed.vendor.least_requests();
    wait_until(DEADLINE, "the right answers are requested again and again", || {
        observed.vendor.least_requests() >= begun + 4
    });
    let ready = observed.page("/readyz");
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    observed.receive();

    // Each change once, and nothing else.
    let mut emitted = observed.events_since(events_before);
    for (event, key) in changes {
        assert_eq!(emitted.remove(&(event.into(), key.into())), Some(1), "{event} {key}");
    }
    if expected.quarantines_rows {
        let before = emitted.len();
        emitted.retain(|(event, _), _| event != "RecordQuarantined");
        assert!(before > emitted.len(), "no row is quarantined");
    }
    if expected.shows_new_ids {
        let before = emitted.len();
        emitted.retain(|(_, key), _| !key.contains(":9000"));
        assert!(before > emitted.len(), "no new id is emitted");
    }
    assert!(emitted.is_empty(), "emitted because of bad answers: {emitted:?}");

    assert_eq!(
        observed.vendor.other_host_requests(),
        [] as [String; 0],
        "requests to another host"
    );
    assert_eq!(observed.vendor.cookies(), [] as [String; 0], "cookies");
    let most = observed.vendor.most_written();
    assert!(most <= COMPRESSED as u64 + SOCKETS, "{most} bytes of one answer were received");

    let bridge = observed.bridge.take().unwrap();
    let _ = observed.runtime.block_on(bridge.stop(Duration::from_secs(10)));
    observed.receive();
    let mut store = Vec::new();
    files(observed.state.path(), &mut store);
    let events = observed.events.iter().map(Value::to_string).collect::<String>().into_bytes();
    let logged = log().lock().unwrap()[logged_before..].to_vec();
    let pages = pages.concat().into_bytes();
    let places = [
        ("log", logged, "DEBUG"),
        ("pages", pages, "acme"),
        ("events", events, "Mira"),
        ("store", store, "Mira"),
    ];
    for (place, bytes, expected) in &places {
        // This shows that the search works.
        assert!(contains(bytes, expected), "{expected} is not in the {place}");
        assert!(!contains(bytes, &observed.password), "the password is in the {place}");
        assert!(!contains(bytes, &observed.pair), "the credentials are in the {place}");
        assert!(!contains(bytes, PLANTED), "a part of an answer is in the {place}");
    }
}
