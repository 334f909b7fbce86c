//! The bridge: all parts wired together, from the first poll to the last delivery report.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::admin::{Admin, AdminError, Health};
use crate::clock::Clock;
use crate::delivery::{
    Delivery, Observer, ShardState, TopicPlan, TopicsError, TransactionOutcome, ensure_topics,
    registry,
};
use crate::engine::Output;
use crate::event::avro::{self, Encoders};
use crate::kafka::{BrokerConnection, KafkaSettings};
use crate::model::{AccountName, Privacy};
use crate::ownership::{Lease, shard_of};
use crate::shard::{AccountParts, Publisher, PublisherParts, Shard, ShardContext, ShardError};
use crate::source::Limits;
use crate::store::{self, OpenOutcome, Options, Store};
use crate::telemetry::Metrics;

/// The wait before the topics are checked again.
const TOPICS_RETRY_WAIT: Duration = Duration::from_secs(3);

/// Where events go.
pub enum EventDestination {
    /// To Kafka.
    Kafka(Box<Publishing>),
    /// As lines of JSON into this channel.
    Lines(std::sync::mpsc::Sender<String>),
}

/// How events get to Kafka.
pub struct Publishing {
    /// How the broker is reached.
    pub settings: KafkaSettings,
    /// How the topics are to be; `None` where they are known to exist.
    pub topics: Option<TopicPlan>,
    /// How events are delivered.
    pub delivery: Delivery,
    /// Whether to wait on standby while another bridge owns the accounts.
    pub standby: bool,
    /// Partitions of the state topic.
    pub shards: u32,
    /// Accounts whose state is to be removed.
    pub retired: Vec<AccountName>,
}

/// What a bridge is made of.
pub struct BridgeParts {
    /// The name under which it owns its accounts.
    pub deployment: String,
    /// The accounts.
    pub accounts: Vec<AccountParts>,
    /// Where events go.
    pub destination: EventDestination,
    /// The schema registry that events are framed for; `None` for single objects.
    pub registry: Option<registry::RegistrySettings>,
    /// The directory of the store.
    pub state_dir: PathBuf,
    /// Bytes of events that may wait in the outbox before polling pauses.
    pub outbox_limit: u64,
    /// Which personal data is published.
    pub privacy: Privacy,
    /// The timeouts and sizes of vendor requests.
    pub limits: Limits,
    /// The address of the admin pages; `None` for none.
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
    /// A shard.
    #[error(transparent)]
    Shard(#[from] ShardError),
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
}

/// What was left when the bridge ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Events that are still in the outbox and will be sent at the next start.
    pub remaining: u64,
}

/// A running bridge.
pub struct Bridge {
    health: Arc<Health>,
    tasks: JoinSet<()>,
    shards: Vec<RunningShard>,
    publishers: Arc<Mutex<Vec<Publisher>>>,
    failed: watch::Receiver<Option<String>>,
    admin_address: Option<SocketAddr>,
}

struct RunningShard {
    stop: oneshot::Sender<Duration>,
    task: JoinHandle<Option<Store>>,
}

