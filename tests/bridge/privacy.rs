//! Planted values: a text in every personal field, in undecodable rows, in errors and in the
//! credentials, and a search for it in the log, the admin pages, the store and the topics.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use floorcast::clock::{Clock, SystemClock};
use floorcast::model::personal_fields;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{BridgeFixture, page};
use crate::support::{consumer, kafka, wait_until};

const CLASSES: [&str; 3] = ["agents", "customers", "content"];
/// The text in every personal field of a class, in every kind of row.
fn planted(class: &str) -> String {
    format!("Planted-{class}-")
}
/// The text in undecodable answers. It must not appear under any configuration.
const UNREADABLE: &str = "Planted-unreadable";
const TOKEN: &str = "Planted-token";
const KEY: &str = "Planted-key-of-pseudonyms";

/// Puts a text at a path; a list on the path is created where the documentation has a list.
fn plant(row: &mut Value, path: &str, text: &str) {
    const LISTS: [&str; 10] = [
        "agent_assignments",
        "assignees",
        "dispositions",
        "in_call_sms",
        "participants",
        "photos",
        "recordings",
        "team_assignments",
        "transfers",
        "videos",
    ];
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = &mut row[name];
    match rest {
        None if name.ends_with("_sms") => *field = json!([{ "text": text }]),
        None => *field = json!(text),
        Some(rest) if LISTS.contains(&name) => {
            if field.is_null() {
                *field = json!([{"id": 1}]);
            }
            plant(&mut field[0], rest, text);
        }
        Some(rest) => {
            if field.is_null() {
                *field = json!({"id": 1});
            }
            plant(field, rest, text);
        }
    }
}

/// A row of each kind with a text in every personal field, and an undecodable copy of it.
fn rows() -> BTreeMap<&'static str, Value> {
    let now = SystemClock.now().floor_second();
    let stamp = |ago: u64| (now - Duration::from_secs(ago)).to_rfc3339_millis();
    let status = json!({"id": 0, "name": "Available"});
    let mut bare = BTreeMap::from([
        ("agent", json!({"online": true, "status": status, "last_login_time": stamp(60)})),
        (
            "activity",
            json!({"agent_id": 1, "activity": "user_status_changed", "status": status,
                "started_at": stamp(30)}),
        ),
        (
            "call",
            json!({"status": "finished", "created_at": stamp(50), "ends_at": stamp(40),
                "updated_at": stamp(40)}),
        ),
        (
            "chat",
            json!({"status": "finished", "created_at": stamp(50), "ends_at": stamp(40),
                "updated_at": stamp(40)}),
        ),
        ("queue", json!({"name": "Parcels", "deleted": false})),
        ("team", json!({"name": "Letters", "deleted": false})),
    ]);
    let broken_field = |of: &str| match of {
        "activity" => "started_at",
        "agent" => "status_updated_at",
        "call" | "chat" => "created_at",
        _ => "position",
    };
    for fields in personal_fields() {
        let row = bare.get_mut(fields.of).unwrap_or_else(|| panic!("no row of {}", fields.of));
        for (index, path) in fields.paths.iter().enumerate() {
            plant(row, path, &format!("{}{}-{index}", planted(fields.class), fields.of));
        }
    }
    let lists = bare.into_iter().map(|(of, mut row)| {
        row["id"] = json!(1);
        let mut broken = row.clone();
        broken["id"] = json!(2);
        broken[broken_field(of)] = json!(UNREADABLE);
        (of, json!([row, broken]))
    });
    lists.collect()
}

/// A vendor with these rows, and with answers that cannot be decoded at some endpoints.
fn answer(uri: &Uri, rows: &BTreeMap<&'static str, Value>) -> Response {
    let list = |rows: &Value| {
        let count = rows.as_array().map_or(0, Vec::len);
        ([("Total", count.to_string())], rows.to_string()).into_response()
    };
    let path = uri.path().trim_start_matches("/manager/api/v1/");
    match path {
        "agents" => list(&rows["agent"]),
        "agent_activity_logs" => list(&rows["activity"]),
        "calls" => list(&rows["call"]),
        "chats" => list(&rows["chat"]),
        "menus" => list(&rows["queue"]),
        "teams" => list(&rows["team"]),
        "agents/current_status" => format!("[{{\"id\": 1, \"{UNREADABLE}\": ").into_response(),
        "menus/current_status" => {
            let page = format!("<html><body>{UNREADABLE}</body></html>");
            ([(header::CONTENT_TYPE, "text/html")], page).into_response()
        }
        "user_statuses" => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{{\"error\": \"{UNREADABLE}\"}}"))
                .into_response()
        }
        _ => (StatusCode::NOT_FOUND, UNREADABLE).into_response(),
    }
}

/// Everything that a bridge writes, with the place where it was found.
struct Traces(Vec<(String, Vec<u8>)>);

impl Traces {
    /// The places that contain the text.
    fn of(&self, text: &str) -> Vec<&str> {
        let found = self
            .0
            .iter()
            .filter(|(_, bytes)| bytes.windows(text.len()).any(|window| window == text.as_bytes()));
        found.map(|(place, _)| place.as_str()).collect()
    }
}

