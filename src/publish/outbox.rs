//! The drain: from the outbox to the broker, in order, and out of the outbox once acknowledged.
//!
//! At least once: an entry is sent only when the store is durable up to it, and removed only when
//! the broker has it. While Kafka is away entries wait, in the same order. After a crash between
//! the acknowledgement and the removal an entry is sent again, byte for byte the same, with the
//! same event id.
//!
//! It runs on a thread of its own, because the store and librdkafka block.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::avro::single_object;
use super::kafka::{Connection, EventProducer, News, Report, Settings};
use super::registry::{self, Remedy, SchemaIds, Trouble};
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::store::{self, OutboxEvent, Store};

/// How many entries may be under way.
const WINDOW_ENTRIES: usize = 2_000;
/// How many bytes of them.
const WINDOW_BYTES: usize = 4 << 20;
/// How long the drain sleeps when nothing rings.
const NAP: Duration = Duration::from_millis(100);
/// How long the thread may take beyond the grace time: a flush of the store, the last reports.
const AFTERMATH: Duration = Duration::from_secs(2);
/// How long it waits after a refusal before it sends again; doubles up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// How long it waits before a registry that did not answer is asked again.
const SCHEMAS_AWAY: Duration = Duration::from_secs(2);
/// How long it waits where somebody has to look.
const SCHEMAS_REFUSED: Duration = Duration::from_secs(10);

/// Is told what happens at the broker.
pub trait Observer: Send + Sync {
    /// The connection came or went.
    fn connection(&self, connection: &Connection);
    /// An event was acknowledged this many seconds after the reading that showed it.
    fn published(&self, seconds: f64);
    /// Schemas cannot be framed for now, and why; `None` when they can again.
    fn schemas(&self, problem: Option<&str>);
    /// The store failed: publishing has ended.
    fn store_failed(&self, error: &store::Error);
}

/// What was left when the drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Entries that are still in the outbox and will be sent at the next start.
    pub remaining: u64,
}

enum Signal {
    /// Something happened to a message or the connection.
    Report(Report),
    /// The outbox may have grown.
    Wake,
    /// Send what is there, and end by this time.
    Finish(Instant),
}

/// Publishes a store's outbox.
pub struct Publisher {
    signals: Sender<Signal>,
    /// Closes when the thread ends, however it ends.
    ended: Receiver<()>,
    store: Store,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Publisher").finish_non_exhaustive()
    }
}

/// Rings when the outbox has grown.
#[derive(Clone, Debug)]
pub struct Bell {
    signals: Sender<Signal>,
}

impl std::fmt::Debug for Signal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Signal")
    }
}

impl Bell {
    /// The outbox has grown.
    pub fn ring(&self) {
        // The publisher may have ended; then nobody needs to be woken.
        let _ = self.signals.send(Signal::Wake);
    }
}

impl Publisher {
    /// Starts publishing: framed for a schema registry where there is one, else as single objects.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        store: Store,
        settings: Settings,
        registry: Option<registry::Settings>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> io::Result<Self> {
        let (signals, inbox) = channel();
        let (reports, from_producer) = channel();
        let forward = signals.clone();
        std::thread::Builder::new().name(String::from("reports")).spawn(move || {
            for report in from_producer {
                if forward.send(Signal::Report(report)).is_err() {
                    return;
                }
            }
        })?;
        let (ending, ended) = channel();
        let publisher = Self { signals, ended, store: store.clone() };
        std::thread::Builder::new().name(String::from("publisher")).spawn(move || {
            let _ending: Sender<()> = ending;
            let drain = Drain {
                store,
                settings,
                framing: registry.map_or(Framing::SingleObject, Framing::Unprepared),
                schema_problem: None,
                clock,
                observer,
                reports,
                producer: None,
                producers: 0,
                connection: None,
                under_way: BTreeMap::new(),
                bytes_under_way: 0,
                handed_over: 0,
                rest_until: None,
                backoff: FIRST_BACKOFF,
                finish: None,
            };
            drain.run(&inbox);
        })?;
        Ok(publisher)
    }

    /// A bell to ring when the outbox has grown.
    #[must_use]
    pub fn bell(&self) -> Bell {
        Bell { signals: self.signals.clone() }
    }

    /// Sends what is in the outbox, waits for the acknowledgements, and ends, within the grace
    /// time. Blocks.
    #[must_use]
    pub fn finish(self, grace: Duration) -> Drained {
        let _ = self.signals.send(Signal::Finish(Instant::now() + grace));
        if self.ended.recv_timeout(grace + AFTERMATH) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("publishing does not end; it is left behind");
        }
        Drained { remaining: self.store.outbox_level().events }
    }
}

/// An entry that was handed to the producer.
#[derive(Debug)]
struct UnderWay {
    observed_at: Timestamp,
    bytes: usize,
    acknowledged: bool,
}

