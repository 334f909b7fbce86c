//! Reading topics as a consumer does: for people who look, and for the checks.

use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::model::Timestamp;

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the first message that is kept.
    Beginning,
    /// Behind the last one.
    End,
    /// At the first message that is not older.
    Time(Timestamp),
}

/// One message.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// Why topics cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The broker does not answer.
    #[error("kafka at {brokers} does not answer: {source}")]
    Unreachable {
        /// Where it was looked for.
        brokers: String,
        /// Why.
        source: KafkaError,
    },
    /// There are no such topics.
    #[error("kafka at {brokers} has none of the topics {topics}")]
    NoTopics {
        /// Where they were looked for.
        brokers: String,
        /// Which.
        topics: String,
    },
}

/// Reads some topics.
pub struct TopicReader {
    consumer: BaseConsumer,
    /// How far each partition reached when reading began.
    ends: Vec<(String, i32, i64)>,
    at: std::collections::HashMap<(String, i32), i64>,
}

impl TopicReader {
    /// Begins to read. Topics that are not there are left out. Only what is committed is read.
    ///
    /// # Errors
    /// When the broker does not answer, or has none of the topics.
    pub fn open(
        brokers: &str,
        properties: &[(String, String)],
        topics: &[String],
        from: From,
    ) -> Result<Self, ReadError> {
        let unreachable = |source| ReadError::Unreachable { brokers: brokers.to_owned(), source };
        let mut config = ClientConfig::new();
        for (name, value) in properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", brokers)
            .set("group.id", "floorcast-tail")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "100")
            .set("queued.max.messages.kbytes", "8192")
            .set_log_level(RDKafkaLogLevel::Emerg);
        let consumer: BaseConsumer = config.create().map_err(unreachable)?;
        let metadata = consumer.fetch_metadata(None, PATIENCE).map_err(unreachable)?;
        let mut assignment = TopicPartitionList::new();
        let mut ends = Vec::new();
        let mut at = std::collections::HashMap::new();
        for topic in
            metadata.topics().iter().filter(|topic| topics.iter().any(|name| name == topic.name()))
        {
            for partition in topic.partitions() {
                let (name, id) = (topic.name(), partition.id());
                let (low, high) =
                    consumer.fetch_watermarks(name, id, PATIENCE).map_err(unreachable)?;
                let start = match from {
                    From::Beginning => Offset::Offset(low),
                    From::End => Offset::Offset(high),
                    From::Time(time) => Offset::Offset(time.millis()),
                };
                assignment.add_partition_offset(name, id, start).map_err(unreachable)?;
                ends.push((name.to_owned(), id, high));
                at.insert((name.to_owned(), id), if from == From::End { high } else { low });
            }
        }
        if ends.is_empty() {
            let topics = topics.join(", ");
            return Err(ReadError::NoTopics { brokers: brokers.to_owned(), topics });
        }
        if matches!(from, From::Time(_)) {
            assignment = consumer.offsets_for_times(assignment, PATIENCE).map_err(unreachable)?;
        }
        consumer.assign(&assignment).map_err(unreachable)?;
        Ok(Self { consumer, ends, at })
    }

    /// The next message, or `None` when none came in this time.
    pub fn next(&mut self, wait: Duration) -> Option<Record> {
        let message = match self.consumer.poll(wait)? {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "reading");
                return None;
            }
        };
        let place = (message.topic().to_owned(), message.partition());
        self.at.insert(place, message.offset() + 1);
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers
                .iter()
                .map(|header| {
                    let value = header.value.unwrap_or_default();
                    (header.key.to_owned(), String::from_utf8_lossy(value).into_owned())
                })
                .collect()
        });
        Some(Record {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
            headers,
            value: message.payload().unwrap_or_default().to_vec(),
        })
    }

    /// Whether everything was read that was there when reading began.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.ends.iter().all(|(topic, partition, end)| {
            self.at.get(&(topic.clone(), *partition)).is_some_and(|at| at >= end)
        })
    }

    /// Everything that was there when reading began, within this time.
    #[must_use]
    pub fn read_to_end(&mut self, within: Duration) -> Vec<Record> {
        let until = Instant::now() + within;
        let mut records = Vec::new();
        while !self.is_at_end() && Instant::now() < until {
            records.extend(self.next(Duration::from_millis(100)));
        }
        records
    }
}
