//! From the vendor's fields to the model: every field of the document and of its example, except
//! the passwords, which were removed before.

use crate::model::{Agent, Destination, EntityId, GroupReference, WorkingHours};
use crate::source::fields::Fields;
use crate::source::{QuarantineReason, UnknownValue};

type Result<T> = std::result::Result<T, QuarantineReason>;

/// What the document lists for every agent. A row that lacks one of them is of another form (that
/// of `quick`, which is never requested): the missing fields are unknown, not removed.
const ALWAYS: [&str; 6] = ["email", "phone", "dest_type", "dest_value", "group", "status"];

/// Where calls to an agent may go (vendor's document, "Response Details").
const DESTINATIONS: [&str; 2] = ["MOBILE", "SIP"];

/// A row of the list.
pub(super) fn agent(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Agent> {
    let id = row.required_id("unique_id")?;
    // Its value was checked before.
    let _ = row.flag("isDeleted");
    let name = if row.is_there("name") { "name" } else { "nm" };
    for field in ALWAYS.into_iter().chain([name]) {
        if !row.is_there(field) {
            let kind = String::from("expected a full row");
            return Err(QuarantineReason { path: field.to_owned(), kind });
        }
    }
    let role_id = row.id("role").ok().flatten();
    let role = filled(row, "roleName")?;
    Ok(Agent {
        name: filled(row, name)?,
        email: filled(row, "email")?,
        phone: filled(row, "phone")?,
        address: filled(row, "address")?,
        active: active(row, unknown),
        groups: groups(row)?,
        destination: destination(row, unknown)?,
        roles: role.or_else(|| role_id.as_ref().map(ToString::to_string)).into_iter().collect(),
        role_id,
        parents: parents(row)?,
        user_id: owner(row, "user_id")?,
        created_at: row.time_or_epoch("create_date")?,
        created_by: owner(row, "create_by")?,
        created_by_type: filled(row, "create_by_type")?,
        working_hours: row.list("working", |hours| {
            // It repeats the agent's own id.
            let _ = hours.id("agentId");
            Ok(WorkingHours {
                days: hours.texts("wDays")?,
                from: hours.integer("from")?,
                to: hours.integer("to")?,
            })
        })?,
        allowed_dids: allowed_dids(row)?,
        favorite: favorite(row),
        pre_deleted: row.flag("preDeleted")?,
        ..Agent::new(id)
    })
}

/// A text; the vendor's empty text is none.
fn filled(row: &Fields, name: &str) -> Result<Option<String>> {
    Ok(row.text(name)?.filter(|text| !text.is_empty()))
}

/// An id; the vendor's empty text is none.
fn owner(row: &Fields, name: &str) -> Result<Option<EntityId>> {
    if filled(row, name).is_ok_and(|text| text.is_none()) { Ok(None) } else { row.id(name) }
}

/// Whether the agent's account is switched on: 1 or 0. Any other value is unknown, and counted.
fn active(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Option<bool> {
    match row.integer("status") {
        Ok(Some(1)) => Some(true),
        Ok(Some(0)) => Some(false),
        Ok(None) => None,
        Ok(Some(_)) | Err(_) => {
            unknown.push(UnknownValue { field: "agent.status" });
            None
        }
    }
}

/// The groups by their ids, each with its name where the list of names has one.
fn groups(row: &Fields) -> Result<Vec<GroupReference>> {
    let names = row.text_entries("groupNames")?;
    let name = |id: &EntityId| names.iter().find(|(known, _)| known == id.as_str());
    let mut groups: Vec<_> = row
        .ids("group")?
        .into_iter()
        .map(|id| {
            let name = name(&id).map(|(_, name)| name.clone());
            GroupReference { id: Some(id), name }
        })
        .collect();
    groups.sort();
    groups.dedup();
    Ok(groups)
}

fn destination(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Option<Destination>> {
    let (kind, value) = (filled(row, "dest_type")?, filled(row, "dest_value")?);
    if kind.as_ref().is_some_and(|kind| !DESTINATIONS.contains(&kind.as_str())) {
        unknown.push(UnknownValue { field: "agent.dest_type" });
    }
    Ok((kind.is_some() || value.is_some()).then_some(Destination { kind, value }))
}

/// The agents above, from the top down: `,START,4,` is agent 4 alone.
fn parents(row: &Fields) -> Result<Vec<EntityId>> {
    let path = row.text("parent")?.unwrap_or_default();
    let parents = path.split(',').map(str::trim);
    Ok(parents.filter(|parent| !matches!(*parent, "" | "START")).map(EntityId::new).collect())
}

/// `""`, or a list.
fn allowed_dids(row: &Fields) -> Result<Vec<String>> {
    let mut dids = row.texts("allowDid")?;
    dids.retain(|did| !did.is_empty());
    dids.sort();
    Ok(dids)
}

/// `""` in the example, and not described: any value, as a text.
fn favorite(row: &Fields) -> Option<String> {
    match filled(row, "favorite") {
        Ok(text) => text,
        Err(_) => Some(row.json_texts("favorite").join(",")).filter(|text| !text.is_empty()),
    }
}
