//! From a row of the list to the model (vendor's document, "In Case of Success").

use serde_json::Value;

use crate::model::{Agent, AgentStatus, EntityId, GroupReference, Presence, Timestamp};
use crate::source::fields::{self, Fields};
use crate::source::{QuarantineReason, UnknownValue};

type Result<T> = std::result::Result<T, QuarantineReason>;

/// The vendor's own states. Accounts define others, whose meaning is not known.
const STATES: &[(&str, Presence)] =
    &[("available", Presence::Available), ("busy", Presence::Busy), ("absent", Presence::Away)];

/// A row of the list.
pub(super) fn agent(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Agent> {
    let (status, status_updated_at) = state(row, unknown)?;
    Ok(Agent {
        name: row.text("name")?,
        email: row.text("email")?,
        active: row.flag("active")?,
        groups: groups(row)?,
        outgoing_enabled: row.flag("outgoingEnabled")?,
        incoming_enabled: row.flag("incomingEnabled")?,
        whatsapp_enabled: row.flag("whatsappEnabled")?,
        status,
        status_updated_at,
        created_at: row.time_or_epoch("created_at")?,
        ..Agent::new(row.required_id("identifier")?)
    })
}

/// The state and its start. The document says that they come together and not how: as an object, as
/// a list of two, or as the state alone. Any other form gives no state, and is counted.
fn state(
    row: &Fields,
    unknown: &mut Vec<UnknownValue>,
) -> Result<(Option<AgentStatus>, Option<Timestamp>)> {
    let (word, since) = match row.raw("state") {
        None => return Ok((None, None)),
        Some(Value::Object(_)) => row.part("state", named_parts)?.unwrap_or_default(),
        Some(Value::Array(parts)) => (parts.first(), parts.get(1).filter(|since| !since.is_null())),
        bare => (bare, None),
    };
    let since = since.and_then(|since| {
        let time = fields::time_or_epoch(since);
        if time.is_none() {
            unknown.push(UnknownValue { field: "agent.state.timestamp" });
        }
        time
    });
    match word.and_then(Value::as_str).filter(|word| !word.is_empty()) {
        Some(word) => Ok((Some(status(word)), since)),
        None => {
            unknown.push(UnknownValue { field: "agent.state" });
            Ok((None, None))
        }
    }
}

/// The word and the start in an object.
#[allow(clippy::unnecessary_wraps, reason = "what reads a part may fail")]
fn named_parts<'a>(state: &Fields<'a>) -> Result<(Option<&'a Value>, Option<&'a Value>)> {
    let first = |names: [&str; 2]| names.map(|name| state.raw(name)).into_iter().flatten().next();
    Ok((first(["name", "state"]), first(["timestamp", "since"])))
}

fn status(word: &str) -> AgentStatus {
    let known = STATES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    AgentStatus::of_word(word.to_owned(), known.map_or(Presence::Other, |(_, presence)| *presence))
}

/// The groups, by name or as objects: the document does not say which.
fn groups(row: &Fields) -> Result<Vec<GroupReference>> {
    let mut groups = match row.raw("groups") {
        Some(Value::Array(items)) if items.iter().any(Value::is_object) => {
            row.list("groups", |group| {
                let id = match group.id("identifier")? {
                    Some(id) => Some(id),
                    None => group.id("id")?,
                };
                Ok(GroupReference { id, name: group.text("name")? })
            })?
        }
        Some(Value::Array(items)) if items.iter().any(Value::is_number) => {
            let of = |id: EntityId| GroupReference { id: Some(id), name: None };
            row.texts("groups")?.into_iter().map(EntityId::new).map(of).collect()
        }
        _ => {
            let of = |name| GroupReference { id: None, name: Some(name) };
            row.texts("groups")?.into_iter().filter(|name| !name.is_empty()).map(of).collect()
        }
    };
    groups.sort();
    groups.dedup();
    Ok(groups)
}
