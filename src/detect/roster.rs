//! Agents as the roster shows them: who they are, where they belong, and after-call work.

use super::agent_state::{AgentState, Authority, KnownStatus, StatusSource};
use super::changed_fields::changed_in_agent;
use super::poll_context::{Change, PollContext};
use super::roster_status::{DatedStatusChange, roster_status};
use crate::event::body::{AgentActivation, AgentChange, AgentStatusChange, AgentWrapUp};
use crate::event::{Body, Occurrence, Origin};
use crate::model::{Agent, EntityId, Personal};

/// Compares a row of the roster with what is known of the agent.
#[must_use]
pub fn roster_row(
    state: Option<&AgentState>,
    row: &Agent,
    source: StatusSource,
    context: &PollContext,
) -> Change<AgentState> {
    let mut next = state.cloned().unwrap_or_default();
    if std::mem::take(&mut next.personal_removed)
        && let Some(before) = &mut next.roster
    {
        before.adopt_personal(row);
    }
    let mut drafts = Vec::new();
    let mut emit = |occurrence, origin, body| {
        drafts.push(AgentState::draft(&row.id, occurrence, origin, body));
    };

    match &next.roster {
        None => {
            let (occurrence, origin) = addition(row, context);
            let change = AgentChange { before: None, after: Some(row.clone()), changed: vec![] };
            emit(occurrence, origin, Body::AgentAdded(change));
        }
        Some(before) => {
            let changed = changed_in_agent(before, row);
            if !changed.is_empty() {
                let change = AgentChange {
                    before: Some(before.clone()),
                    after: Some(row.clone()),
                    changed: changed.into_iter().map(String::from).collect(),
                };
                emit(context.between(), Origin::Live, Body::AgentUpdated(change));
            }
        }
    }

    if let Some(active) = row.active {
        if next.active.is_some_and(|before| before != active) {
            let event = if active { Body::AgentActivated } else { Body::AgentDeactivated };
            emit(context.between(), Origin::Live, event(AgentActivation {}));
        }
        next.active = Some(active);
    }

    let changes = match source {
        StatusSource::Log => seed(&mut next.status, row, context).into_iter().collect(),
        StatusSource::Roster => roster_status(&mut next.status, row, context),
    };
    for (occurrence, origin, change) in changes {
        emit(occurrence, origin, Body::AgentStatusChanged(change));
    }

    let wrapping_up = row.wrap_up.unwrap_or(false);
    match (next.wrap_up.since, wrapping_up) {
        (None, true) => {
            next.wrap_up.since = Some(context.requested_at);
            let body = Body::AgentWrapUpStarted(AgentWrapUp { duration_ms: None });
            emit(context.between(), context.unstamped_origin(), body);
        }
        (Some(since), false) => {
            next.wrap_up.since = None;
            let duration_ms = Some(context.requested_at.millis_since(since).max(0));
            let body = Body::AgentWrapUpEnded(AgentWrapUp { duration_ms });
            emit(context.between(), Origin::Live, body);
        }
        _ => {}
    }

    next.roster = Some(row.clone());
    Change { state: next, drafts }
}

/// The status at the baseline, where the log has all that follow. A status that began after the
/// baseline is left to the log, so that it is emitted once.
fn seed(
    known: &mut Option<KnownStatus>,
    row: &Agent,
    context: &PollContext,
) -> Option<DatedStatusChange> {
    let since = row.status_updated_at;
    let status = row.status.as_ref().filter(|_| known.is_none())?;
    if since.is_some_and(|since| since >= context.baseline_at) {
        return None;
    }
    let current = status.value();
    let authority = Authority::Seed;
    *known = Some(KnownStatus { value: current.clone(), since, activity_id: None, authority });
    let occurrence = since.map_or_else(|| context.between(), Occurrence::stamped);
    let change = AgentStatusChange {
        previous: None,
        current,
        previous_duration_ms: None,
        activity_id: None,
        interaction: None,
    };
    Some((occurrence, context.unstamped_origin(), change))
}

/// When an agent was added: at the vendor's stamp where that lies between the two polls.
fn addition(row: &Agent, context: &PollContext) -> (Occurrence, Origin) {
    let origin = context.unstamped_origin();
    let stamped = row.created_at.filter(|created| {
        origin == Origin::Live
            && context.previous_requested_at.is_some_and(|previous| *created >= previous)
            && *created <= context.answered_at
    });
    (stamped.map_or_else(|| context.between(), Occurrence::stamped), origin)
}

/// An agent is removed: the roster no longer shows it, and that is confirmed.
///
/// After-call work and hold that have not ended end with the agent, without an event.
#[must_use]
pub fn roster_absence(
    state: &AgentState,
    id: &EntityId,
    context: &PollContext,
) -> Change<AgentState> {
    let mut drafts = Vec::new();
    if let Some(before) = &state.roster {
        let change = AgentChange { before: Some(before.clone()), after: None, changed: vec![] };
        let body = Body::AgentRemoved(change);
        drafts.push(AgentState::draft(id, context.between(), Origin::Live, body));
    }
    Change { state: AgentState::default(), drafts }
}
