//! Directories of agents: the vendor records nothing, so that everything is compared with what was
//! served. What an answer showed has to be published, in its order; what only an uncertain row
//! showed may be published or not; anything else is invented.

use serde_json::Value;

use super::judge::{History, Judge};
use super::published::{Histories, Published, entity};
use crate::simulate::json::{rows, text};
use crate::simulate::served::Served;
use crate::simulate::system::System;
use crate::simulate::truth::{AgentView, DirectoryTruth};

/// The rows of the table for one system.
struct Kinds {
    roster: &'static str,
    states: &'static str,
    hidden: &'static str,
    switches: &'static str,
    removals: &'static str,
}

macro_rules! kinds {
    ($vendor:literal) => {
        Kinds {
            roster: concat!($vendor, " roster"),
            states: concat!($vendor, " status changes"),
            hidden: concat!($vendor, " hidden changes"),
            switches: concat!($vendor, " activations"),
            removals: concat!($vendor, " removals"),
        }
    };
}

const fn kinds(system: System) -> Kinds {
    match system {
        System::Ccai => kinds!("ccai"),
        System::Infobip => kinds!("infobip"),
        System::Maqsam => kinds!("maqsam"),
        System::DeepCall => kinds!("deepcall"),
    }
}

/// The state that is published instead of one that was never served.
const UNSEEN: &str = "unknown OTHER";
/// Personal facts, which privacy settings may leave out.
const PERSONAL: &[&str] = &["name", "email", "phone", "destination"];

/// The error of the bridge's estimate of the vendor's clock, whose header has whole seconds.
const CLOCK_ERROR_MILLIS: i64 = 1_500;

/// Compares what was published of a directory with its truth.
pub(super) fn judge(
    system: System,
    truth: &DirectoryTruth,
    published: &[Published],
    judge: &mut Judge,
) {
    let kinds = kinds(system);
    let histories = Histories::new(published);
    // No event has a name when the privacy settings drop personal fields.
    let named = published.iter().any(|event| event.value["after"]["name"].is_string());
    for (id, served) in &truth.served {
        roster(kinds.roster, id, served, &histories, named, judge);
        switches(kinds.switches, truth, id, served, &histories, judge);
        states(&kinds, truth, id, served, &histories, judge);
        first_and_last(id, &histories, judge);
    }
    removals(truth, &kinds, &histories, judge);
    for event in published {
        let known = match event.event_type.as_str() {
            "Watermark" | "RecordQuarantined" => true,
            "AgentAdded" | "AgentUpdated" | "AgentRemoved" | "AgentActivated"
            | "AgentDeactivated" | "AgentStatusChanged" => {
                entity(event).is_some_and(|(_, id)| truth.served.contains_key(id))
            }
            _ => false,
        };
        if !known {
            judge.problem(format!("invented: {} of {}", event.event_type, event.key));
        }
    }
}

/// The facts of an agent: added by the first row, and updated by each different one.
fn roster(
    kind: &'static str,
    id: &str,
    served: &Served<AgentView>,
    histories: &Histories<'_>,
    named: bool,
    judge: &mut Judge,
) {
    let Some(first) = served.versions().next() else { return };
    let published = histories.of("agent", id, &["AgentAdded", "AgentUpdated"]).map(|event| {
        let facts = event_facts(&first.value, &event.value["after"], named);
        format!("{} {facts}", event.event_type)
    });
    let published: Vec<_> = published.collect();
    let history = History { kind, of: &format!("agent {id}") };
    judge.history(history, None, served, &published, |known: &Option<String>, view| {
        if view.deleted {
            return (known.clone(), None);
        }
        let facts = view_facts(view, named);
        let expected = match known {
            None => Some(format!("AgentAdded {facts}")),
            Some(known) if *known != facts => Some(format!("AgentUpdated {facts}")),
            Some(_) => None,
        };
        (Some(facts), expected)
    });
}

