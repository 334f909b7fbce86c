//! Who owns what is stored: which state topic it belongs to, and up to which owner of it.
//!
//! A store may be trusted only while its generation is the last one on the topic: as soon as
//! somebody else has owned the shard, what was left in this outbox may have been found and told
//! anew by them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
pub struct Ownership {
    /// Which state topic it belongs to.
    pub lineage: Uuid,
    /// The generation whose commit is known; `None` before the first one.
    pub held: Option<Generation>,
    /// A generation that was about to be committed: whether it was, the topic knows.
    pub claimed: Option<Generation>,
}

impl Ownership {
    /// Whether a generation of the topic is this store's own.
    #[must_use]
    pub fn is_of(&self, generation: Generation) -> bool {
        self.held == Some(generation) || self.claimed == Some(generation)
    }
}
