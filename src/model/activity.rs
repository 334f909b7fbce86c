//! The activity log: what an agent's client recorded, row by row.

use serde::{Deserialize, Serialize};

use super::{AgentReference, AgentStatus, EntityId, Timestamp};

/// One row of an agent's activity log.
///
/// `activity` alone says what happened: a `login` row carries the status Offline, and the
/// vendor's descriptions of login and logout are swapped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// The row's id.
    pub id: EntityId,
    /// Whose row it is.
    pub agent_id: EntityId,
    /// What happened, in the vendor's words, such as `user_status_changed` or `login`.
    pub activity: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; filled in later by the vendor, and null for ever on `login` and `logout`.
    pub ended_at: Option<Timestamp>,
    /// Seconds from start to end.
    pub duration: Option<i64>,
    /// The status the row speaks of.
    pub status: Option<AgentStatus>,
    /// The call it belongs to.
    pub call_id: Option<EntityId>,
    /// The chat it belongs to.
    pub chat_id: Option<EntityId>,
    /// Who did it, where it was somebody else.
    pub whodunnit: Option<AgentReference>,
}
