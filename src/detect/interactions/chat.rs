//! Chats as interactions. An agent who is assigned to a chat is connected with it.

use super::Interaction;
use super::steps::{LifeCycle, Tells};
use crate::detect::fields::changed_in_chat;
use crate::event::{
    Body, ChatAssignment, ChatEnd, ChatFailure, ChatQueueing, ChatRating, ChatTransfer, ChatUpdate,
    ChatWrapUp, InteractionContext,
};
use crate::model::{
    AgentReference, Chat, Direction, EntityId, EntityKind, HandleDuration, Menu, MenuPath, Phase,
    QueueDuration, Timestamp, Transfer,
};

impl Interaction for Chat {
    const KIND: EntityKind = EntityKind::Chat;
    const CHANNEL: &'static str = "chat";
    const CONNECTS: bool = false;

    fn id(&self) -> &EntityId {
        &self.id
    }

    fn direction(&self) -> Direction {
        self.direction()
    }

    fn language(&self) -> Option<&String> {
        self.lang.as_ref()
    }

    fn phase(&self) -> Phase {
        self.status.as_deref().map_or(Phase::Unknown, Phase::of_chat)
    }

    fn queued_at(&self) -> Option<Timestamp> {
        // The vendor gives chats no such stamp: their rows tell it.
        None
    }

    fn assigned_at(&self) -> Option<Timestamp> {
        self.assigned_at
    }

    fn connected_at(&self) -> Option<Timestamp> {
        None
    }

    fn ends_at(&self) -> Option<Timestamp> {
        self.ends_at
    }

    fn updated_at(&self) -> Option<Timestamp> {
        self.updated_at
    }

    fn rating(&self) -> Option<i64> {
        self.rating
    }

    fn selected_menu(&self) -> Option<&Menu> {
        self.selected_menu.as_ref()
    }

    fn menu_path(&self) -> Option<&MenuPath> {
        self.menu_path.as_ref()
    }

    fn agent_info(&self) -> Option<&AgentReference> {
        self.agent_info.as_ref()
    }

    fn queue_durations(&self) -> &[QueueDuration] {
        &self.queue_durations
    }

    fn handle_durations(&self) -> &[HandleDuration] {
        &self.handle_durations
    }

    fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    fn without_bookkeeping(&self) -> Self {
        Self { updated_at: None, wait_duration: None, ..self.clone() }
    }

    fn changed(before: &Self, after: &Self) -> Vec<&'static str> {
        changed_in_chat(before, after)
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

    fn arrival(_: &mut LifeCycle<'_, Self>) {}

    fn ending(life: &mut LifeCycle<'_, Self>) {
        let (chat, phase) = (life.current(), life.record.phase());
        let at = life.at(life.record.ends_at);
        let after = Box::new(life.record.clone());
        match phase {
            Phase::Finished => {
                let body = Body::ChatFinished(ChatEnd { chat, after });
                life.add("finished", at, body, Tells::Everything);
            }
            Phase::Canceled => {
                let body = Body::ChatCanceled(ChatEnd { chat, after });
                life.add("canceled", at, body, Tells::Everything);
            }
            Phase::Unanswered => {
                let body = Body::ChatUnanswered(ChatEnd { chat, after });
                life.add("unanswered", at, body, Tells::Everything);
            }
            Phase::Failed => {
                let reason = life.record.fail_reason.clone();
                let body = Body::ChatFailed(ChatFailure { chat, reason, after });
                life.add("failed", at, body, Tells::Everything);
            }
            _ => {}
        }
    }
}
