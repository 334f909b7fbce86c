//! The drain: from the outbox to the broker, in order, and out of the outbox once it is there.
//!
//! What is taken at once goes into one delivery: events, the records of state that they led to, and
//! how far the outbox is published by it. An entry is sent only when the store is durable up to it,
//! and removed only when the delivery is known to be there. While Kafka is away entries wait, in the
//! same order.
//!
//! Every delivery is also the owner's sign of life; without events there is one every few seconds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::framing::Framing;
use super::observer::{Observer, TransactionOutcome};
use super::placeholder::omitted;
use super::producer::{Delivery, DeliveryFailure, Producer, TransactionBatch};
use super::registry;
use super::signal::Signal;
use crate::clock::Clock;
use crate::failpoints::{passing, planted};
use crate::kafka::{BrokerConnection, KafkaSettings, explain};
use crate::ownership::{HEARTBEAT, LEASE, Lease, OwnerRecord, StateReader, StateTopicRecord};
use crate::store::{self, NumberedEntry, OutboxEvent, StateRecord, Store};

/// How many entries are delivered at once.
const MOST_ENTRIES: usize = 2_000;
/// How many bytes of them.
const MOST_BYTES: usize = 4 << 20;
/// How long few entries wait for others: a delivery costs the broker the same for one as for many.
const LINGER: Duration = Duration::from_millis(25);
/// How long the drain sleeps when nothing rings.
const NAP: Duration = Duration::from_millis(100);
/// How long it waits after a failure before it sends again; doubles up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// How long the owner's last word may take beyond the grace time.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the drain ended.
#[derive(Debug)]
pub(crate) enum RelayEnd {
    /// It was asked to.
    Finished,
    /// Another owner has the shard.
    Lost,
    /// The store failed.
    StoreFailed(store::Error),
}

/// What a drain works with.
pub(crate) struct OutboxRelayParts<'a> {
    pub(crate) store: Store,
    pub(crate) settings: &'a KafkaSettings,
    pub(crate) delivery: Delivery,
    pub(crate) shard: i32,
    pub(crate) registry: Option<registry::RegistrySettings>,
    pub(crate) producer: Producer,
    /// The owner's record as it was committed last.
    pub(crate) owner: OwnerRecord,
    /// An offset of the state topic from which on that record is found.
    pub(crate) state_offset: i64,
    /// The right to ask vendors, and whether it ends without a delivery.
    pub(crate) lease: &'a Lease,
    pub(crate) standby: bool,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) observer: &'a Arc<dyn Observer>,
}

/// The drain of one owner.
pub(crate) struct OutboxRelay<'a> {
    store: Store,
    settings: &'a KafkaSettings,
    delivery: Delivery,
    shard: i32,
    framing: Framing<'a>,
    producer: Option<Producer>,
    owner: OwnerRecord,
    state_offset: i64,
    lease: &'a Lease,
    standby: bool,
    clock: &'a dyn Clock,
    observer: &'a Arc<dyn Observer>,
    connection: Option<BrokerConnection>,
    /// When the last delivery that came through was begun; `None` before the first one.
    delivered_at: Option<Instant>,
    waits_since: Option<Instant>,
    rest_until: Option<Instant>,
    backoff: Duration,
    /// How many entries are tried at once: fewer while one is looked for that the broker refuses.
    most_entries: usize,
    /// What stands in the place of events that the broker refuses, by entry and place in it; of
    /// records that it refuses, the entry alone.
    omissions: HashMap<(u64, usize), OutboxEvent>,
    unrecorded: HashSet<u64>,
    finish: Option<Instant>,
}

