//! Every body of the vendor's document, with invented people in it.

use super::super::answer::page;
use super::super::{FORMAT, mapping};
use crate::detect::{StatusSource, roster_row};
use crate::event::Body;
use crate::model::{Agent, EntityId, Precision, Presence, Timestamp};
use crate::source::checks::context;
use crate::source::fields::Fields;
use crate::source::rows::decode;

const AGENTS: &str = include_str!("../../../../tests/fixtures/infobip/agents.json");
const FILTERED: &str = include_str!("../../../../tests/fixtures/infobip/agents_filtered.json");

pub(super) fn read(document: &str) -> (Vec<Agent>, Option<u64>) {
    let page = page(document.as_bytes()).unwrap();
    let mut unknown = Vec::new();
    let rows = page.rows.iter();
    let agents = rows.map(|row| decode(row, FORMAT.id, mapping::agent, &mut unknown).unwrap());
    let agents = agents.collect();
    assert_eq!(unknown, []);
    (agents, page.total)
}

#[test]
fn every_field_of_an_agent_of_infobip_reaches_the_model() {
    let (agents, total) = read(AGENTS);
    assert_eq!((agents.len(), total), (6, Some(6)));
    let statuses: Vec<_> = agents
        .iter()
        .map(|agent| {
            let status = agent.status.as_ref().unwrap();
            (
                agent.name.as_deref().unwrap(),
                status.id.as_str(),
                status.presence,
                agent.roles[0].as_str(),
                agent.active.unwrap(),
            )
        })
        .collect();
    let expected = [
        ("Mira Sample", "INVISIBLE", Presence::Offline, "AGENT", true),
        ("Jonas Sample", "ACTIVE", Presence::Available, "SUPERVISOR", true),
        ("Nadia Example", "INVISIBLE", Presence::Offline, "AGENT", true),
        ("Paul Example", "ACTIVE", Presence::Available, "AGENT", true),
        ("Rita Example", "ACTIVE", Presence::Available, "AGENT", true),
        ("Noah Sample", "ACTIVE", Presence::Available, "AGENT", false),
    ];
    assert_eq!(statuses, expected);
    let last = &agents[5];
    // 38 digits: an id is a text, whatever it looks like.
    assert_eq!(last.id, EntityId::new("5E77AB97457D13B1FC79AF3C1A1096AE7E7705"));
    assert_eq!(last.created_at, Some(Timestamp::from_millis(1_552_203_944_744)));
    assert_eq!(last.updated_at, Some(Timestamp::from_millis(1_552_210_438_374)));
    assert_eq!(last.status.as_ref().unwrap().name.as_deref(), Some("ACTIVE"));
    let of_others = Agent {
        name: None,
        status: None,
        roles: Vec::new(),
        active: None,
        created_at: None,
        updated_at: None,
        ..last.clone()
    };
    assert_eq!(of_others, Agent::new(last.id.clone()), "nothing else is shown");
}

#[test]
fn the_documents_filtered_example_reads_the_same_way() {
    let (agents, total) = read(FILTERED);
    let names: Vec<_> = agents.iter().map(|agent| agent.name.as_deref().unwrap()).collect();
    assert_eq!((names, total), (vec!["Mira Sample", "Noah Sample"], Some(2)));
    assert_eq!(agents[1].active, Some(false));
    assert_eq!(agents[1].updated_at, Some(Timestamp::from_millis(1_552_383_238_374)));
}

#[test]
fn the_order_that_the_document_claims_is_not_that_of_its_own_example() {
    // `createdAt:ASC`, and the second one is older.
    let (agents, _) = read(FILTERED);
    assert!(agents[0].created_at > agents[1].created_at);
}

#[test]
fn updated_at_is_not_the_start_of_a_status_and_a_change_lies_between_two_full_scans() {
    let (agents, _) = read(AGENTS);
    // Five rows share one timestamp and have two statuses.
    let stamps = agents[..5].iter().map(|agent| agent.updated_at);
    assert!(stamps.clone().all(|stamp| stamp == agents[0].updated_at));
    assert!(agents.iter().all(|agent| agent.status_updated_at.is_none()));
    let emitted = |state: Option<&_>, agent: &Agent| {
        roster_row(state, agent, StatusSource::Roster, &context())
    };
    let before = emitted(None, &agents[3]).state;
    let mut busy = agents[3].clone();
    busy.status = read(&AGENTS.replace("\"ACTIVE\"", "\"BUSY\"")).0[3].status.clone();
    busy.updated_at = Some(Timestamp::from_millis(1_772_366_399_500));
    let drafts = emitted(Some(&before), &busy).drafts;
    assert_eq!(drafts.len(), 1);
    let Body::AgentStatusChanged(change) = &drafts[0].body else { panic!("{drafts:?}") };
    assert_eq!(change.current.presence, Presence::Busy);
    assert_eq!(drafts[0].occurrence.precision, Precision::Bounded);
    // A new `updatedAt` alone is no change.
    let mut rewritten = busy.clone();
    rewritten.updated_at = Some(Timestamp::from_millis(1_772_366_399_900));
    let held = emitted(Some(&before), &busy).state;
    assert_eq!(emitted(Some(&held), &rewritten).drafts, []);
}

#[test]
fn enabled_is_activation_and_name_and_role_are_updates() {
    let (agents, _) = read(AGENTS);
    let emitted = |state: Option<&_>, agent: &Agent| {
        roster_row(state, agent, StatusSource::Roster, &context())
    };
    let state = emitted(None, &agents[0]).state;
    let mut next = agents[0].clone();
    next.active = Some(false);
    next.name = Some(String::from("Mira Example"));
    next.roles = vec![String::from("SUPERVISOR")];
    let drafts = emitted(Some(&state), &next).drafts;
    let names: Vec<_> = drafts.iter().map(|draft| draft.body.event_type().as_str()).collect();
    assert_eq!(names, ["AgentUpdated", "AgentDeactivated"]);
    let Body::AgentUpdated(update) = &drafts[0].body else { panic!("{drafts:?}") };
    assert_eq!(update.changed, ["name", "roles"]);
}

#[test]
fn times_are_read_with_and_without_a_colon_in_their_offset() {
    let at = |text: &str| {
        let row = serde_json::json!({"id": "A", "createdAt": text});
        mapping::agent(&Fields::of(&row).unwrap(), &mut Vec::new()).unwrap().created_at
    };
    let expected = Some(Timestamp::from_millis(1_557_474_323_777));
    for text in [
        "2019-05-10T07:45:23.777+0000",
        "2019-05-10T07:45:23.777+00:00",
        "2019-05-10T07:45:23.777Z",
        "2019-05-10T09:45:23.777+0200",
    ] {
        assert_eq!(at(text), expected, "{text}");
    }
}

#[test]
fn statuses_and_roles_that_no_table_knows_pass_through_and_are_counted() {
    let row = serde_json::json!({"id": "A", "status": "ON_BREAK", "role": "ADMIN"});
    let mut unknown = Vec::new();
    let agent = mapping::agent(&Fields::of(&row).unwrap(), &mut unknown).unwrap();
    let status = agent.status.unwrap();
    assert_eq!((status.id.as_str(), status.presence), ("ON_BREAK", Presence::Other));
    assert_eq!(agent.roles, ["ADMIN"]);
    let fields: Vec<_> = unknown.iter().map(|value| value.field).collect();
    assert_eq!(fields, ["agent.status", "agent.role"]);
}
