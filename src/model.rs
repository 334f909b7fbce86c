//! The vendor-neutral entities of a contact centre.
//!
//! Every type here is plain data. It is decoded from a vendor's response by `source`, compared by
//! `detect`, stored by `store` and encoded into events by `event`; the Avro records of the same
//! name under `schemas/` have the same fields in the same order.
//!
//! Vendors' enumerations stay strings, because they are open: an unknown value passes through.
//! Where detection depends on one, it is a [`VendorWord`] with its normal form beside it. Vendors'
//! ids are opaque strings for the same reason.

mod activity;
mod agent;
mod call;
mod chat;
mod flat_record;
mod identity;
mod interaction;
mod interaction_parts;
mod menu;
mod normal_forms;
mod organisation;
mod presence;
mod privacy;
mod queue;
mod time;
mod vendor_word;
mod vocabulary;

pub use activity::Activity;
pub use agent::{
    Agent, AgentReference, AgentStatus, ChannelAssignment, CurrentStatus, Destination,
    GroupReference, TeamReference, WorkingHours,
};
pub use call::{Call, Recording, RedactionTime};
pub use chat::Chat;
pub use identity::{AccountName, EntityId, EntityKey, EntityKind, InvalidAccountName, StreamName};
pub use interaction::InteractionRecord;
pub use interaction_parts::{
    ConsumerEventDuration, ConsumerHandleDuration, ConsumerInMenuDuration, Disposition, EndUser,
    HandleDuration, Media, OfferEvent, Participant, QueueDuration, Transfer, VirtualAgent,
    VirtualAgentDeflectedEscalation, VirtualAgentHandleDuration,
};
pub use menu::{Menu, MenuPath};
pub use normal_forms::{
    ActivityKind, Deflection, Direction, FailureCause, InteractionPhase, SlaVerdict,
};
pub use organisation::{StatusDefinition, Team};
pub use presence::Presence;
pub use privacy::{
    Mode, Personal, PersonalFields, Privacy, PseudonymKey, ShortKey, personal_fields,
};
pub use queue::{
    AgentAssignment, Measured, Queue, QueuePath, QueueStatus, ServiceLevel, TeamAssignment,
};
pub use time::{Precision, Timestamp};
pub use vendor_word::VendorWord;
pub use vocabulary::{Normalise, Vocabulary, Words};

/// The version of the model's fields, stored with every value, so that a field that an older
/// version lacked is adopted instead of being emitted as a change.
///
/// Raise it when a field is added to an entity, and list the field here.
///
/// - 2: an agent's fields from `active` on. Vendors of version 1 have none of them.
pub const MODEL_VERSION: u32 = 2;
