//! The status of an agent where there is no activity log: the roster is its authority.
//!
//! Two polls that show different statuses are one change. Two that show the same status with a
//! newer start prove that there was another one in between, which no poll showed: two changes are
//! emitted, to an unknown status and back.

use super::agent_state::{Authority, KnownStatus};
use super::poll_context::PollContext;
use crate::event::body::{AgentStatusChange, StatusValue};
use crate::event::{Occurrence, Origin};
use crate::model::{Agent, Precision, Timestamp};

/// A change of status, before it is a draft.
pub(super) type DatedStatusChange = (Occurrence, Origin, AgentStatusChange);

/// Compares a row of the roster with the known status, and returns what changed.
///
/// A row without a status leaves the known one as it is.
pub(super) fn roster_status(
    known: &mut Option<KnownStatus>,
    row: &Agent,
    context: &PollContext,
) -> Vec<DatedStatusChange> {
    let Some(status) = &row.status else { return Vec::new() };
    let current = status.value();
    let since = row.status_updated_at;
    let status_since = |since| KnownStatus {
        value: current.clone(),
        since,
        activity_id: None,
        authority: Authority::Roster,
    };
    let Some(before) = known.take() else {
        *known = Some(status_since(since));
        let occurrence = since.map_or_else(|| context.between(), Occurrence::stamped);
        return vec![(occurrence, context.unstamped_origin(), change(None, current))];
    };

    if before.value.id != current.id {
        // A start that is not after the start of the status before belongs to that one, or to an
        // older response: it is not the time of this change.
        let since = since.filter(|since| before.since.is_none_or(|began| *since > began));
        *known = Some(status_since(since));
        let occurrence = since.map_or_else(|| context.between(), Occurrence::stamped);
        let previous_duration_ms =
            since.zip(before.since).map(|(now, began)| now.millis_since(began));
        let change =
            AgentStatusChange { previous_duration_ms, ..change(Some(before.value), current) };
        return vec![(occurrence, Origin::Live, change)];
    }

    let began_anew =
        since.filter(|since| before.since.is_some_and(|known| is_newer(*since, known)));
    let Some(again) = began_anew else {
        *known = Some(status_since(before.since.or(since)));
        return Vec::new();
    };
    *known = Some(status_since(Some(again)));
    let away = Occurrence {
        at: again,
        after: context.previous_requested_at.map(|previous| previous.min(again)),
        precision: Precision::Bounded,
    };
    vec![
        (away, Origin::Live, change(Some(before.value), StatusValue::unknown())),
        (Occurrence::stamped(again), Origin::Live, change(Some(StatusValue::unknown()), current)),
    ]
}

const fn change(previous: Option<StatusValue>, current: StatusValue) -> AgentStatusChange {
    AgentStatusChange {
        previous,
        current,
        previous_duration_ms: None,
        activity_id: None,
        interaction: None,
    }
}

/// Whether a start is another and later one. The same start may be given once in whole seconds
/// and once with its milliseconds.
fn is_newer(start: Timestamp, known: Timestamp) -> bool {
    start > known && !(known.is_whole_second() && start.floor_second() == known)
}
