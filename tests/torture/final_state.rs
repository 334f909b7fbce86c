//! The final state: what the events say in the end, folded, held against what the vendor shows in
//! the end, asked for like anybody asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use floorcast::simulate::{Published, Truth};
use serde_json::Value;

/// Rows in a page, at most.
const PER_PAGE: usize = 100;
/// The vendor's limit is ten requests a second.
const PAUSE: Duration = Duration::from_millis(150);

/// What the vendor shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    agents: Vec<Value>,
    agent_statuses: Vec<Value>,
    calls: Vec<Value>,
    chats: Vec<Value>,
    queues: Vec<Value>,
    depths: Vec<Value>,
    /// Interactions that moved before this are not told of.
    since: Option<i64>,
}

/// Asks the vendor for everything.
pub(crate) fn ask(vendor: SocketAddr, truth: &Truth) -> Shown {
    Shown {
        agents: pages(vendor, "agents"),
        agent_statuses: answer(vendor, "agents/current_status"),
        calls: pages(vendor, "calls"),
        chats: pages(vendor, "chats"),
        queues: pages(vendor, "menus"),
        depths: answer(vendor, "menus/current_status"),
        since: truth.first_answer.map(floorcast::model::Timestamp::millis),
    }
}

fn pages(vendor: SocketAddr, endpoint: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for page in 1.. {
        let rows = answer(vendor, &format!("{endpoint}?per={PER_PAGE}&page={page}"));
        let last = rows.len() < PER_PAGE;
        all.extend(rows);
        if last {
            break;
        }
    }
    all
}

fn answer(vendor: SocketAddr, question: &str) -> Vec<Value> {
    let pair = STANDARD.encode("simulated:simulated-token");
    for _ in 0..20 {
        std::thread::sleep(PAUSE);
        let mut stream = TcpStream::connect(vendor).unwrap();
        write!(
            stream,
            "GET /manager/api/v1/{question} HTTP/1.0\r\nHost: check\r\nAuthorization: Basic {pair}\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        if text.starts_with("HTTP/1.0 200") || text.starts_with("HTTP/1.1 200") {
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            return serde_json::from_str(body).unwrap();
        }
    }
    panic!("the simulator does not answer {question}");
}

/// Where the events lead somewhere else than the vendor is.
pub(crate) fn differences(shown: &Shown, published: &[Published]) -> Vec<String> {
    let told = Told::of(published);
    let mut problems = Vec::new();
    let mut compare = |what: &str, key: &str, vendors: &str, ours: Option<String>| {
        if ours.as_deref() != Some(vendors) {
            let ours = ours.unwrap_or_else(|| String::from("nothing"));
            problems.push(format!("in the end {what} of {key} is {vendors}, told is {ours}"));
        }
    };
    let mut there = BTreeSet::new();
    for row in &shown.agents {
        let key = key("agent", row);
        let after = told.records.get(key.as_str());
        compare("the roster row", &key, &roster(row), after.map(|row| roster(row)));
        let status = told.statuses.get(key.as_str()).map(|status| text(&status["id"]));
        compare("the status", &key, &text(&row["status"]["id"]), status);
        let flag = |name: &str| told.flags.contains(&(key.as_str(), name)).to_string();
        compare("wrap-up", &key, &(row["wrap_up"] == true).to_string(), Some(flag("WrapUp")));
        let current = shown.agent_statuses.iter().find(|status| status["id"] == row["id"]);
        let held = current.is_some_and(|status| status["on_hold"] == true).to_string();
        compare("hold", &key, &held, Some(flag("Hold")));
        there.insert(key);
    }
    for (kind, rows) in [("call", &shown.calls), ("chat", &shown.chats)] {
        for row in rows.iter().filter(|row| ended_since(row, shown.since)) {
            let key = key(kind, row);
            let after = told.records.get(key.as_str()).map(|record| {
                // That it was listened to is a step of its own.
                let read = told.flags.contains(&(key.as_str(), "Read"));
                let record = interaction(record);
                if read { record.replace("voicemail_received", "voicemail_read") } else { record }
            });
            // A voicemail is told without the whole record.
            if after.is_some() || !told.flags.contains(&(key.as_str(), "Voicemail")) {
                compare("the record", &key, &interaction(row), after);
            }
            if !row["rating"].is_null() {
                let told = told.ratings.get(key.as_str()).map(|rating| number(rating));
                compare("the rating", &key, &number(&row["rating"]), told);
            }
        }
    }
    for row in &shown.queues {
        let key = key("queue", row);
        let after = told.records.get(key.as_str());
        compare("the name", &key, &text(&row["name"]), after.map(|row| text(&row["name"])));
    }
    for (key, depth) in &told.depths {
        let path = key.splitn(3, ':').nth(2).unwrap_or_default();
        let vendors = shown.depths.iter().find(|row| path_of(row) == path);
        let vendors = vendors.map_or(0, |row| row["in_queue_count"].as_i64().unwrap_or(0));
        compare("the depth", key, &vendors.to_string(), Some(depth.to_string()));
    }
    for key in told.records.keys().filter(|key| key.starts_with("acme:agent:")) {
        if !there.contains(*key) {
            problems.push(format!("in the end {key} is gone, and not told to be"));
        }
    }
    problems
}

