use proptest::prelude::*;
use serde_json::{Value, json};

use super::{agent_json, at, baseline_at, body, context, names, with};
use crate::detect::{AgentState, StatusSource, roster_absence, roster_row};
use crate::event::{Body, Origin};
use crate::model::{Agent, EntityId, Precision};

fn agent(changes: &Value) -> Agent {
    serde_json::from_value(with(agent_json(), changes)).unwrap()
}

fn known(changes: &Value) -> AgentState {
    roster_row(None, &agent(changes), StatusSource::Log, &baseline_at()).state
}

#[test]
fn the_first_poll_yields_the_baseline() {
    let change = roster_row(None, &agent(&json!({})), StatusSource::Log, &baseline_at());
    assert_eq!(names(&change.drafts), ["AgentAdded", "AgentStatusChanged"]);
    assert!(change.drafts.iter().all(|draft| draft.origin == Origin::Baseline));
    let Body::AgentAdded(added) = body(&change.drafts[0]) else { panic!() };
    assert_eq!((added.before.is_none(), added.after.is_some()), (true, true));
    assert_eq!(change.drafts[1].occurrence.at, at(-60));
}

#[test]
fn a_status_that_began_after_the_baseline_is_left_to_the_log() {
    let row = agent(&json!({"status_updated_at": at(3).millis()}));
    let change = roster_row(None, &row, StatusSource::Log, &context(5, 2));
    assert_eq!(names(&change.drafts), ["AgentAdded"]);
    assert_eq!(change.state.status, None);
}

#[test]
fn the_baseline_status_of_an_agent_who_never_logged_in_has_no_time() {
    let row = agent(&json!({"status_updated_at": null}));
    let change = roster_row(None, &row, StatusSource::Log, &baseline_at());
    assert_eq!(change.drafts[1].occurrence.precision, Precision::Bounded);
    assert_eq!(change.state.status.unwrap().since, None);
}

#[test]
fn the_same_row_again_emits_nothing() {
    let state = known(&json!({}));
    let again = roster_row(Some(&state), &agent(&json!({})), StatusSource::Log, &context(10, 5));
    assert_eq!(again.drafts, []);
    assert_eq!(again.state, state);
}

#[test]
fn each_fact_of_the_roster_is_an_update_that_names_it() {
    let cases = [
        (json!({"email": "ada.sample@example.com"}), vec!["email"]),
        (json!({"online": false, "location": "Hall 2"}), vec!["online", "location"]),
        (json!({"roles": ["agent", "manager"]}), vec!["roles"]),
        (json!({"teams": []}), vec!["teams"]),
        (json!({"teams": [{"id": "5", "name": "South"}]}), vec!["teams"]),
        (json!({"call_count": 1}), vec!["call_count"]),
        // Facts of other entities or events.
        (json!({"teams": [{"id": "5", "name": "North", "agents_count": 4}]}), vec![]),
        (json!({"status_updated_at": at(-30).millis()}), vec![]),
    ];
    for (change, expected) in cases {
        let drafts = roster_row(
            Some(&known(&json!({}))),
            &agent(&change),
            StatusSource::Log,
            &context(10, 5),
        )
        .drafts;
        let changed = drafts.iter().flat_map(|draft| match &draft.body {
            Body::AgentUpdated(update) => update.changed.clone(),
            other => panic!("{other:?}"),
        });
        assert_eq!(changed.collect::<Vec<_>>(), expected, "{change}");
    }
}

#[test]
fn a_new_agent_is_stamped_when_the_stamp_is_between_the_polls() {
    let row = |created: i64| agent(&json!({"id": "18", "created_at": at(created).millis()}));
    let inside = roster_row(None, &row(7), StatusSource::Log, &context(10, 5)).drafts.remove(0);
    assert_eq!((inside.occurrence.at, inside.occurrence.precision), (at(7), Precision::Second));
    assert_eq!(inside.origin, Origin::Live);
    let before = roster_row(None, &row(-900), StatusSource::Log, &context(10, 5)).drafts.remove(0);
    assert_eq!(before.occurrence.precision, Precision::Bounded);
    assert_eq!(before.occurrence.after, Some(at(5)));
}

#[test]
fn after_call_work_begins_and_ends_between_polls() {
    let idle = known(&json!({}));
    let begun = roster_row(
        Some(&idle),
        &agent(&json!({"wrap_up": true})),
        StatusSource::Log,
        &context(10, 5),
    );
    assert_eq!(names(&begun.drafts), ["AgentWrapUpStarted"]);
    assert_eq!(begun.drafts[0].occurrence.after, Some(at(5)));
    let ended =
        roster_row(Some(&begun.state), &agent(&json!({})), StatusSource::Log, &context(25, 5));
    let Body::AgentWrapUpEnded(wrap_up) = body(&ended.drafts[0]) else { panic!() };
    assert_eq!(wrap_up.duration_ms, Some(15_000));
}

#[test]
fn a_removed_agent_is_emitted_with_its_last_record_and_may_come_back() {
    let id = EntityId::new("17");
    let gone = roster_absence(&known(&json!({})), &id, &context(10, 5));
    assert_eq!(names(&gone.drafts), ["AgentRemoved"]);
    assert_eq!(roster_absence(&gone.state, &id, &context(15, 5)).drafts, []);
    let back =
        roster_row(Some(&gone.state), &agent(&json!({})), StatusSource::Log, &context(20, 5));
    assert_eq!(names(&back.drafts)[0], "AgentAdded");
}

proptest! {
    #[test]
    fn applying_a_difference_gives_the_next_row_and_comparing_again_finds_none(
        first in any_agent(), second in any_agent(),
    ) {
        let state = roster_row(None, &first, StatusSource::Log, &baseline_at()).state;
        let change = roster_row(Some(&state), &second, StatusSource::Log, &context(10, 5));
        prop_assert_eq!(change.state.roster.as_ref(), Some(&second));
        for draft in &change.drafts {
            if let Body::AgentUpdated(update) = &draft.body {
                prop_assert_eq!(update.before.as_ref(), Some(&first));
                prop_assert_eq!(update.after.as_ref(), Some(&second));
                prop_assert!(!update.changed.is_empty());
            }
        }
        let again = roster_row(Some(&change.state), &second, StatusSource::Log, &context(15, 5));
        prop_assert!(again.drafts.is_empty());
    }
}

fn any_agent() -> impl Strategy<Value = Agent> {
    let text = prop::option::of("[a-c]{0,2}");
    (
        text.clone(),
        text,
        any::<bool>(),
        any::<bool>(),
        0..3_i64,
        prop::collection::vec("[a-b]", 0..2),
    )
        .prop_map(|(email, location, online, wrap_up, calls, roles)| {
            agent(&json!({
                "email": email, "location": location, "online": online, "wrap_up": wrap_up,
                "call_count": calls, "roles": roles,
            }))
        })
}
