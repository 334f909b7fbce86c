//! Calls and chats: which steps of its life cycle a record shows for the first time, and what else
//! changed.

mod call;
mod chat;
mod context;
mod interaction;
mod life_cycle;
mod sla_deadline;
mod state;
mod step;

use super::poll_context::{Change, PollContext};
use crate::event::{Body, Draft, Occurrence, Origin};
use context::current_context;
use life_cycle::steps;
use sla_deadline::confirmed_breach;
use step::{Coverage, Step};

pub use interaction::Interaction;
pub use sla_deadline::{SlaDeadline, Targets};
pub(super) use state::content;
pub use state::{HORIZON, InteractionState};
pub use step::Steps;

/// Fields whose change is no change of the interaction: `updated_at` moves with the others, and
/// `wait_duration` is the deprecated twin of `queue_duration`.
const BOOKKEEPING: [&str; 2] = ["updated_at", "wait_duration"];

/// Whether a row is the same as the known record. It is checked first, because most rows are.
#[must_use]
pub fn is_unchanged<I: Interaction>(state: &InteractionState<I>, row: &I) -> bool {
    match &state.record {
        _ if state.personal_removed => false,
        Some(record) => **record == *row,
        None => state.content == content(row),
    }
}

/// Whether a row is an earlier version than the known one, by the vendor's own stamp.
#[must_use]
pub fn is_older<I: Interaction>(state: &InteractionState<I>, row: &I) -> bool {
    let stamps = row.interaction().updated_at.zip(state.updated_at);
    stamps.is_some_and(|(row, known)| row < known)
}

/// Compares a row of calls or chats with what is known. The targets say when a wait is too long.
#[must_use]
pub fn interaction_row<I: Interaction>(
    state: Option<&InteractionState<I>>,
    row: &I,
    context: &PollContext,
    targets: &Targets,
) -> Change<InteractionState<I>> {
    let restored =
        state.filter(|state| state.personal_removed).map(|state| state.with_personal_of(row));
    let state = restored.as_ref().or(state);
    let breach = confirmed_breach(row, context, targets);
    let breach =
        breach.filter(|breach| state.is_none_or(|state| !state.steps.contains(&breach.step.key)));
    if let Some(state) = state
        && breach.is_none()
        && is_unchanged(state, row)
    {
        return Change { state: state.clone(), drafts: Vec::new() };
    }
    let mut next = state.cloned().unwrap_or_default();
    let mut all = steps(row, context, &next.steps);
    let mut drafts = Vec::new();
    let mut covered: Vec<Coverage> = Vec::new();
    let unknown_past = state.is_none() && ended_long_ago(row, context);

    if let Some(breach) = breach {
        // The vendor's own verdict has precedence, where there is one already.
        if all.iter().all(|step| step.key != breach.step.key) {
            next.steps.insert(breach.overdue_key);
            all.push(breach.step);
        }
    }
    for Step { key, occurrence, body, coverage } in all {
        let new = next.steps.insert(key);
        if new && !unknown_past {
            drafts.push(draft(row, occurrence, context.origin(occurrence.at), body));
            covered.push(coverage);
        }
    }
    let interaction = row.interaction();
    if !unknown_past && interaction.rating != next.rating {
        let body = I::rated(current_context(row), interaction.rating, next.rating);
        drafts.push(draft(row, unstamped(row, context), Origin::Live, body));
        covered.push(Coverage::Fields(&["rating", "has_feedback", "consumer_event_durations"]));
    }
    next.rating = interaction.rating;

    if let Some(body) = update(state, row, &covered, unknown_past) {
        let origin = if unknown_past { Origin::Baseline } else { Origin::Live };
        drafts.push(draft(row, unstamped(row, context), origin, body));
    }

    next.record = Some(Box::new(row.clone()));
    next.content = content(row);
    next.updated_at = interaction.updated_at;
    let ended_at =
        || interaction.ends_at.or(interaction.updated_at).unwrap_or(context.requested_at);
    next.ended_at = interaction.phase().is_over().then(ended_at);
    Change { state: next, drafts }
}

/// The event of what changed and no other event covers.
fn update<I: Interaction>(
    state: Option<&InteractionState<I>>,
    row: &I,
    covered: &[Coverage],
    unknown_past: bool,
) -> Option<Body> {
    let whole = covered.iter().any(|coverage| matches!(coverage, Coverage::Everything));
    let (before, changed) = match state {
        None if unknown_past => (None, Vec::new()),
        None => return None,
        Some(_) if whole => return None,
        Some(InteractionState { record: None, .. }) => (None, Vec::new()),
        Some(InteractionState { record: Some(before), .. }) => {
            let is_covered = |field: &str| {
                covered.iter().any(|coverage| match coverage {
                    Coverage::Everything => true,
                    Coverage::Fields(fields) => fields.contains(&field),
                    Coverage::Nothing => false,
                })
            };
            let mut changed = before.differing(row);
            changed.retain(|field| !BOOKKEEPING.contains(field) && !is_covered(field));
            if changed.is_empty() {
                return None;
            }
            (Some(before.clone()), changed.into_iter().map(String::from).collect())
        }
    };
    Some(I::updated(current_context(row), before, Box::new(row.clone()), changed))
}

/// Removes the record of an interaction that ended, and keeps what prevents emitting anything
/// twice.
#[must_use]
pub fn settle<I: Interaction>(state: &InteractionState<I>) -> InteractionState<I> {
    InteractionState { record: None, ..state.clone() }
}

/// Whether an unknown interaction had ended before the start, or so long ago that its state has
/// been forgotten.
fn ended_long_ago<I: Interaction>(row: &I, context: &PollContext) -> bool {
    let interaction = row.interaction();
    let ended = interaction.ends_at.or(interaction.updated_at);
    interaction.phase().is_over()
        && ended
            .is_some_and(|ended| ended < context.start || ended < context.requested_at - HORIZON)
}

/// The time of a change without a stamp of its own: no later than the record's last change.
fn unstamped<I: Interaction>(row: &I, context: &PollContext) -> Occurrence {
    let at = row.interaction().updated_at.unwrap_or(context.requested_at);
    match context.previous_requested_at {
        Some(previous) if at >= previous => Occurrence::bounded(at, Some(previous)),
        // The record's stamp did not move with the change.
        Some(previous) => Occurrence::bounded(context.requested_at, Some(previous)),
        None => Occurrence::bounded(at, None),
    }
}

fn draft<I: Interaction>(row: &I, occurrence: Occurrence, origin: Origin, body: Body) -> Draft {
    Draft { kind: I::KIND, entity: row.interaction().id.clone(), occurrence, origin, body }
}
