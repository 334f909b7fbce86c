//! A shard's publisher over a store that the test fills itself: no vendor and no engine, so that
//! every entry is known beforehand.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use floorcast::clock::{Clock, SystemClock};
use floorcast::delivery::{
    Delivery, Observer, ShardState, TopicPlan, TransactionOutcome, ensure_topics,
};
use floorcast::event::avro::Encoders;
use floorcast::event::body::{QueueDepthChange, QueueReference};
use floorcast::event::{Body, EventMeta, Origin, Topic, event_id};
use floorcast::kafka::{BrokerConnection, KafkaSettings};
use floorcast::model::{AccountName, EntityId, EntityKey, EntityKind, Precision, StreamName};
use floorcast::ownership::Lease;
use floorcast::shard::{OwnershipChange, Publisher, PublisherParts};
use floorcast::store::{self, Key, OutboxEvent, Store};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::consumer::{Record, read_all};
use crate::support::kafka::Broker;

pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What a publisher has reported.
#[derive(Debug, Default)]
pub(super) struct Reported {
    pub(super) states: Mutex<Vec<ShardState>>,
    pub(super) restored: Mutex<Vec<&'static str>>,
    pub(super) transactions: Mutex<Vec<TransactionOutcome>>,
}

impl Observer for Reported {
    fn connection(&self, _: &BrokerConnection) {}
    fn published(&self, _: f64) {}
    fn schemas(&self, _: Option<&str>) {}
    fn store_failed(&self, error: &store::Error) {
        panic!("the store failed: {error}");
    }
    fn transaction(&self, _: i32, outcome: TransactionOutcome) {
        self.transactions.lock().unwrap().push(outcome);
    }
    fn shard_state(&self, _: i32, state: ShardState) {
        let mut states = self.states.lock().unwrap();
        if states.last() != Some(&state) {
            states.push(state);
        }
    }
    fn restored(&self, reason: &'static str) {
        self.restored.lock().unwrap().push(reason);
    }
}

/// A deployment of one shard on a broker.
pub(super) struct Deployment {
    runtime: Runtime,
    pub(super) settings: KafkaSettings,
    pub(super) bootstrap: String,
    pub(super) prefix: String,
}

impl Deployment {
    /// Creates its topics. Consumers' topics have one partition, so that all events are ordered.
    pub(super) fn new(broker: &Broker, prefix: String) -> Self {
        let settings = KafkaSettings {
            bootstrap_servers: broker.bootstrap().to_owned(),
            client_id: String::from("tests"),
            deployment: String::from("tests"),
            topic_prefix: prefix.clone(),
            properties: Vec::new(),
        };
        let plan = TopicPlan {
            create: true,
            partitions: 1,
            replication_factor: 1,
            retention: Duration::from_hours(1),
            shards: 1,
        };
        let runtime = Runtime::new().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = runtime.block_on(ensure_topics(&settings, &plan)) {
            assert!(Instant::now() < deadline, "{error}");
        }
        Self { runtime, settings, bootstrap: broker.direct().to_owned(), prefix }
    }

    pub(super) fn bridge(&self, dir: &Path) -> Bridge {
        self.bridge_with(dir, |_| {})
    }

    /// A bridge of this deployment with its store in this directory.
    pub(super) fn bridge_with(
        &self,
        dir: &Path,
        change: impl FnOnce(&mut PublisherParts),
    ) -> Bridge {
        let (changes, received) = unbounded_channel();
        let (reported, lease) = (Arc::new(Reported::default()), Arc::new(Lease::default()));
        let mut parts = PublisherParts {
            shard: 0,
            delivery: Delivery::ExactlyOnce,
            standby: false,
            state_dir: dir.to_owned(),
            privacy: 0,
            settings: self.settings.clone(),
            registry: None,
            runtime: self.runtime.handle().clone(),
            accounts: vec![acme()],
            retired: Vec::new(),
            lease: Arc::clone(&lease),
            clock: Arc::new(SystemClock),
            observer: Arc::clone(&reported) as Arc<dyn Observer>,
            changes,
        };
        change(&mut parts);
        let publisher = Publisher::start(parts).unwrap();
        Bridge { publisher, changes: received, reported, lease }
    }

    /// The events that a consumer sees, in order.
    pub(super) fn events(&self) -> Vec<Record> {
        read_all(&self.bootstrap, &[Topic::Queues.full_name(&self.prefix)])
    }

    /// The events' numbers, in order.
    pub(super) fn numbers(&self) -> Vec<i64> {
        self.events().iter().map(number).collect()
    }
}

/// A publisher, what it reports, and its lease.
pub(super) struct Bridge {
    pub(super) publisher: Publisher,
    changes: UnboundedReceiver<OwnershipChange>,
    pub(super) reported: Arc<Reported>,
    pub(super) lease: Arc<Lease>,
}

