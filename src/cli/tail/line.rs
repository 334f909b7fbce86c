//! An event as one readable line:
//! `08:00:03.120Z calls acme:call:4711 r3 CallAssigned agent=17 queue="Support/Shipping" (+1.2 s)`.
//!
//! Time, topic, key, revision and type come first, then the fields a person looks for, then the
//! detection latency. No text in an event can break the line or control the terminal.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::consume::Record;
use crate::event::EventType;
use crate::model::Timestamp;

/// Ids of vendor rows, which a person does not look for.
const ROW_IDS: &[&str] = &["activity_id", "row_id", "transfer_id"];

/// A record with its key as text.
pub(super) struct KeyedRecord<'a> {
    /// The prefix of the topic's name, before the dot.
    pub(super) prefix: &'a str,
    /// The record's key.
    pub(super) key: &'a str,
    /// The record.
    pub(super) record: &'a Record,
}

impl KeyedRecord<'_> {
    fn topic(&self) -> &str {
        let topic = &self.record.topic;
        topic.strip_prefix(self.prefix).and_then(|rest| rest.strip_prefix('.')).unwrap_or(topic)
    }
}

/// The line of an event.
pub(super) fn event(record: &KeyedRecord<'_>, event_type: EventType, event: &Value) -> String {
    let nothing = Map::new();
    let event = event.as_object().unwrap_or(&nothing);
    let meta = event.get("meta").and_then(Value::as_object).unwrap_or(&nothing);
    let mut line = format!(
        "{} {} {} r{} {}",
        time(meta),
        record.topic(),
        word(record.key),
        meta.get("revision").and_then(Value::as_i64).unwrap_or_default(),
        event_type.as_str(),
    );
    for (name, value) in fields(event) {
        let _ = write!(line, " {name}={}", word(&value));
    }
    if let Some(origin) = meta.get("origin").and_then(Value::as_str).filter(|it| *it != "LIVE") {
        let _ = write!(line, " {}", word(&origin.to_lowercase()));
    }
    if meta.get("late").and_then(Value::as_bool) == Some(true) {
        line.push_str(" late");
    }
    line.push_str(&latency(meta));
    line
}

/// The line of a record that cannot be decoded.
pub(super) fn undecoded(record: &KeyedRecord<'_>, reason: &str) -> String {
    let Record { partition, offset, .. } = record.record;
    let (topic, key) = (record.topic(), word(record.key));
    let reason = escaped(reason);
    format!("? {topic} {key} partition={partition} offset={offset} not decoded: {reason}")
}

/// When it happened: the time of day, with the date where it was observed on another day.
fn time(meta: &Map<String, Value>) -> String {
    let Some(occurred) = stamp(meta, "occurred_at") else { return String::from("?") };
    let text = occurred.to_rfc3339_millis();
    let observed = stamp(meta, "observed_at").map(Timestamp::to_rfc3339_millis);
    match (text.split_once('T'), observed.as_deref().and_then(|text| text.split_once('T'))) {
        (Some((date, time)), Some((observed_date, _))) if date == observed_date => time.to_owned(),
        _ => text,
    }
}

/// The detection latency; for a change that lies between two polls, the time between these.
fn latency(meta: &Map<String, Value>) -> String {
    let Some(occurred) = stamp(meta, "occurred_at") else { return String::new() };
    let seconds = |millis: i64| {
        format!(
            "{}{}.{}",
            if millis < 0 { "-" } else { "" },
            millis.abs() / 1000,
            millis.abs() % 1000 / 100
        )
    };
    if meta.get("precision").and_then(Value::as_str) == Some("BOUNDED") {
        return match stamp(meta, "occurred_after") {
            Some(after) => format!(" (within {} s)", seconds(occurred.millis_since(after))),
            None => String::new(),
        };
    }
    match stamp(meta, "observed_at") {
        Some(observed) => {
            let millis = observed.millis_since(occurred);
            format!(" ({}{} s)", if millis < 0 { "" } else { "+" }, seconds(millis))
        }
        None => String::new(),
    }
}

