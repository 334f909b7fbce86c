//! The writes of one poll result: states, events and cursor, gathered and committed together.
//!
//! A large poll result is committed in several batches, each complete in itself: an entity's state
//! goes with its events, and the cursor goes with the last batch, so that a crash in between only
//! makes rows be read again that then show no change. The same holds for what is published: the
//! change of one entity, with its state and the sequences of its topics, is one outbox entry.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::account::{AccountState, AgentBrief, StreamPosition};
use super::output::{EngineError, Output};
use super::versioned_state::VersionedState;
use crate::detect::{AgentState, Change, HoldsRow, Interaction, InteractionState, adopt_unknown};
use crate::event::avro::Encoders;
use crate::event::body::OmittedEvent;
use crate::event::{Body, Draft, Event, EventMeta, EventType, Origin, Topic, event_id};
use crate::model::{
    Agent, EntityId, EntityKey, EntityKind, MODEL_VERSION, Precision, StreamName, Timestamp,
};
use crate::store::{Batch, Key, OutboxEvent, Store};
use crate::telemetry::Metrics;

/// An event beyond this size would not fit into a broker's default `max.message.bytes` (1 MiB)
/// together with its key and headers; it is replaced by an `EventOmitted`.
const LARGEST_EVENT: usize = 900_000;
/// A batch is committed when it holds this many bytes of events, so that memory stays bounded.
const BATCH_BYTES: usize = 1 << 20;

/// How old a state of an entity that rows still show may become before it is written again.
const TOUCHED_EVERY: Duration = Duration::from_hours(24);

/// Whether a row of the activity log was emitted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deduplicated {
    /// It was not; its deduplication key is in the batch now.
    New,
    /// It was.
    Emitted,
}

/// The writes of a poll result.
pub(super) struct UnitOfWork<'a> {
    store: &'a Store,
    encoders: &'a Encoders,
    output: &'a Output,
    metrics: &'a Metrics,
    pub(super) account: &'a mut AccountState,
    pub(super) stream: StreamName,
    observed_at: Timestamp,
    batch: Batch,
    /// Deduplication keys of the log rows that this poll result emits.
    emitted: HashSet<Key>,
    bytes: usize,
    /// How many events the poll result has led to.
    pub(super) events: usize,
}

impl<'a> UnitOfWork<'a> {
    pub(super) fn new(
        store: &'a Store,
        encoders: &'a Encoders,
        output: &'a Output,
        metrics: &'a Metrics,
        account: &'a mut AccountState,
        stream: StreamName,
        observed_at: Timestamp,
    ) -> Self {
        Self {
            store,
            encoders,
            output,
            metrics,
            account,
            stream,
            observed_at,
            batch: output.batch(store),
            emitted: HashSet::new(),
            bytes: 0,
            events: 0,
        }
    }

    fn entity(&self, kind: EntityKind, id: &EntityId) -> EntityKey {
        EntityKey { account: self.account.name.clone(), kind, id: id.clone() }
    }

    /// An entity's state, with what this poll result has changed so far.
    pub(super) fn versioned<S: DeserializeOwned>(
        &self,
        kind: EntityKind,
        id: &EntityId,
    ) -> Result<Option<VersionedState<S>>, EngineError> {
        let entity = self.entity(kind, id);
        let key = Key::state(&entity);
        let stored = match self.batch.get(&key) {
            Some(pending) => pending,
            None => self.store.get(&key)?,
        };
        Ok(stored.map(|stored| stored.value))
    }

    /// Whether the quota has space for a new entity of a kind. One that is ignored is counted.
    pub(super) fn accepts(&mut self, kind: EntityKind) -> bool {
        let has_space = self.account.quota.has_space(kind);
        if !has_space {
            self.metrics.quarantined(&self.account.name, "too_many_entities");
        }
        has_space
    }

    /// The state of a row's entity, as [`UnitOfWork::versioned`] has it. The fields that a state of
    /// an older model lacks are adopted from the row.
    pub(super) fn versioned_for<S, R>(
        &self,
        kind: EntityKind,
        id: &EntityId,
        row: &R,
    ) -> Result<Option<VersionedState<S>>, EngineError>
    where
        S: DeserializeOwned + HoldsRow<R>,
        R: Serialize,
    {
        let entity = self.entity(kind, id);
        let key = Key::state(&entity);
        if let Some(Some(pending)) = self.batch.get::<VersionedState<S>>(&key) {
            return Ok(Some(pending.value));
        }
        let Some(version) = self.store.model_version(&key)? else { return Ok(None) };
        if version >= MODEL_VERSION {
            return self.versioned(kind, id);
        }
        let Some(stored) = self.store.get::<VersionedState<Value>>(&key)? else {
            return Ok(None);
        };
        let VersionedState { revision, mut state, touched_at, .. } = stored.value;
        adopt_unknown(&mut state[S::ROW], &serde_json::to_value(row)?);
        let state: S = serde_json::from_value(state)?;
        let mut versioned = VersionedState { touched_at, ..VersionedState::new(revision, state) };
        versioned.state.adopted(row);
        versioned.outdated = true;
        Ok(Some(versioned))
    }

