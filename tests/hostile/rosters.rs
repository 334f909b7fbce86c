//! The vendors that show nothing but a roster, each in its own way of answering: whatever comes
//! instead of an answer, nothing is concluded from it, and what happened meanwhile is told once the
//! vendor answers again.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Uri;
use axum::response::Response;
use floorcast::bridge::{Bridge, BridgeParts, Destination};
use floorcast::clock::SystemClock;
use floorcast::config::{Config, Environment};
use floorcast::model::Privacy;
use floorcast::poll::{BudgetSettings, Share};
use floorcast::shard::AccountParts;
use floorcast::source::Limits;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::survival::{files, holds, log};
use super::vendor::PLANTED;
use crate::support::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);
/// How often each vendor is asked in each form: often enough for three readings that are tried
/// three times, and for a removal by sweeps that would be complete.
const BAD_QUESTIONS: usize = 9;
const VENDORS: [&str; 3] = ["infobip", "maqsam", "deepcall"];
/// Agents that each vendor has at first.
const AGENTS: usize = 6;
const SECRET: &str = "Planted-secret-of-the-rosters";

/// What a vendor says instead of the right answer, of which it is given the text.
type Form = fn(&str, &str) -> Response<Body>;

fn said(status: u16, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).body(body.into()).unwrap()
}

fn zipped(plain: &[u8]) -> Response<Body> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    let mut response = said(200, encoder.finish().unwrap());
    response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    response
}

fn with_header(status: u16, name: &'static str, value: &str) -> Response<Body> {
    let mut response = said(status, PLANTED);
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

/// The right answer with other rows, and the count of the right ones.
fn instead(vendor: &str, good: &str, change: impl Fn(&mut Vec<Value>)) -> Response<Body> {
    let mut answer: Value = serde_json::from_str(good).unwrap();
    change(answer[rows_of(vendor)].as_array_mut().unwrap());
    said(200, answer.to_string())
}

/// One more row beside the right ones.
fn beside(vendor: &str, good: &str, row: &str) -> Response<Body> {
    let end = format!("\"{}\":[", rows_of(vendor));
    zipped(good.replacen(&end, &format!("{end}{row},"), 1).as_bytes())
}

const fn rows_of(vendor: &str) -> &'static str {
    match vendor.as_bytes()[0] {
        b'i' => "agents",
        b'm' => "message",
        _ => "response",
    }
}

const fn id_of(vendor: &str) -> &'static str {
    match vendor.as_bytes()[0] {
        b'i' => "id",
        b'm' => "identifier",
        _ => "unique_id",
    }
}

const FORMS: [(&str, Form); 28] = [
    ("fewer rows than are counted", |vendor, good| match vendor {
        // Nobody counts there: fewer rows are fewer agents, after a second look.
        "maqsam" => said(200, good.to_owned()),
        _ => instead(vendor, good, |rows| rows.truncate(2)),
    }),
    ("an empty body", |_, _| said(200, "")),
    ("null", |_, _| said(200, "null")),
    ("an empty list", |_, _| said(200, "[]")),
    ("an empty object", |_, _| said(200, "{}")),
    ("a page for people", |_, _| said(200, format!("<html>{PLANTED}</html>"))),
    ("no content", |_, _| said(204, "")),
    ("a part", |_, good| said(206, good.to_owned())),
    ("half an answer", |_, good| said(200, good[..good.len() / 2].to_owned())),
    ("something behind the answer", |_, good| said(200, format!("{good} {PLANTED}"))),
    ("the answer as rows alone", |vendor, good| {
        let answer: Value = serde_json::from_str(good).unwrap();
        said(200, answer[rows_of(vendor)].to_string())
    }),
    ("rows under another name", |vendor, good| said(200, good.replace(rows_of(vendor), PLANTED))),
    ("rows that are none", |vendor, good| {
        instead(vendor, good, |rows| *rows = vec![json!(PLANTED), json!(7), json!([[]])])
    }),
    ("a text for rows", |vendor, good| {
        let mut answer: Value = serde_json::from_str(good).unwrap();
        answer[rows_of(vendor)] = json!(PLANTED);
        said(200, answer.to_string())
    }),
    ("countless rows", |vendor, good| {
        let rows = format!("\"{}\":[{}", rows_of(vendor), "{},".repeat(100_001));
        zipped(good.replacen(&format!("\"{}\":[", rows_of(vendor)), &rows, 1).as_bytes())
    }),
    ("levels without an end", |vendor, _| {
        zipped(format!("{{\"{}\":{}", rows_of(vendor), "[".repeat(200_000)).as_bytes())
    }),
    ("bytes that are no text", |_, good| {
        let (start, end) = good.split_at(good.len() / 2);
        said(200, [start.as_bytes(), b"\xff\xfe", end.as_bytes()].concat())
    }),
    ("a row of a thousand levels", |vendor, good| {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        beside(vendor, good, &format!("{{\"{}\":\"999\",\"name\":{deep}}}", id_of(vendor)))
    }),
    ("a row of countless values", |vendor, good| {
        let wide = "0,".repeat(120_000);
        beside(vendor, good, &format!("{{\"{}\":\"999\",\"name\":[{wide}0]}}", id_of(vendor)))
    }),
    ("an id of control characters", |vendor, good| {
        beside(vendor, good, &format!("{{\"{}\":\"7\\n8\"}}", id_of(vendor)))
    }),
    ("two rows that contradict each other", |vendor, good| {
        instead(vendor, good, |rows| {
            let mut other = rows[1].clone();
            other["email"] = json!("planted@example.com");
            other["displayName"] = json!("Planted");
            rows[0] = other;
        })
    }),
    ("a bomb", |_, _| zipped(&vec![b' '; 8 << 20])),
    ("an encoding that nobody asked for", |_, _| with_header(200, "content-encoding", "br")),
    ("a redirect", |_, _| with_header(307, "location", "http://127.0.0.1:1/")),
    ("a refusal for too many requests", |_, _| with_header(429, "retry-after", "978307200")),
    ("a failure", |_, _| said(500, format!("{{\"status\":\"error\",\"message\":\"{PLANTED}\"}}"))),
    ("an unknown status", |_, good| said(799, good.to_owned())),
    ("an error with a success", |vendor, _| {
        said(
            200,
            match vendor {
                "infobip" => json!({"requestError": {"serviceException": {"messageId": PLANTED,
                "text": PLANTED}}, "agents": []}),
                "maqsam" => json!({"error": true, "message": PLANTED}),
                _ => json!({"status": "error", "code": 1502, "message": PLANTED, "response": {}}),
            }
            .to_string(),
        )
    }),
];

