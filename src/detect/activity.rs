//! The activity log: where there is one, it is the only authority on status, login and logout.
//!
//! Rows are applied in order of (start, id). A row that comes after later ones is a late fact: it
//! is published as recovered and never folded into the current state.

use super::agent_state::{AgentState, Authority, KnownStatus, WRITE_SKEW};
use super::poll_context::{Change, PollContext};
use crate::event::body::{
    ActivityRecorded, AgentPoint, AgentStatusChange, AgentStatusLate, InteractionReference,
    StatusValue,
};
use crate::event::{Body, Occurrence, Origin};
use crate::model::{Activity, ActivityKind, AgentStatus, EntityId, Timestamp};

/// Whether a row started after the configured start.
#[must_use]
pub fn is_activity_wanted(row: &Activity, context: &PollContext) -> bool {
    row.started_at >= context.start
}

/// Whether a row ended, after the configured start. Login and logout are points in time and have
/// no end, whatever their rows show.
#[must_use]
pub fn is_activity_end_wanted(row: &Activity, context: &PollContext) -> bool {
    let is_point = matches!(row.activity.normal(), ActivityKind::Login | ActivityKind::Logout);
    !is_point && row.ended_at.is_some_and(|ended_at| ended_at >= context.start)
}

/// The end of a row of the log that was not emitted before. It does not change the agent's status:
/// the row that follows does.
#[must_use]
pub fn activity_end(
    state: Option<&AgentState>,
    row: &Activity,
    ended_at: Timestamp,
    context: &PollContext,
) -> Change<AgentState> {
    let body = Body::AgentActivityEnded(ActivityRecorded { activity: row.clone() });
    let occurrence = Occurrence::stamped(ended_at);
    let draft = AgentState::draft(&row.agent_id, occurrence, context.origin(ended_at), body);
    Change { state: state.cloned().unwrap_or_default(), drafts: vec![draft] }
}

/// A row of the log that was not emitted before.
#[must_use]
pub fn activity_row(
    state: Option<&AgentState>,
    row: &Activity,
    context: &PollContext,
) -> Change<AgentState> {
    let mut next = state.cloned().unwrap_or_default();
    let origin = context.origin(row.started_at);
    let point = || AgentPoint {
        activity_id: Some(row.id.clone()),
        by_agent_id: row.whodunnit.as_ref().and_then(|who| who.id.clone()),
    };
    let recorded = || ActivityRecorded { activity: row.clone() };
    let (origin, body) = match (row.activity.normal(), &row.status) {
        (ActivityKind::Login, _) => (origin, Body::AgentLoggedIn(point())),
        (ActivityKind::Logout, _) => (origin, Body::AgentLoggedOut(point())),
        (ActivityKind::StatusChanged, Some(status)) => {
            status_change(&mut next, row, status, origin)
        }
        (ActivityKind::OfferMissed, _) => (origin, Body::AgentOfferMissed(recorded())),
        (ActivityKind::StatusChanged, None) | (ActivityKind::Other, _) => {
            (origin, Body::AgentActivityLogged(recorded()))
        }
    };
    let occurrence = Occurrence::stamped(row.started_at);
    let draft = AgentState::draft(&row.agent_id, occurrence, origin, body);
    Change { state: next, drafts: vec![draft] }
}

/// Where a status row belongs in the order of the agent's statuses.
enum Sequence {
    /// After the known status.
    Follows { previous: Option<StatusValue>, since: Option<Timestamp> },
    /// Before the known status.
    Late,
}

fn status_change(
    next: &mut AgentState,
    row: &Activity,
    status: &AgentStatus,
    origin: Origin,
) -> (Origin, Body) {
    let current = status.value();
    let interaction = interaction(row);
    match sequence(next.status.as_ref(), row, &current) {
        Sequence::Late => {
            let activity_id = row.id.clone();
            let late = AgentStatusLate { status: current, activity_id, interaction };
            (Origin::Recovered, Body::AgentStatusRecovered(late))
        }
        Sequence::Follows { previous, since } => {
            next.status = Some(KnownStatus {
                value: current.clone(),
                since: Some(row.started_at),
                activity_id: Some(row.id.clone()),
                authority: Authority::Log,
            });
            let change = AgentStatusChange {
                previous,
                current,
                previous_duration_ms: since.map(|since| row.started_at.millis_since(since)),
                activity_id: Some(row.id.clone()),
                interaction,
            };
            (origin, Body::AgentStatusChanged(change))
        }
    }
}

fn sequence(known: Option<&KnownStatus>, row: &Activity, current: &StatusValue) -> Sequence {
    let Some(known) = known else { return Sequence::Follows { previous: None, since: None } };
    let follows = || Sequence::Follows { previous: Some(known.value.clone()), since: known.since };
    let Some(since) = known.since else { return follows() };
    let near = row.started_at <= since + WRITE_SKEW && row.started_at >= since - WRITE_SKEW;
    match known.authority {
        Authority::Log => {
            let after = (row.started_at, order(&row.id))
                > (since, known.activity_id.as_ref().map_or((0, ""), order));
            if after { follows() } else { Sequence::Late }
        }
        // The row that began the status of the baseline, stamped a little apart.
        Authority::Seed if near && known.value.id == current.id => {
            Sequence::Follows { previous: None, since: None }
        }
        // The change was emitted when the snapshot took over.
        Authority::Snapshot if near && known.value.id == current.id => Sequence::Late,
        _ if row.started_at < since => Sequence::Late,
        Authority::Seed | Authority::Snapshot | Authority::Roster => follows(),
    }
}

/// The order in which the vendor assigned ids: shorter numbers first.
fn order(id: &EntityId) -> (usize, &str) {
    (id.as_str().len(), id.as_str())
}

fn interaction(row: &Activity) -> Option<InteractionReference> {
    let reference = |kind: &str, id: &EntityId| InteractionReference {
        kind: String::from(kind),
        id: id.clone(),
    };
    let call = row.call_id.as_ref().map(|id| reference("call", id));
    call.or_else(|| row.chat_id.as_ref().map(|id| reference("chat", id)))
}
