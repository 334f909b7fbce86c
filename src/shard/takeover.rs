//! Takeover: fences every other owner, becomes the next generation, and ends with a store that agrees
//! with the state topic.

use std::path::Path;
use std::time::Instant;

use uuid::Uuid;

use super::interruption::Interruption;
use super::publisher_parts::PublisherParts;
use super::standby::TakeoverMode;
use crate::clock::Deadline;
use crate::delivery::{Producer, ShardState, TransactionBatch};
use crate::failpoints::failpoint;
use crate::ownership::{
    Generation, HEARTBEAT, OwnerRecord, StateReader, StoreClaim, TakeoverDecision, decide, restore,
};
use crate::store::{self, OpenOutcome, Options, Store};

/// A shard that is owned.
pub(super) struct OwnedShard {
    pub(super) store: Store,
    pub(super) producer: Producer,
    /// The owner record as it is committed.
    pub(super) owner: OwnerRecord,
    /// Its offset on the state topic.
    pub(super) state_offset: i64,
}

/// Takes the shard over.
///
/// With [`TakeoverMode::WhenFree`] it goes on only if the last owner record is still the one that was
/// `seen`: if two bridges miss the same heartbeats, the one that took over first polls already.
pub(super) fn take_over(
    parts: &PublisherParts,
    deadline: Deadline,
    mode: TakeoverMode,
    seen: Option<&OwnerRecord>,
) -> Result<OwnedShard, Interruption> {
    let PublisherParts { shard, settings, observer, clock, .. } = parts;
    observer.shard_state(*shard, ShardState::TakingOver);
    let reader = StateReader::new(settings, *shard)?;
    let must_be_free = mode == TakeoverMode::WhenFree;
    // Checked before fencing, so that a new owner is not fenced, and again after it, when no other
    // producer can write any more.
    if must_be_free && reader.last_owner(deadline)?.0.as_ref() != seen {
        return Err(Interruption::Fenced);
    }
    let producer = Producer::new(settings, parts.delivery, *shard)?;
    failpoint("ownership::after_init");
    let (last, end) = reader.last_owner(deadline)?;
    if must_be_free && last.as_ref() != seen {
        return Err(Interruption::Fenced);
    }

    let options = Options { privacy: parts.privacy, now: clock.now() };
    let (store, opened) = Store::open(&parts.state_dir, options)?;
    let local = StoreClaim::load(&store)?;
    let decision = decide(local.as_ref(), store.newest_entry(), last.as_ref());
    if let OpenOutcome::Replaced { reason, moved_to } = &opened {
        tracing::error!(
            shard, reason = reason.as_str(), moved_to = %moved_to.display(),
            "the local store cannot be trusted; it was moved aside"
        );
    }
    let progress = last.as_ref().map_or(0, |owner| owner.progress);
    let owner = next_owner(last, clock.now());
    let claim = StoreClaim {
        lineage: owner.lineage,
        held: local.and_then(|local| local.held),
        claimed: Some(owner.generation),
    };
    let store = match decision {
        TakeoverDecision::Refuse => return Err(Interruption::Refused(lost_topic(parts))),
        TakeoverDecision::Keep => {
            claim.save(&store)?;
            failpoint("ownership::after_claim");
            store
        }
        TakeoverDecision::Begin => {
            let store = empty_store(store, &opened, &parts.state_dir, options)?;
            StoreClaim { held: None, ..claim }.save(&store)?;
            failpoint("ownership::after_claim");
            store
        }
        TakeoverDecision::Restore(_) => empty_store(store, &opened, &parts.state_dir, options)?,
    };
    let delivered = producer.deliver(&TransactionBatch::default(), &owner, deadline);
    let state_offset =
        delivered.map_err(|failure| Interruption::of_delivery(failure, &producer))?;
    failpoint("ownership::after_generation");

    let owned = OwnedShard { store, producer, owner, state_offset };
    let replaced = match &opened {
        OpenOutcome::Replaced { reason, .. } => Some(reason.as_str()),
        OpenOutcome::Created | OpenOutcome::Kept => None,
    };
    if let TakeoverDecision::Restore(reason) = decision {
        let reason = replaced.unwrap_or(reason.as_str());
        tracing::info!(shard, reason, "restoring the local store from the state topic");
        restore_store(parts, &reader, &owned, end, deadline)?;
        owned.store.number_entries_after(progress)?;
        failpoint("restore::before_adopt");
        observer.restored(reason);
    } else if let Some(reason) = replaced {
        observer.restored(reason);
    }
    let generation = owned.owner.generation;
    StoreClaim { held: Some(generation), claimed: None, ..claim }.save(&owned.store)?;
    owned.store.outbox_remove_through(progress)?;
    for account in &parts.retired {
        if !parts.accounts.contains(account) {
            owned.store.retire(account)?;
        }
    }
    Ok(owned)
}

/// The record of the owner after this one; of the first owner where there is none.
fn next_owner(last: Option<OwnerRecord>, now: crate::model::Timestamp) -> OwnerRecord {
    let (lineage, number, progress, accounts) = match last {
        Some(last) => (last.lineage, last.generation.number, last.progress, last.accounts),
        None => (Uuid::new_v4(), 0, 0, Vec::new()),
    };
    let generation = Generation { number: number + 1, owner: Uuid::new_v4() };
    OwnerRecord::new(lineage, generation, progress, accounts, now)
}

/// The error of a published store whose topic is empty.
fn lost_topic(parts: &PublisherParts) -> String {
    let topic = parts.settings.state_topic();
    let dir = parts.state_dir.display();
    format!(
        "the topic {topic} is empty, but the store in {dir} was published there: is this \
         another cluster, or was the topic deleted? To start empty, delete the directory"
    )
}

/// Fills the empty store from the topic, up to `end`, with heartbeats meanwhile.
fn restore_store(
    parts: &PublisherParts,
    reader: &StateReader,
    owned: &OwnedShard,
    end: i64,
    deadline: Deadline,
) -> Result<(), Interruption> {
    let PublisherParts { shard, observer, clock, .. } = parts;
    let OwnedShard { store, producer, owner, .. } = owned;
    let mut heartbeat_at = Instant::now();
    let report = |records, of| {
        if heartbeat_at.elapsed() < HEARTBEAT {
            return Ok(());
        }
        heartbeat_at = Instant::now();
        observer.shard_state(*shard, ShardState::Restoring { records, of });
        tracing::info!(shard, records, of, "restoring");
        let heartbeat = owner.next(owner.progress, clock.now());
        let delivered = producer.deliver(&TransactionBatch::default(), &heartbeat, deadline);
        delivered.map(drop).map_err(|failure| Interruption::of_delivery(failure, producer))
    };
    let records = restore(reader, store, end, deadline, report)?;
    if deadline.has_passed() {
        return Err(Interruption::Finish);
    }
    tracing::info!(shard, records, "restored");
    Ok(())
}

/// An empty store in the place of this one.
fn empty_store(
    store: Store,
    opened: &OpenOutcome,
    dir: &Path,
    options: Options,
) -> Result<Store, store::Error> {
    if *opened != OpenOutcome::Kept {
        return Ok(store);
    }
    drop(store);
    Store::discard(dir)?;
    Ok(Store::open(dir, options)?.0)
}
