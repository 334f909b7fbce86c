//! The state topic: compacted, one partition a shard, and the truth. A store is a cache of it.
//!
//! It holds the store's records under the store's keys, and under a key of its own the owner's
//! record, which every transaction writes anew: who owns the shard, how far the outbox is
//! published, and, by coming at all, that the owner lives.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::generation::Generation;
use crate::kafka::{ConnectionLog, KafkaSettings, Remedy, explain};
use crate::model::{AccountName, Timestamp};

/// The largest record of state that is written, in bytes; topics are made to take it. A row of a
/// vendor has four mebibytes at most.
pub(crate) const LARGEST_RECORD: usize = 10 << 20;
/// The key of the owner's record. No key of the store that is published begins like it.
pub(crate) const OWNER_KEY: &[u8] = b"owner";
/// The version of the owner's record.
const VERSION: u32 = 1;
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a reading waits for the next record before it gives up.
const SILENCE: Duration = Duration::from_secs(20);
/// How many records before the end the last owner's record is looked for. It is among those of
/// the last transaction, which are fewer.
const TAIL: i64 = 20_000;
/// What librdkafka reads ahead. Its default is 64 MiB.
const READ_AHEAD_KIB: u32 = 16 * 1024;

/// The partition of the state topic that holds an account: XXH3-64 of its name, modulo the number
/// of shards.
#[must_use]
pub fn shard_of(account: &AccountName, shards: u32) -> u32 {
    let shard = xxh3_64(account.as_str().as_bytes()) % u64::from(shards.max(1));
    u32::try_from(shard).unwrap_or(0)
}

/// What the owner of a shard says with every transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnerRecord {
    version: u32,
    /// Which state topic this is, among all that ever had its name.
    pub(crate) lineage: Uuid,
    /// Who owns the shard.
    pub(crate) generation: Generation,
    /// The number of the last outbox entry that is published.
    pub(crate) progress: u64,
    /// Whether the owner has left: nobody has to wait.
    pub(crate) released: bool,
    /// The accounts of which the shard holds state.
    pub(crate) accounts: Vec<AccountName>,
    /// When it was written, by the owner's clock, in milliseconds: for people who look.
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

    /// The same owner's next word.
    pub(crate) fn next(&self, progress: u64, now: Timestamp) -> Self {
        Self { progress, written_at: now.millis(), ..self.clone() }
    }

    /// The owner's last word.
    pub(crate) fn release(&self, now: Timestamp) -> Self {
        Self { released: true, written_at: now.millis(), ..self.clone() }
    }

    /// When it was written, by the owner's clock.
    pub(crate) const fn written_at(&self) -> Timestamp {
        Timestamp::from_millis(self.written_at)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // It is made of numbers, ids and names: there is nothing that JSON could refuse.
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
    /// The broker does not answer or refuses.
    #[error("{0}")]
    Kafka(String),
    /// The owner's record has a form that this version does not read.
    #[error(
        "the state topic {0} was written by a newer version of floorcast: run that one, or another \
         [kafka] deployment"
    )]
    Newer(String),
}

/// A record of the state topic.
#[derive(Debug)]
pub(crate) enum StateTopicRecord {
    /// The owner's.
    Owner(OwnerRecord),
    /// The store's.
    State(Vec<u8>, Option<Vec<u8>>),
}

/// Reads one partition of the state topic: what is committed, and nothing else.
pub(crate) struct StateReader {
    consumer: BaseConsumer<ConnectionLog>,
    listener: ConnectionLog,
    topic: String,
    shard: i32,
}

