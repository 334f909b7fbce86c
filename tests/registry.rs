//! The bridge with a real schema registry: what is registered, what is refused, what is remembered,
//! and what other people's libraries read.

mod access;

use std::time::Duration;

use floorcast::simulate::{Faults, Settings};
use serde_json::{Value, json};

use crate::bridge::{Centre, Place, TOKEN, page};
use crate::support::process::Floorcast;
use crate::support::proxy::Proxy;
use crate::support::{consumer, kafka, python, registry, wait_until};

const PATIENCE: Duration = Duration::from_mins(1);

/// A centre and a bridge's configuration with this registry.
fn place(name: &str, registry: &str, more: &str) -> (Centre, Place, String) {
    let broker = kafka::shared();
    let prefix = kafka::unique_prefix(name);
    let centre =
        Centre::open(Settings { calls_per_second: 1.0, ..Settings::default() }, Faults::default());
    let section = format!("[registry]\nurl = \"{registry}\"\n{more}\n");
    let place = Place::at(&centre.simulator.base_url(), broker.bootstrap(), &prefix, &section);
    (centre, place, prefix)
}

/// The values on the topics of a prefix.
fn values(prefix: &str) -> Vec<Vec<u8>> {
    let broker = kafka::shared();
    let topics = consumer::topics_of(broker.bootstrap(), &format!("{prefix}."));
    let records = consumer::read_all(broker.bootstrap(), &topics);
    records.into_iter().map(|record| record.value).collect()
}

/// Runs a command to its end: its status and both outputs.
fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = Floorcast::start(arguments, &[("ACME_TOKEN", TOKEN)]);
    let status = command.wait(PATIENCE);
    (status.code().unwrap(), command.said())
}

#[test]
fn every_event_is_read_by_confluents_deserializer_by_java_and_by_tail() {
    let (centre, place, prefix) = place("registered", registry::shared(), "");
    let mut bridge = place.run();
    wait_until(PATIENCE, "events of many kinds come", || values(&prefix).len() > 150);
    let (status, said) = run(&["check", "--config", &place.config()]);
    // The store is the running bridge's; the registry is right.
    assert!(said.contains("✓ registry: answers, all schemas are registered"), "{status} {said}");
    centre.simulator.stop_world();
    bridge.terminate();
    assert!(bridge.wait(PATIENCE).success());

    let broker = kafka::shared();
    let read = python::read_registered(broker.bootstrap(), &prefix, registry::shared());
    assert_eq!(read.len(), values(&prefix).len());
    for record in &read {
        // The registry knows the schema under the subject of its topic.
        let url = format!("{}/schemas/ids/{}", registry::shared(), record["id"]);
        let (status, schema) = registry::get(&url).unwrap();
        assert_eq!(status, 200);
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let schema: Value = serde_json::from_str(schema["schema"].as_str().unwrap()).unwrap();
        assert_eq!(record["event"]["meta"]["account"], "acme");
        let subject = format!(
            "{}-{}.{}",
            record["topic"].as_str().unwrap(),
            schema["namespace"].as_str().unwrap(),
            schema["name"].as_str().unwrap()
        );
        let known = format!("{}/subjects/{subject}/versions", registry::shared());
        assert_eq!(registry::get(&known).unwrap().0, 200, "{subject}");
    }
    assert_eq!(
        crate::avro::read_by_java(registry::shared(), &read).unwrap(),
        read.iter().map(|record| record["event"].clone()).collect::<Vec<_>>()
    );

    let words = ["tail", "--brokers", broker.bootstrap(), "--prefix", &prefix, "--until-end"];
    let mut tail = Floorcast::start(
        &[&words[..], &["--format", "json", "--registry", registry::shared()]].concat(),
        &[],
    );
    assert!(tail.wait(PATIENCE).success(), "{}", tail.said());
    let mut ids: Vec<_> = tail
        .stdout()
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["meta"]["event_id"].clone())
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    let id = |record: &Value| record["event"]["meta"]["event_id"].as_str().unwrap().to_owned();
    let mut expected: Vec<_> = read.iter().map(id).collect();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
    // Without a registry it says what is missing.
    let mut tail = Floorcast::start(&[&words[..], &["--max", "1"]].concat(), &[]);
    assert!(tail.wait(PATIENCE).success());
    assert!(tail.stdout()[0].contains("name it with --registry URL"), "{}", tail.said());
}

#[test]
fn what_is_not_registered_waits_until_somebody_registers_it() {
    let (_centre, place, prefix) = place("by-hand", registry::shared(), "auto_register = false");
    let (status, said) = run(&["check", "--config", &place.config()]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("✗ registry: the schema registry does not know the schema of"), "{said}");
    let mut bridge = place.run();
    bridge.wait_for_line("run `floorcast schemas register`", PATIENCE);
    wait_until(PATIENCE, "it is said that it is not ready", || {
        page(&mut bridge, "/readyz").contains("registry: the schema registry does not know")
    });
    assert!(values(&prefix).is_empty());

    let (status, said) = run(&["schemas", "register", "--check", "--config", &place.config()]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("AgentAdded: new"), "{said}");
    assert!(values(&prefix).is_empty());
    let (status, said) = run(&["schemas", "register", "--config", &place.config()]);
    assert_eq!(status, 0, "{said}");
    wait_until(PATIENCE, "events flow", || values(&prefix).len() > 20);
    assert!(!page(&mut bridge, "/readyz").contains("registry"));
    bridge.terminate();
    assert!(bridge.wait(PATIENCE).success());
}

