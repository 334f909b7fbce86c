//! One shard while it is owned: an engine over its store and the polling of its accounts, started
//! when the publisher has taken the shard over, and gone before it gives the store away.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{RwLock, oneshot, watch};
use tokio::task::JoinSet;

use super::account::AccountParts;
use super::publisher::OwnershipChange;
use crate::admin::Health;
use crate::clock::Clock;
use crate::delivery::OutboxNotifier;
use crate::detect::StatusSource;
use crate::engine::{Engine, EngineAccount, EngineError, Output, spawn_engine};
use crate::event::avro::Encoders;
use crate::model::{AccountName, Privacy};
use crate::ownership::Lease;
use crate::poll::{AccountPlan, Budget, Polling};
use crate::source::{Connection, Limits};
use crate::store::Store;
use crate::telemetry::Metrics;

/// How often gauges are brought up to date and the outbox's level is looked at.
const ROUND: Duration = Duration::from_millis(500);
/// How often the end of a thread is looked for.
const NAP: Duration = Duration::from_millis(10);
/// How long readings under way may take to end when the shard is given up.
const READINGS_END: Duration = Duration::from_secs(4);
/// How long the engine may take to end when the shard is lost.
const ENGINE_END: Duration = Duration::from_secs(30);

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
    /// Bytes of events of one shard that may wait before its polling pauses.
    pub(crate) outbox_limit: u64,
}

/// A shard and what is running of it.
pub(crate) struct Shard {
    pub(crate) number: i32,
    pub(crate) common: Arc<ShardContext>,
    pub(crate) accounts: Vec<AccountParts>,
    budgets: HashMap<AccountName, Arc<Budget>>,
    lease: Arc<Lease>,
    running: Option<Running>,
}

struct Running {
    store: Store,
    tasks: JoinSet<()>,
    turns: Arc<RwLock<()>>,
    engine: JoinHandle<()>,
}

/// An order to end, and how long that may take.
pub(crate) type Stop = oneshot::Receiver<Duration>;

impl Shard {
    pub(crate) fn new(
        number: i32,
        common: Arc<ShardContext>,
        accounts: Vec<AccountParts>,
        lease: Arc<Lease>,
    ) -> Self {
        // A budget outlives the owner: what was asked before counts after.
        let budget =
            |account: &AccountParts| (account.name.clone(), Arc::new(Budget::new(account.budget)));
        let budgets = accounts.iter().map(budget).collect();
        Self { number, common, accounts, budgets, lease, running: None }
    }

    /// Follows the publisher's phases until it is told to stop, and then lets what is under way end.
    /// Returns the store that was in use last.
    pub(crate) async fn follow(
        mut self,
        mut phases: UnboundedReceiver<OwnershipChange>,
        bell: OutboxNotifier,
        failed: watch::Sender<Option<String>>,
        mut stop: Stop,
    ) -> Option<Store> {
        let health = Arc::clone(&self.common.health);
        loop {
            let phase = tokio::select! {
                phase = phases.recv() => phase,
                grace = &mut stop => {
                    let grace = grace.unwrap_or_default();
                    return self.end(READINGS_END.min(grace / 4), grace).await;
                }
            };
            match phase {
                Some(OwnershipChange::Owning(store)) => {
                    if let Err(error) = self.begin(store, Output::Outbox, Some(bell.clone())) {
                        let reason = error.to_string();
                        tracing::error!(shard = self.number, %reason, "the engine cannot start");
                        health.store_failed(&reason);
                        // An owner that asks nobody would only keep others from it.
                        failed.send_replace(Some(reason));
                    }
                }
                Some(OwnershipChange::Left(left)) => {
                    drop(self.end(Duration::ZERO, ENGINE_END).await);
                    let _ = left.send(());
                }
                Some(OwnershipChange::Refused(reason)) => {
                    health.refused(self.number, &reason);
                    failed.send_replace(Some(reason));
                }
                // The publisher has ended, and said why.
                None => std::future::pending().await,
            }
        }
    }

    /// Follows an order to stop alone: nothing is published.
    pub(crate) async fn run_alone(mut self, stop: Stop) -> Option<Store> {
        let grace = stop.await.unwrap_or_default();
        self.end(READINGS_END.min(grace / 4), grace).await
    }