struct Shared {
    form: Option<Form>,
    agents: usize,
    asked: BTreeMap<&'static str, usize>,
}

impl Shared {
    fn answer(&mut self, uri: &Uri) -> Response<Body> {
        let (vendor, first) = match uri.path() {
            "/ccaas/1/agents" => ("infobip", true),
            "/v1/agents/page/1" => ("maqsam", true),
            "/api/v2/Agent/list" => ("deepcall", true),
            _ => ("maqsam", false),
        };
        if first {
            *self.asked.entry(vendor).or_default() += 1;
        }
        let good = good(vendor, if first { self.agents } else { 0 });
        match self.form {
            Some(form) if first => form(vendor, &good),
            _ => said(200, good),
        }
    }
}

/// The right answer with that many agents.
fn good(vendor: &str, agents: usize) -> String {
    let row = |number: usize| {
        json!({id_of(vendor): number.to_string(), "name": "Mira", "displayName": "Mira",
            "status": if vendor == "deepcall" { json!(1) } else { json!("ACTIVE") },
            "state": "Available", "active": true, "enabled": true, "email": "mira@example.com",
            "phone": "15550110", "dest_type": "MOBILE", "dest_value": "5550110", "group": [17]})
    };
    let rows: Vec<_> = (1..=agents).map(row).collect();
    match vendor {
        "infobip" => json!({"agents": rows, "pagination": {"totalItems": agents, "page": 0,
            "limit": 999, "orderBy": "id:asc"}}),
        "maqsam" => json!({"result": "success", "message": rows}),
        _ => json!({"response": rows, "currentPage": 1, "totalPages": 1, "totalRecords": agents,
            "status": "success", "code": 200}),
    }
    .to_string()
}

/// A bridge with an account of each vendor, and what it has told.
struct Watched {
    runtime: Runtime,
    bridge: Bridge,
    shared: Arc<Mutex<Shared>>,
    lines: Receiver<String>,
    events: Vec<Value>,
    state: tempfile::TempDir,
}

impl Watched {
    fn start() -> Self {
        log();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let shared = Shared { form: None, agents: AGENTS, asked: BTreeMap::new() };
        let shared = Arc::new(Mutex::new(shared));
        let served = Arc::clone(&shared);
        let app = Router::new().fallback(move |uri: Uri| {
            let answer = served.lock().unwrap().answer(&uri);
            async { answer }
        });
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(tokio::net::TcpListener::bind(local)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });

