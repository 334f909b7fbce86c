//! Reading events again: for people who look at topics, and for the checks that compare them with
//! the truth. The side that writes does not use it.
//!
//! A topic may hold anything, so a message is read to its last byte or refused: what ends early,
//! goes on after its end, or claims more memory than an event can have is an error.

use std::collections::HashMap;
use std::io::Read;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::util::max_allocation_bytes;
use serde_json::{Map, Value};

use super::released::former;
use super::{Error, SINGLE_OBJECT, prepared};
use crate::event::{EventType, NAMESPACE};

/// What one text or one list of a message may claim. Brokers refuse messages of this size long
/// before.
const ALLOCATION_LIMIT: usize = 16 * 1024 * 1024;

/// Reads single objects of every schema of the catalogue.
pub struct Decoder {
    readers: HashMap<[u8; 8], (EventType, GenericDatumReader<'static>)>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Decoder").field("schemas", &self.readers.len()).finish()
    }
}

impl Decoder {
    /// Prepares the readers.
    ///
    /// # Errors
    /// When a schema of this program is not right, which a test rules out.
    pub fn new() -> Result<Self, Error> {
        // A limit of the whole process, which only reading looks at.
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
        for former in former()? {
            let reader = GenericDatumReader::builder(&former.schema).build();
            let reader = reader.map_err(|error| Error::Schema {
                name: String::from(former.event.as_str()),
                problem: error.to_string(),
            })?;
            readers.insert(former.fingerprint, (former.event, reader));
        }
        Ok(Self { readers })
    }

    /// The event's type, and its fields as plain JSON in the order of the schema: unions
    /// unwrapped, enumerations as text, times as milliseconds.
    ///
    /// # Errors
    /// When it is no single object, its schema is not known, or it cannot be read by it.
    pub fn decode(&self, message: &[u8]) -> Result<(EventType, Value), Error> {
        let framed = message.strip_prefix(&SINGLE_OBJECT);
        let (fingerprint, datum) = framed
            .and_then(|rest| rest.split_first_chunk::<8>())
            .ok_or_else(|| Error::Unknown(String::from("no single object")))?;
        let (event, reader) = self.readers.get(fingerprint).ok_or_else(|| {
            Error::Unknown(format!("schema {:016x}", u64::from_le_bytes(*fingerprint)))
        })?;
        Ok((*event, read(*event, reader, datum)?))
    }
}

/// Reads a datum by the schema it was written with, as [`Decoder::decode`] does.
///
/// # Errors
/// When the schema is of no event of the catalogue, or the datum cannot be read by it.
pub fn decode_by(schema: &Schema, datum: &[u8]) -> Result<(EventType, Value), Error> {
    max_allocation_bytes(ALLOCATION_LIMIT);
    let name = schema.name().map(|name| name.fullname(None)).unwrap_or_default();
    let known = |event: &&EventType| name == format!("{NAMESPACE}.{}", event.as_str());
    let event = EventType::ALL.iter().copied().find(|event| known(&event));
    let event = event.ok_or_else(|| Error::Unknown(format!("a schema of {name}")))?;
    let reader = GenericDatumReader::builder(schema).build();
    let reader =
        reader.map_err(|error| Error::Schema { name: name.clone(), problem: error.to_string() })?;
    Ok((event, read(event, &reader, datum)?))
}

fn read(event: EventType, reader: &GenericDatumReader, datum: &[u8]) -> Result<Value, Error> {
    let refuse = |problem| Error::Decode { event: String::from(event.as_str()), problem };
    let mut datum = Datum { rest: datum, ended_early: false };
    let value = reader.read_value(&mut datum).map_err(|error| refuse(error.to_string()))?;
    if datum.ended_early {
        return Err(refuse(String::from("it ends too early")));
    }
    match datum.rest.len() {
        0 => Ok(json(value)),
        more => Err(refuse(format!("it goes on for {more} bytes after its end"))),
    }
}

/// The bytes of a datum. It remembers that more was asked for than there was, because the crate
/// reads a boolean or a text that is cut off as null.
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
