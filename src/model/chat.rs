//! Chats: the whole record, with all that the vendors' documents list.

use serde::{Deserialize, Serialize};

use super::{
    AgentReference, ConsumerEventDuration, ConsumerHandleDuration, Direction, EndUser, EntityId,
    HandleDuration, Media, Menu, MenuPath, OfferEvent, Participant, QueueDuration, Timestamp,
    Transfer, VirtualAgent, VirtualAgentDeflectedEscalation, VirtualAgentHandleDuration,
};

/// A chat. Durations are whole seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// The vendor's id.
    pub id: EntityId,
    /// Language code.
    pub lang: Option<String>,
    /// The kind of chat in the vendor's words, such as `Messaging Inbound (Web Chat)`.
    pub chat_type: Option<String>,
    /// The step of its life in the vendor's words, such as `queued` or `finished`.
    pub status: Option<String>,
    /// When it came to be.
    pub created_at: Option<Timestamp>,
    /// When an agent was chosen.
    pub assigned_at: Option<Timestamp>,
    /// When it ended.
    pub ends_at: Option<Timestamp>,
    /// When the record last changed. After-call work does not move it.
    pub updated_at: Option<Timestamp>,
    /// When the first message was sent.
    pub first_msg_sent_at: Option<Timestamp>,
    /// When the last message was sent.
    pub last_msg_sent_at: Option<Timestamp>,
    /// Seconds waited (deprecated by the vendor).
    pub wait_duration: Option<i64>,
    /// Seconds in queues.
    pub queue_duration: Option<i64>,
    /// Seconds of chat.
    pub chat_duration: Option<i64>,
    /// Whether the customer was verified.
    pub verified: Option<bool>,
    /// The customer's rating, 1 to 5.
    pub rating: Option<i64>,
    /// Whether the customer left a word.
    pub has_feedback: Option<bool>,
    /// The ticket in the customer relations system.
    pub out_ticket_id: Option<String>,
    /// Its address.
    pub out_ticket_url: Option<String>,
    /// Why it failed; null when it did not.
    pub fail_reason: Option<String>,
    /// Messages in all.
    pub message_count: Option<i64>,
    /// Seconds of an average answer.
    pub average_response_time: Option<i64>,
    /// Seconds of the slowest answer.
    pub longest_response_time: Option<i64>,
    /// The queue the customer chose.
    pub selected_menu: Option<Menu>,
    /// The path to that queue.
    pub menu_path: Option<MenuPath>,
    /// The agent at the time of the reading.
    pub agent_info: Option<AgentReference>,
    /// The customer.
    pub end_user: Option<EndUser>,
    /// How the chat was offered, such as `cascade`.
    pub offer_type: Option<String>,
    /// When it was offered, and to whom.
    #[serde(default)]
    pub offer_events: Vec<OfferEvent>,
    /// Content: pictures the customer sent.
    #[serde(default)]
    pub photos: Vec<Media>,
    /// Content: videos the customer sent.
    #[serde(default)]
    pub videos: Vec<Media>,
    /// Transfers, in the vendor's order.
    #[serde(default)]
    pub transfers: Vec<Transfer>,
    /// Who took part.
    #[serde(default)]
    pub participants: Vec<Participant>,
    /// Stays in queues.
    #[serde(default)]
    pub queue_durations: Vec<QueueDuration>,
    /// Handling by agents, and after-call work.
    #[serde(default)]
    pub handle_durations: Vec<HandleDuration>,
    /// The customer's time with agents.
    #[serde(default)]
    pub consumer_handle_durations: Vec<ConsumerHandleDuration>,
    /// The customer's time in surveys.
    #[serde(default)]
    pub consumer_event_durations: Vec<ConsumerEventDuration>,
    /// The virtual agent who handled it.
    pub virtual_agent: Option<VirtualAgent>,
    /// Escalations by virtual agents that were deflected.
    #[serde(default)]
    pub virtual_agent_deflected_escalations: Vec<VirtualAgentDeflectedEscalation>,
    /// Handling by virtual agents.
    #[serde(default)]
    pub virtual_agent_handle_durations: Vec<VirtualAgentHandleDuration>,
}

impl Chat {
    /// Who began the chat, from its type in either of the vendor's two vocabularies. A text message
    /// may have been begun by either side.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.chat_type.as_deref() {
            Some("Messaging Inbound (App Chat)" | "Messaging Inbound (Web Chat)" | "in-app") => {
                Direction::Inbound
            }
            _ => Direction::Unknown,
        }
    }
}
