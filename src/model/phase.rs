//! The steps of an interaction's life in one form. The vendor's own word stays in the record.

/// Where an interaction is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// To be made at a later time.
    Scheduled,
    /// In the menus, before a queue.
    Selecting,
    /// Waiting in a queue.
    Queued,
    /// An agent was chosen; not talking yet.
    Assigned,
    /// Talking.
    Connected,
    /// Ended without an error.
    Finished,
    /// Ended with an error, or abandoned.
    Failed,
    /// Called back with success after a failure.
    Recovered,
    /// Sent elsewhere: to a voicemail, a callback, a message.
    Deflected,
    /// The customer is leaving a voicemail.
    Voicemail,
    /// A voicemail waits to be heard.
    VoicemailReceived,
    /// A voicemail was opened.
    VoicemailRead,
    /// The customer left before an agent took the chat.
    Canceled,
    /// The customer no longer answered.
    Unanswered,
    /// A word that no table knows.
    Unknown,
}

impl Phase {
    /// The phase that a status word means (vendor's document, "call status").
    #[must_use]
    pub fn of_call(status: &str) -> Self {
        match status {
            "scheduled" => Self::Scheduled,
            "selecting" => Self::Selecting,
            "queued" => Self::Queued,
            "assigned" | "connecting" | "switching" => Self::Assigned,
            "connected" | "action_only" => Self::Connected,
            "finished" | "action_only_finished" => Self::Finished,
            "failed" => Self::Failed,
            "recovered" => Self::Recovered,
            "deflected" => Self::Deflected,
            "voicemail" => Self::Voicemail,
            "voicemail_received" => Self::VoicemailReceived,
            "voicemail_read" => Self::VoicemailRead,
            _ => Self::Unknown,
        }
    }

    /// The phase that a chat's status word means (vendor's document, `chat_status[]`).
    #[must_use]
    pub fn of_chat(status: &str) -> Self {
        match status {
            "queued" => Self::Queued,
            "assigned" => Self::Assigned,
            "finished" => Self::Finished,
            "canceled" => Self::Canceled,
            "failed" => Self::Failed,
            "no_response" => Self::Unanswered,
            _ => Self::Unknown,
        }
    }

    /// Whether nothing more than after-call work, a rating or a voicemail's reading is to come.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Finished
                | Self::Failed
                | Self::Recovered
                | Self::Deflected
                | Self::VoicemailReceived
                | Self::VoicemailRead
                | Self::Canceled
                | Self::Unanswered
        )
    }
}

/// Whether a reason of failure says that the customer gave up before an agent answered.
#[must_use]
pub fn is_abandonment(fail_reason: &str) -> bool {
    matches!(fail_reason, "eu_abandoned" | "eu_in_menu_abandoned")
}
