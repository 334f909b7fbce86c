//! From a row of the list to the model (vendor's document, "Response").

use crate::model::{Agent, AgentStatus, Presence};
use crate::source::fields::Fields;
use crate::source::{QuarantineReason, UnknownValue};

/// The statuses of the filter `status`, and what they mean.
const STATUSES: &[(&str, Presence)] = &[
    ("ACTIVE", Presence::Available),
    ("BUSY", Presence::Busy),
    ("AWAY", Presence::Away),
    // An invisible agent is shown to others as absent.
    ("INVISIBLE", Presence::Offline),
];
/// The roles of the filter `role`.
const ROLES: &[&str] = &["AGENT", "SUPERVISOR"];

/// A row of the list.
pub(super) fn agent(
    row: &Fields,
    unknown: &mut Vec<UnknownValue>,
) -> Result<Agent, QuarantineReason> {
    let status = row.text("status")?.map(|word| {
        let known = STATUSES.iter().find(|(name, _)| *name == word);
        if known.is_none() {
            unknown.push(UnknownValue { field: "agent.status" });
        }
        AgentStatus::of_word(word, known.map_or(Presence::Other, |(_, presence)| *presence))
    });
    let mut roles = row.texts("role")?;
    roles.sort();
    if roles.iter().any(|role| !ROLES.contains(&role.as_str())) {
        unknown.push(UnknownValue { field: "agent.role" });
    }
    Ok(Agent {
        name: row.text("displayName")?,
        status,
        roles,
        active: row.flag("enabled")?,
        created_at: row.time("createdAt")?,
        updated_at: row.time("updatedAt")?,
        ..Agent::new(row.required_id("id")?)
    })
}