impl StateReader {
    pub(crate) fn new(settings: &KafkaSettings, shard: i32) -> Result<Self, Error> {
        let listener = ConnectionLog::default();
        let mut config = settings.client();
        config
            .set("isolation.level", "read_committed")
            // Never joined; librdkafka asks for a name all the same.
            .set("group.id", format!("{}-state", settings.client_id))
            .set("enable.auto.commit", "false")
            .set("allow.auto.create.topics", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("queued.max.messages.kbytes", READ_AHEAD_KIB.to_string())
            .set("reconnect.backoff.max.ms", "1000")
            // The end of the partition is told by an empty answer: it is not waited for.
            .set("fetch.wait.max.ms", "20");
        let consumer =
            config.create_with_context(listener.clone()).map_err(|error| match error {
                KafkaError::ClientConfig(_, _, name, _) => Error::Kafka(format!(
                    "kafka's client takes no property {name:?}: correct it in [kafka.properties]"
                )),
                error => Error::Kafka(error.to_string()),
            })?;
        Ok(Self { consumer, listener, topic: settings.state_topic(), shard })
    }

    /// The first offset and the one behind the last committed record.
    pub(crate) fn ends(&self) -> Result<(i64, i64), Error> {
        let ends = self.consumer.fetch_watermarks(&self.topic, self.shard, PATIENCE);
        ends.map_err(|error| self.explain(&error))
    }

    /// Reads from an offset to the end that is visible, and hands every record over. Returns the
    /// offset behind the last one. `give_up` ends it early.
    pub(crate) fn read(
        &self,
        from: i64,
        give_up: &dyn Fn() -> bool,
        mut take: impl FnMut(i64, StateTopicRecord),
    ) -> Result<i64, Error> {
        let mut assignment = TopicPartitionList::new();
        let assigned = assignment
            .add_partition_offset(&self.topic, self.shard, Offset::Offset(from))
            .and_then(|()| self.consumer.assign(&assignment));
        assigned.map_err(|error| self.explain(&error))?;
        let (mut next, mut heard) = (from, Instant::now());
        loop {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    next = message.offset() + 1;
                    let key = message.key().unwrap_or_default();
                    if key == OWNER_KEY {
                        let record = OwnerRecord::from_bytes(message.payload().unwrap_or_default())
                            .ok_or_else(|| Error::Newer(self.topic.clone()))?;
                        take(message.offset(), StateTopicRecord::Owner(record));
                    } else {
                        let value = message.payload().map(<[u8]>::to_vec);
                        take(message.offset(), StateTopicRecord::State(key.to_vec(), value));
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                // The client asks for its group, of which nothing is wanted.
                Some(Err(error))
                    if error.rdkafka_error_code() == Some(Code::GroupAuthorizationFailed) => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "reading the state topic is interrupted");
                    // What somebody has to grant does not come by waiting.
                    let refused = explain(error.rdkafka_error_code(), "").remedy == Remedy::Person;
                    if refused || heard.elapsed() > SILENCE {
                        return Err(self.explain(&error));
                    }
                }
                None if heard.elapsed() > SILENCE => {
                    return Err(self.explain(&KafkaError::Canceled));
                }
                None => {}
            }
            if give_up() {
                break;
            }
        }
        // What is assigned goes on being fetched.
        let _ = self.consumer.unassign();
        Ok(next)
    }

    /// The last owner's record, and the offset behind the last record.
    pub(crate) fn last_owner(
        &self,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(Option<OwnerRecord>, i64), Error> {
        let (first, end) = self.ends()?;
        let mut last = None;
        let mut from = (end - TAIL).max(first);
        loop {
            let next = self.read(from, give_up, |_, found| {
                if let StateTopicRecord::Owner(owner) = found {
                    last = Some(owner);
                }
            })?;
            if last.is_some() || from <= first {
                return Ok((last, next.max(end)));
            }
            from = first;
        }
    }

    fn explain(&self, error: &KafkaError) -> Error {
        // The client tells its listener why it failed when it is polled, and only then.
        while self.consumer.poll(Duration::ZERO).is_some() {}
        Error::Kafka(self.listener.explain(error.rdkafka_error_code()).text)
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
    fn an_owners_record_reads_back_and_one_of_a_newer_version_is_refused() {
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
