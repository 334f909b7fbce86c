//! The verdict: what was recorded and served, held against what was published. It uses the truth
//! and the topics' contents, never the bridge's own word.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use chrono::DateTime;
use serde_json::Value;

use super::server::has_id;
use super::world::Truth;

/// An event as a consumer found it.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The place in the partition.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its type.
    pub event_type: String,
    /// The event as plain JSON; times as milliseconds.
    pub value: Value,
}

/// What became of one kind of fact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerdictRow {
    /// The kind of fact.
    pub kind: &'static str,
    /// How many there were.
    pub facts: usize,
    /// How many of them were published.
    pub published: usize,
    /// How many were not.
    pub missing: usize,
    /// How many were published again.
    pub twice: usize,
    /// Seconds from the true time to our reading of it: the median.
    pub p50: Option<f64>,
    /// The same: 95 of 100 were faster.
    pub p95: Option<f64>,
}

/// What became of everything.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// A row for each kind of fact.
    pub rows: Vec<VerdictRow>,
    /// What is wrong, a line each: the first of them.
    pub problems: Vec<String>,
    /// How much is wrong.
    pub problem_count: usize,
    /// How many events there are.
    pub events: usize,
}

impl Verdict {
    /// Whether every fact was published once, in order, and nothing else.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problem_count == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<24} {:>8} {:>10} {:>8} {:>6} {:>7} {:>7}",
            "fact", "recorded", "published", "missing", "twice", "p50", "p95"
        )?;
        let seconds = |value: Option<f64>| {
            value.map_or_else(|| String::from("-"), |value| format!("{value:.1} s"))
        };
        for row in &self.rows {
            writeln!(
                out,
                "{:<24} {:>8} {:>10} {:>8} {:>6} {:>7} {:>7}",
                row.kind,
                row.facts,
                row.published,
                row.missing,
                row.twice,
                seconds(row.p50),
                seconds(row.p95)
            )?;
        }
        for problem in &self.problems {
            writeln!(out, "  {problem}")?;
        }
        if self.problem_count > self.problems.len() {
            writeln!(out, "  and {} more", self.problem_count - self.problems.len())?;
        }
        let verdict = if self.passed() { "nothing missing, nothing twice" } else { "FAILED" };
        write!(out, "{} events: {verdict}", self.events)
    }
}

/// A fact that has to be there: what names it, its stamp, and when it truly happened.
struct Fact {
    kind: &'static str,
    name: String,
    stamp: Option<i64>,
    happened: Option<i64>,
}

/// How many problems are told in full.
const TOLD: usize = 12;

#[derive(Default)]
struct Judge {
    problems: Vec<String>,
    count: usize,
}

impl Judge {
    fn problem(&mut self, text: String) {
        self.count += 1;
        if self.problems.len() < TOLD {
            self.problems.push(text);
        }
    }
}

/// Holds the topics' contents against the truth.
#[must_use]
pub fn judge(truth: &Truth, published: &[Published]) -> Verdict {
    let mut judge = Judge::default();
    let facts = facts(truth);
    let mut found: HashMap<String, Vec<&Published>> = HashMap::new();
    for event in published {
        if let Some(name) = name_of(event) {
            found.entry(name).or_default().push(event);
        }
    }
    let mut rows: BTreeMap<&'static str, (VerdictRow, Vec<f64>)> = BTreeMap::new();
    let known: HashSet<_> = facts.iter().map(|fact| fact.name.clone()).collect();
    for fact in &facts {
        let (row, delays) = rows.entry(fact.kind).or_default();
        row.kind = fact.kind;
        row.facts += 1;
        let events = found.get(&fact.name).map_or(&[][..], Vec::as_slice);
        match events {
            [] => {
                row.missing += 1;
                judge.problem(format!("missing: {}", fact.name));
            }
            [event, again @ ..] => {
                row.published += 1;
                row.twice += again.len();
                if !again.is_empty() {
                    judge.problem(format!("{} times: {}", events.len(), fact.name));
                }
                let meta = &event.value["meta"];
                if let Some(stamp) = fact.stamp
                    && meta["occurred_at"].as_i64() != Some(stamp)
                {
                    judge.problem(format!("at another time than recorded: {}", fact.name));
                }
                if let (Some(happened), Some(observed)) =
                    (fact.happened, meta["observed_at"].as_i64())
                {
                    #[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^52")]
                    delays.push((observed - happened) as f64 / 1000.0);
                }
            }
        }
    }
    for name in found.keys().filter(|name| !known.contains(*name)) {
        if is_invented(truth, name) {
            judge.problem(format!("invented: {name}"));
        }
    }
    served(truth, published, &mut rows, &mut judge);
    order(published, &mut judge);
    let rows = rows.into_values().map(|(mut row, mut delays)| {
        delays.sort_by(f64::total_cmp);
        let at = |part: usize| delays.get((delays.len() * part / 100).min(delays.len().max(1) - 1));
        row.p50 = at(50).copied();
        row.p95 = at(95).copied();
        row
    });
    Verdict {
        rows: rows.collect(),
        problem_count: judge.count,
        problems: judge.problems,
        events: published.len(),
    }
}

