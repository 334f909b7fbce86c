//! Directories of agents: nothing of them is recorded, so that everything is judged by what was
//! served. What an answer showed has to be told, in its order; what only a doubtful row showed may
//! be told or not; anything else is invented.

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

/// What is told in place of a state that nobody saw.
const UNSEEN: &str = "unknown OTHER";
/// Facts about a person, which privacy settings may leave out.
const PERSONAL: &[&str] = &["name", "email", "phone", "destination"];

/// How far the vendor's clock, by the whole seconds it tells, may be misjudged.
const CLOCK_ERROR_MILLIS: i64 = 1_500;

/// Holds what is told of a directory against its truth.
pub(super) fn judge(
    system: System,
    truth: &DirectoryTruth,
    published: &[Published],
    judge: &mut Judge,
) {
    let kinds = kinds(system);
    let histories = Histories::new(published);
    // Under closed privacy settings no event has a name.
    let named = published.iter().any(|event| event.value["after"]["name"].is_string());
    for (id, served) in &truth.served {
        roster(kinds.roster, id, served, &histories, named, judge);
        switches(kinds.switches, truth, id, served, &histories, judge);
        states(&kinds, truth, id, served, &histories, judge);
        life(id, &histories, judge);
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

/// Who an agent is: added, and updated by each other row.
fn roster(
    kind: &'static str,
    id: &str,
    served: &Served<AgentView>,
    histories: &Histories<'_>,
    named: bool,
    judge: &mut Judge,
) {
    let Some(first) = served.versions().next() else { return };
    let told = histories.of("agent", id, &["AgentAdded", "AgentUpdated"]).map(|event| {
        let facts = event_facts(&first.value, &event.value["after"], named);
        format!("{} {facts}", event.event_type)
    });
    let told: Vec<_> = told.collect();
    let history = History { kind, of: &format!("agent {id}") };
    judge.history(history, None, served, &told, |known: &Option<String>, sight| {
        if sight.deleted {
            return (known.clone(), None);
        }
        let facts = sight_facts(sight, named);
        let news = match known {
            None => Some(format!("AgentAdded {facts}")),
            Some(known) if *known != facts => Some(format!("AgentUpdated {facts}")),
            Some(_) => None,
        };
        (Some(facts), news)
    });
}

/// Whether the account of an agent is switched on. What it is at first is no news.
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
        let seen =
            |sight: &AgentView| (sight.active == active).then_some(sight.active_visible_since);
        window(event, served, seen, truth, judge);
    }
    let told: Vec<_> = events.iter().map(|event| event.event_type.clone()).collect();
    let history = History { kind, of: &format!("agent {id}") };
    judge.history(history, None, served, &told, |known, sight| {
        if sight.deleted {
            return (*known, None);
        }
        let name = if sight.active { "AgentActivated" } else { "AgentDeactivated" };
        let news = known.is_some_and(|known| known != sight.active).then(|| String::from(name));
        (Some(sight.active), news)
    });
}

/// The states of one agent: each by its word, and at its start where that was served.
fn states(
    kinds: &Kinds,
    truth: &DirectoryTruth,
    id: &str,
    served: &Served<AgentView>,
    histories: &Histories<'_>,
    judge: &mut Judge,
) {
    let events: Vec<_> = histories.of("agent", id, &["AgentStatusChanged"]).collect();
    let has_start = |sight: &AgentView| matches!(sight.state, Some((_, Some(_))));
    let stamped = served.versions().any(|version| has_start(&version.value));
    let told: Vec<_> = events
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
    if has_state || !told.is_empty() {
        let history = History { kind: kinds.states, of: &format!("agent {id}") };
        let explained =
            judge.history(history, None, served, &told, |known: &Option<State>, sight| {
                next_state(known.as_ref(), sight)
            });
        let unseen = told.iter().filter(|told| *told == UNSEEN).count();
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
            let seen = |sight: &AgentView| {
                let (state, _) = sight.state.as_ref()?;
                (before == state.as_str()).then_some(sight.state_visible_since)
            };
            window(event, served, seen, truth, judge);
        }
        let live = meta["origin"] == "LIVE" && stamped && before != "unknown";
        if let (true, Some(at), Some(observed)) = (live, at, meta["observed_at"].as_i64()) {
            judge.delay(kinds.states, observed - (at - truth.clock_offset_millis));
        }
    }
}

type State = (String, Option<i64>);

