//! Poll requests, one type for each kind of stream. What decides them is in the engine.

use crate::model::{EntityId, Timestamp};

/// All entities of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullScanRequest;

/// The values of this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotRequest;

/// What changed since a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncrementalRequest {
    /// The inclusive lower bound, in the vendor's clock. The overlap is subtracted already.
    pub from: Timestamp,
}

/// The rows of the activity log since a cursor. It may reach back further than the overlap, while a
/// snapshot disagrees with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityLogRequest {
    /// The inclusive lower bound, in the vendor's clock. The overlap is subtracted already.
    pub from: Timestamp,
}

/// Interactions with these ids, at most a page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupRequest {
    /// Calls.
    Calls(Vec<EntityId>),
    /// Chats.
    Chats(Vec<EntityId>),
}

/// Interactions that wait, on these channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingRequest {
    /// Calls alone.
    Calls,
    /// Chats alone.
    Chats,
    /// Both.
    CallsAndChats,
}

impl WaitingRequest {
    /// Whether calls are requested.
    #[must_use]
    pub const fn calls(self) -> bool {
        matches!(self, Self::Calls | Self::CallsAndChats)
    }

    /// Whether chats are requested.
    #[must_use]
    pub const fn chats(self) -> bool {
        matches!(self, Self::Chats | Self::CallsAndChats)
    }
}