fn millis(value: &Value) -> Option<i64> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|time| time.timestamp_millis())
}

fn rows<'v>(record: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    record[name].as_array().into_iter().flatten()
}

fn is_yes(value: &Value) -> bool {
    *value == true || *value == 1
}

/// All facts that were recorded since the first answer.
fn facts(truth: &Truth) -> Vec<Fact> {
    let mut facts = Vec::new();
    let Some(since) = truth.first_answer.map(crate::model::Timestamp::millis) else { return facts };
    let happened = |what: String| truth.happened.get(&what).map(|time| time.millis());
    for row in &truth.activities {
        let stamp = millis(&row["started_at"]);
        if stamp.is_none_or(|stamp| stamp < since) {
            continue;
        }
        let id = row["id"].to_string();
        let kind = match row["activity"].as_str() {
            Some("user_status_changed") => "status changes",
            Some("login" | "logout") => "logins and logouts",
            Some("deltacast_call_missed") => "missed offers",
            _ => "other activities",
        };
        let happened = happened(format!("activity {id}"));
        let activity = row["activity"].as_str().unwrap_or_default();
        let name = match activity {
            "login" | "logout" | "user_status_changed" => format!("{activity} {id}"),
            _ => format!("activity {id}"),
        };
        facts.push(Fact { kind, name, stamp, happened });
    }
    for call in &truth.calls {
        let ended = millis(&call["ends_at"]);
        let moved = millis(&call["updated_at"]);
        if ended.is_some_and(|ended| ended < since) || moved.is_none_or(|moved| moved < since) {
            continue;
        }
        let id = call["id"].to_string();
        let mut add = |kind, name: String, step: String, stamp: Option<i64>| {
            let happened = happened(format!("call {id} {step}")).filter(|time| {
                // What happened before the first look cannot have been seen sooner.
                *time + truth.clock_offset_millis >= since
            });
            facts.push(Fact { kind, name, stamp, happened });
        };
        let steps = "call steps";
        add(steps, format!("CallCreated {id}"), "created".into(), millis(&call["created_at"]));
        if !call["scheduled_at"].is_null() {
            let at = millis(&call["created_at"]);
            add(steps, format!("CallScheduled {id}"), "scheduled".into(), at);
        }
        for (event, step, column) in [
            ("CallQueued", "queued", "queued_at"),
            ("CallAssigned", "assigned", "assigned_at"),
            ("CallConnected", "connected", "connected_at"),
        ] {
            if let Some(at) = millis(&call[column]) {
                add(steps, format!("{event} {id} "), step.into(), Some(at));
            }
        }
        for row in rows(call, "queue_durations") {
            let row_id = &row["id"];
            if is_yes(&row["transfer"]) {
                let at = millis(&row["started_at"]);
                add(steps, format!("CallQueued {id} {row_id}"), format!("queued {row_id}"), at);
            }
            if row["service_level_event"] == "not_in_sla" {
                let (name, at) = (format!("SlaBreached {id} {row_id}"), millis(&row["ended_at"]));
                add("service level breaches", name, format!("breached {row_id}"), at);
            }
        }
        for transfer in rows(call, "transfers") {
            let other = &transfer["id"];
            let at = |column: &str| millis(&transfer[column]);
            let name = format!("CallTransferred {id} {other}");
            add(steps, name, format!("transferred {other}"), at("created_at"));
            if let Some(at) = at("assigned_at") {
                let name = format!("CallAssigned {id} {other}");
                add(steps, name, format!("assigned {other}"), Some(at));
            }
            if let Some(at) = at("connected_at") {
                let name = format!("CallConnected {id} {other}");
                add(steps, name, format!("connected {other}"), Some(at));
            }
        }
        if call["deflection"] != "no_deflection" {
            add(steps, format!("CallDeflected {id}"), "deflected".into(), None);
        }
        let end = match call["status"].as_str() {
            Some("finished") => Some("CallFinished"),
            Some("failed") => Some("CallFailed"),
            Some("voicemail_received" | "voicemail_read") => Some("CallVoicemailReceived"),
            _ => None,
        };
        if let Some(end) = end {
            add("call ends", format!("{end} {id}"), "ended".into(), ended);
        }
        if call["status"] == "voicemail_read" {
            add(steps, format!("CallVoicemailRead {id}"), "voicemail_read".into(), None);
        }
        for row in rows(call, "handle_durations") {
            if row["acw_duration"].as_i64().unwrap_or(0) > 0 {
                let (row_id, at) = (&row["id"], millis(&row["ended_at"]));
                let name = format!("CallWrapUpEnded {id} {row_id}");
                add("after-call work", name, format!("wrap_up {row_id}"), at);
            }
        }
        if !call["rating"].is_null() {
            add("ratings", format!("CallRated {id}"), "rated".into(), None);
        }
    }
    facts
}

