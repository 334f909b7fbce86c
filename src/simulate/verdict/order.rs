//! Order: revisions and sequences without gaps, each key in one partition, and each event id once.

use std::collections::{BTreeMap, HashSet};

use super::judge::Judge;
use super::published::Published;

pub(super) fn check(published: &[Published], judge: &mut Judge) {
    let mut ids = HashSet::new();
    let mut revisions: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    // Partition, offset, revision.
    type Position = (i32, i64, i64);
    let mut in_topic: BTreeMap<(&str, &str), Vec<Position>> = BTreeMap::new();
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
    for ((topic, key), mut positions) in in_topic {
        positions.sort_by_key(|(_, offset, _)| *offset);
        let one_partition = positions.iter().all(|(partition, _, _)| *partition == positions[0].0);
        if !one_partition || !positions.iter().map(|(_, _, revision)| revision).is_sorted() {
            judge.problem(format!("out of order: {key} on {topic}"));
        }
    }
}
