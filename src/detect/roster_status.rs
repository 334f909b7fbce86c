//! The status of an agent where there is no activity log: the roster is its authority.
//!
//! Two readings that show different states tell of one change. Two that show the same state with
//! a newer start prove that there was another one in between, which nobody saw: that is told as
//! two changes, away to an unknown state and back.

use super::PollContext;
use super::agents::{Authority, KnownStatus};
use crate::event::{AgentStatusChange, Occurrence, Origin, StatusValue};
use crate::model::{Agent, Precision, Timestamp};

/// A change of status, before it is a draft.
pub(super) type Told = (Occurrence, Origin, AgentStatusChange);

/// Holds a row of the roster against the status that is held, and tells what changed.
///
/// A row without a status says nothing: what is held stays.
pub(super) fn roster_status(
    held: &mut Option<KnownStatus>,
    row: &Agent,
    context: &PollContext,
) -> Vec<Told> {
    let Some(status) = &row.status else { return Vec::new() };
    let current = status.value();
    let since = row.status_updated_at;
    let hold = |since| KnownStatus {
        value: current.clone(),
        since,
        activity_id: None,
        authority: Authority::Roster,
    };
    let Some(before) = held.take() else {
        *held = Some(hold(since));
        let occurrence = since.map_or_else(|| context.between(), Occurrence::stamped);
        return vec![(occurrence, context.origin_of_sight(), change(None, current))];
    };

    if before.value.id != current.id {
        // A start that does not lie behind the start of the state before is left over from that
        // one, or from an older answer: it dates nothing.
        let since = since.filter(|since| before.since.is_none_or(|began| *since > began));
        *held = Some(hold(since));
        let occurrence = since.map_or_else(|| context.between(), Occurrence::stamped);
        let previous_duration_ms =
            since.zip(before.since).map(|(now, began)| now.millis_since(began));
        let change =
            AgentStatusChange { previous_duration_ms, ..change(Some(before.value), current) };
        return vec![(occurrence, Origin::Live, change)];
    }

    let began_anew = since.filter(|since| before.since.is_some_and(|held| is_newer(*since, held)));
    let Some(again) = began_anew else {
        *held = Some(hold(before.since.or(since)));
        return Vec::new();
    };
    *held = Some(hold(Some(again)));
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

/// Whether a start is another and later one. The same start may come once in whole seconds and
/// once with its milliseconds.
fn is_newer(start: Timestamp, held: Timestamp) -> bool {
    start > held && !(held.is_whole_second() && start.floor_second() == held)
}
