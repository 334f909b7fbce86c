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
use crate::source::{Access, Error, Pace, Report, SettingsReader, VendorClient, VendorStream};

/// The streams, with their defaults.
const STREAMS: &[VendorStream<Ccai>] = &[
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
