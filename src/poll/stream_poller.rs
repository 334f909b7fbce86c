//! Polling: a task for each stream of each account that asks, hands the answer to the engine, and
//! asks again when the stream's turn comes.
//!
//! One reading of a stream is under way at a time, so that readings are committed in the order in
//! which they were asked. A reading that fails is not repeated as such: the next question covers
//! it. An account whose credentials are refused stops alone, says so, and is tried again every few
//! minutes, because credentials are also renewed while a process runs.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::sync::{Notify, RwLock, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::budget::{Budget, Share};
use crate::admin::Health;
use crate::clock::Clock;
use crate::engine::EngineHandle;
use crate::model::{AccountName, StreamName};
use crate::source::{Disposition, Error, RowMemory, Source, StreamKind};
use crate::telemetry::{FullScanOutcome, Metrics};

/// How long an account rests that was stopped.
const REST_AFTER_STOP: Duration = Duration::from_mins(5);
/// How long a stream that has nothing to ask, or may not ask, waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The longest wait between two attempts of a stream that fails.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// One request in so many may ask who waits.
const WAITING_PART: f64 = 5.0;
/// The longest rest that follows from it, in seconds.
const LONGEST_REST: f64 = 600.0;

/// How one stream is polled.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    /// The stream.
    pub name: StreamName,
    /// What is asked of it.
    pub kind: StreamKind,
    /// What it may claim of the budget.
    pub share: Share,
    /// The shortest time from one question to the next.
    pub min_interval: Duration,
}

/// How one account is polled.
pub struct AccountPlan {
    /// Its name.
    pub name: AccountName,
    /// Its budget.
    pub budget: Arc<Budget>,
    /// Its streams.
    pub streams: Vec<StreamPlan>,
    /// Makes the client anew, with the secrets as they are now.
    pub connect: Box<dyn Fn() -> Result<Source, String> + Send + Sync>,
}

/// All that polling needs.
pub struct Polling {
    /// The engine.
    pub engine: EngineHandle,
    /// What is shown of it.
    pub health: Arc<Health>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Whether asking is allowed: not while the outbox is full.
    pub gate: watch::Receiver<bool>,
    /// Held by every turn of a stream while it lasts. Whoever gets the lock alone knows that none
    /// is under way and none begins.
    pub turns: Arc<RwLock<()>>,
    /// How long a stream rests after its first failure, at most; longer after each further one.
    pub first_pause: Duration,
}

/// What one stream's task ended with.
enum Ended {
    /// The account has to stop.
    Stopped(String),
    /// The engine has stopped: no account can go on.
    EngineGone,
}

impl Polling {
    /// Polls one account until the future is dropped or the engine stops.
    pub async fn account(self: Arc<Self>, plan: AccountPlan) {
        for stream in &plan.streams {
            plan.budget.set_share(&stream.name, stream.share);
        }
        loop {
            let why = match (plan.connect)() {
                Ok(source) => {
                    self.metrics.account_up(&plan.name, true);
                    self.health.account(&plan.name).up();
                    match self.streams(&plan, Arc::new(source)).await {
                        Ended::Stopped(why) => why,
                        Ended::EngineGone => return,
                    }
                }
                Err(why) => why,
            };
            self.metrics.account_up(&plan.name, false);
            self.health.account(&plan.name).stopped(&why);
            tracing::error!(
                account = %plan.name, reason = %why, again_in_s = REST_AFTER_STOP.as_secs(),
                "account stopped"
            );
            tokio::time::sleep(REST_AFTER_STOP).await;
        }
    }

    /// Polls the streams of an account until one of them says that the account has to stop.
    async fn streams(self: &Arc<Self>, plan: &AccountPlan, source: Arc<Source>) -> Ended {
        let log = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        for stream in &plan.streams {
            let task = StreamTask {
                polling: Arc::clone(self),
                account: plan.name.clone(),
                budget: Arc::clone(&plan.budget),
                source: Arc::clone(&source),
                plan: stream.clone(),
                log: Arc::clone(&log),
            };
            tasks.spawn(task.run());
        }
        // The others end when the set is dropped.
        match tasks.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => Ended::Stopped(format!("a stream's task failed: {error}")),
            None => Ended::Stopped(String::from("no stream is enabled")),
        }
    }
}

/// One stream's task.
struct StreamTask {
    polling: Arc<Polling>,
    account: AccountName,
    budget: Arc<Budget>,
    source: Arc<Source>,
    plan: StreamPlan,
    /// Rung when a snapshot disagrees with the log.
    log: Arc<Notify>,
}

/// What a turn of a stream came to.
enum Turn {
    /// Something was read and committed; how many requests it took.
    Committed(u32),
    /// There is nothing to ask yet.
    Nothing,
    /// It failed; the next turn repairs it.
    Failed,
}

