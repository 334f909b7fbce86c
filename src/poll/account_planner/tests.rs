use super::*;
use crate::model::Timestamp;
use crate::poll::arbiter::BudgetSettings;
use crate::source::{DegradationClass, Planning};

const CALLS: StreamName = StreamName::new("calls");
const TEAMS: StreamName = StreamName::new("teams");

fn plan(name: StreamName, weight: f64, longest: u64, class: DegradationClass) -> StreamPlan {
    StreamPlan {
        name,
        share: Share { weight, ceiling: Duration::from_secs(longest) },
        min_interval: Duration::from_millis(500),
        planning: Some(Planning { class, rows_per_request: None }),
    }
}

/// An account, with its health and metrics.
fn planner(requests_per_second: f64) -> (AccountPlanner, Arc<Health>, Arc<Metrics>) {
    let acme = AccountName::new("acme").unwrap();
    let streams = [
        plan(CALLS, 4.0, 5, DegradationClass::Incremental),
        plan(TEAMS, 0.25, 60, DegradationClass::Reference),
    ];
    let named = streams.iter().map(|stream| (0, &acme, &stream.name));
    let health = Arc::new(Health::new("bridge", Timestamp::from_millis(0), false, named));
    let metrics = Arc::new(Metrics::new().unwrap());
    let longest_pause = Duration::from_mins(1);
    let budget = Arc::new(Budget::new(BudgetSettings { requests_per_second, longest_pause }));
    let planner =
        AccountPlanner::new(acme, budget, Arc::clone(&health), Arc::clone(&metrics), &streams);
    (planner, health, metrics)
}

fn poll(second: i64, requests: u32, events: u32) -> ObservedPoll {
    ObservedPoll { at: Timestamp::from_millis(second * 1000), requests, events }
}

#[tokio::test(start_paused = true)]
async fn an_account_is_planned_anew_at_most_once_a_second() {
    let (planner, ..) = planner(1.0);
    let first = planner.interval(&TEAMS);
    for second in 0..100 {
        planner.observe(&CALLS, poll(second, 1, 50));
    }
    assert_eq!(planner.interval(&TEAMS), first);
    tokio::time::sleep(PLAN_EVERY).await;
    assert!(planner.interval(&TEAMS) > first);
}

#[tokio::test(start_paused = true)]
async fn the_plan_is_in_the_metrics_and_in_the_status() {
    let (planner, health, metrics) = planner(10.0);
    let text = metrics.render();
    assert!(
        text.contains("floorcast_stream_interval_seconds{account=\"acme\",stream=\"teams\"} 0.5")
    );
    let now = Timestamp::from_millis(0);
    let status = &health.status(now)["accounts"]["acme"];
    assert_eq!(status["streams"]["teams"]["planned_interval_seconds"], 0.5);
    assert!(status["headroom_ratio"].as_f64().is_some_and(|ratio| ratio > 0.9), "{status}");
    drop(planner);
}

#[tokio::test(start_paused = true)]
async fn a_saturated_account_names_the_streams_that_are_polled_less_often() {
    let (planner, health, _) = planner(1.0);
    for second in 0..60 {
        planner.observe(&CALLS, poll(second, 8, 1));
        planner.observe(&TEAMS, poll(second, 2, 0));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let plan = planner.lock().plan.clone();
    assert!(plan.headroom_ratio < 0.0, "{plan:?}");
    assert_eq!(planner.polled_less_often(&plan), ["calls", "teams"]);
    let status = &health.status(Timestamp::from_millis(0))["accounts"]["acme"];
    assert_eq!(status["headroom_ratio"].as_f64(), Some(plan.headroom_ratio));
    for second in 60..120 {
        planner.observe(&CALLS, poll(second, 1, 1));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let plan = planner.lock().plan.clone();
    assert!(plan.headroom_ratio > 0.0, "{plan:?}");
    assert_eq!(planner.polled_less_often(&plan), [""; 0]);
}
