//! The types of streams. A type of stream fixes its name, the request that it takes and the rows
//! that answer it: a request of another kind, or rows of another type, do not compile.
//!
//! ```
//! use floorcast::source::{Error, FullScanRequest, PollStream, RowMemory};
//!
//! async fn rows(agents: &dyn PollStream<FullScanRequest>) -> Result<u32, Error> {
//!     let result = agents.poll(FullScanRequest, &RowMemory::default()).await?;
//!     Ok(result.requests)
//! }
//! ```
//!
//! A stream that is read by full scans takes no other request:
//!
//! ```compile_fail,E0308
//! use floorcast::source::{Error, FullScanRequest, PollStream, RowMemory, SnapshotRequest};
//!
//! async fn rows(agents: &dyn PollStream<FullScanRequest>) -> Result<u32, Error> {
//!     let result = agents.poll(SnapshotRequest, &RowMemory::default()).await?;
//!     Ok(result.requests)
//! }
//! ```

use super::FullScan;
use super::poll_result::{IncrementalRows, LookupRows, Rows, WaitingRows};
use super::requests::{
    ActivityLogRequest, FullScanRequest, IncrementalRequest, LookupRequest, SnapshotRequest,
    WaitingRequest,
};
use crate::model::{
    Activity, Agent, Call, Chat, CurrentStatus, Queue, QueueStatus, ServiceLevel, StatusDefinition,
    StreamName, Team,
};

/// A type of stream.
pub trait StreamType: 'static {
    /// Its name in the configuration, in metrics and in events.
    const NAME: StreamName;
    /// What is requested of it.
    type Request: Send + 'static;
    /// What comes back.
    type Rows: Send + 'static;
    /// The rows as one of all that a poll may return.
    const ROWS: fn(Self::Rows) -> Rows;
}

/// The roster: all agents.
#[derive(Clone, Copy, Debug)]
pub struct Agents;

impl StreamType for Agents {
    const NAME: StreamName = StreamName::new("agents");
    type Request = FullScanRequest;
    type Rows = FullScan<Agent>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::Agents;
}

/// Who is logged in, in which status. In a complete answer absence means not logged in.
#[derive(Clone, Copy, Debug)]
pub struct AgentStatuses;

impl StreamType for AgentStatuses {
    const NAME: StreamName = StreamName::new("agent_statuses");
    type Request = SnapshotRequest;
    type Rows = FullScan<CurrentStatus>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::AgentStatuses;
}

/// The activity log, by the start of its rows. A vendor that has it lets it alone decide what
/// status an agent is in.
#[derive(Clone, Copy, Debug)]
pub struct AgentActivity;

impl StreamType for AgentActivity {
    const NAME: StreamName = StreamName::new("agent_activity");
    type Request = ActivityLogRequest;
    type Rows = IncrementalRows<Activity>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::AgentActivity;
}

/// The rows of the activity log that ended, by their end: the vendor fills the ends in later. The
/// rows are in order of their start; the cursor is one of ends.
#[derive(Clone, Copy, Debug)]
pub struct ActivityEnds;

impl StreamType for ActivityEnds {
    const NAME: StreamName = StreamName::new("activity_ends");
    type Request = IncrementalRequest;
    type Rows = IncrementalRows<Activity>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::ActivityEnds;
}

/// Calls that changed.
#[derive(Clone, Copy, Debug)]
pub struct Calls;

impl StreamType for Calls {
    const NAME: StreamName = StreamName::new("calls");
    type Request = IncrementalRequest;
    type Rows = IncrementalRows<Call>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::Calls;
}

/// Chats that changed.
#[derive(Clone, Copy, Debug)]
pub struct Chats;

impl StreamType for Chats {
    const NAME: StreamName = StreamName::new("chats");
    type Request = IncrementalRequest;
    type Rows = IncrementalRows<Chat>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::Chats;
}

/// Interactions that ended a short time ago, by their ids. Absence proves nothing.
#[derive(Clone, Copy, Debug)]
pub struct Recent;

impl StreamType for Recent {
    const NAME: StreamName = StreamName::new("recent");
    type Request = LookupRequest;
    type Rows = LookupRows;
    const ROWS: fn(Self::Rows) -> Rows = Rows::Recent;
}

/// Interactions that wait in a queue; polled when a wait becomes too long.
#[derive(Clone, Copy, Debug)]
pub struct Waiting;

impl StreamType for Waiting {
    const NAME: StreamName = StreamName::new("waiting");
    type Request = WaitingRequest;
    type Rows = WaitingRows;
    const ROWS: fn(Self::Rows) -> Rows = Rows::Waiting;
}

/// All queues.
#[derive(Clone, Copy, Debug)]
pub struct Queues;

impl StreamType for Queues {
    const NAME: StreamName = StreamName::new("queues");
    type Request = FullScanRequest;
    type Rows = FullScan<Queue>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::Queues;
}

/// How many interactions wait in which queue. In a complete answer absence means none.
#[derive(Clone, Copy, Debug)]
pub struct QueueStatuses;

impl StreamType for QueueStatuses {
    const NAME: StreamName = StreamName::new("queue_statuses");
    type Request = SnapshotRequest;
    type Rows = FullScan<QueueStatus>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::QueueStatuses;
}

/// Service levels of queues. Absence proves nothing.
#[derive(Clone, Copy, Debug)]
pub struct ServiceLevels;

impl StreamType for ServiceLevels {
    const NAME: StreamName = StreamName::new("sla");
    type Request = SnapshotRequest;
    type Rows = Vec<ServiceLevel>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::ServiceLevels;
}

/// Service levels of groups of queues. Absence proves nothing.
#[derive(Clone, Copy, Debug)]
pub struct QueueGroupServiceLevels;

impl StreamType for QueueGroupServiceLevels {
    const NAME: StreamName = StreamName::new("sla_by_queue_group");
    type Request = SnapshotRequest;
    type Rows = Vec<ServiceLevel>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::QueueGroupServiceLevels;
}

/// All teams.
#[derive(Clone, Copy, Debug)]
pub struct Teams;

impl StreamType for Teams {
    const NAME: StreamName = StreamName::new("teams");
    type Request = FullScanRequest;
    type Rows = FullScan<Team>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::Teams;
}

/// All statuses that agents may be in.
#[derive(Clone, Copy, Debug)]
pub struct StatusDefinitions;

impl StreamType for StatusDefinitions {
    const NAME: StreamName = StreamName::new("status_definitions");
    type Request = FullScanRequest;
    type Rows = FullScan<StatusDefinition>;
    const ROWS: fn(Self::Rows) -> Rows = Rows::StatusDefinitions;
}

impl Rows {
    /// The stream that these rows are of.
    #[must_use]
    pub const fn stream(&self) -> StreamName {
        match self {
            Self::Agents(_) => Agents::NAME,
            Self::AgentStatuses(_) => AgentStatuses::NAME,
            Self::AgentActivity(_) => AgentActivity::NAME,
            Self::ActivityEnds(_) => ActivityEnds::NAME,
            Self::Calls(_) => Calls::NAME,
            Self::Chats(_) => Chats::NAME,
            Self::Recent(_) => Recent::NAME,
            Self::Waiting(_) => Waiting::NAME,
            Self::Queues(_) => Queues::NAME,
            Self::QueueStatuses(_) => QueueStatuses::NAME,
            Self::ServiceLevels(_) => ServiceLevels::NAME,
            Self::QueueGroupServiceLevels(_) => QueueGroupServiceLevels::NAME,
            Self::Teams(_) => Teams::NAME,
            Self::StatusDefinitions(_) => StatusDefinitions::NAME,
        }
    }
}
