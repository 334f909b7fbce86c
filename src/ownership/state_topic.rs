//! The state topic: compacted, one partition per shard, the source of truth. A local store is a cache
//! of it.
//!
//! It holds the store's records under the store's keys, and under a key of its own the owner record,
//! which every transaction writes: who owns the shard, and how far its outbox is published. Each one
//! is also the owner's heartbeat.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::generation::Generation;
use crate::clock::Deadline;
use crate::kafka::{ErrorClass, KafkaContext, KafkaSettings, Remedy, explain, refused_property};
use crate::model::{AccountName, Timestamp};

/// The largest record of state that is written, in bytes; topics are created to take it. A row of a
/// vendor has four mebibytes at most.
pub(crate) const LARGEST_RECORD: usize = 10 << 20;
/// The key of the owner record. No published key of the store begins with this byte.
pub(crate) const OWNER_KEY: &[u8] = b"owner";
/// The version of the owner record's form.
const VERSION: u32 = 1;
/// How long the broker may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read waits for the next record before it fails.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How many offsets before the end the last owner record is searched. It is in the last transaction,
/// which has fewer records.
const OWNER_SEARCH: i64 = 20_000;
/// What librdkafka reads ahead. Its default is 64 MiB.
const READ_AHEAD_KIB: u32 = 16 * 1024;

/// The partition of the state topic that holds an account: XXH3-64 of its name, modulo the number
/// of shards.
#[must_use]
pub fn shard_of(account: &AccountName, shards: u32) -> u32 {
    let shard = xxh3_64(account.as_str().as_bytes()) % u64::from(shards.max(1));
    u32::try_from(shard).unwrap_or(0)
}

/// What the owner of a shard writes with every transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnerRecord {
    version: u32,
    /// Identifies the state topic's contents.
    pub(crate) lineage: Uuid,
    /// Who owns the shard.
    pub(crate) generation: Generation,
    /// The number of the last outbox entry that is published.
    pub(crate) progress: u64,
    /// Whether the owner has released the shard: a standby then need not wait for missing heartbeats.
    pub(crate) released: bool,
    /// The accounts of which the shard holds state.
    pub(crate) accounts: Vec<AccountName>,
    /// When it was written, by the owner's clock, in milliseconds. Displayed
    /// only, never compared.
    written_at: i64,
}

impl OwnerRecord {
    pub(crate) const fn new(
        lineage: Uuid,
        generation: Generation,
        progress: u64,
        accounts: Vec<AccountName>,
        now: Timestamp,
    ) -> Self {
        let written_at = now.millis();
        Self {
            version: VERSION,
            lineage,
            generation,
            progress,
            released: false,
            accounts,
            written_at,
        }
    }

    /// The same owner's next record, with this progress.
    pub(crate) fn next(&self, progress: u64, now: Timestamp) -> Self {
        Self { progress, written_at: now.millis(), ..self.clone() }
    }

    /// The owner's last record: it releases the shard.
    pub(crate) fn release(&self, now: Timestamp) -> Self {
        Self { released: true, written_at: now.millis(), ..self.clone() }
    }

    /// When it was written, by the owner's clock.
    pub(crate) const fn written_at(&self) -> Timestamp {
        Timestamp::from_millis(self.written_at)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Numbers, ids and names always have a form in JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (record.version == VERSION).then_some(record)
    }
}

/// Why the state topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The broker does not answer, or refuses; explained.
    #[error("{0}")]
    Kafka(String),
    /// The owner record has a form that this version does not read.
    #[error(
        "the state topic {0} was written by a newer version of floorcast: run that one, or another \
         [kafka] deployment"
    )]
    Newer(String),
}

/// A record of the state topic.
#[derive(Debug)]
pub(crate) enum StateTopicRecord {
    /// The owner record.
    Owner(OwnerRecord),
    /// A record of the store; `None` is a tombstone.
    State(Vec<u8>, Option<Vec<u8>>),
}

/// How far a read of the state topic came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// To the end that is visible. The offset behind the last record.
    Complete(i64),
    /// The deadline passed, or the receiver ended it. The offset behind the last record read.
    CutShort(i64),
}

impl Read {
    /// The offset behind the last record that was read.
    pub(crate) const fn next_offset(self) -> i64 {
        match self {
            Self::Complete(next) | Self::CutShort(next) => next,
        }
    }
}

/// Reads one partition of the state topic: committed records only.
pub(crate) struct StateReader {
    consumer: BaseConsumer<KafkaContext>,
    context: KafkaContext,
    topic: String,
    shard: i32,
}