impl StreamTask {
    async fn run(mut self) -> Ended {
        let mut memory = RowMemory::default();
        let mut failures = 0_u32;
        let mut incomplete = 0_u32;
        loop {
            if self.wait_for_gate().await.is_err() {
                return Ended::EngineGone;
            }
            let under_way = Arc::clone(&self.polling.turns).read_owned().await;
            let began = Instant::now();
            let turn = match self.turn(&mut memory, &mut incomplete).await {
                Ok(turn) => turn,
                Err(ended) => return ended,
            };
            drop(under_way);
            let wait = match turn {
                Turn::Committed(requests) => {
                    failures = 0;
                    self.plan.min_interval.max(self.rest_after(requests))
                }
                Turn::Nothing => LOOK_AGAIN,
                Turn::Failed => {
                    failures = failures.saturating_add(1);
                    backoff(self.polling.first_pause, failures, rand::rng().random_range(0.5..1.0))
                }
            };
            let until = began + wait;
            if self.is_log() && matches!(turn, Turn::Committed(_)) {
                tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = self.log.notified() => {}
                }
            } else {
                tokio::time::sleep_until(until.max(Instant::now())).await;
            }
        }
    }

    /// How long a stream keeps back after so many requests: asking who waits is worth a fifth of
    /// the budget at most, however many waits become too long.
    fn rest_after(&self, requests: u32) -> Duration {
        if self.plan.kind != StreamKind::Waiting {
            return Duration::ZERO;
        }
        let rate = self.budget.state().working_rate.max(0.001);
        Duration::from_secs_f64((f64::from(requests) * WAITING_PART / rate).min(LONGEST_REST))
    }

    fn is_log(&self) -> bool {
        matches!(self.plan.kind, StreamKind::Incremental { log: true, .. })
    }

    async fn wait_for_gate(&mut self) -> Result<(), watch::error::RecvError> {
        let mut gate = self.polling.gate.clone();
        gate.wait_for(|open| *open).await?;
        Ok(())
    }

    async fn turn(&self, memory: &mut RowMemory, incomplete: &mut u32) -> Result<Turn, Ended> {
        let Polling { engine, health, metrics, clock, .. } = &*self.polling;
        let (account, stream) = (&self.account, &self.plan.name);
        let poll_request =
            engine.poll_request(account.clone(), stream.clone(), self.plan.kind).await;
        let poll_request = match poll_request {
            Ok(Some(poll_request)) => poll_request,
            Ok(None) => return Ok(Turn::Nothing),
            Err(_) => return Err(Ended::EngineGone),
        };
        let is_full_scan = matches!(self.plan.kind, StreamKind::FullScan);
        let began = Instant::now();
        let poll_result = match self.source.read(stream, &poll_request, memory).await {
            Ok(poll_result) => poll_result,
            // The gate closes a moment later, and says why.
            Err(Error::NotOwner) => return Ok(Turn::Nothing),
            Err(error) => {
                if is_full_scan {
                    *incomplete += 1;
                    metrics.scanned(account, stream, FullScanOutcome::Failed, *incomplete);
                }
                return self.failed(&error);
            }
        };
        metrics.polled(account, stream, began.elapsed().as_secs_f64());
        self.budget.answered();
        for unknown in &poll_result.unknown_values {
            metrics.unknown_value(account, unknown.field);
        }
        if let Some(partial) = is_full_scan.then(|| poll_result.rows.partial()).flatten() {
            *incomplete += 1;
            metrics.scanned(account, stream, FullScanOutcome::Partial, *incomplete);
            tracing::debug!(%account, %stream, reason = partial.as_str(), "partial sweep");
        } else if is_full_scan {
            *incomplete = 0;
            metrics.scanned(account, stream, FullScanOutcome::Complete, 0);
        }
        let mut poll_result = poll_result;
        let requests = poll_result.requests;
        let seen = std::mem::take(&mut poll_result.memory);
        match engine.apply(account.clone(), poll_result, poll_request).await {
            Ok(applied) => {
                *memory = seen;
                if applied.poll_log_now {
                    self.log.notify_one();
                }
                health.account(account).stream(stream).committed(clock.now(), applied.events);
                Ok(Turn::Committed(requests))
            }
            Err(error) => {
                health.store_failed(&error.to_string());
                tracing::error!(%account, %stream, %error, "a reading cannot be committed; polling stops");
                Err(Ended::EngineGone)
            }
        }
    }

    fn failed(&self, error: &Error) -> Result<Turn, Ended> {
        let (account, stream) = (&self.account, &self.plan.name);
        self.polling.health.account(account).stream(stream).failed(&error.to_string());
        match error.disposition() {
            Disposition::Stop => Err(Ended::Stopped(error.to_string())),
            Disposition::Retry | Disposition::Skip => {
                tracing::warn!(%account, %stream, reason = error.reason(), %error, "reading failed");
                Ok(Turn::Failed)
            }
        }
    }
}

/// How long to wait after this many failures in a row: doubling from the first pause, times a random
/// part between a half and one.
fn backoff(first: Duration, failures: u32, random: f64) -> Duration {
    let doubled = first.saturating_mul(1 << failures.min(8).saturating_sub(1));
    doubled.min(LONGEST_BACKOFF).mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_fails_waits_longer_each_time_up_to_a_minute() {
        let half = Duration::from_millis(500);
        let waits: Vec<_> = (1..=9).map(|n| backoff(half, n, 1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(backoff(half, 1, 0.5), Duration::from_millis(250));
    }
}
