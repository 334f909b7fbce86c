//! Agents: the roster's row, and the status that a snapshot shows.

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
    /// Calls at the time of the poll.
    pub call_count: Option<i64>,
    /// Chats at the time of the poll.
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
    /// Whether the agent's account is switched on. It is independent of presence.
    pub active: Option<bool>,
    /// Groups the agent belongs to, sorted. They compare by their ids, or by their names where the
    /// vendor gives no ids.
    #[serde(default)]
    pub groups: Vec<GroupReference>,
    /// Whether the agent may make calls.
    pub outgoing_enabled: Option<bool>,
    /// Whether the agent may take calls.
    pub incoming_enabled: Option<bool>,
    /// Whether the agent may have WhatsApp conversations.
    pub whatsapp_enabled: Option<bool>,
    /// When the vendor last wrote the row. It also changes when no other field does, and is no
    /// change by itself.
    pub updated_at: Option<Timestamp>,
    /// Personal: the agent's telephone number.
    pub phone: Option<String>,
    /// Personal: the agent's address, as free text.
    pub address: Option<String>,
    /// Where calls to the agent go.
    pub destination: Option<Destination>,
    /// The vendor's id of the role, where `roles` has its name.
    pub role_id: Option<EntityId>,
    /// The agents above this one, from the top down.
    #[serde(default)]
    pub parents: Vec<EntityId>,
    /// The vendor's user to whom the agent belongs.
    pub user_id: Option<EntityId>,
    /// Who created the agent.
    pub created_by: Option<EntityId>,
    /// What kind of user that was, in the vendor's words.
    pub created_by_type: Option<String>,
    /// When the agent works, as planned.
    #[serde(default)]
    pub working_hours: Vec<WorkingHours>,
    /// The contact centre's numbers the agent may call from, sorted.
    #[serde(default)]
    pub allowed_dids: Vec<String>,
    /// Content: the vendor's field for favourites; its document does not describe the values.
    pub favorite: Option<String>,
    /// The vendor's flag that precedes a deletion.
    pub pre_deleted: Option<bool>,
}

impl Agent {
    /// An agent of whom only the id is known. Fields that a vendor lacks stay like this.
    #[must_use]
    pub const fn new(id: EntityId) -> Self {
        Self {
            id,
            email: None,
            name: None,
            first_name: None,
            middle_name: None,
            last_name: None,
            avatar_url: None,
            agent_number: None,
            status: None,
            status_updated_at: None,
            crm_authenticated: None,
            online: None,
            wrap_up: None,
            call_count: None,
            chat_count: None,
            location: None,
            created_at: None,
            last_login_time: None,
            roles: Vec::new(),
            teams: Vec::new(),
            channels: Vec::new(),
            active: None,
            groups: Vec::new(),
            outgoing_enabled: None,
            incoming_enabled: None,
            whatsapp_enabled: None,
            updated_at: None,
            phone: None,
            address: None,
            destination: None,
            role_id: None,
            parents: Vec::new(),
            user_id: None,
            created_by: None,
            created_by_type: None,
            working_hours: Vec::new(),
            allowed_dids: Vec::new(),
            favorite: None,
            pre_deleted: None,
        }
    }
}

/// A group of agents, as it is in an agent's row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupReference {
    /// The vendor's id, where it has one.
    pub id: Option<EntityId>,
    /// Its name, where the vendor gives it.
    pub name: Option<String>,
}

/// Where calls to an agent go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The kind of destination, in the vendor's words.
    pub kind: Option<String>,
    /// Personal: the number or address.
    pub value: Option<String>,
}

/// Hours of some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingHours {
    /// The days, in the vendor's words and order.
    #[serde(default)]
    pub days: Vec<String>,
    /// Their begin, as the vendor gives it: minutes after midnight in its local time.
    pub from: Option<i64>,
    /// Their end, in the same unit.
    pub to: Option<i64>,
}

impl AgentStatus {
    /// A status of a vendor that has no ids: its word is the id and the name.
    #[must_use]
    pub fn of_word(word: String, presence: Presence) -> Self {
        Self {
            id: EntityId::new(word.as_str()),
            name: Some(word),
            presence,
            color: None,
            wfm_id: None,
        }
    }
}

/// A status, as it is in the row of an agent or of the activity log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// The vendor's id, or its word where it has no ids. Names repeat; the id is the status.
    pub id: EntityId,
    /// The vendor's or the account's name of it.
    pub name: Option<String>,
    /// What it means.
    pub presence: Presence,
    /// The colour on the vendor's screens.
    pub color: Option<String>,
    /// The id in the workforce management system.
    pub wfm_id: Option<String>,
}

/// A team, as it is in an agent's row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeamReference {
    /// The vendor's id.
    pub id: EntityId,
    /// Its name.
    pub name: Option<String>,
    /// The team above it.
    pub parent_id: Option<EntityId>,
    /// Its position in the vendor's list.
    pub position: Option<i64>,
    /// Whether the vendor has deleted it.
    pub deleted: Option<bool>,
    /// How many agents it has.
    pub agents_count: Option<i64>,
}

/// A queue an agent serves on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelAssignment {
    /// The channel, in the vendor's words.
    pub channel_type: Option<String>,
    /// The queue.
    pub menu: Option<Menu>,
}

/// An agent, as named inside another record. Vendors swap first and last name in some records, so a
/// name is never composed from them; the id is the identity.
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

/// A row of the status snapshot; only agents who are logged in have one.
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
