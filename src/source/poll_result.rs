//! Questions to a vendor, and the readings that answer them.

use super::full_scan::{FullScan, Partial};
use super::memory::RowMemory;
use crate::model::{
    Activity, Agent, Call, Chat, CurrentStatus, EntityId, EntityKind, Queue, QueueStatus,
    ServiceLevel, StatusDefinition, StreamName, Team, Timestamp,
};

/// What is asked of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum PollRequest {
    /// Everything there is.
    FullScan,
    /// The state of the moment.
    Snapshot,
    /// What changed at or after this stamp, in the vendor's clock; the overlap is taken off
    /// already.
    Incremental {
        /// The inclusive lower bound.
        from: Timestamp,
    },
    /// These interactions.
    Probe {
        /// Calls or chats.
        kind: EntityKind,
        /// Their ids, at most a page of them.
        ids: Vec<EntityId>,
    },
    /// Who waits, on these channels.
    Waiting {
        /// Whether calls are asked for.
        calls: bool,
        /// Whether chats are asked for.
        chats: bool,
    },
}

/// The rows of a tail.
#[derive(Clone, Debug, PartialEq)]
pub struct IncrementalRows<T> {
    /// Rows that differ from those of the last committed reading, in order of their stamp and id.
    pub rows: Vec<T>,
    /// The newest stamp up to which everything was read, in the vendor's clock; `None` when no
    /// row was shown. The next question starts here, less the overlap.
    pub cursor: Option<Timestamp>,
}

/// What was read, by what it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// The roster.
    Agents(FullScan<Agent>),
    /// Who is logged in, in which status: absence means not logged in.
    AgentStatuses(FullScan<CurrentStatus>),
    /// The activity log.
    Activities(IncrementalRows<Activity>),
    /// Rows of the activity log that ended, in order of their start; the cursor is one of ends.
    ActivityEnds(IncrementalRows<Activity>),
    /// Calls that changed.
    Calls(IncrementalRows<Call>),
    /// Chats that changed.
    Chats(IncrementalRows<Chat>),
    /// Calls that were asked for by id.
    CallsById(Vec<Call>),
    /// Chats that were asked for by id.
    ChatsById(Vec<Chat>),
    /// Who waits; only of the channels that were asked for.
    Waiting {
        /// Calls.
        calls: Vec<Call>,
        /// Chats.
        chats: Vec<Chat>,
    },
    /// The queues.
    Queues(FullScan<Queue>),
    /// Where somebody waits: absence means nobody does.
    QueueStatuses(FullScan<QueueStatus>),
    /// How well queues are served.
    ServiceLevels(Vec<ServiceLevel>),
    /// The teams.
    Teams(FullScan<Team>),
    /// The statuses agents may be in.
    StatusDefinitions(FullScan<StatusDefinition>),
}

impl Rows {
    /// Why a sweep proves nothing about absence, where it does not.
    #[must_use]
    pub const fn partial(&self) -> Option<Partial> {
        match self {
            Self::Agents(scan) => scan.partial(),
            Self::AgentStatuses(scan) => scan.partial(),
            Self::Queues(scan) => scan.partial(),
            Self::QueueStatuses(scan) => scan.partial(),
            Self::Teams(scan) => scan.partial(),
            Self::StatusDefinitions(scan) => scan.partial(),
            Self::Activities(_)
            | Self::ActivityEnds(_)
            | Self::Calls(_)
            | Self::Chats(_)
            | Self::CallsById(_)
            | Self::ChatsById(_)
            | Self::Waiting { .. }
            | Self::ServiceLevels(_) => None,
        }
    }
}

/// Why a row was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineReason {
    /// Where in the row, such as `queue_durations[1].started_at`; never a value.
    pub path: String,
    /// What was wrong, such as `expected a time`; never a value.
    pub kind: String,
}

impl QuarantineReason {
    /// What is said of rows with one id that contradict each other.
    const CONFLICT: &str = "expected one row with this id";

    /// Two rows of one answer have the same id and differ: neither is believed.
    #[must_use]
    pub fn conflict() -> Self {
        Self { path: String::new(), kind: String::from(Self::CONFLICT) }
    }

    /// The reason as a bounded label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        if self.kind == Self::CONFLICT { "conflicting_duplicate" } else { "undecodable" }
    }
}

/// A row that could not be decoded and was stepped over. It holds no byte of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The row's id, where that decoded.
    pub id: Option<EntityId>,
    /// Why.
    pub reason: QuarantineReason,
    /// A hash of the row's bytes, so that it is told once.
    pub fingerprint: super::Fingerprint,
    /// The row's size in bytes.
    pub size: usize,
}

/// A value of an open enumeration that no table knows. It passed through as it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownValue {
    /// The field, such as `call.status`; never the value.
    pub field: &'static str,
}

/// One answered question.
#[derive(Clone, Debug)]
pub struct PollResult {
    /// The stream that was asked.
    pub stream: StreamName,
    /// When the first request was sent, in our clock.
    pub requested_at: Timestamp,
    /// When the last body had been read, in our clock.
    pub answered_at: Timestamp,
    /// How far the vendor's clock is ahead of ours, in milliseconds, where an answer had a `Date`.
    pub clock_offset_millis: Option<i64>,
    /// How many requests it took.
    pub requests: u32,
    /// What was read.
    pub rows: Rows,
    /// Rows that were stepped over.
    pub quarantined: Vec<Quarantined>,
    /// Values that no table knows.
    pub unknown_values: Vec<UnknownValue>,
    /// What to remember for the next reading, once this one is committed.
    pub memory: RowMemory,
}
