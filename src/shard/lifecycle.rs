//! A shard while it is owned: an engine over its store, the polling of its accounts and a monitor,
//! started when the publisher has taken the shard over, and ended before the store is released.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{RwLock, oneshot, watch};
use tokio::task::JoinSet;

use super::account::AccountParts;
use super::monitor::Monitor;
use super::publisher_parts::OwnershipChange;
use crate::admin::Health;
use crate::clock::Clock;
use crate::delivery::OutboxNotifier;
use crate::detect::StatusSource;
use crate::engine::{Engine, EngineAccount, EngineError, Output, spawn_engine};
use crate::event::avro::Encoders;
use crate::model::{AccountName, Privacy};
use crate::ownership::Lease;
use crate::poll::{AccountPermits, AccountPlan, AccountSupervisor, Budget, PollerContext};
use crate::source::{Connection, Limits};
use crate::store::Store;
use crate::telemetry::Metrics;

/// How often a thread that is to end is checked.
const JOIN_INTERVAL: Duration = Duration::from_millis(10);
/// How long polls in flight may take to end when the process stops.
const POLLS_TIMEOUT: Duration = Duration::from_secs(4);
/// How long the engine may take to end when the shard is lost.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a shard cannot start its engine.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// What all shards of a bridge share.
pub(crate) struct ShardContext {
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) encoders: Arc<Encoders>,
    pub(crate) privacy: Privacy,
    pub(crate) limits: Limits,
    /// Bytes of events of one shard that may wait in its outbox before polling pauses.
    pub(crate) outbox_limit: u64,
}

/// A shard and its running parts.
pub(crate) struct Shard {
    number: i32,
    context: Arc<ShardContext>,
    accounts: Vec<AccountParts>,
    budgets: HashMap<AccountName, Arc<Budget>>,
    lease: Arc<Lease>,
    running: Option<Running>,
}

struct Running {
    store: Store,
    tasks: JoinSet<()>,
    /// Read-locked during each poll.
    polls_in_flight: Arc<RwLock<()>>,
    engine: JoinHandle<()>,
}

/// A request to end, and how long that may take.
pub(crate) type Stop = oneshot::Receiver<Duration>;

impl Shard {
    pub(crate) fn new(
        number: i32,
        context: Arc<ShardContext>,
        accounts: Vec<AccountParts>,
        lease: Arc<Lease>,
    ) -> Self {
        // Budgets outlive a period of ownership: requests sent before it count.
        let budget =
            |account: &AccountParts| (account.name.clone(), Arc::new(Budget::new(account.budget)));
        let budgets = accounts.iter().map(budget).collect();
        Self { number, context, accounts, budgets, lease, running: None }
    }

