//! Agents and their activity log.

use super::parts::{Result, agent_reference, check, check_word, menu, status};
use crate::model::{
    Activity, Agent, AgentStatus, ChannelAssignment, CurrentStatus, Normalise, TeamReference,
};
use crate::source::UnknownValue;
use crate::source::ccai::vocabulary::{CHANNEL_TYPES, MENU_TYPES, VOCABULARY, presence};
use crate::source::fields::Fields;

/// A row of `agents`.
pub(in crate::source::ccai) fn agent(
    row: &Fields,
    unknown: &mut Vec<UnknownValue>,
) -> Result<Agent> {
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

/// A row of `agents/current_status`: the status is a text here, with its id beside it.
pub(in crate::source::ccai) fn current_status(
    row: &Fields,
    _: &mut Vec<UnknownValue>,
) -> Result<CurrentStatus> {
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
pub(in crate::source::ccai) fn activity(
    row: &Fields,
    unknown: &mut Vec<UnknownValue>,
) -> Result<Activity> {
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
