//! Calls: the whole record, with all that the vendors' documents list.

use serde::{Deserialize, Serialize};

use super::flat_record::flat_record;
use super::{
    ConsumerInMenuDuration, Deflection, Direction, Disposition, EntityId, FailureCause,
    InteractionRecord, Normalise, Timestamp, VendorWord, Vocabulary,
};

/// A telephone call: what it shares with chats, and its own. It is written as one flat record.
/// Durations are whole seconds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Call {
    /// What it shares with chats.
    #[serde(flatten)]
    pub interaction: InteractionRecord,
    /// The call that led to this one, such as the failed one that it calls back.
    pub parent_id: Option<EntityId>,
    /// What kind of call it is.
    pub call_type: Option<VendorWord<Direction>>,
    /// When it entered the queue.
    pub queued_at: Option<Timestamp>,
    /// When customer and agent were connected.
    pub connected_at: Option<Timestamp>,
    /// The time it is scheduled for.
    pub scheduled_at: Option<Timestamp>,
    /// Seconds of talk.
    pub call_duration: Option<i64>,
    /// Seconds on hold.
    pub hold_duration: Option<i64>,
    /// The carrier.
    pub voip_provider: Option<String>,
    /// Content: address of the recording.
    pub recording_url: Option<String>,
    /// Whether recording was allowed, in the vendor's words.
    pub recording_permission: Option<String>,
    /// Why there is a voicemail, or that there is none, in the vendor's words.
    pub voicemail_reason: Option<String>,
    /// Where the call was deflected to, or that it was not.
    pub deflection: Option<VendorWord<Deflection>>,
    /// Who hung up.
    pub disconnected_by: Option<String>,
    /// Content: the vendor's words on a failure.
    pub fail_details: Option<String>,
    /// The carrier's code of the failure.
    pub adapter_fail_code: Option<i64>,
    /// The carrier's words on the failure.
    pub adapter_fail_message: Option<String>,
    /// The contact centre's number that was called.
    pub support_number: Option<String>,
    /// The number an agent called from.
    pub outbound_number: Option<String>,
    /// Priority within the queue.
    pub queue_priority_level: Option<i64>,
    /// How it was answered, in the vendor's words.
    pub answer_type: Option<String>,
    /// Content: text messages sent while the customer waited, each as the vendor's JSON text.
    #[serde(default)]
    pub wait_time_sms: Vec<String>,
    /// Content: text messages sent during the call, each as the vendor's JSON text.
    #[serde(default)]
    pub in_call_sms: Vec<String>,
    /// Recordings.
    #[serde(default)]
    pub recordings: Vec<Recording>,
    /// What agents noted.
    #[serde(default)]
    pub dispositions: Vec<Disposition>,
    /// The customer's time in menus.
    #[serde(default)]
    pub consumer_in_menu_durations: Vec<ConsumerInMenuDuration>,
}

flat_record!(Call {
    interaction.id, parent_id, interaction.lang, call_type, interaction.status,
    interaction.created_at, queued_at, interaction.assigned_at, connected_at, interaction.ends_at,
    scheduled_at, interaction.updated_at, interaction.wait_duration, interaction.queue_duration,
    call_duration, hold_duration, interaction.rating, interaction.has_feedback, voip_provider,
    interaction.out_ticket_id, interaction.out_ticket_url, interaction.verified, recording_url,
    recording_permission, voicemail_reason, deflection, disconnected_by, fail_details,
    interaction.fail_reason, adapter_fail_code, adapter_fail_message, support_number,
    outbound_number, interaction.selected_menu, interaction.menu_path, queue_priority_level,
    interaction.offer_type, interaction.offer_events, answer_type, interaction.agent_info,
    interaction.end_user, interaction.photos, interaction.videos, wait_time_sms, in_call_sms,
    interaction.transfers, interaction.participants, interaction.queue_durations,
    interaction.handle_durations, recordings, dispositions, interaction.consumer_handle_durations,
    consumer_in_menu_durations, interaction.consumer_event_durations, interaction.virtual_agent,
    interaction.virtual_agent_deflected_escalations, interaction.virtual_agent_handle_durations,
});

impl Call {
    /// Who began the call.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.call_type.as_ref().map_or(Direction::Unknown, VendorWord::normal)
    }

    /// Whether the record names a place where the call was sent.
    #[must_use]
    pub fn is_deflected(&self) -> bool {
        let word = self.deflection.as_ref();
        word.is_some_and(|word| word.normal() == Deflection::Deflected)
    }

    /// Why the call failed; `None` when no reason is given.
    #[must_use]
    pub fn failure_cause(&self) -> Option<FailureCause> {
        self.interaction.fail_reason.as_ref().map(VendorWord::normal)
    }
}

impl Normalise for Call {
    fn normalise(&mut self, vocabulary: &Vocabulary) {
        let Vocabulary { call_statuses, call_fail_reasons, .. } = *vocabulary;
        self.interaction.normalise(call_statuses, call_fail_reasons, vocabulary);
        if let Some(call_type) = &mut self.call_type {
            call_type.look_up(vocabulary.call_types);
        }
        if let Some(deflection) = &mut self.deflection {
            deflection.look_up(vocabulary.deflections);
        }
    }
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
    /// The kind of recording, in the vendor's words.
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
