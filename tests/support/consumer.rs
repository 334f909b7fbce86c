//! A consumer that is independent of the library.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// A record of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The topic's full name.
    pub(crate) topic: String,
    /// The partition.
    pub(crate) partition: i32,
    /// The offset in the partition.
    pub(crate) offset: i64,
    /// The record's time, in milliseconds since the epoch.
    pub(crate) timestamp: Option<i64>,
    /// The key, if it is text.
    pub(crate) key: Option<String>,
    /// The headers. A repeated name fails the test.
    pub(crate) headers: BTreeMap<String, String>,
    /// The value; empty for a tombstone.
    pub(crate) value: Vec<u8>,
}

/// The names of the topics with this prefix, in alphabetical order.
#[track_caller]
pub(crate) fn topics_of(bootstrap: &str, prefix: &str) -> Vec<String> {
    let metadata = consumer(bootstrap).fetch_metadata(None, Duration::from_secs(20)).unwrap();
    let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

/// Reads the committed records of topics from the beginning to the end, without a consumer group:
/// partition by partition, in order. The end is the end at the time when it is reached.
///
/// # Panics
/// When a topic does not exist, or the ends are not reached within a minute.
#[track_caller]
pub(crate) fn read_all<T: AsRef<str>>(bootstrap: &str, topics: &[T]) -> Vec<Record> {
    let consumer = consumer(bootstrap);
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut records = vec![];
    for topic in topics {
        let topic = topic.as_ref();
        let metadata =
            consumer.fetch_metadata(Some(topic), Duration::from_secs(20)).expect("metadata");
        let partitions = metadata.topics()[0].partitions();
        assert!(!partitions.is_empty(), "topic {topic} does not exist");
        for partition in partitions {
            // One at a time: the end of a partition is reported without the name of its topic.
            let mut assignment = TopicPartitionList::new();
            assignment
                .add_partition_offset(topic, partition.id(), Offset::Beginning)
                .expect("the offset is valid");
            consumer.assign(&assignment).expect("an assignment without a group");
            loop {
                assert!(Instant::now() < deadline, "the end of {topic} is not reached");
                match consumer.poll(Duration::from_millis(200)) {
                    Some(Ok(message)) => records.push(record(&message)),
                    // At the last stable offset: records after an open transaction are not visible.
                    Some(Err(KafkaError::PartitionEOF(_))) => break,
                    Some(Err(error)) => panic!("reading {topic}: {error}"),
                    None => {}
                }
            }
        }
    }
    records
}

fn consumer(bootstrap: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        // No group is joined, but a manual assignment requires a name.
        .set("group.id", "floorcast-tests")
        .set("allow.auto.create.topics", "false")
        // The end of a partition is reported after an empty fetch, which should not be waited for.
        .set("fetch.wait.max.ms", "20")
        .create()
        .expect("the properties are valid")
}

fn record(message: &impl Message) -> Record {
    let mut headers = BTreeMap::new();
    if let Some(all) = message.headers() {
        for header in all.iter() {
            let value = String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned();
            let twice = headers.insert(header.key.to_owned(), value);
            assert!(twice.is_none(), "header {} is repeated", header.key);
        }
    }
    Record {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(|key| String::from_utf8_lossy(key).into_owned()),
        headers,
        value: message.payload().unwrap_or_default().to_vec(),
    }
}
