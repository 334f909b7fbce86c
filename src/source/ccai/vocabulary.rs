//! The vendor's words: what its statuses mean, and which values of its enumerations are known.
//!
//! Every enumeration is open. A value that no table knows passes through and is counted.

use crate::model::{EntityId, Presence};

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

pub(super) const CALL_STATUSES: &[&str] = &[
    "selecting",
    "queued",
    "assigned",
    "connecting",
    "connected",
    "switching",
    "finished",
    "failed",
    "recovered",
    "scheduled",
    "action_only",
    "action_only_finished",
    "deflected",
    "voicemail",
    "voicemail_received",
    "voicemail_read",
];

pub(super) const CALL_TYPES: &[&str] = &[
    "Voice Inbound (IVR)",
    "Voice Inbound (App)",
    "Voice Callback (Web)",
    "Voice Scheduled (App)",
    "Voice Scheduled (Web)",
    "Voice Outbound",
    "IncomingCallApp",
    "ScheduledCallApp",
    "OutboundCall",
    "AgentScheduledCall",
    "IvrCall",
    "IncomingCallWeb",
    "ScheduledCallWeb",
    "ActionOnlyCall",
];

pub(super) const CHAT_STATUSES: &[&str] =
    &["queued", "assigned", "finished", "canceled", "failed", "no_response"];

/// Those of the parameter's list, and the one that only an example has.
pub(super) const CHAT_TYPES: &[&str] =
    &["Messaging Inbound (App Chat)", "Messaging Inbound (Web Chat)", "Messaging (SMS)", "in-app"];

pub(super) const CHAT_FAIL_REASONS: &[&str] = &["nothing", "unknown", "no_response", "expired"];

pub(super) const CALL_FAIL_REASONS: &[&str] = &[
    "nothing",
    "unknown",
    "expired",
    "eu_canceled",
    "eu_rejected",
    "eu_abandoned",
    "eu_in_menu_abandoned",
    "eu_busy",
    "eu_wrong_number",
    "eu_no_answer",
    "eu_noti_failed",
    "ag_canceled",
    "ag_ignored",
    "ag_mic_no_device",
    "ag_mic_denied",
    "voip_twilio_error",
    "voip_tokbox_error",
    "voip_invalid_token",
    "voip_conn_general",
    "voip_conn_timeout",
    "voip_conn_signal",
];

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

pub(super) const SERVICE_LEVEL_EVENTS: &[&str] = &["in_sla", "not_in_sla", "excluded"];

/// The union of the document's two lists.
pub(super) const ACTIVITIES: &[&str] = &[
    "login",
    "logout",
    "user_status_changed",
    "chat_notification_offered",
    "chat_pick_up_attempt",
    "chat_picked_up",
    "call_notification_offered",
    "call_pick_up_attempt",
    "call_picked_up",
    "call_outbound_dialing",
    "deltacast_call_notification_offered",
    "deltacast_call_pick_up_attempt",
    "deltacast_call_picked_up",
    "deltacast_call_missed",
    "deltacast_call_projected",
    "deltacast_call_bounced",
    "multicast_call_notification_offered",
    "multicast_call_pick_up_attempt",
    "multicast_call_picked_up",
];
