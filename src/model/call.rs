//! Calls: the whole record, with all that the vendors' documents list.

use serde::{Deserialize, Serialize};

use super::{
    AgentReference, ConsumerEventDuration, ConsumerHandleDuration, ConsumerInMenuDuration,
    Direction, Disposition, EntityId, HandleDuration, Menu, MenuPath, QueueDuration, Timestamp,
    Transfer, VirtualAgent, VirtualAgentDeflectedEscalation, VirtualAgentHandleDuration,
};

/// A telephone call. Durations are whole seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The vendor's id.
    pub id: EntityId,
    /// The call this one came from, such as the failed one that it calls back.
    pub parent_id: Option<EntityId>,
    /// Language code.
    pub lang: Option<String>,
    /// The kind of call in the vendor's words, such as `Voice Inbound (IVR)`.
    pub call_type: Option<String>,
    /// The step of its life in the vendor's words, such as `queued` or `finished`.
    pub status: Option<String>,
    /// When it came to be.
    pub created_at: Option<Timestamp>,
    /// When it entered the queue.
    pub queued_at: Option<Timestamp>,
    /// When an agent was chosen.
    pub assigned_at: Option<Timestamp>,
    /// When customer and agent were connected.
    pub connected_at: Option<Timestamp>,
    /// When it ended.
    pub ends_at: Option<Timestamp>,
    /// The time it is scheduled for.
    pub scheduled_at: Option<Timestamp>,
    /// When the record last changed. After-call work does not move it.
    pub updated_at: Option<Timestamp>,
    /// Seconds waited (deprecated by the vendor).
    pub wait_duration: Option<i64>,
    /// Seconds in queues.
    pub queue_duration: Option<i64>,
    /// Seconds of talk.
    pub call_duration: Option<i64>,
    /// Seconds on hold.
    pub hold_duration: Option<i64>,
    /// The customer's rating, 1 to 5.
    pub rating: Option<i64>,
    /// Whether the customer left a word.
    pub has_feedback: Option<bool>,
    /// Who carries the voice.
    pub voip_provider: Option<String>,
    /// The ticket in the customer relations system.
    pub out_ticket_id: Option<String>,
    /// Its address.
    pub out_ticket_url: Option<String>,
    /// Whether the customer was verified.
    pub verified: Option<bool>,
    /// Content: address of the recording.
    pub recording_url: Option<String>,
    /// Whether recording was allowed, such as `not_asked`.
    pub recording_permission: Option<String>,
    /// Why there is a voicemail, or `not_voicemail`.
    pub voicemail_reason: Option<String>,
    /// Where the call was deflected to, or `no_deflection`.
    pub deflection: Option<String>,
    /// Who hung up.
    pub disconnected_by: Option<String>,
    /// Content: the vendor's words on a failure.
    pub fail_details: Option<String>,
    /// Why it failed; null when it did not.
    pub fail_reason: Option<String>,
    /// The carrier's code of the failure.
    pub adapter_fail_code: Option<i64>,
    /// The carrier's words on the failure.
    pub adapter_fail_message: Option<String>,
    /// The contact centre's number that was called.
    pub support_number: Option<String>,
    /// The number an agent called from.
    pub outbound_number: Option<String>,
    /// The queue the customer chose.
    pub selected_menu: Option<Menu>,
    /// The path to that queue.
    pub menu_path: Option<MenuPath>,
    /// Priority within the queue.
    pub queue_priority_level: Option<i64>,
    /// How the call was offered, such as `cascade`.
    pub offer_type: Option<String>,
    /// When it was offered, and to whom.
    #[serde(default)]
    pub offer_events: Vec<OfferEvent>,
    /// How it was answered, such as `manual`.
    pub answer_type: Option<String>,
    /// The agent at the time of the reading.
    pub agent_info: Option<AgentReference>,
    /// The customer.
    pub end_user: Option<EndUser>,
    /// Content: pictures the customer sent.
    #[serde(default)]
    pub photos: Vec<Media>,
    /// Content: videos the customer sent.
    #[serde(default)]
    pub videos: Vec<Media>,
    /// Content: text messages sent while the customer waited, each as the vendor's JSON text.
    #[serde(default)]
    pub wait_time_sms: Vec<String>,
    /// Content: text messages sent during the call, each as the vendor's JSON text.
    #[serde(default)]
    pub in_call_sms: Vec<String>,
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
    /// Recordings.
    #[serde(default)]
    pub recordings: Vec<Recording>,
    /// What agents noted.
    #[serde(default)]
    pub dispositions: Vec<Disposition>,
    /// The customer's time with agents.
    #[serde(default)]
    pub consumer_handle_durations: Vec<ConsumerHandleDuration>,
    /// The customer's time in menus.
    #[serde(default)]
    pub consumer_in_menu_durations: Vec<ConsumerInMenuDuration>,
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

