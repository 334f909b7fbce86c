//! What administrators define: teams and statuses.

use serde::{Deserialize, Serialize};

use super::{AgentReference, EntityId, Presence};

/// A team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Team {
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
    /// Who belongs to it, sorted by id.
    #[serde(default)]
    pub assignees: Vec<AgentReference>,
}

/// A status that agents may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusDefinition {
    /// The vendor's id. Names repeat; the id is the status.
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
