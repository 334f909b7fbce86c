//! The parts of calls and chats: customers, participants, transfers, and the rows of durations.
//!
//! Durations are whole seconds unless said otherwise, as the vendors give them.

use serde::{Deserialize, Serialize};

use super::{AgentReference, EntityId, MenuPath, SlaVerdict, Timestamp, VendorWord};

/// A customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndUser {
    /// Customer: the vendor's id.
    pub id: Option<EntityId>,
    /// Customer: what identifies the customer, often a telephone number.
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

/// A participant. The vendor's `call_id` may name another call than the one it is in.
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

/// A stay in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueDuration {
    /// The row's id; unique only inside its interaction.
    pub id: Option<EntityId>,
    /// The agent who ended the wait.
    pub agent_id: Option<EntityId>,
    /// Seconds waited.
    pub queue_duration: Option<i64>,
    /// The path's id; not the menu's.
    pub menu_path_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub menu_path: Option<String>,
    /// Language code.
    pub lang: Option<String>,
    /// Whether the stay began with a transfer.
    #[serde(default)]
    pub transfer: bool,
    /// The transfer it began with.
    pub transfer_id: Option<EntityId>,
    /// Whether that transfer was a cold one.
    pub transfer_cold: Option<bool>,
    /// When the wait began.
    pub started_at: Option<Timestamp>,
    /// When it ended; null while it lasts.
    pub ended_at: Option<Timestamp>,
    /// Seconds below which an abandoned interaction does not count.
    pub service_level_abandon_time_threshold: Option<i64>,
    /// The vendor's verdict on the wait.
    pub service_level_event: Option<VendorWord<SlaVerdict>>,
    /// Percent of interactions to be answered in time.
    pub service_level_target_percent: Option<f64>,
    /// Seconds within which to answer.
    pub service_level_target_time: Option<i64>,
}

/// The handling by one agent, or its after-call work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandleDuration {
    /// The row's id; unique only inside its interaction.
    pub id: Option<EntityId>,
    /// The agent.
    pub agent_id: Option<EntityId>,
    /// Seconds of after-call work.
    pub acw_duration: Option<i64>,
    /// Seconds of before-call work.
    pub bcw_duration: Option<i64>,
    /// Seconds of talk.
    pub call_duration: Option<i64>,
    /// Seconds of chat.
    pub chat_duration: Option<i64>,
    /// Seconds waited before (deprecated by the vendor).
    pub wait_duration: Option<i64>,
    /// Seconds from assignment to connection.
    pub assigned_connection_duration: Option<i64>,
    /// Seconds on hold.
    pub hold_duration: Option<i64>,
    /// Messages in all.
    pub message_count: Option<i64>,
    /// Answers by the agent.
    pub response_count: Option<i64>,
    /// Seconds, summed over the answers.
    pub response_time_total: Option<i64>,
    /// Seconds of the slowest answer.
    pub response_time_max: Option<i64>,
    /// Seconds of an average answer.
    pub response_time_avg: Option<i64>,
    /// The path's id; not the menu's.
    pub menu_path_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub menu_path: Option<String>,
    /// Language code.
    pub lang: Option<String>,
    /// Whether a supervisor had entered the call.
    pub barged: Option<bool>,
    /// Whether the handling began with a transfer.
    #[serde(default)]
    pub transfer: bool,
    /// The transfer it began with.
    pub transfer_id: Option<EntityId>,
    /// Whether that transfer was a cold one.
    pub transfer_cold: Option<bool>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The time it had been scheduled for.
    pub scheduled_at: Option<Timestamp>,
}

/// A transfer from one agent or queue to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// The vendor's id.
    pub id: Option<EntityId>,
    /// Its status, in the vendor's words.
    pub status: Option<String>,
    /// Why it failed; null when it did not.
    pub fail_reason: Option<String>,
    /// When it was begun.
    pub created_at: Option<Timestamp>,
    /// When the new agent was chosen.
    pub assigned_at: Option<Timestamp>,
    /// When the new agent was connected.
    pub connected_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// Seconds of talk after it.
    pub call_duration: Option<i64>,
    /// Seconds waited for it.
    pub wait_duration: Option<i64>,
    /// The deflection it ended in, in the vendor's words.
    pub deflection: Option<String>,
    /// The path it left.
    pub from_menu: Option<MenuPath>,
    /// The path it went to.
    pub to_menu: Option<MenuPath>,
    /// The agent who gave it.
    pub from_agent: Option<AgentReference>,
    /// The agent who got it.
    pub to_agent: Option<AgentReference>,
}