    /// Adds a change to the batch. Without a difference nothing is written.
    pub(super) fn change<S: Serialize + PartialEq>(
        &mut self,
        kind: EntityKind,
        id: &EntityId,
        before: Option<VersionedState<S>>,
        change: Change<S>,
    ) -> Result<(), EngineError> {
        if before.is_none() {
            if !self.accepts(kind) {
                return Ok(());
            }
            self.account.quota.added(kind);
        }
        let revision = before.as_ref().map_or(0, |versioned| versioned.revision);
        let fresh = |versioned: &VersionedState<S>| {
            versioned.touched_at.is_some_and(|touched| self.observed_at <= touched + TOUCHED_EVERY)
        };
        let same = before.is_some_and(|versioned| {
            !versioned.outdated && versioned.state == change.state && fresh(&versioned)
        });
        if same && change.drafts.is_empty() {
            return Ok(());
        }
        let topics: BTreeSet<Topic> =
            change.drafts.iter().map(|draft| draft.body.event_type().topic()).collect();
        let revision = self.events(change.drafts, revision)?;
        let entity = self.entity(kind, id);
        let versioned = VersionedState {
            touched_at: Some(self.observed_at),
            ..VersionedState::new(revision, change.state)
        };
        self.batch.put(Key::state(&entity), &versioned)?;
        if matches!(self.output, Output::Outbox) {
            for topic in topics {
                let last = self.account.sequences.get(&topic).copied().unwrap_or_default();
                self.batch.put(Key::sequence(&self.account.name, topic), &last)?;
            }
        }
        self.batch.close_entry();
        self.commit_when_large()
    }

    /// An agent's state, with what this poll result has changed so far.
    pub(super) fn agent(
        &self,
        id: &EntityId,
    ) -> Result<Option<VersionedState<AgentState>>, EngineError> {
        self.versioned(EntityKind::Agent, id)
    }

    /// The same, for a row of the roster.
    pub(super) fn agent_for(
        &self,
        row: &Agent,
    ) -> Result<Option<VersionedState<AgentState>>, EngineError> {
        self.versioned_for(EntityKind::Agent, &row.id, row)
    }

    /// The state of the call or chat that a row is about, with its words normalised.
    pub(super) fn interaction_for<I: Interaction>(
        &self,
        row: &I,
    ) -> Result<Option<VersionedState<InteractionState<I>>>, EngineError> {
        let id = &row.interaction().id;
        let mut versioned = self.versioned_for::<InteractionState<I>, _>(I::KIND, id, row)?;
        if let Some(versioned) = &mut versioned {
            versioned.state.normalise(self.account.vocabulary);
        }
        Ok(versioned)
    }

    /// Adds an agent's change to the batch.
    pub(super) fn change_agent(
        &mut self,
        id: &EntityId,
        before: Option<VersionedState<AgentState>>,
        change: Change<AgentState>,
    ) -> Result<(), EngineError> {
        if before.is_some() || self.account.quota.has_space(EntityKind::Agent) {
            self.account.agents.insert(id.clone(), AgentBrief::of(&change.state));
        }
        self.change(EntityKind::Agent, id, before, change)
    }

    /// Emits a quarantined row, unless it was emitted before; returns whether it was emitted now.
    /// The id is a hash of the row's bytes.
    pub(super) fn quarantine(
        &mut self,
        id: &EntityId,
        reason: &'static str,
        draft: Draft,
    ) -> Result<bool, EngineError> {
        if self.versioned::<Timestamp>(EntityKind::Record, id)?.is_some() {
            return Ok(false);
        }
        self.metrics.quarantined(&self.account.name, reason);
        if !self.account.quota.has_space(EntityKind::Record) {
            return Ok(false);
        }
        let change = Change { state: self.observed_at, drafts: vec![draft] };
        self.change(EntityKind::Record, id, None, change)?;
        Ok(true)
    }

    fn events(&mut self, drafts: Vec<Draft>, mut revision: u64) -> Result<u64, EngineError> {
        for draft in drafts {
            revision += 1;
            self.event(draft, revision)?;
        }
        Ok(revision)
    }

    /// Stores the deduplication key of a log row, unless it was emitted before, also by this poll
    /// result: a row may change between two of its pages and be shown in both forms.
    pub(super) fn deduplicate_activity(
        &mut self,
        started_at: Timestamp,
        id: &EntityId,
    ) -> Result<Deduplicated, EngineError> {
        self.deduplicate(Key::activity_deduplication(&self.account.name, started_at, id))
    }

    /// The same for a row's end. Another end of the same row, which is a correction by the vendor,
    /// is another fact.
    pub(super) fn deduplicate_activity_end(
        &mut self,
        ended_at: Timestamp,
        id: &EntityId,
    ) -> Result<Deduplicated, EngineError> {
        self.deduplicate(Key::activity_end_deduplication(&self.account.name, ended_at, id))
    }

