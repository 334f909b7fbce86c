//! The streams of this vendor, with their defaults.

use std::time::Duration;

use crate::model::StreamName;
use crate::source::{StreamKind, StreamSpec};

/// How far before its cursor a tail asks again: rows become visible a little after their stamp.
pub(super) const OVERLAP: Duration = Duration::from_secs(10);

pub(super) const AGENT_ACTIVITY: StreamName = StreamName::new("agent_activity");
pub(super) const ACTIVITY_ENDS: StreamName = StreamName::new("activity_ends");
pub(super) const AGENT_STATUSES: StreamName = StreamName::new("agent_statuses");
pub(super) const AGENTS: StreamName = StreamName::new("agents");
pub(super) const CALLS: StreamName = StreamName::new("calls");
pub(super) const CHATS: StreamName = StreamName::new("chats");
pub(super) const QUEUES: StreamName = StreamName::new("queues");
pub(super) const QUEUE_STATUSES: StreamName = StreamName::new("queue_statuses");
pub(super) const RECENT: StreamName = StreamName::new("recent");
pub(super) const SLA: StreamName = StreamName::new("sla");
pub(super) const SLA_BY_QUEUE_GROUP: StreamName = StreamName::new("sla_by_queue_group");
pub(super) const STATUS_DEFINITIONS: StreamName = StreamName::new("status_definitions");
pub(super) const TEAMS: StreamName = StreamName::new("teams");
pub(super) const WAITING: StreamName = StreamName::new("waiting");

/// The streams, with their defaults.
pub(super) const STREAMS: &[StreamSpec] = &[
    StreamSpec {
        name: AGENT_ACTIVITY,
        kind: StreamKind::Incremental { overlap: OVERLAP, log: true },
        weight: 4.0,
        max_interval: Duration::from_secs(5),
        min_interval: Duration::from_millis(500),
    },
    StreamSpec {
        name: ACTIVITY_ENDS,
        kind: StreamKind::LogEnds { overlap: OVERLAP },
        weight: 1.0,
        max_interval: Duration::from_secs(15),
        min_interval: Duration::from_secs(2),
    },
    StreamSpec {
        name: AGENT_STATUSES,
        kind: StreamKind::Snapshot,
        weight: 2.0,
        max_interval: Duration::from_secs(10),
        min_interval: Duration::from_secs(1),
    },
    StreamSpec {
        name: AGENTS,
        kind: StreamKind::FullScan,
        weight: 1.0,
        max_interval: Duration::from_secs(30),
        min_interval: Duration::from_secs(2),
    },
    StreamSpec {
        name: CALLS,
        kind: StreamKind::Incremental { overlap: OVERLAP, log: false },
        weight: 4.0,
        max_interval: Duration::from_secs(5),
        min_interval: Duration::from_millis(500),
    },
    StreamSpec {
        name: CHATS,
        kind: StreamKind::Incremental { overlap: OVERLAP, log: false },
        weight: 3.0,
        max_interval: Duration::from_secs(5),
        min_interval: Duration::from_millis(500),
    },
    StreamSpec {
        name: RECENT,
        kind: StreamKind::Recent,
        weight: 1.0,
        max_interval: Duration::from_mins(1),
        min_interval: Duration::from_secs(1),
    },
    StreamSpec {
        name: WAITING,
        kind: StreamKind::Waiting,
        weight: 2.0,
        max_interval: Duration::from_secs(2),
        min_interval: Duration::from_secs(2),
    },
    StreamSpec {
        name: QUEUE_STATUSES,
        kind: StreamKind::Snapshot,
        weight: 1.0,
        max_interval: Duration::from_secs(20),
        min_interval: Duration::from_secs(1),
    },
    StreamSpec {
        name: SLA,
        kind: StreamKind::Snapshot,
        weight: 0.5,
        max_interval: Duration::from_mins(1),
        min_interval: Duration::from_secs(5),
    },
    StreamSpec {
        name: SLA_BY_QUEUE_GROUP,
        kind: StreamKind::Snapshot,
        weight: 0.25,
        max_interval: Duration::from_mins(2),
        min_interval: Duration::from_secs(5),
    },
    StreamSpec {
        name: QUEUES,
        kind: StreamKind::FullScan,
        weight: 0.25,
        max_interval: Duration::from_mins(5),
        min_interval: Duration::from_secs(10),
    },
    StreamSpec {
        name: TEAMS,
        kind: StreamKind::FullScan,
        weight: 0.25,
        max_interval: Duration::from_mins(5),
        min_interval: Duration::from_secs(10),
    },
    StreamSpec {
        name: STATUS_DEFINITIONS,
        kind: StreamKind::FullScan,
        weight: 0.1,
        max_interval: Duration::from_mins(10),
        min_interval: Duration::from_secs(10),
    },
];
