//! Reading topics back, for `floorcast tail` and for checks that compare the topics with the truth.
//! The bridge itself does not use it.
//!
//! It promises:
//! - Committed records only, in order within each partition.
//! - No trace at the broker: partitions are assigned manually, no group is joined and no offset
//!   committed.
//! - A bounded read ends at the offsets that were the ends when it began, however busy the topics
//!   are meanwhile; it goes partition by partition.
//! - Bounded memory: librdkafka's read-ahead has a limit, and so has [`read_all`].

mod reader;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::RefusedProperty;
use crate::model::Timestamp;

pub use reader::{Reader, read_all};

/// How the brokers are reached.
#[derive(Clone)]
pub struct Cluster {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// Further properties of librdkafka, secrets resolved; as the producer's.
    pub properties: Vec<(String, String)>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The properties may hold passwords.
        formatter
            .debug_struct("Cluster")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .finish_non_exhaustive()
    }
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// At the oldest record there is.
    Beginning,
    /// After the newest record.
    End,
    /// At the first record of that time or later, by the records' own times.
    At(Timestamp),
}

/// Where reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// At the records that were the last ones when the read began.
    End,
    /// Never.
    Never,
}

/// What to do about topics that do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Fail.
    Refuse,
    /// Read the others; at least one must exist.
    Skip,
}

/// A record of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The topic's full name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The record's time.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The headers, in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// One step of a read, see [`Reader::next`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadStep {
    /// The next record.
    Record(Record),
    /// Nothing yet.
    Idle,
    /// The end of a bounded read.
    Finished,
}

/// Why topics cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses a property.
    #[error(transparent)]
    Property(RefusedProperty),
    /// The client cannot be created or used.
    #[error("kafka's client cannot be used: {0}")]
    Client(#[source] KafkaError),
    /// No broker answers.
    #[error("no Kafka answers at {servers} ({reason}): is it running, and is the address right?")]
    Unreachable {
        /// The bootstrap servers.
        servers: String,
        /// The last connection error.
        reason: String,
    },
    /// Topics do not exist.
    #[error("no topic {} at {servers}: is the prefix right?", .topics.join(", "))]
    Missing {
        /// The bootstrap servers.
        servers: String,
        /// Their names.
        topics: Vec<String>,
    },
    /// The broker refuses.
    #[error("{servers} does not let us read{}: {code}", .topic.as_ref().map(|name| format!(" {name}")).unwrap_or_default())]
    Refused {
        /// The bootstrap servers.
        servers: String,
        /// The topic, if it is about one.
        topic: Option<String>,
        /// Why.
        code: RDKafkaErrorCode,
    },
    /// A bounded read receives no more records.
    #[error("{servers} has sent nothing for {seconds} s although there is more to read")]
    Stalled {
        /// The bootstrap servers.
        servers: String,
        /// For how long.
        seconds: u64,
    },
    /// The topics hold more than [`read_all`] keeps in memory.
    #[error("the topics hold more than {limit} bytes: read them record by record")]
    TooMuch {
        /// The limit in bytes.
        limit: usize,
    },
}
