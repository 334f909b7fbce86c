//! What detection needs to know of calls and chats beyond what their records share.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::step::Steps;
use crate::event::Body;
use crate::event::body::InteractionContext;
use crate::model::{
    Direction, EntityId, EntityKind, HandleDuration, InteractionRecord, Normalise, Personal,
    Timestamp, Transfer,
};

/// A call or a chat: its record, and the events of its life cycle.
pub trait Interaction: Personal + Normalise + PartialEq + Serialize + DeserializeOwned {
    /// What kind of entity it is.
    const KIND: EntityKind;
    /// The channel, as queues name it.
    const CHANNEL: &'static str;
    /// Whether being connected is another step than being assigned.
    const CONNECTS: bool;

    /// What calls and chats share.
    fn interaction(&self) -> &InteractionRecord;
    /// The same, to be changed.
    fn interaction_mut(&mut self) -> &mut InteractionRecord;
    /// Who began it.
    fn direction(&self) -> Direction;
    /// When it entered its first queue, where the record says so.
    fn queued_at(&self) -> Option<Timestamp>;
    /// When customer and agent were connected, where that is a step.
    fn connected_at(&self) -> Option<Timestamp>;
    /// The names of the fields that differ, in the order of the record.
    fn differing(&self, other: &Self) -> Vec<&'static str>;

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
    fn add_arrival(&self, steps: &mut Steps<'_>);
    /// Adds the steps that end it.
    #[doc(hidden)]
    fn add_ending(&self, steps: &mut Steps<'_>);
}
