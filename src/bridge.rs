//! The bridge: all parts wired together, from the first question to the last acknowledgement.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, watch};
use tokio::task::JoinSet;

use crate::admin::{Admin, AdminError, Health};
use crate::clock::Clock;
use crate::config;
use crate::detect::{StatusSource, Targets};
use crate::model::{AccountName, Privacy};
use crate::publish::avro::{self, Encoders};
use crate::publish::{
    Bell, Connection as Kafka, Drained, Observer, Publisher, Settings as KafkaSettings, TopicPlan,
    TopicsError, ensure_topics, registry,
};
use crate::schedule::{Budget, BudgetSettings, Share};
use crate::secret::{Environment, SecretError};
use crate::shard::{
    AccountPlan, Engine, EngineError, Output, Owned, Polling, Start, StreamPlan, spawn_engine,
};
use crate::source::{
    Access, ConnectError, Connection, Limits, ReadingSettings, Source, StreamSpec, Vendor,
};
use crate::store::{self, Opened, Options, Store};
use crate::telemetry::Metrics;

/// How often gauges are brought up to date and the outbox's level is looked at.
const ROUND: Duration = Duration::from_millis(500);
/// How often the end of a thread is looked for.
const NAP: Duration = Duration::from_millis(10);
/// How long readings under way may take to end when the bridge stops.
const READINGS_END: Duration = Duration::from_secs(4);
/// How long to wait before a broker that did not answer is asked for its topics again.
const TOPICS_AGAIN: Duration = Duration::from_secs(3);

/// One account.
pub struct AccountParts {
    /// Its name.
    pub name: AccountName,
    /// Its vendor.
    pub vendor: Vendor,
    /// How it is reached.
    pub access: Arc<dyn Access>,
    /// Where its secrets are, besides in files.
    pub environment: Arc<Environment>,
    /// How many minutes a service level looks back.
    pub service_level_minutes: i64,
    /// Its limit.
    pub budget: BudgetSettings,
    /// From when on changes are wanted.
    pub start: Start,
    /// How well its queues have to be served, where the vendor does not say.
    pub targets: Targets,
    /// Its streams: those of the vendor that are enabled, with the configured shares.
    pub streams: Vec<StreamPlan>,
}

impl AccountParts {
    /// The parts of an account, as configured.
    ///
    /// # Errors
    /// When a secret is not there: that is a mistake at the start, and a reason to stop later.
    pub fn configured(
        account: &config::Account,
        environment: &Arc<Environment>,
    ) -> Result<Self, SecretError> {
        for secret in account.access.secrets() {
            secret.fetch(environment)?;
        }
        let mut streams = default_streams(&account.vendor);
        streams.retain_mut(|stream| {
            let Some(settings) = account.streams.get(stream.name.as_str()) else { return true };
            let share = &mut stream.share;
            share.weight = settings.weight.unwrap_or(share.weight);
            share.ceiling = settings.max_interval.unwrap_or(share.ceiling);
            !settings.disabled
        });
        let service_level = account.service_level;
        Ok(Self {
            name: account.name.clone(),
            vendor: account.vendor,
            access: Arc::clone(&account.access),
            environment: Arc::clone(environment),
            service_level_minutes: service_level.minutes,
            budget: BudgetSettings {
                requests_per_second: account.requests_per_second,
                longest_pause: account.longest_pause,
            },
            start: account.start,
            targets: Targets::new(service_level.target_seconds, service_level.target_percent),
            streams,
        })
    }

    /// A client for the account, with its secrets as they are now.
    ///
    /// # Errors
    /// When a secret is not there, or cannot be sent.
    pub fn connect(
        &self,
        privacy: Privacy,
        connection: Connection,
    ) -> Result<Source, ConnectError> {
        let service_level_minutes = self.service_level_minutes;
        let settings = ReadingSettings { privacy, service_level_minutes };
        self.access.connect(&self.environment, settings, connection)
    }
}

