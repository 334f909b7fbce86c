//! A state as it is stored: with its revision, and the time of its last write.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// A state and its entity's revision: the number of its events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct VersionedState<S> {
    pub(super) revision: u64,
    pub(super) state: S,
    /// When it was last written: at least once a day, as long as rows show the entity.
    #[serde(default)]
    pub(super) touched_at: Option<Timestamp>,
    /// It was stored by an older version of the model, and adopted fields from the current row.
    #[serde(skip)]
    pub(super) outdated: bool,
}

impl<S> VersionedState<S> {
    pub(super) const fn new(revision: u64, state: S) -> Self {
        Self { revision, state, touched_at: None, outdated: false }
    }
}
