use std::time::Duration;

use floorcast::simulate::{Faults, Verdict, WorldSettings};

use super::{Centre, Place};
use crate::support::{kafka, wait_until};

/// Waits until the world has seen enough.
fn let_things_happen(centre: &Centre, calls: usize) {
    wait_until(Duration::from_secs(90), "calls come and end", || {
        let truth = centre.simulator.truth();
        truth.calls.iter().filter(|call| !call["ends_at"].is_null()).count() >= calls
    });
}

/// A verdict over nothing proves nothing.
#[track_caller]
fn demand(verdict: &Verdict, kinds: &[&str]) {
    for kind in kinds {
        let row = verdict.rows.iter().find(|row| row.kind == *kind);
        assert!(row.is_some_and(|row| row.facts > 0), "nothing of {kind}: {verdict}");
    }
}

/// Stops the world, lets the bridge read what is left, and holds the topics against the truth.
fn settle_and_judge(centre: &Centre, place: &Place, bootstrap: &str) -> Verdict {
    // What was written last is visible after three seconds at the latest, and then has to be read.
    settle_and_judge_after(60, centre, place, bootstrap)
}

fn settle_and_judge_after(
    requests: usize,
    centre: &Centre,
    place: &Place,
    bootstrap: &str,
) -> Verdict {
    centre.simulator.stop_world();
    let settled = centre.requests() + requests;
    wait_until(Duration::from_mins(1), "the bridge goes on asking", || centre.requests() > settled);
    let verdict = place.verdict(centre, bootstrap);
    assert!(verdict.passed(), "{verdict}");
    verdict
}

#[test]
fn every_recorded_fact_is_published_once_and_in_order_through_a_vendors_faults() {
    let broker = kafka::shared();
    // Two pages of agents, whose rows shift now and then.
    let settings =
        WorldSettings { seed: 7, agents: 120, calls_per_second: 1.0, ..WorldSettings::default() };
    let faults = Faults { shifted_rows: 0.3, ..Faults::mild() };
    let centre = Centre::open(settings, faults);
    let place = Place::new(&centre, broker.bootstrap(), &kafka::unique_prefix("facts"));
    let mut bridge = place.run();
    let_things_happen(&centre, 70);
    let verdict = settle_and_judge(&centre, &place, broker.bootstrap());
    assert!(verdict.events > 500, "{verdict}");
    demand(
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
fn rows_that_become_visible_late_are_told_once_where_the_overlap_is_as_long() {
    let broker = kafka::shared();
    let late = WorldSettings { late_rows: 0.2, late_millis: 20_000, ..WorldSettings::default() };
    let settings = WorldSettings { seed: 9, calls_per_second: 1.0, ..late };
    let centre = Centre::open(settings, Faults::default());
    let more = "overlap = \"30s\"\n[account.sla]\ntarget_percent = 80\n";
    let prefix = kafka::unique_prefix("late");
    let place = Place::at(&centre.simulator.base_url(), broker.bootstrap(), &prefix, more);
    let mut bridge = place.run();
    let_things_happen(&centre, 70);
    // At ten requests a second, the last row is visible after 230 of them.
    let verdict = settle_and_judge_after(300, &centre, &place, broker.bootstrap());
    demand(&verdict, &["status changes", "ends of activities", "logins and logouts"]);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
}

#[test]
fn rows_that_cannot_be_decoded_are_set_aside_each_and_without_link_and_total_nothing_is_lost() {
    let broker = kafka::shared();
    // Two pages of agents, whose end only an empty page tells.
    let settings =
        WorldSettings { seed: 10, agents: 120, calls_per_second: 1.0, ..WorldSettings::default() };
    let faults = Faults { undecodable_row: 0.1, no_headers: true, ..Faults::default() };
    let centre = Centre::open(settings, faults);
    let place = Place::new(&centre, broker.bootstrap(), &kafka::unique_prefix("set-aside"));
    let mut bridge = place.run();
    let_things_happen(&centre, 80);
    // What was shown broken last has to be shown as it is.
    centre.simulator.set_faults(Faults { no_headers: true, ..Faults::default() });
    let verdict = settle_and_judge(&centre, &place, broker.bootstrap());
    demand(&verdict, &["rows set aside", "roster", "call ends", "status changes", "teams"]);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
}

#[test]
fn an_outage_of_kafka_and_a_restart_lose_nothing_and_keep_the_order() {
    let mut broker = kafka::dedicated();
    let settings =
        WorldSettings { seed: 8, agents: 14, calls_per_second: 1.0, ..WorldSettings::default() };
    let centre = Centre::open(settings, Faults::default());
    let place = Place::new(&centre, broker.bootstrap(), &kafka::unique_prefix("outage"));
    let mut bridge = place.run();
    bridge.wait_for_line("connected to kafka", Duration::from_secs(30));
    let_things_happen(&centre, 45);

    broker.stop();
    let before = centre.requests();
    bridge.wait_for_line("events cannot be published", Duration::from_mins(1));
    // Polling goes on meanwhile: at 10 requests a second, this is an outage of some 20 seconds.
    wait_until(Duration::from_secs(90), "the bridge polls on", || centre.requests() > before + 120);
    broker.start();

    // A graceful restart, with whatever the outbox holds at that moment.
    bridge.terminate();
    assert!(bridge.wait(Duration::from_mins(1)).success());
    let mut bridge = place.run();
    bridge.wait_for_line("connected to kafka", Duration::from_mins(1));
    let so_far = centre.requests();
    wait_until(Duration::from_mins(1), "the bridge polls again", || {
        centre.requests() > so_far + 60
    });
    let verdict = settle_and_judge(&centre, &place, broker.bootstrap());
    // Fourteen agents cannot answer as many calls in time.
    demand(
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
