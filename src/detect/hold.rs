//! Customers on hold, from the snapshot of the agents' statuses.

use super::agent_state::AgentState;
use super::poll_context::{Change, PollContext};
use crate::event::body::AgentHold;
use crate::event::{Body, Occurrence, Origin};
use crate::model::{CurrentStatus, EntityId};

/// Compares a row of the status snapshot with what is known: whether a customer is on hold.
#[must_use]
pub fn current_status_row(
    state: Option<&AgentState>,
    row: &CurrentStatus,
    context: &PollContext,
) -> Change<AgentState> {
    let state = state.cloned().unwrap_or_default();
    set_hold(state, &row.agent_id, row.on_hold.unwrap_or(false), row.on_hold_duration, context)
}

/// An agent whom the status snapshot does not show has no customer on hold.
#[must_use]
pub fn current_status_absence(
    state: &AgentState,
    id: &EntityId,
    context: &PollContext,
) -> Change<AgentState> {
    set_hold(state.clone(), id, false, None, context)
}

fn set_hold(
    mut state: AgentState,
    id: &EntityId,
    on_hold: bool,
    seconds: Option<i64>,
    context: &PollContext,
) -> Change<AgentState> {
    let mut drafts = Vec::new();
    match (state.hold.since, on_hold) {
        (None, true) => {
            let so_far = seconds.unwrap_or(0).clamp(0, 86_400).saturating_mul(1000);
            let began = context.requested_at.plus_millis(-so_far);
            // The previous poll showed no hold: it cannot have begun before that.
            let began = context.previous_requested_at.map_or(began, |previous| began.max(previous));
            state.hold.since = Some(began);
            let body = Body::AgentHoldStarted(AgentHold { duration_ms: seconds.map(|_| so_far) });
            let occurrence = Occurrence::bounded(began, context.previous_requested_at);
            drafts.push(AgentState::draft(id, occurrence, context.unstamped_origin(), body));
        }
        (Some(since), false) => {
            state.hold.since = None;
            let duration_ms = Some(context.requested_at.millis_since(since).max(0));
            let body = Body::AgentHoldEnded(AgentHold { duration_ms });
            drafts.push(AgentState::draft(id, context.between(), Origin::Live, body));
        }
        _ => {}
    }
    Change { state, drafts }
}
