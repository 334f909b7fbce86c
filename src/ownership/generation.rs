//! The generation of an owner, and the claim in a local store: its state topic and its owner's
//! generation.
//!
//! A store may be reused only while its generation is the last one on the topic: a later owner may have
//! detected and published the changes that are still in this outbox.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{self, Key, Store};

/// One owner of a shard, among all it ever had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Counts the owners, from 1.
    pub number: u64,
    /// Identifies the owner: two that start at once have the same number.
    pub owner: Uuid,
}

/// The ownership that a store records. Stored as JSON: the fields' names are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreClaim {
    /// The state topic that it belongs to.
    pub lineage: Uuid,
    /// The generation that is known to be committed; `None` before the first one.
    pub held: Option<Generation>,
    /// A generation that was about to be committed; the topic shows whether it was.
    pub claimed: Option<Generation>,
}

impl StoreClaim {
    /// The claim in a store; `None` where it has none, and cannot be reused.
    ///
    /// # Errors
    /// When the store fails.
    pub fn load(store: &Store) -> Result<Option<Self>, store::Error> {
        Ok(store.get::<Self>(&Key::store_claim())?.map(|stored| stored.value))
    }

    /// Stores the claim and makes it durable.
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
