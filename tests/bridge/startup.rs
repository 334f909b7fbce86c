use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use floorcast::simulate::{Faults, WorldSettings};

use super::{BridgeFixture, SimulatorFixture, page};
use crate::support::kafka;
use crate::support::process::Floorcast;

#[test]
fn wrong_credentials_stop_the_account_but_not_the_process() {
    let broker = kafka::shared();
    let centre = SimulatorFixture::open(WorldSettings::default(), Faults::default());
    let fixture =
        BridgeFixture::new(&centre, broker.bootstrap(), &kafka::unique_prefix("credentials"));
    let mut bridge = fixture.run_as("wrong-and-secret");
    bridge.wait_for_line("account stopped", Duration::from_secs(30));
    let ready = page(&mut bridge, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains("account acme: stopped: the vendor refused the credentials (401)"));
    assert!(page(&mut bridge, "/metrics").contains("floorcast_account_up{account=\"acme\"} 0"));
    assert!(page(&mut bridge, "/healthz").starts_with("HTTP/1.1 200"));
    // It sends no more requests.
    let requests = centre.requests();
    assert!(requests < 10, "{requests} requests with refused credentials");
    assert!(!bridge.has_ended());
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    let output = format!("{:?} {:?}", bridge.stdout(), bridge.stderr());
    assert!(!output.contains("wrong-and-secret"), "{output}");
}

#[test]
fn without_a_broker_the_bridge_sends_no_vendor_requests_and_reports_why() {
    let centre = SimulatorFixture::open(WorldSettings::default(), Faults::default());
    // Nothing listens on this port.
    let fixture = BridgeFixture::new(&centre, "127.0.0.1:1", "nobody");
    let mut bridge = fixture.run();
    bridge.wait_for_line("kafka is not ready; polling has not started", Duration::from_mins(1));
    let ready = page(&mut bridge, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("kafka"), "{ready}");
    let status = page(&mut bridge, "/status");
    assert!(status.contains("\"ready\": false"), "{status}");
    assert!(page(&mut bridge, "/healthz").starts_with("HTTP/1.1 200"));
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(40)).success());
    assert_eq!(centre.requests(), 0, "requests before the owner of the account is known");
}

#[test]
fn a_dry_run_prints_events_and_does_not_connect_to_kafka() {
    let centre = SimulatorFixture::open(WorldSettings::default(), Faults::default());
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    broker.set_nonblocking(true).unwrap();
    let fixture = BridgeFixture::new(&centre, &broker.local_addr().unwrap().to_string(), "dry-run");
    let arguments = ["run", "--dry-run", "--config", &fixture.config()];
    let mut bridge = Floorcast::start(&arguments, &[("ACME_TOKEN", super::TOKEN)]);
    let line = bridge.wait_for_line("\"AgentAdded\"", Duration::from_secs(30));
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["value"]["meta"]["origin"], "BASELINE");
    bridge.interrupt();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert!(!bridge.stderr().iter().any(|line| line.contains("kafka is")));
    let connection = broker.accept();
    assert!(connection.is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
}
