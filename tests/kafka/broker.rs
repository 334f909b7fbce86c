//! The tests' own broker: what the other tests rely on.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::util::Timeout;

use crate::support::consumer::read_all;
use crate::support::{guard, kafka, wait_until};

/// A producer that gives up after half a minute.
pub(super) fn producer(bootstrap: &str) -> ThreadedProducer<DefaultProducerContext> {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("message.timeout.ms", "30000")
        .set("reconnect.backoff.max.ms", "200")
        .set("enable.idempotence", "true")
        .create()
        .unwrap()
}

fn produce(bootstrap: &str, topic: &str, values: &[&str]) {
    let producer = producer(bootstrap);
    for value in values {
        let headers = OwnedHeaders::new().insert(Header { key: "ce_id", value: Some(*value) });
        let record = BaseRecord::to(topic).key("acme:call:1").payload(*value).headers(headers);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Timeout::After(Duration::from_secs(30))).unwrap();
}

fn values(bootstrap: &str, topic: &str) -> Vec<String> {
    let records = read_all(bootstrap, &[topic]).into_iter();
    records.map(|record| String::from_utf8(record.value).unwrap()).collect()
}

#[test]
fn a_record_comes_back_with_its_key_and_headers() {
    let broker = kafka::shared();
    let topic = kafka::unique_prefix("round-trip");
    broker.create_topic(&topic, 3);
    produce(broker.bootstrap(), &topic, &["one", "two"]);
    let records = read_all(broker.bootstrap(), &[&topic]);
    let [first, second] = &records[..] else { panic!("two records, not {records:?}") };
    assert_eq!((first.offset, second.offset), (0, 1));
    assert_eq!(first.partition, second.partition, "one key, one partition");
    assert_eq!(first.key.as_deref(), Some("acme:call:1"));
    assert_eq!(first.headers.get("ce_id").map(String::as_str), Some("one"));
    assert_eq!(second.value, b"two");
}

#[test]
fn an_aborted_transaction_is_not_read() {
    let broker = kafka::shared();
    let topic = kafka::unique_prefix("aborted");
    broker.create_topic(&topic, 1);
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("transactional.id", &topic)
        .create()
        .unwrap();
    let patience = Duration::from_secs(30);
    producer.init_transactions(patience).unwrap();
    for (value, commit) in [("committed", true), ("aborted", false), ("committed too", true)] {
        producer.begin_transaction().unwrap();
        producer
            .send(BaseRecord::<str, str>::to(&topic).payload(value))
            .map_err(|(error, _)| error)
            .unwrap();
        producer.flush(patience).unwrap();
        if commit {
            producer.commit_transaction(patience).unwrap();
        } else {
            producer.abort_transaction(patience).unwrap();
        }
    }
    assert_eq!(values(broker.bootstrap(), &topic), ["committed", "committed too"]);
}

#[test]
fn a_broker_keeps_its_address_and_records_over_a_stop_and_a_kill() {
    let mut broker = kafka::dedicated();
    let (address, topic) = (broker.bootstrap().to_owned(), "kept");
    broker.create_topic(topic, 1);
    produce(&address, topic, &["before"]);
    broker.stop();
    assert!(TcpStream::connect(&address).is_err(), "a stopped broker answers");
    broker.start();
    assert_eq!(broker.bootstrap(), address);
    produce(&address, topic, &["between"]);
    broker.kill();
    assert!(TcpStream::connect(&address).is_err(), "a killed broker answers");
    broker.start();
    produce(&address, topic, &["after"]);
    assert_eq!(values(&address, topic), ["before", "between", "after"]);
}

#[test]
fn a_cut_and_a_held_proxy_keep_records_from_the_broker_until_it_is_open_again() {
    let (broker, proxy) = kafka::behind_proxy();
    broker.create_topic("proxied", 1);
    let producer = producer(broker.bootstrap());
    let send = |value: &str| {
        let record = BaseRecord::<str, str>::to("proxied").payload(value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    };
    let soon = Timeout::After(Duration::from_secs(1));
    let patience = Timeout::After(Duration::from_secs(30));
    send("open");
    producer.flush(patience).unwrap();
    proxy.cut();
    send("cut");
    assert!(producer.flush(soon).is_err(), "a cut proxy lets a record pass");
    proxy.open();
    producer.flush(patience).unwrap();
    proxy.hold();
    send("held");
    assert!(producer.flush(soon).is_err(), "a held proxy lets a record pass");
    assert_eq!(values(broker.direct(), "proxied"), ["open", "cut"]);
    proxy.open();
    producer.flush(patience).unwrap();
    assert_eq!(values(broker.direct(), "proxied"), ["open", "cut", "held"]);
}

/// Makes the child of the next test hold a broker.
const HOLD: &str = "FLOORCAST_TEST_HOLD_A_BROKER";

#[test]
fn a_broker_dies_with_the_tests_even_when_they_are_killed() {
    if std::env::var_os(HOLD).is_some() {
        let broker = kafka::dedicated();
        let (process, directory) = broker.process().unzip();
        let left_over = [
            process.map(|id| format!("/proc/{id}")),
            directory.map(|path| path.display().to_string()),
        ];
        println!(
            "holding {} {}",
            broker.bootstrap(),
            left_over.into_iter().flatten().collect::<Vec<_>>().join(" ")
        );
        std::thread::sleep(Duration::from_mins(10));
        return;
    }
    let this_test = "kafka::broker::a_broker_dies_with_the_tests_even_when_they_are_killed";
    let mut tests = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this_test, "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(tests.stdout.take().unwrap());
    let line = output.lines().map_while(Result::ok).find(|line| line.contains("holding "));
    let line = line.expect("the tests in the child hold a broker");
    let mut words = line.split_whitespace().skip_while(|word| !word.ends_with("holding")).skip(1);
    let address = words.next().unwrap();
    // With Docker there is nothing to see but the address.
    let left_over: Vec<_> = words.map(Path::new).collect();
    assert!(TcpStream::connect(address).is_ok() && left_over.iter().all(|path| path.exists()));

    guard::signal(tests.id(), "KILL");
    tests.wait().unwrap();
    let deadline = Duration::from_secs(30);
    wait_until(deadline, "the broker is gone", || TcpStream::connect(address).is_err());
    wait_until(deadline, "its process and data are gone", || {
        !left_over.iter().any(|path| path.exists())
    });
}
