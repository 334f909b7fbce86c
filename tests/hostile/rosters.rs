//! Bad answers of the vendors that have only a roster: they cause no events, and what happened
//! meanwhile is emitted once the vendor answers correctly again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Uri;
use axum::response::Response;
use floorcast::bridge::{Bridge, BridgeParts, EventDestination};
use floorcast::clock::SystemClock;
use floorcast::config::{Config, Environment};
use floorcast::model::Privacy;
use floorcast::poll::{BudgetSettings, Share};
use floorcast::shard::AccountParts;
use floorcast::source::Limits;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::recovery::{contains, files, log};
use super::vendor::PLANTED;
use crate::support::wait_until;

const DEADLINE: Duration = Duration::from_secs(60);
/// How often each vendor is requested per bad answer: often enough for three polls of three
/// attempts each, and for a removal by full scans that would be complete.
const BAD_REQUESTS: usize = 9;
const VENDORS: [&str; 3] = ["infobip", "maqsam", "deepcall"];
/// Agents of each vendor at the start.
const AGENTS: usize = 6;
const SECRET: &str = "Planted-secret-of-the-rosters";

/// A bad answer, made from the vendor's name and the right answer.
type BadAnswer = fn(&str, &str) -> Response<Body>;

fn respond(status: u16, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).body(body.into()).unwrap()
}

fn zipped(plain: &[u8]) -> Response<Body> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    let mut response = respond(200, encoder.finish().unwrap());
    response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    response
}

