//! Polling of one stream: choose a request, poll, hand the result to the engine, wait.
//!
//! One poll of a stream is under way at a time, so that its results are committed in the order in
//! which they were requested. A poll that fails is not repeated as such: the next one covers it.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::sync::{Notify, RwLock, watch};
use tokio::time::Instant;

use super::arbiter::Share;
use super::budget::Budget;
use crate::admin::Health;
use crate::backoff::{Backoff, JITTER};
use crate::clock::Clock;
use crate::engine::{ChooseRequest, EngineHandle};
use crate::model::{AccountName, StreamName};
use crate::source::{
    AccountStream, Error, ErrorDisposition, PollResult, PollStream, RowMemory, StreamPoll,
};
use crate::telemetry::{FullScanOutcome, Metrics};

/// How long a stream waits that has nothing to request, or may not.
const IDLE_WAIT: Duration = Duration::from_millis(500);
/// The longest wait between two polls of a stream that fails.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// One request in so many may be for the interactions that wait.
const WAITING_PART: f64 = 5.0;
/// The longest wait that follows from it, in seconds.
const LONGEST_WAIT: f64 = 600.0;

/// How often one stream is polled.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    /// The stream.
    pub name: StreamName,
    /// What it may claim of the budget.
    pub share: Share,
    /// The shortest time from one poll to the next.
    pub min_interval: Duration,
}

/// What the pollers of all accounts of a shard share.
pub struct PollerContext {
    /// The engine.
    pub engine: EngineHandle,
    /// What is shown of polling.
    pub health: Arc<Health>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The poll gate: whether polling is allowed. It is not while the outbox is full or the lease has expired.
    pub gate: watch::Receiver<bool>,
    /// Read-locked during each poll. Whoever gets the lock alone knows that none is under way
    /// and none begins.
    pub polls_in_flight: Arc<RwLock<()>>,
    /// How long a stream waits after its first failure, at most; longer after each further one.
    pub first_pause: Duration,
}

/// Why the polling of an account ended.
pub(super) enum PollingEnd {
    /// The account has to stop, for this reason.
    AccountStopped(String),
    /// The engine has stopped: no account can go on.
    EngineStopped,
}

/// Polls one stream.
pub(super) struct StreamPoller {
    pub(super) context: Arc<PollerContext>,
    pub(super) account: AccountName,
    pub(super) budget: Arc<Budget>,
    pub(super) stream: AccountStream,
    pub(super) min_interval: Duration,
    /// Notified when a snapshot disagrees with the activity log.
    pub(super) log_discrepancy: Arc<Notify>,
}

/// What one round of a poller led to.
enum PollOutcome {
    /// A result was committed that took so many requests.
    Committed { requests: u32 },
    /// There is nothing to request yet.
    NothingToRequest,
    /// The poll failed; the next one repairs it.
    Failed,
}

/// What is remembered of a stream from one poll to the next.
#[derive(Default)]
struct StreamMemory {
    rows: RowMemory,
    /// Full scans in a row that were not complete.
    incomplete_scans: u32,
}

/// Why a poll has no result.
enum NoResult {
    /// The engine has no request to make.
    NothingToRequest,
    /// The engine has stopped.
    EngineStopped,
    /// The vendor's answer, or that there was none.
    Failed(Error),
}

