//! `floorcast tail`: events as they lie on the topics, decoded, one per line.
//!
//! For people and for shell pipelines. What cannot be decoded is said in its place and does not
//! end the reading: a topic may hold events of a newer release.

mod arguments;
mod line;

use std::io::{BufWriter, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use self::line::Place;
use super::run::{kafka_settings, read_config, registry_settings};
use super::{Failure, asked_to_end};
use crate::config::Environment;
use crate::consume::{self, Cluster, Finish, Messages, Missing, Reader, Record, Start, Step};
use crate::event::{EventType, Topic};
use crate::publish::avro;
use crate::publish::registry::{self, Client, Credentials, FetchCredentials, Retries, identity};

pub use arguments::{EntityFilter, Format, Source, TailArguments};

/// How soon an order to stop is heard.
const ATTENTION: Duration = Duration::from_millis(100);

/// Why nothing more is printed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topics cannot be read.
    #[error(transparent)]
    Consume(#[from] consume::Error),
    /// The lines cannot be written.
    #[error("the events cannot be written: {0}")]
    Write(#[source] std::io::Error),
}

/// Prints events to the standard output until the end, or until asked to end.
pub(super) async fn tail(
    arguments: TailArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let (mut configured, mut registry) = (None, None);
    if let Some(path) = &arguments.config {
        let config = read_config(path, environment)?;
        let kafka = kafka_settings(&config, environment)?;
        let (bootstrap_servers, properties) = (kafka.bootstrap_servers, kafka.properties);
        let cluster = Cluster { bootstrap_servers, properties };
        configured = Some(Source { cluster, prefix: kafka.topic_prefix });
        registry = registry_settings(&config, &Arc::new(environment.clone()))?
            .map(|registry| registry.client);
    }
    if let Some(url) = &arguments.registry
        && registry.as_ref().is_none_or(|registry| registry.identity() != identity(url))
    {
        // Credentials are the configured registry's own, and are given to no other.
        let credentials: FetchCredentials = Arc::new(|| Ok(Credentials::None));
        let settings = registry::Settings { url: url.clone(), credentials, certificates: None };
        let client = Client::new(settings, Retries::default());
        registry = Some(client.map_err(Failure::failed)?);
    }
    let registry = registry.map(|client| (client, tokio::runtime::Handle::current()));
    let source = arguments.source(configured);
    let messages = Messages::new(registry).map_err(Failure::failed)?;
    let asked = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        asked_to_end().await;
        heard.store(true, Ordering::Relaxed);
    });
    let reading = tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::new(std::io::stdout());
        run(&arguments, &source, &messages, &mut out, &|| asked.load(Ordering::Relaxed))
    });
    reading.await.map_err(Failure::failed)?.map_err(Failure::failed)
}

/// Prints events until the end, the wanted number, or `stop` answers true.
///
/// A reader that goes away (`floorcast tail … | head`) is a way to stop, and no error.
///
/// # Errors
/// When no broker answers, it refuses, topics are missing, or the output cannot be written.
pub fn run(
    arguments: &TailArguments,
    source: &Source,
    messages: &Messages,
    out: &mut impl Write,
    stop: &dyn Fn() -> bool,
) -> Result<(), Error> {
    match print(arguments, source, messages, out, stop) {
        Err(Error::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn print(
    arguments: &TailArguments,
    source: &Source,
    messages: &Messages,
    out: &mut impl Write,
    stop: &dyn Fn() -> bool,
) -> Result<(), Error> {
    // Topics that were asked for by name must be there. Of all topics, those that are.
    let (topics, missing) = match arguments.topics.as_slice() {
        [] => (Topic::ALL, Missing::Skip),
        named => (named, Missing::Refuse),
    };
    let names: Vec<_> = topics.iter().map(|topic| topic.full_name(&source.prefix)).collect();
    let finish = if arguments.until_end { Finish::End } else { Finish::Never };
    let start = arguments.from.unwrap_or(match finish {
        Finish::End => Start::Beginning,
        Finish::Never => Start::End,
    });
    let mut reader = Reader::open(&source.cluster, &names, missing, start, finish, stop)?;
    let mut printed = 0;
    // What is there already is printed without a flush after every line.
    let mut patience = Duration::ZERO;
    while !stop() && arguments.max.is_none_or(|max| printed < max.get()) {
        match reader.next(patience)? {
            Step::Record(record) => {
                patience = Duration::ZERO;
                if let Some(line) = render(arguments, source, messages, &record) {
                    writeln!(out, "{line}").map_err(Error::Write)?;
                    printed += 1;
                }
            }
            Step::Idle => {
                out.flush().map_err(Error::Write)?;
                patience = ATTENTION;
            }
            Step::Finished => break,
        }
    }
    out.flush().map_err(Error::Write)
}

/// The line of a record, unless the filters leave it out.
fn render(
    arguments: &TailArguments,
    source: &Source,
    messages: &Messages,
    record: &Record,
) -> Option<String> {
    let key = record.key.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    if !arguments.wants_key(&key) {
        return None;
    }
    let place = Place { prefix: &source.prefix, key: &key, record };
    match decode(messages, record) {
        Ok((event_type, event)) => {
            let wanted = arguments.types.is_empty() || arguments.types.contains(&event_type);
            wanted.then(|| match arguments.format {
                Format::Line => line::event(&place, event_type, &event),
                Format::Json => json_event(&place, event_type, event).to_string(),
            })
        }
        // Its type is not known, so that no filter on types can leave it out.
        Err(error) => Some(match arguments.format {
            Format::Line => line::undecoded(&place, &error.to_string()),
            Format::Json => {
                json!({ "_undecoded": error.to_string(), "_kafka": kafka(&place) }).to_string()
            }
        }),
    }
}

fn decode(messages: &Messages, record: &Record) -> Result<(EventType, Value), avro::Error> {
    let value = record.value.as_deref();
    messages.decode(value.ok_or_else(|| avro::Error::Unknown(String::from("no value")))?)
}

/// The whole event, with its type before and its place behind its own fields.
fn json_event(place: &Place<'_>, event_type: EventType, event: Value) -> Value {
    let mut line = Map::new();
    line.insert(String::from("_type"), event_type.as_str().into());
    if let Value::Object(fields) = event {
        line.extend(fields);
    }
    line.insert(String::from("_kafka"), kafka(place));
    Value::Object(line)
}

fn kafka(place: &Place<'_>) -> Value {
    let Record { topic, partition, offset, timestamp, .. } = place.record;
    json!({
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "key": place.key,
    })
}
