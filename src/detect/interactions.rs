//! Calls and chats: which steps of its life a record tells for the first time, and what else
//! changed.

mod call;
mod chat;
mod steps;
mod waits;

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Change, HORIZON, PollContext};
use crate::event::{Body, Draft, InteractionContext, Occurrence, Origin};
use crate::model::{
    AgentReference, Direction, EntityId, EntityKind, HandleDuration, Menu, MenuPath, Personal,
    Phase, QueueDuration, Timestamp, Transfer,
};
use steps::{Step, Tells, current_context, steps};

pub use steps::LifeCycle;
pub use waits::{SlaDeadline, Targets};

/// What calls and chats have in common: the parts of a life in a contact centre, and the events
/// that tell it.
#[allow(missing_docs, reason = "the accessors are named after the record's fields")]
pub trait Interaction: Personal + PartialEq + Serialize + DeserializeOwned + Sized {
    /// What kind of entity it is.
    const KIND: EntityKind;
    /// The channel, as queues name it.
    const CHANNEL: &'static str;
    /// Whether being connected is another step than being assigned.
    const CONNECTS: bool;

    fn id(&self) -> &EntityId;
    fn direction(&self) -> Direction;
    fn language(&self) -> Option<&String>;
    fn phase(&self) -> Phase;
    fn queued_at(&self) -> Option<Timestamp>;
    fn assigned_at(&self) -> Option<Timestamp>;
    fn connected_at(&self) -> Option<Timestamp>;
    fn ends_at(&self) -> Option<Timestamp>;
    fn updated_at(&self) -> Option<Timestamp>;
    fn rating(&self) -> Option<i64>;
    fn selected_menu(&self) -> Option<&Menu>;
    fn menu_path(&self) -> Option<&MenuPath>;
    fn agent_info(&self) -> Option<&AgentReference>;
    fn queue_durations(&self) -> &[QueueDuration];
    fn handle_durations(&self) -> &[HandleDuration];
    fn transfers(&self) -> &[Transfer];

    /// The record without what is bookkeeping and no fact.
    #[must_use]
    fn without_bookkeeping(&self) -> Self;
    /// The fields that differ.
    fn changed(before: &Self, after: &Self) -> Vec<&'static str>;

    /// It entered a queue.
    fn queued(
        context: InteractionContext,
        row_id: Option<EntityId>,
        transfer_id: Option<EntityId>,
    ) -> Body;
    /// An agent was chosen.
    fn assigned(context: InteractionContext, transfer_id: Option<EntityId>) -> Body;
    /// Customer and agent were connected, where that is a step.
    fn connected(context: InteractionContext, transfer_id: Option<EntityId>) -> Option<Body>;
    /// It was transferred.
    fn transferred(context: InteractionContext, transfer: Transfer) -> Body;
    /// After-call work ended.
    fn wrap_up_ended(context: InteractionContext, row: HandleDuration, after: Box<Self>) -> Body;
    /// It was rated.
    fn rated(context: InteractionContext, rating: Option<i64>, previous: Option<i64>) -> Body;
    /// It changed otherwise.
    fn updated(
        context: InteractionContext,
        before: Option<Box<Self>>,
        after: Box<Self>,
        changed: Vec<String>,
    ) -> Body;

