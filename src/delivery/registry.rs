//! A schema registry: where consumers look up schemas by the id before each message.
//!
//! The framing and the interface are Confluent's, which Apicurio, Karapace and others implement as
//! well: `0x00`, the schema's id in four bytes (big-endian), the datum. Subjects follow
//! `TopicRecordNameStrategy`, so that a topic holds events of many types, each with its own versions.

mod client;
mod ids;

use std::sync::Arc;

use url::Url;

use crate::event::{EventType, NAMESPACE, Topic};
use crate::kafka::Remedy;
use crate::secret::Secret;

pub use client::{Client, Compatibility};
pub(super) use ids::{FramingError, SchemaIds};

/// How the registry is reached.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Its address; with a path such as `/apis/ccompat/v7` where it serves other interfaces, too.
    pub url: Url,
    /// How requests are authenticated.
    pub credentials: Option<RegistryCredentials>,
    /// Certificates (PEM) of a private authority, trusted beside the system's.
    pub authority: Option<Arc<[u8]>>,
    /// Whether missing schemas are registered. Otherwise they are only looked up.
    pub auto_register: bool,
}

/// How requests to the registry are authenticated.
#[derive(Clone, Debug)]
pub enum RegistryCredentials {
    /// HTTP basic authentication.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Bearer(Secret),
}

/// Why there is no id. No error holds a secret or a whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No answer, or one that asks to retry (429, 5xx).
    #[error("the schema registry at {host} does not answer: {problem}")]
    Unavailable {
        /// The registry's host.
        host: String,
        /// The system's error, or the status.
        problem: String,
    },
    /// 401 or 403.
    #[error(
        "the schema registry at {host} refuses the credentials ({status}): check username and password, or \
         token, in [registry], and their rights"
    )]
    Unauthorized {
        /// The registry's host.
        host: String,
        /// The status code.
        status: u16,
    },
    /// The registry refuses the schema.
    #[error(
        "the schema registry refuses the schema of {subject} ({status}): {reason}; look at the \
         subject's versions and its compatibility rule"
    )]
    Refused {
        /// The schema's subject.
        subject: String,
        /// The status code.
        status: u16,
        /// The registry's message, shortened.
        reason: String,
    },
    /// The schema is not registered, and is not to be registered from here.
    #[error(
        "the schema registry has no such schema of {subject}: run `floorcast schemas register`, \
         or set auto_register = true"
    )]
    Missing {
        /// The schema's subject.
        subject: String,
    },
    /// There is no schema of this id.
    #[error("the schema registry has no schema {id}")]
    NoSuchId {
        /// The id.
        id: u32,
    },
    /// The answer is not that of a schema registry.
    #[error(
        "what answers at {host} is no schema registry (status {status}): check url in [registry]; \
         it may need a path such as /apis/ccompat/v7"
    )]
    NoRegistry {
        /// The host.
        host: String,
        /// The status code.
        status: u16,
    },
    /// The client cannot be created.
    #[error("the client of the schema registry cannot be created: {0}")]
    Client(String),
    /// An event in the outbox was encoded with a schema that this version does not know.
    #[error(
        "an event of type {event} was stored by another version, whose schema this one does not \
         know: run that version until its outbox is empty"
    )]
    UnknownSchema {
        /// The event's type.
        event: &'static str,
    },
}

impl Error {
    /// What ends each error. Meanwhile events wait, and none is lost.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Unavailable { .. } => Remedy::Retry,
            Self::Unauthorized { .. }
            | Self::Refused { .. }
            | Self::Missing { .. }
            | Self::NoSuchId { .. }
            | Self::NoRegistry { .. }
            | Self::Client(_)
            | Self::UnknownSchema { .. } => Remedy::Operator,
        }
    }

    /// Whether the other error is the same problem: an outage is reported in many wordings.
    #[must_use]
    pub fn is_same_problem(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Unavailable { .. }, Self::Unavailable { .. }))
            || self == other
    }

    /// Whether ids that are known may still be used: the registry did not say that they are wrong.
    #[must_use]
    pub const fn keeps_known_ids(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Unauthorized { .. }
                | Self::NoRegistry { .. }
                | Self::Client(_)
        )
    }
}

/// The subject of an event's schema on a topic: `TopicRecordNameStrategy`.
#[must_use]
pub fn subject(topic: &str, event: EventType) -> String {
    format!("{topic}-{NAMESPACE}.{}", event.as_str())
}

/// Every event with each topic it may be on, by the topics' full names.
#[must_use]
pub fn subjects(prefix: &str) -> Vec<(String, EventType)> {
    let topics = |event: EventType| match event {
        // A placeholder is on the topic of the event it replaces.
        EventType::EventOmitted => Topic::ALL.to_vec(),
        event => vec![event.topic()],
    };
    let mut all = Vec::new();
    for event in EventType::ALL {
        all.extend(topics(*event).into_iter().map(|topic| (topic.full_name(prefix), *event)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_the_topic_and_the_full_name_of_the_record() {
        assert_eq!(
            subject("floor.calls", EventType::CallFinished),
            "floor.calls-floorcast.v1.CallFinished"
        );
        let all = subjects("floor");
        assert_eq!(all.len(), EventType::ALL.len() - 1 + Topic::ALL.len());
        assert!(all.contains(&(String::from("floor.agents"), EventType::EventOmitted)));
    }
}