/// Where events go.
pub enum Destination {
    /// To Kafka. Without a plan the topics are taken to be there.
    Kafka(KafkaSettings, Option<TopicPlan>),
    /// As lines of JSON to whoever holds the other end.
    Lines(std::sync::mpsc::Sender<String>),
}

/// All that a bridge is made of.
pub struct BridgeParts {
    /// The name under which it owns its accounts.
    pub deployment: String,
    /// The accounts.
    pub accounts: Vec<AccountParts>,
    /// Where events go.
    pub destination: Destination,
    /// The schema registry that events are framed for; `None` for single objects.
    pub registry: Option<registry::Settings>,
    /// Where the store lies.
    pub state_dir: PathBuf,
    /// Bytes of events that may wait before polling pauses.
    pub outbox_limit: u64,
    /// What becomes of personal data.
    pub privacy: Privacy,
    /// What is waited for and taken in from vendors.
    pub limits: Limits,
    /// Where the admin pages listen; `None` for none.
    pub admin: Option<SocketAddr>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// Why a bridge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The schemas.
    #[error(transparent)]
    Schemas(#[from] avro::Error),
    /// The admin pages.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The metrics.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// Topics are missing or refused, and waiting does not help.
    #[error(transparent)]
    Topics(#[from] TopicsError),
}

/// The streams of a vendor, with their defaults.
#[must_use]
pub fn default_streams(vendor: &Vendor) -> Vec<StreamPlan> {
    let plan = |spec: &StreamSpec| StreamPlan {
        name: spec.name.clone(),
        kind: spec.kind,
        share: Share { weight: spec.weight, ceiling: spec.max_interval },
        min_interval: spec.min_interval,
    };
    vendor.streams.iter().map(plan).collect()
}

/// A running bridge.
pub struct Bridge {
    health: Arc<Health>,
    store: Store,
    tasks: JoinSet<()>,
    turns: Arc<RwLock<()>>,
    engine: JoinHandle<()>,
    publisher: Arc<Mutex<Option<Publisher>>>,
    admin_address: Option<SocketAddr>,
}

/// Tells health and metrics what happens at the broker.
struct Watcher {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

impl Observer for Watcher {
    fn connection(&self, connection: &Kafka) {
        self.health.kafka(match connection {
            Kafka::Up => Ok(()),
            Kafka::Down(reason) => Err(reason.clone()),
        });
    }

    fn published(&self, seconds: f64) {
        self.metrics.published(seconds);
    }

    fn schemas(&self, problem: Option<&str>) {
        self.health.schemas(problem);
    }

    fn store_failed(&self, error: &store::Error) {
        self.health.store_failed(&error.to_string());
    }
}

impl Bridge {
    /// Starts everything. Kafka and the vendors may be away: that is waited out, and said.
    ///
    /// # Errors
    /// When the store, the admin address or a thread cannot be had.
    pub async fn start(parts: BridgeParts) -> Result<Self, BridgeError> {
        let BridgeParts { deployment, accounts, destination, registry, clock, .. } = parts;
        let metrics = Arc::new(Metrics::new()?);
        let publishes = matches!(destination, Destination::Kafka(..));
        let streams = accounts
            .iter()
            .flat_map(|account| account.streams.iter().map(|stream| (&account.name, &stream.name)));
        let health = Arc::new(Health::new(&deployment, clock.now(), publishes, streams));
        let mut tasks = JoinSet::new();
        let mut admin_address = None;
        if let Some(listen) = parts.admin {
            let admin = Admin::bind(listen).await?;
            admin_address = Some(admin.address());
            let pages = admin.serve(Arc::clone(&health), Arc::clone(&metrics), Arc::clone(&clock));
            tasks.spawn(pages);
        }

        let options = Options { privacy: parts.privacy.fingerprint(), now: clock.now() };
        let (store, opened) = Store::open(&parts.state_dir, options)?;
        if let Opened::Replaced { reason, moved_to } = &opened {
            metrics.state_restored(reason.as_str());
            tracing::error!(
                reason = reason.as_str(), moved_to = %moved_to.display(),
                "the local store cannot be trusted; it was set aside and begun anew"
            );
        }
        let (output, kafka) = match destination {
            Destination::Kafka(settings, plan) => (Output::Outbox, Some((settings, plan))),
            Destination::Lines(lines) => (Output::Lines(lines), None),
        };
        let owned: Vec<_> = accounts
            .iter()
            .map(|account| Owned {
                name: account.name.clone(),
                vendor: account.vendor.name,
                status_source: if account.vendor.has_activity_log() {
                    StatusSource::Log
                } else {
                    StatusSource::Roster
                },
                start: account.start,
                targets: account.targets.clone(),
            })
            .collect();
        let encoders = Arc::new(Encoders::new()?);
        let engine = Engine::new(store.clone(), encoders, Arc::clone(&metrics), output, owned)?;
        let bell: Arc<OnceLock<Bell>> = Arc::default();
        let (alive_health, alive_clock) = (Arc::clone(&health), Arc::clone(&clock));
        let ring = Arc::clone(&bell);
        let (engine_handle, engine_thread) = spawn_engine(
            engine,
            Arc::clone(&clock),
            move || alive_health.alive(alive_clock.now()),
            move || {
                if let Some(bell) = ring.get() {
                    bell.ring();
                }
            },
        )?;

        let publisher: Arc<Mutex<Option<Publisher>>> = Arc::default();
        if let Some((settings, plan)) = kafka {
            let watcher =
                Arc::new(Watcher { health: Arc::clone(&health), metrics: Arc::clone(&metrics) });
            let (store, clock, slot) = (store.clone(), Arc::clone(&clock), Arc::clone(&publisher));
            tasks.spawn(async move {
                wait_for_topics(&settings, plan.as_ref(), &watcher).await;
                match Publisher::start(store, settings, registry, clock, watcher) {
                    Ok(started) => {
                        let _ = bell.set(started.bell());
                        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
                    }
                    Err(error) => tracing::error!(%error, "publishing cannot start"),
                }
            });
        }

        let (gate, may_ask) = watch::channel(true);
        let turns = Arc::new(RwLock::new(()));
        let polling = Arc::new(Polling {
            engine: engine_handle,
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            clock: Arc::clone(&clock),
            gate: may_ask,
            turns: Arc::clone(&turns),
            first_pause: parts.limits.pause,
        });
        let mut budgets = HashMap::new();
        for account in accounts {
            let budget = Arc::new(Budget::new(account.budget));
            budgets.insert(account.name.clone(), Arc::clone(&budget));
            let plan = plan_of(account, budget, &metrics, &clock, parts.privacy, parts.limits);
            tasks.spawn(Arc::clone(&polling).account(plan));
        }
        let rounds = Rounds {
            store: store.clone(),
            outbox_limit: parts.outbox_limit,
            health: Arc::clone(&health),
            metrics,
            clock,
            budgets,
            gate,
        };
        tasks.spawn(rounds.run());
        Ok(Self { health, store, tasks, turns, engine: engine_thread, publisher, admin_address })
    }

    /// What is shown of it.
    #[must_use]
    pub const fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Where the admin pages listen.
    #[must_use]
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Stops asking, lets readings under way end for a moment, commits what was read, sends what is
    /// in the outbox and waits for it to be acknowledged, within the grace time.
    pub async fn stop(mut self, grace: Duration) -> Drained {
        let grace_ends = Instant::now() + grace;
        // Answers that were given already would be thrown away with the tasks, and the moment that
        // they show would never be told of.
        let no_turn = tokio::time::timeout(READINGS_END.min(grace / 4), self.turns.write()).await;
        self.tasks.shutdown().await;
        drop(no_turn);
        let publisher = self.publisher.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (engine, store) = (self.engine, self.store);
        let left = store.clone();
        let drained = tokio::task::spawn_blocking(move || {
            let until = grace_ends;
            // Every handle to it is gone with the tasks; it ends after what it has in hand.
            while !engine.is_finished() && Instant::now() < until {
                std::thread::sleep(NAP);
            }
            if !engine.is_finished() {
                tracing::error!("the engine does not end; it is left behind");
            } else if engine.join().is_err() {
                tracing::error!("the engine died of a fault of this program");
            }
            if let Some(publisher) = publisher {
                let _ = publisher.finish(until.saturating_duration_since(Instant::now()));
            }
            if let Err(error) = store.flush() {
                tracing::error!(%error, "the local store cannot be flushed");
            }
        });
        if drained.await.is_err() {
            tracing::error!("ending failed by a fault of this program");
        }
        Drained { remaining: left.outbox_level().events }
    }
}

async fn wait_for_topics(settings: &KafkaSettings, plan: Option<&TopicPlan>, watcher: &Watcher) {
    let Some(plan) = plan else { return };
    let mut told = String::new();
    loop {
        match ensure_topics(settings, plan).await {
            Ok(topics) => {
                if !topics.made.is_empty() {
                    tracing::info!(topics = topics.made.join(", "), "topics made");
                }
                for difference in &topics.differences {
                    tracing::warn!("{difference}");
                }
                watcher.connection(&Kafka::Up);
                return;
            }
            Err(error) => {
                let reason = error.to_string();
                if reason != told {
                    tracing::warn!(%reason, "kafka is not ready; events wait in the outbox");
                    told.clone_from(&reason);
                }
                watcher.connection(&Kafka::Down(reason));
            }
        }
        tokio::time::sleep(TOPICS_AGAIN).await;
    }
}

fn plan_of(
    account: AccountParts,
    budget: Arc<Budget>,
    metrics: &Arc<Metrics>,
    clock: &Arc<dyn Clock>,
    privacy: Privacy,
    limits: Limits,
) -> AccountPlan {
    let connection = Connection {
        account: account.name.clone(),
        budget: Arc::clone(&budget),
        metrics: Arc::clone(metrics),
        clock: Arc::clone(clock),
        limits,
    };
    let (name, streams) = (account.name.clone(), account.streams.clone());
    let connect =
        move || account.connect(privacy, connection.clone()).map_err(|error| error.to_string());
    AccountPlan { name, budget, streams, connect: Box::new(connect) }
}

/// Looks at the levels, again and again.
struct Rounds {
    store: Store,
    outbox_limit: u64,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    budgets: HashMap<AccountName, Arc<Budget>>,
    gate: watch::Sender<bool>,
}

impl Rounds {
    async fn run(self) {
        let mut open = true;
        loop {
            let level = self.store.outbox_level();
            self.health.outbox(level.events, level.bytes, self.outbox_limit);
            let now = self.clock.now();
            let oldest = level.oldest.map_or(0.0, |oldest| seconds(now.millis_since(oldest)));
            self.metrics.outbox(0, level.events, level.bytes, oldest);
            // Asking begins again when a tenth has been sent, not with every single event.
            let full = level.bytes >= self.outbox_limit;
            let eased = level.bytes < self.outbox_limit - self.outbox_limit / 10;
            if full && open {
                tracing::warn!(bytes = level.bytes, "the outbox is full; polling pauses");
                open = false;
            } else if eased && !open {
                tracing::info!("the outbox has room again; polling goes on");
                open = true;
            }
            self.gate.send_replace(open);
            for (account, budget) in &self.budgets {
                let state = budget.state();
                self.metrics.rate(account, state.working_rate, state.unspent);
            }
            self.health.each_stream(|account, stream, committed| {
                if let Some(committed) = committed {
                    self.metrics.stale(account, stream, seconds(now.millis_since(committed)));
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