/// Whether the account of an agent is active. The first value is not a change.
fn switches(
    kind: &'static str,
    truth: &DirectoryTruth,
    id: &str,
    served: &Served<AgentView>,
    histories: &Histories<'_>,
    judge: &mut Judge,
) {
    let events: Vec<_> =
        histories.of("agent", id, &["AgentActivated", "AgentDeactivated"]).collect();
    for event in &events {
        let active = event.event_type == "AgentActivated";
        let visible_since =
            |view: &AgentView| (view.active == active).then_some(view.active_visible_since);
        check_window(event, served, visible_since, truth, judge);
    }
    let published: Vec<_> = events.iter().map(|event| event.event_type.clone()).collect();
    let history = History { kind, of: &format!("agent {id}") };
    judge.history(history, None, served, &published, |known, view| {
        if view.deleted {
            return (*known, None);
        }
        let name = if view.active { "AgentActivated" } else { "AgentDeactivated" };
        let expected = known.is_some_and(|known| known != view.active).then(|| String::from(name));
        (Some(view.active), expected)
    });
}

/// The states of one agent: each by its name, and with its start where that was served.
fn states(
    kinds: &Kinds,
    truth: &DirectoryTruth,
    id: &str,
    served: &Served<AgentView>,
    histories: &Histories<'_>,
    judge: &mut Judge,
) {
    let events: Vec<_> = histories.of("agent", id, &["AgentStatusChanged"]).collect();
    let has_start = |view: &AgentView| matches!(view.state, Some((_, Some(_))));
    let stamped = served.versions().any(|version| has_start(&version.value));
    let published: Vec<_> = events
        .iter()
        .map(|event| {
            let current = &event.value["current"];
            let state = format!("{} {}", text(&current["id"]), text(&current["presence"]));
            if stamped && state != UNSEEN {
                format!("{state} at {}", event.value["meta"]["occurred_at"])
            } else {
                state
            }
        })
        .collect();
    let has_state = served.versions().any(|version| version.value.state.is_some());
    if has_state || !published.is_empty() {
        let history = History { kind: kinds.states, of: &format!("agent {id}") };
        let explained = judge.history(
            history,
            None,
            served,
            &published,
            |known: &Option<PublishedState>, view| next_state(known.as_ref(), view),
        );
        let unseen = published.iter().filter(|change| *change == UNSEEN).count();
        if explained && unseen > 0 {
            judge.add_published(kinds.hidden, unseen);
        }
    }
    let mut before = Value::Null;
    for event in events {
        let (previous, meta) = (&event.value["previous"]["id"], &event.value["meta"]);
        if *previous != before {
            judge.problem(format!("agent {id} was in {before} and not in {previous}"));
        }
        before = event.value["current"]["id"].clone();
        let (at, after) = (meta["occurred_at"].as_i64(), meta["occurred_after"].as_i64());
        if after.is_some_and(|after| at.is_none_or(|at| at < after)) {
            judge.problem(format!("agent {id}: {before} between {after:?} and {at:?}"));
        }
        if before != "unknown" {
            let visible_since = |view: &AgentView| {
                let (state, _) = view.state.as_ref()?;
                (before == state.as_str()).then_some(view.state_visible_since)
            };
            check_window(event, served, visible_since, truth, judge);
        }
        let live = meta["origin"] == "LIVE" && stamped && before != "unknown";
        if let (true, Some(at), Some(observed)) = (live, at, meta["observed_at"].as_i64()) {
            judge.delay(kinds.states, observed - (at - truth.clock_offset_millis));
        }
    }
}

type PublishedState = (String, Option<i64>);

/// The state after a row, and what has to be published.
fn next_state(
    known: Option<&PublishedState>,
    view: &AgentView,
) -> (Option<PublishedState>, Vec<String>) {
    let Some((state, since)) = view.state.as_ref().filter(|_| !view.deleted) else {
        return (known.cloned(), Vec::new());
    };
    let change = match since {
        Some(since) => format!("{state} {} at {since}", presence(state)),
        None => format!("{state} {}", presence(state)),
    };
    let expected = match known {
        Some((before, _)) if before != state => vec![change],
        // Away and back between two polls.
        Some((_, before)) if before < since => vec![String::from(UNSEEN), change],
        Some(_) => Vec::new(),
        None => vec![change],
    };
    (view.state.clone(), expected)
}