/// The fields that are shown, chosen by name, so that a new event needs no code here.
fn fields(event: &Map<String, Value>) -> Vec<(&str, String)> {
    let mut fields = vec![];
    for (name, value) in event {
        match (name.as_str(), value) {
            ("meta", _) => {}
            ("call" | "chat", Value::Object(context)) => push_context(&mut fields, context),
            ("interaction", Value::Object(reference)) => match text(reference.get("kind")) {
                Some(kind) if kind == "call" => push(&mut fields, "call", reference.get("id")),
                Some(_) => push(&mut fields, "chat", reference.get("id")),
                None => push_context(&mut fields, reference),
            },
            ("queue", Value::Object(queue)) => push_queue(&mut fields, queue),
            ("previous", Value::Object(status)) => push_status(&mut fields, "from", status),
            ("current", Value::Object(status)) => push_status(&mut fields, "to", status),
            ("status", Value::Object(status)) => push_status(&mut fields, "status", status),
            ("activity", Value::Object(row)) => push(&mut fields, "activity", row.get("activity")),
            ("transfer", Value::Object(transfer)) => {
                push(&mut fields, "to_agent", at(transfer, "to_agent", "id"));
                push(&mut fields, "to_queue", at(transfer, "to_menu", "materialized_path"));
            }
            ("changed", Value::Array(names)) => {
                let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
                if !names.is_empty() {
                    fields.push(("changed", names.join(",")));
                }
            }
            (name, _) if ROW_IDS.contains(&name) => {}
            (name, Value::Number(number)) if name.ends_with("_at") => {
                if let Some(millis) = number.as_i64() {
                    fields.push((name, Timestamp::from_millis(millis).to_rfc3339()));
                }
            }
            (name, Value::String(_) | Value::Number(_) | Value::Bool(true)) => {
                push(&mut fields, name, Some(value));
            }
            // Whole records, nulls and false are left out.
            _ => {}
        }
    }
    fields
}

fn push_context<'a>(fields: &mut Vec<(&'a str, String)>, context: &'a Map<String, Value>) {
    push(fields, "agent", context.get("agent_id"));
    if let Some(Value::Object(queue)) = context.get("queue") {
        push_queue(fields, queue);
    }
}

fn push_queue<'a>(fields: &mut Vec<(&'a str, String)>, queue: &'a Map<String, Value>) {
    let known = ["path", "id", "path_id"].iter().find_map(|name| text(queue.get(*name)));
    if let (Some(queue), false) = (known, fields.iter().any(|(name, _)| *name == "queue")) {
        fields.push(("queue", queue));
    }
}

fn push_status<'a>(
    fields: &mut Vec<(&'a str, String)>,
    name: &'a str,
    status: &'a Map<String, Value>,
) {
    if let Some(status) = text(status.get("name")).or_else(|| text(status.get("id"))) {
        fields.push((name, status));
    }
}

fn push<'a>(fields: &mut Vec<(&'a str, String)>, name: &'a str, value: Option<&Value>) {
    if let Some(value) = text(value) {
        fields.push((name, value));
    }
}

fn at<'a>(parent: &'a Map<String, Value>, name: &str, field: &str) -> Option<&'a Value> {
    parent.get(name)?.get(field)
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn stamp(meta: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    meta.get(name).and_then(Value::as_i64).map(Timestamp::from_millis)
}