    /// Starts the engine and the polling.
    pub(crate) fn begin(
        &mut self,
        store: Store,
        output: Output,
        bell: Option<OutboxNotifier>,
    ) -> Result<(), ShardError> {
        let ShardContext { health, metrics, clock, encoders, .. } = &*self.common;
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
                if let Some(bell) = &bell {
                    bell.ring();
                }
            },
        )?;
        let (gate, may_ask) = watch::channel(true);
        let turns = Arc::new(RwLock::new(()));
        let polling = Arc::new(Polling {
            engine: handle,
            health: Arc::clone(health),
            metrics: Arc::clone(metrics),
            clock: Arc::clone(clock),
            gate: may_ask,
            turns: Arc::clone(&turns),
            first_pause: self.common.limits.pause,
        });
        let mut tasks = JoinSet::new();
        for account in &self.accounts {
            if let Some(budget) = self.budgets.get(&account.name) {
                let plan = plan_of(account.clone(), Arc::clone(budget), &self.common, &self.lease);
                tasks.spawn(Arc::clone(&polling).account(plan));
            }
        }
        let rounds = Rounds {
            shard: number,
            store: store.clone(),
            common: Arc::clone(&self.common),
            budgets: self.budgets.clone(),
            lease: Arc::clone(&self.lease),
            gate,
        };
        tasks.spawn(rounds.run());
        self.running = Some(Running { store, tasks, turns, engine: thread });
        Ok(())
    }

    /// Stops asking, lets readings under way end for a moment, and commits what was read. Returns
    /// the store, which nobody of this shard uses any more.
    async fn end(&mut self, poll_results: Duration, engine_end: Duration) -> Option<Store> {
        let Running { store, mut tasks, turns, engine } = self.running.take()?;
        let until = Instant::now() + engine_end;
        // Answers that were given already would be thrown away with the tasks, and the moment that
        // they show would never be told of.
        let no_turn = tokio::time::timeout(poll_results, turns.write()).await;
        tasks.shutdown().await;
        drop(no_turn);
        let ended = tokio::task::spawn_blocking(move || {
            // Every handle to it is gone with the tasks; it ends after what it has in hand.
            while !engine.is_finished() && Instant::now() < until {
                std::thread::sleep(NAP);
            }
            if !engine.is_finished() {
                tracing::error!("the engine does not end; it is left behind");
            } else if engine.join().is_err() {
                tracing::error!("the engine died of a fault of this program");
            }
            if let Err(error) = store.flush() {
                tracing::error!(%error, "the local store cannot be flushed");
            }
            store
        });
        self.common.health.engine_ended(self.number);
        ended.await.ok()
    }
}

fn plan_of(
    account: AccountParts,
    budget: Arc<Budget>,
    common: &ShardContext,
    lease: &Arc<Lease>,
) -> AccountPlan {
    let connection = Connection {
        account: account.name.clone(),
        budget: Arc::clone(&budget),
        lease: Arc::clone(lease),
        metrics: Arc::clone(&common.metrics),
        clock: Arc::clone(&common.clock),
        limits: common.limits,
    };
    let (name, streams, privacy) = (account.name.clone(), account.streams.clone(), common.privacy);
    let connect =
        move || account.connect(privacy, connection.clone()).map_err(|error| error.to_string());
    AccountPlan { name, budget, streams, connect: Box::new(connect) }
}

/// Looks at the levels, again and again.
struct Rounds {
    shard: i32,
    store: Store,
    common: Arc<ShardContext>,
    budgets: HashMap<AccountName, Arc<Budget>>,
    lease: Arc<Lease>,
    gate: watch::Sender<bool>,
}

impl Rounds {
    async fn run(self) {
        let ShardContext { health, metrics, clock, outbox_limit, .. } = &*self.common;
        let limit = *outbox_limit;
        // A new owner has the right to ask with its first delivery: before that nothing is lost.
        let (mut open, mut held, mut paused) = (true, false, false);
        loop {
            let level = self.store.outbox_level();
            health.outbox(self.shard, level.events, level.bytes, limit);
            let now = clock.now();
            let oldest = level.oldest.map_or(0.0, |oldest| seconds(now.millis_since(oldest)));
            metrics.outbox(self.shard, level.events, level.bytes, oldest);
            // Asking begins again when a tenth has been sent, not with every single event.
            let full = level.bytes >= limit;
            let eased = level.bytes < limit - limit / 10;
            if full && open {
                tracing::warn!(bytes = level.bytes, "the outbox is full; polling pauses");
                open = false;
            } else if eased && !open {
                tracing::info!("the outbox has room again; polling goes on");
                open = true;
            }
            let holds = self.lease.holds(Instant::now());
            held |= holds;
            if held && !holds && !paused {
                tracing::warn!(
                    shard = self.shard,
                    "kafka has confirmed no ownership for long; polling pauses"
                );
            } else if paused && holds {
                tracing::info!(shard = self.shard, "polling goes on");
            }
            paused = held && !holds;
            health.leased(self.shard, !paused);
            self.gate.send_replace(open && holds);
            for (account, budget) in &self.budgets {
                let state = budget.state();
                metrics.rate(account, state.working_rate, state.unspent);
            }
            health.each_stream(|account, stream, committed| {
                if let Some(committed) = committed {
                    metrics.stale(account, stream, seconds(now.millis_since(committed)));
                }
            });
            tokio::time::sleep(ROUND).await;
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}
