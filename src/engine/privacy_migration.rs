//! A change of the privacy settings: personal data is removed from the stored states before
//! anything is compared with them, so that no event carries what the settings now exclude, and what
//! they now include is not a change.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::output::EngineError;
use super::versioned_state::VersionedState;
use crate::detect::{AgentState, Interaction, InteractionState, Record, RecordState};
use crate::model::{
    AccountName, Call, Chat, EntityId, EntityKey, EntityKind, Queue, StatusDefinition, Team,
    Vocabulary,
};
use crate::store::{Key, Store};

/// How many states are written at once.
const AT_ONCE: usize = 500;

/// Removes personal data from an account's states that were stored under other settings than the
/// store's own.
pub(super) fn migrate_privacy(
    store: &Store,
    account: &AccountName,
    vocabulary: &Vocabulary,
) -> Result<(), EngineError> {
    let migrated = migrate(store, account, EntityKind::Agent, AgentState::remove_personal)?
        + migrate_interactions::<Call>(store, account, vocabulary)?
        + migrate_interactions::<Chat>(store, account, vocabulary)?
        + migrate_records::<Queue>(store, account)?
        + migrate_records::<Team>(store, account)?
        + migrate_records::<StatusDefinition>(store, account)?;
    if migrated > 0 {
        tracing::info!(
            %account,
            states = migrated,
            "the privacy settings have changed; personal data was removed from the local store"
        );
    }
    Ok(())
}

fn migrate_interactions<I: Interaction>(
    store: &Store,
    account: &AccountName,
    vocabulary: &Vocabulary,
) -> Result<usize, EngineError> {
    migrate(store, account, I::KIND, |state: &mut InteractionState<I>| {
        state.normalise(vocabulary);
        state.remove_personal();
    })
}

fn migrate_records<R: Record>(store: &Store, account: &AccountName) -> Result<usize, EngineError> {
    migrate(store, account, R::KIND, RecordState::<R>::remove_personal)
}

fn migrate<S: Serialize + DeserializeOwned>(
    store: &Store,
    account: &AccountName,
    kind: EntityKind,
    remove_personal: impl Fn(&mut S),
) -> Result<usize, EngineError> {
    let (mut migrated, mut last) = (0, None);
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
                remove_personal(&mut versioned.state);
                let entity = EntityKey { account: account.clone(), kind, id: id.clone() };
                batch.put_as_of(Key::state(&entity), &versioned, stored.model_version)?;
                batch.close_entry();
                migrated += 1;
            }
            last = Some(id);
        }
        if !batch.is_empty() {
            store.apply(batch)?;
        }
        if seen < AT_ONCE {
            return Ok(migrated);
        }
    }
}
