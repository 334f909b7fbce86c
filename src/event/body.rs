//! The bodies of the events: their own fields, behind `meta`. Several events may share a body; each
//! has its own schema.
//!
//! The body of a step holds the facts *at that step*: `CallQueued` names no agent, even when the
//! poll that showed it already shows the call finished.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize};

use super::envelope::Event;
use crate::model::{
    Activity, Agent, Call, Chat, Direction, EntityId, HandleDuration, Presence, Queue,
    StatusDefinition, Team, Timestamp, Transfer,
};

/// Declares bodies, and how each is serialized: `meta` first, then its fields in their order, which
/// is that of the Avro record.
macro_rules! bodies {
    ($( $(#[$doc:meta])* $name:ident { $( $(#[$field_doc:meta])* $field:ident : $type:ty ),* $(,)? } )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(test, derive(Deserialize))]
        pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }

        impl Serialize for Event<'_, $name> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                const FIELDS: &[&str] = &["meta", $( stringify!($field) ),*];
                let mut record = serializer.serialize_struct(stringify!($name), FIELDS.len())?;
                record.serialize_field("meta", self.meta)?;
                $( record.serialize_field(stringify!($field), &self.body.$field)?; )*
                record.end()
            }
        }
    )*};
}

/// A status as an event names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusValue {
    /// The vendor's id of the status, or its name where the vendor has no ids.
    pub id: EntityId,
    /// The vendor's name of it.
    pub name: Option<String>,
    /// Its normal form.
    pub presence: Presence,
}

impl StatusValue {
    /// A status that no poll showed: the id `unknown` without a name.
    #[must_use]
    pub fn unknown() -> Self {
        Self { id: EntityId::new("unknown"), name: None, presence: Presence::Other }
    }
}

/// The interaction that an agent's event belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InteractionReference {
    /// `call` or `chat`.
    pub kind: String,
    /// The vendor's id.
    pub id: EntityId,
}

/// A queue in an interaction's context. The vendor's three id spaces stay apart.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct QueueReference {
    /// The queue the customer chose.
    pub id: Option<EntityId>,
    /// The path through menus.
    pub path_id: Option<EntityId>,
    /// The path's names, joined by `/`.
    pub path: Option<String>,
}

/// Queues that the vendor measures as one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueGroupReference {
    /// The vendor's id of the group.
    pub id: EntityId,
    /// Its name.
    pub name: Option<String>,
}

/// The context of an interaction, in each of its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InteractionContext {
    /// The vendor's id.
    pub id: EntityId,
    /// Who started it.
    pub direction: Direction,
    /// The queue, from the step at which there is one.
    pub queue: Option<QueueReference>,
    /// The agent, from the step at which there is one.
    pub agent_id: Option<EntityId>,
    /// Language code.
    pub language: Option<String>,
}

/// What was breached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SlaScope {
    /// One interaction waited too long.
    Interaction,
    /// A queue's service level fell below its target.
    Queue,
    /// Never written: what a reader of an older schema gets for a newer symbol.
    Unknown,
}

/// How a breach is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SlaBasis {
    /// The vendor's verdict.
    VendorVerdict,
    /// A poll after the deadline still showed the interaction waiting.
    Deadline,
    /// The rolling service level.
    ServiceLevel,
    /// Never written: what a reader of an older schema gets for a newer symbol.
    Unknown,
}