impl<'a> OutboxRelay<'a> {
    pub(crate) fn new(parts: OutboxRelayParts<'a>) -> Self {
        let prefix = &parts.settings.topic_prefix;
        let framing = Framing::new(parts.registry, parts.store.clone(), prefix, parts.observer);
        Self {
            store: parts.store,
            settings: parts.settings,
            delivery: parts.delivery,
            shard: parts.shard,
            framing,
            producer: Some(parts.producer),
            owner: parts.owner,
            state_offset: parts.state_offset,
            lease: parts.lease,
            standby: parts.standby,
            clock: parts.clock,
            observer: parts.observer,
            connection: None,
            delivered_at: None,
            waits_since: None,
            rest_until: None,
            backoff: FIRST_BACKOFF,
            most_entries: MOST_ENTRIES,
            omissions: HashMap::new(),
            unrecorded: HashSet::new(),
            finish: None,
        }
    }

    /// Publishes until it is asked to finish, loses the shard, or the store fails.
    pub(crate) fn run(mut self, inbox: &Receiver<Signal>) -> RelayEnd {
        let ended = loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) => break RelayEnd::Lost,
                Err(error) => break RelayEnd::StoreFailed(error),
            }
            let empty = self.store.outbox_level().entries == 0;
            if self.finish.is_some_and(|until| empty || Instant::now() >= until) {
                break RelayEnd::Finished;
            }
            match inbox.recv_timeout(self.nap(empty)) {
                Ok(signal) => self.take(signal),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break RelayEnd::Finished,
            }
            // Whatever else has come meanwhile costs no further nap.
            while let Ok(signal) = inbox.try_recv() {
                self.take(signal);
            }
        };
        if let Some(producer) = self.producer.take() {
            if matches!(ended, RelayEnd::Finished) {
                self.farewell(&producer);
            }
            producer.abandon();
        }
        ended
    }

    /// How long to sleep unless somebody rings.
    fn nap(&self, empty: bool) -> Duration {
        let now = Instant::now();
        match (self.rest_until, self.waits_since) {
            (Some(until), _) => until.saturating_duration_since(now).min(NAP),
            (None, Some(since)) => (since + LINGER).saturating_duration_since(now),
            (None, None) if empty => NAP,
            (None, None) => Duration::ZERO,
        }
    }

    fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Wake => {}
            Signal::Finish(until) => self.finish = Some(until),
        }
    }

    /// Says that the owner leaves, so that nobody has to wait for its silence.
    fn farewell(&self, producer: &Producer) {
        let until = Instant::now() + FAREWELL;
        let nothing = TransactionBatch::default();
        let record = self.owner.release(self.clock.now());
        let said = producer.deliver(&nothing, &record, &|| Instant::now() >= until);
        match said {
            Ok(_) => tracing::info!(shard = self.shard, "ownership released"),
            Err(failure) => tracing::warn!(
                shard = self.shard,
                ?failure,
                "ownership could not be released; another bridge takes over after its silence"
            ),
        }
    }

    fn connected(&mut self, connection: BrokerConnection) {
        if self.connection.as_ref() != Some(&connection) {
            match &connection {
                BrokerConnection::Up => tracing::info!("connected to kafka"),
                BrokerConnection::Down(reason) => {
                    tracing::warn!(%reason, "kafka takes no events; they wait");
                }
            }
            self.observer.connection(&connection);
            self.connection = Some(connection);
        }
    }

    /// Delivers what there is; `false` when the shard is lost.
    fn step(&mut self) -> Result<bool, store::Error> {
        if self.rest_until.is_some_and(|until| Instant::now() < until) {
            return Ok(true);
        }
        self.rest_until = None;
        let heard = self.producer.as_ref().and_then(Producer::heard_down);
        if let Some(reason) = heard {
            self.connected(BrokerConnection::Down(reason));
        }
        if self.producer.is_none() && !self.settle()? {
            return Ok(false);
        }
        let silent = self.delivered_at.is_none_or(|at| at.elapsed() >= HEARTBEAT);
        let level = self.store.outbox_level();
        if level.entries == 0 && !silent {
            self.waits_since = None;
            return Ok(true);
        }
        let few = level.entries < (MOST_ENTRIES / 4) as u64 && self.finish.is_none();
        if few && !silent {
            let since = *self.waits_since.get_or_insert_with(Instant::now);
            if since.elapsed() < LINGER {
                return Ok(true);
            }
        }
        self.waits_since = None;
        let mut entries = self.store.outbox_after(0, self.most_entries, MOST_BYTES)?;
        let framed = self.frame_all(&mut entries)?;
        if entries.is_empty() && !silent {
            return Ok(true);
        }
        // An entry may be acted on only when it can no longer be forgotten: otherwise, after a
        // crash, its number and sequence could be given to another event.
        self.store.flush()?;
        self.deliver(&entries, framed)
    }

    fn deliver(
        &mut self,
        entries: &[NumberedEntry],
        framed: Vec<Vec<Vec<u8>>>,
    ) -> Result<bool, store::Error> {
        let Some(producer) = &self.producer else { return Ok(true) };
        let progress = entries.last().map_or(self.owner.progress, |entry| entry.number);
        let mut owner = self.owner.next(progress, self.clock.now());
        owner.accounts = self.store.accounts()?;
        if planted("progress_not_written") {
            owner.progress = self.owner.progress;
        }
        if planted("outbox_deleted_before_commit") {
            self.store.outbox_remove_through(progress)?;
            self.store.flush()?;
        }
        let events = |entry: &'_ NumberedEntry| entry.decision.events.len();
        let mut shipment = TransactionBatch::default();
        for (entry, payloads) in entries.iter().zip(framed) {
            for (place, payload) in payloads.into_iter().enumerate().take(events(entry)) {
                let event = self.omissions.get(&(entry.number, place));
                shipment.events.push((event.unwrap_or(&entry.decision.events[place]), payload));
            }
        }
        shipment.records = last_of_each_key(
            entries.iter().filter(|entry| !self.unrecorded.contains(&entry.number)),
        );
        let (begun, finish) = (Instant::now(), self.finish);
        let give_up = || finish.is_some_and(|until| Instant::now() >= until);
        let outcome = producer.deliver(&shipment, &owner, &give_up);
        let observed: Vec<_> = shipment.events.iter().map(|(event, _)| event.observed_at).collect();
        match outcome {
            Ok(offset) => {
                passing("publish::after_commit");
                self.owner = owner;
                self.state_offset = self.state_offset.max(offset);
                self.delivered_at = Some(begun);
                self.lease.renew(self.standby.then(|| begun + LEASE));
                self.remove_through(progress)?;
                passing("publish::after_removal");
                self.backoff = FIRST_BACKOFF;
                self.most_entries = (self.most_entries * 2).min(MOST_ENTRIES);
                self.connected(BrokerConnection::Up);
                self.observer.transaction(self.shard, TransactionOutcome::Committed);
                let now = self.clock.now();
                for observed_at in observed {
                    #[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
                    let seconds = now.millis_since(observed_at).max(0) as f64 / 1000.0;
                    self.observer.published(seconds);
                }
                Ok(true)
            }
            Err(DeliveryFailure::Fenced) if planted("fencing_ignored") => {
                self.give_producer_up();
                Ok(true)
            }
            Err(DeliveryFailure::Fenced) => {
                self.observer.transaction(self.shard, TransactionOutcome::Fenced);
                Ok(false)
            }
            Err(DeliveryFailure::GivenUp) => Ok(true),
            Err(DeliveryFailure::Refused(code)) => {
                self.observer.transaction(self.shard, TransactionOutcome::Aborted);
                self.refused(entries, code);
                Ok(true)
            }
            Err(DeliveryFailure::Undelivered(error)) => {
                self.observer.transaction(self.shard, TransactionOutcome::Aborted);
                // Without transactions what was sent may be there; a new producer begins in front.
                if self.delivery == Delivery::AtLeastOnce {
                    self.give_producer_up();
                }
                self.rest(&error);
                Ok(true)
            }
            Err(DeliveryFailure::Unknown(error)) => {
                self.observer.transaction(self.shard, TransactionOutcome::Unknown);
                self.give_producer_up();
                self.rest(&error);
                Ok(true)
            }
        }
    }

    fn remove_through(&mut self, progress: u64) -> Result<(), store::Error> {
        self.store.outbox_remove_through(progress)?;
        self.omissions.retain(|(number, _), _| *number > progress);
        self.unrecorded.retain(|number| *number > progress);
        Ok(())
    }

    /// Finds out what became of a delivery whose end is not known: with a new producer, which ends
    /// whatever was under way, and by what is then on the topic. `false` when the shard is lost.
    fn settle(&mut self) -> Result<bool, store::Error> {
        let settled = if self.delivery == Delivery::AtLeastOnce {
            Producer::new(self.settings, self.delivery, self.shard).map(Settled::Producer)
        } else {
            self.settle_transaction()
        };
        match settled {
            Ok(Settled::Lost) => Ok(false),
            Ok(Settled::Producer(producer)) => {
                self.producer = Some(producer);
                self.remove_through(self.owner.progress)?;
                Ok(true)
            }
            Err(error) => {
                self.rest(&error);
                Ok(true)
            }
        }
    }

    fn settle_transaction(&mut self) -> Result<Settled, KafkaError> {
        let ignore_others = planted("fencing_ignored");
        // Looked at before, so that an owner which has begun meanwhile is not fenced for nothing,
        // and again after, when nobody else can write any more.
        if !ignore_others && self.last_word()?.generation != self.owner.generation {
            return Ok(Settled::Lost);
        }
        let producer = match Producer::new(self.settings, self.delivery, self.shard) {
            Err(error) if is_fenced(&error) => return Ok(Settled::Lost),
            made => made?,
        };
        let word = self.last_word()?;
        if !ignore_others && word.generation != self.owner.generation {
            return Ok(Settled::Lost);
        }
        self.owner.progress = self.owner.progress.max(word.progress);
        Ok(Settled::Producer(producer))
    }

    /// The owner's record that is on the topic now.
    fn last_word(&mut self) -> Result<OwnerRecord, KafkaError> {
        let reader = StateReader::new(self.settings, self.shard);
        let finish = self.finish;
        let give_up = || finish.is_some_and(|until| Instant::now() >= until);
        let mut last = None;
        let read = reader.and_then(|reader| {
            reader.read(self.state_offset, &give_up, |_, found| {
                if let StateTopicRecord::Owner(owner) = found {
                    last = Some(owner);
                }
            })
        });
        match (read, last) {
            (Ok(_), Some(owner)) => Ok(owner),
            (Ok(_), None) => Ok(self.owner.clone()),
            (Err(error), _) => {
                tracing::debug!(%error, "what was committed cannot be read yet");
                Err(KafkaError::Canceled)
            }
        }
    }

    /// The broker refused something in a delivery, and says so of all that was in it: the one that
    /// is to blame is found by halves, and its place taken by an `EventOmitted`.
    fn refused(&mut self, entries: &[NumberedEntry], code: RDKafkaErrorCode) {
        if self.delivery == Delivery::AtLeastOnce {
            self.give_producer_up();
        }
        if entries.len() > 1 {
            self.most_entries = (entries.len() / 2).max(1);
            return;
        }
        let Some(entry) = entries.first() else { return };
        let number = entry.number;
        let left = entry.decision.events.iter().enumerate();
        let left = left.filter(|(place, _)| !self.omissions.contains_key(&(number, *place)));
        match left.max_by_key(|(_, event)| event.datum.len()) {
            Some((place, event)) => {
                let reason = format!("refused by the broker: {}", explain(Some(code), "").text);
                match omitted(event, &reason) {
                    Ok(placeholder) => {
                        tracing::error!(
                            key = %event.key, event = event.event_type.as_str(),
                            size = event.datum.len(), %reason, "an event is omitted in its place"
                        );
                        self.omissions.insert((number, place), placeholder);
                    }
                    Err(error) => {
                        tracing::error!(key = %event.key, %error, "an event cannot be omitted");
                        self.omissions.insert((number, place), event.clone());
                    }
                }
            }
            None if self.unrecorded.insert(number) => {
                let size: usize = entry.decision.records.iter().map(record_size).sum();
                tracing::error!(
                    size,
                    "state is too large for the state topic and is not kept there; raise its \
                     max.message.bytes"
                );
            }
            None => self.rest(&KafkaError::MessageProduction(code)),
        }
    }

    /// Frames the events of the entries, as many entries as can be; the others wait, and so do
    /// those behind them, because order is promised.
    fn frame_all(
        &mut self,
        entries: &mut Vec<NumberedEntry>,
    ) -> Result<Vec<Vec<Vec<u8>>>, store::Error> {
        let mut framed = Vec::with_capacity(entries.len());
        if !self.framing.prepare()? {
            self.wait_for_schemas();
            entries.clear();
            return Ok(framed);
        }
        for entry in entries.iter() {
            let mut payloads = Vec::with_capacity(entry.decision.events.len());
            for (place, event) in entry.decision.events.iter().enumerate() {
                let placeholder = self.omissions.get(&(entry.number, place));
                match self.framing.frame(placeholder.unwrap_or(event))? {
                    Some(payload) => payloads.push(payload),
                    None => break,
                }
            }
            if payloads.len() < entry.decision.events.len() {
                break;
            }
            framed.push(payloads);
        }
        if framed.len() < entries.len() {
            self.wait_for_schemas();
        }
        entries.truncate(framed.len());
        Ok(framed)
    }

    /// Rests until the registry may be asked again. Signs of life go on meanwhile.
    fn wait_for_schemas(&mut self) {
        self.rest_until = Some(Instant::now() + self.framing.rest().min(HEARTBEAT));
    }

    fn give_producer_up(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.abandon();
        }
    }

    /// Rests after a failure, and says why nothing is taken.
    fn rest(&mut self, error: &KafkaError) {
        // What broke the producer says more than what became of the messages behind it.
        let broken = self.producer.as_ref().and_then(Producer::broken);
        let heard = self.producer.as_ref().and_then(Producer::heard_down);
        let reason = match (broken, heard, error.rdkafka_error_code()) {
            (Some((code, words)), _, _) => explain(Some(code), &words).text,
            (None, Some(reason), _) => reason,
            (None, None, Some(code)) => explain(Some(code), "").text,
            (None, None, None) => explain(None, &error.to_string()).text,
        };
        tracing::debug!(%reason, rest_ms = self.backoff.as_millis(), "sending again after a rest");
        if self.producer.as_ref().is_some_and(|producer| producer.broken().is_some()) {
            self.give_producer_up();
        }
        self.connected(BrokerConnection::Down(reason));
        self.rest_until = Some(Instant::now() + self.backoff);
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
    }
}

