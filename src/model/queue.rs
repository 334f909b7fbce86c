//! Queues: their records, how many interactions wait in them, and their service levels.

use serde::{Deserialize, Serialize};

use super::{AgentReference, EntityId, Team, Timestamp};

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// The vendor's id; neither a path's nor a group's.
    pub id: EntityId,
    /// Its name.
    pub name: Option<String>,
    /// The queue above it.
    pub parent_id: Option<EntityId>,
    /// Its position among its siblings.
    pub position: Option<i64>,
    /// Whether the vendor has deleted it.
    pub deleted: Option<bool>,
    /// Whether it is hidden from customers.
    pub hidden: Option<bool>,
    /// The kind of menu, in the vendor's words.
    pub menu_type: Option<String>,
    /// What customers hear or read.
    pub output_msg: Option<String>,
    /// Agents who serve it, sorted by channel, language and agent.
    #[serde(default)]
    pub agent_assignments: Vec<AgentAssignment>,
    /// Teams that serve it, sorted by channel, language and team.
    #[serde(default)]
    pub team_assignments: Vec<TeamAssignment>,
}

/// An agent who serves a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentAssignment {
    /// Language code.
    pub lang: Option<String>,
    /// The order in which assignees are offered interactions, in the vendor's words.
    pub queue_level: Option<String>,
    /// The channel, in the vendor's words.
    pub channel_type: Option<String>,
    /// Who.
    pub assignee: Option<AgentReference>,
}

/// A team that serves a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeamAssignment {
    /// Language code.
    pub lang: Option<String>,
    /// The order in which assignees are offered interactions, in the vendor's words.
    pub queue_level: Option<String>,
    /// The channel, in the vendor's words.
    pub channel_type: Option<String>,
    /// Which.
    pub team: Option<Team>,
}

/// A path through menus, in one language and on one channel: customers wait on it, and service
/// levels are measured of it. Its id is `{path}/{language}/{channel}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QueuePath {
    /// The path's id; not the queue's.
    pub path_id: EntityId,
    /// Language code.
    pub lang: Option<String>,
    /// `call` or `chat`, or the vendor's word for another channel, in lower case.
    pub channel: Option<String>,
}

impl QueuePath {
    /// The entity's id. A part that the vendor does not give is empty.
    #[must_use]
    pub fn id(&self) -> EntityId {
        let lang = self.lang.as_deref().unwrap_or_default();
        let channel = self.channel.as_deref().unwrap_or_default();
        EntityId::new(format!("{}/{lang}/{channel}", self.path_id))
    }
}

/// A row of the queue snapshot: how many interactions wait on a path. Durations are whole seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// The path.
    pub queue: QueuePath,
    /// The queue's own id.
    pub queue_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub path: Option<String>,
    /// How many wait.
    pub depth: i64,
    /// When the longest wait began.
    pub oldest_queued_at: Option<Timestamp>,
    /// The longest wait.
    pub oldest_duration: Option<i64>,
    /// The sum of all waits.
    pub total_duration: Option<i64>,
    /// The average wait.
    pub average_duration: Option<i64>,
}

/// What a service level is measured of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// A path.
    Path(QueuePath),
    /// Queues that are measured together, on one channel. The id is `{group}/{channel}`.
    Group {
        /// The vendor's id of the group.
        group_id: EntityId,
        /// `call` or `chat`.
        channel: String,
    },
}

/// A row of the service level snapshot: how many of the last minutes' interactions were answered in
/// time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceLevel {
    /// What it is measured of.
    pub of: Measured,
    /// The path's names or the group's name.
    pub name: Option<String>,
    /// Percent; null when nothing was to be answered, which is not 0.
    pub percent: Option<f64>,
    /// Minutes it covers.
    pub minutes: i64,
}
