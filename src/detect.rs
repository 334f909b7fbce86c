//! What changed: the difference between a row of a poll and what was last committed.
//!
//! Everything here is pure: no clock, no I/O, no async. A function takes the state of one entity, a
//! row, and the [`PollContext`] of the poll that returned it, and returns the [`Change`]: the next
//! state and the drafts of the events. The same row again gives no draft; the next state is what
//! the row says, so that the next poll makes up for one that was lost.
//!
//! There is one authority for each fact. Where there is an activity log, it alone decides on
//! status, login and logout; snapshots give the statuses of the baseline, roster, hold and
//! after-call work, and are compared with the log. Without a log, the roster decides on the status,
//! too.

mod activity;
mod adoption;
mod agent_state;
mod changed_fields;
mod confirmation;
mod hold;
mod interactions;
mod levels;
mod poll_context;
mod records;
mod roster;
mod roster_status;
mod status_discrepancy;
#[cfg(test)]
mod tests;

pub use activity::{activity_end, activity_row, is_activity_end_wanted, is_activity_wanted};
pub use adoption::{HoldsRow, adopt_unknown};
pub use agent_state::{AgentState, Authority, Flag, KnownStatus, StatusSource};
pub use confirmation::{DropConfirmation, EmptySnapshot, RemovalConfirmation};
pub use hold::{current_status_absence, current_status_row};
pub use interactions::{
    HORIZON, Interaction, InteractionState, SlaDeadline, Steps, Targets, interaction_row, is_older,
    is_unchanged, settle,
};
pub use levels::{LevelState, queue_status_absence, queue_status_row, service_level_row};
pub use poll_context::{Change, PollContext};
pub use records::{Record, RecordState, record_absence, record_row};
pub use roster::{roster_absence, roster_row};
pub use status_discrepancy::{
    LogProgress, ShownStatus, SnapshotComparison, StatusDiscrepancy, compare_snapshot,
};
