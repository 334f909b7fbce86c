//! A state as it is stored: with its revision, and with when it was written last.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// A state and the count of its entity's published changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct VersionedState<S> {
    pub(super) revision: u64,
    pub(super) state: S,
    /// When it was written last; once a day, as long as rows speak of the entity.
    #[serde(default)]
    pub(super) touched_at: Option<Timestamp>,
    /// It was stored by an older model, and holds what it did not know from the row at hand.
    #[serde(skip)]
    pub(super) outdated: bool,
}

impl<S> VersionedState<S> {
    pub(super) const fn new(revision: u64, state: S) -> Self {
        Self { revision, state, touched_at: None, outdated: false }
    }
}