/// What the events say, folded by key.
#[derive(Default)]
struct Told<'p> {
    /// The last whole record; none of what was removed.
    records: BTreeMap<&'p str, &'p Value>,
    statuses: BTreeMap<&'p str, &'p Value>,
    depths: BTreeMap<&'p str, i64>,
    ratings: BTreeMap<&'p str, &'p Value>,
    /// What has begun and not ended, after-call work and hold; and what voicemails there are, and
    /// which of them were listened to.
    flags: BTreeSet<(&'p str, &'static str)>,
}

impl<'p> Told<'p> {
    fn of(published: &'p [Published]) -> Self {
        let mut events: Vec<_> = published.iter().collect();
        events.sort_by_key(|event| event.value["meta"]["revision"].as_i64());
        let mut told = Self::default();
        for event in events {
            let (key, value) = (event.key.as_str(), &event.value);
            match event.event_type.as_str() {
                "AgentStatusChanged" => {
                    told.statuses.insert(key, &value["current"]);
                }
                "AgentWrapUpStarted" => {
                    told.flags.insert((key, "WrapUp"));
                }
                "AgentWrapUpEnded" => {
                    told.flags.remove(&(key, "WrapUp"));
                }
                "AgentHoldStarted" => {
                    told.flags.insert((key, "Hold"));
                }
                "AgentHoldEnded" => {
                    told.flags.remove(&(key, "Hold"));
                }
                "QueueDepthChanged" => {
                    told.depths.insert(key, value["depth"].as_i64().unwrap_or(-1));
                }
                "CallVoicemailReceived" => {
                    told.flags.insert((key, "Voicemail"));
                }
                "CallVoicemailRead" => {
                    told.flags.insert((key, "Read"));
                }
                "CallRated" | "ChatRated" => {
                    told.ratings.insert(key, &value["rating"]);
                }
                name if name.ends_with("Removed") => {
                    told.records.remove(key);
                }
                _ if !value["after"].is_null() => {
                    told.records.insert(key, &value["after"]);
                }
                _ => {}
            }
        }
        told
    }
}

fn key(kind: &str, row: &Value) -> String {
    format!("acme:{kind}:{}", row["id"])
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number, which the vendor writes as one or as a text.
fn number(value: &Value) -> String {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.map_or_else(|| value.to_string(), |number| format!("{number}"))
}

/// What of a roster row is compared, in one form for the vendor's and the event's.
fn roster(row: &Value) -> String {
    let teams = row["teams"].as_array().into_iter().flatten();
    let teams: Vec<_> = teams.map(|team| text(&team["id"])).collect();
    format!("{} {} {} {teams:?}", text(&row["location"]), row["online"], row["call_count"])
}

/// What of a call or chat is compared.
fn interaction(row: &Value) -> String {
    let count = |name: &str| row[name].as_array().map_or(0, Vec::len);
    let work = row["handle_durations"].as_array().into_iter().flatten();
    let work: i64 = work.map(|row| row["acw_duration"].as_i64().unwrap_or(0)).sum();
    let (waits, transfers) = (count("queue_durations"), count("transfers"));
    format!("{} {waits} {transfers} {work}", text(&row["status"]))
}

fn ended_since(row: &Value, since: Option<i64>) -> bool {
    let at = |column: &str| {
        let time = chrono::DateTime::parse_from_rfc3339(row[column].as_str()?).ok()?;
        Some(time.timestamp_millis())
    };
    at("ends_at") >= since && at("updated_at") >= since && at("ends_at").is_some()
}

fn path_of(row: &Value) -> String {
    let channel = row["comm_type"].as_str().unwrap_or_default().to_lowercase();
    format!("{}/{}/{channel}", row["menu_path_id"], text(&row["lang"]))
}
