use std::time::Duration;

use floorcast::simulate::{Faults, WorldSettings};

use super::{Centre, Place, page};
use crate::support::kafka;
use crate::support::process::Floorcast;

#[test]
fn wrong_credentials_stop_the_account_loudly_and_not_the_process() {
    let broker = kafka::shared();
    let centre = Centre::open(WorldSettings::default(), Faults::default());
    let place = Place::new(&centre, broker.bootstrap(), &kafka::unique_prefix("credentials"));
    let mut bridge = place.run_as("wrong-and-secret");
    bridge.wait_for_line("account stopped", Duration::from_secs(30));
    let ready = page(&mut bridge, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains("account acme: stopped: the vendor refused the credentials (401)"));
    assert!(page(&mut bridge, "/metrics").contains("floorcast_account_up{account=\"acme\"} 0"));
    assert!(page(&mut bridge, "/healthz").starts_with("HTTP/1.1 200"));
    // It does not go on knocking.
    let asked = centre.requests();
    assert!(asked < 10, "{asked} requests with credentials that were refused");
    assert!(!bridge.has_ended());
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    let said = format!("{:?} {:?}", bridge.stdout(), bridge.stderr());
    assert!(!said.contains("wrong-and-secret"), "{said}");
}

#[test]
fn without_a_broker_nothing_is_asked_at_the_start_and_the_bridge_says_why() {
    let centre = Centre::open(WorldSettings::default(), Faults::default());
    // Nobody listens there.
    let place = Place::new(&centre, "127.0.0.1:1", "nobody");
    let mut bridge = place.run();
    bridge.wait_for_line("nothing is polled before it is", Duration::from_mins(1));
    let ready = page(&mut bridge, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("kafka"), "{ready}");
    let status = page(&mut bridge, "/status");
    assert!(status.contains("\"ready\": false"), "{status}");
    assert!(page(&mut bridge, "/healthz").starts_with("HTTP/1.1 200"));
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(40)).success());
    assert_eq!(centre.requests(), 0, "who owns the account is not known");
}

#[test]
fn a_dry_run_prints_events_and_touches_no_kafka() {
    let centre = Centre::open(WorldSettings::default(), Faults::default());
    let place = Place::new(&centre, "127.0.0.1:1", "nobody");
    let arguments = ["run", "--dry-run", "--config", &place.config()];
    let mut bridge = Floorcast::start(&arguments, &[("ACME_TOKEN", super::TOKEN)]);
    let line = bridge.wait_for_line("\"AgentAdded\"", Duration::from_secs(30));
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["value"]["meta"]["origin"], "BASELINE");
    bridge.interrupt();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert!(!bridge.stderr().iter().any(|line| line.contains("kafka is")));
}
