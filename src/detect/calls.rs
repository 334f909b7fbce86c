//! Calls: which steps of its life a record tells for the first time, and what else changed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::fields::changed_in_call;
use super::steps::{Step, Tells, current_context, steps};
use super::{Change, HORIZON, Look};
use crate::event::{Body, CallRating, CallUpdate, Draft, Occurrence, Origin};
use crate::model::{Call, EntityKind, Phase, Timestamp};

/// All that is remembered of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallState {
    /// The last record; dropped some time after the call has ended, see [`settle`].
    pub record: Option<Box<Call>>,
    /// A hash of the last record's content, which outlives it.
    #[serde(default)]
    pub content: u64,
    /// The steps that were told.
    pub steps: BTreeSet<String>,
    /// The last rating.
    #[serde(default)]
    pub rating: Option<i64>,
    /// When the call ended, in the vendor's clock.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// When the record was last seen to change, in the vendor's clock.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

/// Whether a row says just what is known. It is asked first, because most rows do.
#[must_use]
pub fn call_is_unchanged(state: &CallState, row: &Call) -> bool {
    match &state.record {
        Some(record) => **record == *row,
        None => state.content == content(row),
    }
}

/// A row of the calls.
#[must_use]
pub fn call_row(state: Option<&CallState>, row: &Call, look: &Look) -> Change<CallState> {
    if let Some(state) = state
        && call_is_unchanged(state, row)
    {
        return Change { state: state.clone(), drafts: Vec::new() };
    }
    let mut next = state.cloned().unwrap_or_default();
    let all = steps(row, look);
    let mut drafts = Vec::new();
    let mut told: Vec<Tells> = Vec::new();
    let unknown_past = state.is_none() && ended_long_ago(row, look);

    for Step { key, occurrence, body, tells } in all {
        let new = next.steps.insert(key);
        if new && !unknown_past {
            drafts.push(draft(row, occurrence, look.origin(occurrence.at), body));
            told.push(tells);
        }
    }
    if !unknown_past && row.rating != next.rating {
        let rated =
            CallRating { call: current_context(row), rating: row.rating, previous: next.rating };
        let body = Body::CallRated(rated);
        drafts.push(draft(row, seen(row, look), Origin::Live, body));
        told.push(Tells::Fields(&["rating", "has_feedback", "consumer_event_durations"]));
    }
    next.rating = row.rating;

    if let Some(body) = update(state, row, &told, unknown_past) {
        let origin = if unknown_past { Origin::Baseline } else { Origin::Live };
        drafts.push(draft(row, seen(row, look), origin, body));
    }

    next.record = Some(Box::new(row.clone()));
    next.content = content(row);
    next.updated_at = row.updated_at;
    let over = row.status.as_deref().map_or(Phase::Unknown, Phase::of_call).is_over();
    next.ended_at = over.then(|| row.ends_at.or(row.updated_at).unwrap_or(look.asked_at));
    Change { state: next, drafts }
}

/// What no step told.
fn update(
    state: Option<&CallState>,
    row: &Call,
    told: &[Tells],
    unknown_past: bool,
) -> Option<Body> {
    let whole = told.iter().any(|tells| matches!(tells, Tells::Everything));
    let (before, changed) = match state {
        None if unknown_past => (None, Vec::new()),
        None => return None,
        Some(_) if whole => return None,
        Some(CallState { record: None, .. }) => (None, Vec::new()),
        Some(CallState { record: Some(before), .. }) => {
            let told = |field: &str| {
                told.iter().any(|tells| match tells {
                    Tells::Everything => true,
                    Tells::Fields(fields) => fields.contains(&field),
                    Tells::Nothing => false,
                })
            };
            let mut changed = changed_in_call(before, row);
            changed.retain(|field| !told(field));
            if changed.is_empty() {
                return None;
            }
            (Some(before.clone()), changed.into_iter().map(String::from).collect())
        }
    };
    let call = current_context(row);
    Some(Body::CallUpdated(CallUpdate { call, before, after: Box::new(row.clone()), changed }))
}

/// Forgets the record of a call that ended, and keeps what is needed to tell nothing twice.
#[must_use]
pub fn settle(state: &CallState) -> CallState {
    CallState { record: None, ..state.clone() }
}

/// Whether a call that is not known had ended before anything was wanted, or so long ago that its
/// state has been forgotten.
fn ended_long_ago(row: &Call, look: &Look) -> bool {
    let over = row.status.as_deref().map_or(Phase::Unknown, Phase::of_call).is_over();
    let ended = row.ends_at.or(row.updated_at);
    over && ended.is_some_and(|ended| ended < look.start || ended < look.asked_at - HORIZON)
}

/// When a change without a stamp of its own was seen: no later than the record's last change.
fn seen(row: &Call, look: &Look) -> Occurrence {
    let at = row.updated_at.unwrap_or(look.asked_at);
    match look.previous_asked_at {
        Some(previous) if at >= previous => Occurrence::bounded(at, Some(previous)),
        // The record's stamp did not move with the change.
        Some(previous) => Occurrence::bounded(look.asked_at, Some(previous)),
        None => Occurrence::bounded(at, None),
    }
}

fn draft(row: &Call, occurrence: Occurrence, origin: Origin, body: Body) -> Draft {
    Draft { kind: EntityKind::Call, entity: row.id.clone(), occurrence, origin, body }
}

/// A hash of the record without what is bookkeeping.
fn content(row: &Call) -> u64 {
    let bare = Call { updated_at: None, wait_duration: None, ..row.clone() };
    // A record of plain data always serialises; if it ever did not, it would only be read again.
    serde_json::to_vec(&bare).map_or(0, |bytes| xxh3_64(&bytes))
}