    fn deduplicate(&mut self, key: Key) -> Result<Deduplicated, EngineError> {
        if self.emitted.contains(&key) || self.store.get::<()>(&key)?.is_some() {
            return Ok(Deduplicated::Emitted);
        }
        self.batch.put(key.clone(), &())?;
        self.emitted.insert(key);
        Ok(Deduplicated::New)
    }

    pub(super) fn put<T: Serialize>(&mut self, key: Key, value: &T) -> Result<(), EngineError> {
        self.batch.put(key, value)?;
        Ok(())
    }

    /// Stores the stream's position. It is published with this poll result's events; without any
    /// only when `due`, so that an account without changes does not write to the topic at every
    /// poll. Returns whether it is published.
    pub(super) fn put_position(
        &mut self,
        key: Key,
        position: &StreamPosition,
        due: bool,
    ) -> Result<bool, EngineError> {
        let publish = due || self.events > 0;
        if publish {
            self.batch.put(key, position)?;
        } else {
            self.batch.put_locally(key, position)?;
        }
        Ok(publish)
    }

    fn event(&mut self, draft: Draft, revision: u64) -> Result<(), EngineError> {
        let entity = self.entity(draft.kind, &draft.entity);
        let mut event_type = draft.body.event_type();
        let topic = event_type.topic();
        let sequence = self.next_sequence(topic);
        let mut meta = EventMeta {
            event_id: event_id(&entity, revision, event_type.as_str()),
            account: self.account.name.to_string(),
            vendor: String::from(self.account.vendor),
            entity_id: draft.entity.to_string(),
            revision: i64::try_from(revision).unwrap_or(i64::MAX),
            sequence: i64::try_from(sequence).unwrap_or(i64::MAX),
            stream: self.stream.to_string(),
            occurred_at: draft.occurrence.at,
            occurred_after: draft.occurrence.after,
            precision: draft.occurrence.precision,
            observed_at: self.observed_at,
            origin: draft.origin,
            late: false,
        };
        self.metrics.emitted(&self.account.name, event_type, draft.origin);
        if draft.origin == Origin::Live && draft.occurrence.precision != Precision::Bounded {
            let seen = self.observed_at.plus_millis(self.account.offset_millis());
            #[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
            let seconds = seen.millis_since(meta.occurred_at).max(0) as f64 / 1000.0;
            self.metrics.detected(&self.account.name, self.stream.as_str(), seconds);
        }
        self.events += 1;
        if let Output::Lines(lines) = self.output {
            let line = serde_json::to_string(&Line {
                event: event_type.as_str(),
                topic: topic.as_str(),
                key: entity.to_string(),
                value: Event { meta: &meta, body: &draft.body },
            })?;
            // It fails when the reader has ended, and then the program ends, too.
            let _ = lines.send(line);
            return Ok(());
        }
        let mut datum = self.encoders.datum(&meta, &draft.body)?;
        if datum.len() > LARGEST_EVENT {
            let size = i64::try_from(datum.len()).unwrap_or(i64::MAX);
            let placeholder = Body::EventOmitted(OmittedEvent {
                event_type: String::from(event_type.as_str()),
                reason: format!("larger than {LARGEST_EVENT} bytes"),
                size,
            });
            event_type = EventType::EventOmitted;
            meta.event_id = event_id(&entity, revision, event_type.as_str());
            datum = self.encoders.datum(&meta, &placeholder)?;
            tracing::error!(entity = %entity, size, "event too large; a placeholder replaces it");
        }
        self.bytes += datum.len();
        self.batch.push(OutboxEvent {
            topic,
            account: meta.account.clone(),
            key: entity.to_string(),
            event_type,
            fingerprint: self.encoders.fingerprint(event_type),
            event_id: meta.event_id,
            sequence,
            revision,
            occurred_at: meta.occurred_at,
            observed_at: meta.observed_at,
            datum,
        });
        Ok(())
    }

    fn next_sequence(&mut self, topic: Topic) -> u64 {
        match self.account.sequences.entry(topic) {
            Entry::Occupied(mut entry) => {
                *entry.get_mut() += 1;
                *entry.get()
            }
            Entry::Vacant(entry) => *entry.insert(1),
        }
    }

    /// Commits the batch when it has become large.
    fn commit_when_large(&mut self) -> Result<(), EngineError> {
        if self.bytes >= BATCH_BYTES { self.commit() } else { Ok(()) }
    }

    /// Commits the batch.
    pub(super) fn commit(&mut self) -> Result<(), EngineError> {
        let batch = std::mem::replace(&mut self.batch, self.output.batch(self.store));
        self.bytes = 0;
        self.store.apply(batch)?;
        Ok(())
    }
}

/// An event as `--dry-run` prints it.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    topic: &'static str,
    key: String,
    value: Event<'a, Body>,
}