impl StateReader {
    pub(crate) fn new(settings: &KafkaSettings, shard: i32) -> Result<Self, Error> {
        let context = KafkaContext::default();
        let mut config = settings.client_config();
        config
            .set("isolation.level", "read_committed")
            // No group is joined, but librdkafka requires a name.
            .set("group.id", format!("{}-state", settings.client_id))
            .set("enable.auto.commit", "false")
            .set("allow.auto.create.topics", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("queued.max.messages.kbytes", READ_AHEAD_KIB.to_string())
            .set("reconnect.backoff.max.ms", "1000")
            // An empty answer reports the end of the partition: the broker is not to delay it.
            .set("fetch.wait.max.ms", "20");
        let consumer = config.create_with_context(context.clone()).map_err(|error| {
            let refused = refused_property(&error).map(|refused| refused.to_string());
            Error::Kafka(refused.unwrap_or_else(|| error.to_string()))
        })?;
        Ok(Self { consumer, context, topic: settings.state_topic(), shard })
    }

    /// The first offset, and the one behind the last committed record.
    pub(crate) fn ends(&self) -> Result<(i64, i64), Error> {
        let ends = self.consumer.fetch_watermarks(&self.topic, self.shard, TIMEOUT);
        ends.map_err(|error| self.explain(&error))
    }

    /// Reads from an offset to the end that is visible, and hands every record over. It is cut short
    /// when the deadline passes or the receiver breaks.
    pub(crate) fn read(
        &self,
        from: i64,
        deadline: Deadline,
        mut receive: impl FnMut(StateTopicRecord) -> ControlFlow<()>,
    ) -> Result<Read, Error> {
        let mut assignment = TopicPartitionList::new();
        let assigned = assignment
            .add_partition_offset(&self.topic, self.shard, Offset::Offset(from))
            .and_then(|()| self.consumer.assign(&assignment));
        assigned.map_err(|error| self.explain(&error))?;
        let (mut next, mut received_at) = (from, Instant::now());
        let read = loop {
            let mut flow = ControlFlow::Continue(());
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    received_at = Instant::now();
                    next = message.offset() + 1;
                    flow = receive(self.record(&message)?);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break Read::Complete(next),
                // About the consumer group, which is not used.
                Some(Err(error)) if ErrorClass::of(&error) == ErrorClass::GroupAccessDenied => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "reading the state topic is interrupted");
                    // Waiting does not help where an operator is needed.
                    let remedy = explain(error.rdkafka_error_code(), "").remedy;
                    if remedy == Remedy::Operator || received_at.elapsed() > STALL_TIMEOUT {
                        return Err(self.explain(&error));
                    }
                }
                None if received_at.elapsed() > STALL_TIMEOUT => {
                    return Err(self.explain(&KafkaError::Canceled));
                }
                None => {}
            }
            if flow.is_break() || deadline.has_passed() {
                break Read::CutShort(next);
            }
        };
        // Stops fetching.
        let _ = self.consumer.unassign();
        Ok(read)
    }

    fn record(&self, message: &impl Message) -> Result<StateTopicRecord, Error> {
        let key = message.key().unwrap_or_default();
        if key != OWNER_KEY {
            let value = message.payload().map(<[u8]>::to_vec);
            return Ok(StateTopicRecord::State(key.to_vec(), value));
        }
        OwnerRecord::from_bytes(message.payload().unwrap_or_default())
            .map(StateTopicRecord::Owner)
            .ok_or_else(|| Error::Newer(self.topic.clone()))
    }

    /// The last owner record, and the offset behind the last record.
    pub(crate) fn last_owner(
        &self,
        deadline: Deadline,
    ) -> Result<(Option<OwnerRecord>, i64), Error> {
        let (first, end) = self.ends()?;
        let mut last = None;
        let mut from = (end - OWNER_SEARCH).max(first);
        loop {
            let read = self.read(from, deadline, |record| {
                if let StateTopicRecord::Owner(owner) = record {
                    last = Some(owner);
                }
                ControlFlow::Continue(())
            })?;
            if last.is_some() || from <= first {
                return Ok((last, read.next_offset().max(end)));
            }
            from = first;
        }
    }

    fn explain(&self, error: &KafkaError) -> Error {
        // The client logs why it failed only while it is polled.
        while self.consumer.poll(Duration::ZERO).is_some() {}
        Error::Kafka(self.context.explain(error.rdkafka_error_code()).text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_stays_in_its_shard_between_releases() {
        let shard = |name: &str, shards| shard_of(&AccountName::new(name).unwrap(), shards);
        assert_eq!((shard("acme", 1), shard("globex", 1)), (0, 0));
        let spread: Vec<_> = ["acme", "globex", "initech"].map(|name| shard(name, 8)).to_vec();
        assert_eq!(spread, [1, 7, 6]);
    }

    #[test]
    fn an_owner_record_reads_back_and_one_of_a_newer_version_is_refused() {
        let generation = Generation { number: 4, owner: Uuid::from_u128(7) };
        let accounts = vec![AccountName::new("acme").unwrap()];
        let now = Timestamp::from_millis(5);
        let record = OwnerRecord::new(Uuid::from_u128(1), generation, 9, accounts, now);
        assert_eq!(OwnerRecord::from_bytes(&record.to_bytes()), Some(record.clone()));
        let released = record.next(11, now).release(now);
        assert_eq!((released.progress, released.released), (11, true));
        let newer = OwnerRecord { version: VERSION + 1, ..record };
        assert_eq!(OwnerRecord::from_bytes(&newer.to_bytes()), None);
    }
}