/// Passes what delivery and ownership report to health and metrics.
struct Reporter {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

impl Observer for Reporter {
    fn connection(&self, connection: &BrokerConnection) {
        self.health.kafka(match connection {
            BrokerConnection::Up => Ok(()),
            BrokerConnection::Down(reason) => Err(reason.clone()),
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

    fn transaction(&self, shard: i32, outcome: TransactionOutcome) {
        self.metrics.transaction(shard, outcome);
    }

    fn shard_state(&self, shard: i32, state: ShardState) {
        self.metrics.shard_owner(shard, state == ShardState::Owning);
        if state == ShardState::Owning {
            self.health.store_works();
        }
        self.health.shard_state(shard, state);
    }

    fn restored(&self, reason: &'static str) {
        self.metrics.state_restored(reason);
    }
}

impl Bridge {
    /// Starts everything. Kafka and the vendors may be down: that is reported, and retried.
    ///
    /// # Errors
    /// When the store cannot be opened, the admin address not be bound, or no thread be started.
    pub async fn start(parts: BridgeParts) -> Result<Self, BridgeError> {
        let BridgeParts { deployment, accounts, destination, registry, clock, .. } = parts;
        let metrics = Arc::new(Metrics::new()?);
        let (shards, publishes) = match &destination {
            EventDestination::Kafka(publishing) => (publishing.shards.max(1), true),
            EventDestination::Lines(_) => (1, false),
        };
        let mut by_shard: BTreeMap<u32, Vec<AccountParts>> =
            (0..shards).map(|shard| (shard, Vec::new())).collect();
        for account in accounts {
            by_shard.entry(shard_of(&account.name, shards)).or_default().push(account);
        }
        let streams = by_shard.iter().flat_map(|(shard, accounts)| {
            accounts.iter().flat_map(|account| {
                account.streams.iter().map(|stream| (number(*shard), &account.name, &stream.name))
            })
        });
        let health = Arc::new(Health::new(&deployment, clock.now(), publishes, streams));
        let mut tasks = JoinSet::new();
        let mut admin_address = None;
        if let Some(listen) = parts.admin {
            let admin = Admin::bind(listen).await?;
            admin_address = Some(admin.address());
            let pages = admin.serve(Arc::clone(&health), Arc::clone(&metrics), Arc::clone(&clock));
            tasks.spawn(pages);
        }
        let context = Arc::new(ShardContext {
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            clock: Arc::clone(&clock),
            encoders: Arc::new(Encoders::new()?),
            privacy: parts.privacy,
            limits: parts.limits,
            outbox_limit: (parts.outbox_limit / u64::from(shards)).max(1),
        });
        let (fail, failed) = watch::channel(None);
        let publishers: Arc<Mutex<Vec<Publisher>>> = Arc::default();
        let mut running = Vec::new();
        match destination {
            EventDestination::Lines(lines) => {
                let options = Options { privacy: parts.privacy.fingerprint(), now: clock.now() };
                let (store, opened) = Store::open(&parts.state_dir, options)?;
                if let OpenOutcome::Replaced { reason, .. } = &opened {
                    metrics.state_restored(reason.as_str());
                }
                let accounts = by_shard.into_values().flatten().collect();
                let mut shard = Shard::new(0, context, accounts, Arc::new(Lease::unlimited()));
                shard.begin(store, Output::Lines(lines), None)?;
                let (stop, stopped) = oneshot::channel();
                running.push(RunningShard {
                    stop,
                    task: tokio::spawn(shard.run_unpublished(stopped)),
                });
            }
            EventDestination::Kafka(publishing) => {
                let reporter = Arc::new(Reporter {
                    health: Arc::clone(&health),
                    metrics: Arc::clone(&metrics),
                });
                let publishing = *publishing;
                let mut starting = Vec::new();
                for (shard, accounts) in by_shard {
                    let (changes, followed) = mpsc::unbounded_channel();
                    let lease = Arc::new(Lease::default());
                    let publisher = PublisherParts {
                        shard: number(shard),
                        delivery: publishing.delivery,
                        standby: publishing.standby,
                        state_dir: state_dir(&parts.state_dir, shard, shards),
                        privacy: parts.privacy.fingerprint(),
                        settings: publishing.settings.clone(),
                        registry: registry.clone(),
                        runtime: Handle::current(),
                        accounts: accounts.iter().map(|account| account.name.clone()).collect(),
                        retired: publishing.retired.clone(),
                        lease: Arc::clone(&lease),
                        clock: Arc::clone(&clock),
                        observer: Arc::clone(&reporter) as Arc<dyn Observer>,
                        changes,
                    };
                    let shard = Shard::new(number(shard), Arc::clone(&context), accounts, lease);
                    let (stop, stopped) = oneshot::channel();
                    let (started, notifier) = oneshot::channel();
                    let fail = fail.clone();
                    let task = tokio::spawn(async move {
                        // Without a publisher there is nothing to run and nothing to stop.
                        let Ok(notifier) = notifier.await else { return None };
                        shard.follow(followed, notifier, fail, stopped).await
                    });
                    running.push(RunningShard { stop, task });
                    starting.push((publisher, started));
                }
                let slot = Arc::clone(&publishers);
                tasks.spawn(async move {
                    let Publishing { settings, topics, .. } = publishing;
                    if let Err(error) = wait_for_topics(&settings, topics.as_ref(), &reporter).await
                    {
                        let reason = error.to_string();
                        reporter.health.refused(0, &reason);
                        fail.send_replace(Some(reason));
                        return;
                    }
                    for (parts, started) in starting {
                        match Publisher::start(parts) {
                            Ok(publisher) => {
                                let _ = started.send(publisher.notifier());
                                slot.lock().unwrap_or_else(PoisonError::into_inner).push(publisher);
                            }
                            Err(error) => tracing::error!(%error, "a publisher cannot start"),
                        }
                    }
                });
            }
        }
        Ok(Self { health, tasks, shards: running, publishers, failed, admin_address })
    }

    /// Its health, as the admin pages show it.
    #[must_use]
    pub const fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// The address of the admin pages.
    #[must_use]
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Waits until the bridge needs an operator, and returns the reason in one line. Otherwise it never
    /// returns.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Stops polling, lets polls in flight end for a moment, commits what they read, publishes what is
    /// in the outbox, and releases the shards, within the grace time.
    pub async fn stop(mut self, grace: Duration) -> Drained {
        let until = Instant::now() + grace;
        let left = move || until.saturating_duration_since(Instant::now());
        let mut ending = Vec::new();
        for RunningShard { stop, task } in self.shards {
            let _ = stop.send(grace);
            ending.push(task);
        }
        self.tasks.shutdown().await;
        let mut stores = Vec::new();
        for task in ending {
            // A shard whose publisher never started has no store.
            if let Ok(Ok(Some(store))) =
                tokio::time::timeout(left().max(TOPICS_RETRY_WAIT), task).await
            {
                stores.push(store);
            }
        }
        let publishers =
            std::mem::take(&mut *self.publishers.lock().unwrap_or_else(PoisonError::into_inner));
        let finished = tokio::task::spawn_blocking(move || {
            std::thread::scope(|scope| {
                for publisher in publishers {
                    scope.spawn(move || publisher.finish(left()));
                }
            });
        });
        if finished.await.is_err() {
            tracing::error!("a publisher panicked while it ended");
        }
        Drained { remaining: stores.iter().map(|store| store.outbox_level().events).sum() }
    }
}

/// A shard's number, as Kafka counts partitions.
fn number(shard: u32) -> i32 {
    i32::try_from(shard).unwrap_or(i32::MAX)
}

/// Each shard and the directory of its store.
#[must_use]
pub fn shards_of(dir: &Path, shards: u32) -> Vec<(i32, PathBuf)> {
    (0..shards).map(|shard| (number(shard), state_dir(dir, shard, shards))).collect()
}

/// The directory of a shard's store: the state directory itself where there is one shard alone.
fn state_dir(dir: &Path, shard: u32, shards: u32) -> PathBuf {
    if shards == 1 { dir.to_path_buf() } else { dir.join(format!("shard-{shard}")) }
}

/// Waits until the topics exist.
async fn wait_for_topics(
    settings: &KafkaSettings,
    plan: Option<&TopicPlan>,
    reporter: &Reporter,
) -> Result<(), TopicsError> {
    let Some(plan) = plan else { return Ok(()) };
    let mut logged = String::new();
    loop {
        match ensure_topics(settings, plan).await {
            Ok(topics) => {
                if !topics.created.is_empty() {
                    tracing::info!(topics = topics.created.join(", "), "topics created");
                }
                for difference in &topics.differences {
                    tracing::warn!("{difference}");
                }
                reporter.connection(&BrokerConnection::Up);
                return Ok(());
            }
            // Retrying does not help: with another number of shards accounts would be in other ones.
            Err(error @ TopicsError::Shards { .. }) => return Err(error),
            Err(error) => {
                let reason = error.to_string();
                if reason != logged {
                    tracing::warn!(%reason, "kafka is not ready; polling has not started");
                    logged.clone_from(&reason);
                }
                reporter.connection(&BrokerConnection::Down(reason));
            }
        }
        tokio::time::sleep(TOPICS_RETRY_WAIT).await;
    }
}
