//! A newer model reads states of an older one: fields that the older one lacks are no change.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{AGENTS, Bench, CALLS, LONG_AGO, acme, vocabulary};
use crate::model::{
    Agent, Call, Chat, EntityId, EntityKey, EntityKind, MODEL_VERSION, Normalise, Queue,
    StatusDefinition, StreamName, Team,
};
use crate::source::{
    FullScan, FullScanBuilder, FullScanRow, IncrementalProgress, IncrementalRows, Rows,
};
use crate::store::{Key, StateRecord};

/// States as each version of the model stored them, a line each. A line is never edited; a new
/// version adds a file.
const STORED: &[(u32, &str)] = &[(1, include_str!("../../../tests/fixtures/state/1.jsonl"))];

struct Line {
    kind: EntityKind,
    id: EntityId,
    value: Value,
}

fn lines(text: &str) -> Vec<Line> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap();
        Line {
            kind: EntityKind::parse(text("kind")).unwrap(),
            id: EntityId::new(text("id")),
            value: line["value"].clone(),
        }
    };
    text.lines().map(line).collect()
}

/// An engine over a store that holds these lines as that version stored them.
fn stored(version: u32, lines: &[Line]) -> Bench {
    let mut bench = Bench::new();
    // The account's baseline is long ago.
    bench.read(0, AGENTS, Rows::Agents(FullScanBuilder::default().finish()));
    let store = bench.engine().store().clone();
    let mut batch = store.local_batch();
    for Line { kind, id, value } in lines {
        let entity = EntityKey { account: acme(), kind: *kind, id: id.clone() };
        batch.put(Key::state(&entity), value).unwrap();
    }
    store.apply(batch).unwrap();
    let older = |(key, mut value): (Vec<u8>, Vec<u8>)| -> Option<StateRecord> {
        // The version of the model follows the byte of the format.
        key.starts_with(b"s").then(|| {
            value[1..5].copy_from_slice(&version.to_be_bytes());
            (key, Some(value))
        })
    };
    let records = store.records().map(Result::unwrap).filter_map(older).collect();
    store.put_records(records).unwrap();
    drop(store);
    bench.restart();
    bench
}

/// The row of a state, with the fields that were added to the model since.
fn row<R: DeserializeOwned>(line: &Line, place: &str, added: &Value) -> Option<R> {
    let mut row = line.value["state"][place].as_object()?.clone();
    let added: Map<String, Value> = added.as_object().unwrap().clone();
    row.extend(added);
    Some(serde_json::from_value(Value::Object(row)).unwrap())
}

fn scan<R>(rows: Vec<(EntityId, R)>) -> FullScan<R> {
    let mut scan = FullScanBuilder::default();
    for (id, row) in rows {
        scan.row(&id, FullScanRow::Seen(row));
    }
    scan.finish()
}

/// All rows of a kind, as a vendor shows them today.
fn rows<R: DeserializeOwned>(
    lines: &[Line],
    kind: EntityKind,
    place: &str,
    added: &Value,
) -> Vec<(EntityId, R)> {
    let of_kind = lines.iter().filter(|line| line.kind == kind);
    of_kind.filter_map(|line| Some((line.id.clone(), row(line, place, added)?))).collect()
}

/// All calls or all chats, as the vendor's mapping gives them today.
fn interactions<R: DeserializeOwned + Normalise>(
    lines: &[Line],
    kind: EntityKind,
) -> Vec<(EntityId, R)> {
    let mut rows = rows::<R>(lines, kind, "record", &json!({}));
    for (_, row) in &mut rows {
        row.normalise(vocabulary());
    }
    rows
}

fn incremental<R>(rows: Vec<(EntityId, R)>) -> IncrementalRows<R> {
    IncrementalRows {
        from: LONG_AGO,
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        cursor: None,
        progress: IncrementalProgress::CaughtUp,
    }
}

/// Fields of agents that were added since the first version.
fn added() -> Value {
    json!({
        "active": true, "groups": [{"id": "7", "name": "North"}], "phone": "+1 555 0100",
        "working_hours": [], "incoming_enabled": true,
    })
}

#[test]
fn a_newer_model_emits_nothing_for_fields_that_older_states_lack() {
    for (version, text) in STORED {
        let lines = lines(text);
        assert!(*version < MODEL_VERSION && lines.len() > 10, "{version}");
        let mut bench = stored(*version, &lines);
        let emitted = bench.outbox().len();
        let nothing = json!({});
        let agents = || scan(rows::<Agent>(&lines, EntityKind::Agent, "roster", &added()));
        bench.read(10, AGENTS, Rows::Agents(agents()));
        let calls = interactions::<Call>(&lines, EntityKind::Call);
        assert!(!calls.is_empty());
        bench.read(11, CALLS, Rows::Calls(incremental(calls)));
        let chats = interactions::<Chat>(&lines, EntityKind::Chat);
        bench.read(12, StreamName::new("chats"), Rows::Chats(incremental(chats)));
        let queues = rows::<Queue>(&lines, EntityKind::Queue, "record", &nothing);
        bench.read(13, StreamName::new("queues"), Rows::Queues(scan(queues)));
        let teams = rows::<Team>(&lines, EntityKind::Team, "record", &nothing);
        bench.read(14, StreamName::new("teams"), Rows::Teams(scan(teams)));
        let statuses = rows::<StatusDefinition>(&lines, EntityKind::Status, "record", &nothing);
        let stream = StreamName::new("status_definitions");
        bench.read(15, stream, Rows::StatusDefinitions(scan(statuses)));
        assert_eq!(bench.names()[emitted..], [""; 0], "version {version}");
        // Adopted fields are known from now on, and their changes are emitted.
        bench.restart();
        let mut changed = added();
        changed["groups"] = json!([]);
        let agents = scan(rows::<Agent>(&lines, EntityKind::Agent, "roster", &changed));
        bench.read(20, AGENTS, Rows::Agents(agents));
        let names: Vec<_> = bench.names().split_off(emitted);
        assert!(!names.is_empty() && names.iter().all(|name| *name == "AgentUpdated"), "{names:?}");
        assert_eq!(bench.outbox()[emitted].1["changed"], json!(["groups"]));
    }
}

#[test]
fn a_privacy_migration_of_an_older_models_states_adds_no_fields() {
    let (version, text) = STORED[0];
    let lines = lines(text);
    let mut bench = stored(version, &lines);
    let emitted = bench.outbox().len();
    let drop = crate::model::Privacy {
        agents: crate::model::Mode::Drop,
        ..crate::model::Privacy::default()
    };
    bench.restart_under(drop);
    let mut rows = rows::<Agent>(&lines, EntityKind::Agent, "roster", &added());
    for (_, agent) in &mut rows {
        // As the source applies the settings to a row.
        use crate::model::Personal;
        agent.remove_personal();
    }
    bench.read(10, AGENTS, Rows::Agents(scan(rows)));
    assert_eq!(bench.names()[emitted..], [""; 0]);
}
