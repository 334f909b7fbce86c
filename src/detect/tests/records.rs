use serde_json::{Value, json};

use super::{baseline_at, body, context, names, with};
use crate::detect::{RecordState, record_absence, record_row};
use crate::event::{Body, Origin};
use crate::model::{EntityId, Queue, Team};

fn queue(changes: &Value) -> Queue {
    let base = json!({
        "id": "10", "name": "Shipping", "deleted": false, "hidden": false,
        "agent_assignments": [{"lang": "en", "assignee": {"id": "17"}}],
        "team_assignments": [{"lang": "en", "team": {"id": "11", "agents_count": 3}}],
    });
    serde_json::from_value(with(base, changes)).unwrap()
}

fn known(queue: &Queue) -> RecordState<Queue> {
    RecordState { record: Some(queue.clone()), personal_removed: false }
}

#[test]
fn a_queue_is_added_changed_and_removed() {
    let first = record_row(None, &queue(&json!({})), &baseline_at());
    assert_eq!(names(&first.drafts), ["QueueAdded"]);
    assert_eq!(first.drafts[0].origin, Origin::Baseline);

    let renamed = queue(&json!({"name": "Dispatch"}));
    let second = record_row(Some(&first.state), &renamed, &context(100, 5));
    let Body::QueueUpdated(change) = body(&second.drafts[0]) else { panic!() };
    assert_eq!(change.changed, ["name"]);
    assert_eq!(change.before.as_ref().unwrap().name.as_deref(), Some("Shipping"));

    let third = record_absence(&second.state, &EntityId::new("10"), &context(105, 5));
    assert_eq!(names(&third.drafts), ["QueueRemoved"]);
    assert!(record_absence(&third.state, &EntityId::new("10"), &context(110, 5)).drafts.is_empty());
}

#[test]
fn a_row_that_the_vendor_marks_as_deleted_removes_the_record_at_once() {
    let deleted = queue(&json!({"deleted": true}));
    let gone = record_row(Some(&known(&queue(&json!({})))), &deleted, &context(100, 5));
    assert_eq!(names(&gone.drafts), ["QueueRemoved"]);
    // One that was never added is ignored.
    assert!(record_row(None, &deleted, &context(100, 5)).drafts.is_empty());
    let back = record_row(Some(&gone.state), &queue(&json!({})), &context(105, 5));
    assert_eq!(names(&back.drafts), ["QueueAdded"]);
}

#[test]
fn members_of_a_team_are_facts_of_the_team_and_not_of_the_queue() {
    let larger = json!({"team_assignments": [{"lang": "en",
        "team": {"id": "11", "agents_count": 4}}]});
    let change = record_row(Some(&known(&queue(&json!({})))), &queue(&larger), &context(100, 5));
    assert!(change.drafts.is_empty(), "{:?}", names(&change.drafts));

    let team = |count: i64| -> Team {
        serde_json::from_value(json!({"id": "11", "agents_count": count, "assignees": []})).unwrap()
    };
    let state = RecordState { record: Some(team(3)), personal_removed: false };
    assert_eq!(
        names(&record_row(Some(&state), &team(4), &context(100, 5)).drafts),
        ["TeamUpdated"]
    );
}
