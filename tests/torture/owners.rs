//! Who owned the shard, by the committed words on the state topic: read along while the torture
//! goes on, because the topic is compacted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

/// The key under which an owner says that it lives.
const OWNER_KEY: &[u8] = b"owner";

/// An owner's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Which owner, among all that there were.
    pub(crate) generation: String,
    /// When it was written, by its clock, in milliseconds since the epoch.
    pub(crate) written_at: i64,
    /// Whether it was the last one.
    pub(crate) released: bool,
}

/// Reads along until it is dropped.
pub(crate) struct Owners {
    words: Arc<Mutex<Vec<Word>>>,
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
        let words: Arc<Mutex<Vec<Word>>> = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        let (kept, stop, topic) = (Arc::clone(&words), Arc::clone(&ended), topic.to_owned());
        let reader = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) && !exists(&consumer, &topic) {
                thread::sleep(Duration::from_millis(200));
            }
            let mut assignment = TopicPartitionList::new();
            assignment.add_partition_offset(&topic, 0, Offset::Beginning).expect("it is valid");
            consumer.assign(&assignment).expect("an assignment without a group");
            while !stop.load(Ordering::Relaxed) {
                // An error is a broker that is away; the client finds it again.
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
                if message.key() == Some(OWNER_KEY) {
                    let value = serde_json::from_slice(message.payload().unwrap_or_default());
                    kept.lock().unwrap().extend(value.ok().as_ref().and_then(word));
                }
            }
        });
        Self { words, ended, reader: Some(reader) }
    }

    /// The words so far.
    pub(crate) fn words(&self) -> Vec<Word> {
        self.words.lock().unwrap().clone()
    }

    /// Whether an owner has committed something that was written after this time.
    pub(crate) fn spoke_since(&self, millis: i64) -> bool {
        self.words.lock().unwrap().iter().any(|word| word.written_at > millis && !word.released)
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

fn word(value: &Value) -> Option<Word> {
    let generation = &value["generation"];
    Some(Word {
        generation: format!("{} {}", generation["number"], generation["owner"].as_str()?),
        written_at: value["written_at"].as_i64()?,
        released: value["released"].as_bool()?,
    })
}

/// How long after its last word an owner may go on asking, where another bridge may take over, in
/// milliseconds: then the other one may begin.
const TAKEOVER_MILLIS: i64 = 20_000;

/// What is wrong with who asked when: each request has to come from the bridge that owned the shard
/// at that moment, and in no owner's time from two.
pub(crate) fn two_pollers(words: &[Word], requests: &[(i64, String)], pair: bool) -> Vec<String> {
    struct Tenure<'a> {
        generation: &'a str,
        from: i64,
        last_word: i64,
        released: Option<i64>,
        host: Option<&'a str>,
        told: bool,
    }
    let mut tenures: Vec<Tenure<'_>> = Vec::new();
    for word in words {
        if tenures.last().is_none_or(|last| last.generation != word.generation) {
            tenures.push(Tenure {
                generation: &word.generation,
                from: word.written_at,
                last_word: word.written_at,
                released: None,
                host: None,
                told: false,
            });
        }
        if let Some(last) = tenures.last_mut() {
            last.last_word = word.written_at;
            last.released = word.released.then_some(word.written_at);
        }
    }
    let mut problems = Vec::new();
    let first = tenures.first().map(|tenure| tenure.from);
    let early = |at: i64| first.is_none_or(|first| at < first);
    if let Some((_, host)) = requests.iter().find(|(at, _)| early(*at)) {
        problems.push(format!("{host} asked before anybody owned the shard"));
    }
    for (at, host) in requests {
        let Some(tenure) = tenures.iter_mut().rev().find(|tenure| tenure.from <= *at) else {
            continue;
        };
        if tenure.told {
            continue;
        }
        let generation = tenure.generation;
        let problem = if tenure.released.is_some_and(|released| *at > released) {
            format!("{host} asked after generation {generation} had left")
        } else if pair && *at > tenure.last_word + TAKEOVER_MILLIS {
            format!("{host} asked {} ms after its last word", at - tenure.last_word)
        } else if *tenure.host.get_or_insert(host) != host {
            format!("two bridges asked while generation {generation} owned the shard")
        } else {
            continue;
        };
        tenure.told = true;
        problems.push(problem);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[(i64, &str, bool)]) -> Vec<Word> {
        let word = |(written_at, generation, released): &(i64, &str, bool)| Word {
            generation: (*generation).to_owned(),
            written_at: *written_at,
            released: *released,
        };
        words.iter().map(word).collect()
    }

    #[test]
    fn only_the_owner_asks_and_only_while_it_owns() {
        let words = words(&[
            (1_000, "1", false),
            (6_000, "1", false),
            (27_000, "2", false),
            (30_000, "2", false),
            (31_000, "2", true),
            (31_200, "3", false),
        ]);
        /// What it is, who asked when, and how many were not alone.
        type Case = (&'static str, &'static [(i64, &'static str)], usize);
        let cases: &[Case] = &[
            ("in turn", &[(1_100, "a"), (20_000, "a"), (27_100, "b"), (31_300, "a")], 0),
            ("before anybody", &[(900, "a")], 1),
            ("the old one goes on", &[(1_100, "a"), (27_100, "b"), (27_200, "a")], 1),
            ("one that stands by asks", &[(1_100, "a"), (1_200, "b"), (1_300, "b")], 1),
            ("after it left", &[(27_100, "b"), (31_100, "b")], 1),
            ("long after its word", &[(1_100, "a"), (26_500, "a")], 1),
        ];
        for (case, requests, expected) in cases {
            let requests: Vec<_> =
                requests.iter().map(|(at, host)| (*at, (*host).to_owned())).collect();
            let problems = two_pollers(&words, &requests, true);
            assert_eq!(problems.len(), *expected, "{case}: {problems:?}");
        }
    }
}
