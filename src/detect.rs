//! What changed: the difference between a row that was read and what was last committed.
//!
//! Everything here is pure: no clock, no I/O, no async. A function takes the state of one entity,
//! a row, and the [`PollContext`] it was taken with, and returns the [`Change`]: the next state and the
//! drafts of the events. The same row again gives no draft; the next state is what the row says,
//! so a reading that was lost is repaired by the next.
//!
//! One authority a fact: where there is an activity log, it alone tells of status, login and
//! logout; snapshots seed the start, tell of roster, hold and after-call work, and watch the log.
//! Where there is none, the roster is the authority of the status, too.

mod absence;
mod activity;
mod adoption;
mod agents;
mod fields;
mod interactions;
mod levels;
mod presence;
mod records;
mod roster_status;
#[cfg(test)]
mod tests;

pub use absence::{DropConfirmation, Emptiness, RemovalConfirmation};
pub use activity::{activity_end, activity_row, is_activity_end_wanted, is_activity_wanted};
pub use adoption::{HoldsRow, adopt_unknown};
pub use agents::{
    AgentState, Authority, Flag, KnownStatus, StatusSource, roster_absence, roster_row,
};
pub use interactions::{
    Interaction, InteractionState, LifeCycle, SlaDeadline, Targets, interaction_row, is_older,
    is_unchanged, settle,
};
pub use levels::{LevelState, queue_status_absence, queue_status_row, service_level_row};
pub use presence::{
    Claim, ClaimOutcome, Dispute, LogWatch, current_status_absence, current_status_row, watch_log,
};
pub use records::{Record, RecordState, record_absence, record_row};

use std::time::Duration;

use crate::event::{Draft, Occurrence, Origin};
use crate::model::Timestamp;

/// How long the state of an interaction is remembered after its end.
pub const HORIZON: Duration = Duration::from_hours(7 * 24);

/// The circumstances of one reading, in the vendor's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PollContext {
    /// When the reading's first request was sent.
    pub requested_at: Timestamp,
    /// When its last answer had been read.
    pub answered_at: Timestamp,
    /// When the stream's last committed reading before this one was asked.
    pub previous_requested_at: Option<Timestamp>,
    /// From when on changes are wanted.
    pub start: Timestamp,
    /// When the account was looked at for the first time.
    pub baseline_at: Timestamp,
    /// Whether the stream has never been read completely before.
    pub first_full_scan: bool,
}

impl PollContext {
    /// Where a change with the vendor's stamp comes from: before the start it stood so already,
    /// between start and first look it is a backfill.
    #[must_use]
    pub fn origin(&self, stamp: Timestamp) -> Origin {
        if stamp < self.start {
            Origin::Baseline
        } else if stamp < self.baseline_at {
            Origin::Backfill
        } else {
            Origin::Live
        }
    }

    /// Where a change that only this reading shows comes from.
    #[must_use]
    pub fn origin_of_sight(&self) -> Origin {
        if self.previous_requested_at.is_none() || self.first_full_scan {
            Origin::Baseline
        } else {
            Origin::Live
        }
    }

    /// A change that happened somewhere between the last reading and this one.
    #[must_use]
    pub fn between(&self) -> Occurrence {
        Occurrence::bounded(self.requested_at, self.previous_requested_at)
    }
}

/// What a row did to an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<S> {
    /// The entity's next state.
    pub state: S,
    /// The events, in order.
    pub drafts: Vec<Draft>,
}
