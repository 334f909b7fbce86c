//! Directories of agents: what was served has to be published, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::simulate::system::System;
use crate::simulate::truth::{AgentView, DirectoryTruth};

/// A row with this name, switch and state, and the start of the state in seconds after noon.
fn view(name: &str, active: bool, state: &str, since: i64) -> AgentView {
    let facts = [
        ("created_at", noon().to_string()),
        ("email", String::from("isa@example.com")),
        ("groups", String::from("4, 9")),
        ("incoming_enabled", String::from("true")),
        ("name", String::from(name)),
        ("outgoing_enabled", String::from("true")),
        ("whatsapp_enabled", String::from("false")),
    ];
    let state = Some((String::from(state), Some(noon() + since * 1000)));
    let shown = noon() + since * 1000;
    AgentView {
        facts: BTreeMap::from(facts),
        active,
        active_visible_since: shown,
        state,
        state_visible_since: shown,
        ..AgentView::default()
    }
}

/// One agent who is renamed, switched off and on, busy, away between two polls and busy again, and
/// removed; another one with two contradicting rows in one poll.
fn truth() -> Truth {
    let first = Served::from_iter([
        view("Isa Hollin", true, "Available", 1),
        view("Isa Kestrel", false, "Busy", 5),
        view("Isa Kestrel", true, "Busy", 9),
    ]);
    let mut second = Served::from_iter([view("Jorn Hollin", true, "Absent", 2)]);
    second.record_uncertain(view("Jorn Hollin", true, "Lunch", 7), Timestamp::default());
    second.record(view("Jorn Hollin", true, "Available", 8), Timestamp::default());
    let served = BTreeMap::from([(String::from("7001"), first), (String::from("agent-2"), second)]);
    let removed = BTreeSet::from([String::from("7001"), String::from("never-shown")]);
    let directory = DirectoryTruth { served, removed, ..DirectoryTruth::default() };
    Truth { directories: BTreeMap::from([(System::Maqsam, directory)]), ..Truth::default() }
}

fn row(name: &str) -> Value {
    json!({"name": name, "email": "isa@example.com", "created_at": noon(),
        "groups": [{"id": "9", "name": "Nine"}, {"id": "4", "name": null}],
        "incoming_enabled": true, "outgoing_enabled": true, "whatsapp_enabled": false})
}

fn state(id: &str, presence: &str) -> Value {
    json!({"id": id, "name": id, "presence": presence})
}

fn topics() -> Topics {
    let mut topics = Topics(Vec::new(), "maqsam");
    let mut add = |agent: &str, name: &str, seconds: i64, value: Value| {
        topics.add("agents", &format!("agent:{agent}"), name, seconds, value);
    };
    let roster = |name: &str| json!({"after": row(name)});
    let turned =
        |previous: Value, current: Value| json!({"previous": previous, "current": current});
    let (available, busy) = (state("Available", "AVAILABLE"), state("Busy", "BUSY"));
    let (absent, unknown) = (state("Absent", "AWAY"), state("unknown", "OTHER"));
    add("7001", "AgentAdded", 3, roster("Isa Hollin"));
    add("7001", "AgentStatusChanged", 1, turned(Value::Null, available.clone()));
    add("agent-2", "AgentAdded", 3, roster("Jorn Hollin"));
    add("agent-2", "AgentStatusChanged", 2, turned(Value::Null, absent.clone()));
    add("7001", "AgentUpdated", 6, roster("Isa Kestrel"));
    add("7001", "AgentDeactivated", 6, json!({}));
    add("7001", "AgentStatusChanged", 5, turned(available.clone(), busy.clone()));
    add("7001", "AgentActivated", 10, json!({}));
    add("7001", "AgentStatusChanged", 9, turned(busy.clone(), unknown.clone()));
    add("7001", "AgentStatusChanged", 9, turned(unknown, busy));
    add("agent-2", "AgentStatusChanged", 8, turned(absent, available));
    add("7001", "AgentRemoved", 12, json!({"after": null}));
    topics
}

#[test]
fn a_directory_that_is_published_as_it_was_served_passes() {
    let verdict = judge(&truth(), &topics().0);
    assert!(verdict.passed(), "{verdict}");
    let row = |kind| verdict.rows.iter().find(|row| row.kind == kind).unwrap().facts;
    assert_eq!(row("maqsam roster"), 3);
    assert_eq!(row("maqsam activations"), 2);
    // Two of them are the hidden change; one was uncertain, and is not published.
    assert_eq!(row("maqsam status changes"), 7);
    assert_eq!(row("maqsam hidden changes"), 1);
    assert_eq!(row("maqsam removals"), 1);
}

#[test]
fn each_event_of_a_directory_that_is_left_out_is_missed() {
    let all = topics();
    for event in &all.0 {
        let left = all.without(|other| other.offset == event.offset);
        let name = &event.event_type;
        assert!(!problems(&truth(), &left).is_empty(), "{name} of {}", event.key);
    }
}

#[test]
fn each_event_of_a_directory_that_comes_twice_is_noticed() {
    let all = topics();
    for event in &all.0 {
        let mut more = all.clone();
        let (_, entity) = event.key.split_once(':').unwrap();
        let seconds = (event.value["meta"]["occurred_at"].as_i64().unwrap() - noon()) / 1000;
        more.add(&event.topic, entity, &event.event_type, seconds, event.value.clone());
        assert!(!problems(&truth(), &more).is_empty(), "{} of {}", event.event_type, event.key);
    }
}

