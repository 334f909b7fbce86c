//! Events that are framed for a schema registry: a real registry, a real Kafka, and independent
//! readers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use floorcast::simulate::{Faults, WorldSettings};
use serde_json::{Value, json};

use crate::bridge::{BridgeFixture, SimulatorFixture, page, published, verdict};
use crate::support::kafka::Broker;
use crate::support::process::Floorcast;
use crate::support::proxy::Proxy;
use crate::support::registry::Registry;
use crate::support::{cached, kafka, python, registry, repository_file, run, wait_until};

mod gateway;
mod guarded;
mod transport;

fn centre(seed: u64) -> SimulatorFixture {
    let settings = WorldSettings { seed, calls_per_second: 1.0, ..WorldSettings::default() };
    SimulatorFixture::open(settings, Faults::default())
}

fn fixture(
    centre: &SimulatorFixture,
    broker: &Broker,
    prefix: &str,
    section: &str,
) -> BridgeFixture {
    let more = format!("[account.sla]\ntarget_percent = 80\n[registry]\n{section}\n");
    BridgeFixture::at(&centre.simulator.base_url(), broker.bootstrap(), prefix, &more)
}

/// Runs a command to its end: its status and its output.
fn command(arguments: &[&str], fixture: &BridgeFixture) -> (i32, String) {
    let config = fixture.config();
    let arguments = [arguments, &["--config", &config]].concat();
    let mut command = Floorcast::start(&arguments, &[("ACME_TOKEN", "simulated-token")]);
    let status = command.wait(Duration::from_mins(1)).code().unwrap();
    (status, [command.stdout(), command.stderr()].concat().join("\n"))
}

/// The output of `check`, with another vendor: the truth begins with the first answer of this one.
fn checked(broker: &Broker, prefix: &str, section: &str) -> String {
    let more = format!("[registry]\n{section}\n");
    let fixture = BridgeFixture::at("http://127.0.0.1:1", broker.bootstrap(), prefix, &more);
    command(&["check"], &fixture).1
}

/// Stops the simulated world, lets the bridge read what is left, and compares the topics, as
/// Confluent's own deserializer reads them, with the truth.
fn settle_and_compare(
    centre: &SimulatorFixture,
    bridge: &mut Floorcast,
    broker: &Broker,
    prefix: &str,
    registry: &Registry,
) {
    centre.simulator.stop_world();
    let settled = centre.requests() + 60;
    wait_until(Duration::from_mins(1), "the bridge continues polling", || {
        centre.requests() > settled
    });
    let read = || published(python::read_framed(broker.bootstrap(), prefix, registry.url()));
    let verdict = verdict(centre, read);
    let status = page(bridge, "/status");
    assert!(verdict.passed(), "{verdict}\n{status}\n{}", bridge.output());
    assert!(verdict.events > 50, "{verdict}");
}

/// Waits until so many more calls have ended.
fn let_calls_end(centre: &SimulatorFixture, calls: usize) {
    // Some may have ended already.
    let ended = |call: &&Value| !call["ends_at"].is_null();
    let calls = calls + centre.simulator.truth().calls.iter().filter(ended).count();
    wait_until(Duration::from_secs(90), "calls end", || {
        let truth = centre.simulator.truth();
        truth.calls.iter().filter(|call| !call["ends_at"].is_null()).count() >= calls
    });
}

/// What Java's Kafka client and Avro library read, by topic, partition and offset.
fn read_in_java(broker: &Broker, prefix: &str, registry: &Registry) -> BTreeMap<String, Value> {
    let project = repository_file("tests/registry/java/pom.xml");
    let input = std::fs::read_to_string(&project).unwrap();
    let libraries = cached("framed-java", &input, |directory| {
        run(Command::new("mvn")
            .args(["--batch-mode", "--quiet", "--file"])
            .arg(&project)
            .arg("dependency:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", directory.display())))
        .map(|_| ())
    });
    let libraries = libraries.unwrap_or_else(|problem| {
        panic!("install Java 17 and Maven (openjdk-17-jdk-headless maven): {problem}")
    });
    let lines = run(Command::new("java")
        .args(["-Xmx256m", "-Dfile.encoding=UTF-8", "--class-path"])
        .arg(libraries.join("*"))
        .arg(project.with_file_name("ReadFramed.java"))
        .args([broker.bootstrap(), prefix, registry.url()]));
    by_offset(lines.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()))
}

