//! The schema registry: every event's schema under a number, and messages that name it.
//!
//! Spoken is the REST API that Confluent's registry, Karapace and Apicurio (below
//! `/apis/ccompat/v7`) have in common: registering, looking up, asking for compatibility, fetching
//! by id. Nothing depends on what only one of them does: no mode, no configured level, no content
//! type of an answer.
//!
//! - A message is `0x00`, the id in four bytes (big-endian), the datum.
//! - The subject is `{topic}-{full name of the record}` (`TopicRecordNameStrategy`).
//! - Ids are remembered in the local store, so that a registry that is away stops nothing that was
//!   published before.

mod client;
mod error;
mod ids;

use url::Url;

use crate::event::{EventType, NAMESPACE, Topic};
use crate::secret::Secret;

pub use client::{Client, Compatibility, Retries};
pub use error::{Error, Remedy};
pub use ids::{Answer, Registry};
pub(super) use ids::{Framing, Ids};

/// The first byte of a message that names its schema by an id.
pub const MAGIC: u8 = 0;

/// How the registry knows us.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// It does not ask.
    None,
    /// HTTP basic authentication.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token (RFC 6750).
    Bearer(Secret),
}

/// Fetches the credentials, as they are now. The error is one line without the secret.
pub type FetchCredentials = std::sync::Arc<dyn Fn() -> Result<Credentials, String> + Send + Sync>;

/// How a registry is reached.
#[derive(Clone)]
pub struct Settings {
    /// Its address, with a path where it has one.
    pub url: Url,
    /// How it knows us; asked before each request.
    pub credentials: FetchCredentials,
    /// PEM certificates that alone are trusted, instead of the system's.
    pub certificates: Option<Vec<u8>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Settings").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Which registry an address is of, however its end is written.
#[must_use]
pub fn identity(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

/// The subject of an event on a topic.
#[must_use]
pub fn subject(topic: Topic, prefix: &str, event: EventType) -> String {
    format!("{}-{NAMESPACE}.{}", topic.full_name(prefix), event.as_str())
}

/// Every subject there is: each event on its topic, and on every topic what stands in for others.
#[must_use]
pub fn subjects(prefix: &str) -> Vec<(String, EventType)> {
    let places = places().into_iter();
    places.map(|(topic, event)| (subject(topic, prefix, event), event)).collect()
}

/// Where events may stand.
fn places() -> Vec<(Topic, EventType)> {
    let mut all = Vec::new();
    for event in EventType::ALL {
        match event {
            EventType::EventOmitted => all.extend(Topic::ALL.iter().map(|topic| (*topic, *event))),
            event => all.push((event.topic(), *event)),
        }
    }
    all
}

/// A datum behind the id of its schema.
#[must_use]
pub fn framed(id: u32, datum: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(datum.len() + 5);
    message.push(MAGIC);
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(datum);
    message
}

/// The id of the schema and the datum, where a message has this form.
#[must_use]
pub fn unframed(message: &[u8]) -> Option<(u32, &[u8])> {
    let (id, datum) = message.strip_prefix(&[MAGIC])?.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*id), datum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_its_schema_in_five_bytes() {
        let message = framed(0x0102_0304, b"datum");
        assert_eq!(message, b"\x00\x01\x02\x03\x04datum");
        assert_eq!(unframed(&message), Some((0x0102_0304, &b"datum"[..])));
        for foreign in [&b""[..], b"\0\0\0\0", b"\xC3\x01\0\0\0\0", b"{}"] {
            assert_eq!(unframed(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn every_event_has_the_subject_of_its_topic_and_a_stand_in_one_of_each() {
        let all = subjects("floor");
        assert!(all.contains(&(
            String::from("floor.calls-floorcast.v1.CallQueued"),
            EventType::CallQueued
        )));
        let stand_ins = all.iter().filter(|(_, event)| *event == EventType::EventOmitted).count();
        assert_eq!(stand_ins, Topic::ALL.len());
        assert_eq!(all.len(), EventType::ALL.len() - 1 + stand_ins);
    }
}
