//! Chats: the whole record, with all that the vendors' documents list.

use serde::Deserialize;

use super::flat_record::flat_record;
use super::{Direction, InteractionRecord, Normalise, Timestamp, VendorWord, Vocabulary};

/// A chat: what it shares with calls, and its own. It is written as one flat record. Durations are
/// whole seconds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Chat {
    /// What it shares with calls.
    #[serde(flatten)]
    pub interaction: InteractionRecord,
    /// What kind of chat it is.
    pub chat_type: Option<VendorWord<Direction>>,
    /// When the first message was sent.
    pub first_msg_sent_at: Option<Timestamp>,
    /// When the last message was sent.
    pub last_msg_sent_at: Option<Timestamp>,
    /// Seconds of chat.
    pub chat_duration: Option<i64>,
    /// Messages in all.
    pub message_count: Option<i64>,
    /// Seconds of an average answer.
    pub average_response_time: Option<i64>,
    /// Seconds of the slowest answer.
    pub longest_response_time: Option<i64>,
}

flat_record!(Chat {
    interaction.id, interaction.lang, chat_type, interaction.status, interaction.created_at,
    interaction.assigned_at, interaction.ends_at, interaction.updated_at, first_msg_sent_at,
    last_msg_sent_at, interaction.wait_duration, interaction.queue_duration, chat_duration,
    interaction.verified, interaction.rating, interaction.has_feedback, interaction.out_ticket_id,
    interaction.out_ticket_url, interaction.fail_reason, message_count, average_response_time,
    longest_response_time, interaction.selected_menu, interaction.menu_path,
    interaction.agent_info, interaction.end_user, interaction.offer_type,
    interaction.offer_events, interaction.photos, interaction.videos, interaction.transfers,
    interaction.participants, interaction.queue_durations, interaction.handle_durations,
    interaction.consumer_handle_durations, interaction.consumer_event_durations,
    interaction.virtual_agent, interaction.virtual_agent_deflected_escalations,
    interaction.virtual_agent_handle_durations,
});

impl Chat {
    /// Who began the chat. A text message may have been begun by either side.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.chat_type.as_ref().map_or(Direction::Unknown, VendorWord::normal)
    }
}

impl Normalise for Chat {
    fn normalise(&mut self, vocabulary: &Vocabulary) {
        let Vocabulary { chat_statuses, chat_fail_reasons, .. } = *vocabulary;
        self.interaction.normalise(chat_statuses, chat_fail_reasons, vocabulary);
        if let Some(chat_type) = &mut self.chat_type {
            chat_type.look_up(vocabulary.chat_types);
        }
    }
}
