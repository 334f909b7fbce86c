//! Whether a local store agrees with the state topic, as if its outbox were published.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;

use xxhash_rust::xxh3::xxh3_128;

use super::generation::StoreClaim;
use super::state_topic::{OwnerRecord, StateReader, StateTopicRecord};
use crate::clock::Deadline;
use crate::kafka::KafkaSettings;
use crate::store::{self, Key, Store, is_cursor};

/// How many outbox entries are read at once.
const ENTRIES_AT_ONCE: usize = 1_000;
/// How many differences are listed; the others are counted.
const MOST_LISTED: usize = 100;

/// What does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The topic has no owner record, or the store no claim to it.
    NotOwned,
    /// The store belongs to another state topic.
    Lineage,
    /// Another bridge has owned the shard since: the store will be restored.
    Generation {
        /// The topic's.
        topic: u64,
        /// The store's.
        store: u64,
    },
    /// More is published than the store contains: it was rolled back.
    RolledBack {
        /// The last published entry.
        published: u64,
        /// The store's newest.
        newest: u64,
    },
    /// The topic has a record that the store lacks.
    Missing(String),
    /// The store has a record that the topic lacks.
    Unpublished(String),
    /// The two have different values.
    Differs(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOwned => out.write_str("nobody owns the shard yet, or not with this store"),
            Self::Lineage => out.write_str("the store belongs to another state topic"),
            Self::Generation { topic, store } => write!(
                out,
                "another bridge has owned the shard since (generation {topic}, the store has \
                 {store}): it will be restored from the topic"
            ),
            Self::RolledBack { published, newest } => write!(
                out,
                "entry {published} is published, and the store's newest is {newest}: the store was \
                 rolled back"
            ),
            Self::Missing(key) => write!(out, "only on the topic: {key}"),
            Self::Unpublished(key) => write!(out, "only in the store: {key}"),
            Self::Differs(key) => write!(out, "not the same: {key}"),
        }
    }
}

/// The outcome of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Records of state in the store.
    pub records: u64,
    /// Outbox entries that are not published yet; they are compared as if they were.
    pub waiting: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// How many more there are.
    pub further: u64,
}

impl Verification {
    fn add(&mut self, difference: Difference) {
        if self.differences.len() < MOST_LISTED {
            self.differences.push(difference);
        } else {
            self.further += 1;
        }
    }

    /// Whether the two agree.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Why a store could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerificationError {
    /// The topic cannot be read.
    #[error("the state topic cannot be read: {0}")]
    Topic(String),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Compares a store that is not in use with its shard on the topic. Blocks.
///
/// # Errors
/// When one of them cannot be read.
pub fn verify(
    settings: &KafkaSettings,
    shard: i32,
    store: &Store,
) -> Result<Verification, VerificationError> {
    let unreadable = |error: super::state_topic::Error| VerificationError::Topic(error.to_string());
    let reader = StateReader::new(settings, shard).map_err(unreadable)?;
    let (first, _) = reader.ends().map_err(unreadable)?;
    let mut topic: HashMap<Vec<u8>, u128> = HashMap::new();
    let mut owner: Option<OwnerRecord> = None;
    let receive = |record| {
        match record {
            StateTopicRecord::Owner(record) => owner = Some(record),
            StateTopicRecord::State(key, Some(value)) => {
                topic.insert(key, xxh3_128(&value));
            }
            StateTopicRecord::State(key, None) => {
                topic.remove(&key);
            }
        }
        ControlFlow::Continue(())
    };
    reader.read(first, Deadline::NONE, receive).map_err(unreadable)?;
    let mut outcome = Verification::default();
    let claim = StoreClaim::load(store)?;
    if let Some(difference) = ownership_difference(claim.as_ref(), owner.as_ref(), store) {
        outcome.add(difference);
    }
    let mut after = owner.map_or(0, |owner| owner.progress);
    loop {
        let entries = store.outbox_after(after, ENTRIES_AT_ONCE, usize::MAX)?;
        let Some(last) = entries.last() else { break };
        after = last.number;
        outcome.waiting += entries.len() as u64;
        for (key, value) in entries.into_iter().flat_map(|entry| entry.entry.records) {
            match value {
                Some(value) => topic.insert(key, xxh3_128(&value)),
                None => topic.remove(&key),
            };
        }
    }
    for record in store.records() {
        let (key, value) = record?;
        outcome.records += 1;
        match topic.remove(&key) {
            Some(hash) if hash == xxh3_128(&value) => {}
            // A cursor that moves without an event is published some seconds later.
            _ if is_cursor(&key) => {}
            Some(_) => outcome.add(Difference::Differs(Key::describe(&key))),
            None => outcome.add(Difference::Unpublished(Key::describe(&key))),
        }
    }
    let mut missing: Vec<_> = topic.into_keys().collect();
    missing.sort();
    for key in missing {
        outcome.add(Difference::Missing(Key::describe(&key)));
    }
    Ok(outcome)
}

fn ownership_difference(
    local: Option<&StoreClaim>,
    topic: Option<&OwnerRecord>,
    store: &Store,
) -> Option<Difference> {
    let (Some(local), Some(topic)) = (local, topic) else { return Some(Difference::NotOwned) };
    if local.lineage != topic.lineage {
        return Some(Difference::Lineage);
    }
    if !local.is_of(topic.generation) {
        let held = local.held.map_or(0, |held| held.number);
        return Some(Difference::Generation { topic: topic.generation.number, store: held });
    }
    let newest = store.newest_entry();
    (newest < topic.progress)
        .then_some(Difference::RolledBack { published: topic.progress, newest })
}
