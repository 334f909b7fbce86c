//! The activity log: where there is one, it alone tells of status, login and logout.
//!
//! Rows are applied in order of (start, id). A row of a time that later rows have passed already
//! is a late fact: it is published as recovered and never folded into the current state.

use std::time::Duration;

use super::agents::{AgentState, Authority, KnownStatus};
use super::{Change, PollContext};
use crate::event::{
    ActivityRecorded, AgentPoint, AgentStatusChange, AgentStatusLate, Body, InteractionReference,
    Occurrence, Origin, StatusValue,
};
use crate::model::{Activity, AgentStatus, EntityId, Timestamp};

/// How far apart two separate writes of one change may be stamped.
pub(super) const WRITE_SKEW: Duration = Duration::from_secs(2);

/// Whether a row belongs to the time that is wanted.
#[must_use]
pub fn is_activity_wanted(row: &Activity, context: &PollContext) -> bool {
    row.started_at >= context.start
}

/// Whether the end of a row is there, belongs to the time that is wanted, and is one: login and
/// logout are points, whatever their rows show.
#[must_use]
pub fn is_activity_end_wanted(row: &Activity, context: &PollContext) -> bool {
    let is_point = matches!(row.activity.as_str(), "login" | "logout");
    !is_point && row.ended_at.is_some_and(|ended_at| ended_at >= context.start)
}

/// The end of a row of the log, at this time, that was not told before. It says nothing of the
/// agent's status: the row that follows does.
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

/// A row of the log that was not seen before.
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
    let (origin, body) = match (row.activity.as_str(), &row.status) {
        ("login", _) => (origin, Body::AgentLoggedIn(point())),
        ("logout", _) => (origin, Body::AgentLoggedOut(point())),
        ("user_status_changed", Some(status)) => status_change(&mut next, row, status, origin),
        ("deltacast_call_missed", _) => (origin, Body::AgentOfferMissed(recorded())),
        _ => (origin, Body::AgentActivityLogged(recorded())),
    };
    let occurrence = Occurrence::stamped(row.started_at);
    let draft = AgentState::draft(&row.agent_id, occurrence, origin, body);
    Change { state: next, drafts: vec![draft] }
}

/// What a new status row says in the light of the status that is held.
enum Place {
    /// It follows the held status.
    Follows { previous: Option<StatusValue>, since: Option<Timestamp> },
    /// It belongs before the held status.
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
    match place(next.status.as_ref(), row, &current) {
        Place::Late => {
            let activity_id = row.id.clone();
            let late = AgentStatusLate { status: current, activity_id, interaction };
            (Origin::Recovered, Body::AgentStatusRecovered(late))
        }
        Place::Follows { previous, since } => {
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

fn place(held: Option<&KnownStatus>, row: &Activity, current: &StatusValue) -> Place {
    let Some(held) = held else { return Place::Follows { previous: None, since: None } };
    let follows = || Place::Follows { previous: Some(held.value.clone()), since: held.since };
    let Some(since) = held.since else { return follows() };
    let near = row.started_at <= since + WRITE_SKEW && row.started_at >= since - WRITE_SKEW;
    match held.authority {
        Authority::Log => {
            let after = (row.started_at, order(&row.id))
                > (since, held.activity_id.as_ref().map_or((0, ""), order));
            if after { follows() } else { Place::Late }
        }
        // The seed said that it stands so; this is the row that began it, stamped a little apart.
        Authority::Seed if near && held.value.id == current.id => {
            Place::Follows { previous: None, since: None }
        }
        // The snapshot has told of this change already.
        Authority::Snapshot if near && held.value.id == current.id => Place::Late,
        _ if row.started_at < since => Place::Late,
        Authority::Seed | Authority::Snapshot | Authority::Roster => follows(),
    }
}

/// Ids in the order the vendor gave them out: shorter numbers first.
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
