use std::time::Duration;

use floorcast::simulate::{Faults, Verdict, WorldSettings};

use super::{BridgeFixture, SimulatorFixture};
use crate::support::{kafka, wait_until};

/// Waits until that many calls have ended.
fn wait_for_ended_calls(centre: &SimulatorFixture, calls: usize) {
    wait_until(Duration::from_secs(90), "calls end", || {
        let truth = centre.simulator.truth();
        truth.calls.iter().filter(|call| !call["ends_at"].is_null()).count() >= calls
    });
}

/// Each of these kinds of facts has occurred: a verdict without facts proves nothing.
#[track_caller]
fn require(verdict: &Verdict, kinds: &[&str]) {
    for kind in kinds {
        let row = verdict.rows.iter().find(|row| row.kind == *kind);
        assert!(row.is_some_and(|row| row.facts > 0), "no {kind}: {verdict}");
    }
}

/// Stops the simulation, lets the bridge poll the rest, and compares the topics with the truth.
fn settle_and_judge(
    centre: &SimulatorFixture,
    fixture: &BridgeFixture,
    bootstrap: &str,
) -> Verdict {
    // What was written last is visible after at most three seconds, and then has to be polled.
    settle_and_judge_after(60, centre, fixture, bootstrap)
}

fn settle_and_judge_after(
    requests: usize,
    centre: &SimulatorFixture,
    fixture: &BridgeFixture,
    bootstrap: &str,
) -> Verdict {
    centre.simulator.stop_world();
    let settled = centre.requests() + requests;
    wait_until(Duration::from_mins(1), "the bridge continues polling", || {
        centre.requests() > settled
    });
    let verdict = fixture.verdict(centre, bootstrap);
    assert!(verdict.passed(), "{verdict}");
    verdict
}

#[test]
fn every_recorded_fact_is_published_once_and_in_order_despite_the_vendors_faults() {
    let broker = kafka::shared();
    // Two pages of agents, whose rows shift between the requests.
    let settings =
        WorldSettings { seed: 7, agents: 120, calls_per_second: 1.0, ..WorldSettings::default() };
    let faults = Faults { shifted_rows: 0.3, ..Faults::mild() };
    let centre = SimulatorFixture::open(settings, faults);
    let fixture = BridgeFixture::new(&centre, broker.bootstrap(), &kafka::unique_prefix("facts"));
    let mut bridge = fixture.run();
    wait_for_ended_calls(&centre, 70);
    let verdict = settle_and_judge(&centre, &fixture, broker.bootstrap());
    assert!(verdict.events > 500, "{verdict}");
    require(
        &verdict,
        &[
            "after-call work",
            "call ends",
            "call steps",
            "chat ends",
            "ends of activities",
            "chat steps",
            "hold",
            "logins and logouts",
            "other activities",
            "queue depth",
            "queues",
            "ratings",
            "removals",
            "roster",
            "service levels",
            "status changes",
            "status definitions",
            "teams",
            "wrap-up",
        ],
    );
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
}

#[test]
fn rows_that_become_visible_late_are_published_once_within_the_overlap() {
    let broker = kafka::shared();
    let late = WorldSettings { late_rows: 0.2, late_millis: 20_000, ..WorldSettings::default() };
    let settings = WorldSettings { seed: 9, calls_per_second: 1.0, ..late };
    let centre = SimulatorFixture::open(settings, Faults::default());
    let more = "overlap = \"30s\"\n[account.sla]\ntarget_percent = 80\n";
    let prefix = kafka::unique_prefix("late");
    let fixture =
        BridgeFixture::at(&centre.simulator.base_url(), broker.bootstrap(), &prefix, more);
    let mut bridge = fixture.run();
    wait_for_ended_calls(&centre, 70);
    // At ten requests per second, the last row is visible after 230 of them.
    let verdict = settle_and_judge_after(300, &centre, &fixture, broker.bootstrap());
    require(&verdict, &["status changes", "ends of activities", "logins and logouts"]);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
}

#[test]
fn undecodable_rows_are_quarantined_and_nothing_is_lost_without_link_and_total_headers() {
    let broker = kafka::shared();
    // Two pages of agents; without a count only an empty page marks the end.
    let settings =
        WorldSettings { seed: 10, agents: 120, calls_per_second: 1.0, ..WorldSettings::default() };
    let faults = Faults { undecodable_row: 0.1, no_headers: true, ..Faults::default() };
    let centre = SimulatorFixture::open(settings, faults);
    let fixture =
        BridgeFixture::new(&centre, broker.bootstrap(), &kafka::unique_prefix("quarantined"));
    let mut bridge = fixture.run();
    wait_for_ended_calls(&centre, 80);
    // Rows that were last shown broken have to be shown whole.
    centre.simulator.set_faults(Faults { no_headers: true, ..Faults::default() });
    let verdict = settle_and_judge(&centre, &fixture, broker.bootstrap());
    require(&verdict, &["quarantined rows", "roster", "call ends", "status changes", "teams"]);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
}

#[test]
fn an_outage_of_kafka_and_a_restart_lose_nothing_and_keep_the_order() {
    let mut broker = kafka::dedicated();
    let settings =
        WorldSettings { seed: 8, agents: 14, calls_per_second: 1.0, ..WorldSettings::default() };
    let centre = SimulatorFixture::open(settings, Faults::default());
    let fixture = BridgeFixture::new(&centre, broker.bootstrap(), &kafka::unique_prefix("outage"));
    let mut bridge = fixture.run();
    bridge.wait_for_line("connected to kafka", Duration::from_secs(30));
    wait_for_ended_calls(&centre, 45);

    broker.stop();
    let before = centre.requests();
    bridge.wait_for_line("events cannot be published", Duration::from_mins(1));
    // Polling continues: at 10 requests per second, the outage takes about 20 seconds.
    wait_until(Duration::from_secs(90), "the bridge continues polling", || {
        centre.requests() > before + 120
    });
    broker.start();

    // A graceful restart, with whatever is in the outbox at that moment.
    bridge.terminate();
    assert!(bridge.wait(Duration::from_mins(1)).success());
    let mut bridge = fixture.run();
    bridge.wait_for_line("connected to kafka", Duration::from_mins(1));
    let so_far = centre.requests();
    wait_until(Duration::from_mins(1), "the bridge polls again", || {
        centre.requests() > so_far + 60
    });
    let verdict = settle_and_judge(&centre, &fixture, broker.bootstrap());
    // Fourteen agents cannot answer this many calls in time.
    require(
        &verdict,
        &[
            "breaches of levels",
            "breaches of waits",
            "missed offers",
            "other activities",
            "withdrawn breaches",
        ],
    );
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
}
