//! From a vendor's typed client to what the runtime polls: the streams of an account, each behind
//! an object that takes the requests of its kind and no others.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use super::future::BoxFuture;
use super::memory::RowMemory;
use super::poll_result::PollResult;
use super::probe::Report;
use super::requests::{
    ActivityLogRequest, FullScanRequest, IncrementalRequest, LookupRequest, SnapshotRequest,
    WaitingRequest,
};
use crate::model::StreamName;

/// A stream of an account, by the kind of its requests.
#[derive(Clone, Debug)]
pub enum StreamPoll {
    /// It is read by full scans.
    FullScan(Arc<dyn PollStream<FullScanRequest>>),
    /// It is read by snapshots.
    Snapshot(Arc<dyn PollStream<SnapshotRequest>>),
    /// It is read from a cursor on.
    Incremental {
        /// Polls it.
        poll: Arc<dyn PollStream<IncrementalRequest>>,
        /// How far before its cursor a poll begins.
        overlap: Duration,
    },
    /// It is the activity log of agents, which is read from a cursor on.
    ActivityLog {
        /// Polls it.
        poll: Arc<dyn PollStream<ActivityLogRequest>>,
        /// How far before its cursor a poll begins.
        overlap: Duration,
    },
    /// It is read by ids.
    Lookup(Arc<dyn PollStream<LookupRequest>>),
    /// It shows the interactions that wait.
    Waiting(Arc<dyn PollStream<WaitingRequest>>),
}

/// A stream of an account that takes requests of type `R`, of whatever vendor. It promises what
/// [`Poll`](super::Poll) promises.
pub trait PollStream<R>: fmt::Debug + Send + Sync {
    /// Polls the stream once, see [`Poll::poll`](super::Poll::poll).
    ///
    /// # Errors
    /// As there.
    fn poll<'a>(
        &'a self,
        request: R,
        memory: &'a RowMemory,
    ) -> BoxFuture<'a, Result<PollResult, Error>>;
}

/// A stream of an account.
#[derive(Clone, Debug)]
pub struct AccountStream {
    /// Its name.
    pub name: StreamName,
    /// How it is polled.
    pub poll: StreamPoll,
}

/// An account that can be polled, of whatever vendor.
#[derive(Debug)]
pub struct Source {
    streams: Vec<AccountStream>,
    client: Arc<dyn Probe>,
}

impl Source {
    /// The streams of an account, and the client that answers `floorcast probe`.
    pub(super) const fn of(streams: Vec<AccountStream>, client: Arc<dyn Probe>) -> Self {
        Self { streams, client }
    }

    /// All streams of the vendor, in the order of its table.
    #[must_use]
    pub fn streams(&self) -> &[AccountStream] {
        &self.streams
    }

    /// Measures what the vendor's document leaves open, see [`VendorClient::probe`](super::VendorClient::probe).
    ///
    /// # Errors
    /// As there.
    pub async fn probe(&self) -> Result<Report, Error> {
        self.client.probe_boxed().await
    }
}

/// [`VendorClient::probe`](super::VendorClient::probe) for a client whose type is not known.
pub(super) trait Probe: fmt::Debug + Send + Sync {
    fn probe_boxed(&self) -> BoxFuture<'_, Result<Report, Error>>;
}