fn files(directory: &Path, traces: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, traces);
        } else {
            traces.push((String::from("store"), std::fs::read(&path).unwrap()));
        }
    }
}

/// Runs a bridge under these modes, in the order of `CLASSES`, until every row is published or
/// quarantined.
fn traces_under(modes: [&str; 3]) -> Traces {
    let broker = kafka::shared();
    let runtime = Runtime::new().unwrap();
    let rows = rows();
    let vendor = Router::new().fallback(move |uri: Uri| {
        let answer = answer(&uri, &rows);
        async { answer }
    });
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = runtime.block_on(tokio::net::TcpListener::bind(local)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, vendor).await });

    let prefix = kafka::unique_prefix("privacy");
    let start = (SystemClock.now() - Duration::from_hours(1)).to_rfc3339();
    let lines = CLASSES.iter().zip(modes).map(|(class, mode)| format!("{class} = \"{mode}\""));
    let lines = lines.collect::<Vec<_>>().join("\n");
    let more =
        format!("start = \"{start}\"\n[privacy]\n{lines}\npseudonym_key = {{ env = \"KEY\" }}\n");
    let fixture = BridgeFixture::at(&address, broker.bootstrap(), &prefix, &more);
    let mut bridge =
        fixture.run_with(&[("ACME_TOKEN", TOKEN), ("KEY", KEY), ("FLOORCAST_LOG", "debug")]);
    let topics = |bridge: &str| consumer::topics_of(broker.bootstrap(), bridge);
    // The whole record of each kind, and a `RecordQuarantined` of each undecodable row.
    let expected = ["AgentAdded", "CallUpdated", "ChatUpdated", "QueueAdded", "TeamAdded"];
    let mut records = Vec::new();
    bridge.wait_for_line("admin pages at", Duration::from_mins(1));
    wait_until(Duration::from_mins(1), "every row is published or quarantined", || {
        let topics = topics(&prefix);
        records = consumer::read_all(broker.bootstrap(), &topics);
        let types: Vec<_> =
            records.iter().filter_map(|record| record.headers.get("ce_type")).collect();
        let has = |name: &str| types.iter().any(|found| found.ends_with(name));
        let finished = |name: &str| has(&name.replace("Updated", "Finished")) || has(name);
        let quarantined = types.iter().filter(|found| found.ends_with("RecordQuarantined")).count();
        expected.iter().all(|name| finished(name)) && quarantined >= 6
    });
    let mut traces: Vec<_> = records
        .into_iter()
        .flat_map(|record| {
            let headers = format!("{:?} {:?}", record.key, record.headers).into_bytes();
            [(String::from("topics"), record.value), (String::from("topics"), headers)]
        })
        .collect();
    for path in ["/metrics", "/status", "/readyz"] {
        traces.push((path.to_owned(), page(&mut bridge, path).into_bytes()));
    }
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(40)).success());
    let log = bridge.output();
    // The debug level is on, for the program and for its libraries.
    for detail in
        [" DEBUG floorcast::source::http: retrying a request", " DEBUG hyper", " DEBUG reqwest"]
    {
        assert!(log.contains(detail), "the log lacks{detail}:\n{log}");
    }
    traces.push((String::from("log"), log.into_bytes()));
    files(fixture.directory(), &mut traces);
    Traces(traces)
}

#[test]
fn personal_values_appear_only_where_the_privacy_settings_keep_them() {
    let same = ["keep", "drop", "pseudonymise"].map(|mode| [mode; 3]);
    // Each class once under each mode, with the other classes under other modes.
    let mixed = [
        ["pseudonymise", "keep", "drop"],
        ["drop", "pseudonymise", "keep"],
        ["keep", "drop", "pseudonymise"],
    ];
    for modes in same.into_iter().chain(mixed) {
        let traces = traces_under(modes);
        for (class, mode) in CLASSES.into_iter().zip(modes) {
            let shown = mode == "keep";
            let places = traces.of(&planted(class));
            // Under "keep" this shows that the search works.
            let in_topics_and_store = places.contains(&"topics") && places.contains(&"store");
            assert_eq!(in_topics_and_store, shown, "{modes:?}: {class} in {places:?}");
            let elsewhere: Vec<_> =
                places.iter().filter(|place| !["topics", "store"].contains(*place)).collect();
            assert!(elsewhere.is_empty(), "{modes:?}: {class} in {elsewhere:?}");
            assert!(shown || places.is_empty(), "{modes:?}: {class} in {places:?}");
        }
        if modes.contains(&"pseudonymise") {
            assert!(traces.of("p:").contains(&"topics"), "{modes:?}: no pseudonym is published");
        }
        for secret in [UNREADABLE, TOKEN, KEY] {
            let places = traces.of(secret);
            // The configuration contains the names of variables, not their values.
            assert!(places.is_empty(), "{modes:?}: {secret} in {places:?}");
        }
    }
}
