//! The catalogue: one line an event.

use serde::Serialize;

use super::body;
use super::envelope::Event;
use super::meta::Origin;
use crate::model::{EntityId, EntityKind, Precision, Timestamp};

/// The namespace of all records.
pub const NAMESPACE: &str = "floorcast.v1";

/// A topic for consumers, named `{prefix}.{topic}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// What agents did and what was done to them.
    Agents,
    /// The lives of calls.
    Calls,
    /// The lives of chats.
    Chats,
    /// Queues: what they are, how many wait in them, how well they are served.
    Queues,
    /// Breaches of service levels.
    Sla,
    /// What administrators define: teams and statuses.
    Reference,
    /// Rows that could not be decoded.
    Quarantine,
}

impl Topic {
    /// All topics.
    pub const ALL: &[Topic] = &[
        Topic::Agents,
        Topic::Calls,
        Topic::Chats,
        Topic::Queues,
        Topic::Sla,
        Topic::Reference,
        Topic::Quarantine,
    ];

    /// The topic's name after the prefix.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Calls => "calls",
            Self::Chats => "chats",
            Self::Queues => "queues",
            Self::Sla => "sla",
            Self::Reference => "reference",
            Self::Quarantine => "quarantine",
        }
    }

    /// The topic's name at the broker.
    #[must_use]
    pub fn full_name(self, prefix: &str) -> String {
        format!("{prefix}.{}", self.as_str())
    }
}

macro_rules! catalogue {
    ($( $(#[$doc:meta])* $name:ident ( $body:ident ) on $topic:ident ),* $(,)?) => {
        /// Every event there is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType { $( $(#[$doc])* $name, )* }

        impl EventType {
            /// All of them.
            pub const ALL: &[EventType] = &[ $( EventType::$name ),* ];

            /// The record's name, without the namespace.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$name => stringify!($name), )* }
            }

            /// The topic it is published on. [`EventType::EventOmitted`] stands in for another
            /// event and goes to that one's topic.
            #[must_use]
            pub const fn topic(self) -> Topic {
                match self { $( Self::$name => Topic::$topic, )* }
            }
        }

        /// What happened, by event.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Body { $( $(#[$doc])* $name(body::$body), )* }

        impl Body {
            /// Which event it is.
            #[must_use]
            pub const fn event_type(&self) -> EventType {
                match self { $( Self::$name(_) => EventType::$name, )* }
            }

            /// A body from its fields.
            #[cfg(test)]
            pub(crate) fn from_json(
                event: EventType,
                fields: serde_json::Value,
            ) -> Result<Self, serde_json::Error> {
                match event { $( EventType::$name => serde_json::from_value(fields).map(Self::$name), )* }
            }
        }

        impl Serialize for Event<'_, Body> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.body {
                    $( Body::$name(body) => Event { meta: self.meta, body }.serialize(serializer), )*
                }
            }
        }
    };
}