fn by_offset(records: impl Iterator<Item = Value>) -> BTreeMap<String, Value> {
    let position = |record: &Value| {
        format!("{}/{}/{}", record["topic"], record["partition"], record["offset"])
    };
    let all = records.map(|record| {
        (position(&record), json!({"type": record["type"], "event": record["event"]}))
    });
    all.collect()
}

#[test]
fn events_are_registered_framed_and_read_alike_by_confluents_client_java_and_tail() {
    let (broker, registry) = (kafka::shared(), registry::shared());
    let (centre, prefix) = (centre(41), kafka::unique_prefix("framed"));
    let fixture = fixture(&centre, broker, &prefix, &format!("url = \"{}\"", registry.url()));
    let output = checked(broker, &prefix, &format!("url = \"{}\"", registry.url()));
    assert!(output.contains("✓ registry: answers; "), "{output}");
    let mut bridge = fixture.run();
    let_calls_end(&centre, 15);
    settle_and_compare(&centre, &mut bridge, broker, &prefix, registry);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());

    let in_python =
        by_offset(python::read_framed(broker.bootstrap(), &prefix, registry.url()).into_iter());
    let in_java = read_in_java(broker, &prefix, registry);
    assert_eq!(in_java.len(), in_python.len());
    for (position, record) in &in_python {
        assert_eq!(in_java.get(position), Some(record), "{position}");
    }
    let tail = ["tail", "--until-end", "--format", "json", "--prefix", &prefix, "--brokers"];
    let tail = [&tail[..], &[broker.bootstrap(), "--registry", registry.url()]].concat();
    let mut tail = Floorcast::start(&tail, &[]);
    assert!(tail.wait(Duration::from_mins(1)).success());
    let lines = tail.stdout();
    assert_eq!(lines.len(), in_python.len());
    for line in &lines {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let fields = event.as_object_mut().unwrap();
        let event_type = fields.remove("_type").unwrap_or_else(|| panic!("{line}"));
        let at = fields.remove("_kafka").unwrap();
        let position = format!("{}/{}/{}", at["topic"], at["partition"], at["offset"]);
        assert_eq!(in_python[&position], json!({"type": event_type, "event": event}), "{line}");
    }

    // Every schema is registered, also of events that have not occurred.
    let (status, output) = command(&["schemas", "register", "--check"], &fixture);
    assert_eq!(status, 0, "{output}");
    assert!(output.lines().all(|line| line.starts_with('✓')), "{output}");
    assert!(output.contains(&format!("✓ {prefix}.sla-floorcast.v1.SlaBreached: ")), "{output}");
}

#[test]
fn a_missing_schema_is_reported_and_its_events_wait_until_it_is_registered() {
    let (broker, registry) = (kafka::shared(), registry::shared());
    let (centre, prefix) = (centre(42), kafka::unique_prefix("unregistered"));
    let section = format!("url = \"{}\"\nauto_register = false", registry.url());
    let fixture = fixture(&centre, broker, &prefix, &section);
    let output = checked(broker, &prefix, &section);
    assert!(output.contains("schemas are missing: run `floorcast schemas register`"), "{output}");
    let mut bridge = fixture.run();
    let line = bridge.wait_for_line("events wait for a schema", Duration::from_secs(60));
    assert!(line.contains("run `floorcast schemas register`"), "{line}");
    let ready = page(&mut bridge, "/readyz");
    assert!(ready.contains("schemas: the schema registry has no such schema of"), "{ready}");
    let_calls_end(&centre, 5);
    let (status, output) = command(&["schemas", "register"], &fixture);
    assert_eq!(status, 0, "{output}");
    bridge.wait_for_line("events are sent again", Duration::from_secs(60));
    settle_and_compare(&centre, &mut bridge, broker, &prefix, registry);
    let ready = page(&mut bridge, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert_eq!(lines_with(&bridge, "events wait for a schema"), 1, "{}", bridge.output());
}

#[test]
fn a_restart_while_the_registry_is_down_uses_the_stored_ids() {
    let (broker, registry) = (kafka::shared(), registry::shared());
    let (centre, prefix) = (centre(43), kafka::unique_prefix("down"));
    let proxy = Proxy::listen();
    let section = format!("url = \"{}\"", registry.behind(proxy.port()));
    let fixture = fixture(&centre, broker, &prefix, &section);
    // Down from the start: events wait, nothing is lost.
    let mut bridge = fixture.run();
    let line = bridge.wait_for_line("events wait for a schema", Duration::from_secs(60));
    assert!(line.contains("does not answer"), "{line}");
    proxy.forward_to(registry.port());
    bridge.wait_for_line("events are sent again", Duration::from_secs(60));
    bridge.wait_for_line("schema ids requested for every event type", Duration::from_mins(1));
    let_calls_end(&centre, 3);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());

    proxy.cut();
    let mut bridge = fixture.run();
    bridge.wait_for_line("stored schema ids are used", Duration::from_secs(60));
    let_calls_end(&centre, 12);
    settle_and_compare(&centre, &mut bridge, broker, &prefix, registry);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert_eq!(lines_with(&bridge, "events wait for a schema"), 0, "{}", bridge.output());
}

