//! `floorcast tail`: prints the events of the topics, decoded, one per line, for people and for shell
//! pipelines. A record that cannot be decoded gets a line too and does not end the command: a topic may
//! hold events of a newer release.

mod arguments;
mod line;

use std::io::{BufWriter, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use self::line::KeyedRecord;
use super::run::{kafka_settings, read_config, registry_settings};
use super::{Failure, stop_signal};
use crate::config::Environment;
use crate::consume::{self, Cluster, Finish, Missing, ReadFrom, ReadStep, Reader, Record};
use crate::delivery::registry;
use crate::event::avro::{self, Decoder, FetchSchema};
use crate::event::{EventType, Topic};

pub use arguments::{EntityFilter, Format, TailArguments, TopicSource};

/// How often a wait for events checks whether to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topics cannot be read.
    #[error(transparent)]
    Consume(#[from] consume::Error),
    /// The output cannot be written.
    #[error("the events cannot be written: {0}")]
    Write(#[source] std::io::Error),
}

/// Prints events to the standard output until the end, or until a signal.
pub(super) async fn tail(
    arguments: TailArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let mut configured = None;
    let mut registry = None;
    if let Some(path) = &arguments.config {
        let config = read_config(path, environment)?;
        let kafka = kafka_settings(&config, environment)?;
        let (bootstrap_servers, properties) = (kafka.bootstrap_servers, kafka.properties);
        let cluster = Cluster { bootstrap_servers, properties };
        registry = registry_settings(&config, environment)?;
        configured = Some(TopicSource { cluster, prefix: kafka.topic_prefix });
    }
    let source = arguments.source(configured);
    let mut decoder = Decoder::new().map_err(Failure::failed)?;
    if let Some(url) = &arguments.registry {
        // The configured credentials are sent to the configured registry only.
        registry = registry.filter(|settings| settings.url == *url).or_else(|| {
            let url = url.clone();
            Some(registry::RegistrySettings {
                url,
                credentials: None,
                authority: None,
                auto_register: false,
            })
        });
    }
    if let Some(settings) = registry {
        decoder = decoder.with_registry(fetching(&settings)?);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let stop_on_signal = Arc::clone(&stop);
    tokio::spawn(async move {
        stop_signal().await;
        stop_on_signal.store(true, Ordering::Relaxed);
    });
    let printing = tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::new(std::io::stdout());
        run(&arguments, &source, &decoder, &mut out, &|| stop.load(Ordering::Relaxed))
    });
    printing.await.map_err(Failure::failed)?.map_err(Failure::failed)
}

/// Fetches schemas from a registry. It blocks, and is for the thread that reads the topics.
fn fetching(settings: &registry::RegistrySettings) -> Result<FetchSchema, Failure> {
    let client = registry::Client::new(settings).map_err(Failure::failed)?;
    let runtime = tokio::runtime::Handle::current();
    Ok(Box::new(move |id| runtime.block_on(client.schema(id)).map_err(|error| error.to_string())))
}

/// Prints events until the end, `max` lines, or `stop` returns true.
///
/// A closed output (`floorcast tail … | head`) ends it without an error.
///
/// # Errors
/// When no broker answers, it refuses, topics are missing, or the output cannot be written.
pub fn run(
    arguments: &TailArguments,
    source: &TopicSource,
    decoder: &Decoder,
    out: &mut impl Write,
    stop: &dyn Fn() -> bool,
) -> Result<(), Error> {
    match print(arguments, source, decoder, out, stop) {
        Err(Error::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn print(
    arguments: &TailArguments,
    source: &TopicSource,
    decoder: &Decoder,
    out: &mut impl Write,
    stop: &dyn Fn() -> bool,
) -> Result<(), Error> {
    // Topics named with --topic must exist; without it, the existing ones are read.
    let (topics, missing) = match arguments.topics.as_slice() {
        [] => (Topic::ALL, Missing::Skip),
        named => (named, Missing::Refuse),
    };
    let names: Vec<_> = topics.iter().map(|topic| topic.full_name(&source.prefix)).collect();
    let finish = if arguments.until_end { Finish::End } else { Finish::Never };
    let start = arguments.from.unwrap_or(match finish {
        Finish::End => ReadFrom::Beginning,
        Finish::Never => ReadFrom::End,
    });
    let mut reader = Reader::open(&source.cluster, &names, missing, start, finish, stop)?;
    let mut printed = 0;
    // Existing events are printed without a flush after every line.
    let mut timeout = Duration::ZERO;
    while !stop() && arguments.max.is_none_or(|max| printed < max.get()) {
        match reader.next(timeout)? {
            ReadStep::Record(record) => {
                timeout = Duration::ZERO;
                if let Some(line) = render(arguments, source, decoder, &record) {
                    writeln!(out, "{line}").map_err(Error::Write)?;
                    printed += 1;
                }
            }
            ReadStep::Idle => {
                out.flush().map_err(Error::Write)?;
                timeout = STOP_CHECK_INTERVAL;
            }
            ReadStep::Finished => break,
        }
    }
    out.flush().map_err(Error::Write)
}

/// The line of a record, or `None` when a filter excludes it.
fn render(
    arguments: &TailArguments,
    source: &TopicSource,
    decoder: &Decoder,
    record: &Record,
) -> Option<String> {
    let key = record.key.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    if !arguments.wants_key(&key) {
        return None;
    }
    let record = KeyedRecord { prefix: &source.prefix, key: &key, record };
    match decode(decoder, record.record) {
        Ok((event_type, event)) => {
            let wanted = arguments.types.is_empty() || arguments.types.contains(&event_type);
            wanted.then(|| match arguments.format {
                Format::Line => line::event(&record, event_type, &event),
                Format::Json => json_event(&record, event_type, event).to_string(),
            })
        }
        // Its type is unknown, so that --type does not exclude it.
        Err(error) => Some(match arguments.format {
            Format::Line => line::undecoded(&record, &error.to_string()),
            Format::Json => {
                json!({ "_undecoded": error.to_string(), "_kafka": kafka(&record) }).to_string()
            }
        }),
    }
}

fn decode(decoder: &Decoder, record: &Record) -> Result<(EventType, Value), avro::Error> {
    let value = record.value.as_deref();
    decoder.decode(value.ok_or_else(|| avro::Error::Unknown(String::from("no value")))?)
}

/// The whole event: its type first, then its own fields, then its position in Kafka.
fn json_event(record: &KeyedRecord<'_>, event_type: EventType, event: Value) -> Value {
    let mut line = Map::new();
    line.insert(String::from("_type"), event_type.as_str().into());
    if let Value::Object(fields) = event {
        line.extend(fields);
    }
    line.insert(String::from("_kafka"), kafka(record));
    Value::Object(line)
}

fn kafka(record: &KeyedRecord<'_>) -> Value {
    let Record { topic, partition, offset, timestamp, .. } = record.record;
    json!({
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "key": record.key,
    })
}
