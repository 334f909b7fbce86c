//! What delivery costs, beside its limit: `cargo bench --bench delivery`.
//!
//! The limit is a bare transactional producer of librdkafka that sends the same bytes in the same
//! batches, awaits their reports, commits, and stores nothing. Both run in turn against the same
//! broker, and the ratio is printed. Then a steady stream of events shows how long one waits
//! between the outbox and its commit.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement that shares its broker with the tests"
)]

#[path = "kafka/shard.rs"]
mod shard;
mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use floorcast::clock::{Clock, SystemClock};
use floorcast::delivery::{Observer, ShardState, TransactionOutcome};
use floorcast::kafka::BrokerConnection;
use floorcast::store::{self, NumberedEntry, Store};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};

use shard::{Bridge, Deployment, emit_alone};
use support::kafka;

const EVENTS: i64 = 40_000;
const BATCH: usize = 2_000;
const ROUNDS: usize = 5;
const STEADY: Duration = Duration::from_secs(20);

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let broker = kafka::shared();
    let deployment = Deployment::new(broker, kafka::unique_prefix("bench"));
    let dir = tempfile::tempdir().unwrap();
    let mut bridge = deployment.bridge(dir.path());
    drop(bridge.own());
    bridge.finish();
    let (mut ours, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let first = i64::try_from(round).unwrap() * EVENTS;
        let (store, _) = Store::open(dir.path(), store::Options::default()).unwrap();
        for number in first..first + EVENTS {
            emit_alone(&store, number, 80);
        }
        store.flush().unwrap();
        let entries = store.outbox_after(0, usize::MAX, usize::MAX).unwrap();
        drop(store);
        let (limit, bytes) = bare_seconds(&deployment, &entries);
        let mut bridge = deployment.bridge(dir.path());
        let store = bridge.own();
        let begun = Instant::now();
        bridge.published(&store);
        let seconds = begun.elapsed().as_secs_f64();
        drop(store);
        bridge.finish();
        let events = EVENTS as f64;
        println!(
            "round {round}: floorcast {:.0} events/s, bare producer {:.0} events/s ({:.1} MiB), \
             ratio {:.2}",
            events / seconds,
            events / limit,
            bytes as f64 / f64::from(1 << 20),
            limit / seconds
        );
        ours.push(events / seconds);
        bare.push(events / limit);
        ratios.push(limit / seconds);
    }
    println!(
        "committed events per second: floorcast {:.0}, bare transactional producer {:.0}, ratio {:.2} \
         (medians of {ROUNDS})",
        median(&mut ours),
        median(&mut bare),
        median(&mut ratios)
    );
    latency(&deployment, dir.path());
}

/// Counts delivery reports.
#[derive(Clone, Default)]
struct Reports(Arc<AtomicU64>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        result.as_ref().map_err(|(error, _)| error.clone()).unwrap();
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// The same bytes in the same batches, by a producer that stores nothing. Returns seconds and
/// bytes.
fn bare_seconds(deployment: &Deployment, entries: &[NumberedEntry]) -> (f64, usize) {
    let context = Reports::default();
    let reported = Arc::clone(&context.0);
    let producer: ThreadedProducer<Reports> = ClientConfig::new()
        .set("bootstrap.servers", &deployment.bootstrap)
        .set("transactional.id", format!("{}-bare", deployment.prefix))
        .set("compression.type", "lz4")
        .set("linger.ms", "2")
        .set("partitioner", "murmur2_random")
        .create_with_context(context)
        .unwrap();
    producer.init_transactions(Duration::from_secs(30)).unwrap();
    let events = format!("{}.reference", deployment.prefix);
    let state = format!("{}.state.tests", deployment.prefix);
    let (mut bytes, mut sent) = (0, 0);
    let begun = Instant::now();
    for batch in entries.chunks(BATCH) {
        producer.begin_transaction().unwrap();
        for entry in batch {
            for event in &entry.entry.events {
                let id = event.event_id.to_string();
                let time = event.occurred_at.to_rfc3339_millis();
                let headers = [
                    ("ce_specversion", "1.0"),
                    ("ce_id", &id),
                    ("ce_source", "/floorcast/tests/acme"),
                    ("ce_type", "floorcast.v1.QueueDepthChanged"),
                    ("ce_time", &time),
                    ("ce_subject", &event.key),
                    ("content-type", "application/avro"),
                ];
                let headers = headers.into_iter().fold(OwnedHeaders::new(), |all, (key, value)| {
                    all.insert(Header { key, value: Some(value) })
                });
                let payload = [&[0; 10][..], &event.datum].concat();
                bytes += payload.len() + event.key.len();
                let record = BaseRecord::to(&events)
                    .key(&event.key)
                    .payload(&payload)
                    .timestamp(event.observed_at.millis())
                    .headers(headers);
                producer.send(record).map_err(|(error, _)| error).unwrap();
                sent += 1;
            }
        }
        for entry in batch {
            let (key, value) = &entry.entry.records[0];
            let value = value.as_ref().unwrap();
            bytes += key.len() + value.len();
            let record = BaseRecord::to(&state).partition(0).key(key).payload(value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
            sent += 1;
        }
        // A commit with messages in flight takes a tenth of a second.
        while reported.load(Ordering::Acquire) < sent {
            std::thread::sleep(Duration::from_micros(200));
        }
        producer.commit_transaction(Duration::from_secs(30)).unwrap();
    }
    (begun.elapsed().as_secs_f64(), bytes)
}

/// Records how long events waited.
#[derive(Default)]
struct Latencies(Mutex<Vec<f64>>);

impl Observer for Latencies {
    fn connection(&self, _: &BrokerConnection) {}
    fn published(&self, seconds: f64) {
        self.0.lock().unwrap().push(seconds);
    }
    fn schemas(&self, _: Option<&str>) {}
    fn store_failed(&self, error: &store::Error) {
        panic!("{error}");
    }
    fn transaction(&self, _: i32, _: TransactionOutcome) {}
    fn shard_state(&self, _: i32, _: ShardState) {}
    fn restored(&self, _: &'static str) {}
}

fn latency(deployment: &Deployment, dir: &std::path::Path) {
    let latencies = Arc::new(Latencies::default());
    let observer = Arc::clone(&latencies) as Arc<dyn Observer>;
    let mut bridge: Bridge = deployment.bridge_with(dir, |parts| parts.observer = observer);
    let store = bridge.own();
    let (begun, mut number) = (Instant::now(), 10_000_000);
    while begun.elapsed() < STEADY {
        let now = SystemClock.now();
        emit_alone(&store, number, 80);
        bridge.publisher.notifier().notify();
        number += 1;
        // Two hundred a second.
        while SystemClock.now().millis_since(now) < 5 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    bridge.published(&store);
    drop(store);
    bridge.finish();
    let mut seconds = latencies.0.lock().unwrap().clone();
    seconds.sort_by(f64::total_cmp);
    let at = |part: f64| seconds[((seconds.len() - 1) as f64 * part) as usize] * 1000.0;
    println!(
        "from outbox to committed at 200 events/s: p50 {:.0} ms, p99 {:.0} ms ({} events)",
        at(0.5),
        at(0.99),
        seconds.len()
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
