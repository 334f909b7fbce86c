//! The one check that every form has to pass.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use floorcast::bridge::{Bridge, BridgeParts, Destination};
use floorcast::clock::{Clock, SystemClock};
use floorcast::config::{Config, Environment};
use floorcast::engine::Start;
use floorcast::model::Privacy;
use floorcast::poll::{BudgetSettings, Share};
use floorcast::shard::AccountParts;
use floorcast::source::Limits;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::vendor::{NEWS, PLANTED, Speech, Vendor};
use crate::support::wait_until;

/// How long anything is waited for before a test is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often every endpoint is asked while the vendor is bad: often enough for three readings that
/// are each tried three times, and for a removal by sweeps that would be complete.
const BAD_QUESTIONS: usize = 9;
/// Bytes of an answer over the wire, and when decompressed.
const COMPRESSED: usize = 64 << 10;
const DECOMPRESSED: usize = 2 << 20;
/// What the buffers of two sockets may swallow beside it.
const SOCKETS: u64 = 32 << 20;

/// What a form of badness may lead to.
#[derive(Clone, Copy)]
pub(super) struct Survival {
    /// How long an answer is waited for.
    pub(super) wait: Duration,
    /// How often every endpoint is asked while the vendor is bad.
    pub(super) questions: usize,
    /// Whether rows may be set aside; no other event may come of a bad answer.
    pub(super) sets_rows_aside: bool,
    /// Whether the answers show entities that are new.
    pub(super) shows_new_ids: bool,
    /// Whether it is bad for long enough that also those questions are asked again and again that
    /// need a cause.
    pub(super) is_bad_for_long: bool,
}

impl Default for Survival {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(10),
            questions: BAD_QUESTIONS,
            sets_rows_aside: false,
            shows_new_ids: false,
            is_bad_for_long: false,
        }
    }
}

/// All that is logged by all bridges of this process.
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
        // No other test of this binary logs in process.
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    log
}

/// A bridge in this process, its vendor, and the events it has told.
struct Watched {
    runtime: Runtime,
    bridge: Option<Bridge>,
    vendor: Vendor,
    lines: Receiver<String>,
    events: Vec<Value>,
    state: tempfile::TempDir,
    password: String,
    pair: String,
}

impl Watched {
    fn start(form: &str, Survival { wait, is_bad_for_long, .. }: Survival) -> Self {
        log();
        let password = format!("Planted-password-of-{form}");
        let pair = STANDARD.encode(format!("acme:{password}"));
        let authorization = authorization_of(&password);
        let vendor = if is_bad_for_long {
            Vendor::open_with_a_wait(authorization)
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
            head: wait,
            body: wait,
            error_page: wait.min(Duration::from_millis(500)),
            compressed: COMPRESSED,
            decompressed: DECOMPRESSED,
            pause: Duration::from_millis(1),
            ..Limits::default()
        };
        let parts = BridgeParts {
            deployment: String::from("tests"),
            accounts: vec![account],
            destination: Destination::Lines(sender),
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

    /// Takes in what was told meanwhile; how many events there are.
    fn listen(&mut self) -> usize {
        let lines = self.lines.try_iter();
        self.events.extend(lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()));
        self.events.len()
    }

    /// How often each event was told since that many.
    fn told_since(&self, since: usize) -> BTreeMap<(String, String), usize> {
        let mut told = BTreeMap::new();
        for event in &self.events[since..] {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            *told.entry((text("event"), text("key"))).or_default() += 1;
        }
        told
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

/// Whether the text stands in the bytes.
pub(super) fn holds(bytes: &[u8], text: &str) -> bool {
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

/// Lets a bridge meet a vendor that is good, then bad in this form, then good again.
pub(super) fn survives(form: &str, speech: Speech, expected: Survival) {
    let logged_before = log().lock().unwrap().len();
    let mut watched = Watched::start(form, expected);
    let mut seen = 0;
    wait_until(PATIENCE, "the first look is told", || {
        let (before, asked) = (seen, watched.vendor.least_asked());
        seen = watched.listen();
        seen > 0 && before == seen && asked >= 4
    });
    let first = watched.told_since(0);
    for (event, key) in [
        ("AgentAdded", "acme:agent:1"),
        ("AgentHoldStarted", "acme:agent:1"),
        ("QueueDepthChanged", "acme:queue_path:5/en/call"),
        ("CallConnected", "acme:call:70"),
    ] {
        assert!(first.contains_key(&(event.to_owned(), key.to_owned())), "{event}: {first:?}");
    }

    let told_before = watched.listen();
    watched.vendor.go_bad(speech);
    wait_until(PATIENCE, "the bad vendor is asked again and again", || {
        let for_a_cause = !expected.is_bad_for_long || watched.vendor.was_asked_for_a_cause();
        watched.vendor.least_asked() >= expected.questions && for_a_cause
    });
    let pages: Vec<_> =
        ["/metrics", "/status", "/readyz"].iter().map(|path| watched.page(path)).collect();
    watched.vendor.recover();
    let mut news = NEWS.to_vec();
    if expected.is_bad_for_long {
        // It waited too long meanwhile, and still does.
        news.push(("SlaBreached", "acme:call:72"));
    }
    wait_until(PATIENCE, "what happened meanwhile is told", || {
        watched.listen();
        let told = watched.told_since(told_before);
        news.iter().all(|(event, key)| told.contains_key(&((*event).into(), (*key).into())))
    });
    let begun = watched.vendor.least_asked();
    wait_until(PATIENCE, "the good vendor is asked again and again", || {
        watched.vendor.least_asked() >= begun + 4
    });
    let ready = watched.page("/readyz");
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    watched.listen();

    // The news, each once, and nothing else.
    let mut told = watched.told_since(told_before);
    for (event, key) in news {
        assert_eq!(told.remove(&(event.into(), key.into())), Some(1), "{event} {key}");
    }
    if expected.sets_rows_aside {
        told.retain(|(event, _), _| event != "RecordQuarantined");
    }
    if expected.shows_new_ids {
        let before = told.len();
        told.retain(|(_, key), _| !key.contains(":9000"));
        assert!(before > told.len(), "new ids are told");
    }
    assert!(told.is_empty(), "concluded from bad answers: {told:?}");

    assert_eq!(watched.vendor.strays(), [] as [String; 0], "asked elsewhere");
    let most = watched.vendor.most_written();
    assert!(most <= COMPRESSED as u64 + SOCKETS, "{most} bytes of one answer were taken in");

    let bridge = watched.bridge.take().unwrap();
    let _ = watched.runtime.block_on(bridge.stop(Duration::from_secs(10)));
    watched.listen();
    let mut store = Vec::new();
    files(watched.state.path(), &mut store);
    let events = watched.events.iter().map(Value::to_string).collect::<String>().into_bytes();
    let logged = log().lock().unwrap()[logged_before..].to_vec();
    let pages = pages.concat().into_bytes();
    let places = [("log", logged), ("pages", pages), ("events", events), ("store", store)];
    for (place, bytes) in &places {
        assert!(!holds(bytes, &watched.password), "the password is in the {place}");
        assert!(!holds(bytes, &watched.pair), "the credentials are in the {place}");
        assert!(!holds(bytes, PLANTED), "a part of an answer is in the {place}");
    }
}
