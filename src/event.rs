//! The events: what is published when something changed.
//!
//! [`EventType`] is the catalogue: every event there is, its topic and the shape of its body.
//! A new event is a schema under `schemas/`, a shape in [`body`](self) where none fits, and a line
//! in the catalogue.

pub mod avro;
mod body;
mod catalogue;
mod meta;

pub use body::{
    ActivityRecorded, AgentActivation, AgentChange, AgentHold, AgentPoint, AgentStatusChange,
    AgentStatusLate, AgentWrapUp, CallAssignment, CallConnection, CallCreation, CallDeflection,
    CallEnd, CallFailure, CallQueueing, CallRating, CallRecovery, CallSchedule, CallTransfer,
    CallUpdate, CallVoicemail, CallWrapUp, ChatAssignment, ChatEnd, ChatFailure, ChatQueueing,
    ChatRating, ChatTransfer, ChatUpdate, ChatWrapUp, InteractionContext, InteractionReference,
    OmittedEvent, Quarantine, QueueChange, QueueDepthChange, QueueGroupReference, QueueReference,
    ServiceLevelChange, SlaBasis, SlaBreach, SlaRecovery, SlaScope, SlaWithdrawal,
    StatusDefinitionChange, StatusValue, TeamChange,
};
pub use catalogue::{Body, Draft, Event, EventType, NAMESPACE, Occurrence, Topic};
pub use meta::{EventMeta, Origin, event_id};