#[test]
fn a_restart_while_the_registry_is_away_publishes_with_remembered_ids() {
    let proxy = Proxy::listen();
    proxy.forward_to(registry::shared_port());
    let path = url::Url::parse(registry::shared()).unwrap().path().to_owned();
    let url = format!("http://127.0.0.1:{}{path}", proxy.port());
    let (centre, place, prefix) = place("remembered", &url, "");
    let mut bridge = place.run();
    wait_until(PATIENCE, "all schemas are registered", || {
        run(&["check", "--config", &place.config()]).1.contains("all schemas are registered")
    });
    wait_until(PATIENCE, "events come", || values(&prefix).len() > 50);
    bridge.terminate();
    assert!(bridge.wait(PATIENCE).success());

    proxy.cut();
    let before = values(&prefix).len();
    let mut bridge = place.run();
    bridge.wait_for_line("no connection to the schema registry", PATIENCE);
    let asked = centre.requests();
    wait_until(PATIENCE, "events go on", || values(&prefix).len() > before + 30);
    assert!(centre.requests() > asked);
    bridge.terminate();
    assert!(bridge.wait(PATIENCE).success());
    // All of them carry ids of the registry.
    let read = python::read_registered(kafka::shared().bootstrap(), &prefix, registry::shared());
    assert!(read.len() > before + 30);
}

#[test]
fn without_a_known_id_events_wait_for_the_registry_and_go_on_when_it_returns() {
    let proxy = Proxy::listen();
    proxy.forward_to(registry::shared_port());
    let path = url::Url::parse(registry::shared()).unwrap().path().to_owned();
    let url = format!("http://127.0.0.1:{}{path}", proxy.port());
    let (centre, place, prefix) = place("away", &url, "");
    proxy.cut();
    let mut bridge = place.run();
    bridge.wait_for_line("no connection to the schema registry", PATIENCE);
    let asked = centre.requests();
    wait_until(PATIENCE, "polling goes on", || centre.requests() > asked + 40);
    assert!(page(&mut bridge, "/readyz").contains("registry: no connection"));
    assert!(values(&prefix).is_empty());
    proxy.open();
    wait_until(PATIENCE, "events flow", || values(&prefix).len() > 20);
    let said = bridge.stderr();
    let times = said.iter().filter(|line| line.contains("no connection to the schema")).count();
    assert_eq!(times, 1, "{said:?}");
    bridge.terminate();
    assert!(bridge.wait(PATIENCE).success());
}

#[test]
fn a_schema_that_is_refused_blocks_readably_and_loses_nothing() {
    let (_centre, place, prefix) = place("refused", registry::shared(), "");
    // A version that the event's schema cannot read: what it requires is not there.
    let subject = format!("{prefix}.agents-floorcast.v1.AgentAdded");
    let other = json!({"type": "record", "name": "AgentAdded", "namespace": "floorcast.v1",
        "fields": [{"name": "else", "type": "string"}]});
    let body = json!({"schema": other.to_string()}).to_string();
    let url = format!("{}/subjects/{subject}", registry::shared());
    assert_eq!(registry::post(&format!("{url}/versions"), &body).unwrap().0, 200);

    let (status, said) = run(&["schemas", "register", "--check", "--config", &place.config()]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains(&format!("✗ {subject}: the registered versions do not allow")), "{said}");

    let mut bridge = place.run();
    let expected = format!("the schema registry refused the schema of {subject} (409: ");
    bridge.wait_for_line(&expected, PATIENCE);
    wait_until(PATIENCE, "it is said that it is not ready", || {
        page(&mut bridge, "/readyz").contains(&expected)
    });
    let waiting = bridge.stderr().iter().filter(|line| line.contains("unless their")).count();
    assert!(waiting <= 1, "{}", bridge.said());

    assert_eq!(registry::delete(&url).unwrap().0, 200);
    wait_until(PATIENCE, "events flow", || values(&prefix).len() > 20);
    bridge.terminate();
    assert!(bridge.wait(PATIENCE).success());
    let read = python::read_registered(kafka::shared().bootstrap(), &prefix, registry::shared());
    let added = read.iter().filter(|record| record["topic"] == format!("{prefix}.agents"));
    let mut sequences: Vec<_> =
        added.map(|record| record["event"]["meta"]["sequence"].as_i64().unwrap()).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=i64::try_from(sequences.len()).unwrap()).collect::<Vec<_>>());
}
