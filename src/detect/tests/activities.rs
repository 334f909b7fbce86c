use serde_json::{Value, json};

use super::{agent_json, at, baseline_at, context, mapped, names, with};
use crate::detect::{AgentState, Authority, StatusSource, activity_row, roster_row};
use crate::event::body::AgentStatusChange;
use crate::event::{Body, Draft, Origin};
use crate::model::Activity;

fn row(id: &str, second: i64, changes: &Value) -> Activity {
    let base = json!({
        "id": id, "agent_id": "17", "activity": "user_status_changed",
        "started_at": at(second).millis(),
        "status": {"id": "-2", "name": "Break", "presence": "BREAK"},
    });
    mapped(with(base, changes))
}

fn available() -> Value {
    json!({"status": {"id": "0", "name": "Available", "presence": "AVAILABLE"}})
}

fn seeded(since: i64) -> AgentState {
    let agent = with(agent_json(), &json!({"status_updated_at": at(since).millis()}));
    roster_row(None, &serde_json::from_value(agent).unwrap(), StatusSource::Log, &baseline_at())
        .state
}

fn apply(state: Option<AgentState>, rows: &[Activity]) -> (Option<AgentState>, Vec<Draft>) {
    let mut state = state;
    let mut drafts = Vec::new();
    for row in rows {
        let change = activity_row(state.as_ref(), row, &context(100, 5));
        drafts.extend(change.drafts);
        state = Some(change.state);
    }
    (state, drafts)
}

fn status(draft: &Draft) -> &AgentStatusChange {
    match &draft.body {
        Body::AgentStatusChanged(change) => change,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_status_row_follows_the_baseline_status_with_its_duration() {
    let (_, drafts) = apply(Some(seeded(-60)), &[row("1", 20, &json!({}))]);
    let change = status(&drafts[0]);
    assert_eq!(change.previous.as_ref().map(|status| status.id.as_str()), Some("0"));
    assert_eq!(change.current.id.as_str(), "-2");
    assert_eq!(change.previous_duration_ms, Some(80_000));
    assert_eq!(drafts[0].occurrence.at, at(20));
}

#[test]
fn rows_of_one_second_are_ordered_by_their_ids_as_numbers() {
    let (state, drafts) = apply(None, &[row("99", 20, &json!({})), row("100", 20, &available())]);
    assert_eq!(names(&drafts), ["AgentStatusChanged", "AgentStatusChanged"]);
    assert_eq!(state.unwrap().status.unwrap().value.id.as_str(), "0");
}

#[test]
fn a_late_row_is_recovered_and_leaves_the_state_alone() {
    let (state, drafts) = apply(None, &[row("2", 30, &available()), row("1", 20, &json!({}))]);
    assert_eq!(names(&drafts), ["AgentStatusChanged", "AgentStatusRecovered"]);
    assert_eq!(drafts[1].origin, Origin::Recovered);
    assert_eq!(state.unwrap().status.unwrap().value.id.as_str(), "0");
}

#[test]
fn the_row_that_began_the_baseline_status_is_emitted_once_without_a_previous_status() {
    let (state, drafts) = apply(Some(seeded(-1)), &[row("1", 1, &available())]);
    assert_eq!(status(&drafts[0]).previous, None);
    assert_eq!(state.unwrap().status.unwrap().authority, Authority::Log);
}

#[test]
fn login_and_logout_are_points_in_time_that_do_not_change_the_status() {
    let offline = json!({"status": {"id": "-10", "name": "Offline", "presence": "OFFLINE"}});
    let login = row("1", 20, &with(offline.clone(), &json!({"activity": "login"})));
    let (state, drafts) = apply(Some(seeded(-60)), &[login]);
    assert_eq!(names(&drafts), ["AgentLoggedIn"]);
    assert_eq!(state.unwrap().status.unwrap().value.id.as_str(), "0");

    // Logout and the change to Offline share one start.
    let changed = row("2", 40, &offline);
    let logout = row("3", 40, &with(offline, &json!({"activity": "logout"})));
    let (state, drafts) = apply(Some(seeded(-60)), &[changed, logout]);
    assert_eq!(names(&drafts), ["AgentStatusChanged", "AgentLoggedOut"]);
    assert_eq!(state.unwrap().status.unwrap().value.id.as_str(), "-10");
}

#[test]
fn a_missed_offer_and_every_other_activity_are_emitted_with_their_row() {
    let missed = row("1", 20, &json!({"activity": "deltacast_call_missed", "call_id": "4711"}));
    let unheard_of = row("2", 21, &json!({"activity": "teleported"}));
    let (_, drafts) = apply(None, &[missed, unheard_of]);
    assert_eq!(names(&drafts), ["AgentOfferMissed", "AgentActivityLogged"]);
}

#[test]
fn a_status_keeps_the_interaction_that_brought_it() {
    let (_, drafts) = apply(None, &[row("1", 20, &json!({"call_id": "4711"}))]);
    let interaction = status(&drafts[0]).interaction.clone().unwrap();
    assert_eq!((interaction.kind.as_str(), interaction.id.as_str()), ("call", "4711"));
}

#[test]
fn log_rows_yield_the_same_events_however_they_are_split() {
    let rows: Vec<_> = (0..6)
        .map(|n| row(&n.to_string(), 10 * n, &if n % 2 == 0 { json!({}) } else { available() }))
        .collect();
    let (whole_state, whole) = apply(Some(seeded(-60)), &rows);
    for split in 0..rows.len() {
        let (state, mut drafts) = apply(Some(seeded(-60)), &rows[..split]);
        let (state, rest) = apply(state, &rows[split..]);
        drafts.extend(rest);
        assert_eq!((&state, &drafts), (&whole_state, &whole));
    }
}
