//! From a vendor's typed client to what the runtime polls: the streams of an account, each behind an
//! object that takes the requests of its kind and no others.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use super::memory::RowMemory;
use super::poll_result::PollResult;
use super::probe::Report;
use super::requests::{
    ActivityLogRequest, FullScanRequest, IncrementalRequest, LookupRequest, SnapshotRequest,
    WaitingRequest,
};
use super::settings::PollSettings;
use super::stream::StreamType;
use super::vendor_client::{Poll, VendorClient};
use super::vendor_stream::{StreamSpec, VendorStream};
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

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A stream of an account that takes requests of type `R`, of whatever vendor. It promises what
/// [`Poll`] promises.
pub trait PollStream<R>: fmt::Debug + Send + Sync {
    /// Polls the stream once, see [`Poll::poll`].
    ///
    /// # Errors
    /// As there.
    fn poll<'a>(
        &'a self,
        request: R,
        memory: &'a RowMemory,
    ) -> BoxFuture<'a, Result<PollResult, Error>>;
}

/// A client, as one that polls a stream of type `S`.
struct Bound<C, S> {
    client: Arc<C>,
    stream: PhantomData<fn() -> S>,
}

pub(super) fn bound<C, S>(client: Arc<C>) -> Arc<dyn PollStream<S::Request>>
where
    C: Poll<S>,
    S: StreamType,
{
    Arc::new(Bound::<C, S> { client, stream: PhantomData })
}

impl<C: fmt::Debug, S: StreamType> fmt::Debug for Bound<C, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Bound").field(&S::NAME.as_str()).field(&self.client).finish()
    }
}

impl<C: Poll<S>, S: StreamType> PollStream<S::Request> for Bound<C, S> {
    fn poll<'a>(
        &'a self,
        request: S::Request,
        memory: &'a RowMemory,
    ) -> BoxFuture<'a, Result<PollResult, Error>> {
        Box::pin(async move {
            let polled = Poll::<S>::poll(&*self.client, request, memory).await;
            polled.map(|result| result.with_rows(S::ROWS))
        })
    }
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
    /// The account that this client reaches.
    #[must_use]
    pub fn new<C: VendorClient>(client: C, settings: PollSettings) -> Self {
        let client = Arc::new(client);
        let stream = |stream: &VendorStream<C>| {
            let StreamSpec { name, overlap, .. } = stream.spec();
            let overlap = settings.overlap.or(*overlap).unwrap_or_default();
            AccountStream { name: name.clone(), poll: (stream.bind)(Arc::clone(&client), overlap) }
        };
        let streams = C::STREAMS.iter().map(stream).collect();
        Self { streams, client }
    }

    /// All streams of the vendor, in the order of its table.
    #[must_use]
    pub fn streams(&self) -> &[AccountStream] {
        &self.streams
    }

    /// Measures what the vendor's document leaves open, see [`VendorClient::probe`].
    ///
    /// # Errors
    /// As there.
    pub async fn probe(&self) -> Result<Report, Error> {
        self.client.probe_boxed().await
    }
}

/// [`VendorClient::probe`] for a client whose type is not known.
trait Probe: fmt::Debug + Send + Sync {
    fn probe_boxed(&self) -> BoxFuture<'_, Result<Report, Error>>;
}

impl<C: VendorClient> Probe for C {
    fn probe_boxed(&self) -> BoxFuture<'_, Result<Report, Error>> {
        Box::pin(self.probe())
    }
}
