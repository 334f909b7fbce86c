//! The examples of the vendor's document, with invented people.

use serde_json::{Value, json};

use super::super::answer::{list, rows};
use super::super::{FORMAT, mapping};
use crate::detect::{StatusSource, roster_row};
use crate::event::Body;
use crate::event::body::StatusValue;
use crate::model::{Agent, EntityId, GroupReference, Precision, Presence, Timestamp};
use crate::source::checks::context;
use crate::source::fields::Fields;
use crate::source::rows::decode;

const AGENTS: &str = include_str!("../../../../tests/fixtures/maqsam/agents.json");

/// 2026-03-01T11:55:00Z.
const SINCE: Timestamp = Timestamp::from_millis(1_772_366_100_000);

fn read(row: &Value) -> (Agent, Vec<&'static str>) {
    let mut unknown = Vec::new();
    let agent = mapping::agent(&Fields::of(row).unwrap(), &mut unknown).unwrap();
    (agent, unknown.iter().map(|value| value.field).collect())
}

fn with_state(state: &Value) -> (Agent, Vec<&'static str>) {
    read(&json!({"identifier": "1", "state": state}))
}

fn group(id: Option<&str>, name: Option<&str>) -> GroupReference {
    GroupReference { id: id.map(EntityId::new), name: name.map(String::from) }
}

#[test]
fn every_field_of_an_agent_of_maqsam_reaches_the_model() {
    let list = list(AGENTS.as_bytes()).unwrap();
    let mut unknown = Vec::new();
    let decoded = rows(&list).unwrap().into_iter();
    let decoded = decoded.map(|row| decode(row, FORMAT.id, mapping::agent, &mut unknown).unwrap());
    let [mira, jonas, nadia, paul] = &decoded.collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(unknown, []);
    let expected = Agent {
        name: Some(String::from("Mira Sample")),
        email: Some(String::from("mira.sample@example.com")),
        active: Some(true),
        groups: vec![group(None, Some("Billing")), group(None, Some("Support"))],
        outgoing_enabled: Some(true),
        incoming_enabled: Some(true),
        whatsapp_enabled: Some(false),
        status: mira.status.clone(),
        status_updated_at: Some(SINCE),
        created_at: Some(Timestamp::from_millis(1_720_093_436_000)),
        ..Agent::new(EntityId::new("mira.sample"))
    };
    assert_eq!(*mira, expected);
    let shown = |agent: &Agent| {
        let status = agent.status.clone().unwrap();
        (status.id.as_str().to_owned(), status.presence, agent.status_updated_at)
    };
    assert_eq!(shown(mira), ("Available".into(), Presence::Available, Some(SINCE)));
    assert_eq!(shown(jonas), ("Busy".into(), Presence::Busy, Some(SINCE.plus_millis(250))));
    assert_eq!(shown(nadia), ("Absent".into(), Presence::Away, None));
    assert_eq!(shown(paul), ("Prayer".into(), Presence::Other, Some(SINCE)));
    assert_eq!((jonas.id.as_str(), nadia.active), ("4002", Some(false)));
    assert_eq!(jonas.groups, [group(Some("7"), Some("Support"))]);
    assert_eq!(jonas.created_at, Some(Timestamp::from_millis(1_720_093_558_000)));
    assert_eq!(nadia.created_at, Some(Timestamp::from_millis(1_720_094_014_000)));
    assert_eq!((paul.active, paul.whatsapp_enabled), (Some(true), None));
    assert_eq!((paul.outgoing_enabled, paul.incoming_enabled), (Some(true), Some(false)));
    assert_eq!(paul.groups, [group(None, Some("Support"))]);
}

#[test]
fn a_state_comes_alone_in_an_object_or_in_a_list_of_two() {
    let second = 1_772_366_100_i64;
    let cases = [
        (json!("Busy"), None),
        (json!({"name": "Busy"}), None),
        (json!({"name": "Busy", "timestamp": second}), Some(SINCE)),
        (json!({"state": "Busy", "since": second}), Some(SINCE)),
        (json!({"name": "Busy", "since": second.to_string()}), Some(SINCE)),
        (json!({"state": "Busy", "timestamp": "2026-03-01T11:55:00Z"}), Some(SINCE)),
        (json!(["Busy"]), None),
        (json!(["Busy", null]), None),
        (json!(["Busy", second]), Some(SINCE)),
        (json!(["Busy", second * 1000]), Some(SINCE)),
    ];
    for (state, since) in cases {
        let (agent, unknown) = with_state(&state);
        let status = agent.status.unwrap();
        assert_eq!((status.id.as_str(), status.presence), ("Busy", Presence::Busy), "{state}");
        assert_eq!((agent.status_updated_at, unknown), (since, vec![]), "{state}");
    }
    assert_eq!(with_state(&json!(null)).0.status, None);
}

