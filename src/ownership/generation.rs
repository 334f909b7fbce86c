//! Who owns what is stored: which state topic it belongs to, and up to which owner of it.
//!
//! A store may be trusted only while its generation is the last one on the topic: as soon as
//! somebody else has owned the shard, what was left in this outbox may have been found and told
//! anew by them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{self, Key, Store};

/// An owner of a shard, among all that it ever had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Counts the owners, from 1.
    pub number: u64,
    /// Which process that was: two that start at once count alike.
    pub owner: Uuid,
}

/// What a store says of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreClaim {
    /// Which state topic it belongs to.
    pub lineage: Uuid,
    /// The generation whose commit is known; `None` before the first one.
    pub held: Option<Generation>,
    /// A generation that was about to be committed: whether it was, the topic knows.
    pub claimed: Option<Generation>,
}

impl StoreClaim {
    /// The claim of a store; `None` while it belongs to nobody, and so is worth nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub fn load(store: &Store) -> Result<Option<Self>, store::Error> {
        Ok(store.get::<Self>(&Key::store_claim())?.map(|stored| stored.value))
    }

    /// Writes the claim, durably.
    ///
    /// # Errors
    /// When the store fails.
    pub fn save(&self, store: &Store) -> Result<(), store::Error> {
        let mut batch = store.local_batch();
        batch.put_locally(Key::store_claim(), self)?;
        store.apply(batch)?;
        store.flush()
    }

    /// Whether a generation of the topic is this store's own.
    #[must_use]
    pub fn is_of(&self, generation: Generation) -> bool {
        self.held == Some(generation) || self.claimed == Some(generation)
    }
}
