//! Status snapshots that disagree with the activity log.
//!
//! A snapshot that disagrees emits nothing by itself: it causes a poll of the log. Only when the
//! log has been read for a minute and shows nothing does the snapshot take over for that agent.

use std::time::Duration;

use super::agent_state::{AgentState, Authority, KnownStatus, WRITE_SKEW};
use super::poll_context::PollContext;
use crate::event::body::{AgentStatusChange, StatusValue};
use crate::event::{Body, Draft, Occurrence, Origin};
use crate::model::{EntityId, Timestamp};

/// How long the log may lack what snapshots show.
const LOG_LATENESS: Duration = Duration::from_mins(1);

/// The status that a snapshot shows.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownStatus {
    /// The status.
    pub value: StatusValue,
    /// Since when, in the vendor's clock.
    pub since: Option<Timestamp>,
}

/// A status that a snapshot shows and the log does not have yet.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusDiscrepancy {
    /// What the snapshot shows.
    pub shown: ShownStatus,
    /// When the first poll that showed it was requested, in the vendor's clock.
    pub first_seen: Timestamp,
}

/// How far the log has been read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogProgress {
    /// When the last committed poll of the log was requested, in the vendor's clock.
    pub read_at: Option<Timestamp>,
}

/// The result of comparing a snapshot with the known status.
#[derive(Clone, Debug, PartialEq)]
pub enum SnapshotComparison {
    /// They agree, or the snapshot is older.
    Agrees,
    /// They disagree: the log is to be polled now, and the discrepancy to be remembered.
    Disagrees(StatusDiscrepancy),
    /// The log lacked it for too long: the snapshot takes over.
    TakesOver {
        /// The agent's next state.
        state: Box<AgentState>,
        /// The event.
        draft: Box<Draft>,
    },
}

/// Compares the status that a snapshot shows with the known one.
#[must_use]
pub fn compare_snapshot(
    id: &EntityId,
    state: &AgentState,
    shown: ShownStatus,
    open: Option<&StatusDiscrepancy>,
    log: LogProgress,
    context: &PollContext,
) -> SnapshotComparison {
    let known = state.status.as_ref();
    let newer = known.is_none_or(|known| match (shown.since, known.since) {
        (Some(shown), Some(known)) => shown > known + WRITE_SKEW,
        _ => shown.value.id != known.value.id,
    });
    if !newer {
        return SnapshotComparison::Agrees;
    }
    let open = open.filter(|open| open.shown == shown);
    let outlasted = open.is_some_and(|open| {
        context.requested_at >= open.first_seen + LOG_LATENESS
            && log.read_at.is_some_and(|read| read >= open.first_seen + LOG_LATENESS)
    });
    // The same status with a newer start is left to the log: a snapshot cannot say what was
    // between.
    if !outlasted || known.is_some_and(|known| known.value.id == shown.value.id) {
        let first_seen = open.map_or(context.requested_at, |open| open.first_seen);
        return SnapshotComparison::Disagrees(StatusDiscrepancy { shown, first_seen });
    }
    let occurrence = shown.since.map_or_else(|| context.between(), Occurrence::stamped);
    let previous_duration_ms = shown
        .since
        .zip(known.and_then(|known| known.since))
        .map(|(now, before)| now.millis_since(before));
    let body = Body::AgentStatusChanged(AgentStatusChange {
        previous: known.map(|known| known.value.clone()),
        current: shown.value.clone(),
        previous_duration_ms,
        activity_id: None,
        interaction: None,
    });
    let status = KnownStatus {
        value: shown.value,
        since: shown.since.or(Some(context.requested_at)),
        activity_id: None,
        authority: Authority::Snapshot,
    };
    SnapshotComparison::TakesOver {
        state: Box::new(AgentState { status: Some(status), ..state.clone() }),
        draft: Box::new(AgentState::draft(id, occurrence, Origin::Live, body)),
    }
}
