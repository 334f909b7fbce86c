//! The vendor's words: what they mean, and which values of its enumerations are known.
//!
//! Every enumeration is open. A value that no table has passes through and is counted.

use crate::model::{
    ActivityKind, Deflection, Direction, EntityId, FailureCause, InteractionPhase, Presence,
    SlaVerdict, Vocabulary,
};

/// What a status means, by its id (vendor's document, "User Status"). Names repeat and may be
/// changed; custom statuses have ids above 0, and 0 itself is Available.
pub(super) fn presence(id: &EntityId) -> Presence {
    match id.as_str() {
        "0" => Presence::Available,
        "-1" | "-3" | "-5" => Presence::Away,
        "-2" | "-4" => Presence::Break,
        "-6" => Presence::WrapUp,
        "-7" | "-8" => Presence::Busy,
        "-10" => Presence::Offline,
        _ => Presence::Other,
    }
}

/// The words that have a normal form. Call types have two vocabularies in the document: that of the
/// rows and that of the parameter.
pub(super) const VOCABULARY: Vocabulary = Vocabulary {
    call_statuses: &[
        ("selecting", InteractionPhase::Selecting),
        ("queued", InteractionPhase::Queued),
        ("assigned", InteractionPhase::Assigned),
        ("connecting", InteractionPhase::Assigned),
        ("connected", InteractionPhase::Connected),
        ("switching", InteractionPhase::Assigned),
        ("finished", InteractionPhase::Finished),
        ("failed", InteractionPhase::Failed),
        ("recovered", InteractionPhase::Recovered),
        ("scheduled", InteractionPhase::Scheduled),
        ("action_only", InteractionPhase::Connected),
        ("action_only_finished", InteractionPhase::Finished),
        ("deflected", InteractionPhase::Deflected),
        ("voicemail", InteractionPhase::Voicemail),
        ("voicemail_received", InteractionPhase::VoicemailReceived),
        ("voicemail_read", InteractionPhase::VoicemailRead),
    ],
    call_types: &[
        ("Voice Inbound (IVR)", Direction::Inbound),
        ("Voice Inbound (App)", Direction::Inbound),
        ("Voice Callback (Web)", Direction::Scheduled),
        ("Voice Scheduled (App)", Direction::Scheduled),
        ("Voice Scheduled (Web)", Direction::Scheduled),
        ("Voice Outbound", Direction::Outbound),
        ("IncomingCallApp", Direction::Inbound),
        ("ScheduledCallApp", Direction::Scheduled),
        ("OutboundCall", Direction::Outbound),
        ("AgentScheduledCall", Direction::Scheduled),
        ("IvrCall", Direction::Inbound),
        ("IncomingCallWeb", Direction::Inbound),
        ("ScheduledCallWeb", Direction::Scheduled),
        ("ActionOnlyCall", Direction::Inbound),
    ],
    call_fail_reasons: &[
        ("nothing", FailureCause::Other),
        ("unknown", FailureCause::Other),
        ("expired", FailureCause::Other),
        ("eu_canceled", FailureCause::Other),
        ("eu_rejected", FailureCause::Other),
        ("eu_abandoned", FailureCause::Abandoned),
        ("eu_in_menu_abandoned", FailureCause::Abandoned),
        ("eu_busy", FailureCause::Other),
        ("eu_wrong_number", FailureCause::Other),
        ("eu_no_answer", FailureCause::Other),
        ("eu_noti_failed", FailureCause::Other),
        ("ag_canceled", FailureCause::Other),
        ("ag_ignored", FailureCause::Other),
        ("ag_mic_no_device", FailureCause::Other),
        ("ag_mic_denied", FailureCause::Other),
        ("voip_twilio_error", FailureCause::Other),
        ("voip_tokbox_error", FailureCause::Other),
        ("voip_invalid_token", FailureCause::Other),
        ("voip_conn_general", FailureCause::Other),
        ("voip_conn_timeout", FailureCause::Other),
        ("voip_conn_signal", FailureCause::Other),
    ],
    deflections: &[("no_deflection", Deflection::NotDeflected)],
    chat_statuses: &[
        ("queued", InteractionPhase::Queued),
        ("assigned", InteractionPhase::Assigned),
        ("finished", InteractionPhase::Finished),
        ("canceled", InteractionPhase::Canceled),
        ("failed", InteractionPhase::Failed),
        ("no_response", InteractionPhase::Unanswered),
    ],
    // Those of the parameter's list, and the one that only an example has. A text message may have
    // been begun by either side.
    chat_types: &[
        ("Messaging Inbound (App Chat)", Direction::Inbound),
        ("Messaging Inbound (Web Chat)", Direction::Inbound),
        ("Messaging (SMS)", Direction::Unknown),
        ("in-app", Direction::Inbound),
    ],
    chat_fail_reasons: &[
        ("nothing", FailureCause::Other),
        ("unknown", FailureCause::Other),
        ("no_response", FailureCause::Other),
        ("expired", FailureCause::Other),
    ],
    sla_verdicts: &[
        ("in_sla", SlaVerdict::InTime),
        ("not_in_sla", SlaVerdict::Late),
        ("excluded", SlaVerdict::Excluded),
    ],
    // The union of the document's two lists. `login` rows carry the status Offline, and the
    // document's descriptions of login and logout are swapped: the word alone says which it is.
    activities: &[
        ("login", ActivityKind::Login),
        ("logout", ActivityKind::Logout),
        ("user_status_changed", ActivityKind::StatusChanged),
        ("chat_notification_offered", ActivityKind::Other),
        ("chat_pick_up_attempt", ActivityKind::Other),
        ("chat_picked_up", ActivityKind::Other),
        ("call_notification_offered", ActivityKind::Other),
        ("call_pick_up_attempt", ActivityKind::Other),
        ("call_picked_up", ActivityKind::Other),
        ("call_outbound_dialing", ActivityKind::Other),
        ("deltacast_call_notification_offered", ActivityKind::Other),
        ("deltacast_call_pick_up_attempt", ActivityKind::Other),
        ("deltacast_call_picked_up", ActivityKind::Other),
        ("deltacast_call_missed", ActivityKind::OfferMissed),
        ("deltacast_call_projected", ActivityKind::Other),
        ("deltacast_call_bounced", ActivityKind::Other),
        ("multicast_call_notification_offered", ActivityKind::Other),
        ("multicast_call_pick_up_attempt", ActivityKind::Other),
        ("multicast_call_picked_up", ActivityKind::Other),
    ],
};

/// The codes of failed calls and of their participants (vendor's document, "adapter fail code").
pub(super) const ADAPTER_FAIL_CODES: &[i64] = &[
    10001, 11001, 20001, 20002, 20003, 20004, 21001, 21002, 21003, 22001, 30001, 30002, 31001,
    31002, 32001, 32002, 41001, 42001, 43001, 44001, 44002, 44003, 90001, 90002,
];

pub(super) const MENU_TYPES: &[&str] = &["ivr_menu", "mobile_menu", "web_menu"];

/// Those of the document's examples; there is no list.
pub(super) const CHANNEL_TYPES: &[&str] = &["voice_call", "chat"];

/// The word of `menus/current_status`, in small letters, and the one beside it.
pub(super) const COMM_TYPES: &[&str] = &["call", "chat"];
