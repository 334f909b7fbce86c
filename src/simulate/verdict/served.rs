//! What the vendor does not record: everything that was served has to be published, in its order.

use std::collections::BTreeSet;

use serde_json::Value;

use super::judge::{History, Judge};
use super::published::{Histories, Published};
use crate::simulate::json::{rows, text};
use crate::simulate::served::Served;
use crate::simulate::truth::Truth;

/// The roster, after-call work, hold and removals of agents.
pub(super) fn agents(
    truth: &Truth,
    published: &[Published],
    histories: &Histories<'_>,
    judge: &mut Judge,
) {
    for (id, versions) in &truth.served_agents {
        let events = histories.of("agent", id, &["AgentAdded", "AgentUpdated"]);
        let published: Vec<_> = events.map(|event| agent_facts(&event.value["after"])).collect();
        let history = History { kind: "roster", of: &format!("agent {id}") };
        judge.history(history, None, versions, &published, |known, row| {
            // Every difference is published; only some facts are compared.
            let shown = row.to_string();
            let expected = (known.as_ref() != Some(&shown)).then(|| agent_facts(row));
            (Some(shown), expected)
        });
    }
    for (kind, changes, begun, ended) in [
        ("wrap-up", &truth.served_wrap_ups, "AgentWrapUpStarted", "AgentWrapUpEnded"),
        ("hold", &truth.served_holds, "AgentHoldStarted", "AgentHoldEnded"),
    ] {
        for (id, changes) in changes {
            let events = histories.of("agent", id, &[begun, ended]);
            let published: Vec<_> = events.map(|event| event.event_type.clone()).collect();
            let history = History { kind, of: &format!("agent {id}") };
            judge.history(history, false, changes, &published, |known, on| {
                let expected = (known != on).then(|| String::from(if *on { begun } else { ended }));
                (*on, expected)
            });
        }
    }
    removals(truth, published, judge);
}

/// Agents who left. An agent that left before they were ever served need not be published.
fn removals(truth: &Truth, published: &[Published], judge: &mut Judge) {
    let removed = published.iter().filter(|event| event.event_type == "AgentRemoved");
    let removed: Vec<_> = removed.map(|event| text(&event.value["meta"]["entity_id"])).collect();
    let is_published = |id: &&String| removed.contains(*id);
    let mut left: Vec<_> = truth
        .removed_agents
        .iter()
        .filter(|id| match truth.served_agents.get(*id) {
            Some(served) => served.is_certain() || is_published(id),
            None => false,
        })
        .cloned()
        .collect();
    left.sort();
    let left: Served<String> = left.into_iter().collect();
    let mut removed = removed;
    removed.sort();
    let history = History { kind: "removals", of: "all agents" };
    judge.history(history, (), &left, &removed, |(), id| ((), Some(id.clone())));
}

/// The compared facts of a roster row, in one form for the vendor's row and the event's.
fn agent_facts(row: &Value) -> String {
    let teams: Vec<_> = rows(row, "teams").map(|team| text(&team["id"])).collect();
    let roles: BTreeSet<_> = rows(row, "roles").map(text).collect();
    format!(
        "{} {} {} {} {teams:?} {roles:?}",
        text(&row["location"]),
        text(&row["agent_number"]),
        row["online"],
        row["call_count"],
    )
}

/// Queues, teams and statuses: added, updated, removed.
pub(super) fn definitions(truth: &Truth, histories: &Histories<'_>, judge: &mut Judge) {
    for ((kind, id), versions) in &truth.served_records {
        let (row, [added, updated, removed]) = match *kind {
            "queue" => ("queues", ["QueueAdded", "QueueUpdated", "QueueRemoved"]),
            "team" => ("teams", ["TeamAdded", "TeamUpdated", "TeamRemoved"]),
            _ => (
                "status definitions",
                ["StatusDefinitionAdded", "StatusDefinitionUpdated", "StatusDefinitionRemoved"],
            ),
        };
        let events = histories.of(kind, id, &[added, updated, removed]);
        let published = events.map(|event| {
            if event.event_type == removed {
                return event.event_type.clone();
            }
            format!("{} {}", event.event_type, definition_facts(kind, &event.value["after"]))
        });
        let published: Vec<_> = published.collect();
        let history = History { kind: row, of: &format!("{kind} {id}") };
        judge.history(history, None, versions, &published, |known: &Option<String>, version| {
            let facts = definition_facts(kind, version);
            let gone = version["deleted"] == true;
            let expected = match known {
                None if !gone => Some(format!("{added} {facts}")),
                Some(_) if gone => Some(String::from(removed)),
                Some(before) if *before != facts => Some(format!("{updated} {facts}")),
                _ => None,
            };
            ((!gone).then_some(facts), expected)
        });
    }
}

/// The compared facts, in one form for the vendor's row and the event's. The members of a team
/// that serves a queue are a fact of the team.
fn definition_facts(kind: &str, row: &Value) -> String {
    let assignee = |row: &Value| text(&row["assignee"]["id"]);
    match kind {
        "queue" => format!(
            "{} {} {} {:?}",
            text(&row["name"]),
            row["position"],
            text(&row["menu_type"]),
            rows(row, "agent_assignments").map(assignee).collect::<Vec<_>>()
        ),
        "team" => format!(
            "{} {} {} {:?}",
            text(&row["name"]),
            text(&row["parent_id"]),
            row["agents_count"],
            rows(row, "assignees").map(|person| text(&person["id"])).collect::<Vec<_>>()
        ),
        _ => format!("{} {} {}", text(&row["name"]), text(&row["color"]), text(&row["wfm_id"])),
    }
}

/// Queue depths and service levels.
pub(super) fn queues(truth: &Truth, histories: &Histories<'_>, judge: &mut Judge) {
    for (path, depths) in &truth.served_depths {
        let events = histories.of("queue_path", path, &["QueueDepthChanged"]);
        let published: Vec<_> = events.map(|event| event.value["depth"].to_string()).collect();
        let history = History { kind: "queue depth", of: path };
        judge.history(history, 0, depths, &published, |known, depth| {
            (*depth, (known != depth).then(|| depth.to_string()))
        });
    }
    for (of, levels) in &truth.served_levels {
        let (kind, id) = of.split_once(' ').unwrap_or_default();
        let events = histories.of(kind, id, &["ServiceLevelChanged"]);
        let published: Vec<_> = events.map(|event| level(&event.value["current"])).collect();
        let history = History { kind: "service levels", of };
        judge.history(history, level(&Value::Null), levels, &published, |known, value| {
            let now = level(value);
            let expected = (*known != now).then(|| now.clone());
            (now, expected)
        });
    }
    for (kind, id) in histories.entities(&["QueueDepthChanged", "ServiceLevelChanged"]) {
        let served = truth.served_depths.contains_key(id)
            || truth.served_levels.contains_key(&format!("{kind} {id}"));
        if !served {
            judge.problem(format!("invented: of {kind} {id}, which was never served"));
        }
    }
}

/// A level as text: null differs from 0, and 0 equals 0.0.
fn level(value: &Value) -> String {
    value.as_f64().map_or_else(|| String::from("nothing"), |percent| format!("{percent:.1}"))
}
