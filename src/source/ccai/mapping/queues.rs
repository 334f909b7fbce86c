//! Queues, service levels, teams and statuses.

use super::parts::{Result, agent_reference, check};
use crate::model::{
    AgentAssignment, EntityId, Queue, QueuePath, QueueStatus, StatusDefinition, Team,
    TeamAssignment,
};
use crate::source::UnknownValue;
use crate::source::ccai::vocabulary::{CHANNEL_TYPES, COMM_TYPES, MENU_TYPES, presence};
use crate::source::fields::Fields;

/// A row of `menus`, of its tree or of a single menu.
pub(in crate::source::ccai) fn queue(
    row: &Fields,
    unknown: &mut Vec<UnknownValue>,
) -> Result<Queue> {
    let mut agent_assignments = row.list("agent_assignments", |assignment| {
        Ok(AgentAssignment {
            lang: assignment.text("lang")?,
            queue_level: assignment.text("queue_level")?,
            channel_type: assignment.text("channel_type")?,
            assignee: assignment.part("assignee", agent_reference)?,
        })
    })?;
    agent_assignments.sort_by_cached_key(|one| {
        let agent = one.assignee.as_ref().and_then(|agent| agent.id.clone());
        (one.channel_type.clone(), one.lang.clone(), one.queue_level.clone(), agent)
    });
    let mut team_assignments = row.list("team_assignments", |assignment| {
        Ok(TeamAssignment {
            lang: assignment.text("lang")?,
            queue_level: assignment.text("queue_level")?,
            channel_type: assignment.text("channel_type")?,
            team: assignment.part("team", assigned_team)?,
        })
    })?;
    team_assignments.sort_by_cached_key(|one| {
        let team = one.team.as_ref().map(|team| team.id.clone());
        (one.channel_type.clone(), one.lang.clone(), one.queue_level.clone(), team)
    });
    let of_agents = agent_assignments.iter().map(|assignment| &assignment.channel_type);
    let of_teams = team_assignments.iter().map(|assignment| &assignment.channel_type);
    for channel_type in of_agents.chain(of_teams) {
        check(channel_type.as_ref(), CHANNEL_TYPES, "queue.channel_type", unknown);
    }
    let menu_type = row.text("menu_type")?;
    check(menu_type.as_ref(), MENU_TYPES, "queue.menu_type", unknown);
    Ok(Queue {
        id: row.required_id("id")?,
        name: row.text("name")?,
        parent_id: row.id("parent_id")?,
        position: row.integer("position")?,
        deleted: row.flag("deleted")?,
        hidden: row.flag("hidden")?,
        menu_type,
        output_msg: row.text("output_msg")?,
        agent_assignments,
        team_assignments,
    })
}

/// A row of `teams`, of its tree or of a single team.
pub(in crate::source::ccai) fn team(row: &Fields, _: &mut Vec<UnknownValue>) -> Result<Team> {
    assigned_team(row)
}

/// `assignees` is an object in the document's model and an array in its examples.
fn assigned_team(fields: &Fields) -> Result<Team> {
    let mut assignees = fields.list("assignees", agent_reference)?;
    assignees.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Team {
        id: fields.required_id("id")?,
        name: fields.text("name")?,
        parent_id: fields.id("parent_id")?,
        position: fields.integer("position")?,
        deleted: fields.flag("deleted")?,
        agents_count: fields.integer("agents_count")?,
        assignees,
    })
}

/// A row of `user_statuses`.
pub(in crate::source::ccai) fn status_definition(
    row: &Fields,
    _: &mut Vec<UnknownValue>,
) -> Result<StatusDefinition> {
    let id = row.required_id("id")?;
    Ok(StatusDefinition {
        presence: presence(&id),
        id,
        name: row.text("name")?,
        color: row.text("color")?,
        wfm_id: row.text("wfm_id")?,
    })
}

/// A row of `menus/current_status`. `comm_type` is `Call` here where a parameter is `call`.
pub(in crate::source::ccai) fn queue_status(
    row: &Fields,
    unknown: &mut Vec<UnknownValue>,
) -> Result<QueueStatus> {
    let channel = row.text("comm_type")?.map(|word| word.to_ascii_lowercase());
    check(channel.as_ref(), COMM_TYPES, "queue_status.comm_type", unknown);
    Ok(QueueStatus {
        queue: QueuePath {
            path_id: row.required_id("menu_path_id")?,
            lang: row.text("lang")?,
            channel,
        },
        queue_id: row.id("menu_id")?,
        path: row.text("menu_path")?,
        depth: row.required_integer("in_queue_count")?,
        oldest_queued_at: row.time("oldest_in_queue")?,
        oldest_duration: row.integer("oldest_duration_in_queue")?,
        total_duration: row.integer("total_queue_duration")?,
        average_duration: row.integer("average_queue_duration")?,
    })
}

/// A row of `menus/sla` or `menus/sla_by_queue_groups`; the channel is a parameter of the request.
pub(in crate::source::ccai) struct LevelRow {
    /// The path's id or the group's.
    pub(in crate::source::ccai) id: EntityId,
    pub(in crate::source::ccai) lang: Option<String>,
    pub(in crate::source::ccai) name: Option<String>,
    /// Percent; null is not 0.
    pub(in crate::source::ccai) percent: Option<f64>,
}

/// A row of `menus/sla` or `menus/sla_by_queue_groups`.
pub(in crate::source::ccai) fn level(row: &Fields, _: &mut Vec<UnknownValue>) -> Result<LevelRow> {
    let group = row.id("queue_group_id")?;
    Ok(match group {
        Some(id) => LevelRow {
            id,
            lang: None,
            name: row.text("queue_group_name")?,
            percent: row.number("sla")?,
        },
        None => LevelRow {
            id: row.required_id("menu_path_id")?,
            lang: row.text("lang")?,
            name: row.text("menu_path")?,
            percent: row.number("sla")?,
        },
    })
}
