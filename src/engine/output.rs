//! Where the engine's events go, and the engine's errors.

use std::sync::mpsc::Sender;

use crate::event::avro;
use crate::model::AccountName;
use crate::store::{self, Batch, Store};

/// Where events go.
#[derive(Debug)]
pub enum Output {
    /// Into the store's outbox.
    Outbox,
    /// As lines of JSON to be printed; nothing is published.
    Lines(Sender<String>),
}

impl Output {
    /// A batch whose states go where the events go: to the topics, or nowhere.
    pub(super) fn batch(&self, store: &Store) -> Batch {
        match self {
            Self::Outbox => store.batch(),
            Self::Lines(_) => store.local_batch(),
        }
    }
}

/// Why the engine cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed: nothing more can be committed.
    #[error("the local store failed: {0}")]
    Store(#[from] store::Error),
    /// An event did not fit its schema; that is a fault of this program.
    #[error("an event could not be encoded: {0}")]
    Encode(#[from] avro::Error),
    /// An event could not be printed.
    #[error("an event could not be printed: {0}")]
    Print(#[from] serde_json::Error),
    /// An earlier error stopped the engine.
    #[error("stopped after an earlier failure: {0}")]
    Stopped(String),
    /// The account is not owned by this engine.
    #[error("account {0} is not owned here")]
    UnknownAccount(AccountName),
}
