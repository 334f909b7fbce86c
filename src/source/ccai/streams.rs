//! The streams of this vendor, with their defaults.

use std::time::Duration;

use super::Ccai;
use crate::source::stream::{
    ActivityEnds, AgentActivity, AgentStatuses, Agents, Calls, Chats, QueueGroupServiceLevels,
    QueueStatuses, Queues, Recent, ServiceLevels, StatusDefinitions, Teams, Waiting,
};
use crate::source::{Pace, VendorStream};

/// How far before its cursor an incremental poll begins: rows become visible a little after their
/// timestamp.
pub(super) const OVERLAP: Duration = Duration::from_secs(10);

/// The streams, with their defaults.
pub(super) const STREAMS: &[VendorStream<Ccai>] = &[
    VendorStream::activity_log::<AgentActivity>(
        OVERLAP,
        Pace {
            weight: 4.0,
            max_interval: Duration::from_secs(5),
            min_interval: Duration::from_millis(500),
        },
    ),
    VendorStream::incremental::<ActivityEnds>(
        OVERLAP,
        Pace {
            weight: 1.0,
            max_interval: Duration::from_secs(15),
            min_interval: Duration::from_secs(2),
        },
    ),
    VendorStream::snapshot::<AgentStatuses>(Pace {
        weight: 2.0,
        max_interval: Duration::from_secs(10),
        min_interval: Duration::from_secs(1),
    }),
    VendorStream::full_scan::<Agents>(Pace {
        weight: 1.0,
        max_interval: Duration::from_secs(30),
        min_interval: Duration::from_secs(2),
    }),
    VendorStream::incremental::<Calls>(
        OVERLAP,
        Pace {
            weight: 4.0,
            max_interval: Duration::from_secs(5),
            min_interval: Duration::from_millis(500),
        },
    ),
    VendorStream::incremental::<Chats>(
        OVERLAP,
        Pace {
            weight: 3.0,
            max_interval: Duration::from_secs(5),
            min_interval: Duration::from_millis(500),
        },
    ),
    VendorStream::lookup::<Recent>(Pace {
        weight: 1.0,
        max_interval: Duration::from_mins(1),
        min_interval: Duration::from_secs(1),
    }),
    VendorStream::waiting::<Waiting>(Pace {
        weight: 2.0,
        max_interval: Duration::from_secs(2),
        min_interval: Duration::from_secs(2),
    }),
    VendorStream::snapshot::<QueueStatuses>(Pace {
        weight: 1.0,
        max_interval: Duration::from_secs(20),
        min_interval: Duration::from_secs(1),
    }),
    VendorStream::snapshot::<ServiceLevels>(Pace {
        weight: 0.5,
        max_interval: Duration::from_mins(1),
        min_interval: Duration::from_secs(5),
    }),
    VendorStream::snapshot::<QueueGroupServiceLevels>(Pace {
        weight: 0.25,
        max_interval: Duration::from_mins(2),
        min_interval: Duration::from_secs(5),
    }),
    VendorStream::full_scan::<Queues>(Pace {
        weight: 0.25,
        max_interval: Duration::from_mins(5),
        min_interval: Duration::from_secs(10),
    }),
    VendorStream::full_scan::<Teams>(Pace {
        weight: 0.25,
        max_interval: Duration::from_mins(5),
        min_interval: Duration::from_secs(10),
    }),
    VendorStream::full_scan::<StatusDefinitions>(Pace {
        weight: 0.1,
        max_interval: Duration::from_mins(10),
        min_interval: Duration::from_secs(10),
    }),
];
