//! Chats as interactions. An agent who is assigned to a chat is connected with it.

use super::context::current_context;
use super::interaction::Interaction;
use super::step::{Coverage, StepKind, Steps};
use crate::event::Body;
use crate::event::body::{
    ChatAssignment, ChatEnd, ChatFailure, ChatQueueing, ChatRating, ChatTransfer, ChatUpdate,
    ChatWrapUp, InteractionContext,
};
use crate::model::{
    Chat, Direction, EntityId, EntityKind, HandleDuration, InteractionPhase, InteractionRecord,
    Timestamp, Transfer,
};

impl Interaction for Chat {
    const KIND: EntityKind = EntityKind::Chat;
    const CHANNEL: &'static str = "chat";
    const CONNECTS: bool = false;

    fn interaction(&self) -> &InteractionRecord {
        &self.interaction
    }

    fn interaction_mut(&mut self) -> &mut InteractionRecord {
        &mut self.interaction
    }

    fn direction(&self) -> Direction {
        self.direction()
    }

    fn queued_at(&self) -> Option<Timestamp> {
        // Chats have no such stamp; their rows have it.
        None
    }

    fn connected_at(&self) -> Option<Timestamp> {
        None
    }

    fn differing(&self, other: &Self) -> Vec<&'static str> {
        self.differing(other)
    }

    fn queued(
        chat: InteractionContext,
        row_id: Option<EntityId>,
        transfer_id: Option<EntityId>,
    ) -> Body {
        Body::ChatQueued(ChatQueueing { chat, row_id, transfer_id })
    }

    fn assigned(chat: InteractionContext, transfer_id: Option<EntityId>) -> Body {
        Body::ChatAssigned(ChatAssignment { chat, transfer_id })
    }

    fn connected(_: InteractionContext, _: Option<EntityId>) -> Option<Body> {
        None
    }

    fn transferred(chat: InteractionContext, transfer: Transfer) -> Body {
        Body::ChatTransferred(ChatTransfer { chat, transfer })
    }

    fn wrap_up_ended(chat: InteractionContext, row: HandleDuration, after: Box<Self>) -> Body {
        Body::ChatWrapUpEnded(ChatWrapUp { chat, row, after })
    }

    fn rated(chat: InteractionContext, rating: Option<i64>, previous: Option<i64>) -> Body {
        Body::ChatRated(ChatRating { chat, rating, previous })
    }

    fn updated(
        chat: InteractionContext,
        before: Option<Box<Self>>,
        after: Box<Self>,
        changed: Vec<String>,
    ) -> Body {
        Body::ChatUpdated(ChatUpdate { chat, before, after, changed })
    }

    fn add_arrival(&self, _: &mut Steps<'_>) {}

    fn add_ending(&self, steps: &mut Steps<'_>) {
        let (chat, after) = (current_context(self), Box::new(self.clone()));
        let (kind, body) = match self.interaction.phase() {
            InteractionPhase::Finished => {
                (StepKind::Finished, Body::ChatFinished(ChatEnd { chat, after }))
            }
            InteractionPhase::Canceled => {
                (StepKind::Canceled, Body::ChatCanceled(ChatEnd { chat, after }))
            }
            InteractionPhase::Unanswered => {
                (StepKind::Unanswered, Body::ChatUnanswered(ChatEnd { chat, after }))
            }
            InteractionPhase::Failed => {
                let reason = self.interaction.fail_reason.as_deref().map(String::from);
                (StepKind::Failed, Body::ChatFailed(ChatFailure { chat, reason, after }))
            }
            _ => return,
        };
        let at = steps.at(self.interaction.ends_at);
        steps.add(kind.key(), at, body, Coverage::Everything);
    }
}
