//! The table of a vendor's streams: each line binds a stream's defaults to the implementation that
//! polls it.

use std::sync::Arc;
use std::time::Duration;

use super::account_source::{StreamPoll, bound};
use super::requests::{
    ActivityLogRequest, FullScanRequest, IncrementalRequest, LookupRequest, SnapshotRequest,
    WaitingRequest,
};
use super::stream::StreamType;
use super::vendor_client::{Poll, VendorClient};
use crate::model::StreamName;

/// How often a stream is polled, unless the configuration says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Its part of the budget beside the others'.
    pub weight: f64,
    /// After this long it goes before the others.
    pub max_interval: Duration,
    /// The shortest time from one poll to the next.
    pub min_interval: Duration,
}

/// A stream and its defaults.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Its name.
    pub name: StreamName,
    /// How far before its cursor an incremental poll begins; `None` for streams without a cursor.
    pub overlap: Option<Duration>,
    /// How often it is polled.
    pub pace: Pace,
}

/// A line of a vendor's table of streams: its defaults, and the implementation that polls it.
#[derive(Debug)]
pub struct VendorStream<C> {
    spec: StreamSpec,
    pub(super) bind: fn(Arc<C>, overlap: Duration) -> StreamPoll,
}

impl<C: VendorClient> VendorStream<C> {
    /// A stream that is read by full scans.
    #[must_use]
    pub const fn full_scan<S: StreamType<Request = FullScanRequest>>(pace: Pace) -> Self
    where
        C: Poll<S>,
    {
        let spec = StreamSpec { name: S::NAME, overlap: None, pace };
        Self { spec, bind: |client, _| StreamPoll::FullScan(bound::<C, S>(client)) }
    }

    /// A stream that is read by snapshots.
    #[must_use]
    pub const fn snapshot<S: StreamType<Request = SnapshotRequest>>(pace: Pace) -> Self
    where
        C: Poll<S>,
    {
        let spec = StreamSpec { name: S::NAME, overlap: None, pace };
        Self { spec, bind: |client, _| StreamPoll::Snapshot(bound::<C, S>(client)) }
    }

    /// A stream that is read by incremental polls, each of which begins `overlap` before the cursor
    /// unless the configuration says otherwise.
    #[must_use]
    pub const fn incremental<S>(overlap: Duration, pace: Pace) -> Self
    where
        S: StreamType<Request = IncrementalRequest>,
        C: Poll<S>,
    {
        let spec = StreamSpec { name: S::NAME, overlap: Some(overlap), pace };
        Self {
            spec,
            bind: |client, overlap| StreamPoll::Incremental {
                poll: bound::<C, S>(client),
                overlap,
            },
        }
    }

    /// The activity log of agents, which is read by incremental polls.
    #[must_use]
    pub const fn activity_log<S>(overlap: Duration, pace: Pace) -> Self
    where
        S: StreamType<Request = ActivityLogRequest>,
        C: Poll<S>,
    {
        let spec = StreamSpec { name: S::NAME, overlap: Some(overlap), pace };
        Self {
            spec,
            bind: |client, overlap| StreamPoll::ActivityLog {
                poll: bound::<C, S>(client),
                overlap,
            },
        }
    }

    /// A stream that is read by lookups.
    #[must_use]
    pub const fn lookup<S: StreamType<Request = LookupRequest>>(pace: Pace) -> Self
    where
        C: Poll<S>,
    {
        let spec = StreamSpec { name: S::NAME, overlap: None, pace };
        Self { spec, bind: |client, _| StreamPoll::Lookup(bound::<C, S>(client)) }
    }

    /// The interactions that wait.
    #[must_use]
    pub const fn waiting<S: StreamType<Request = WaitingRequest>>(pace: Pace) -> Self
    where
        C: Poll<S>,
    {
        let spec = StreamSpec { name: S::NAME, overlap: None, pace };
        Self { spec, bind: |client, _| StreamPoll::Waiting(bound::<C, S>(client)) }
    }

    /// The stream's defaults.
    #[must_use]
    pub const fn spec(&self) -> &StreamSpec {
        &self.spec
    }
}
