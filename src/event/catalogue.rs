//! The catalogue of events: one line each, with its body and topic.

use serde::Serialize;

use super::body;
use super::envelope::Event;
use super::meta::Origin;
use crate::model::{EntityId, EntityKind, Precision, Timestamp};

/// The namespace of all records.
pub const NAMESPACE: &str = "floorcast.v1";

/// A topic of events, named `{prefix}.{topic}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Agents: roster, status, log-ins, activity.
    Agents,
    /// Calls, from creation to after-call work.
    Calls,
    /// Chats, from the queue to after-call work.
    Chats,
    /// Queues: definition, depth, service level.
    Queues,
    /// Breaches of service level agreements.
    Sla,
    /// What administrators define: teams, and the statuses of agents.
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

    /// The topic's name in Kafka.
    #[must_use]
    pub fn full_name(self, prefix: &str) -> String {
        format!("{prefix}.{}", self.as_str())
    }
}

macro_rules! catalogue {
    ($( $(#[$doc:meta])* $name:ident ( $body:ident ) on $topic:ident ),* $(,)?) => {
        /// The types of events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType { $( $(#[$doc])* $name, )* }

        impl EventType {
            /// All types.
            pub const ALL: &[EventType] = &[ $( EventType::$name ),* ];

            /// The record's name, without the namespace.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$name => stringify!($name), )* }
            }

            /// The topic it is published on. [`EventType::EventOmitted`] is published on the topic
            /// of the event that it replaces.
            #[must_use]
            pub const fn topic(self) -> Topic {
                match self { $( Self::$name => Topic::$topic, )* }
            }
        }

        /// The body of an event, by its type.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Body { $( $(#[$doc])* $name(body::$body), )* }

        impl Body {
            /// The type of the event.
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
    /// An agent was added to the roster.
    AgentAdded(AgentChange) on Agents,
    /// An agent's facts changed.
    AgentUpdated(AgentChange) on Agents,
    /// An agent was removed from the roster.
    AgentRemoved(AgentChange) on Agents,
    /// An agent's account was activated.
    AgentActivated(AgentActivation) on Agents,
    /// An agent's account was deactivated.
    AgentDeactivated(AgentActivation) on Agents,
    /// An agent went from one status to another.
    AgentStatusChanged(AgentStatusChange) on Agents,
    /// A past status that became known late; it must not replace the current one.
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
    /// An agent did not answer an offer in time (RONA, redirect on no answer).
    AgentOfferMissed(ActivityRecorded) on Agents,
    /// Any other row of the activity log.
    AgentActivityLogged(ActivityRecorded) on Agents,
    /// The vendor filled in when a row of the activity log ended.
    AgentActivityEnded(ActivityRecorded) on Agents,
    /// A call was created.
    CallCreated(CallCreation) on Calls,
    /// A call was scheduled.
    CallScheduled(CallSchedule) on Calls,
    /// A call entered a queue.
    CallQueued(CallQueueing) on Calls,
    /// A call was assigned to an agent.
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
    /// A failed call was recovered by a successful callback.
    CallRecovered(CallRecovery) on Calls,
    /// A voicemail was left.
    CallVoicemailReceived(CallVoicemail) on Calls,
    /// A voicemail was opened.
    CallVoicemailRead(CallVoicemail) on Calls,
    /// After-call work on a call ended.
    CallWrapUpEnded(CallWrapUp) on Calls,
    /// The customer rated a call.
    CallRated(CallRating) on Calls,
    /// A call's record changed in fields that no other event reports.
    CallUpdated(CallUpdate) on Calls,
    /// A chat entered a queue.
    ChatQueued(ChatQueueing) on Chats,
    /// A chat was assigned to an agent.
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
    /// A chat's record changed in fields that no other event reports.
    ChatUpdated(ChatUpdate) on Chats,
    /// A queue was added.
    QueueAdded(QueueChange) on Queues,
    /// A queue's facts changed.
    QueueUpdated(QueueChange) on Queues,
    /// A queue was removed.
    QueueRemoved(QueueChange) on Queues,
    /// The number of waiting customers changed.
    QueueDepthChanged(QueueDepthChange) on Queues,
    /// A service level changed.
    ServiceLevelChanged(ServiceLevelChange) on Queues,
    /// A service level agreement was breached.
    SlaBreached(SlaBreach) on Sla,
    /// A breach was withdrawn: the vendor decided otherwise later.
    SlaBreachWithdrawn(SlaWithdrawal) on Sla,
    /// A queue's service level reached its target again.
    SlaRecovered(SlaRecovery) on Sla,
    /// A team was added.
    TeamAdded(TeamChange) on Reference,
    /// A team's facts changed.
    TeamUpdated(TeamChange) on Reference,
    /// A team was removed.
    TeamRemoved(TeamChange) on Reference,
    /// A status was added.
    StatusDefinitionAdded(StatusDefinitionChange) on Reference,
    /// A status changed.
    StatusDefinitionUpdated(StatusDefinitionChange) on Reference,
    /// A status was removed.
    StatusDefinitionRemoved(StatusDefinitionChange) on Reference,
    /// A row could not be decoded and was skipped.
    RecordQuarantined(Quarantine) on Quarantine,
    /// An event could not be published; this one takes its place.
    EventOmitted(OmittedEvent) on Agents,
}

/// When a change happened, and how exactly that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// When, in the vendor's clock.
    pub at: Timestamp,
    /// For a bounded one: the start of the last request that certainly did not show it.
    pub after: Option<Timestamp>,
    /// How exact `at` is.
    pub precision: Precision,
}

impl Occurrence {
    /// At a vendor's timestamp.
    #[must_use]
    pub const fn stamped(at: Timestamp) -> Self {
        Self { at, after: None, precision: Precision::of_stamp(at) }
    }

    /// Between two polls.
    #[must_use]
    pub const fn bounded(at: Timestamp, after: Option<Timestamp>) -> Self {
        Self { at, after, precision: Precision::Bounded }
    }
}

/// A detected change, before it gets its revision and sequence number.
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
