//! What only a reading can show: everything that was served has to be told, in its order.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Histories, Judge, Published, rows, text};
use crate::simulate::world::Truth;

/// The roster, after-call work, hold and removals of agents.
pub(super) fn agents(
    truth: &Truth,
    published: &[Published],
    histories: &Histories<'_>,
    judge: &mut Judge,
) {
    for (id, versions) in &truth.served_agents {
        let events = histories.of("agent", id, &["AgentAdded", "AgentUpdated"]);
        let served: Vec<_> = versions.iter().map(agent_facts).collect();
        let told: Vec<_> = events.map(|event| agent_facts(&event.value["after"])).collect();
        judge.history("roster", &format!("agent {id}"), &served, &told);
    }
    for (kind, flips, begun, ended) in [
        ("wrap-up", &truth.served_wrap_ups, "AgentWrapUpStarted", "AgentWrapUpEnded"),
        ("hold", &truth.served_holds, "AgentHoldStarted", "AgentHoldEnded"),
    ] {
        for (id, flips) in flips {
            let served: Vec<_> =
                flips.iter().map(|on| String::from(if *on { begun } else { ended })).collect();
            let events = histories.of("agent", id, &[begun, ended]);
            let told: Vec<_> = events.map(|event| event.event_type.clone()).collect();
            judge.history(kind, &format!("agent {id}"), &served, &told);
        }
    }
    // One that left before it was ever shown is not missed.
    let shown = |id: &&String| truth.served_agents.contains_key(*id);
    let left: Vec<_> = truth.removed_agents.iter().filter(shown).cloned().collect();
    let removed = published.iter().filter(|event| event.event_type == "AgentRemoved");
    let mut removed: Vec<_> =
        removed.map(|event| text(&event.value["meta"]["entity_id"])).collect();
    removed.sort();
    judge.history("removals", "all agents", &left, &removed);
}

/// The facts of a roster row that are compared, in one form for the vendor's and the event's.
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
        let mut served = Vec::new();
        let mut known: Option<String> = None;
        for version in versions {
            let facts = definition_facts(kind, version);
            let gone = version["deleted"] == true;
            match &known {
                None if !gone => served.push(format!("{added} {facts}")),
                Some(_) if gone => served.push(String::from(removed)),
                Some(before) if *before != facts => served.push(format!("{updated} {facts}")),
                _ => {}
            }
            known = (!gone).then_some(facts);
        }
        let events = histories.of(kind, id, &[added, updated, removed]);
        let told = events.map(|event| {
            if event.event_type == removed {
                return event.event_type.clone();
            }
            format!("{} {}", event.event_type, definition_facts(kind, &event.value["after"]))
        });
        judge.history(row, &format!("{kind} {id}"), &served, &told.collect::<Vec<_>>());
    }
}

/// The facts that are compared, in one form for the vendor's and the event's. Who belongs to a
/// team that serves a queue is the team's fact.
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

/// How many wait, and the service levels.
pub(super) fn queues(truth: &Truth, histories: &Histories<'_>, judge: &mut Judge) {
    for (path, depths) in &truth.served_depths {
        let served: Vec<_> = depths.iter().map(ToString::to_string).collect();
        let events = histories.of("queue_path", path, &["QueueDepthChanged"]);
        let told: Vec<_> = events.map(|event| event.value["depth"].to_string()).collect();
        judge.history("queue depth", path, &served, &told);
    }
    for (of, levels) in &truth.served_levels {
        let (kind, id) = of.split_once(' ').unwrap_or_default();
        let served: Vec<_> = levels.iter().map(level).collect();
        let events = histories.of(kind, id, &["ServiceLevelChanged"]);
        let told: Vec<_> = events.map(|event| level(&event.value["current"])).collect();
        judge.history("service levels", of, &served, &told);
    }
    for (kind, id) in histories.entities(&["QueueDepthChanged", "ServiceLevelChanged"]) {
        let served = truth.served_depths.contains_key(id)
            || truth.served_levels.contains_key(&format!("{kind} {id}"));
        if !served {
            judge.problem(format!("invented: of {kind} {id}, which was never served"));
        }
    }
}

/// Null is not 0, and 0 is 0.0.
fn level(value: &Value) -> String {
    value.as_f64().map_or_else(|| String::from("nothing"), |percent| format!("{percent:.1}"))
}
