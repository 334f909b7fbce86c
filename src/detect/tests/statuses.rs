//! Statuses and activation where there is no activity log.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{at, baseline_at, body, context, names};
use crate::detect::{AgentState, Change, PollContext, StatusSource, roster_absence, roster_row};
use crate::event::body::{AgentStatusChange, StatusValue};
use crate::event::{Body, Draft, Origin};
use crate::model::{Agent, AgentStatus, EntityId, Precision, Presence};

/// A row with a status that began at that second, where it says when.
fn row(status: &str, since: Option<i64>) -> Agent {
    agent(&json!({
        "id": "A1", "status": {"id": status, "name": status, "presence": "OTHER"},
        "status_updated_at": since.map(|since| at(since).millis()),
    }))
}

fn agent(row: &Value) -> Agent {
    serde_json::from_value(row.clone()).unwrap()
}

fn read(state: Option<&AgentState>, row: &Agent, context: &PollContext) -> Change<AgentState> {
    roster_row(state, row, StatusSource::Roster, context)
}

fn changes(drafts: &[Draft]) -> Vec<(&Draft, &AgentStatusChange)> {
    let change = |draft| match body(draft) {
        Body::AgentStatusChanged(change) => Some((draft, change)),
        _ => None,
    };
    drafts.iter().filter_map(change).collect()
}

#[test]
fn a_new_agents_status_is_emitted_also_after_the_baseline() {
    let baseline = read(None, &row("Busy", Some(-60)), &baseline_at());
    assert_eq!(names(&baseline.drafts), ["AgentAdded", "AgentStatusChanged"]);
    assert!(baseline.drafts.iter().all(|draft| draft.origin == Origin::Baseline));
    let live = read(None, &row("Busy", Some(7)), &context(10, 5));
    assert_eq!(names(&live.drafts), ["AgentAdded", "AgentStatusChanged"]);
    assert!(live.drafts.iter().all(|draft| draft.origin == Origin::Live));
    let (draft, change) = changes(&live.drafts)[0];
    assert_eq!((draft.occurrence.at, change.previous.as_ref()), (at(7), None));
}

#[test]
fn a_changed_status_has_the_precision_of_its_start() {
    let from = |since| read(None, &row("Busy", since), &baseline_at()).state;
    let millis = agent(&json!({
        "id": "A1", "status": {"id": "Away", "presence": "AWAY"},
        "status_updated_at": at(7).millis() + 250,
    }));
    let cases = [
        (Some(-60), row("Away", Some(7)), Precision::Second, at(7), None, Some(67_000)),
        (Some(-60), millis, Precision::Exact, at(7).plus_millis(250), None, Some(67_250)),
        (None, row("Away", Some(7)), Precision::Second, at(7), None, None),
        (Some(-60), row("Away", None), Precision::Bounded, at(10), Some(at(5)), None),
        // A start that belongs to the previous status, or to an older response, is not the
        // change's.
        (Some(-60), row("Away", Some(-60)), Precision::Bounded, at(10), Some(at(5)), None),
        (Some(-60), row("Away", Some(-90)), Precision::Bounded, at(10), Some(at(5)), None),
    ];
    for (since, next, precision, when, after, duration) in cases {
        let change = read(Some(&from(since)), &next, &context(10, 5));
        assert_eq!(names(&change.drafts), ["AgentStatusChanged"]);
        let (draft, emitted) = changes(&change.drafts)[0];
        let occurrence = draft.occurrence;
        assert_eq!(
            (occurrence.precision, occurrence.at, occurrence.after),
            (precision, when, after)
        );
        assert_eq!(emitted.previous_duration_ms, duration);
        let ids = (emitted.previous.as_ref().unwrap().id.as_str(), emitted.current.id.as_str());
        assert_eq!(ids, ("Busy", "Away"));
        assert_eq!(draft.origin, Origin::Live);
    }
}

#[test]
fn the_same_status_with_a_newer_start_is_a_hidden_round_trip_and_yields_two_changes() {
    let state = read(None, &row("Busy", Some(-60)), &baseline_at()).state;
    let change = read(Some(&state), &row("Busy", Some(7)), &context(10, 5));
    let emitted = changes(&change.drafts);
    assert_eq!((emitted.len(), change.drafts.len()), (2, 2));
    let (away, back) = (emitted[0], emitted[1]);
    assert_eq!(away.1.previous.as_ref().unwrap().id.as_str(), "Busy");
    assert_eq!(away.1.current, StatusValue::unknown());
    assert_eq!(away.1.current.presence, Presence::Other);
    let bounds = (away.0.occurrence.precision, away.0.occurrence.at, away.0.occurrence.after);
    assert_eq!(bounds, (Precision::Bounded, at(7), Some(at(5))));
    assert_eq!(back.1.previous, Some(StatusValue::unknown()));
    assert_eq!(back.1.current.id.as_str(), "Busy");
    assert_eq!((back.0.occurrence.precision, back.0.occurrence.at), (Precision::Second, at(7)));
    // The start may be before the previous poll, which was answered from an older copy.
    let stale = read(Some(&state), &row("Busy", Some(3)), &context(10, 5));
    assert_eq!(stale.drafts[0].occurrence.after, Some(at(3)));
}

