//! Agents: who they are, where they belong, and the status a snapshot shows.

use serde::{Deserialize, Serialize};

use super::{EntityId, Menu, Presence, Timestamp};

/// An agent as the vendor's roster shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The vendor's id.
    pub id: EntityId,
    /// Personal: the agent's e-mail address.
    pub email: Option<String>,
    /// Personal: the name as the vendor composes it, where it does.
    pub name: Option<String>,
    /// Personal.
    pub first_name: Option<String>,
    /// Personal.
    pub middle_name: Option<String>,
    /// Personal.
    pub last_name: Option<String>,
    /// Personal: address of a picture.
    pub avatar_url: Option<String>,
    /// Personal: the number the account's administrator gave the agent.
    pub agent_number: Option<String>,
    /// The status of the snapshot. Where there is an activity log, the log is the authority.
    pub status: Option<AgentStatus>,
    /// Since when the agent is in that status.
    pub status_updated_at: Option<Timestamp>,
    /// Whether the agent is logged into the customer relations system.
    pub crm_authenticated: Option<bool>,
    /// Whether the agent's client is connected.
    pub online: Option<bool>,
    /// Whether the agent is in after-call work.
    pub wrap_up: Option<bool>,
    /// Calls at the moment of the reading.
    pub call_count: Option<i64>,
    /// Chats at the moment of the reading.
    pub chat_count: Option<i64>,
    /// Where the agent works.
    pub location: Option<String>,
    /// When the agent was created.
    pub created_at: Option<Timestamp>,
    /// When the agent last logged in.
    pub last_login_time: Option<Timestamp>,
    /// Roles, in the vendor's words, sorted.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Teams the agent belongs to, sorted by id.
    #[serde(default)]
    pub teams: Vec<TeamReference>,
    /// Queues the agent is assigned to, sorted by channel and queue.
    #[serde(default)]
    pub channels: Vec<ChannelAssignment>,
}

/// A status, as it stands in an agent's row or an activity's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// The vendor's id, or its word where it has no ids. Names repeat; the id is the status.
    pub id: EntityId,
    /// The vendor's or the account's name of it.
    pub name: Option<String>,
    /// What it means.
    pub presence: Presence,
    /// The colour of the vendor's screens.
    pub color: Option<String>,
    /// The id in the workforce management system.
    pub wfm_id: Option<String>,
}

/// A team, as it stands in an agent's row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeamReference {
    /// The vendor's id.
    pub id: EntityId,
    /// Its name.
    pub name: Option<String>,
    /// The team above it.
    pub parent_id: Option<EntityId>,
    /// Its place in the vendor's list.
    pub position: Option<i64>,
    /// Whether the vendor has deleted it.
    pub deleted: Option<bool>,
    /// How many agents it has.
    pub agents_count: Option<i64>,
}

/// A queue an agent serves on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelAssignment {
    /// The channel in the vendor's words, such as `voice_call` or `chat`.
    pub channel_type: Option<String>,
    /// The queue.
    pub menu: Option<Menu>,
}

/// An agent, as named inside another record. First and last name are swapped in places of the
/// vendors' records, so names are never composed from it; the id is the identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentReference {
    /// The vendor's id.
    pub id: Option<EntityId>,
    /// Personal.
    pub name: Option<String>,
    /// Personal.
    pub last_name: Option<String>,
    /// Personal.
    pub first_name: Option<String>,
    /// Personal.
    pub agent_number: Option<String>,
    /// Personal: address of a picture.
    pub avatar_url: Option<String>,
}

/// An agent's status at the moment of a reading; only agents who are logged in have one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurrentStatus {
    /// The agent.
    pub agent_id: EntityId,
    /// The status.
    pub status: AgentStatus,
    /// Since when the agent is in it.
    pub status_updated_at: Option<Timestamp>,
    /// Whether the agent has a customer on hold.
    pub on_hold: Option<bool>,
    /// Seconds the customer has been on hold.
    pub on_hold_duration: Option<i64>,
}