/// A customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndUser {
    /// Customer: the vendor's id.
    pub id: Option<EntityId>,
    /// Customer: what the customer is known by, often a telephone number.
    pub identifier: Option<String>,
    /// Customer: the id in the customer relations system.
    pub out_contact_id: Option<String>,
}

/// A picture or a video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// The vendor's id.
    pub id: Option<EntityId>,
    /// What kind of picture, where the vendor says.
    pub photo_type: Option<String>,
    /// Content: its address.
    pub url: Option<String>,
}

/// An offer of a call to a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferEvent {
    /// When it was offered.
    pub casting_time: Option<Timestamp>,
    /// To which group.
    pub group: Option<String>,
}

/// Somebody who took part. The vendor's `call_id` may name another call than the one it is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    /// The row's id; unique only inside its call.
    pub id: Option<EntityId>,
    /// `agent` or `end_user`.
    #[serde(rename = "type")]
    pub participant_type: Option<String>,
    /// The step the participant is in.
    pub status: Option<String>,
    /// The call the vendor names.
    pub call_id: Option<EntityId>,
    /// The agent, where it is one.
    pub user_id: Option<EntityId>,
    /// Customer: the customer, where it is one.
    pub end_user_id: Option<EntityId>,
    /// Seconds of talk.
    pub call_duration: Option<i64>,
    /// Seconds on hold.
    pub hold_duration: Option<i64>,
    /// When the participant was connected.
    pub connected_at: Option<Timestamp>,
    /// When the participant left.
    pub ended_at: Option<Timestamp>,
    /// Why the participant's part failed; null when it did not.
    pub fail_reason: Option<String>,
    /// The carrier's code of the failure.
    pub adapter_fail_code: Option<i64>,
    /// The carrier's words on the failure.
    pub adapter_fail_message: Option<String>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The vendor's id.
    pub id: Option<EntityId>,
    /// The call the vendor names.
    pub call_id: Option<EntityId>,
    /// Content: the carrier's id of the conference, by which the recording can be fetched.
    pub conference_sid: Option<String>,
    /// Seconds.
    pub duration: Option<i64>,
    /// What kind of recording, such as `default`.
    pub recording_type: Option<String>,
    /// Parts that were removed.
    #[serde(default)]
    pub redaction_times: Vec<RedactionTime>,
    /// When it began.
    pub started_at: Option<Timestamp>,
}

/// A part that was removed from a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RedactionTime {
    /// When it began.
    pub start: Option<Timestamp>,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// Seconds, with a fraction.
    pub duration: Option<f64>,
    /// The agent who began it.
    pub start_agent_id: Option<EntityId>,
    /// The agent who ended it.
    pub end_agent_id: Option<EntityId>,
}

impl Call {
    /// Who began the call, from its type in either of the vendor's two vocabularies.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.call_type.as_deref() {
            Some(
                "Voice Inbound (IVR)"
                | "Voice Inbound (App)"
                | "IvrCall"
                | "IncomingCallApp"
                | "IncomingCallWeb"
                | "ActionOnlyCall",
            ) => Direction::Inbound,
            Some("Voice Outbound" | "OutboundCall") => Direction::Outbound,
            Some(
                "Voice Callback (Web)"
                | "Voice Scheduled (App)"
                | "Voice Scheduled (Web)"
                | "ScheduledCallApp"
                | "ScheduledCallWeb"
                | "AgentScheduledCall",
            ) => Direction::Scheduled,
            _ => Direction::Unknown,
        }
    }
}
