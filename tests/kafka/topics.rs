//! The topics that a bridge creates are as configured; those that it may not create it waits for.

use std::time::Duration;

use floorcast::event::Topic;
use floorcast::simulate::{Faults, WorldSettings};

use crate::bridge::{BridgeFixture, SimulatorFixture, page};
use crate::support::{kafka, wait_until};

fn centre(seed: u64) -> SimulatorFixture {
    let settings = WorldSettings { seed, calls_per_second: 1.0, ..WorldSettings::default() };
    SimulatorFixture::open(settings, Faults::default())
}

/// A configuration with these keys of Kafka.
fn fixture(centre: &SimulatorFixture, bootstrap: &str, prefix: &str, kafka: &str) -> BridgeFixture {
    let fixture = BridgeFixture::new(centre, bootstrap, prefix);
    let text = std::fs::read_to_string(fixture.config()).unwrap();
    let text = text.replace("partitions = 3", kafka);
    std::fs::write(fixture.config(), text).unwrap();
    fixture
}

fn names(prefix: &str) -> Vec<String> {
    Topic::ALL.iter().map(|topic| topic.full_name(prefix)).collect()
}

#[test]
fn topics_are_created_with_the_configured_partitions_replicas_and_retention() {
    let broker = kafka::shared();
    let (centre, prefix) = (centre(61), kafka::unique_prefix("made"));
    let kafka = "partitions = 5\nshards = 2\nretention = \"36h\"";
    let fixture = fixture(&centre, broker.bootstrap(), &prefix, kafka);
    let mut bridge = fixture.run();
    bridge.wait_for_line("connected to kafka", Duration::from_mins(1));
    for name in names(&prefix) {
        let topic = broker.describe(&name);
        assert_eq!((topic.partitions, topic.replicas), (5, 1), "{name}");
        assert_eq!(topic.config["retention.ms"], "129600000", "{name}");
        assert_eq!(topic.config["cleanup.policy"], "delete", "{name}");
    }
    let state = broker.describe(&format!("{prefix}.state.tests"));
    assert_eq!((state.partitions, state.replicas), (2, 1));
    assert_eq!(state.config["cleanup.policy"], "compact");
    assert_eq!(state.config["delete.retention.ms"], "604800000");
    assert_eq!(state.config["max.message.bytes"], "10485760");
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
}

#[test]
fn a_bridge_that_may_create_no_topics_lists_what_is_missing_and_starts_once_all_exist() {
    let broker = kafka::shared();
    let (centre, prefix) = (centre(62), kafka::unique_prefix("missing"));
    let fixture =
        fixture(&centre, broker.bootstrap(), &prefix, "partitions = 3\ncreate_topics = false");
    let mut bridge = fixture.run();
    let line = bridge.wait_for_line("kafka is not ready", Duration::from_mins(1));
    assert!(line.contains("missing topics: "), "{line}");
    let ready = page(&mut bridge, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    let state = format!("{prefix}.state.tests");
    for name in names(&prefix).iter().chain([&state]) {
        assert!(ready.contains(name), "{name} is not listed: {ready}");
    }
    assert!(ready.contains(&format!("--create --topic {state} --partitions 1 ")), "{ready}");

    // All but one are not enough.
    let mut names = names(&prefix);
    let last = names.pop().unwrap();
    for name in &names {
        broker.create_topic(name, 3);
    }
    broker.create_topic(&state, 1);
    let missing = format!("missing topics: {last}; ");
    wait_until(Duration::from_mins(1), "one is missing", || {
        page(&mut bridge, "/readyz").contains(&missing)
    });
    assert_eq!(centre.requests(), 0, "it polls before its topics exist");
    broker.create_topic(&last, 3);
    bridge.wait_for_line("connected to kafka", Duration::from_mins(1));
    wait_until(Duration::from_mins(1), "it is ready", || {
        page(&mut bridge, "/readyz").starts_with("HTTP/1.1 200")
    });
    let ended = || {
        let truth = centre.simulator.truth();
        truth.calls.iter().filter(|call| !call["ends_at"].is_null()).count()
    };
    let before = ended();
    wait_until(Duration::from_mins(1), "calls end", || ended() > before + 3);
    centre.simulator.stop_world();
    let settled = centre.requests() + 60;
    wait_until(Duration::from_mins(1), "the bridge goes on polling", || {
        centre.requests() > settled
    });
    let verdict = fixture.verdict(&centre, broker.bootstrap());
    assert!(verdict.passed() && verdict.events > 0, "{verdict}\n{}", bridge.output());
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert!(!bridge.output().contains("topics created"), "{}", bridge.output());
}