/// What fact an event tells; `None` for what only a reading can show.
fn name_of(event: &Published) -> Option<String> {
    let value = &event.value;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let call = || text(&value["meta"]["entity_id"]);
    Some(match event.event_type.as_str() {
        "AgentStatusChanged" | "AgentStatusRecovered" => {
            // Without a row it is the first look's, or a snapshot's that took over.
            format!("user_status_changed {}", value["activity_id"].as_str()?)
        }
        "AgentLoggedIn" => format!("login {}", value["activity_id"].as_str()?),
        "AgentLoggedOut" => format!("logout {}", value["activity_id"].as_str()?),
        "AgentOfferMissed" | "AgentActivityLogged" => {
            format!("activity {}", text(&value["activity"]["id"]))
        }
        "CallQueued" => {
            let row =
                if value["transfer_id"].is_null() { String::new() } else { text(&value["row_id"]) };
            format!("CallQueued {} {row}", call())
        }
        name @ ("CallAssigned" | "CallConnected") => {
            format!("{name} {} {}", call(), text(&value["transfer_id"]))
        }
        "CallTransferred" => {
            format!("CallTransferred {} {}", call(), text(&value["transfer"]["id"]))
        }
        "CallWrapUpEnded" => format!("CallWrapUpEnded {} {}", call(), text(&value["row"]["id"])),
        "SlaBreached" => format!("SlaBreached {} {}", call(), text(&value["row_id"])),
        "CallUpdated" => return None,
        name if name.starts_with("Call") => format!("{name} {}", call()),
        _ => return None,
    })
}

/// Whether nothing that was recorded explains an event. Calls that had ended before the first
/// answer may be told of, too.
fn is_invented(truth: &Truth, name: &str) -> bool {
    let mut words = name.split(' ').skip(1);
    let id = words.next().unwrap_or_default();
    let known_row = truth.activities.iter().any(|row| has_id(row, id));
    let before = truth.calls.iter().any(|call| {
        has_id(call, id)
            && truth.first_answer.is_some_and(|first| {
                millis(&call["ends_at"]).is_some_and(|ended| ended < first.millis())
            })
    });
    !known_row && !before
}

