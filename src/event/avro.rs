//! Events as Avro: a prepared writer for each event, single-object encoding, and the schemas.
//!
//! The files under `schemas/` reference shared records by name. Events are written, fingerprinted
//! and exported by the self-contained form, in which every record is defined where it is first
//! used.

#[cfg(test)]
mod compatibility;
mod decode;
mod fingerprint;
mod registry_framing;
mod schemas;

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::error::Details;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::Value;

use crate::event::{Body, Event, EventMeta, EventType};

pub use decode::{Decoder, FetchSchema};
pub(crate) use registry_framing::{framed, unframed};
pub use schemas::{joined_files, self_contained};

/// The two bytes before every single object (Avro specification, "Single object encoding").
const SINGLE_OBJECT: [u8; 2] = [0xC3, 0x01];

/// Why a schema cannot be used, or an event not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A schema of this program is invalid.
    #[error("the schema of {name} is invalid: {problem}")]
    Schema {
        /// The record or event.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// An event does not fit its schema.
    #[error("{event} does not fit its schema: {problem}")]
    Encode {
        /// The type of the event.
        event: &'static str,
        /// What is wrong: the field and the type, never a value.
        problem: String,
    },
    /// A message has no known framing, or its schema is not known.
    #[error("not an event of this catalogue: {0}")]
    Unknown(String),
    /// A message cannot be decoded with its schema.
    #[error("{event} cannot be decoded: {problem}")]
    Decode {
        /// The type of the event.
        event: String,
        /// What is wrong.
        problem: String,
    },
}

/// The schema of an event, parsed.
struct Prepared {
    json: Value,
    schema: Schema,
    fingerprint: [u8; 8],
}

static PREPARED: LazyLock<Result<Vec<Prepared>, String>> = LazyLock::new(|| {
    let prepare = |event: &EventType| -> Result<Prepared, Error> {
        let json = self_contained(event.as_str())?;
        let schema = Schema::parse(&json).map_err(|error| Error::Schema {
            name: String::from(event.as_str()),
            problem: error.to_string(),
        })?;
        let fingerprint = fingerprint::fingerprint(&json);
        Ok(Prepared { json, schema, fingerprint })
    };
    EventType::ALL.iter().map(|event| prepare(event).map_err(|error| error.to_string())).collect()
});

fn prepared() -> Result<&'static [Prepared], Error> {
    match &*PREPARED {
        Ok(all) => Ok(all),
        Err(problem) => {
            Err(Error::Schema { name: String::from("the catalogue"), problem: problem.clone() })
        }
    }
}

/// The self-contained schema of an event, and its fingerprint as in a message (little-endian).
///
/// # Errors
/// When a schema of this program is invalid, which a test rules out.
pub fn schema(event: EventType) -> Result<(&'static Value, [u8; 8]), Error> {
    let prepared = &prepared()?[event as usize];
    Ok((&prepared.json, prepared.fingerprint))
}

/// The text of the schema with this fingerprint, current or of an earlier release, as a registry is
/// given it: always the same bytes. `None` when there is no such schema.
#[must_use]
pub fn text_of(event: EventType, fingerprint: [u8; 8]) -> Option<String> {
    let current = &prepared().ok()?[event as usize];
    if current.fingerprint == fingerprint {
        return Some(current.json.to_string());
    }
    let released = released().ok()?.iter();
    let mut found = released.filter(|old| old.event == event && old.fingerprint == fingerprint);
    found.next().map(|old| old.json.to_string())
}

/// A schema of an earlier release that differs from the current one.
#[derive(Debug)]
pub struct Released {
    /// The release.
    pub release: u32,
    /// The event.
    pub event: EventType,
    /// The self-contained schema.
    pub json: Value,
    schema: Schema,
    fingerprint: [u8; 8],
}

static RELEASED: LazyLock<Result<Vec<Released>, String>> = LazyLock::new(|| {
    let mut replaced: Vec<Released> = Vec::new();
    for release in schemas::releases() {
        for event in EventType::ALL.iter().filter(|event| release.holds(event.as_str())) {
            let json = release.self_contained(event.as_str()).map_err(|error| error.to_string())?;
            let fingerprint = fingerprint::fingerprint(&json);
            let (_, current) = schema(*event).map_err(|error| error.to_string())?;
            let known = |old: &Released| old.event == *event && old.fingerprint == fingerprint;
            if fingerprint == current || replaced.iter().any(known) {
                continue;
            }
            let schema = Schema::parse(&json).map_err(|error| error.to_string())?;
            let release = release.number;
            replaced.push(Released { release, event: *event, json, schema, fingerprint });
        }
    }
    Ok(replaced)
});

/// The schemas of earlier releases that differ from the current ones, oldest first.
///
/// # Errors
/// When a schema of this program is invalid, which a test rules out.
pub fn released() -> Result<&'static [Released], Error> {
    match &*RELEASED {
        Ok(all) => Ok(all),
        Err(problem) => {
            Err(Error::Schema { name: String::from("a release"), problem: problem.clone() })
        }
    }
}

/// A prepared writer for each event, created once. It writes events to bytes without building Avro
/// values first.
pub struct Encoders {
    writers: Vec<GenericDatumWriter<'static>>,
    fingerprints: Vec<[u8; 8]>,
}

impl std::fmt::Debug for Encoders {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Encoders").finish_non_exhaustive()
    }
}

impl Encoders {
    /// Prepares the writers.
    ///
    /// # Errors
    /// When a schema of this program is invalid, which a test rules out.
    pub fn new() -> Result<Self, Error> {
        let mut encoders = Self { writers: Vec::new(), fingerprints: Vec::new() };
        for (prepared, event) in prepared()?.iter().zip(EventType::ALL) {
            let writer = GenericDatumWriter::builder(&prepared.schema).human_readable(true).build();
            encoders.writers.push(writer.map_err(|error| Error::Schema {
                name: String::from(event.as_str()),
                problem: error.to_string(),
            })?);
            encoders.fingerprints.push(prepared.fingerprint);
        }
        Ok(encoders)
    }

    /// An event as an Avro datum, without any framing.
    ///
    /// # Errors
    /// When it does not fit its schema, which is a bug of this program.
    pub fn datum(&self, meta: &EventMeta, body: &Body) -> Result<Vec<u8>, Error> {
        let event = body.event_type();
        let mut datum = Vec::with_capacity(512);
        self.writers[event as usize]
            .write_ser(&mut datum, &Event { meta, body })
            .map_err(|error| Error::Encode { event: event.as_str(), problem: mismatch(&error) })?;
        Ok(datum)
    }

    /// The fingerprint of an event's schema, as in a message (little-endian).
    #[must_use]
    pub fn fingerprint(&self, event: EventType) -> [u8; 8] {
        self.fingerprints[event as usize]
    }
}

/// Where a value does not fit its schema. Only names of fields are taken from the crate's error:
/// its text may quote values.
fn mismatch(error: &apache_avro::Error) -> String {
    match error.details() {
        Details::SerializeRecordFieldWithSchema { field_name, record_schema, .. } => {
            format!("field {field_name} of {} has another type", record_schema.name)
        }
        Details::GetField(field) => format!("there is no field {field}"),
        _ => String::from("it is another record"),
    }
}

/// A datum in single-object encoding: two fixed bytes, the fingerprint, the datum.
#[must_use]
pub fn single_object(fingerprint: [u8; 8], datum: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(datum.len() + 10);
    message.extend_from_slice(&SINGLE_OBJECT);
    message.extend_from_slice(&fingerprint);
    message.extend_from_slice(datum);
    message
}

#[cfg(test)]
mod tests;