/// A text as one word of the line, quoted where it is not plain.
fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:,+-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("\"{}\"", escaped(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A text with control characters and changes of direction escaped.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_direction(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Whether a character changes the direction of the text that follows, or ends a line.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(key: &str, event_type: EventType, value: &Value) -> String {
        let record = Record {
            topic: String::from("floor.calls"),
            partition: 0,
            offset: 7,
            timestamp: None,
            key: None,
            headers: vec![],
            value: None,
        };
        event(&KeyedRecord { prefix: "floor", key, record: &record }, event_type, value)
    }

    fn meta() -> Value {
        json!({
            "revision": 3,
            "occurred_at": 1_772_352_003_120_i64,
            "occurred_after": null,
            "precision": "EXACT",
            "observed_at": 1_772_352_004_320_i64,
            "origin": "LIVE",
            "late": false,
        })
    }

    fn meta_with(changes: Value) -> Value {
        let mut meta = meta();
        if let (Value::Object(meta), Value::Object(changes)) = (&mut meta, changes) {
            meta.extend(changes);
        }
        meta
    }

    #[test]
    fn a_line_shows_time_topic_key_and_the_main_fields() {
        let event = json!({
            "meta": meta(),
            "call": {
                "id": "4711",
                "direction": "INBOUND",
                "agent_id": "17",
                "queue": { "id": "5", "path_id": null, "path": "Support/Shipping" },
                "language": "en",
            },
            "transfer_id": "99",
        });
        assert_eq!(
            line("acme:call:4711", EventType::CallAssigned, &event),
            "08:00:03.120Z calls acme:call:4711 r3 CallAssigned agent=17 \
             queue=\"Support/Shipping\" (+1.2 s)"
        );
    }

    #[test]
    fn each_kind_of_body_shows_its_own_fields() {
        let status = |name| json!({ "id": "1", "name": name, "presence": "BREAK" });
        let cases = [
            (
                EventType::AgentStatusChanged,
                json!({
                    "previous": status("Available"),
                    "current": status("Coffee break"),
                    "previous_duration_ms": 61_000,
                    "activity_id": "5",
                    "interaction": { "kind": "call", "id": "4711" },
                }),
                "from=Available to=\"Coffee break\" previous_duration_ms=61000 call=4711",
            ),
            (
                EventType::AgentUpdated,
                json!({ "before": { "id": "1" }, "after": { "id": "1" }, "changed": ["email", "teams"] }),
                "changed=email,teams",
            ),
            (
                EventType::CallFailed,
                json!({ "reason": "eu_abandoned", "abandoned": true, "after": { "id": "1" } }),
                "reason=eu_abandoned abandoned=true",
            ),
            (
                EventType::CallScheduled,
                json!({ "scheduled_at": 1_772_355_600_000_i64 }),
                "scheduled_at=2026-03-01T09:00:00Z",
            ),
            (
                EventType::AgentOfferMissed,
                json!({ "activity": { "id": "3", "activity": "missed_call" } }),
                "activity=missed_call",
            ),
            (
                EventType::CallTransferred,
                json!({ "transfer": {
                    "id": "3",
                    "to_agent": { "id": "18" },
                    "to_menu": { "materialized_path": "Sales" },
                } }),
                "to_agent=18 to_queue=Sales",
            ),
            (
                EventType::SlaBreached,
                json!({
                    "scope": "INTERACTION",
                    "basis": "VENDOR_VERDICT",
                    "interaction": { "id": "4711", "agent_id": null, "queue": { "path": "Sales" } },
                    "queue": { "path": "Sales" },
                    "target_seconds": 20,
                    "value": 31.5,
                }),
                "scope=INTERACTION basis=VENDOR_VERDICT queue=Sales target_seconds=20 value=31.5",
            ),
            (EventType::CallRated, json!({ "rating": null, "previous": 4 }), "previous=4"),
        ];
        for (event_type, mut event, fields) in cases {
            event.as_object_mut().unwrap().insert(String::from("meta"), meta());
            let expected = format!(
                "08:00:03.120Z calls acme:call:1 r3 {} {fields} (+1.2 s)",
                event_type.as_str()
            );
            assert_eq!(line("acme:call:1", event_type, &event), expected);
        }
    }

    #[test]
    fn a_line_shows_date_precision_origin_and_latency_where_they_matter() {
        let cases = [
            (json!({}), "08:00:03.120Z", "(+1.2 s)"),
            (json!({ "observed_at": 1_772_352_002_070_i64 }), "08:00:03.120Z", "(-1.0 s)"),
            (
                json!({ "observed_at": 1_772_438_403_120_i64 }),
                "2026-03-01T08:00:03.120Z",
                "(+86400.0 s)",
            ),
            (
                json!({ "precision": "BOUNDED", "occurred_after": 1_772_351_998_020_i64 }),
                "08:00:03.120Z",
                "(within 5.1 s)",
            ),
            (json!({ "precision": "BOUNDED" }), "08:00:03.120Z", "CallCreated"),
            (json!({ "origin": "BASELINE" }), "08:00:03.120Z", "baseline (+1.2 s)"),
            (json!({ "late": true }), "08:00:03.120Z", "late (+1.2 s)"),
        ];
        for (changes, start, end) in cases {
            let line =
                line("a:call:1", EventType::CallCreated, &json!({ "meta": meta_with(changes) }));
            assert!(line.starts_with(&format!("{start} calls")), "{line}");
            assert!(line.ends_with(&format!(" {end}")), "{line}");
        }
    }

    #[test]
    fn no_text_of_a_vendor_breaks_the_line_or_controls_the_terminal() {
        let event = json!({ "meta": meta(), "reason": "a\nb\u{1b}[2J\u{9b}1m \"x\" \u{202e}é" });
        let line = line("acme:call:\u{1b}]0;x", EventType::CallFailed, &event);
        assert!(!line.contains(|it: char| it.is_control() || it == '\u{202e}'), "{line:?}");
        assert!(line.contains("\"acme:call:\\u{1b}]0;x\""), "{line}");
        assert!(
            line.contains("reason=\"a\\u{a}b\\u{1b}[2J\\u{9b}1m \\\"x\\\" \\u{202e}é\""),
            "{line}"
        );
    }
}
