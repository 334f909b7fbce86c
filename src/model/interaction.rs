//! What calls and chats have in common.

use serde::Deserialize;

use super::{
    AgentReference, ConsumerEventDuration, ConsumerHandleDuration, EndUser, EntityId, FailureCause,
    HandleDuration, InteractionPhase, Media, Menu, MenuPath, OfferEvent, Participant,
    QueueDuration, Timestamp, Transfer, VendorWord, VirtualAgent, VirtualAgentDeflectedEscalation,
    VirtualAgentHandleDuration, Vocabulary, Words,
};

/// The part that the records of calls and of chats share. Durations are whole seconds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct InteractionRecord {
    /// The vendor's id.
    pub id: EntityId,
    /// Language code.
    pub lang: Option<String>,
    /// Where it is in its life cycle.
    pub status: Option<VendorWord<InteractionPhase>>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When an agent was chosen.
    pub assigned_at: Option<Timestamp>,
    /// When it ended.
    pub ends_at: Option<Timestamp>,
    /// When the record last changed. After-call work does not move it.
    pub updated_at: Option<Timestamp>,
    /// Seconds waited (deprecated by the vendor).
    pub wait_duration: Option<i64>,
    /// Seconds in queues.
    pub queue_duration: Option<i64>,
    /// The customer's rating, 1 to 5.
    pub rating: Option<i64>,
    /// Whether the customer left a comment.
    pub has_feedback: Option<bool>,
    /// The ticket in the customer relations system.
    pub out_ticket_id: Option<String>,
    /// Its address.
    pub out_ticket_url: Option<String>,
    /// Whether the customer was verified.
    pub verified: Option<bool>,
    /// Why it failed; null when it did not.
    pub fail_reason: Option<VendorWord<FailureCause>>,
    /// The queue the customer chose.
    pub selected_menu: Option<Menu>,
    /// The path to that queue.
    pub menu_path: Option<MenuPath>,
    /// How it was offered, in the vendor's words.
    pub offer_type: Option<String>,
    /// When it was offered, and to whom.
    #[serde(default)]
    pub offer_events: Vec<OfferEvent>,
    /// The agent at the time of the poll.
    pub agent_info: Option<AgentReference>,
    /// The customer.
    pub end_user: Option<EndUser>,
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
    /// The customer's time in payments and surveys.
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

impl InteractionRecord {
    /// Where the interaction is in its life cycle.
    #[must_use]
    pub fn phase(&self) -> InteractionPhase {
        self.status.as_ref().map_or(InteractionPhase::Unknown, VendorWord::normal)
    }

    /// Sets the normal form of each word, by the tables of this kind of interaction.
    pub(super) fn normalise(
        &mut self,
        statuses: Words<InteractionPhase>,
        fail_reasons: Words<FailureCause>,
        vocabulary: &Vocabulary,
    ) {
        if let Some(status) = &mut self.status {
            status.look_up(statuses);
        }
        if let Some(reason) = &mut self.fail_reason {
            reason.look_up(fail_reasons);
        }
        for row in &mut self.queue_durations {
            if let Some(verdict) = &mut row.service_level_event {
                verdict.look_up(vocabulary.sla_verdicts);
            }
        }
    }
}
