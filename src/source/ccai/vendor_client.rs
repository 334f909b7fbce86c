//! What this vendor is to the rest of the program: its name, its limit and its streams.

use std::sync::Arc;
use std::time::Duration;

use super::settings;
use super::vocabulary::VOCABULARY;
use super::{Ccai, OVERLAP};
use crate::model::Vocabulary;
use crate::source::stream::{
    ActivityEnds, AgentActivity, AgentStatuses, Agents, Calls, Chats, QueueGroupServiceLevels,
    QueueStatuses, Queues, Recent, ServiceLevels, StatusDefinitions, Teams, Waiting,
};
use crate::source::{
    Access, DegradationClass, Error, Pace, Planning, Report, SettingsReader, VendorClient,
    VendorStream,
};

/// What the vendor recorded, by pages of [`PER_PAGE`](super::PER_PAGE) rows.
const RECORDS: Planning =
    Planning { class: DegradationClass::Incremental, rows_per_request: Some(100) };
/// The ends of rows that the activity log has shown: they repeat it, and fill in what it lacked.
const ENDS: Planning = Planning { class: DegradationClass::LookBack, ..RECORDS };

/// The streams, with their defaults.
const STREAMS: &[VendorStream<Ccai>] = &[
    VendorStream::activity_log::<AgentActivity>(
        OVERLAP,
        RECORDS,
        Pace {
            weight: 4.0,
            max_interval: Duration::from_secs(5),
            min_interval: Duration::from_millis(500),
        },
    ),
    VendorStream::incremental::<ActivityEnds>(
        OVERLAP,
        ENDS,
        Pace {
            weight: 1.0,
            max_interval: Duration::from_secs(15),
            min_interval: Duration::from_secs(2),
        },
    ),
    VendorStream::snapshot::<AgentStatuses>(
        DegradationClass::Snapshot,
        Pace {
            weight: 2.0,
            max_interval: Duration::from_secs(10),
            min_interval: Duration::from_secs(1),
        },
    ),
    VendorStream::full_scan::<Agents>(
        DegradationClass::Roster,
        Pace {
            weight: 1.0,
            max_interval: Duration::from_secs(30),
            min_interval: Duration::from_secs(2),
        },
    ),
    VendorStream::incremental::<Calls>(
        OVERLAP,
        RECORDS,
        Pace {
            weight: 4.0,
            max_interval: Duration::from_secs(5),
            min_interval: Duration::from_millis(500),
        },
    ),
    VendorStream::incremental::<Chats>(
        OVERLAP,
        RECORDS,
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
    VendorStream::snapshot::<QueueStatuses>(
        DegradationClass::Snapshot,
        Pace {
            weight: 1.0,
            max_interval: Duration::from_secs(20),
            min_interval: Duration::from_secs(1),
        },
    ),
    VendorStream::snapshot::<ServiceLevels>(
        DegradationClass::Snapshot,
        Pace {
            weight: 0.5,
            max_interval: Duration::from_mins(1),
            min_interval: Duration::from_secs(5),
        },
    ),
    VendorStream::snapshot::<QueueGroupServiceLevels>(
        DegradationClass::Snapshot,
        Pace {
            weight: 0.25,
            max_interval: Duration::from_mins(2),
            min_interval: Duration::from_secs(5),
        },
    ),
    VendorStream::full_scan::<Queues>(
        DegradationClass::Reference,
        Pace {
            weight: 0.25,
            max_interval: Duration::from_mins(5),
            min_interval: Duration::from_secs(10),
        },
    ),
    VendorStream::full_scan::<Teams>(
        DegradationClass::Reference,
        Pace {
            weight: 0.25,
            max_interval: Duration::from_mins(5),
            min_interval: Duration::from_secs(10),
        },
    ),
    VendorStream::full_scan::<StatusDefinitions>(
        DegradationClass::Reference,
        Pace {
            weight: 0.1,
            max_interval: Duration::from_mins(10),
            min_interval: Duration::from_secs(10),
        },
    ),
];

impl VendorClient for Ccai {
    const NAME: &'static str = "ccai";
    const REQUESTS_PER_SECOND: f64 = 1.0;
    const VOCABULARY: &'static Vocabulary = &VOCABULARY;
    const STREAMS: &'static [VendorStream<Self>] = STREAMS;

    fn settings(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
        settings::read(keys)
    }

    async fn probe(&self) -> Result<Report, Error> {
        self.report().await
    }
}