impl StreamPoller {
    pub(super) async fn run(mut self) -> PollingEnd {
        let mut memory = StreamMemory::default();
        let mut backoff = failure_backoff(self.context.first_pause);
        loop {
            if self.wait_for_gate().await.is_err() {
                return PollingEnd::EngineStopped;
            }
            let under_way = Arc::clone(&self.context.polls_in_flight).read_owned().await;
            let began = Instant::now();
            let outcome = match self.poll_and_commit(&mut memory).await {
                Ok(outcome) => outcome,
                Err(end) => return end,
            };
            drop(under_way);
            let wait = match outcome {
                PollOutcome::Committed { requests } => {
                    backoff.reset();
                    self.min_interval.max(self.wait_after(requests))
                }
                PollOutcome::NothingToRequest => IDLE_WAIT,
                PollOutcome::Failed => {
                    let part = rand::rng().random_range(JITTER);
                    backoff.next_part(part)
                }
            };
            let until = began + wait;
            let is_log = matches!(self.stream.poll, StreamPoll::ActivityLog { .. });
            if is_log && matches!(outcome, PollOutcome::Committed { .. }) {
                tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = self.log_discrepancy.notified() => {}
                }
            } else {
                tokio::time::sleep_until(until.max(Instant::now())).await;
            }
        }
    }

    /// How long a stream keeps back after so many requests: polling the interactions that wait is
    /// worth a fifth of the budget at most, however many waits become too long.
    fn wait_after(&self, requests: u32) -> Duration {
        if !matches!(self.stream.poll, StreamPoll::Waiting(_)) {
            return Duration::ZERO;
        }
        let rate = self.budget.state().working_rate.max(0.001);
        Duration::from_secs_f64((f64::from(requests) * WAITING_PART / rate).min(LONGEST_WAIT))
    }

    async fn wait_for_gate(&mut self) -> Result<(), watch::error::RecvError> {
        let mut gate = self.context.gate.clone();
        gate.wait_for(|open| *open).await?;
        Ok(())
    }

    async fn poll_and_commit(&self, memory: &mut StreamMemory) -> Result<PollOutcome, PollingEnd> {
        let PollerContext { engine, health, metrics, clock, .. } = &*self.context;
        let (account, stream) = (&self.account, &self.stream.name);
        let mut result = match self.poll(&memory.rows).await {
            Ok(result) => result,
            Err(NoResult::NothingToRequest) => return Ok(PollOutcome::NothingToRequest),
            Err(NoResult::EngineStopped) => return Err(PollingEnd::EngineStopped),
            // The poll gate closes a moment later and logs the reason.
            Err(NoResult::Failed(Error::NotOwner)) => return Ok(PollOutcome::NothingToRequest),
            Err(NoResult::Failed(error)) => {
                if self.is_full_scan() {
                    memory.incomplete_scans += 1;
                    let failed = FullScanOutcome::Failed;
                    metrics.scanned(account, stream, failed, memory.incomplete_scans);
                }
                return self.failed(&error);
            }
        };
        self.budget.answered();
        for unknown in &result.unknown_values {
            metrics.unknown_value(account, unknown.field);
        }
        if self.is_full_scan() {
            self.count_scan(&result, memory);
        }
        let requests = result.requests;
        let rows = std::mem::take(&mut result.memory);
        match engine.apply(account.clone(), result).await {
            Ok(applied) => {
                memory.rows = rows;
                if applied.poll_log_now {
                    self.log_discrepancy.notify_one();
                }
                health.account(account).stream(stream).committed(clock.now(), applied.events);
                Ok(PollOutcome::Committed { requests })
            }
            Err(error) => {
                health.store_failed(&error.to_string());
                tracing::error!(
                    %account, %stream, %error, "a poll result cannot be committed; polling stops"
                );
                Err(PollingEnd::EngineStopped)
            }
        }
    }

    /// Polls once, with the request that the engine chooses for a stream of this kind.
    async fn poll(&self, memory: &RowMemory) -> Result<PollResult, NoResult> {
        match &self.stream.poll {
            StreamPoll::FullScan(stream) => self.poll_with(&**stream, (), memory).await,
            StreamPoll::Snapshot(stream) => self.poll_with(&**stream, (), memory).await,
            StreamPoll::Incremental { poll, overlap } => {
                self.poll_with(&**poll, *overlap, memory).await
            }
            StreamPoll::ActivityLog { poll, overlap } => {
                self.poll_with(&**poll, *overlap, memory).await
            }
            StreamPoll::Lookup(stream) => self.poll_with(&**stream, (), memory).await,
            StreamPoll::Waiting(stream) => self.poll_with(&**stream, (), memory).await,
        }
    }

    async fn poll_with<R: ChooseRequest>(
        &self,
        stream: &dyn PollStream<R>,
        parameters: R::Parameters,
        memory: &RowMemory,
    ) -> Result<PollResult, NoResult> {
        let (account, name) = (self.account.clone(), self.stream.name.clone());
        let request = match self.context.engine.request::<R>(account, name, parameters).await {
            Ok(Some(request)) => request,
            Ok(None) => return Err(NoResult::NothingToRequest),
            Err(_) => return Err(NoResult::EngineStopped),
        };
        let began = Instant::now();
        let result = stream.poll(request, memory).await.map_err(NoResult::Failed)?;
        let seconds = began.elapsed().as_secs_f64();
        self.context.metrics.polled(&self.account, &self.stream.name, seconds);
        Ok(result)
    }

    fn is_full_scan(&self) -> bool {
        matches!(self.stream.poll, StreamPoll::FullScan(_))
    }

    fn count_scan(&self, result: &PollResult, memory: &mut StreamMemory) {
        let (account, stream) = (&self.account, &self.stream.name);
        let outcome = if let Some(partial) = result.rows.partial() {
            memory.incomplete_scans += 1;
            tracing::debug!(%account, %stream, reason = partial.as_str(), "partial full scan");
            FullScanOutcome::Partial
        } else {
            memory.incomplete_scans = 0;
            FullScanOutcome::Complete
        };
        self.context.metrics.scanned(account, stream, outcome, memory.incomplete_scans);
    }

    fn failed(&self, error: &Error) -> Result<PollOutcome, PollingEnd> {
        let (account, stream) = (&self.account, &self.stream.name);
        self.context.health.account(account).stream(stream).failed(&error.to_string());
        match error.disposition() {
            ErrorDisposition::Stop => Err(PollingEnd::AccountStopped(error.to_string())),
            ErrorDisposition::Retry | ErrorDisposition::Skip => {
                tracing::warn!(%account, %stream, reason = error.reason(), %error, "poll failed");
                Ok(PollOutcome::Failed)
            }
        }
    }
}

/// The waits of a stream that fails, from the first pause up to [`LONGEST_BACKOFF`].
fn failure_backoff(first: Duration) -> Backoff {
    Backoff::new(first, first.saturating_mul(128).min(LONGEST_BACKOFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_fails_waits_longer_each_time_up_to_a_minute() {
        let half = Duration::from_millis(500);
        let mut backoff = failure_backoff(half);
        let waits: Vec<_> = (1..=9).map(|_| backoff.next_part(1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(failure_backoff(half).next_part(0.5), Duration::from_millis(250));
    }
}