/// What only a reading can show: everything that was served has to be there, in its order.
fn served(
    truth: &Truth,
    published: &[Published],
    rows: &mut BTreeMap<&'static str, (VerdictRow, Vec<f64>)>,
    judge: &mut Judge,
) {
    let mut by_agent: BTreeMap<String, Vec<&Published>> = BTreeMap::new();
    for event in published {
        if let Some(id) = event.key.split(':').nth(2).filter(|_| event.key.contains(":agent:")) {
            by_agent.entry(id.to_owned()).or_default().push(event);
        }
    }
    for events in by_agent.values_mut() {
        events.sort_by_key(|event| event.offset);
    }
    let no_events = Vec::new();
    let mut compare = |kind: &'static str, id: &str, expected: &[String], found: &[String]| {
        let (row, _) = rows.entry(kind).or_default();
        row.kind = kind;
        row.facts += expected.len();
        if expected == found {
            row.published += expected.len();
        } else {
            let there = found.len().min(expected.len());
            row.published += there;
            row.missing += expected.len() - there;
            row.twice += found.len() - there;
            judge.problem(format!("{kind} of agent {id}: served {expected:?}, told {found:?}"));
        }
    };
    for (id, versions) in &truth.served_agents {
        let events = by_agent.get(id).unwrap_or(&no_events);
        let of_roster = |event: &&&Published| {
            matches!(event.event_type.as_str(), "AgentAdded" | "AgentUpdated")
        };
        let expected: Vec<_> = versions.iter().map(roster_facts).collect();
        let told: Vec<_> = events
            .iter()
            .filter(of_roster)
            .map(|event| roster_facts(&event.value["after"]))
            .collect();
        compare("roster", id, &expected, &told);
    }
    for (kind, flips, begun, ended) in [
        ("wrap-up", &truth.served_wrap_ups, "AgentWrapUpStarted", "AgentWrapUpEnded"),
        ("hold", &truth.served_holds, "AgentHoldStarted", "AgentHoldEnded"),
    ] {
        for (id, flips) in flips {
            let expected: Vec<_> =
                flips.iter().map(|on| String::from(if *on { begun } else { ended })).collect();
            let events = by_agent.get(id).unwrap_or(&no_events).iter();
            let names = events.map(|event| event.event_type.clone());
            let told: Vec<_> = names.filter(|name| name == begun || name == ended).collect();
            compare(kind, id, &expected, &told);
        }
    }
    let removed: BTreeSet<_> = published
        .iter()
        .filter(|event| event.event_type == "AgentRemoved")
        .map(|event| event.value["meta"]["entity_id"].as_str().unwrap_or_default().to_owned())
        .collect();
    // One that left before it was ever shown is not missed.
    let shown = |id: &&String| truth.served_agents.contains_key(*id);
    let expected: Vec<_> = truth.removed_agents.iter().filter(shown).cloned().collect();
    let found: Vec<_> = removed.into_iter().collect();
    compare("removals", "(all)", &expected, &found);
}

/// The facts of a roster row that are compared, in one form for the vendor's and the event's.
fn roster_facts(row: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
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

/// Revisions and sequences without a gap, keys in one partition, ids once.
fn order(published: &[Published], judge: &mut Judge) {
    let mut ids = HashSet::new();
    let mut revisions: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    // Partition, offset, revision.
    type Place = (i32, i64, i64);
    let mut in_topic: BTreeMap<(&str, &str), Vec<Place>> = BTreeMap::new();
    let mut sequences: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    for event in published {
        let meta = &event.value["meta"];
        if !ids.insert(meta["event_id"].as_str().unwrap_or_default()) {
            judge.problem(format!("event id twice: {} of {}", event.event_type, event.key));
        }
        let revision = meta["revision"].as_i64().unwrap_or(0);
        revisions.entry(&event.key).or_default().push(revision);
        in_topic.entry((&event.topic, &event.key)).or_default().push((
            event.partition,
            event.offset,
            revision,
        ));
        let account = meta["account"].as_str().unwrap_or_default();
        let sequence = meta["sequence"].as_i64().unwrap_or(0);
        sequences.entry((account, &event.topic)).or_default().push(sequence);
    }
    let gapless = |numbers: &mut Vec<i64>| {
        numbers.sort_unstable();
        numbers.iter().copied().eq(1..=i64::try_from(numbers.len()).unwrap_or(0))
    };
    for (key, mut numbers) in revisions {
        if !gapless(&mut numbers) {
            judge.problem(format!("revisions with a gap: {key}"));
        }
    }
    for ((account, topic), mut numbers) in sequences {
        if !gapless(&mut numbers) {
            judge.problem(format!("sequence with a gap: {account} on {topic}"));
        }
    }
    for ((topic, key), mut places) in in_topic {
        places.sort_by_key(|(_, offset, _)| *offset);
        let one_partition = places.iter().all(|(partition, _, _)| *partition == places[0].0);
        if !one_partition || !places.iter().map(|(_, _, revision)| revision).is_sorted() {
            judge.problem(format!("out of order: {key} on {topic}"));
        }
    }
}