    /// Runs the shard while the publisher owns it, until it is to stop; then polls in flight end.
    /// Returns the store that was used last.
    pub(crate) async fn follow(
        mut self,
        mut changes: UnboundedReceiver<OwnershipChange>,
        notifier: OutboxNotifier,
        failed: watch::Sender<Option<String>>,
        mut stop: Stop,
    ) -> Option<Store> {
        let health = Arc::clone(&self.context.health);
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                grace = &mut stop => {
                    let grace = grace.unwrap_or_default();
                    return self.end(POLLS_TIMEOUT.min(grace / 4), grace).await;
                }
            };
            match change {
                Some(OwnershipChange::Owning(store)) => {
                    if let Err(error) = self.begin(store, Output::Outbox, Some(notifier.clone())) {
                        let reason = error.to_string();
                        tracing::error!(shard = self.number, %reason, "the engine cannot start");
                        health.store_failed(&reason);
                        // An owner that does not poll blocks the standby.
                        failed.send_replace(Some(reason));
                    }
                }
                Some(OwnershipChange::Left(left)) => {
                    drop(self.end(Duration::ZERO, ENGINE_TIMEOUT).await);
                    let _ = left.send(());
                }
                Some(OwnershipChange::Refused(reason)) => {
                    health.refused(self.number, &reason);
                    failed.send_replace(Some(reason));
                }
                // The publisher has ended, and has reported why.
                None => std::future::pending().await,
            }
        }
    }

    /// Runs a shard that was begun without a publisher, until it is to stop.
    pub(crate) async fn run_unpublished(mut self, stop: Stop) -> Option<Store> {
        let grace = stop.await.unwrap_or_default();
        self.end(POLLS_TIMEOUT.min(grace / 4), grace).await
    }

    /// Starts the engine, the polling and the monitor.
    pub(crate) fn begin(
        &mut self,
        store: Store,
        output: Output,
        notifier: Option<OutboxNotifier>,
    ) -> Result<(), ShardError> {
        let ShardContext { health, metrics, clock, encoders, .. } = &*self.context;
        let owned = self.accounts.iter().map(|account| EngineAccount {
            name: account.name.clone(),
            vendor: account.vendor.name,
            vocabulary: account.vendor.vocabulary,
            status_source: if account.vendor.has_activity_log() {
                StatusSource::Log
            } else {
                StatusSource::Roster
            },
            start: account.start,
            targets: account.targets.clone(),
        });
        let (encoders, number) = (Arc::clone(encoders), self.number);
        let engine = Engine::new(store.clone(), encoders, Arc::clone(metrics), output, owned)?;
        let (alive_health, alive_clock) = (Arc::clone(health), Arc::clone(clock));
        health.alive(number, clock.now());
        let (handle, thread) = spawn_engine(
            engine,
            Arc::clone(clock),
            move || alive_health.alive(number, alive_clock.now()),
            move || {
                if let Some(notifier) = &notifier {
                    notifier.notify();
                }
            },
        )?;
        let (poll_gate, may_poll) = watch::channel(true);
        let polls_in_flight = Arc::new(RwLock::new(()));
        let polling = Arc::new(PollerContext {
            engine: handle,
            health: Arc::clone(health),
            metrics: Arc::clone(metrics),
            clock: Arc::clone(clock),
            gate: may_poll,
            polls_in_flight: Arc::clone(&polls_in_flight),
            first_pause: self.context.limits.pause,
        });
        let mut tasks = JoinSet::new();
        for account in &self.accounts {
            if let Some(budget) = self.budgets.get(&account.name) {
                let plan = plan_of(account.clone(), Arc::clone(budget), &self.context, &self.lease);
                tasks.spawn(AccountSupervisor::new(Arc::clone(&polling), plan).run());
            }
        }
        let monitor = Monitor {
            shard: number,
            store: store.clone(),
            health: Arc::clone(health),
            metrics: Arc::clone(metrics),
            clock: Arc::clone(clock),
            outbox_limit: self.context.outbox_limit,
            budgets: self.budgets.clone(),
            lease: Arc::clone(&self.lease),
            poll_gate,
        };
        tasks.spawn(monitor.run());
        self.running = Some(Running { store, tasks, polls_in_flight, engine: thread });
        Ok(())
    }

    /// Stops polling, lets polls in flight end for a moment, and commits what they read. Returns the
    /// store, which nothing of this shard uses any more.
    async fn end(&mut self, polls: Duration, engine_end: Duration) -> Option<Store> {
        let Running { store, mut tasks, polls_in_flight, engine } = self.running.take()?;
        let until = Instant::now() + engine_end;
        // The shutdown drops the tasks: an answer that was received and not yet applied would be lost,
        // and its changes might never be emitted.
        let no_polls = tokio::time::timeout(polls, polls_in_flight.write()).await;
        tasks.shutdown().await;
        drop(no_polls);
        let ended = tokio::task::spawn_blocking(move || {
            // Its handles are gone with the tasks: it ends after the poll results it has.
            while !engine.is_finished() && Instant::now() < until {
                std::thread::sleep(JOIN_INTERVAL);
            }
            if !engine.is_finished() {
                tracing::error!("the engine did not stop in time; abandoned");
            } else if engine.join().is_err() {
                tracing::error!("the engine panicked");
            }
            if let Err(error) = store.flush() {
                tracing::error!(%error, "the local store cannot be flushed");
            }
            store
        });
        self.context.health.engine_ended(self.number);
        ended.await.ok()
    }
}

fn plan_of(
    account: AccountParts,
    budget: Arc<Budget>,
    context: &ShardContext,
    lease: &Arc<Lease>,
) -> AccountPlan {
    let connection = Connection {
        account: account.name.clone(),
        permits: Arc::new(AccountPermits { budget: Arc::clone(&budget), lease: Arc::clone(lease) }),
        metrics: Arc::clone(&context.metrics),
        clock: Arc::clone(&context.clock),
        limits: context.limits,
    };
    let (name, streams, privacy) = (account.name.clone(), account.streams.clone(), context.privacy);
    let connect =
        move || account.connect(privacy, connection.clone()).map_err(|error| error.to_string());
    AccountPlan { name, budget, streams, connect: Box::new(connect) }
}