        let account = |vendor: &&str| {
            let keys = match *vendor {
                "infobip" => "api_key = { env = \"SECRET\" }\n",
                "maqsam" => "username = \"u\"\npassword = { env = \"SECRET\" }\n",
                _ => "ssid = { env = \"SECRET\" }\n",
            };
            format!(
                "[[account]]\nname = \"{vendor}\"\nvendor = \"{vendor}\"\n\
                 base_url = \"{url}\"\n{keys}"
            )
        };
        let accounts: String = VENDORS.iter().map(account).collect();
        let text =
            format!("[kafka]\nbootstrap_servers = \"b:1\"\ndeployment = \"tests\"\n{accounts}");
        let environment = Environment::from([(String::from("SECRET"), String::from(SECRET))]);
        let config = Config::read("tests", &text, &environment).unwrap();
        let environment = Arc::new(environment);
        let accounts = config.accounts.iter().map(|account| {
            let mut parts = AccountParts::configured(account, &environment).unwrap();
            for stream in &mut parts.streams {
                stream.min_interval = Duration::from_millis(20);
                stream.share = Share::default();
            }
            parts.budget = BudgetSettings {
                requests_per_second: 5_000.0,
                longest_pause: Duration::from_millis(5),
            };
            parts
        });
        let state = tempfile::tempdir().unwrap();
        let (sender, lines) = channel();
        let parts = BridgeParts {
            deployment: String::from("tests"),
            accounts: accounts.collect(),
            destination: Destination::Lines(sender),
            registry: None,
            state_dir: state.path().join("state"),
            outbox_limit: 1 << 30,
            privacy: Privacy::default(),
            limits: Limits {
                compressed: 256 << 10,
                decompressed: 2 << 20,
                pause: Duration::from_millis(1),
                ..Limits::default()
            },
            admin: Some(local),
            clock: Arc::new(SystemClock),
        };
        let bridge = runtime.block_on(Bridge::start(parts)).unwrap();
        Self { runtime, bridge, shared, lines, events: Vec::new(), state }
    }

    fn change(&self, form: Option<Form>, agents: usize) {
        let mut shared = self.shared.lock().unwrap();
        *shared = Shared { form, agents, asked: BTreeMap::new() };
    }

    fn least_asked(&self) -> usize {
        let shared = self.shared.lock().unwrap();
        let asked = VENDORS.iter().map(|vendor| shared.asked.get(vendor).copied().unwrap_or(0));
        asked.min().unwrap()
    }

    /// The types and keys of what was told, from this many on.
    fn told(&mut self, from: usize) -> Vec<(String, String)> {
        let lines = self.lines.try_iter();
        self.events.extend(lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()));
        let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        let events = self.events[from..].iter();
        events.map(|event| (text(event, "event"), text(event, "key"))).collect()
    }
}

#[test]
fn nothing_is_concluded_from_a_roster_in_any_bad_form_and_what_happened_is_told_after_it() {
    let logged_before = log().lock().unwrap().len();
    let mut watched = Watched::start();
    wait_until(PATIENCE, "all agents are told", || {
        let told = watched.told(0);
        told.iter().filter(|(event, _)| event == "AgentAdded").count() == 3 * AGENTS
    });
    let asked = watched.least_asked();
    wait_until(PATIENCE, "they are read again", || watched.least_asked() > asked + 3);
    let mut agents = AGENTS;
    for (name, form) in FORMS {
        let before = watched.told(0).len();
        watched.change(Some(form), agents);
        wait_until(PATIENCE, name, || watched.least_asked() >= BAD_QUESTIONS);
        agents += 1;
        watched.change(None, agents);
        let news = |vendor: &str| (String::from("AgentAdded"), format!("{vendor}:agent:{agents}"));
        wait_until(PATIENCE, name, || {
            let told = watched.told(before);
            VENDORS.iter().all(|vendor| told.contains(&news(vendor)))
        });
        let asked = watched.least_asked();
        wait_until(PATIENCE, name, || watched.least_asked() > asked + 3);
        // The newcomers with their first status, and rows that were set aside: nothing else.
        let mut told = watched.told(before);
        told.retain(|(event, _)| event != "RecordQuarantined");
        told.sort();
        let newcomer =
            |event: &str, vendor: &&str| (String::from(event), format!("{vendor}:agent:{agents}"));
        let mut expected: Vec<_> = VENDORS.iter().map(|it| newcomer("AgentAdded", it)).collect();
        expected.extend(VENDORS[..2].iter().map(|it| newcomer("AgentStatusChanged", it)));
        expected.sort();
        assert_eq!(told, expected, "{name}");
    }
    let _ = watched.runtime.block_on(watched.bridge.stop(Duration::from_secs(10)));
    let mut store = Vec::new();
    files(watched.state.path(), &mut store);
    let events = watched.events.iter().map(Value::to_string).collect::<String>().into_bytes();
    let logged = log().lock().unwrap()[logged_before..].to_vec();
    assert!(holds(&events, "mira@example.com"), "the search finds what is there");
    for (place, bytes) in [("log", logged), ("events", events), ("store", store)] {
        assert!(!holds(&bytes, SECRET), "the secret is in the {place}");
        assert!(!holds(&bytes, PLANTED), "a part of an answer is in the {place}");
        assert!(!holds(&bytes, "planted@example.com"), "a row that is not believed: {place}");
    }
}
