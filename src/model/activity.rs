//! The activity log: what an agent's client recorded.

use serde::{Deserialize, Serialize};

use super::{
    ActivityKind, AgentReference, AgentStatus, EntityId, Normalise, Timestamp, VendorWord,
    Vocabulary,
};

/// One row of an agent's activity log.
///
/// `activity` alone says what happened: the row of a login may carry the status Offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// The row's id.
    pub id: EntityId,
    /// The agent.
    pub agent_id: EntityId,
    /// What happened.
    pub activity: VendorWord<ActivityKind>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; filled in later by the vendor, and always null where the agent logged in or
    /// out.
    pub ended_at: Option<Timestamp>,
    /// Seconds from start to end.
    pub duration: Option<i64>,
    /// The status the row is about.
    pub status: Option<AgentStatus>,
    /// The call it belongs to.
    pub call_id: Option<EntityId>,
    /// The chat it belongs to.
    pub chat_id: Option<EntityId>,
    /// Who caused it, where it was another person.
    pub whodunnit: Option<AgentReference>,
}

impl Normalise for Activity {
    fn normalise(&mut self, vocabulary: &Vocabulary) {
        self.activity.look_up(vocabulary.activities);
    }
}