    /// Adds the steps before the first queue.
    #[doc(hidden)]
    fn arrival(life: &mut LifeCycle<'_, Self>);
    /// Adds the steps that end it.
    #[doc(hidden)]
    fn ending(life: &mut LifeCycle<'_, Self>);
}

/// All that is remembered of an interaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "I: Interaction")]
pub struct InteractionState<I> {
    /// The last record; dropped some time after the interaction has ended, see [`settle`].
    pub record: Option<Box<I>>,
    /// A hash of the last record's content, which outlives it.
    #[serde(default)]
    pub content: u64,
    /// The steps that were told.
    #[serde(default)]
    pub steps: BTreeSet<String>,
    /// The last rating.
    #[serde(default)]
    pub rating: Option<i64>,
    /// When it ended, in the vendor's clock.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// When the record was last seen to change, in the vendor's clock.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// The record's personal fields were left out when the privacy settings changed: the next row
    /// tells them anew, which is no news.
    #[serde(default)]
    pub closed: bool,
}

impl<I> Default for InteractionState<I> {
    fn default() -> Self {
        Self {
            record: None,
            content: 0,
            steps: BTreeSet::new(),
            rating: None,
            ended_at: None,
            updated_at: None,
            closed: false,
        }
    }
}

impl<I: Interaction> InteractionState<I> {
    /// Leaves out what is personal, because the privacy settings have changed since.
    pub fn close(&mut self) {
        if let Some(record) = &mut self.record {
            record.close();
        }
        self.closed = true;
    }

    /// What was closed, with the personal fields of the next row.
    fn opened_by(&self, row: &I) -> Self {
        let mut open = Self { closed: false, ..self.clone() };
        match &mut open.record {
            Some(record) => record.adopt_personal(row),
            None => open.content = content(row),
        }
        open
    }
}

/// Whether a row says just what is known. It is asked first, because most rows do.
#[must_use]
pub fn is_unchanged<I: Interaction>(state: &InteractionState<I>, row: &I) -> bool {
    match &state.record {
        _ if state.closed => false,
        Some(record) => **record == *row,
        None => state.content == content(row),
    }
}

/// Whether a row is an earlier version of what is known: the vendor's own stamp says so.
#[must_use]
pub fn is_older<I: Interaction>(state: &InteractionState<I>, row: &I) -> bool {
    row.updated_at().zip(state.updated_at).is_some_and(|(row, known)| row < known)
}

/// A row of calls or chats. The targets say when a wait is too long.
#[must_use]
pub fn interaction_row<I: Interaction>(
    state: Option<&InteractionState<I>>,
    row: &I,
    context: &PollContext,
    targets: &Targets,
) -> Change<InteractionState<I>> {
    let opened = state.filter(|state| state.closed).map(|state| state.opened_by(row));
    let state = opened.as_ref().or(state);
    let overdue = waits::overdue(row, context, targets);
    let overdue =
        overdue.filter(|breach| state.is_none_or(|state| !state.steps.contains(&breach.step.key)));
    if let Some(state) = state
        && overdue.is_none()
        && is_unchanged(state, row)
    {
        return Change { state: state.clone(), drafts: Vec::new() };
    }
    let mut next = state.cloned().unwrap_or_default();
    let mut all = steps(row, context, &next.steps);
    let mut drafts = Vec::new();
    let mut told: Vec<Tells> = Vec::new();
    let unknown_past = state.is_none() && ended_long_ago(row, context);

    if let Some(overdue) = overdue {
        // The vendor's own verdict comes first, where there is one already.
        if all.iter().all(|step| step.key != overdue.step.key) {
            next.steps.insert(overdue.mark);
            all.push(overdue.step);
        }
    }
    for Step { key, occurrence, body, tells } in all {
        let new = next.steps.insert(key);
        if new && !unknown_past {
            drafts.push(draft(row, occurrence, context.origin(occurrence.at), body));
            told.push(tells);
        }
    }
    if !unknown_past && row.rating() != next.rating {
        let body = I::rated(current_context(row), row.rating(), next.rating);
        drafts.push(draft(row, seen(row, context), Origin::Live, body));
        told.push(Tells::Fields(&["rating", "has_feedback", "consumer_event_durations"]));
    }
    next.rating = row.rating();

    if let Some(body) = update(state, row, &told, unknown_past) {
        let origin = if unknown_past { Origin::Baseline } else { Origin::Live };
        drafts.push(draft(row, seen(row, context), origin, body));
    }

    next.record = Some(Box::new(row.clone()));
    next.content = content(row);
    next.updated_at = row.updated_at();
    let ended_at = || row.ends_at().or(row.updated_at()).unwrap_or(context.requested_at);
    next.ended_at = row.phase().is_over().then(ended_at);
    Change { state: next, drafts }
}

/// What no step told.
fn update<I: Interaction>(
    state: Option<&InteractionState<I>>,
    row: &I,
    told: &[Tells],
    unknown_past: bool,
) -> Option<Body> {
    let whole = told.iter().any(|tells| matches!(tells, Tells::Everything));
    let (before, changed) = match state {
        None if unknown_past => (None, Vec::new()),
        None => return None,
        Some(_) if whole => return None,
        Some(InteractionState { record: None, .. }) => (None, Vec::new()),
        Some(InteractionState { record: Some(before), .. }) => {
            let told = |field: &str| {
                told.iter().any(|tells| match tells {
                    Tells::Everything => true,
                    Tells::Fields(fields) => fields.contains(&field),
                    Tells::Nothing => false,
                })
            };
            let mut changed = I::changed(before, row);
            changed.retain(|field| !told(field));
            if changed.is_empty() {
                return None;
            }
            (Some(before.clone()), changed.into_iter().map(String::from).collect())
        }
    };
    Some(I::updated(current_context(row), before, Box::new(row.clone()), changed))
}

/// Forgets the record of an interaction that ended, and keeps what is needed to tell nothing twice.
#[must_use]
pub fn settle<I: Interaction>(state: &InteractionState<I>) -> InteractionState<I> {
    InteractionState { record: None, ..state.clone() }
}

/// Whether an interaction that is not known had ended before anything was wanted, or so long ago that its
/// state has been forgotten.
fn ended_long_ago<I: Interaction>(row: &I, context: &PollContext) -> bool {
    let ended = row.ends_at().or(row.updated_at());
    row.phase().is_over()
        && ended
            .is_some_and(|ended| ended < context.start || ended < context.requested_at - HORIZON)
}

/// When a change without a stamp of its own was seen: no later than the record's last change.
fn seen<I: Interaction>(row: &I, context: &PollContext) -> Occurrence {
    let at = row.updated_at().unwrap_or(context.requested_at);
    match context.previous_requested_at {
        Some(previous) if at >= previous => Occurrence::bounded(at, Some(previous)),
        // The record's stamp did not move with the change.
        Some(previous) => Occurrence::bounded(context.requested_at, Some(previous)),
        None => Occurrence::bounded(at, None),
    }
}

fn draft<I: Interaction>(row: &I, occurrence: Occurrence, origin: Origin, body: Body) -> Draft {
    Draft { kind: I::KIND, entity: row.id().clone(), occurrence, origin, body }
}

/// A hash of the record without what is bookkeeping.
pub(super) fn content<I: Interaction>(row: &I) -> u64 {
    let bare = row.without_bookkeeping();
    // A record of plain data always serialises; if it ever did not, it would only be read again.
    serde_json::to_vec(&bare).map_or(0, |bytes| xxh3_64(&bytes))
}
