//! The status of the moment: hold, and the watch over the activity log.
//!
//! A snapshot that disagrees with the log does not speak for itself: it asks for the log now. Only
//! when the log has been read again and again and stays silent for a minute does the snapshot
//! take over for that agent.

use std::time::Duration;

use super::activity::WRITE_SKEW;
use super::agents::{AgentState, Authority, KnownStatus};
use super::{Change, PollContext};
use crate::event::{AgentHold, AgentStatusChange, Body, Draft, Occurrence, Origin, StatusValue};
use crate::model::{CurrentStatus, EntityId, Timestamp};

/// How long the log may stay silent about what snapshots show.
const SILENCE: Duration = Duration::from_mins(1);

/// What a snapshot says about an agent's status.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The status it shows.
    pub value: StatusValue,
    /// Since when, in the vendor's clock.
    pub since: Option<Timestamp>,
}

/// A claim that the log has not confirmed yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispute {
    /// The claim.
    pub claim: Claim,
    /// When the reading that made it first was asked, in the vendor's clock.
    pub first_seen: Timestamp,
}

/// How far the log has been read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogWatch {
    /// When the last committed reading of the log was asked, in the vendor's clock.
    pub read_at: Option<Timestamp>,
}

/// What a claim leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimOutcome {
    /// It agrees with what is held, or is older.
    Agrees,
    /// It disagrees: the log is to be asked now, and the claim to be remembered.
    Disputed(Dispute),
    /// The log stayed silent for too long: the snapshot is believed.
    TakeOver {
        /// The agent's next state.
        state: Box<AgentState>,
        /// The event.
        draft: Box<Draft>,
    },
}

/// Holds a snapshot's claim against the status that is held.
#[must_use]
pub fn watch_log(
    id: &EntityId,
    state: &AgentState,
    claim: Claim,
    open: Option<&Dispute>,
    log: LogWatch,
    context: &PollContext,
) -> ClaimOutcome {
    let held = state.status.as_ref();
    let newer = held.is_none_or(|held| match (claim.since, held.since) {
        (Some(claimed), Some(held)) => claimed > held + WRITE_SKEW,
        _ => claim.value.id != held.value.id,
    });
    if !newer {
        return ClaimOutcome::Agrees;
    }
    let outlasted = open.is_some_and(|dispute| {
        dispute.claim == claim
            && context.requested_at >= dispute.first_seen + SILENCE
            && log.read_at.is_some_and(|read| read >= dispute.first_seen + SILENCE)
    });
    // The same status with a newer start is the log's to tell: a snapshot cannot say what lay
    // between.
    if !outlasted || held.is_some_and(|held| held.value.id == claim.value.id) {
        return dispute(claim, open, context);
    }
    let occurrence = claim.since.map_or_else(|| context.between(), Occurrence::stamped);
    let previous_duration_ms = claim
        .since
        .zip(held.and_then(|held| held.since))
        .map(|(now, before)| now.millis_since(before));
    let body = Body::AgentStatusChanged(AgentStatusChange {
        previous: held.map(|held| held.value.clone()),
        current: claim.value.clone(),
        previous_duration_ms,
        activity_id: None,
        interaction: None,
    });
    let status = KnownStatus {
        value: claim.value,
        since: claim.since.or(Some(context.requested_at)),
        activity_id: None,
        authority: Authority::Snapshot,
    };
    ClaimOutcome::TakeOver {
        state: Box::new(AgentState { status: Some(status), ..state.clone() }),
        draft: Box::new(AgentState::draft(id, occurrence, Origin::Live, body)),
    }
}

fn dispute(claim: Claim, open: Option<&Dispute>, context: &PollContext) -> ClaimOutcome {
    match open {
        Some(dispute) if dispute.claim == claim => ClaimOutcome::Disputed(dispute.clone()),
        _ => ClaimOutcome::Disputed(Dispute { claim, first_seen: context.requested_at }),
    }
}

/// A row of the status of the moment: whether a customer is on hold.
#[must_use]
pub fn current_status_row(
    state: Option<&AgentState>,
    row: &CurrentStatus,
    context: &PollContext,
) -> Change<AgentState> {
    let state = state.cloned().unwrap_or_default();
    hold(state, &row.agent_id, row.on_hold.unwrap_or(false), row.on_hold_duration, context)
}

/// An agent the status of the moment does not show, and so has nobody on hold.
#[must_use]
pub fn current_status_absence(
    state: &AgentState,
    id: &EntityId,
    context: &PollContext,
) -> Change<AgentState> {
    hold(state.clone(), id, false, None, context)
}

fn hold(
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
            // The last reading showed no hold: it cannot have begun before that.
            let began = context.previous_requested_at.map_or(began, |previous| began.max(previous));
            state.hold.since = Some(began);
            let body = Body::AgentHoldStarted(AgentHold { duration_ms: seconds.map(|_| so_far) });
            let occurrence = Occurrence::bounded(began, context.previous_requested_at);
            drafts.push(AgentState::draft(id, occurrence, context.origin_of_sight(), body));
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
