//! Decodes events: for `floorcast tail`, and for the tests that compare the topics with the ground
//! truth. Publishing does not use it.
//!
//! A topic may hold anything, so a message is read to its last byte or refused: one that is
//! truncated, has trailing bytes, or claims more memory than an event can have is an error.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::util::max_allocation_bytes;
use serde_json::{Map, Value};

use super::{Error, SINGLE_OBJECT, prepared, released, unframed};
use crate::event::{EventType, NAMESPACE};

/// Upper limit of one allocation for a text or list. Brokers refuse messages far below this size.
const ALLOCATION_LIMIT: usize = 16 * 1024 * 1024;

/// How many schemas of a registry are cached.
const CACHED_SCHEMAS: usize = 1_000;
/// How long no request is sent to a registry after one failed.
const BACKOFF: Duration = Duration::from_secs(5);

/// Fetches the text of a schema by its id in a registry. The error is one line.
pub type FetchSchema = Box<dyn Fn(u32) -> Result<String, String> + Send + Sync>;

/// Decodes events of every schema of the catalogue and of earlier releases in single-object
/// encoding; with a registry, also those in its framing.
pub struct Decoder {
    readers: HashMap<[u8; 8], (EventType, GenericDatumReader<'static>)>,
    registry: Option<Registry>,
}

/// Schemas of a registry, each fetched once while it is cached.
struct Registry {
    fetch: FetchSchema,
    fetched: Mutex<Fetched>,
}

#[derive(Default)]
struct Fetched {
    schemas: HashMap<u32, Arc<(EventType, Schema)>>,
    failed: Option<(Instant, String)>,
}

impl Registry {
    fn schema(&self, id: u32) -> Result<Arc<(EventType, Schema)>, Error> {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = fetched.schemas.get(&id) {
            return Ok(Arc::clone(known));
        }
        if let Some((until, problem)) = &fetched.failed
            && Instant::now() < *until
        {
            return Err(Error::Unknown(problem.clone()));
        }
        let text = (self.fetch)(id).map_err(|problem| {
            fetched.failed = Some((Instant::now() + BACKOFF, problem.clone()));
            Error::Unknown(problem)
        })?;
        let unusable = || Error::Unknown(format!("schema {id} of the registry is not of an event"));
        let schema = Schema::parse_str(&text).map_err(|_| unusable())?;
        let name = schema.name().map(ToString::to_string).unwrap_or_default();
        let name = name.strip_prefix(&format!("{NAMESPACE}.")).unwrap_or_default().to_owned();
        let event = EventType::ALL.iter().find(|event| event.as_str() == name);
        let found = Arc::new((*event.ok_or_else(unusable)?, schema));
        if fetched.schemas.len() >= CACHED_SCHEMAS {
            fetched.schemas.clear();
        }
        fetched.schemas.insert(id, Arc::clone(&found));
        Ok(found)
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Decoder")
            .field("schemas", &self.readers.len())
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Prepares the readers.
    ///
    /// # Errors
    /// When a schema of this program is not right, which a test rules out.
    pub fn new() -> Result<Self, Error> {
        // A limit of the whole process, which only decoding uses.
        max_allocation_bytes(ALLOCATION_LIMIT);
        let mut readers = HashMap::new();
        for (prepared, event) in prepared()?.iter().zip(EventType::ALL) {
            let reader = GenericDatumReader::builder(&prepared.schema).build();
            let reader = reader.map_err(|error| Error::Schema {
                name: String::from(event.as_str()),
                problem: error.to_string(),
            })?;
            readers.insert(prepared.fingerprint, (*event, reader));
        }
        for old in released()? {
            let reader = GenericDatumReader::builder(&old.schema).build();
            let reader = reader.map_err(|error| Error::Schema {
                name: String::from(old.event.as_str()),
                problem: error.to_string(),
            })?;
            readers.insert(old.fingerprint, (old.event, reader));
        }
        Ok(Self { readers, registry: None })
    }

    /// Also decodes events in the framing of this registry.
    #[must_use]
    pub fn with_registry(mut self, fetch: FetchSchema) -> Self {
        self.registry = Some(Registry { fetch, fetched: Mutex::default() });
        self
    }

    /// The event's type, and its fields as plain JSON in the order of the schema: unions
    /// unwrapped, enumerations as text, times as milliseconds.
    ///
    /// # Errors
    /// When its framing or schema is not known, or it cannot be decoded with its schema.
    pub fn decode(&self, message: &[u8]) -> Result<(EventType, Value), Error> {
        if let Some((id, datum)) = unframed(message) {
            let registry = self.registry.as_ref().ok_or_else(|| {
                let help = "framed for a schema registry: name it with --registry URL or --config";
                Error::Unknown(String::from(help))
            })?;
            let known = registry.schema(id)?;
            let (event, schema) = &*known;
            let reader = GenericDatumReader::builder(schema).build();
            let reader = reader.map_err(|error| Error::Schema {
                name: String::from(event.as_str()),
                problem: error.to_string(),
            })?;
            return read(*event, &reader, datum);
        }
        let framed = message.strip_prefix(&SINGLE_OBJECT);
        let (fingerprint, datum) = framed
            .and_then(|rest| rest.split_first_chunk::<8>())
            .ok_or_else(|| Error::Unknown(String::from("not in single-object encoding")))?;
        let (event, reader) = self.readers.get(fingerprint).ok_or_else(|| {
            Error::Unknown(format!("schema {:016x}", u64::from_le_bytes(*fingerprint)))
        })?;
        read(*event, reader, datum)
    }
}

/// Reads a datum to its last byte.
fn read(
    event: EventType,
    reader: &GenericDatumReader<'_>,
    datum: &[u8],
) -> Result<(EventType, Value), Error> {
    let refuse = |problem| Error::Decode { event: String::from(event.as_str()), problem };
    let mut datum = Datum { rest: datum, ended_early: false };
    let value = reader.read_value(&mut datum).map_err(|error| refuse(error.to_string()))?;
    if datum.ended_early {
        return Err(refuse(String::from("it is truncated")));
    }
    match datum.rest.len() {
        0 => Ok((event, json(value))),
        more => Err(refuse(format!("it has {more} trailing bytes"))),
    }
}

/// The bytes of a datum. It notes reads beyond the end, because the crate reads a truncated boolean
/// or text as null.
struct Datum<'a> {
    rest: &'a [u8],
    ended_early: bool,
}

impl Read for Datum<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.rest.read(buffer)?;
        self.ended_early |= read < buffer.len();
        Ok(read)
    }
}

fn json(value: Avro) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(value) => Value::Bool(value),
        Avro::Int(value) => value.into(),
        Avro::Long(value) | Avro::TimestampMillis(value) => value.into(),
        Avro::Float(value) => f64::from(value).into(),
        Avro::Double(value) => value.into(),
        Avro::String(value) | Avro::Enum(_, value) => Value::String(value),
        Avro::Uuid(value) => Value::String(value.to_string()),
        Avro::Union(_, value) => json(*value),
        Avro::Array(values) => values.into_iter().map(json).collect(),
        Avro::Record(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, json(value)))
            .collect::<Map<_, _>>()
            .into(),
        // No schema of the catalogue has any other type.
        other => Value::String(format!("{other:?}")),
    }
}