#[test]
fn each_event_of_a_directory_that_is_swapped_with_the_next_one_of_its_agent_is_noticed() {
    let all = topics();
    for agent in ["acme:agent:7001", "acme:agent:agent-2"] {
        let places: Vec<_> = (0..all.0.len()).filter(|at| all.0[*at].key == agent).collect();
        for pair in places.windows(2) {
            let mut wrong = all.clone();
            let (left, right) = (pair[0], pair[1]);
            let offset = wrong.0[left].offset;
            wrong.0[left].offset = wrong.0[right].offset;
            wrong.0[right].offset = offset;
            assert!(!problems(&truth(), &wrong).is_empty(), "{}", all.0[left].event_type);
        }
    }
}

#[test]
fn a_state_at_another_time_or_with_another_meaning_is_noticed() {
    let all = topics();
    for (place, event) in all.0.iter().enumerate() {
        if event.event_type != "AgentStatusChanged" || event.value["current"]["id"] == "unknown" {
            continue;
        }
        let mut wrong = all.clone();
        wrong.0[place].value["meta"]["occurred_at"] = json!(noon() - 1);
        assert!(!problems(&truth(), &wrong).is_empty(), "{place} at another time");
        for (side, field, value) in [
            ("current", "presence", "BREAK"),
            ("current", "id", "Elsewhere"),
            ("previous", "id", "Elsewhere"),
        ] {
            let mut wrong = all.clone();
            if wrong.0[place].value[side].is_null() {
                wrong.0[place].value[side] = json!({});
            }
            wrong.0[place].value[side][field] = json!(value);
            assert!(!problems(&truth(), &wrong).is_empty(), "{place} with another {side} {field}");
        }
    }
    let mut wrong = all.clone();
    wrong.0[8].value["meta"]["occurred_after"] = json!(noon() + 9_001);
    assert!(!problems(&truth(), &wrong).is_empty(), "a window that ends before it begins");
}

#[test]
fn a_change_is_between_a_poll_that_did_not_show_it_and_one_that_did() {
    let between = |after: i64, observed: i64| {
        let mut published = topics();
        let meta = &mut published.0[5].value["meta"];
        meta["occurred_after"] = json!(noon() + after);
        meta["observed_at"] = json!(noon() + observed);
        problems(&truth(), &published)
    };
    assert_eq!(between(4_000, 6_000), [""; 0]);
    let wrong = "not between the polls: AgentDeactivated of acme:agent:7001: visible";
    // It became visible five seconds after noon.
    let later = "[-1600] ms after the first";
    assert_eq!(between(6_600, 7_000), [format!("{wrong} {later}")]);
    let earlier = "[4000] ms after the first";
    assert_eq!(between(1_000, 3_000), [format!("{wrong} {earlier}")]);
}

#[test]
fn what_no_row_showed_is_reported_as_invented() {
    let mut more = topics();
    more.add("agents", "agent:9", "AgentAdded", 3, json!({"after": row("Nobody")}));
    assert_eq!(problems(&truth(), &more), ["invented: AgentAdded of acme:agent:9"]);
    let mut more = topics();
    more.add("agents", "agent:agent-2", "AgentWrapUpStarted", 3, json!({}));
    assert_eq!(problems(&truth(), &more), ["invented: AgentWrapUpStarted of acme:agent:agent-2"]);
    // Still there.
    let mut more = topics();
    more.add("agents", "agent:agent-2", "AgentRemoved", 30, json!({"after": null}));
    assert!(!problems(&truth(), &more).is_empty());
    // The name of another person.
    let mut more = topics();
    more.add("agents", "agent:agent-2", "AgentUpdated", 30, json!({"after": row("Somebody Else")}));
    assert!(!problems(&truth(), &more).is_empty());
}

#[test]
fn what_only_an_uncertain_row_showed_may_be_published_or_not() {
    let mut published = topics();
    let (lunch, absent) = (state("Lunch", "OTHER"), state("Absent", "AWAY"));
    let back = published.0.remove(10);
    let gone = published.0.remove(10);
    let to_lunch = json!({"previous": absent, "current": lunch});
    published.add("agents", "agent:agent-2", "AgentStatusChanged", 7, to_lunch);
    let mut back = back.value;
    back["previous"] = lunch;
    published.add("agents", "agent:agent-2", "AgentStatusChanged", 8, back);
    published.add("agents", "agent:7001", "AgentRemoved", 12, gone.value);
    assert_eq!(problems(&truth(), &published), [""; 0]);
}

#[test]
fn a_new_name_is_no_change_when_names_are_not_published() {
    let mut closed = topics().without(|event| event.value["after"]["name"] == "Isa Kestrel");
    for event in &mut closed.0 {
        if event.value["after"].is_object() {
            event.value["after"]["name"] = Value::Null;
            event.value["after"]["email"] = Value::Null;
        }
    }
    assert_eq!(problems(&truth(), &closed), [""; 0]);
}

#[test]
fn an_agent_that_was_deleted_before_it_was_served_is_no_change() {
    let mut truth = truth();
    let directory = truth.directories.get_mut(&System::Maqsam).unwrap();
    let deleted = AgentView { deleted: true, ..view("Kaia Juniper", true, "Busy", 1) };
    directory.served.insert(String::from("9"), Served::from_iter([deleted.clone()]));
    // An agent that was served before is removed, once.
    directory.served.get_mut("7001").unwrap().record(deleted, Timestamp::default());
    assert_eq!(problems(&truth, &topics()), [""; 0]);
    let mut more = topics();
    more.add("agents", "agent:9", "AgentRemoved", 3, json!({"after": null}));
    assert!(!problems(&truth, &more).is_empty());
}
