//! Retention: state that is no longer needed is removed, in bounded rounds.

use serde::de::DeserializeOwned;

use super::apply::Engine;
use super::output::EngineError;
use super::versioned_state::VersionedState;
use crate::detect::{
    AgentState, HORIZON, Interaction, InteractionState, LevelState, Record, RecordState, settle,
};
use crate::model::{
    AccountName, Call, Chat, EntityId, EntityKey, EntityKind, Queue, StatusDefinition, Team,
    Timestamp,
};
use crate::store::{Batch, Key, Store};

/// How many entries one round reads.
const AT_ONCE: usize = 500;

impl Engine {
    /// Removes what is no longer needed: the records of interactions that ended half an hour ago,
    /// deduplication keys of old rows, and states older than the horizon. One bounded round of
    /// each.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub fn forget(&mut self, now: Timestamp) -> Result<(), EngineError> {
        self.refuse_after_failure()?;
        let names: Vec<_> = self.accounts.keys().cloned().collect();
        for name in names {
            if let Err(error) = self.forget_of(&name, now) {
                self.failed = Some(error.to_string());
                return Err(error);
            }
        }
        Ok(())
    }

    fn forget_of(&mut self, name: &AccountName, now: Timestamp) -> Result<(), EngineError> {
        let Some(account) = self.accounts.get_mut(name) else { return Ok(()) };
        let now = now.plus_millis(account.offset_millis());
        let mut batch = self.output.batch(&self.store);
        for (kind, id) in account.recently_ended.take_expired(now) {
            match kind {
                EntityKind::Chat => drop_record::<Chat>(&self.store, name, id, &mut batch)?,
                _ => drop_record::<Call>(&self.store, name, id, &mut batch)?,
            }
        }
        if let Some(old) = account.deduplicated_from() {
            for key in self.store.activity_deduplication_keys_before(name, old, AT_ONCE)? {
                batch.remove(key);
            }
        }
        self.forget_interactions::<Call>(name, now, &mut batch)?;
        self.forget_interactions::<Chat>(name, now, &mut batch)?;
        let quarantined = |versioned: &VersionedState<Timestamp>| Some(versioned.state);
        self.forget_old(name, EntityKind::Record, now, &mut batch, quarantined)?;
        self.forget_records::<Queue>(name, now, &mut batch)?;
        self.forget_records::<Team>(name, now, &mut batch)?;
        self.forget_records::<StatusDefinition>(name, now, &mut batch)?;
        for kind in [EntityKind::QueuePath, EntityKind::QueueGroup] {
            if self.needs_space(name, kind) {
                let shown = |versioned: &VersionedState<LevelState>| versioned.touched_at;
                self.forget_old(name, kind, now, &mut batch, shown)?;
            }
        }
        if self.needs_space(name, EntityKind::Agent) {
            let removed = |versioned: &VersionedState<AgentState>| {
                versioned.touched_at.filter(|_| versioned.state.roster.is_none())
            };
            self.forget_old(name, EntityKind::Agent, now, &mut batch, removed)?;
        }
        if !batch.is_empty() {
            self.store.apply(batch)?;
        }
        Ok(())
    }

    fn needs_space(&self, name: &AccountName, kind: EntityKind) -> bool {
        self.accounts.get(name).is_some_and(|account| account.quota.needs_space(kind))
    }

    fn forget_interactions<I: Interaction>(
        &mut self,
        name: &AccountName,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), EngineError> {
        let ended = |versioned: &VersionedState<InteractionState<I>>| {
            versioned.state.ended_at.or(versioned.state.updated_at).or(versioned.touched_at)
        };
        self.forget_old(name, I::KIND, now, batch, ended)
    }

    fn forget_records<R: Record>(
        &mut self,
        name: &AccountName,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), EngineError> {
        if !self.needs_space(name, R::KIND) {
            return Ok(());
        }
        let removed = |versioned: &VersionedState<RecordState<R>>| {
            versioned.touched_at.filter(|_| versioned.state.record.is_none())
        };
        self.forget_old(name, R::KIND, now, batch, removed)
    }

    /// Removes the states of a kind that were last touched before the horizon. It reads the entries
    /// after those of the last round, so that a round costs the same however many there are. A
    /// state without such a time stays.
    fn forget_old<S: DeserializeOwned>(
        &mut self,
        name: &AccountName,
        kind: EntityKind,
        now: Timestamp,
        batch: &mut Batch,
        touched: impl Fn(&VersionedState<S>) -> Option<Timestamp>,
    ) -> Result<(), EngineError> {
        let round = (name.clone(), kind);
        let from = self.retention.remove(&round);
        let (mut seen, mut removed, mut last) = (0, Vec::new(), None);
        for entry in self.store.states_after::<VersionedState<S>>(name, kind, from.as_ref()) {
            let (id, stored) = entry?;
            seen += 1;
            if touched(&stored.value).is_some_and(|touched| touched + HORIZON < now) {
                batch.remove(state_key(name, kind, id.clone()));
                removed.push(id.clone());
            }
            last = Some(id);
            if seen == AT_ONCE {
                break;
            }
        }
        if let Some(last) = last.filter(|_| seen == AT_ONCE) {
            self.retention.insert(round, last);
        }
        if let Some(account) = self.accounts.get_mut(name) {
            account.quota.forgotten(kind, removed.len());
            for id in &removed {
                match kind {
                    EntityKind::Agent => {
                        account.agents.remove(id);
                    }
                    EntityKind::QueuePath => {
                        account.queued_paths.remove(id);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn state_key(name: &AccountName, kind: EntityKind, id: EntityId) -> Key {
    Key::state(&EntityKey { account: name.clone(), kind, id })
}

/// Drops the vendor's record from the state of an interaction that ended.
fn drop_record<I: Interaction>(
    store: &Store,
    name: &AccountName,
    id: EntityId,
    batch: &mut Batch,
) -> Result<(), EngineError> {
    let key = state_key(name, I::KIND, id);
    if let Some(stored) = store.get::<VersionedState<InteractionState<I>>>(&key)? {
        let VersionedState { revision, state, touched_at, .. } = stored.value;
        let versioned =
            VersionedState { touched_at, ..VersionedState::new(revision, settle(&state)) };
        batch.put_as_of(key, &versioned, stored.model_version)?;
    }
    Ok(())
}