/// A change that is published as being between two polls became visible, at one of these times,
/// after the earlier poll and before it was observed.
fn check_window(
    event: &Published,
    served: &Served<AgentView>,
    visible_since: impl Fn(&AgentView) -> Option<i64>,
    truth: &DirectoryTruth,
    judge: &mut Judge,
) {
    let meta = &event.value["meta"];
    let after = meta["occurred_after"].as_i64();
    let (Some(after), Some(observed)) = (after, meta["observed_at"].as_i64()) else { return };
    // There is no such time where another person had the agent's id.
    let views: Vec<_> = served.versions().map(|version| &version.value).collect();
    if views.iter().any(|view| view.of_other_person) {
        return;
    }
    let until = observed + truth.clock_offset_millis + CLOCK_ERROR_MILLIS;
    let is_between = |time: i64| after <= time + CLOCK_ERROR_MILLIS && time <= until;
    let times: Vec<_> =
        views.into_iter().filter(|view| !view.deleted).filter_map(visible_since).collect();
    if !times.iter().copied().any(is_between) {
        let of = format!("{} of {}", event.event_type, event.key);
        let times: Vec<_> = times.into_iter().map(|time| time - after).collect();
        judge.problem(format!("not between the polls: {of}: visible {times:?} ms after the first"));
    }
}

/// `AgentAdded` is the first event of an agent, and nothing follows `AgentRemoved`.
fn first_and_last(id: &str, histories: &Histories<'_>, judge: &mut Judge) {
    let types = [
        "AgentAdded",
        "AgentUpdated",
        "AgentStatusChanged",
        "AgentActivated",
        "AgentDeactivated",
        "AgentRemoved",
    ];
    let published: Vec<_> =
        histories.of("agent", id, &types).map(|event| &event.event_type).collect();
    let begins = published.first().is_none_or(|first| *first == "AgentAdded");
    let ended = published.iter().position(|name| *name == "AgentRemoved");
    if !begins || ended.is_some_and(|index| index + 1 < published.len()) {
        judge.problem(format!("not from added to removed: agent {id}: {published:?}"));
    }
}

/// `AgentRemoved` is published of every agent who left and was served before, and of no other.
fn removals(truth: &DirectoryTruth, kinds: &Kinds, histories: &Histories<'_>, judge: &mut Judge) {
    for (id, served) in &truth.served {
        let events = histories.of("agent", id, &["AgentRemoved"]);
        let published: Vec<_> = events.map(|event| event.event_type.clone()).collect();
        let not_deleted = || served.versions().filter(|version| !version.value.deleted);
        let certainly = not_deleted().any(|version| !version.uncertain);
        let possibly = not_deleted().next().is_some() && !published.is_empty();
        let left = truth.removed.contains(id) && (certainly || possibly);
        if left || !published.is_empty() {
            let served: Served<_> =
                left.then(|| String::from("AgentRemoved")).into_iter().collect();
            let history = History { kind: kinds.removals, of: &format!("agent {id}") };
            judge.history(history, (), &served, &published, |(), name| ((), Some(name.clone())));
        }
    }
}

fn is_compared(name: &str, named: bool) -> bool {
    named || !PERSONAL.contains(&name)
}

/// The compared facts of a view.
fn view_facts(view: &AgentView, named: bool) -> String {
    let facts = view.facts.iter().filter(|(name, _)| is_compared(name, named));
    facts.map(|(name, fact)| format!("{name}={fact}")).collect::<Vec<_>>().join(" ")
}

/// The same facts of an event: those that the view has.
fn event_facts(view: &AgentView, after: &Value, named: bool) -> String {
    let names = view.facts.keys();
    let facts = names.filter(|name| is_compared(name, named)).map(|name| {
        let fact = match *name {
            "roles" => rows(after, "roles").map(text).collect::<Vec<_>>().join(", "),
            "numbers" => rows(after, "allowed_dids").map(text).collect::<Vec<_>>().join(", "),
            "hours" => rows(after, "working_hours")
                .map(|hours| format!("{} to {}", hours["from"], hours["to"]))
                .collect::<Vec<_>>()
                .join(", "),
            "destination" => {
                let of = &after["destination"];
                format!("{} {}", text(&of["kind"]), text(&of["value"]))
            }
            "groups" => {
                let group = |group: &Value| {
                    text(if group["id"].is_null() { &group["name"] } else { &group["id"] })
                };
                let mut groups: Vec<_> = rows(after, "groups").map(group).collect();
                groups.sort();
                groups.join(", ")
            }
            name => text(&after[name]),
        };
        format!("{name}={fact}")
    });
    facts.collect::<Vec<_>>().join(" ")
}

/// The presence that a state means.
fn presence(state: &str) -> &'static str {
    match state {
        "ACTIVE" | "Available" => "AVAILABLE",
        "BUSY" | "Busy" => "BUSY",
        "AWAY" | "Absent" => "AWAY",
        "INVISIBLE" => "OFFLINE",
        _ => "OTHER",
    }
}
