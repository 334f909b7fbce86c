//! `floorcast tail`: events, decoded, as they come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{Failure, asked_to_end, say};
use crate::event::{EventType, Topic};
use crate::model::Timestamp;
use crate::publish::avro::Decoder;
use crate::topics::{From, Record, TopicReader};

#[derive(Debug, Args)]
pub(super) struct TailArguments {
    /// Where the broker is
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9092")]
    brokers: String,
    /// Further properties of librdkafka, such as security.protocol=ssl
    #[arg(long = "property", value_name = "NAME=VALUE")]
    properties: Vec<String>,
    /// The prefix of the topics' names
    #[arg(long, default_value = "floor")]
    prefix: String,
    /// Only these topics, by their name after the prefix
    #[arg(long, value_name = "NAME")]
    topic: Vec<String>,
    /// Only these events
    #[arg(long = "type", value_name = "EVENT")]
    event_type: Vec<String>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only this entity, by its id or as kind:id
    #[arg(long, value_name = "ID")]
    entity: Option<String>,
    /// Where to begin: beginning, end, or a time such as 2026-03-01T08:00:00Z
    #[arg(long, value_name = "WHERE", default_value = "end")]
    from: String,
    /// End when everything was read that is there now
    #[arg(long)]
    until_end: bool,
    /// End after this many events
    #[arg(long, value_name = "NUMBER")]
    max: Option<usize>,
    /// How an event is shown
    #[arg(long, value_enum, default_value_t = Format::Line)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One readable line
    Line,
    /// One line of JSON, whole
    Json,
}

pub(super) async fn tail(arguments: TailArguments) -> Result<(), Failure> {
    let from = match arguments.from.as_str() {
        "beginning" => From::Beginning,
        "end" => From::End,
        time => chrono::DateTime::parse_from_rfc3339(time)
            .ok()
            .and_then(|time| Timestamp::from_utc(time.into()))
            .map(From::Time)
            .ok_or_else(|| {
                Failure::Misused(format!("--from {time}: neither beginning, end nor a time"))
            })?,
    };
    for name in &arguments.event_type {
        if EventType::ALL.iter().all(|event| event.as_str() != name) {
            return Err(Failure::Misused(format!(
                "--type {name}: no such event; `floorcast schemas list` names them"
            )));
        }
    }
    let topics: Vec<_> = Topic::ALL
        .iter()
        .filter(|topic| {
            arguments.topic.is_empty() || arguments.topic.iter().any(|name| name == topic.as_str())
        })
        .map(|topic| topic.full_name(&arguments.prefix))
        .collect();
    if topics.is_empty() {
        let names: Vec<_> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
        return Err(Failure::Misused(format!("--topic: one of {}", names.join(", "))));
    }
    let mut properties = Vec::new();
    for property in &arguments.properties {
        let (name, value) = property
            .split_once('=')
            .ok_or_else(|| Failure::Misused(String::from("--property: write it as NAME=VALUE")))?;
        properties.push((name.to_owned(), value.to_owned()));
    }
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    tokio::spawn(async move {
        asked_to_end().await;
        end.store(true, Ordering::Relaxed);
    });
    tokio::task::spawn_blocking(move || read(&arguments, &properties, &topics, from, &ended))
        .await
        .map_err(Failure::failed)?
}

fn read(
    arguments: &TailArguments,
    properties: &[(String, String)],
    topics: &[String],
    from: From,
    ended: &AtomicBool,
) -> Result<(), Failure> {
    let decoder = Decoder::new().map_err(Failure::failed)?;
    let mut reader =
        TopicReader::open(&arguments.brokers, properties, topics, from).map_err(Failure::failed)?;
    let mut shown = 0;
    while !ended.load(Ordering::Relaxed) {
        if arguments.until_end && reader.is_at_end() {
            break;
        }
        let Some(record) = reader.next(Duration::from_millis(200)) else { continue };
        let (event, value) = match decoder.decode(&record.value) {
            Ok((event, value)) => (event.as_str(), value),
            Err(error) => {
                let place = format!("{} {}/{}", record.topic, record.partition, record.offset);
                say(format_args!("{place}: {error}"));
                continue;
            }
        };
        if !is_wanted(arguments, event, &record.key) {
            continue;
        }
        match arguments.format {
            Format::Json => say(whole(event, &record, value)),
            Format::Line => say(line(event, &record, &value)),
        }
        shown += 1;
        if arguments.max == Some(shown) {
            break;
        }
    }
    Ok(())
}

fn is_wanted(arguments: &TailArguments, event: &str, key: &str) -> bool {
    let mut parts = key.splitn(3, ':');
    let (account, kind, id) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let types = &arguments.event_type;
    (types.is_empty() || types.iter().any(|name| name == event))
        && arguments.account.as_ref().is_none_or(|wanted| wanted == account)
        && arguments
            .entity
            .as_ref()
            .is_none_or(|wanted| wanted == id || *wanted == format!("{kind}:{id}"))
}

fn whole(event: &str, record: &Record, mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        let place = json!({
            "topic": record.topic, "partition": record.partition, "offset": record.offset,
            "key": record.key,
        });
        fields.shift_insert(0, String::from("_kafka"), place);
        fields.shift_insert(0, String::from("_event"), json!(event));
    }
    value
}

/// When, whose, which change, what, and how late it was seen.
fn line(event: &str, record: &Record, value: &Value) -> String {
    let meta = &value["meta"];
    let time = |name: &str| meta[name].as_i64().map(Timestamp::from_millis);
    let at = time("occurred_at").map_or_else(String::new, |at| {
        at.to_rfc3339_millis().split_once('T').map_or_else(String::new, |(_, time)| time.to_owned())
    });
    let about = if meta["precision"] == "BOUNDED" { "~" } else { " " };
    format!("{about}{at} {:<28} r{:<3} {event:<22} {}", record.key, meta["revision"], gist(value))
}

/// The facts that tell one event from another.
fn gist(value: &Value) -> String {
    let mut parts = Vec::new();
    let mut add = |name: &str, value: &Value| match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => parts.push(format!("{name}={text}")),
        Value::Bool(_) | Value::Number(_) => parts.push(format!("{name}={value}")),
        Value::Array(list) if !list.is_empty() => {
            let list: Vec<_> = list.iter().filter_map(Value::as_str).collect();
            parts.push(format!("{name}={}", list.join(",")));
        }
        _ => {}
    };
    add("from", &value["previous"]["name"]);
    add("to", &value["current"]["name"]);
    add("status", &value["status"]["name"]);
    add("agent", &value["call"]["agent_id"]);
    add("queue", &value["call"]["queue"]["path"]);
    add("reason", &value["reason"]);
    add("rating", &value["rating"]);
    add("changed", &value["changed"]);
    add("activity", &value["activity"]["activity"]);
    add("waited_s", &value["value"]);
    add("duration_ms", &value["duration_ms"]);
    add("previous_ms", &value["previous_duration_ms"]);
    parts.join(" ")
}
