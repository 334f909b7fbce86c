//! The contract of a vendor: what its client implements.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::account_source::{AccountStream, PollStream, Probe, Source, StreamPoll};
use super::error::Error;
use super::future::BoxFuture;
use super::memory::RowMemory;
use super::poll_result::PollResult;
use super::poll_settings::PollSettings;
use super::probe::Report;
use super::requests::{
    ActivityLogRequest, FullScanRequest, IncrementalRequest, LookupRequest, SnapshotRequest,
    WaitingRequest,
};
use super::settings::{Access, SettingsReader};
use super::stream::StreamType;
use super::stream_spec::{DegradationClass, Pace, Planning, StreamSpec};
use crate::model::Vocabulary;

/// A vendor's client for one account. It implements [`Poll`] for each of its streams besides.
///
/// A client is shared by the tasks of all streams, which poll at the same time; nothing in it
/// depends on the order of their requests.
pub trait VendorClient: fmt::Debug + Send + Sync + Sized + 'static {
    /// The vendor's name in the configuration and in events.
    const NAME: &'static str;

    /// The limit that the vendor documents, or a cautious one, in requests per second.
    const REQUESTS_PER_SECOND: f64;

    /// What the words of its statuses, activities and verdicts mean.
    const VOCABULARY: &'static Vocabulary = &Vocabulary::EMPTY;

    /// The streams of the vendor, each bound to the [`Poll`] implementation that reads it: a stream
    /// that the client cannot poll does not compile.
    const STREAMS: &'static [VendorStream<Self>];

    /// Reads the keys of an account that are this vendor's own. `None` when they are wrong; each
    /// mistake is reported to `keys`. It does no I/O.
    fn settings(keys: &mut dyn SettingsReader) -> Option<Arc<dyn Access>>;

    /// Measures what the vendor's document leaves open, by a few requests that change nothing.
    ///
    /// Completeness: a request that fails is a finding of the report. Cancellation: a dropped
    /// future leaves nothing behind but the budget it spent.
    ///
    /// # Errors
    /// When the vendor refuses the credentials.
    fn probe(&self) -> impl Future<Output = Result<Report, Error>> + Send;
}

/// What a poll of a stream of this type returns.
pub type Polled<S> = Result<PollResult<<S as StreamType>::Rows>, Error>;

/// Polls a stream of one type.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use floorcast::source::*;
/// use floorcast::source::stream::{Agents, Queues};
///
/// #[derive(Debug)]
/// struct Client;
///
/// impl VendorClient for Client {
///     const NAME: &'static str = "example";
///     const REQUESTS_PER_SECOND: f64 = 1.0;
///     const STREAMS: &'static [VendorStream<Self>] = &[VendorStream::full_scan::<Agents>(
///         DegradationClass::Roster,
///         Pace {
///             weight: 1.0,
///             max_interval: Duration::from_secs(30),
///             min_interval: Duration::from_secs(2),
///         },
///     )];
///
///     fn settings(_: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
///         None
///     }
///
///     async fn probe(&self) -> Result<Report, Error> {
///         unimplemented!()
///     }
/// }
///
/// impl Poll<Agents> for Client {
///     async fn poll(&self, _: FullScanRequest, _: &RowMemory) -> Polled<Agents> {
///         unimplemented!()
///     }
/// }
/// ```
///
/// The same client with a stream that it cannot poll does not compile:
///
/// ```compile_fail,E0277
/// use std::sync::Arc;
/// use std::time::Duration;
/// use floorcast::source::*;
/// use floorcast::source::stream::{Agents, Queues};
///
/// #[derive(Debug)]
/// struct Client;
///
/// impl VendorClient for Client {
///     const NAME: &'static str = "example";
///     const REQUESTS_PER_SECOND: f64 = 1.0;
///     const STREAMS: &'static [VendorStream<Self>] = &[VendorStream::full_scan::<Queues>(
///         DegradationClass::Reference,
///         Pace {
///             weight: 1.0,
///             max_interval: Duration::from_secs(30),
///             min_interval: Duration::from_secs(2),
///         },
///     )];
///
///     fn settings(_: &mut dyn SettingsReader) -> Option<Arc<dyn Access>> {
///         None
///     }
///
///     async fn probe(&self) -> Result<Report, Error> {
///         unimplemented!()
///     }
/// }
///
/// impl Poll<Agents> for Client {
///     async fn poll(&self, _: FullScanRequest, _: &RowMemory) -> Polled<Agents> {
///         unimplemented!()
///     }
/// }
/// ```
pub trait Poll<S: StreamType>: VendorClient {
    /// Polls the stream once, in as many requests as it takes. `memory` is that of the stream's
    /// last committed result.
    ///
    /// **Ordering.** The caller polls a stream again only after the result before was committed or
    /// dropped, so that results of one stream are committed in the order in which they were
    /// requested. Results of different streams overlap: a row may be older than what another stream
    /// has shown. Rows of a full scan are in the vendor's order; those of an incremental poll are
    /// sorted by timestamp and id, whatever order the vendor sent them in.
    ///
    /// **Completeness.** A result says itself what it proves. A [`FullScan`](super::FullScan) is
    /// complete, or names the reason why absence proves nothing. An incremental poll has read
    /// everything from its lower bound up to its cursor, except for rows that are not visible yet.
    /// A lookup, the waiting interactions and service levels prove nothing by absence. A row that
    /// cannot be decoded is among the quarantined ones; it costs no other row, and its entity
    /// counts as present.
    ///
    /// **Repetition.** Any row may come again, in this result or a later one, because polls overlap. In a full scan each id comes once. A row with the same bytes as in `memory`
    /// is left out of an incremental result, and is [`Unchanged`](super::FullScanRow::Unchanged)
    /// in a full scan. A quarantined row is reported once as long as it stays in `memory`.
    ///
    /// **Cancellation.** The future may be dropped at any point. The requests that were sent are
    /// spent from the budget, the vendor's data is untouched, and the client holds nothing of the
    /// poll: the same request may be made again at once, with the same `memory`.
    ///
    /// # Errors
    /// When nothing was read; [`Error::disposition`] says what follows. Requests that may succeed
    /// on another attempt are retried before that. A failure after the first page is no error, but
    /// a partial scan, or a cursor that reaches less far. Refused credentials are an error on
    /// whatever page they come.
    fn poll(
        &self,
        request: S::Request,
        memory: &RowMemory,
    ) -> impl Future<Output = Polled<S>> + Send;
}

