//! What vendors' words mean, in one form for all of them. The vendor's own word stays in the
//! record, see [`VendorWord`](super::VendorWord).
//!
//! The default of each form is what a word means that no vocabulary knows.

use serde::{Deserialize, Serialize};

/// Where an interaction is in its life cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InteractionPhase {
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
    /// Deflected: to a voicemail, a callback, a message.
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
    /// A status that no vocabulary knows, or none.
    #[default]
    Unknown,
}

impl InteractionPhase {
    /// Whether only after-call work, a rating or the opening of a voicemail can follow.
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

/// Who began an interaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// The customer.
    Inbound,
    /// An agent.
    Outbound,
    /// The customer asked to be called at a time, or back.
    Scheduled,
    /// A type that no vocabulary knows, or none.
    #[default]
    Unknown,
}

/// Why an interaction failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FailureCause {
    /// The customer gave up before an agent answered.
    Abandoned,
    /// Any other reason.
    #[default]
    Other,
}

/// Whether a call was deflected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Deflection {
    /// The word says that it was not.
    NotDeflected,
    /// Any other word names where to.
    #[default]
    Deflected,
}

/// The vendor's verdict on a wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SlaVerdict {
    /// Answered within its target.
    InTime,
    /// Answered or given up beyond its target.
    Late,
    /// Left out of the service level.
    Excluded,
    /// A verdict that no vocabulary knows.
    #[default]
    Unknown,
}

/// What a row of the activity log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ActivityKind {
    /// The agent logged in.
    Login,
    /// The agent logged out.
    Logout,
    /// The agent went to another status.
    StatusChanged,
    /// The agent did not answer an offer in time.
    OfferMissed,
    /// Anything else.
    #[default]
    Other,
}
