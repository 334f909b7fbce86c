//! Queues: what they are, who serves them, how many wait in them, and how well they are served.

use serde::{Deserialize, Serialize};

use super::{AgentReference, EntityId, Team, Timestamp};

/// A queue (at CCAI: a menu).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// The vendor's id; neither a path's nor a group's.
    pub id: EntityId,
    /// Its name.
    pub name: Option<String>,
    /// The menu above it.
    pub parent_id: Option<EntityId>,
    /// Its place among its siblings.
    pub position: Option<i64>,
    /// Whether the vendor has deleted it.
    pub deleted: Option<bool>,
    /// Whether it is hidden from customers.
    pub hidden: Option<bool>,
    /// The channel it serves, such as `ivr_menu`.
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
    /// Whom the queue asks first, such as `primary`.
    pub queue_level: Option<String>,
    /// The channel, such as `voice_call`.
    pub channel_type: Option<String>,
    /// Who.
    pub assignee: Option<AgentReference>,
}

/// A team that serves a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeamAssignment {
    /// Language code.
    pub lang: Option<String>,
    /// Whom the queue asks first, such as `primary`.
    pub queue_level: Option<String>,
    /// The channel, such as `voice_call`.
    pub channel_type: Option<String>,
    /// Which.
    pub team: Option<Team>,
}

/// A path through menus, in one language and on one channel: where customers wait, and what a
/// service level is measured of. Its id is `{path}/{language}/{channel}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QueuePath {
    /// The path's id; not the menu's.
    pub path_id: EntityId,
    /// Language code.
    pub lang: Option<String>,
    /// `call` or `chat`, or the vendor's word for another one, in small letters.
    pub channel: Option<String>,
}

impl QueuePath {
    /// The id under which events speak of it. What the vendor does not say is an empty part.
    #[must_use]
    pub fn id(&self) -> EntityId {
        let lang = self.lang.as_deref().unwrap_or_default();
        let channel = self.channel.as_deref().unwrap_or_default();
        EntityId::new(format!("{}/{lang}/{channel}", self.path_id))
    }
}

/// How many wait on a path at the moment of a reading. Durations are whole seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Where.
    pub queue: QueuePath,
    /// The queue's own id.
    pub menu_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub menu_path: Option<String>,
    /// How many wait.
    pub in_queue_count: i64,
    /// Since when the one waits who has waited longest.
    pub oldest_in_queue: Option<Timestamp>,
    /// For how long.
    pub oldest_duration_in_queue: Option<i64>,
    /// How long all of them have waited together.
    pub total_queue_duration: Option<i64>,
    /// How long each has waited on average.
    pub average_queue_duration: Option<i64>,
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

/// A service level at the moment of a reading: how many of the last minutes' interactions were
/// answered in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceLevel {
    /// Of what.
    pub of: Measured,
    /// The path's names or the group's name.
    pub name: Option<String>,
    /// Percent; null when nothing was to be answered, which is not 0.
    pub percent: Option<f64>,
    /// Minutes it looks back.
    pub minutes: i64,
}
