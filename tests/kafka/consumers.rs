//! The topics are read alike by the library, by the tests' own consumer, and by independent
//! libraries in Python.

use floorcast::consume::{Cluster, Error, read_all};
use floorcast::event::Topic;
use floorcast::event::avro::Decoder;
use floorcast::model::Timestamp;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::json;
use std::time::Duration;

use super::events::{publish, samples};
use crate::support::kafka::Broker;
use crate::support::{consumer, kafka, python, schemas, wait_until};

pub(super) fn cluster(broker: &Broker) -> Cluster {
    Cluster { bootstrap_servers: broker.bootstrap().to_owned(), properties: vec![] }
}

/// Creates the topics of a prefix and returns their names.
pub(super) fn topics(broker: &Broker, prefix: &str) -> Vec<String> {
    let names: Vec<_> = Topic::ALL.iter().map(|topic| topic.full_name(prefix)).collect();
    for name in &names {
        broker.create_topic(name, 3);
    }
    names
}

#[test]
fn three_consumers_read_the_same_events() {
    let broker = kafka::shared();
    let prefix = kafka::unique_prefix("consumers");
    let topics = topics(broker, &prefix);
    let mut samples = samples(&prefix);
    publish(broker, &samples);

    let ours = read_all(&cluster(broker), &topics).unwrap();
    let independent = consumer::read_all(broker.bootstrap(), &topics);
    assert_eq!(consumer::topics_of(broker.bootstrap(), &format!("{prefix}.")), {
        let mut topics = topics.clone();
        topics.sort();
        topics
    });
    assert_eq!(ours.len(), independent.len());
    let decoder = Decoder::new().unwrap();
    for (ours, independent) in ours.iter().zip(&independent) {
        assert_eq!(
            (&ours.topic, ours.partition, ours.offset, ours.timestamp.map(Timestamp::millis)),
            (&independent.topic, independent.partition, independent.offset, independent.timestamp),
        );
        assert_eq!(ours.value.as_ref(), Some(&independent.value));
    }

    let directory = schemas::exported();
    let mut in_python = python::read_all(broker.bootstrap(), &prefix, directory.path());
    assert_eq!(in_python.len(), samples.len());
    samples.sort_by(|one, other| one.event_type.cmp(other.event_type));
    in_python.sort_by_key(|record| record["type"].to_string());
    for (sample, record) in samples.iter().zip(&in_python) {
        assert_eq!(record["type"], json!(sample.event_type));
        assert_eq!((&record["topic"], &record["key"]), (&json!(sample.topic), &json!(sample.key)));
        assert_eq!(record["event"], sample.event);
        let ours = ours.iter().find(|ours| ours.value.as_ref() == Some(&sample.value)).unwrap();
        assert_eq!(decoder.decode(&sample.value).unwrap().1, sample.event);
        assert_eq!(record["offset"], json!(ours.offset));
    }
}

#[test]
fn a_read_ends_where_committed_records_end() {
    let broker = kafka::shared();
    let topic = kafka::unique_prefix("committed");
    broker.create_topic(&topic, 1);
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("transactional.id", &topic)
        .create()
        .unwrap();
    let patience = Duration::from_secs(30);
    let read = || read_all(&cluster(broker), std::slice::from_ref(&topic)).unwrap().len();
    producer.init_transactions(patience).unwrap();
    assert_eq!(read(), 0);
    producer.begin_transaction().unwrap();
    for _ in 0..1000 {
        let record = BaseRecord::<str, str>::to(&topic).payload("value");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(patience).unwrap();
    assert_eq!(read(), 0, "records of an open transaction are read");
    producer.commit_transaction(patience).unwrap();
    // The broker writes the transaction markers after it has answered.
    wait_until(patience, "committed records are read", || read() == 1000);
}

#[test]
fn a_read_of_a_missing_topic_names_it() {
    let broker = kafka::shared();
    let topic = kafka::unique_prefix("absent");
    let error = read_all(&cluster(broker), std::slice::from_ref(&topic)).unwrap_err();
    assert!(matches!(&error, Error::Missing { topics, .. } if *topics == [topic.clone()]));
    assert!(!error.to_string().contains('\n'), "{error}");
    let existing = consumer::topics_of(broker.bootstrap(), &topic);
    assert!(existing.is_empty(), "a request for a topic created it");
}

#[test]
fn a_property_that_kafka_refuses_is_named_without_its_value() {
    let properties = vec![(String::from("sasl.mechanism.typo"), String::from("secret-value"))];
    let cluster = Cluster { bootstrap_servers: String::from("127.0.0.1:1"), properties };
    let error = read_all(&cluster, &[]).unwrap_err();
    assert!(error.to_string().contains("sasl.mechanism.typo"), "{error}");
    let shown = format!("{error} {error:?} {cluster:?}");
    assert!(!shown.contains("secret-value"), "{shown}");
}