#[test]
fn a_schema_that_the_registry_refuses_is_a_readable_error_and_loses_no_event() {
    let (broker, registry) = (kafka::shared(), registry::shared());
    let (centre, prefix) = (centre(44), kafka::unique_prefix("refused"));
    let subject = format!("{prefix}.calls-floorcast.v1.CallCreated");
    let other = r#"{"type":"record","name":"CallCreated","namespace":"floorcast.v1","fields":[{"name":"meta","type":"int"}]}"#;
    let body = json!({ "schema": other }).to_string();
    let versions = format!("/subjects/{subject}/versions");
    assert_eq!(registry.request("POST", &versions, Some(&body)).0, 200);
    let fixture = fixture(&centre, broker, &prefix, &format!("url = \"{}\"", registry.url()));
    let output = checked(broker, &prefix, &format!("url = \"{}\"", registry.url()));
    let expected = format!("✗ registry: the schema of {subject} is incompatible with the");
    assert!(output.contains(&expected), "{output}");
    let (status, output) = command(&["schemas", "register", "--check"], &fixture);
    assert_eq!((status, output.matches('✗').count()), (1, 1), "{output}");

    let mut bridge = fixture.run();
    let line = bridge.wait_for_line("events wait for a schema", Duration::from_secs(60));
    let expected = format!("the schema registry refuses the schema of {subject} (409): ");
    assert!(line.contains(&expected), "{line}");
    assert!(line.contains("look at the subject's versions"), "{line}");
    let_calls_end(&centre, 5);
    for query in ["", "?permanent=true"] {
        registry.request("DELETE", &format!("/subjects/{subject}{query}"), None);
    }
    bridge.wait_for_line("events are sent again", Duration::from_secs(60));
    settle_and_compare(&centre, &mut bridge, broker, &prefix, registry);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
}

#[test]
fn a_registry_that_never_answers_delays_neither_events_nor_the_end() {
    let (broker, registry) = (kafka::shared(), registry::shared());
    let (centre, prefix) = (centre(45), kafka::unique_prefix("unanswered"));
    let proxy = Proxy::listen();
    proxy.forward_to(registry.port());
    let section = format!("url = \"{}\"", registry.behind(proxy.port()));
    let fixture = fixture(&centre, broker, &prefix, &section);
    let mut bridge = fixture.run();
    bridge.wait_for_line("schema ids requested for every event type", Duration::from_mins(1));
    let_calls_end(&centre, 3);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());

    proxy.hold();
    let mut bridge = fixture.run();
    // During the first request.
    bridge.wait_for_line("admin pages at", Duration::from_secs(30));
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert_eq!(lines_with(&bridge, "abandoned"), 0, "{}", bridge.output());

    let mut bridge = fixture.run();
    bridge.wait_for_line("stored schema ids are used", Duration::from_secs(60));
    let_calls_end(&centre, 12);
    settle_and_compare(&centre, &mut bridge, broker, &prefix, registry);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert_eq!(lines_with(&bridge, "abandoned"), 0, "{}", bridge.output());
}

fn lines_with(bridge: &Floorcast, text: &str) -> usize {
    bridge.stderr().iter().filter(|line| line.contains(text)).count()
}

/// A file with this text beside a configuration.
fn file_beside(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}