/// What became of a delivery whose end was not known.
enum Settled {
    Producer(Producer),
    Lost,
}

fn is_fenced(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(super::producer::is_fenced)
}

/// The records of these entries, each key once and as the last entry has it.
fn last_of_each_key<'e>(entries: impl Iterator<Item = &'e NumberedEntry>) -> Vec<&'e StateRecord> {
    let all: Vec<&StateRecord> = entries.flat_map(|entry| &entry.decision.records).collect();
    let mut seen = HashSet::new();
    let mut last: Vec<_> = all.into_iter().rev().filter(|(key, _)| seen.insert(&key[..])).collect();
    last.reverse();
    last
}

fn record_size((key, value): &StateRecord) -> usize {
    key.len() + value.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OutboxEntry;

    #[test]
    fn of_each_key_the_last_value_is_published() {
        let record = |key: &str, value: Option<u8>| {
            (key.as_bytes().to_vec(), value.map(|value| vec![value]))
        };
        let entry = |number, records| NumberedEntry {
            number,
            decision: OutboxEntry { events: Vec::new(), records },
        };
        let entries = [
            entry(1, vec![record("a", Some(1)), record("b", Some(1))]),
            entry(2, vec![record("a", Some(2))]),
            entry(3, vec![record("b", None), record("c", Some(3))]),
        ];
        let last: Vec<_> = last_of_each_key(entries.iter()).into_iter().cloned().collect();
        assert_eq!(last, [record("a", Some(2)), record("b", None), record("c", Some(3))]);
    }
}