impl Bridge {
    /// The next change of ownership, if one comes in that time.
    pub(super) fn change(&mut self, patience: Duration) -> Option<OwnershipChange> {
        let deadline = Instant::now() + patience;
        loop {
            match self.changes.try_recv() {
                Ok(change) => return Some(change),
                Err(_) if Instant::now() >= deadline => return None,
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Waits until the shard is owned.
    #[track_caller]
    pub(super) fn own(&mut self) -> Store {
        match self.change(PATIENCE) {
            Some(OwnershipChange::Owning(store)) => store,
            other => panic!("{other:?} {:?}", self.reported),
        }
    }

    /// Adds an outbox entry for each number: an event and the state after it.
    pub(super) fn emit(&self, store: &Store, numbers: std::ops::Range<i64>) {
        for number in numbers {
            emit(store, number, 10);
        }
        self.publisher.notifier().notify();
    }

    /// Waits until everything is published.
    #[track_caller]
    pub(super) fn published(&self, store: &Store) {
        let deadline = Instant::now() + PATIENCE;
        while store.outbox_level().entries > 0 {
            assert!(Instant::now() < deadline, "{:?} {:?}", store.outbox_level(), self.reported);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends as a bridge does, and releases the shard.
    pub(super) fn finish(self) {
        self.publisher.finish(Duration::from_secs(20));
    }
}

pub(super) fn acme() -> AccountName {
    AccountName::new("acme").unwrap()
}

/// Adds an outbox entry: the depth of one of five queues becomes this number. `padding` bytes make
/// it larger.
pub(super) fn emit(store: &Store, number: i64, padding: usize) {
    emit_for_queue(store, number, padding, number % 5);
}

/// The same for a queue of its own.
#[allow(dead_code, reason = "for the bench, which shares this file")]
pub(super) fn emit_alone(store: &Store, number: i64, padding: usize) {
    emit_for_queue(store, number, padding, number);
}

fn emit_for_queue(store: &Store, number: i64, padding: usize, queue: i64) {
    let account = acme();
    let id = EntityId::new(queue.to_string());
    let entity = EntityKey { account: account.clone(), kind: EntityKind::QueuePath, id };
    let revision = u64::try_from(number / 5 + 1).unwrap();
    let sequence = u64::try_from(number + 1).unwrap();
    // A broker refuses times that are an hour ahead, and deletes what is older than its retention.
    let at = SystemClock.now();
    let body = Body::QueueDepthChanged(QueueDepthChange {
        queue: QueueReference { id: None, path_id: None, path: Some(noise(padding)) },
        language: None,
        channel: Some(String::from("call")),
        depth: number,
        previous: None,
        oldest_queued_at: None,
        oldest_duration: None,
        total_duration: None,
        average_duration: None,
    });
    let event_type = body.event_type();
    let meta = EventMeta {
        event_id: event_id(&entity, revision, event_type.as_str()),
        account: account.to_string(),
        vendor: String::from("ccai"),
        entity_id: entity.id.to_string(),
        revision: i64::try_from(revision).unwrap(),
        sequence: i64::try_from(sequence).unwrap(),
        stream: StreamName::new("queue_statuses").to_string(),
        occurred_at: at,
        occurred_after: None,
        precision: Precision::Bounded,
        observed_at: at,
        origin: Origin::Live,
        late: false,
    };
    static ENCODERS: LazyLock<Encoders> = LazyLock::new(|| Encoders::new().unwrap());
    let encoders = &*ENCODERS;
    let mut batch = store.batch();
    batch.push(OutboxEvent {
        topic: Topic::Queues,
        account: meta.account.clone(),
        key: entity.to_string(),
        event_type,
        fingerprint: encoders.fingerprint(event_type),
        event_id: meta.event_id,
        sequence,
        revision,
        occurred_at: at,
        observed_at: at,
        datum: encoders.datum(&meta, &body).unwrap(),
    });
    // About as large as the state of a small entity.
    let value = serde_json::json!({"revision": revision, "depth": number, "path": noise(padding)});
    batch.put(Key::state(&entity), &value).unwrap();
    batch.put(Key::sequence(&account, Topic::Queues), &sequence).unwrap();
    batch.put(Key::account(&account), &"looked at").unwrap();
    batch.close_entry();
    store.apply(batch).unwrap();
}

/// A text that hardly compresses.
fn noise(length: usize) -> String {
    let mut random = StdRng::seed_from_u64(length as u64);
    (0..length).map(|_| char::from(random.random_range(b'!'..=b'~'))).collect()
}

/// An event's number: its sequence, from 0.
pub(super) fn number(record: &Record) -> i64 {
    let (_, value) = decoded(record);
    value["meta"]["sequence"].as_i64().unwrap() - 1
}

pub(super) fn decoded(record: &Record) -> (String, serde_json::Value) {
    let decoder = floorcast::event::avro::Decoder::new().unwrap();
    let (event, value) = decoder.decode(&record.value).unwrap();
    (event.as_str().to_owned(), value)
}

/// Every record of state in a store.
pub(super) fn records(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.records().map(Result::unwrap).collect()
}