/// A line of a vendor's table of streams: its defaults, and the implementation that polls it.
#[derive(Debug)]
pub struct VendorStream<C> {
    spec: StreamSpec,
    bind: fn(Arc<C>, overlap: Duration) -> StreamPoll,
}

impl<C: VendorClient> VendorStream<C> {
    /// A stream that is read by full scans.
    #[must_use]
    pub const fn full_scan<S: StreamType<Request = FullScanRequest>>(
        class: DegradationClass,
        pace: Pace,
    ) -> Self
    where
        C: Poll<S>,
    {
        let planning = Some(Planning { class, rows_per_request: None });
        let spec = StreamSpec { name: S::NAME, overlap: None, pace, planning };
        Self { spec, bind: |client, _| StreamPoll::FullScan(bound::<C, S>(client)) }
    }

    /// A stream that is read by snapshots.
    #[must_use]
    pub const fn snapshot<S: StreamType<Request = SnapshotRequest>>(
        class: DegradationClass,
        pace: Pace,
    ) -> Self
    where
        C: Poll<S>,
    {
        let planning = Some(Planning { class, rows_per_request: None });
        let spec = StreamSpec { name: S::NAME, overlap: None, pace, planning };
        Self { spec, bind: |client, _| StreamPoll::Snapshot(bound::<C, S>(client)) }
    }

    /// A stream that is read by incremental polls, each of which begins `overlap` before the cursor
    /// unless the configuration says otherwise.
    #[must_use]
    pub const fn incremental<S>(overlap: Duration, planning: Planning, pace: Pace) -> Self
    where
        S: StreamType<Request = IncrementalRequest>,
        C: Poll<S>,
    {
        let spec =
            StreamSpec { name: S::NAME, overlap: Some(overlap), pace, planning: Some(planning) };
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
    pub const fn activity_log<S>(overlap: Duration, planning: Planning, pace: Pace) -> Self
    where
        S: StreamType<Request = ActivityLogRequest>,
        C: Poll<S>,
    {
        let spec =
            StreamSpec { name: S::NAME, overlap: Some(overlap), pace, planning: Some(planning) };
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
        let spec = StreamSpec { name: S::NAME, overlap: None, pace, planning: None };
        Self { spec, bind: |client, _| StreamPoll::Lookup(bound::<C, S>(client)) }
    }

    /// The interactions that wait.
    #[must_use]
    pub const fn waiting<S: StreamType<Request = WaitingRequest>>(pace: Pace) -> Self
    where
        C: Poll<S>,
    {
        let spec = StreamSpec { name: S::NAME, overlap: None, pace, planning: None };
        Self { spec, bind: |client, _| StreamPoll::Waiting(bound::<C, S>(client)) }
    }

    /// The stream's defaults.
    #[must_use]
    pub const fn spec(&self) -> &StreamSpec {
        &self.spec
    }
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
        Self::of(streams, client)
    }
}

impl<C: VendorClient> Probe for C {
    fn probe_boxed(&self) -> BoxFuture<'_, Result<Report, Error>> {
        Box::pin(self.probe())
    }
}

/// A client, as one that polls a stream of type `S`.
struct Bound<C, S> {
    client: Arc<C>,
    stream: PhantomData<fn() -> S>,
}

fn bound<C, S>(client: Arc<C>) -> Arc<dyn PollStream<S::Request>>
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
