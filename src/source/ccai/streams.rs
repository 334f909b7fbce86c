//! The streams of this vendor, with their defaults.

use std::time::Duration;

use crate::model::StreamName;
use crate::source::{StreamKind, StreamSpec};

/// How far before its cursor a tail asks again: rows become visible a little after their stamp.
pub(super) const OVERLAP: Duration = Duration::from_secs(10);

pub(super) const AGENT_ACTIVITY: StreamName = StreamName::new("agent_activity");
pub(super) const AGENT_STATUSES: StreamName = StreamName::new("agent_statuses");
pub(super) const AGENTS: StreamName = StreamName::new("agents");
pub(super) const CALLS: StreamName = StreamName::new("calls");
pub(super) const RECENT: StreamName = StreamName::new("recent");

/// The streams, with their defaults.
pub const STREAMS: &[StreamSpec] = &[
    StreamSpec {
        name: AGENT_ACTIVITY,
        kind: StreamKind::Tail { overlap: OVERLAP, log: true },
        weight: 4.0,
        max_interval: Duration::from_secs(5),
        min_interval: Duration::from_millis(500),
    },
    StreamSpec {
        name: AGENT_STATUSES,
        kind: StreamKind::Gauge,
        weight: 2.0,
        max_interval: Duration::from_secs(10),
        min_interval: Duration::from_secs(1),
    },
    StreamSpec {
        name: AGENTS,
        kind: StreamKind::Sweep,
        weight: 1.0,
        max_interval: Duration::from_secs(30),
        min_interval: Duration::from_secs(2),
    },
    StreamSpec {
        name: CALLS,
        kind: StreamKind::Tail { overlap: OVERLAP, log: false },
        weight: 4.0,
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
];