#[test]
fn the_same_start_in_another_form_or_from_an_older_copy_is_no_round_trip() {
    let held = |since| read(None, &row("Busy", since), &baseline_at()).state;
    let millis = agent(&json!({
        "id": "A1", "status": {"id": "Busy", "presence": "BUSY"},
        "status_updated_at": at(-60).millis() + 900,
    }));
    let cases = [
        (Some(-60), millis),
        (Some(-60), row("Busy", Some(-90))),
        (Some(-60), row("Busy", None)),
        (None, row("Busy", Some(-60))),
        (Some(-60), agent(&json!({"id": "A1"}))),
    ];
    for (since, next) in cases {
        let change = read(Some(&held(since)), &next, &context(10, 5));
        assert_eq!(change.drafts, [], "{next:?}");
        // And the first form again is no round trip either.
        let again = read(Some(&change.state), &row("Busy", since), &context(15, 5));
        assert_eq!(again.drafts, [], "{next:?}");
    }
}

#[test]
fn activation_is_emitted_when_it_changes_and_never_as_an_update_or_at_the_baseline() {
    let of = |active: Value| agent(&json!({"id": "A1", "active": active}));
    let on = read(None, &of(json!(true)), &baseline_at());
    assert_eq!(names(&on.drafts), ["AgentAdded"]);
    let off = read(Some(&on.state), &of(json!(false)), &context(10, 5));
    assert_eq!(names(&off.drafts), ["AgentDeactivated"]);
    assert_eq!(off.drafts[0].occurrence.after, Some(at(5)));
    // A row without the field changes nothing, and hides no change.
    let silent = read(Some(&off.state), &of(json!(null)), &context(15, 5));
    assert_eq!(silent.drafts, []);
    assert_eq!(read(Some(&silent.state), &of(json!(false)), &context(20, 5)).drafts, []);
    let back = read(Some(&silent.state), &of(json!(true)), &context(20, 5));
    assert_eq!(names(&back.drafts), ["AgentActivated"]);
    // One that is switched off at first, or comes back, is no change.
    assert_eq!(names(&read(None, &of(json!(false)), &context(10, 5)).drafts), ["AgentAdded"]);
    let gone = roster_absence(&off.state, &EntityId::new("A1"), &context(15, 5)).state;
    let again = read(Some(&gone), &of(json!(true)), &context(20, 5));
    assert_eq!(names(&again.drafts), ["AgentAdded"]);
}

#[test]
fn switches_groups_and_destinations_are_updates_that_name_them() {
    let base = json!({
        "id": "A1", "outgoing_enabled": true, "groups": [{"id": "4", "name": "North"}, {"id": "7"}],
        "destination": {"kind": "MOBILE", "value": "+1 555 0117"}, "updated_at": at(-9).millis(),
    });
    let state = read(None, &agent(&base), &baseline_at()).state;
    let cases = [
        (
            json!({"outgoing_enabled": false, "whatsapp_enabled": true}),
            vec!["outgoing_enabled", "whatsapp_enabled"],
        ),
        (json!({"groups": [{"id": "4", "name": "North"}]}), vec!["groups"]),
        (json!({"groups": [{"id": "4"}, {"name": "7"}]}), vec!["groups"]),
        (json!({"destination": {"kind": "SIP", "value": "+1 555 0117"}}), vec!["destination"]),
        (
            json!({"working_hours": [{"days": ["MON"], "from": 60, "to": 360}]}),
            vec!["working_hours"],
        ),
        // Not facts of the agent.
        (json!({"groups": [{"id": "7"}, {"id": "4", "name": "South"}, {"id": "4"}]}), vec![]),
        (json!({"updated_at": at(9).millis()}), vec![]),
    ];
    for (change, expected) in cases {
        let next = agent(&super::with(base.clone(), &change));
        let drafts = read(Some(&state), &next, &context(10, 5)).drafts;
        let changed = drafts.iter().flat_map(|draft| match &draft.body {
            Body::AgentUpdated(update) => update.changed.clone(),
            other => panic!("{other:?}"),
        });
        assert_eq!(changed.collect::<Vec<_>>(), expected, "{change}");
    }
}

/// Polls of one agent, five seconds apart: one of three statuses and its start, each may be
/// missing.
fn poll_results() -> impl Strategy<Value = Vec<(Option<usize>, Option<i64>)>> {
    prop::collection::vec((prop::option::of(0..3_usize), prop::option::of(-9..60_i64)), 1..12)
}

proptest! {
    #[test]
    fn the_changes_of_any_polls_are_one_chain_that_ends_in_the_status_shown_last(
        poll_results in poll_results(),
    ) {
        let states = ["Available", "Busy", "Lunch"];
        let (mut state, mut chain): (Option<AgentState>, Option<StatusValue>) = (None, None);
        let mut shown = None;
        for (step, (status, since)) in poll_results.into_iter().enumerate() {
            let seconds = i64::try_from(step).unwrap() * 5;
            let context = if step == 0 { baseline_at() } else { context(seconds, 5) };
            let row = match status {
                Some(status) => row(states[status], since),
                None => agent(&json!({"id": "A1"})),
            };
            shown = row.status.as_ref().map(AgentStatus::value).or(shown);
            let change = read(state.as_ref(), &row, &context);
            for (draft, emitted) in changes(&change.drafts) {
                prop_assert_eq!(&emitted.previous, &chain);
                prop_assert!(emitted.previous.as_ref() != Some(&emitted.current));
                prop_assert!(emitted.previous_duration_ms.is_none_or(|millis| millis > 0));
                let occurrence = draft.occurrence;
                prop_assert!(occurrence.after.is_none_or(|after| after <= occurrence.at));
                chain = Some(emitted.current.clone());
            }
            prop_assert_eq!(&chain, &shown);
            let again = read(Some(&change.state), &row, &context);
            prop_assert_eq!(changes(&again.drafts), vec![]);
            state = Some(change.state);
        }
    }
}
