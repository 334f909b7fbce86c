use serde_json::json;

use super::{agent_json, at, baseline_at, body, context, mapped, names};
use crate::detect::{
    AgentState, Authority, LogProgress, ShownStatus, SnapshotComparison, StatusDiscrepancy,
    StatusSource, activity_row, compare_snapshot, current_status_absence, current_status_row,
    roster_row,
};
use crate::event::Body;
use crate::event::body::StatusValue;
use crate::model::{CurrentStatus, EntityId, Presence};

fn seeded() -> AgentState {
    let agent = serde_json::from_value(agent_json()).unwrap();
    roster_row(None, &agent, StatusSource::Log, &baseline_at()).state
}

fn shown(id: &str, since: i64) -> ShownStatus {
    let value = StatusValue { id: EntityId::new(id), name: None, presence: Presence::Break };
    ShownStatus { value, since: Some(at(since)) }
}

fn compare(
    shown: ShownStatus,
    open: Option<&StatusDiscrepancy>,
    log_read: i64,
    now: i64,
) -> SnapshotComparison {
    let log = LogProgress { read_at: Some(at(log_read)) };
    compare_snapshot(&EntityId::new("17"), &seeded(), shown, open, log, &context(now, 5))
}

#[test]
fn a_snapshot_that_is_older_than_the_log_or_two_seconds_off_agrees() {
    assert_eq!(compare(shown("0", -60), None, 0, 10), SnapshotComparison::Agrees);
    assert_eq!(compare(shown("-2", -58), None, 0, 10), SnapshotComparison::Agrees);
    assert_eq!(compare(shown("-2", -90), None, 0, 10), SnapshotComparison::Agrees);
}

#[test]
fn a_newer_snapshot_disagrees_and_emits_nothing() {
    let SnapshotComparison::Disagrees(discrepancy) = compare(shown("-2", 5), None, 0, 10) else {
        panic!()
    };
    assert_eq!(discrepancy.first_seen, at(10));
    // Still open after half a minute; when it was first seen is kept.
    let open = compare(shown("-2", 5), Some(&discrepancy), 39, 40);
    assert_eq!(open, SnapshotComparison::Disagrees(discrepancy));
}

#[test]
fn a_snapshot_takes_over_only_when_the_log_was_read_and_lacks_the_status() {
    let open = StatusDiscrepancy { shown: shown("-2", 5), first_seen: at(10) };
    // The log has not been read since.
    assert!(matches!(
        compare(shown("-2", 5), Some(&open), 30, 90),
        SnapshotComparison::Disagrees(_)
    ));
    // Another status begins its own minute.
    assert!(matches!(
        compare(shown("-3", 50), Some(&open), 89, 90),
        SnapshotComparison::Disagrees(_)
    ));
    let SnapshotComparison::TakesOver { state, draft } =
        compare(shown("-2", 5), Some(&open), 89, 90)
    else {
        panic!()
    };
    assert_eq!(state.status.as_ref().unwrap().authority, Authority::Snapshot);
    assert_eq!(draft.occurrence.at, at(5));
    let Body::AgentStatusChanged(change) = body(&draft) else { panic!() };
    assert_eq!(change.activity_id, None);

    // The row of the log that comes after all is a late fact.
    let row = mapped(json!({
        "id": "1", "agent_id": "17", "activity": "user_status_changed",
        "started_at": at(6).millis(),
        "status": {"id": "-2", "name": "Break", "presence": "BREAK"},
    }));
    let late = activity_row(Some(&state), &row, &context(95, 5));
    assert_eq!(names(&late.drafts), ["AgentStatusRecovered"]);
    assert_eq!(late.state, *state);
}

#[test]
fn hold_begins_no_earlier_than_the_previous_poll_and_ends_with_absence() {
    let row = |on_hold, seconds| CurrentStatus {
        agent_id: EntityId::new("17"),
        status: serde_json::from_value(agent_json()["status"].clone()).unwrap(),
        status_updated_at: None,
        on_hold: Some(on_hold),
        on_hold_duration: Some(seconds),
    };
    let begun = current_status_row(Some(&seeded()), &row(true, 3), &context(20, 5));
    assert_eq!(names(&begun.drafts), ["AgentHoldStarted"]);
    assert_eq!(begun.drafts[0].occurrence.at, at(17));
    assert_eq!(begun.drafts[0].occurrence.after, Some(at(15)));
    let long = current_status_row(Some(&seeded()), &row(true, 999), &context(20, 5));
    assert_eq!(long.drafts[0].occurrence.at, at(15));

    assert!(
        current_status_row(Some(&begun.state), &row(true, 8), &context(25, 5)).drafts.is_empty()
    );
    let ended = current_status_absence(&begun.state, &EntityId::new("17"), &context(30, 5));
    let Body::AgentHoldEnded(hold) = body(&ended.drafts[0]) else { panic!() };
    assert_eq!(hold.duration_ms, Some(13_000));
}
