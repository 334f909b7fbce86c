//! Who owned the shard, by the owner records on the state topic: read while the torture runs,
//! because the topic is compacted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

/// The key of the owner record.
const OWNER_KEY: &[u8] = b"owner";

/// A committed owner record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnerRecord {
    /// The owner's generation.
    pub(crate) generation: String,
    /// When it was written, by its clock, in milliseconds since the epoch.
    pub(crate) written_at: i64,
    /// Whether the owner left with it.
    pub(crate) released: bool,
}

/// Reads owner records until it is dropped.
pub(crate) struct Owners {
    records: Arc<Mutex<Vec<OwnerRecord>>>,
    ended: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Owners {
    /// Begins to read the state topic of a deployment, which need not exist yet.
    pub(crate) fn watch(bootstrap: &str, topic: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("isolation.level", "read_committed")
            .set("group.id", "floorcast-torture-owners")
            .set("enable.auto.commit", "false")
            .set("allow.auto.create.topics", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .set("reconnect.backoff.max.ms", "500")
            .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
            .create()
            .expect("the properties are right");
        let records: Arc<Mutex<Vec<OwnerRecord>>> = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        let (kept, stop, topic) = (Arc::clone(&records), Arc::clone(&ended), topic.to_owned());
        let reader = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) && !exists(&consumer, &topic) {
                thread::sleep(Duration::from_millis(200));
            }
            let mut assignment = TopicPartitionList::new();
            assignment.add_partition_offset(&topic, 0, Offset::Beginning).expect("it is valid");
            consumer.assign(&assignment).expect("an assignment without a group");
            while !stop.load(Ordering::Relaxed) {
                // On an error the broker is down; the client reconnects.
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
                if message.key() == Some(OWNER_KEY) {
                    let value = serde_json::from_slice(message.payload().unwrap_or_default());
                    kept.lock().unwrap().extend(value.ok().as_ref().and_then(owner_record));
                }
            }
        });
        Self { records, ended, reader: Some(reader) }
    }

    /// The records so far.
    pub(crate) fn records(&self) -> Vec<OwnerRecord> {
        self.records.lock().unwrap().clone()
    }

    /// Whether an owner has committed a record that was written after this time.
    pub(crate) fn committed_since(&self, millis: i64) -> bool {
        let records = self.records.lock().unwrap();
        records.iter().any(|record| record.written_at > millis && !record.released)
    }
}

impl Drop for Owners {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn exists(consumer: &BaseConsumer, topic: &str) -> bool {
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(2));
    metadata.is_ok_and(|all| {
        all.topics().iter().any(|found| found.name() == topic && !found.partitions().is_empty())
    })
}

fn owner_record(value: &Value) -> Option<OwnerRecord> {
    let generation = &value["generation"];
    Some(OwnerRecord {
        generation: format!("{} {}", generation["number"], generation["owner"].as_str()?),
        written_at: value["written_at"].as_i64()?,
        released: value["released"].as_bool()?,
    })
}

/// How long after its last record an owner may poll, where another bridge may take over, in
/// milliseconds: then the other one may begin.
const TAKEOVER_MILLIS: i64 = 20_000;

/// What is wrong with the vendor requests: each has to come from the bridge that owned the shard at
/// that moment, and in no generation from two. `pair` says whether another bridge may take over.
pub(crate) fn two_pollers(
    records: &[OwnerRecord],
    requests: &[(i64, String)],
    pair: bool,
) -> Vec<String> {
    struct Tenure<'a> {
        generation: &'a str,
        from: i64,
        last_record: i64,
        released: Option<i64>,
        host: Option<&'a str>,
        reported: bool,
    }
    let mut tenures: Vec<Tenure<'_>> = Vec::new();
    for record in records {
        if tenures.last().is_none_or(|last| last.generation != record.generation) {
            tenures.push(Tenure {
                generation: &record.generation,
                from: record.written_at,
                last_record: record.written_at,
                released: None,
                host: None,
                reported: false,
            });
        }
        if let Some(last) = tenures.last_mut() {
            last.last_record = record.written_at;
            last.released = record.released.then_some(record.written_at);
        }
    }
    let mut problems = Vec::new();
    let first = tenures.first().map(|tenure| tenure.from);
    let early = |at: i64| first.is_none_or(|first| at < first);
    if let Some((_, host)) = requests.iter().find(|(at, _)| early(*at)) {
        problems.push(format!("{host} polled before the shard was owned"));
    }
    for (at, host) in requests {
        let Some(tenure) = tenures.iter_mut().rev().find(|tenure| tenure.from <= *at) else {
            continue;
        };
        if tenure.reported {
            continue;
        }
        let generation = tenure.generation;
        let problem = if tenure.released.is_some_and(|released| *at > released) {
            format!("{host} polled after generation {generation} had left")
        } else if pair && *at > tenure.last_record + TAKEOVER_MILLIS {
            format!("{host} polled {} ms after its last record", at - tenure.last_record)
        } else if *tenure.host.get_or_insert(host) != host {
            format!("two bridges polled while generation {generation} owned the shard")
        } else {
            continue;
        };
        tenure.reported = true;
        problems.push(problem);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(records: &[(i64, &str, bool)]) -> Vec<OwnerRecord> {
        let record = |(written_at, generation, released): &(i64, &str, bool)| OwnerRecord {
            generation: (*generation).to_owned(),
            written_at: *written_at,
            released: *released,
        };
        records.iter().map(record).collect()
    }

    #[test]
    fn only_the_owner_polls_and_only_while_it_owns() {
        let records = records(&[
            (1_000, "1", false),
            (6_000, "1", false),
            (27_000, "2", false),
            (30_000, "2", false),
            (31_000, "2", true),
            (31_200, "3", false),
        ]);
        /// The case, who polled when, and how many problems there are.
        type Case = (&'static str, &'static [(i64, &'static str)], usize);
        let cases: &[Case] = &[
            ("in turn", &[(1_100, "a"), (20_000, "a"), (27_100, "b"), (31_300, "a")], 0),
            ("before the first owner", &[(900, "a")], 1),
            ("the old owner goes on", &[(1_100, "a"), (27_100, "b"), (27_200, "a")], 1),
            ("the standby bridge polls", &[(1_100, "a"), (1_200, "b"), (1_300, "b")], 1),
            ("after its release", &[(27_100, "b"), (31_100, "b")], 1),
            ("long after its last record", &[(1_100, "a"), (26_500, "a")], 1),
        ];
        for (case, requests, expected) in cases {
            let requests: Vec<_> =
                requests.iter().map(|(at, host)| (*at, (*host).to_owned())).collect();
            let problems = two_pollers(&records, &requests, true);
            assert_eq!(problems.len(), *expected, "{case}: {problems:?}");
        }
    }
}