fn with_header(status: u16, name: &'static str, value: &str) -> Response<Body> {
    let mut response = respond(status, PLANTED);
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

/// The right answer with changed rows and an unchanged count.
fn with_rows(vendor: &str, good: &str, change: impl Fn(&mut Vec<Value>)) -> Response<Body> {
    let mut answer: Value = serde_json::from_str(good).unwrap();
    change(answer[rows_of(vendor)].as_array_mut().unwrap());
    respond(200, answer.to_string())
}

/// The right answer with one more row.
fn with_extra_row(vendor: &str, good: &str, row: &str) -> Response<Body> {
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

const BAD_ANSWERS: [(&str, BadAnswer); 28] = [
    ("fewer rows than are counted", |vendor, good| match vendor {
        // There is no count: fewer rows are fewer agents, once the next poll confirms it.
        "maqsam" => respond(200, good.to_owned()),
        _ => with_rows(vendor, good, |rows| rows.truncate(2)),
    }),
    ("an empty body", |_, _| respond(200, "")),
    ("null", |_, _| respond(200, "null")),
    ("an empty list", |_, _| respond(200, "[]")),
    ("an empty object", |_, _| respond(200, "{}")),
    ("an HTML page", |_, _| respond(200, format!("<html>{PLANTED}</html>"))),
    ("no content", |_, _| respond(204, "")),
    ("a partial answer", |_, good| respond(206, good.to_owned())),
    ("half an answer", |_, good| respond(200, good[..good.len() / 2].to_owned())),
    ("text after the answer", |_, good| respond(200, format!("{good} {PLANTED}"))),
    ("the rows without the object around them", |vendor, good| {
        let answer: Value = serde_json::from_str(good).unwrap();
        respond(200, answer[rows_of(vendor)].to_string())
    }),
    ("rows under another name", |vendor, good| {
        respond(200, good.replace(rows_of(vendor), PLANTED))
    }),
    ("values that are not rows", |vendor, good| {
        with_rows(vendor, good, |rows| *rows = vec![json!(PLANTED), json!(7), json!([[]])])
    }),
    ("a text in place of the rows", |vendor, good| {
        let mut answer: Value = serde_json::from_str(good).unwrap();
        answer[rows_of(vendor)] = json!(PLANTED);
        respond(200, answer.to_string())
    }),
    ("too many rows", |vendor, good| {
        let rows = format!("\"{}\":[{}", rows_of(vendor), "{},".repeat(100_001));
        zipped(good.replacen(&format!("\"{}\":[", rows_of(vendor)), &rows, 1).as_bytes())
    }),
    ("too many levels", |vendor, _| {
        zipped(format!("{{\"{}\":{}", rows_of(vendor), "[".repeat(200_000)).as_bytes())
    }),
    ("invalid UTF-8", |_, good| {
        let (start, end) = good.split_at(good.len() / 2);
        respond(200, [start.as_bytes(), b"\xff\xfe", end.as_bytes()].concat())
    }),
    ("a row of a thousand levels", |vendor, good| {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        with_extra_row(vendor, good, &format!("{{\"{}\":\"999\",\"name\":{deep}}}", id_of(vendor)))
    }),
    ("a row of too many values", |vendor, good| {
        let wide = "0,".repeat(120_000);
        with_extra_row(
            vendor,
            good,
            &format!("{{\"{}\":\"999\",\"name\":[{wide}0]}}", id_of(vendor)),
        )
    }),
    ("an id of control characters", |vendor, good| {
        with_extra_row(vendor, good, &format!("{{\"{}\":\"7\\n8\"}}", id_of(vendor)))
    }),
    ("two rows that contradict each other", |vendor, good| {
        with_rows(vendor, good, |rows| {
            let mut other = rows[1].clone();
            other["email"] = json!("planted@example.com");
            other["displayName"] = json!("Planted");
            rows[0] = other;
        })
    }),
    ("a gzip bomb", |_, _| zipped(&vec![b' '; 8 << 20])),
    ("an encoding that was not requested", |_, _| with_header(200, "content-encoding", "br")),
    ("a redirect", |_, _| with_header(307, "location", "http://127.0.0.1:1/")),
    ("too many requests", |_, _| with_header(429, "retry-after", "978307200")),
    ("a server error", |_, _| {
        respond(500, format!("{{\"status\":\"error\",\"message\":\"{PLANTED}\"}}"))
    }),
    ("an unknown status", |_, good| respond(799, good.to_owned())),
    ("an error with status 200", |vendor, _| {
        respond(
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

/// The bad answers with rows that every vendor's stream quarantines.
const QUARANTINED: [&str; 4] = [
    "a row of a thousand levels",
    "a row of too many values",
    "an id of control characters",
    "two rows that contradict each other",
];

struct Shared {
    bad_answer: Option<BadAnswer>,
    agents: usize,
    requests: BTreeMap<&'static str, usize>,
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
            *self.requests.entry(vendor).or_default() += 1;
        }
        let good = good(vendor, if first { self.agents } else { 0 });
        match self.bad_answer {
            Some(bad_answer) if first => bad_answer(vendor, &good),
            _ => respond(200, good),
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

/// A bridge with an account of each vendor, and the events that it has emitted.
struct ObservedBridge {
    runtime: Runtime,
    bridge: Bridge,
    shared: Arc<Mutex<Shared>>,
    lines: Receiver<String>,
    events: Vec<Value>,
    state: tempfile::TempDir,
}

impl ObservedBridge {
    fn start() -> Self {
        log();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let shared = Shared { bad_answer: None, agents: AGENTS, requests: BTreeMap::new() };
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
            destination: EventDestination::Lines(sender),
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

    fn change(&self, bad_answer: Option<BadAnswer>, agents: usize) {
        let mut shared = self.shared.lock().unwrap();
        *shared = Shared { bad_answer, agents, requests: BTreeMap::new() };
    }

    fn least_requests(&self) -> usize {
        let shared = self.shared.lock().unwrap();
        let counts = VENDORS.iter().map(|vendor| shared.requests.get(vendor).copied().unwrap_or(0));
        counts.min().unwrap()
    }

    /// The types and keys of the emitted events, without the first `from` ones.
    fn emitted(&mut self, from: usize) -> Vec<(String, String)> {
        let lines = self.lines.try_iter();
        self.events.extend(lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()));
        let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        let events = self.events[from..].iter();
        events.map(|event| (text(event, "event"), text(event, "key"))).collect()
    }
}

#[test]
fn bad_roster_answers_cause_no_events_and_changes_are_published_afterwards() {
    let logged_before = log().lock().unwrap().len();
    let mut observed = ObservedBridge::start();
    wait_until(DEADLINE, "all agents are emitted", || {
        let emitted = observed.emitted(0);
        emitted.iter().filter(|(event, _)| event == "AgentAdded").count() == 3 * AGENTS
    });
    let requests = observed.least_requests();
    wait_until(DEADLINE, "they are polled again", || observed.least_requests() > requests + 3);
    let mut agents = AGENTS;
    for (name, bad_answer) in BAD_ANSWERS {
        let before = observed.emitted(0).len();
        observed.change(Some(bad_answer), agents);
        wait_until(DEADLINE, name, || observed.least_requests() >= BAD_REQUESTS);
        agents += 1;
        observed.change(None, agents);
        let added = |vendor: &str| (String::from("AgentAdded"), format!("{vendor}:agent:{agents}"));
        wait_until(DEADLINE, name, || {
            let emitted = observed.emitted(before);
            VENDORS.iter().all(|vendor| emitted.contains(&added(vendor)))
        });
        let requests = observed.least_requests();
        wait_until(DEADLINE, name, || observed.least_requests() > requests + 3);
        // The new agents with their first status, and quarantined rows: nothing else.
        let mut emitted = observed.emitted(before);
        let is_quarantined = |(event, _): &(String, String)| event == "RecordQuarantined";
        let quarantined: Vec<_> = emitted.extract_if(.., |event| is_quarantined(event)).collect();
        let vendors: BTreeSet<_> =
            quarantined.iter().map(|(_, key)| key.split_once(':').unwrap_or_default().0).collect();
        let expected = if QUARANTINED.contains(&name) { &VENDORS[..] } else { &[] };
        assert_eq!(vendors, expected.iter().copied().collect(), "{name}: {quarantined:?}");
        emitted.sort();
        let of_new_agent =
            |event: &str, vendor: &&str| (String::from(event), format!("{vendor}:agent:{agents}"));
        let mut expected: Vec<_> =
            VENDORS.iter().map(|it| of_new_agent("AgentAdded", it)).collect();
        expected.extend(VENDORS[..2].iter().map(|it| of_new_agent("AgentStatusChanged", it)));
        expected.sort();
        assert_eq!(emitted, expected, "{name}");
    }
    let _ = observed.runtime.block_on(observed.bridge.stop(Duration::from_secs(10)));
    let mut store = Vec::new();
    files(observed.state.path(), &mut store);
    let events = observed.events.iter().map(Value::to_string).collect::<String>().into_bytes();
    let logged = log().lock().unwrap()[logged_before..].to_vec();
    assert!(contains(&events, "mira@example.com"), "the search finds nothing");
    for (place, bytes) in [("log", logged), ("events", events), ("store", store)] {
        assert!(!contains(&bytes, SECRET), "the secret is in the {place}");
        assert!(!contains(&bytes, PLANTED), "a part of an answer is in the {place}");
        assert!(!contains(&bytes, "planted@example.com"), "a contradicted row is in the {place}");
    }
}
