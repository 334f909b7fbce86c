//! The final state: the state that the events lead to, compared with what the vendor's API returns
//! at the end.

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

/// What the vendor shows at the end.
#[derive(Debug, Default)]
pub(crate) struct VendorState {
    agents: Vec<Value>,
    agent_statuses: Vec<Value>,
    calls: Vec<Value>,
    chats: Vec<Value>,
    queues: Vec<Value>,
    depths: Vec<Value>,
    /// Interactions that were last updated before this need not be published.
    since: Option<i64>,
}

/// Requests everything from the vendor.
pub(crate) fn request_all(vendor: SocketAddr, truth: &Truth) -> VendorState {
    VendorState {
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

fn answer(vendor: SocketAddr, path: &str) -> Vec<Value> {
    let pair = STANDARD.encode("simulated:simulated-token");
    for _ in 0..20 {
        std::thread::sleep(PAUSE);
        let mut stream = TcpStream::connect(vendor).unwrap();
        write!(
            stream,
            "GET /manager/api/v1/{path} HTTP/1.0\r\nHost: check\r\nAuthorization: Basic {pair}\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        if text.starts_with("HTTP/1.0 200") || text.starts_with("HTTP/1.1 200") {
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            return serde_json::from_str(body).unwrap();
        }
    }
    panic!("the simulator does not answer {path}");
}

/// The differences between the state that the events lead to and the vendor's state.
pub(crate) fn differences(shown: &VendorState, published: &[Published]) -> Vec<String> {
    let folded = FoldedEvents::of(published);
    let mut problems = Vec::new();
    let mut compare = |what: &str, key: &str, vendors: &str, ours: Option<String>| {
        if ours.as_deref() != Some(vendors) {
            let ours = ours.unwrap_or_else(|| String::from("nothing"));
            problems.push(format!("in the end {what} of {key} is {vendors}, published is {ours}"));
        }
    };
    let mut there = BTreeSet::new();
    for row in &shown.agents {
        let key = key("agent", row);
        let after = folded.records.get(key.as_str());
        compare("the roster row", &key, &roster(row), after.map(|row| roster(row)));
        let status = folded.statuses.get(key.as_str()).map(|status| text(&status["id"]));
        compare("the status", &key, &text(&row["status"]["id"]), status);
        let flag = |name: &str| folded.flags.contains(&(key.as_str(), name)).to_string();
        compare("wrap-up", &key, &(row["wrap_up"] == true).to_string(), Some(flag("WrapUp")));
        let current = shown.agent_statuses.iter().find(|status| status["id"] == row["id"]);
        let held = current.is_some_and(|status| status["on_hold"] == true).to_string();
        compare("hold", &key, &held, Some(flag("Hold")));
        there.insert(key);
    }
    for (kind, rows) in [("call", &shown.calls), ("chat", &shown.chats)] {
        for row in rows.iter().filter(|row| ended_since(row, shown.since)) {
            let key = key(kind, row);
            let after = folded.records.get(key.as_str()).map(|record| {
                // The reading of a voicemail is a separate event.
                let read = folded.flags.contains(&(key.as_str(), "Read"));
                let record = interaction(record);
                if read { record.replace("voicemail_received", "voicemail_read") } else { record }
            });
            // A voicemail is published without the whole record.
            if after.is_some() || !folded.flags.contains(&(key.as_str(), "Voicemail")) {
                compare("the record", &key, &interaction(row), after);
            }
            if !row["rating"].is_null() {
                let ours = folded.ratings.get(key.as_str()).map(|rating| number(rating));
                compare("the rating", &key, &number(&row["rating"]), ours);
            }
        }
    }
    for row in &shown.queues {
        let key = key("queue", row);
        let after = folded.records.get(key.as_str());
        compare("the name", &key, &text(&row["name"]), after.map(|row| text(&row["name"])));
    }
    for (key, depth) in &folded.depths {
        let path = key.splitn(3, ':').nth(2).unwrap_or_default();
        let vendors = shown.depths.iter().find(|row| path_of(row) == path);
        let vendors = vendors.map_or(0, |row| row["in_queue_count"].as_i64().unwrap_or(0));
        compare("the depth", key, &vendors.to_string(), Some(depth.to_string()));
    }
    for key in folded.records.keys().filter(|key| key.starts_with("acme:agent:")) {
        if !there.contains(*key) {
            problems.push(format!("in the end {key} is gone, without an event"));
        }
    }
    problems
}

/// The events, folded by key.
#[derive(Default)]
struct FoldedEvents<'p> {
    /// The last whole record, unless it was removed.
    records: BTreeMap<&'p str, &'p Value>,
    statuses: BTreeMap<&'p str, &'p Value>,
    depths: BTreeMap<&'p str, i64>,
    ratings: BTreeMap<&'p str, &'p Value>,
    /// Which after-call work and hold has begun and not ended; and which voicemails there are, and
    /// which of them were read.
    flags: BTreeSet<(&'p str, &'static str)>,
}

impl<'p> FoldedEvents<'p> {
    fn of(published: &'p [Published]) -> Self {
        let mut events: Vec<_> = published.iter().collect();
        events.sort_by_key(|event| event.value["meta"]["revision"].as_i64());
        let mut folded = Self::default();
        for event in events {
            let (key, value) = (event.key.as_str(), &event.value);
            match event.event_type.as_str() {
                "AgentStatusChanged" => {
                    folded.statuses.insert(key, &value["current"]);
                }
                "AgentWrapUpStarted" => {
                    folded.flags.insert((key, "WrapUp"));
                }
                "AgentWrapUpEnded" => {
                    folded.flags.remove(&(key, "WrapUp"));
                }
                "AgentHoldStarted" => {
                    folded.flags.insert((key, "Hold"));
                }
                "AgentHoldEnded" => {
                    folded.flags.remove(&(key, "Hold"));
                }
                "QueueDepthChanged" => {
                    folded.depths.insert(key, value["depth"].as_i64().unwrap_or(-1));
                }
                "CallVoicemailReceived" => {
                    folded.flags.insert((key, "Voicemail"));
                }
                "CallVoicemailRead" => {
                    folded.flags.insert((key, "Read"));
                }
                "CallRated" | "ChatRated" => {
                    folded.ratings.insert(key, &value["rating"]);
                }
                name if name.ends_with("Removed") => {
                    folded.records.remove(key);
                }
                _ if !value["after"].is_null() => {
                    folded.records.insert(key, &value["after"]);
                }
                _ => {}
            }
        }
        folded
    }
}

fn key(kind: &str, row: &Value) -> String {
    format!("acme:{kind}:{}", row["id"])
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number, which the vendor writes as a number or as a text.
fn number(value: &Value) -> String {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.map_or_else(|| value.to_string(), |number| format!("{number}"))
}

/// The compared fields of a roster row, in one form for the vendor's row and the event's.
fn roster(row: &Value) -> String {
    let teams = row["teams"].as_array().into_iter().flatten();
    let teams: Vec<_> = teams.map(|team| text(&team["id"])).collect();
    format!("{} {} {} {teams:?}", text(&row["location"]), row["online"], row["call_count"])
}

/// The compared fields of a call or chat.
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
