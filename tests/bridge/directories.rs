//! Directories of agents beside a contact centre, an account of each vendor, with a real Kafka.

use std::time::Duration;

use floorcast::simulate::{Faults, System, WorldSettings};

use super::{BridgeFixture, SimulatorFixture};
use crate::support::{kafka, wait_until};

#[test]
fn every_served_change_of_four_vendors_is_published_once_despite_faults() {
    let broker = kafka::shared();
    let centre = SimulatorFixture::open(
        WorldSettings { seed: 12, ..WorldSettings::default() },
        Faults::mild(),
    );
    let simulator = &centre.simulator;
    let mut accounts = String::new();
    let mut secrets = vec![(String::from("ACME_TOKEN"), super::TOKEN.to_owned())];
    for system in System::ALL.into_iter().filter(|system| system.is_directory()) {
        let variable = format!("{}_SECRET", system.vendor().to_uppercase());
        accounts += &simulator.account(system, system.vendor(), &variable);
        accounts += "longest_pause = \"5s\"\n";
        secrets.push((variable, simulator.secret(system).to_owned()));
    }
    let prefix = kafka::unique_prefix("directories");
    let fixture = BridgeFixture::at(&simulator.base_url(), broker.bootstrap(), &prefix, &accounts);
    let secrets: Vec<_> =
        secrets.iter().map(|(name, secret)| (name.as_str(), secret.as_str())).collect();
    let left = |system| simulator.truth().directories[&system].removed.len();
    let directories = || System::ALL.into_iter().filter(|system| system.is_directory());
    let before: Vec<_> = directories().map(left).collect();
    let mut bridge = fixture.run_with(&secrets);
    let polled = |system, times: usize| simulator.requests_of(system).len() >= times;
    wait_until(
        Duration::from_mins(2),
        "agents leave every directory and every system is polled",
        || {
            directories().zip(&before).all(|(system, before)| left(system) >= before + 2)
                && System::ALL.into_iter().all(|system| polled(system, 20))
        },
    );
    simulator.stop_world();
    let verdict = fixture.verdict(&centre, broker.bootstrap());
    assert!(verdict.passed(), "{verdict}");
    for kind in [
        "deepcall activations",
        "deepcall removals",
        "deepcall roster",
        "infobip activations",
        "infobip removals",
        "infobip roster",
        "infobip status changes",
        "maqsam activations",
        "maqsam hidden changes",
        "maqsam removals",
        "maqsam roster",
        "maqsam status changes",
    ] {
        let row = verdict.rows.iter().find(|row| row.kind == kind);
        assert!(row.is_some_and(|row| row.facts > 0), "no {kind}: {verdict}");
    }
    // The requests keep the vendor's rate limit.
    for system in directories() {
        let times: Vec<_> =
            simulator.requests_of(system).into_iter().map(|(time, _)| time).collect();
        let seconds = times[times.len() - 1].millis_since(times[0]) / 1000;
        let most = usize::try_from(2 * seconds).unwrap() + 3;
        assert!(times.len() <= most, "{system:?}: {} requests in {seconds} s", times.len());
    }
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(40)).success());
    // The passwords in one vendor's rows are in no event.
    let published = format!("{:?}", fixture.published(broker.bootstrap()));
    for secret in ["invented-password", "5200000", "5200001"] {
        assert!(!published.contains(secret), "{secret} is published");
    }
}
