//! A schema registry: where consumers look schemas up by the number that stands before each message.
//!
//! The framing and the interface are Confluent's, which Apicurio, Karapace and others speak as
//! well: `0x00`, the schema's id in four bytes (big-endian), the datum. Subjects are named after
//! `TopicRecordNameStrategy`, so that a topic holds events of many types, each with its own history.

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
    /// Its address; with a path such as `/apis/ccompat/v7` where it serves others, too.
    pub url: Url,
    /// What it knows us by.
    pub credentials: Option<RegistryCredentials>,
    /// Certificates (PEM) of an authority of one's own, trusted beside the system's.
    pub authority: Option<Arc<[u8]>>,
    /// Whether schemas that it does not have are registered. Otherwise somebody else does it.
    pub auto_register: bool,
}

/// What the registry knows us by.
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
    /// It does not answer, or not now.
    #[error("the schema registry at {host} does not answer: {problem}")]
    Away {
        /// Whom we asked.
        host: String,
        /// What the system says, or the status.
        problem: String,
    },
    /// 401 or 403.
    #[error(
        "the schema registry at {host} refuses us ({status}): check username and password, or \
         token, in [registry], and their rights"
    )]
    Unauthorized {
        /// Whom we asked.
        host: String,
        /// The status code.
        status: u16,
    },
    /// It does not want the schema.
    #[error(
        "the schema registry refuses the schema of {subject} ({status}): {reason}; look at the \
         subject's versions and its compatibility rule"
    )]
    Refused {
        /// Of which subject.
        subject: String,
        /// The status code.
        status: u16,
        /// What the registry says, shortened.
        reason: String,
    },
    /// It does not have the schema, and we are not to register it.
    #[error(
        "the schema registry has no such schema of {subject}: run `floorcast schemas register`, \
         or set auto_register = true"
    )]
    Missing {
        /// Of which subject.
        subject: String,
    },
    /// It has no schema of this id.
    #[error("the schema registry has no schema {id}")]
    NoSuchId {
        /// Which.
        id: u32,
    },
    /// Something answers that is no schema registry.
    #[error(
        "what answers at {host} is no schema registry (status {status}): check url in [registry]; \
         it may need a path such as /apis/ccompat/v7"
    )]
    NoRegistry {
        /// Whom we asked.
        host: String,
        /// The status code.
        status: u16,
    },
    /// The client cannot be made.
    #[error("the client of the schema registry cannot be made: {0}")]
    Client(String),
    /// An event of the outbox was written by a schema that this version does not know.
    #[error(
        "an event of type {event} was stored by another version, whose schema this one does not \
         know: start that version once, so that it sends what it stored"
    )]
    UnknownSchema {
        /// Which type.
        event: &'static str,
    },
}

impl Error {
    /// The one table of what each error means. None of them loses an event: they wait.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Away { .. } => Remedy::Time,
            Self::Unauthorized { .. }
            | Self::Refused { .. }
            | Self::Missing { .. }
            | Self::NoSuchId { .. }
            | Self::NoRegistry { .. }
            | Self::Client(_)
            | Self::UnknownSchema { .. } => Remedy::Person,
        }
    }

    /// Whether it is no news after the other one: who does not answer does so in many words.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Away { .. }, Self::Away { .. })) || self == other
    }

    /// Whether an id that was once had may still be used: whoever cannot ask was not told that it
    /// is wrong.
    #[must_use]
    pub const fn leaves_ids_alone(&self) -> bool {
        matches!(
            self,
            Self::Away { .. }
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
        // It stands in for another event, on that one's topic.
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
