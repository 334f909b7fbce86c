//! The check: the committed records of the topics, compared with what the vendor recorded, served,
//! and shows at the end.

use std::collections::{BTreeMap, HashMap, HashSet};

use floorcast::event::avro::Decoder;
use floorcast::simulate::{Published, Truth, Verdict, judge};
use serde_json::Value;

use super::final_state;
use super::fleet::DEPLOYMENT;
use crate::support::consumer;

/// What was found in an epoch.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) verdict: Verdict,
    /// Facts without an event.
    pub(crate) lost: usize,
    /// Facts with more than one event, and repeated events.
    pub(crate) twice: usize,
    /// Keys, revisions and sequences that are not in order.
    pub(crate) out_of_order: usize,
    /// All other problems, a line each.
    pub(crate) others: Vec<String>,
}

impl Findings {
    pub(crate) fn passed(&self) -> bool {
        self.verdict.passed() && self.twice == 0 && self.others.is_empty()
    }

    /// Facts that had to be published.
    pub(crate) fn facts(&self) -> usize {
        self.verdict.rows.iter().map(|row| row.facts).sum()
    }

    /// Facts that were served only to bridges that died, and are not published.
    pub(crate) fn uncertain(&self) -> usize {
        self.verdict.rows.iter().map(|row| row.uncertain).sum()
    }

    /// The first of the problems, a line each.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &String> {
        self.verdict.problems.iter().chain(&self.others)
    }
}

/// All events under a prefix, read by the tests' own consumer.
pub(crate) fn published(bootstrap: &str, prefix: &str) -> Vec<Published> {
    let decoder = Decoder::new().unwrap();
    let mut topics = consumer::topics_of(bootstrap, &format!("{prefix}."));
    topics.retain(|topic| *topic != format!("{prefix}.state.{DEPLOYMENT}"));
    consumer::read_all(bootstrap, &topics)
        .into_iter()
        .map(|record| {
            let (event, value) = decoder.decode(&record.value).unwrap();
            let headers_agree = record.headers["ce_id"] == value["meta"]["event_id"];
            assert!(headers_agree, "headers and value differ: {record:?}");
            Published {
                topic: record.topic,
                partition: record.partition,
                offset: record.offset,
                key: record.key.unwrap_or_default(),
                event_type: event.as_str().to_owned(),
                value,
            }
        })
        .collect()
}

/// Checks what was published. `vendor` is what the vendor shows at the end, once it is known.
pub(crate) fn findings(
    truth: &Truth,
    published: &[Published],
    vendor: Option<&final_state::VendorState>,
) -> Findings {
    let verdict = judge(truth, published);
    let repeated = repeated(published);
    let mut others = changes_that_do_not_follow(published);
    others.extend(vendor.into_iter().flat_map(|state| final_state::differences(state, published)));
    let published_twice: usize = verdict.rows.iter().map(|row| row.twice).sum();
    Findings {
        lost: verdict.rows.iter().map(|row| row.missing).sum(),
        twice: published_twice + repeated,
        out_of_order: verdict.out_of_order,
        verdict,
        others,
    }
}

/// How many events are repeated: with the same id, or with the same content twice in a row.
fn repeated(published: &[Published]) -> usize {
    let mut ids = HashSet::new();
    let mut last: HashMap<(&str, &str), String> = HashMap::new();
    let mut repeated = 0;
    for event in in_order(published) {
        let id = event.value["meta"]["event_id"].as_str().unwrap_or_default();
        let same_id = !ids.insert(id);
        // Types whose content is a change: the same change twice in a row is not a change.
        let is_change = event.event_type.ends_with("Updated")
            || ["AgentStatusChanged", "AgentActivityLogged", "QueueDepthChanged"]
                .contains(&event.event_type.as_str())
            || event.event_type == "ServiceLevelChanged";
        let body = body(event);
        let same_content = is_change
            && last.insert((&event.key, &event.event_type), body.clone()).as_ref() == Some(&body);
        repeated += usize::from(same_id || same_content);
    }
    repeated
}

fn body(event: &Published) -> String {
    let mut body = event.value.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("meta");
    }
    body.to_string()
}

/// Changes whose state before is not the last published state.
fn changes_that_do_not_follow(published: &[Published]) -> Vec<String> {
    let mut known: BTreeMap<(&str, &str), Value> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut ids = HashSet::new();
    for event in in_order(published) {
        // Repeated events are reported by `repeated`.
        if !ids.insert(event.value["meta"]["event_id"].as_str()) {
            continue;
        }
        let kind = event.key.split(':').nth(1).unwrap_or_default();
        let (before, after) = match event.event_type.as_str() {
            "QueueDepthChanged" | "ServiceLevelChanged" => continue,
            "AgentStatusChanged" => (&event.value["previous"], &event.value["current"]),
            _ => (&event.value["before"], &event.value["after"]),
        };
        // An agent has two states: the roster row and the status.
        let of = if event.event_type == "AgentStatusChanged" { "status" } else { kind };
        if after.is_null() {
            continue;
        }
        let compared =
            |record: &Value| if of == "agent" { roster_fields(record) } else { record.clone() };
        let (before, after) = (compared(before), compared(after));
        if let Some(last) = known.insert((&event.key, of), after)
            && !before.is_null()
            && last != before
        {
            let (name, key) = (&event.event_type, &event.key);
            let revision = &event.value["meta"]["revision"];
            problems
                .push(format!("{name} {revision} of {key} does not follow from the event before"));
        }
    }
    problems
}

/// An agent's record without the fields that have events of their own.
fn roster_fields(record: &Value) -> Value {
    let mut record = record.clone();
    if let Some(fields) = record.as_object_mut() {
        for name in ["status", "status_updated_at", "wrap_up", "on_hold"] {
            fields.remove(name);
        }
    }
    record
}

/// The events by key and revision.
fn in_order(published: &[Published]) -> Vec<&Published> {
    let mut all: Vec<_> = published.iter().collect();
    all.sort_by_key(|event| {
        let revision = event.value["meta"]["revision"].as_i64();
        (&event.key, revision, &event.topic, event.partition, event.offset)
    });
    all
}