#[test]
fn a_state_or_a_start_in_an_unknown_format_is_none_and_is_counted() {
    for state in [json!(5), json!(true), json!([]), json!({}), json!([["Busy"]]), json!("")] {
        let (agent, unknown) = with_state(&state);
        assert_eq!((agent.status, unknown), (None, vec!["agent.state"]), "{state}");
    }
    let (agent, unknown) = with_state(&json!(["Busy", "a while ago"]));
    assert!(agent.status.is_some() && agent.status_updated_at.is_none());
    assert_eq!(unknown, ["agent.state.timestamp"]);
}

#[test]
fn states_that_an_account_defined_pass_through_as_they_are() {
    let (agent, unknown) = with_state(&json!("Training — room 2"));
    let status = agent.status.unwrap();
    assert_eq!((status.id.as_str(), status.presence), ("Training — room 2", Presence::Other));
    assert_eq!(status.name.as_deref(), Some("Training — room 2"));
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn a_number_beyond_a_hundred_billion_is_in_milliseconds() {
    for (number, millis) in [
        (1_720_093_436_i64, 1_720_093_436_000),
        (1_720_093_436_000, 1_720_093_436_000),
        (1_720_093_436_123, 1_720_093_436_123),
        (100_000_000_000, 100_000_000_000_000),
        (100_000_000_001, 100_000_000_001),
    ] {
        let (agent, _) = read(&json!({"identifier": "1", "created_at": number}));
        assert_eq!(agent.created_at, Some(Timestamp::from_millis(millis)), "{number}");
    }
}

#[test]
fn identifiers_are_opaque_texts() {
    for (identifier, id) in [(json!(7), "7"), (json!("007"), "007"), (json!("a b"), "a b")] {
        assert_eq!(read(&json!({"identifier": identifier})).0.id, EntityId::new(id));
    }
}

#[test]
fn groups_come_by_name_by_number_or_as_objects() {
    let groups = |groups: Value| read(&json!({"identifier": "1", "groups": groups})).0.groups;
    assert_eq!(groups(json!(["B", "A", "B"])), [group(None, Some("A")), group(None, Some("B"))]);
    assert_eq!(groups(json!([9, 4])), [group(Some("4"), None), group(Some("9"), None)]);
    let objects = json!([{"id": 4, "name": "North"}, {"identifier": "7"}]);
    assert_eq!(groups(objects), [group(Some("4"), Some("North")), group(Some("7"), None)]);
    assert_eq!(groups(json!("North")), [group(None, Some("North"))]);
    for none in [json!([]), json!(null), json!("")] {
        assert_eq!(groups(none), []);
    }
}

fn emitted(before: &Agent, after: &Agent) -> Vec<(Body, Precision)> {
    let read = |state: Option<&_>, agent: &Agent| {
        roster_row(state, agent, StatusSource::Roster, &context())
    };
    let drafts = read(Some(&read(None, before).state), after).drafts;
    drafts.into_iter().map(|draft| (draft.body, draft.occurrence.precision)).collect()
}

#[test]
fn a_change_of_state_is_as_exact_as_its_start() {
    let before = with_state(&json!(["Busy", 1_772_366_100])).0;
    let cases = [
        (json!(["Absent", 1_772_366_399]), Precision::Second),
        (json!(["Absent", 1_772_366_399_250_i64]), Precision::Exact),
        (json!("Absent"), Precision::Bounded),
    ];
    for (state, expected) in cases {
        let emitted = emitted(&before, &with_state(&state).0);
        assert!(
            matches!(emitted[..], [(Body::AgentStatusChanged(_), precision)] if precision == expected)
        );
    }
}

#[test]
fn the_same_state_with_a_newer_start_is_a_hidden_round_trip() {
    let state = |since: i64| with_state(&json!({"name": "Busy", "timestamp": since})).0;
    let emitted = emitted(&state(1_772_366_100), &state(1_772_366_399));
    let [(Body::AgentStatusChanged(away), bounded), (Body::AgentStatusChanged(back), second)] =
        &emitted[..]
    else {
        panic!("{emitted:?}")
    };
    assert_eq!(away.current, StatusValue::unknown());
    assert_eq!(back.current.id.as_str(), "Busy");
    assert_eq!((*bounded, *second), (Precision::Bounded, Precision::Second));
}

#[test]
fn activation_switches_and_groups_are_facts_of_their_own() {
    let base = json!({
        "identifier": "1", "active": true, "groups": ["North"], "outgoingEnabled": true,
        "incomingEnabled": true, "whatsappEnabled": true,
    });
    for (field, value, expected) in [
        ("active", json!(false), "AgentDeactivated"),
        ("groups", json!(["North", "South"]), "groups"),
        ("outgoingEnabled", json!(false), "outgoing_enabled"),
        ("incomingEnabled", json!(false), "incoming_enabled"),
        ("whatsappEnabled", json!(false), "whatsapp_enabled"),
    ] {
        let mut next = base.clone();
        next[field] = value;
        let emitted = emitted(&read(&base).0, &read(&next).0);
        let names: Vec<_> = emitted
            .iter()
            .map(|(body, _)| match body {
                Body::AgentUpdated(update) => update.changed.join(" "),
                other => other.event_type().as_str().to_owned(),
            })
            .collect();
        assert_eq!(names, [expected]);
    }
}
