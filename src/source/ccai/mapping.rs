//! From the vendor's fields to the model: every field of the document and of its examples.

mod interactions;
mod queues;

pub(super) use interactions::{call, chat};
pub(super) use queues::{LevelRow, level, queue, queue_status, status_definition, team};

use super::vocabulary::{CHANNEL_TYPES, MENU_TYPES, VOCABULARY, presence};
use crate::model::{
    Activity, Agent, AgentReference, AgentStatus, ChannelAssignment, CurrentStatus, Menu, MenuPath,
    Normalise, TeamReference, Words,
};
use crate::source::fields::Fields;
use crate::source::{QuarantineReason, UnknownValue};

type Result<T> = std::result::Result<T, QuarantineReason>;

/// Counts a value that its table does not know.
fn check(
    value: Option<&String>,
    known: &[&str],
    field: &'static str,
    unknown: &mut Vec<UnknownValue>,
) {
    if value.is_some_and(|value| !known.contains(&value.as_str())) {
        unknown.push(UnknownValue { field });
    }
}

/// Counts a word that its table does not know.
fn check_word<T>(
    word: Option<&str>,
    known: Words<T>,
    field: &'static str,
    unknown: &mut Vec<UnknownValue>,
) {
    if word.is_some_and(|word| known.iter().all(|(known, _)| *known != word)) {
        unknown.push(UnknownValue { field });
    }
}

/// A row of `agents`.
pub(super) fn agent(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Agent> {
    let mut roles = row.texts("roles")?;
    roles.sort();
    let mut teams = row.list("teams", team_reference)?;
    teams.sort_by(|one, other| one.id.cmp(&other.id));
    let mut channels = row.list("channels", |channel| {
        Ok(ChannelAssignment {
            channel_type: channel.text("channel_type")?,
            menu: channel.part("menu", menu)?,
        })
    })?;
    channels.sort_by_cached_key(|channel| {
        (channel.channel_type.clone(), channel.menu.as_ref().and_then(|menu| menu.id.clone()))
    });
    for channel in &channels {
        let kind = channel.menu.as_ref().and_then(|menu| menu.menu_type.as_ref());
        check(channel.channel_type.as_ref(), CHANNEL_TYPES, "agent.channel_type", unknown);
        check(kind, MENU_TYPES, "agent.menu_type", unknown);
    }
    Ok(Agent {
        email: row.text("email")?,
        name: row.text("name")?,
        first_name: row.text("first_name")?,
        middle_name: row.text("middle_name")?,
        last_name: row.text("last_name")?,
        avatar_url: row.text("avatar_url")?,
        agent_number: row.text("agent_number")?,
        status: row.part("status", status)?,
        status_updated_at: row.time("status_updated_at")?,
        crm_authenticated: row.flag("crm_authenticated")?,
        online: row.flag("online")?,
        wrap_up: row.flag("wrap_up")?,
        call_count: row.integer("call_count")?,
        chat_count: row.integer("chat_count")?,
        location: row.text("location")?,
        created_at: row.time("created_at")?,
        last_login_time: row.time("last_login_time")?,
        roles,
        teams,
        channels,
        ..Agent::new(row.required_id("id")?)
    })
}

fn status(fields: &Fields) -> Result<AgentStatus> {
    let id = fields.required_id("id")?;
    Ok(AgentStatus {
        presence: presence(&id),
        id,
        name: fields.text("name")?,
        color: fields.text("color")?,
        wfm_id: fields.text("wfm_id")?,
    })
}

fn team_reference(fields: &Fields) -> Result<TeamReference> {
    Ok(TeamReference {
        id: fields.required_id("id")?,
        name: fields.text("name")?,
        parent_id: fields.id("parent_id")?,
        position: fields.integer("position")?,
        deleted: fields.flag("deleted")?,
        agents_count: fields.integer("agents_count")?,
    })
}

fn menu(fields: &Fields) -> Result<Menu> {
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

fn menu_path(fields: &Fields) -> Result<MenuPath> {
    Ok(MenuPath {
        items_count: fields.integer("items_count")?,
        name: fields.text("name")?,
        materialized_path: fields.text("materialized_path")?,
    })
}

fn agent_reference(fields: &Fields) -> Result<AgentReference> {
    Ok(AgentReference {
        id: fields.id("id")?,
        name: fields.text("name")?,
        last_name: fields.text("last_name")?,
        first_name: fields.text("first_name")?,
        agent_number: fields.text("agent_number")?,
        avatar_url: fields.text("avatar_url")?,
    })
}

/// A row of `agents/current_status`: the status is a text here, its id stands beside it.
pub(super) fn current_status(row: &Fields, _: &mut Vec<UnknownValue>) -> Result<CurrentStatus> {
    let status_id = row.required_id("status_id")?;
    Ok(CurrentStatus {
        agent_id: row.required_id("id")?,
        status: AgentStatus {
            presence: presence(&status_id),
            id: status_id,
            name: row.text("status")?,
            color: None,
            wfm_id: None,
        },
        status_updated_at: row.time("status_updated_at")?,
        on_hold: row.flag("on_hold")?,
        on_hold_duration: row.integer("on_hold_duration")?,
    })
}

/// A row of `agent_activity_logs`.
pub(super) fn activity(row: &Fields, unknown: &mut Vec<UnknownValue>) -> Result<Activity> {
    let activity = row.text("activity")?;
    check_word(activity.as_deref(), VOCABULARY.activities, "activity.activity", unknown);
    let mut activity = Activity {
        id: row.required_id("id")?,
        agent_id: row.required_id("agent_id")?,
        activity: activity.unwrap_or_default().into(),
        started_at: row.required_time("started_at")?,
        ended_at: row.time("ended_at")?,
        duration: row.integer("duration")?,
        status: row.part("status", status)?,
        call_id: row.id("call_id")?,
        chat_id: row.id("chat_id")?,
        whodunnit: row.part("whodunnit", agent_reference)?,
    };
    activity.normalise(&VOCABULARY);
    Ok(activity)
}
