//! Which fields of two rows of a full scan differ.
//!
//! The lists name every field: a new one that they lack does not compile.

use std::collections::BTreeSet;

use crate::model::{
    Agent, EntityId, GroupReference, Queue, StatusDefinition, Team, TeamAssignment, TeamReference,
};

/// Names the fields of `$type` in which `$before` and `$after` differ. The pattern is exhaustive.
macro_rules! differing {
    ($type:ident, $before:expr, $after:expr; $($field:ident),* ; except $($except:ident),* $(,)?) => {{
        let $type { $($field: _,)* $($except: _,)* } = $before;
        let mut changed = Vec::new();
        $( if $before.$field != $after.$field { changed.push(stringify!($field)); } )*
        changed
    }};
}

/// The fields of an agent that differ and that no other event covers.
///
/// Status, activation and after-call work have events of their own. How many agents a team has is
/// a fact of the team, not of its members, and so is the name of a group. `updated_at` is the
/// record's bookkeeping.
pub(super) fn changed_in_agent(before: &Agent, after: &Agent) -> Vec<&'static str> {
    let mut changed = differing!(
        Agent, before, after;
        id, email, name, first_name, middle_name, last_name, avatar_url, agent_number,
        crm_authenticated, online, call_count, chat_count, location, created_at, last_login_time,
        roles, channels, outgoing_enabled, incoming_enabled, whatsapp_enabled, phone, address,
        destination, role_id, parents, user_id, created_by, created_by_type, working_hours,
        allowed_dids, favorite, pre_deleted;
        except status, status_updated_at, wrap_up, teams, active, groups, updated_at
    );
    let same_teams = before.teams.len() == after.teams.len()
        && before.teams.iter().zip(&after.teams).all(|(one, other)| same_team(one, other));
    if !same_teams {
        changed.push("teams");
    }
    if group_set(&before.groups) != group_set(&after.groups) {
        changed.push("groups");
    }
    changed
}

/// What identifies groups: their ids, or their names where they have none.
fn group_set(groups: &[GroupReference]) -> BTreeSet<Result<&EntityId, Option<&String>>> {
    groups.iter().map(|group| group.id.as_ref().ok_or(group.name.as_ref())).collect()
}

fn same_team(one: &TeamReference, other: &TeamReference) -> bool {
    let TeamReference { id, name, parent_id, position, deleted, agents_count: _ } = one;
    (id, name, parent_id, position, deleted)
        == (&other.id, &other.name, &other.parent_id, &other.position, &other.deleted)
}

/// The fields of a queue that differ. The members of a team that serves it are the team's facts.
pub(super) fn changed_in_queue(before: &Queue, after: &Queue) -> Vec<&'static str> {
    let mut changed = differing!(
        Queue, before, after;
        id, name, parent_id, position, deleted, hidden, menu_type, output_msg, agent_assignments;
        except team_assignments
    );
    let one = before.team_assignments.iter().map(bare);
    if !one.eq(after.team_assignments.iter().map(bare)) {
        changed.push("team_assignments");
    }
    changed
}

fn bare(assignment: &TeamAssignment) -> TeamAssignment {
    let team = assignment.team.as_ref();
    TeamAssignment {
        team: team.map(|team| Team { agents_count: None, assignees: Vec::new(), ..team.clone() }),
        ..assignment.clone()
    }
}

/// The fields of a team that differ.
pub(super) fn changed_in_team(before: &Team, after: &Team) -> Vec<&'static str> {
    differing!(
        Team, before, after;
        id, name, parent_id, position, deleted, agents_count, assignees; except
    )
}

/// The fields of a status that differ.
pub(super) fn changed_in_status_definition(
    before: &StatusDefinition,
    after: &StatusDefinition,
) -> Vec<&'static str> {
    differing!(StatusDefinition, before, after; id, name, presence, color, wfm_id; except)
}