/// What is known of a state after a row, and what has to be told.
fn next_state(known: Option<&State>, sight: &AgentView) -> (Option<State>, Vec<String>) {
    let Some((state, since)) = sight.state.as_ref().filter(|_| !sight.deleted) else {
        return (known.cloned(), Vec::new());
    };
    let told = match since {
        Some(since) => format!("{state} {} at {since}", presence(state)),
        None => format!("{state} {}", presence(state)),
    };
    let news = match known {
        Some((before, _)) if before != state => vec![told],
        // Away and back while nobody looked.
        Some((_, before)) if before < since => vec![String::from(UNSEEN), told],
        Some(_) => Vec::new(),
        None => vec![told],
    };
    (sight.state.clone(), news)
}

/// A change that is told to lie between two readings could be seen, at one of these times, after
/// the earlier reading and before it was told.
fn window(
    event: &Published,
    served: &Served<AgentView>,
    seen: impl Fn(&AgentView) -> Option<i64>,
    truth: &DirectoryTruth,
    judge: &mut Judge,
) {
    let meta = &event.value["meta"];
    let after = meta["occurred_after"].as_i64();
    let (Some(after), Some(observed)) = (after, meta["observed_at"].as_i64()) else { return };
    // Of somebody who had another's id, and of the return from that, there is no time.
    let sights: Vec<_> = served.versions().map(|version| &version.value).collect();
    if sights.iter().any(|sight| sight.of_other_person) {
        return;
    }
    let until = observed + truth.clock_offset_millis + CLOCK_ERROR_MILLIS;
    let is_between = |seen: i64| after <= seen + CLOCK_ERROR_MILLIS && seen <= until;
    let seen: Vec<_> = sights.into_iter().filter(|sight| !sight.deleted).filter_map(seen).collect();
    if !seen.iter().copied().any(is_between) {
        let of = format!("{} of {}", event.event_type, event.key);
        let seen: Vec<_> = seen.into_iter().map(|seen| seen - after).collect();
        judge.problem(format!("not between the readings: {of}: seen {seen:?} ms after the first"));
    }
}

/// An agent is added before anything else is told, and nothing is told after the removal.
fn life(id: &str, histories: &Histories<'_>, judge: &mut Judge) {
    let types = [
        "AgentAdded",
        "AgentUpdated",
        "AgentStatusChanged",
        "AgentActivated",
        "AgentDeactivated",
        "AgentRemoved",
    ];
    let told: Vec<_> = histories.of("agent", id, &types).map(|event| &event.event_type).collect();
    let begins = told.first().is_none_or(|first| *first == "AgentAdded");
    let ended = told.iter().position(|name| *name == "AgentRemoved");
    if !begins || ended.is_some_and(|place| place + 1 < told.len()) {
        judge.problem(format!("not from added to removed: agent {id}: {told:?}"));
    }
}

/// Everybody who left and was shown before has to be told as gone, and nobody else.
fn removals(truth: &DirectoryTruth, kinds: &Kinds, histories: &Histories<'_>, judge: &mut Judge) {
    for (id, served) in &truth.served {
        let events = histories.of("agent", id, &["AgentRemoved"]);
        let told: Vec<_> = events.map(|event| event.event_type.clone()).collect();
        let alive = || served.versions().filter(|version| !version.value.deleted);
        let certainly = alive().any(|version| !version.uncertain);
        let possibly = alive().next().is_some() && !told.is_empty();
        let left = truth.removed.contains(id) && (certainly || possibly);
        if left || !told.is_empty() {
            let served: Served<_> =
                left.then(|| String::from("AgentRemoved")).into_iter().collect();
            let history = History { kind: kinds.removals, of: &format!("agent {id}") };
            judge.history(history, (), &served, &told, |(), name| ((), Some(name.clone())));
        }
    }
}

fn is_compared(name: &str, named: bool) -> bool {
    named || !PERSONAL.contains(&name)
}

/// The facts of a sight that are compared.
fn sight_facts(sight: &AgentView, named: bool) -> String {
    let facts = sight.facts.iter().filter(|(name, _)| is_compared(name, named));
    facts.map(|(name, fact)| format!("{name}={fact}")).collect::<Vec<_>>().join(" ")
}

/// The same facts of an event: those that a sight told.
fn event_facts(sight: &AgentView, after: &Value, named: bool) -> String {
    let names = sight.facts.keys();
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

/// What a word for a state means.
fn presence(state: &str) -> &'static str {
    match state {
        "ACTIVE" | "Available" => "AVAILABLE",
        "BUSY" | "Busy" => "BUSY",
        "AWAY" | "Absent" => "AWAY",
        "INVISIBLE" => "OFFLINE",
        _ => "OTHER",
    }
}
