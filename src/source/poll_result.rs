//! The result of a poll: rows by the type of the stream, and the circumstances.

use super::full_scan::{FullScan, Partial};
use super::memory::RowMemory;
use crate::model::{
    Activity, Agent, Call, Chat, CurrentStatus, EntityId, Queue, QueueStatus, ServiceLevel,
    StatusDefinition, Team, Timestamp,
};

/// How far an incremental poll came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncrementalProgress {
    /// It read all rows that there were.
    #[default]
    CaughtUp,
    /// It ended because it was long enough, and more rows are there: the next poll goes on at its
    /// cursor.
    Behind,
    /// A request failed on the way, or it did not get beyond its overlap: what it read counts, and
    /// another poll at once would end in the same way.
    CutOff,
}

/// The rows of an incremental poll.
#[derive(Clone, Debug, PartialEq)]
pub struct IncrementalRows<T> {
    /// The lower bound that was requested, in the vendor's clock.
    pub from: Timestamp,
    /// Rows that differ from those of the last committed result, sorted by timestamp and id.
    pub rows: Vec<T>,
    /// The newest timestamp up to which everything was read, in the vendor's clock; `None` when the
    /// vendor showed no row. The next poll starts here, less the overlap.
    pub cursor: Option<Timestamp>,
    /// Whether more rows are there.
    pub progress: IncrementalProgress,
}

/// Interactions that were requested by their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct RowsById<I> {
    /// The ids that were requested.
    pub ids: Vec<EntityId>,
    /// The interactions that were shown, each of them requested. One that is missing need not be
    /// gone.
    pub rows: Vec<I>,
}

/// The rows of a lookup.
#[derive(Clone, Debug, PartialEq)]
pub enum LookupRows {
    /// Calls.
    Calls(RowsById<Call>),
    /// Chats.
    Chats(RowsById<Chat>),
}

/// The interactions that wait. A channel that was not requested is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WaitingRows {
    /// Calls.
    pub calls: Option<Vec<Call>>,
    /// Chats.
    pub chats: Option<Vec<Chat>>,
}

/// The rows of any stream, by its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// Of [`super::stream::Agents`].
    Agents(FullScan<Agent>),
    /// Of [`super::stream::AgentStatuses`].
    AgentStatuses(FullScan<CurrentStatus>),
    /// Of [`super::stream::AgentActivity`].
    AgentActivity(IncrementalRows<Activity>),
    /// Of [`super::stream::ActivityEnds`].
    ActivityEnds(IncrementalRows<Activity>),
    /// Of [`super::stream::Calls`].
    Calls(IncrementalRows<Call>),
    /// Of [`super::stream::Chats`].
    Chats(IncrementalRows<Chat>),
    /// Of [`super::stream::Recent`].
    Recent(LookupRows),
    /// Of [`super::stream::Waiting`].
    Waiting(WaitingRows),
    /// Of [`super::stream::Queues`].
    Queues(FullScan<Queue>),
    /// Of [`super::stream::QueueStatuses`].
    QueueStatuses(FullScan<QueueStatus>),
    /// Of [`super::stream::ServiceLevels`].
    ServiceLevels(Vec<ServiceLevel>),
    /// Of [`super::stream::QueueGroupServiceLevels`].
    QueueGroupServiceLevels(Vec<ServiceLevel>),
    /// Of [`super::stream::Teams`].
    Teams(FullScan<Team>),
    /// Of [`super::stream::StatusDefinitions`].
    StatusDefinitions(FullScan<StatusDefinition>),
}

impl Rows {
    /// Why absence proves nothing, where these rows could prove it and do not.
    #[must_use]
    pub const fn partial(&self) -> Option<Partial> {
        match self {
            Self::Agents(scan) => scan.partial(),
            Self::AgentStatuses(scan) => scan.partial(),
            Self::Queues(scan) => scan.partial(),
            Self::QueueStatuses(scan) => scan.partial(),
            Self::Teams(scan) => scan.partial(),
            Self::StatusDefinitions(scan) => scan.partial(),
            Self::AgentActivity(_)
            | Self::ActivityEnds(_)
            | Self::Calls(_)
            | Self::Chats(_)
            | Self::Recent(_)
            | Self::Waiting(_)
            | Self::ServiceLevels(_)
            | Self::QueueGroupServiceLevels(_) => None,
        }
    }

    /// How far an incremental poll came; other polls have read what there was.
    #[must_use]
    pub const fn progress(&self) -> IncrementalProgress {
        match self {
            Self::AgentActivity(log) | Self::ActivityEnds(log) => log.progress,
            Self::Calls(calls) => calls.progress,
            Self::Chats(chats) => chats.progress,
            Self::Agents(_)
            | Self::AgentStatuses(_)
            | Self::Recent(_)
            | Self::Waiting(_)
            | Self::Queues(_)
            | Self::QueueStatuses(_)
            | Self::ServiceLevels(_)
            | Self::QueueGroupServiceLevels(_)
            | Self::Teams(_)
            | Self::StatusDefinitions(_) => IncrementalProgress::CaughtUp,
        }
    }
}

/// Why a row is quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineReason {
    /// Where in the row, such as `queue_durations[1].started_at`; never a value.
    pub path: String,
    /// What was wrong, such as `expected a time`; never a value.
    pub kind: String,
}

impl QuarantineReason {
    /// The kind for rows with one id that contradict each other.
    const CONFLICT: &str = "expected one row with this id";

    /// Two rows of one answer have the same id and differ: neither is used.
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

/// A row that was skipped, because it could not be decoded or contradicts another. It holds no byte of
/// the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The row's id, where that decoded.
    pub id: Option<EntityId>,
    /// Why.
    pub reason: QuarantineReason,
    /// A hash of the row's bytes, by which it is reported once.
    pub fingerprint: super::Fingerprint,
    /// The row's size in bytes.
    pub size: usize,
}

/// A value of an open enumeration that no table knows. It is passed through unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownValue {
    /// The field, such as `call.status`; never the value.
    pub field: &'static str,
}

/// The result of a poll. `R` is the type of its rows: that of one stream, or [`Rows`] of any.
#[derive(Clone, Debug)]
pub struct PollResult<R = Rows> {
    /// When the first request was sent, in our clock.
    pub requested_at: Timestamp,
    /// When the last body had been read, in our clock.
    pub answered_at: Timestamp,
    /// How far the vendor's clock is ahead of ours, in milliseconds, where an answer had a `Date`.
    pub clock_offset_millis: Option<i64>,
    /// How many requests it took.
    pub requests: u32,
    /// What was read.
    pub rows: R,
    /// Rows that could not be decoded, or contradict each other, and were skipped.
    pub quarantined: Vec<Quarantined>,
    /// Values that no table knows.
    pub unknown_values: Vec<UnknownValue>,
    /// What to remember for the next poll of the stream, once this result is committed.
    pub memory: RowMemory,
}

impl<R> PollResult<R> {
    /// The same with its rows as another type.
    #[must_use]
    pub fn with_rows<Q>(self, rows: impl FnOnce(R) -> Q) -> PollResult<Q> {
        PollResult {
            requested_at: self.requested_at,
            answered_at: self.answered_at,
            clock_offset_millis: self.clock_offset_millis,
            requests: self.requests,
            rows: rows(self.rows),
            quarantined: self.quarantined,
            unknown_values: self.unknown_values,
            memory: self.memory,
        }
    }
}
