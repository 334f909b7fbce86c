//! What administrators define: queues, teams and statuses. Each is added, updated or removed.
//!
//! A removal is confirmed when the vendor says so itself (`deleted`), or by absence, see
//! [`RemovalConfirmation`](super::RemovalConfirmation).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::changed_fields::{changed_in_queue, changed_in_status_definition, changed_in_team};
use super::poll_context::{Change, PollContext};
use crate::event::body::{QueueChange, StatusDefinitionChange, TeamChange};
use crate::event::{Body, Draft, Origin};
use crate::model::{EntityId, EntityKind, Personal, Queue, StatusDefinition, Team};

/// A record that administrators define.
pub trait Record: Personal + PartialEq + Serialize + DeserializeOwned {
    /// What kind of entity it is.
    const KIND: EntityKind;

    /// The vendor's id.
    fn id(&self) -> &EntityId;
    /// Whether the vendor says that it is deleted.
    fn is_deleted(&self) -> bool;
    /// The fields that differ.
    fn changed(before: &Self, after: &Self) -> Vec<&'static str>;
    /// The event: without `before` it was added, without `after` removed, else updated.
    fn change(before: Option<Self>, after: Option<Self>, changed: Vec<String>) -> Body;
}

/// The last row; `None` before the first one and after the removal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "R: Record")]
pub struct RecordState<R> {
    /// The row.
    pub record: Option<R>,
    /// Its personal fields were removed when the privacy settings changed. The next row has them
    /// again, which is not a change.
    #[serde(default, rename = "closed")]
    pub personal_removed: bool,
}

impl<R: Record> RecordState<R> {
    const fn of(record: Option<R>) -> Self {
        Self { record, personal_removed: false }
    }

    /// Removes the personal data, because the privacy settings have changed since.
    pub fn remove_personal(&mut self) {
        if let Some(record) = &mut self.record {
            record.remove_personal();
            self.personal_removed = true;
        }
    }
}

/// Compares a row of a full scan with what is known.
#[must_use]
pub fn record_row<R: Record>(
    state: Option<&RecordState<R>>,
    row: &R,
    context: &PollContext,
) -> Change<RecordState<R>> {
    let mut before = state.and_then(|state| state.record.clone());
    if state.is_some_and(|state| state.personal_removed)
        && let Some(before) = &mut before
    {
        before.adopt_personal(row);
    }
    if row.is_deleted() {
        return removed(before, row.id(), context);
    }
    let (origin, changed) = match &before {
        None => (context.unstamped_origin(), Vec::new()),
        Some(before) => {
            let changed = R::changed(before, row);
            if changed.is_empty() {
                let state = RecordState::of(Some(row.clone()));
                return Change { state, drafts: Vec::new() };
            }
            (Origin::Live, changed)
        }
    };
    let changed = changed.into_iter().map(String::from).collect();
    let body = R::change(before, Some(row.clone()), changed);
    let draft = draft::<R>(row.id(), context, origin, body);
    Change { state: RecordState::of(Some(row.clone())), drafts: vec![draft] }
}

/// It is removed: no full scan shows it, and that is confirmed.
#[must_use]
pub fn record_absence<R: Record>(
    state: &RecordState<R>,
    id: &EntityId,
    context: &PollContext,
) -> Change<RecordState<R>> {
    removed(state.record.clone(), id, context)
}

fn removed<R: Record>(
    before: Option<R>,
    id: &EntityId,
    context: &PollContext,
) -> Change<RecordState<R>> {
    let drafts = before.map(|before| {
        let body = R::change(Some(before), None, Vec::new());
        draft::<R>(id, context, Origin::Live, body)
    });
    Change { state: RecordState::of(None), drafts: drafts.into_iter().collect() }
}

fn draft<R: Record>(id: &EntityId, context: &PollContext, origin: Origin, body: Body) -> Draft {
    Draft { kind: R::KIND, entity: id.clone(), occurrence: context.between(), origin, body }
}

/// Implements [`Record`] for a type whose three events share a body.
macro_rules! records {
    ($( $record:ident is $kind:ident, deleted by $deleted:expr, compared by $changed:ident,
        emitted as $body:ident by $added:ident, $updated:ident, $removed:ident; )*) => {$(
        impl Record for $record {
            const KIND: EntityKind = EntityKind::$kind;

            fn id(&self) -> &EntityId {
                &self.id
            }

            fn is_deleted(&self) -> bool {
                let deleted: fn(&Self) -> bool = $deleted;
                deleted(self)
            }

            fn changed(before: &Self, after: &Self) -> Vec<&'static str> {
                $changed(before, after)
            }

            fn change(before: Option<Self>, after: Option<Self>, changed: Vec<String>) -> Body {
                let event = match (&before, &after) {
                    (None, _) => Body::$added,
                    (_, None) => Body::$removed,
                    (Some(_), Some(_)) => Body::$updated,
                };
                event($body { before, after, changed })
            }
        }
    )*};
}

records! {
    Queue is Queue, deleted by |queue| queue.deleted == Some(true), compared by changed_in_queue,
        emitted as QueueChange by QueueAdded, QueueUpdated, QueueRemoved;
    Team is Team, deleted by |team| team.deleted == Some(true), compared by changed_in_team,
        emitted as TeamChange by TeamAdded, TeamUpdated, TeamRemoved;
    StatusDefinition is Status, deleted by |_| false, compared by changed_in_status_definition,
        emitted as StatusDefinitionChange by
        StatusDefinitionAdded, StatusDefinitionUpdated, StatusDefinitionRemoved;
}