/// What an agent noted an interaction was about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disposition {
    /// The agent who noted it.
    pub user_id: Option<EntityId>,
    /// The participant it was noted for.
    pub participant_id: Option<EntityId>,
    /// The transfer it was noted for.
    pub transfer_id: Option<EntityId>,
    /// Content: the note.
    pub code: Option<String>,
}

/// The customer's time with agents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsumerHandleDuration {
    /// The row's id.
    pub id: Option<EntityId>,
    /// Seconds of talk.
    pub call_duration: Option<i64>,
    /// Seconds of chat.
    pub chat_duration: Option<i64>,
    /// Seconds on hold.
    pub hold_duration: Option<i64>,
    /// Messages in all.
    pub message_count: Option<i64>,
    /// Answers in all.
    pub response_count: Option<i64>,
    /// Seconds, summed over the answers.
    pub response_time_total: Option<i64>,
    /// Seconds of the slowest answer.
    pub response_time_max: Option<i64>,
    /// Seconds of an average answer.
    pub response_time_avg: Option<i64>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The customer's time in a menu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsumerInMenuDuration {
    /// The row's id.
    pub id: Option<EntityId>,
    /// How it ended, in the vendor's words.
    pub event: Option<String>,
    /// Seconds.
    pub duration: Option<i64>,
    /// The path's id.
    pub menu_path_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub menu_path: Option<String>,
    /// Language code.
    pub lang: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The customer's time in a payment or a survey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsumerEventDuration {
    /// The row's id.
    pub id: Option<EntityId>,
    /// What it was, in the vendor's words.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// How it ended, in the vendor's words.
    pub event: Option<String>,
    /// Seconds.
    pub duration: Option<i64>,
    /// The path's id.
    pub menu_path_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub menu_path: Option<String>,
    /// Language code.
    pub lang: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A virtual agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualAgent {
    /// The vendor's id.
    pub id: Option<EntityId>,
    /// Its name.
    pub name: Option<String>,
}

/// An escalation by a virtual agent that was deflected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualAgentDeflectedEscalation {
    /// The row's id.
    pub id: Option<EntityId>,
    /// Where to, in the vendor's words.
    pub deflection: Option<String>,
    /// The escalation's id.
    pub escalation_id: Option<EntityId>,
    /// Why, in the vendor's words.
    pub escalation_reason: Option<String>,
    /// When.
    pub escalated_at: Option<Timestamp>,
    /// The path's id.
    pub menu_path_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub menu_path: Option<String>,
    /// Language code.
    pub lang: Option<String>,
    /// Who escalated.
    pub virtual_agent: Option<VirtualAgent>,
}

/// The handling by a virtual agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualAgentHandleDuration {
    /// The row's id.
    pub id: Option<EntityId>,
    /// Who handled.
    pub virtual_agent: Option<VirtualAgent>,
    /// Seconds of talk.
    pub call_duration: Option<i64>,
    /// Seconds of chat.
    pub chat_duration: Option<i64>,
    /// Why it was escalated.
    pub escalation_reason: Option<String>,
    /// The vendor's measure of the customer's mood.
    pub sentiment: Option<i64>,
    /// Answers.
    pub response_count: Option<i64>,
    /// Seconds, summed over the answers.
    pub response_time_total: Option<i64>,
    /// Seconds of the slowest answer.
    pub response_time_max: Option<i64>,
    /// Seconds of an average answer.
    pub response_time_avg: Option<i64>,
    /// Answers that said it did not understand.
    pub fallback_response_count: Option<i64>,
    /// Who began, in the vendor's words.
    pub initiated_by: Option<String>,
    /// The path's id.
    pub menu_path_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub menu_path: Option<String>,
    /// Language code.
    pub lang: Option<String>,
    /// Whether it began with a transfer.
    pub transfer: Option<bool>,
    /// The transfer it began with.
    pub transfer_id: Option<EntityId>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}
