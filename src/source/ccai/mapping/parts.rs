//! What several kinds of rows have in common: references, menus, and the count of unknown words.

use crate::model::{AgentReference, AgentStatus, Menu, MenuPath, Words};
use crate::source::ccai::vocabulary::presence;
use crate::source::fields::Fields;
use crate::source::{QuarantineReason, UnknownValue};

pub(super) type Result<T> = std::result::Result<T, QuarantineReason>;

/// Counts a value that is not in its list.
pub(super) fn check(
    value: Option<&String>,
    known: &[&str],
    field: &'static str,
    unknown: &mut Vec<UnknownValue>,
) {
    if value.is_some_and(|value| !known.contains(&value.as_str())) {
        unknown.push(UnknownValue { field });
    }
}

/// Counts a word that is not in its table.
pub(super) fn check_word<T>(
    word: Option<&str>,
    known: Words<T>,
    field: &'static str,
    unknown: &mut Vec<UnknownValue>,
) {
    if word.is_some_and(|word| known.iter().all(|(known, _)| *known != word)) {
        unknown.push(UnknownValue { field });
    }
}

pub(super) fn status(fields: &Fields) -> Result<AgentStatus> {
    let id = fields.required_id("id")?;
    Ok(AgentStatus {
        presence: presence(&id),
        id,
        name: fields.text("name")?,
        color: fields.text("color")?,
        wfm_id: fields.text("wfm_id")?,
    })
}

pub(super) fn menu(fields: &Fields) -> Result<Menu> {
    Ok(Menu {
        id: fields.id("id")?,
        name: fields.text("name")?,
        parent_id: fields.id("parent_id")?,
        position: fields.integer("position")?,
        deleted: fields.flag("deleted")?,
        hidden: fields.flag("hidden")?,
        menu_type: fields.text("menu_type")?,
        output_msg: fields.text("output_msg")?,
    })
}

pub(super) fn menu_path(fields: &Fields) -> Result<MenuPath> {
    Ok(MenuPath {
        items_count: fields.integer("items_count")?,
        name: fields.text("name")?,
        materialized_path: fields.text("materialized_path")?,
    })
}

pub(super) fn agent_reference(fields: &Fields) -> Result<AgentReference> {
    Ok(AgentReference {
        id: fields.id("id")?,
        name: fields.text("name")?,
        last_name: fields.text("last_name")?,
        first_name: fields.text("first_name")?,
        agent_number: fields.text("agent_number")?,
        avatar_url: fields.text("avatar_url")?,
    })
}