catalogue! {
    /// An agent appeared on the roster.
    AgentAdded(AgentChange) on Agents,
    /// An agent's facts changed.
    AgentUpdated(AgentChange) on Agents,
    /// An agent left the roster.
    AgentRemoved(AgentChange) on Agents,
    /// The account of an agent was switched on.
    AgentActivated(AgentActivation) on Agents,
    /// The account of an agent was switched off.
    AgentDeactivated(AgentActivation) on Agents,
    /// An agent went from one status to another.
    AgentStatusChanged(AgentStatusChange) on Agents,
    /// A status that became known late; never to be folded into the current state.
    AgentStatusRecovered(AgentStatusLate) on Agents,
    /// An agent logged in.
    AgentLoggedIn(AgentPoint) on Agents,
    /// An agent logged out.
    AgentLoggedOut(AgentPoint) on Agents,
    /// After-call work began.
    AgentWrapUpStarted(AgentWrapUp) on Agents,
    /// After-call work ended.
    AgentWrapUpEnded(AgentWrapUp) on Agents,
    /// An agent put a customer on hold.
    AgentHoldStarted(AgentHold) on Agents,
    /// An agent took a customer off hold.
    AgentHoldEnded(AgentHold) on Agents,
    /// An agent did not answer an offer in time (redirect on no answer).
    AgentOfferMissed(ActivityRecorded) on Agents,
    /// Any other row of the activity log.
    AgentActivityLogged(ActivityRecorded) on Agents,
    /// The vendor filled in when a row of the activity log ended.
    AgentActivityEnded(ActivityRecorded) on Agents,
    /// A call came to be.
    CallCreated(CallCreation) on Calls,
    /// A call was scheduled.
    CallScheduled(CallSchedule) on Calls,
    /// A call entered a queue.
    CallQueued(CallQueueing) on Calls,
    /// An agent was chosen for a call.
    CallAssigned(CallAssignment) on Calls,
    /// Customer and agent were connected.
    CallConnected(CallConnection) on Calls,
    /// A call was transferred.
    CallTransferred(CallTransfer) on Calls,
    /// A call ended without an error.
    CallFinished(CallEnd) on Calls,
    /// A call failed or was abandoned.
    CallFailed(CallFailure) on Calls,
    /// A call was deflected.
    CallDeflected(CallDeflection) on Calls,
    /// A failed call was called back with success.
    CallRecovered(CallRecovery) on Calls,
    /// A voicemail was left.
    CallVoicemailReceived(CallVoicemail) on Calls,
    /// A voicemail was opened.
    CallVoicemailRead(CallVoicemail) on Calls,
    /// After-call work on a call ended.
    CallWrapUpEnded(CallWrapUp) on Calls,
    /// The customer rated a call.
    CallRated(CallRating) on Calls,
    /// A call's record changed in a way that no other event tells.
    CallUpdated(CallUpdate) on Calls,
    /// A chat entered a queue.
    ChatQueued(ChatQueueing) on Chats,
    /// An agent was chosen for a chat.
    ChatAssigned(ChatAssignment) on Chats,
    /// A chat was transferred.
    ChatTransferred(ChatTransfer) on Chats,
    /// A chat ended without an error.
    ChatFinished(ChatEnd) on Chats,
    /// The customer left before an agent took the chat.
    ChatCanceled(ChatEnd) on Chats,
    /// A chat failed.
    ChatFailed(ChatFailure) on Chats,
    /// The customer no longer answered.
    ChatUnanswered(ChatEnd) on Chats,
    /// After-call work on a chat ended.
    ChatWrapUpEnded(ChatWrapUp) on Chats,
    /// The customer rated a chat.
    ChatRated(ChatRating) on Chats,
    /// A chat's record changed in a way that no other event tells.
    ChatUpdated(ChatUpdate) on Chats,
    /// A queue appeared.
    QueueAdded(QueueChange) on Queues,
    /// A queue's facts changed.
    QueueUpdated(QueueChange) on Queues,
    /// A queue is gone.
    QueueRemoved(QueueChange) on Queues,
    /// Another number of customers waits on a path.
    QueueDepthChanged(QueueDepthChange) on Queues,
    /// A service level went from one value to another.
    ServiceLevelChanged(ServiceLevelChange) on Queues,
    /// A service level was breached.
    SlaBreached(SlaBreach) on Sla,
    /// A breach that the vendor later did not confirm.
    SlaBreachWithdrawn(SlaWithdrawal) on Sla,
    /// A queue's service level is good again.
    SlaRecovered(SlaRecovery) on Sla,
    /// A team appeared.
    TeamAdded(TeamChange) on Reference,
    /// A team's facts changed.
    TeamUpdated(TeamChange) on Reference,
    /// A team is gone.
    TeamRemoved(TeamChange) on Reference,
    /// A status appeared.
    StatusDefinitionAdded(StatusDefinitionChange) on Reference,
    /// A status changed.
    StatusDefinitionUpdated(StatusDefinitionChange) on Reference,
    /// A status is gone.
    StatusDefinitionRemoved(StatusDefinitionChange) on Reference,
    /// A row could not be decoded and was stepped over.
    RecordQuarantined(Quarantine) on Quarantine,
    /// An event that could not be published, in the place where it would have stood.
    EventOmitted(OmittedEvent) on Agents,
}

/// When something happened, and how exactly that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// When, in the vendor's clock.
    pub at: Timestamp,
    /// For a bounded one: the start of the last request that certainly did not show it.
    pub after: Option<Timestamp>,
    /// How exactly it is known.
    pub precision: Precision,
}

impl Occurrence {
    /// At a vendor's stamp.
    #[must_use]
    pub const fn stamped(at: Timestamp) -> Self {
        Self { at, after: None, precision: Precision::of_stamp(at) }
    }

    /// Somewhere between two readings.
    #[must_use]
    pub const fn bounded(at: Timestamp, after: Option<Timestamp>) -> Self {
        Self { at, after, precision: Precision::Bounded }
    }
}

/// A change that was detected, before it has its revision and its place in the sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The kind of the entity that changed.
    pub kind: EntityKind,
    /// The vendor's id of the entity that changed.
    pub entity: EntityId,
    /// When it happened.
    pub occurrence: Occurrence,
    /// Where it came from.
    pub origin: Origin,
    /// What happened.
    pub body: Body,
}
