//! When the privacy settings have changed: what states hold of persons is left out before anything
//! is compared with it, so that no event carries what is closed now, and what opens is no news.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::output::EngineError;
use super::versioned_state::VersionedState;
use crate::detect::{AgentState, Interaction, InteractionState, Record, RecordState};
use crate::model::{
    AccountName, Call, Chat, EntityId, EntityKey, EntityKind, Queue, StatusDefinition, Team,
};
use crate::store::{Key, Store};

/// How many states are written at once.
const AT_ONCE: usize = 500;

/// Leaves out of an account's states what was stored under other settings than the store's own.
pub(super) fn migrate_privacy(store: &Store, account: &AccountName) -> Result<(), EngineError> {
    let closed = close(store, account, EntityKind::Agent, AgentState::close)?
        + close_interactions::<Call>(store, account)?
        + close_interactions::<Chat>(store, account)?
        + close_records::<Queue>(store, account)?
        + close_records::<Team>(store, account)?
        + close_records::<StatusDefinition>(store, account)?;
    if closed > 0 {
        tracing::info!(
            %account,
            states = closed,
            "the privacy settings have changed; personal data was taken out of the local store"
        );
    }
    Ok(())
}

fn close_interactions<I: Interaction>(
    store: &Store,
    account: &AccountName,
) -> Result<usize, EngineError> {
    close(store, account, I::KIND, InteractionState::<I>::close)
}

fn close_records<R: Record>(store: &Store, account: &AccountName) -> Result<usize, EngineError> {
    close(store, account, R::KIND, RecordState::<R>::close)
}

fn close<S: Serialize + DeserializeOwned>(
    store: &Store,
    account: &AccountName,
    kind: EntityKind,
    close: impl Fn(&mut S),
) -> Result<usize, EngineError> {
    let (mut closed, mut last) = (0, None);
    loop {
        let (mut batch, mut seen) = (store.batch(), 0);
        let after: Option<EntityId> = last.take();
        for entry in
            store.states_after::<VersionedState<S>>(account, kind, after.as_ref()).take(AT_ONCE)
        {
            let (id, stored) = entry?;
            seen += 1;
            if stored.privacy != store.privacy() {
                let mut versioned = stored.value;
                close(&mut versioned.state);
                let entity = EntityKey { account: account.clone(), kind, id: id.clone() };
                batch.put_as_of(Key::state(&entity), &versioned, stored.model_version)?;
                batch.close_entry();
                closed += 1;
            }
            last = Some(id);
        }
        if !batch.is_empty() {
            store.apply(batch)?;
        }
        if seen < AT_ONCE {
            return Ok(closed);
        }
    }
}