/// What stands before each event.
enum Framing {
    /// The fingerprint of its schema.
    SingleObject,
    /// An id of a registry that was not asked yet.
    Unprepared(registry::Settings),
    /// An id of a registry.
    Registry(Box<SchemaIds>),
}

struct Drain {
    store: Store,
    settings: Settings,
    framing: Framing,
    /// Why events cannot be framed, as it was told last.
    schema_problem: Option<registry::Error>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    reports: Sender<Report>,
    producer: Option<EventProducer>,
    /// How many producers there were.
    producers: u64,
    connection: Option<Connection>,
    /// From the first entry that is not removed yet to the last one handed over.
    under_way: BTreeMap<u64, UnderWay>,
    bytes_under_way: usize,
    handed_over: u64,
    rest_until: Option<Instant>,
    backoff: Duration,
    finish: Option<Instant>,
}

impl Drain {
    fn run(mut self, inbox: &Receiver<Signal>) {
        loop {
            if let Err(error) = self.step() {
                self.observer.store_failed(&error);
                tracing::error!(%error, "publishing ends: the local store failed");
                break;
            }
            let level = self.store.outbox_level().events;
            if self.finish.is_some_and(|until| level == 0 || Instant::now() >= until) {
                break;
            }
            match inbox.recv_timeout(NAP) {
                Ok(signal) => self.take(signal),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // Whatever else has come meanwhile costs no further nap.
            while let Ok(signal) = inbox.try_recv() {
                self.take(signal);
            }
        }
        if let Some(producer) = self.producer.take() {
            producer.abandon();
        }
    }

    fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Wake => {}
            Signal::Finish(until) => self.finish = Some(until),
            Signal::Report(report) => {
                // One that was given up speaks of entries that are sent again.
                if self.producer.as_ref().map(EventProducer::number) == Some(report.producer) {
                    self.hear(report.news);
                }
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Down(reason) => self.connected(Connection::Down(reason)),
            News::Acknowledged(number) => {
                if let Some(entry) = self.under_way.get_mut(&number) {
                    entry.acknowledged = true;
                    self.backoff = FIRST_BACKOFF;
                    self.connected(Connection::Up);
                }
            }
            News::Failed(number, error) => {
                if self.under_way.contains_key(&number) {
                    self.start_over(&error);
                }
            }
        }
    }

    fn connected(&mut self, connection: Connection) {
        if self.connection.as_ref() != Some(&connection) {
            match &connection {
                Connection::Up => tracing::info!("connected to kafka"),
                Connection::Down(reason) => tracing::warn!(%reason, "kafka is away; events wait"),
            }
            self.observer.connection(&connection);
            self.connection = Some(connection);
        }
    }