bodies! {
    /// A change of the roster: added, updated, removed.
    AgentChange {
        /// The record before; null when it is new or not known.
        before: Option<Agent>,
        /// The record now; null when it was removed.
        after: Option<Agent>,
        /// The names of the fields that differ.
        changed: Vec<String>,
    }
    /// An agent's account was activated or deactivated. The type of the event says which.
    AgentActivation {}
    /// An agent went from one status to another.
    AgentStatusChange {
        /// The status before; null when it is not known.
        previous: Option<StatusValue>,
        /// The status now; [`StatusValue::unknown`] where a poll proves that there was another one
        /// in between and nothing says which.
        current: StatusValue,
        /// Milliseconds spent in the previous status; null when its start is not known.
        previous_duration_ms: Option<i64>,
        /// The row of the activity log that reports it, if one does.
        activity_id: Option<EntityId>,
        /// The interaction that caused it.
        interaction: Option<InteractionReference>,
    }
    /// A status that became known after later ones had been published.
    AgentStatusLate {
        /// The status the agent was in from `occurred_at` on.
        status: StatusValue,
        /// The row of the activity log.
        activity_id: EntityId,
        /// The interaction that caused it.
        interaction: Option<InteractionReference>,
    }
    /// An agent logged in or out.
    AgentPoint {
        /// The row of the activity log that reports it, if one does.
        activity_id: Option<EntityId>,
        /// The agent who did it, where it was another one.
        by_agent_id: Option<EntityId>,
    }
    /// After-call work began or ended.
    AgentWrapUp {
        /// Milliseconds of it, when it ended and its start was seen.
        duration_ms: Option<i64>,
    }
    /// An agent put a customer on hold, or took them off it.
    AgentHold {
        /// Milliseconds of it: so far when it began, in all when it ended; null when not known.
        duration_ms: Option<i64>,
    }
    /// A row of the activity log.
    ActivityRecorded {
        /// The row.
        activity: Activity,
    }
    /// A call was created.
    CallCreation {
        /// The call.
        call: InteractionContext,
        /// The vendor's kind of call.
        call_type: Option<String>,
        /// The call it came from.
        parent_id: Option<EntityId>,
        /// The contact centre's number that was called.
        support_number: Option<String>,
    }
    /// A call was scheduled.
    CallSchedule {
        /// The call.
        call: InteractionContext,
        /// The time it is scheduled for.
        scheduled_at: Option<Timestamp>,
    }
    /// A call entered a queue.
    CallQueueing {
        /// The call.
        call: InteractionContext,
        /// The vendor's row of the stay in the queue.
        row_id: Option<EntityId>,
        /// The transfer that caused it.
        transfer_id: Option<EntityId>,
    }
    /// A call was assigned to an agent.
    CallAssignment {
        /// The call.
        call: InteractionContext,
        /// The transfer that caused it.
        transfer_id: Option<EntityId>,
    }
    /// Customer and agent were connected.
    CallConnection {
        /// The call.
        call: InteractionContext,
        /// The transfer that caused it.
        transfer_id: Option<EntityId>,
    }
    /// A call was transferred.
    CallTransfer {
        /// The call.
        call: InteractionContext,
        /// The transfer.
        transfer: Transfer,
    }
    /// A call ended without an error.
    CallEnd {
        /// The call.
        call: InteractionContext,
        /// The whole record.
        after: Box<Call>,
    }
    /// A call failed or was abandoned.
    CallFailure {
        /// The call.
        call: InteractionContext,
        /// Why, in the vendor's words.
        reason: Option<String>,
        /// Whether the customer hung up before an agent answered.
        abandoned: bool,
        /// The whole record.
        after: Box<Call>,
    }
    /// A call was deflected.
    CallDeflection {
        /// The call.
        call: InteractionContext,
        /// Where to, in the vendor's words.
        deflection: Option<String>,
    }
    /// A failed call was recovered by a successful callback.
    CallRecovery {
        /// The call.
        call: InteractionContext,
        /// The call that had failed.
        parent_id: Option<EntityId>,
    }
    /// A voicemail was left or opened.
    CallVoicemail {
        /// The call.
        call: InteractionContext,
        /// Why there is a voicemail, in the vendor's words.
        voicemail_reason: Option<String>,
    }
    /// An agent's after-call work on a call ended.
    CallWrapUp {
        /// The call.
        call: InteractionContext,
        /// The vendor's row of the after-call work.
        row: HandleDuration,
        /// The whole record.
        after: Box<Call>,
    }
    /// The customer rated a call.
    CallRating {
        /// The call.
        call: InteractionContext,
        /// 1 to 5; null when a rating was taken back.
        rating: Option<i64>,
        /// The rating before.
        previous: Option<i64>,
    }
    /// A call's record changed in fields that no other event reports.
    CallUpdate {
        /// The call.
        call: InteractionContext,
        /// The record before; null when it is not known.
        before: Option<Box<Call>>,
        /// The record now.
        after: Box<Call>,
        /// The names of the fields that differ and that no other event of the same poll reports.
        changed: Vec<String>,
    }
    /// A chat entered a queue.
    ChatQueueing {
        /// The chat.
        chat: InteractionContext,
        /// The vendor's row of the stay in the queue.
        row_id: Option<EntityId>,
        /// The transfer that caused it.
        transfer_id: Option<EntityId>,
    }
    /// A chat was assigned to an agent.
    ChatAssignment {
        /// The chat.
        chat: InteractionContext,
        /// The transfer that caused it.
        transfer_id: Option<EntityId>,
    }
    /// A chat was transferred.
    ChatTransfer {
        /// The chat.
        chat: InteractionContext,
        /// The transfer.
        transfer: Transfer,
    }
    /// A chat ended: finished, canceled or left unanswered.
    ChatEnd {
        /// The chat.
        chat: InteractionContext,
        /// The whole record.
        after: Box<Chat>,
    }
    /// A chat failed.
    ChatFailure {
        /// The chat.
        chat: InteractionContext,
        /// Why, in the vendor's words, such as `expired`.
        reason: Option<String>,
        /// The whole record.
        after: Box<Chat>,
    }
    /// An agent's after-call work on a chat ended.
    ChatWrapUp {
        /// The chat.
        chat: InteractionContext,
        /// The vendor's row of the after-call work.
        row: HandleDuration,
        /// The whole record.
        after: Box<Chat>,
    }
    /// The customer rated a chat.
    ChatRating {
        /// The chat.
        chat: InteractionContext,
        /// 1 to 5; null when a rating was taken back.
        rating: Option<i64>,
        /// The rating before.
        previous: Option<i64>,
    }
    /// A chat's record changed in fields that no other event reports.
    ChatUpdate {
        /// The chat.
        chat: InteractionContext,
        /// The record before; null when it is not known.
        before: Option<Box<Chat>>,
        /// The record now.
        after: Box<Chat>,
        /// The names of the fields that differ and that no other event of the same poll reports.
        changed: Vec<String>,
    }
    /// A change of a queue: added, updated, removed.
    QueueChange {
        /// The record before; null when it is new or not known.
        before: Option<Queue>,
        /// The record now; null when it was removed.
        after: Option<Queue>,
        /// The names of the fields that differ.
        changed: Vec<String>,
    }
    /// A change of a team: added, updated, removed.
    TeamChange {
        /// The record before; null when it is new or not known.
        before: Option<Team>,
        /// The record now; null when it was removed.
        after: Option<Team>,
        /// The names of the fields that differ.
        changed: Vec<String>,
    }
    /// A change of a status that agents may be in: added, updated, removed.
    StatusDefinitionChange {
        /// The record before; null when it is new or not known.
        before: Option<StatusDefinition>,
        /// The record now; null when it was removed.
        after: Option<StatusDefinition>,
        /// The names of the fields that differ.
        changed: Vec<String>,
    }
    /// The number of waiting customers changed.
    QueueDepthChange {
        /// The queue and its path.
        queue: QueueReference,
        /// Language code.
        language: Option<String>,
        /// `call` or `chat`.
        channel: Option<String>,
        /// How many waited before; null when it is not known.
        previous: Option<i64>,
        /// How many wait now.
        depth: i64,
        /// Since when the longest-waiting customer waits.
        oldest_queued_at: Option<Timestamp>,
        /// Seconds that the longest-waiting customer has waited.
        oldest_duration: Option<i64>,
        /// The sum of all waits in seconds.
        total_duration: Option<i64>,
        /// Seconds that a customer has waited on average.
        average_duration: Option<i64>,
    }
    /// A service level changed.
    ServiceLevelChange {
        /// The queue's path, where it is a path's.
        queue: Option<QueueReference>,
        /// The group, where it is a group's.
        group: Option<QueueGroupReference>,
        /// Language code, where it is a path's.
        language: Option<String>,
        /// `call` or `chat`.
        channel: Option<String>,
        /// Its window, in minutes.
        minutes: i64,
        /// Percent before; null when there was nothing to answer, or it is not known.
        previous: Option<f64>,
        /// Percent; null when there was nothing to answer.
        current: Option<f64>,
    }
    /// A service level agreement was breached.
    SlaBreach {
        /// Of an interaction or of a queue.
        scope: SlaScope,
        /// How it is known.
        basis: SlaBasis,
        /// The interaction, where it is one's.
        interaction: Option<InteractionContext>,
        /// The queue.
        queue: Option<QueueReference>,
        /// The group of queues, where it is one's.
        group: Option<QueueGroupReference>,
        /// Language code.
        language: Option<String>,
        /// `call` or `chat`.
        channel: Option<String>,
        /// The vendor's row that reports it.
        row_id: Option<EntityId>,
        /// Seconds within which the interaction was to be answered.
        target_seconds: Option<i64>,
        /// Percent of interactions to be answered in time.
        target_percent: Option<f64>,
        /// The measured value: seconds waited (INTERACTION) or percent (QUEUE).
        value: Option<f64>,
    }
    /// A breach by deadline that the vendor later decided otherwise: in time, or excluded.
    SlaWithdrawal {
        /// The interaction.
        interaction: InteractionContext,
        /// The queue.
        queue: Option<QueueReference>,
        /// The vendor's row that reports it.
        row_id: Option<EntityId>,
        /// The vendor's verdict, in the vendor's words: in time, or not measured.
        verdict: String,
    }
    /// A queue's service level reached its target again.
    SlaRecovery {
        /// Always a queue's.
        scope: SlaScope,
        /// How it is known.
        basis: SlaBasis,
        /// The queue's path, where it is a path's.
        queue: Option<QueueReference>,
        /// The group, where it is a group's.
        group: Option<QueueGroupReference>,
        /// Language code, where it is a path's.
        language: Option<String>,
        /// `call` or `chat`.
        channel: Option<String>,
        /// Percent of interactions to be answered in time.
        target_percent: Option<f64>,
        /// Percent that were answered in time.
        value: Option<f64>,
    }
    /// A row that could not be decoded and was skipped. It holds no byte of the row.
    Quarantine {
        /// The row's id, where that could be decoded.
        record_id: Option<EntityId>,
        /// The path in the row; empty for the row itself.
        path: String,
        /// What was wrong, such as `expected a time`.
        reason: String,
        /// A hash of the row's bytes (XXH3, 128 bits), in hexadecimal digits.
        hash: String,
        /// The row's size in bytes.
        size: i64,
    }
    /// Replaces an event that could not be published.
    OmittedEvent {
        /// The type of the missing event.
        event_type: String,
        /// Why.
        reason: String,
        /// Its size in bytes.
        size: i64,
    }
}