    fn step(&mut self) -> Result<(), store::Error> {
        self.remove_acknowledged()?;
        if self.rest_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        self.rest_until = None;
        if !self.prepare_framing()? {
            return Ok(());
        }
        if self.producer.as_ref().is_some_and(EventProducer::is_broken) {
            self.start_over(&KafkaError::Canceled);
            return Ok(());
        }
        if self.producer.is_none() {
            self.producers += 1;
            match EventProducer::new(&self.settings, self.producers, self.reports.clone()) {
                Ok(producer) => self.producer = Some(producer),
                Err(error) => {
                    self.start_over(&error);
                    return Ok(());
                }
            }
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> Result<(), store::Error> {
        let room = WINDOW_ENTRIES.saturating_sub(self.under_way.len());
        let bytes = WINDOW_BYTES.saturating_sub(self.bytes_under_way);
        if room == 0
            || bytes == 0
            || self.store.outbox_level().events <= self.under_way.len() as u64
        {
            return Ok(());
        }
        let entries = self.store.outbox_after(self.handed_over, room, bytes)?;
        if entries.is_empty() {
            return Ok(());
        }
        // An entry may be acted on only when it can no longer be forgotten: otherwise, after a
        // crash, its number and sequence could be given to another event.
        self.store.flush()?;
        for entry in entries {
            let Some(payload) = self.frame(&entry.event)? else { return Ok(()) };
            let Some(producer) = &self.producer else { return Ok(()) };
            match producer.send(&entry, &payload) {
                Ok(true) => {
                    let bytes = entry.event.datum.len();
                    self.bytes_under_way += bytes;
                    self.handed_over = entry.number;
                    let observed_at = entry.event.observed_at;
                    let entry_under_way = UnderWay { observed_at, bytes, acknowledged: false };
                    self.under_way.insert(entry.number, entry_under_way);
                }
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.start_over(&error);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Makes the client of the registry, and has it ask for all ids. Whether events can be framed
    /// at all.
    fn prepare_framing(&mut self) -> Result<bool, store::Error> {
        if let Framing::Unprepared(settings) = &self.framing {
            let prefix = &self.settings.topic_prefix;
            match SchemaIds::new(settings, self.store.clone(), prefix) {
                Ok(ids) => self.framing = Framing::Registry(Box::new(ids)),
                Err(error) => {
                    self.wait_for_schemas(error);
                    return Ok(false);
                }
            }
        }
        if let Framing::Registry(ids) = &mut self.framing
            // Events whose schemas are right go their way; the others wait when they come.
            && let [first, rest @ ..] = &ids.prepare(Instant::now())?[..]
        {
            tracing::warn!(error = %first, further = rest.len(), "not every schema has an id");
        }
        Ok(true)
    }

    /// The event as it is sent, or nothing while it cannot be framed: then it waits, and so do
    /// those behind it, because order is promised.
    fn frame(&mut self, event: &OutboxEvent) -> Result<Option<Vec<u8>>, store::Error> {
        let ids = match &mut self.framing {
            Framing::Registry(ids) => ids,
            Framing::SingleObject | Framing::Unprepared(_) => {
                return Ok(Some(single_object(event.fingerprint, &event.datum)));
            }
        };
        let topic = event.topic.full_name(&self.settings.topic_prefix);
        match ids.frame(&topic, event, Instant::now()) {
            Ok(payload) => {
                if self.schema_problem.take().is_some() {
                    tracing::info!("events are sent again: their schemas have ids");
                    self.observer.schemas(None);
                }
                Ok(Some(payload))
            }
            Err(Trouble::Store(error)) => Err(error),
            Err(Trouble::Registry(error)) => {
                self.wait_for_schemas(error);
                Ok(None)
            }
        }
    }

    fn wait_for_schemas(&mut self, error: registry::Error) {
        let rest = match error.remedy() {
            Remedy::Time => SCHEMAS_AWAY,
            Remedy::Person => SCHEMAS_REFUSED,
        };
        self.rest_until = Some(Instant::now() + rest);
        if !self.schema_problem.as_ref().is_some_and(|told| told.says_the_same(&error)) {
            tracing::error!(%error, "events wait for a schema");
            self.observer.schemas(Some(&error.to_string()));
            self.schema_problem = Some(error);
        }
    }

    /// Removes the longest run of acknowledged entries from the front of the outbox.
    fn remove_acknowledged(&mut self) -> Result<(), store::Error> {
        let done: Vec<u64> = self
            .under_way
            .iter()
            .take_while(|(_, entry)| entry.acknowledged)
            .map(|(number, _)| *number)
            .collect();
        let Some(last) = done.last() else { return Ok(()) };
        self.store.outbox_remove_through(*last)?;
        let now = self.clock.now();
        for number in done {
            if let Some(entry) = self.under_way.remove(&number) {
                self.bytes_under_way = self.bytes_under_way.saturating_sub(entry.bytes);
                #[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
                let seconds = now.millis_since(entry.observed_at).max(0) as f64 / 1000.0;
                self.observer.published(seconds);
            }
        }
        Ok(())
    }

    /// Gives the producer up and begins again behind the last removed entry, after a rest.
    fn start_over(&mut self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        let reason = code.map_or_else(|| error.to_string(), |code| code.to_string());
        tracing::warn!(%reason, rest_ms = self.backoff.as_millis(), "kafka refused; sending again");
        self.connected(Connection::Down(reason));
        if let Some(producer) = self.producer.take() {
            producer.abandon();
        }
        self.under_way.clear();
        self.bytes_under_way = 0;
        self.handed_over = 0;
        self.rest_until = Some(Instant::now() + self.backoff);
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::event::{EventType, Topic};
    use crate::store::Options;

    struct Deaf;

    impl Observer for Deaf {
        fn connection(&self, _: &Connection) {}
        fn published(&self, _: f64) {}
        fn schemas(&self, _: Option<&str>) {}
        fn store_failed(&self, _: &store::Error) {}
    }

    #[test]
    fn what_could_not_be_sent_within_the_grace_time_is_told_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), Options::default()).unwrap();
        let mut batch = store.batch();
        batch.push(OutboxEvent {
            topic: Topic::Calls,
            account: "acme".into(),
            key: "acme:call:1".into(),
            event_type: EventType::CallQueued,
            fingerprint: [7; 8],
            event_id: uuid::Uuid::from_u128(1),
            sequence: 1,
            revision: 1,
            occurred_at: Timestamp::from_millis(1),
            observed_at: Timestamp::from_millis(1),
            datum: vec![1],
        });
        store.apply(batch).unwrap();
        let settings = Settings {
            // Nobody listens there.
            bootstrap_servers: String::from("127.0.0.1:1"),
            client_id: String::from("test"),
            deployment: String::from("test"),
            topic_prefix: String::from("test"),
            properties: Vec::new(),
        };
        let publisher =
            Publisher::start(store.clone(), settings, None, Arc::new(SystemClock), Arc::new(Deaf));
        let drained = publisher.unwrap().finish(Duration::from_millis(200));
        assert_eq!(drained.remaining, 1);
        assert_eq!(store.outbox_after(0, 10, 1000).unwrap().len(), 1);
    }
}
