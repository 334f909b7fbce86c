//! The outbox relay: from the outbox to the broker, in order, and out of the outbox once published.
//!
//! One delivery contains events, the records of state after them, and how far the outbox is published
//! with it. An entry is sent only when the store is durable up to it, and
//! removed only when its delivery is known to be committed. While Kafka is down entries wait, in order.
//!
//! Every delivery carries the owner record and so is the owner's heartbeat; without entries there is
//! one every few seconds.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use tokio::runtime::Handle;

use super::framing::{Framing, Preparation};
use super::observer::{Observer, TransactionOutcome};
use super::producer::{Delivery, DeliveryFailure, Producer, TransactionBatch};
use super::refusals::{BrokerRefusal, Refusals};
use super::registry;
use super::settlement::{Settlement, UnknownDelivery};
use super::signal::Signal;
use crate::backoff::Backoff;
use crate::clock::{Clock, Deadline};
use crate::failpoints::{failpoint, fault_enabled};
use crate::kafka::{BrokerConnection, KafkaSettings, explain, explain_error};
use crate::ownership::{HEARTBEAT, LEASE, Lease, OwnerRecord};
use crate::store::{self, NumberedEntry, StateRecord, Store};

/// How many entries are delivered at once.
const MOST_ENTRIES: usize = 2_000;
/// How many bytes of them.
const MOST_BYTES: usize = 4 << 20;
/// How long few entries wait for more: a delivery costs the broker the same for one as for many.
const LINGER: Duration = Duration::from_millis(25);
/// How long the relay sleeps when it is not notified.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// The wait after a failed delivery; it doubles up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// How long the release of the shard may take beyond the grace time.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the relay ended.
#[derive(Debug)]
pub(crate) enum RelayEnd {
    /// A stop was requested.
    Finished,
    /// Another owner has the shard.
    ShardLost,
    /// The store failed.
    StoreFailed(store::Error),
}

/// What a relay works with.
pub(crate) struct OutboxRelayParts<'a> {
    pub(crate) store: Store,
    pub(crate) settings: &'a KafkaSettings,
    pub(crate) delivery: Delivery,
    pub(crate) shard: i32,
    pub(crate) registry: Option<registry::RegistrySettings>,
    /// Runs the registry's client.
    pub(crate) runtime: &'a Handle,
    pub(crate) producer: Producer,
    /// The owner record as it was committed last.
    pub(crate) owner: OwnerRecord,
    /// An offset of the state topic at or before that record's.
    pub(crate) state_offset: i64,
    /// The right to send vendor requests.
    pub(crate) lease: &'a Lease,
    /// Whether another bridge may take over, so that the lease ends without deliveries.
    pub(crate) standby: bool,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) observer: &'a Arc<dyn Observer>,
}

/// The outbox relay of one owner.
pub(crate) struct OutboxRelay<'a> {
    store: Store,
    settings: &'a KafkaSettings,
    delivery: Delivery,
    shard: i32,
    framing: Framing<'a>,
    /// `None` after a delivery whose outcome is not known, until a new one has settled it.
    producer: Option<Producer>,
    owner: OwnerRecord,
    state_offset: i64,
    lease: &'a Lease,
    standby: bool,
    clock: &'a dyn Clock,
    observer: &'a Arc<dyn Observer>,
    connection: Option<BrokerConnection>,
    /// When the last committed delivery was begun; `None` before the first one.
    delivered_at: Option<Instant>,
    lingering_since: Option<Instant>,
    /// Nothing is sent before this time.
    wait_until: Option<Instant>,
    backoff: Backoff,
    refusals: Refusals,
    finish: Option<Instant>,
}

/// The outcome of one step of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A delivery was committed.
    Delivered,
    /// There is nothing to deliver.
    Idle,
    /// Entries wait: for a retry after a failure, for a schema, or for more entries to send with them.
    Waiting,
    /// The broker refused a message; the next delivery is smaller or replaces it.
    Refused,
    /// The deadline of the stop passed during a delivery.
    GivenUp,
    /// Another owner has the shard.
    ShardLost,
}

/// Whether there is a producer after one was abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resumption {
    Ready,
    /// Not yet; it is tried again.
    Waiting,
    ShardLost,
}

impl<'a> OutboxRelay<'a> {
    pub(crate) fn new(parts: OutboxRelayParts<'a>) -> Self {
        let OutboxRelayParts { store, settings, observer, .. } = parts;
        let framing = Framing::new(
            parts.registry,
            store.clone(),
            &settings.topic_prefix,
            observer,
            parts.runtime,
        );
        Self {
            store,
            settings,
            delivery: parts.delivery,
            shard: parts.shard,
            framing,
            producer: Some(parts.producer),
            owner: parts.owner,
            state_offset: parts.state_offset,
            lease: parts.lease,
            standby: parts.standby,
            clock: parts.clock,
            observer,
            connection: None,
            delivered_at: None,
            lingering_since: None,
            wait_until: None,
            backoff: Backoff::new(FIRST_BACKOFF, LONGEST_BACKOFF),
            refusals: Refusals::new(MOST_ENTRIES),
            finish: None,
        }
    }

    /// Publishes until a stop is requested, the shard is lost, or the store fails.
    pub(crate) fn run(mut self, inbox: &Receiver<Signal>) -> RelayEnd {
        let end = loop {
            match self.step() {
                Ok(Step::ShardLost) => break RelayEnd::ShardLost,
                Ok(
                    Step::Delivered | Step::Idle | Step::Waiting | Step::Refused | Step::GivenUp,
                ) => {}
                Err(error) => break RelayEnd::StoreFailed(error),
            }
            let is_empty = self.store.outbox_level().entries == 0;
            if self.finish.is_some_and(|until| is_empty || Instant::now() >= until) {
                break RelayEnd::Finished;
            }
            match inbox.recv_timeout(self.idle_time(is_empty)) {
                Ok(signal) => self.receive(signal),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break RelayEnd::Finished,
            }
            // All notifications that came meanwhile are served by one step.
            while let Ok(signal) = inbox.try_recv() {
                self.receive(signal);
            }
        };
        if let Some(producer) = self.producer.take() {
            if matches!(end, RelayEnd::Finished) {
                self.release(&producer);
            }
            producer.abandon();
        }
        end
    }

    /// How long to sleep unless there is a signal.
    fn idle_time(&self, is_empty: bool) -> Duration {
        let now = Instant::now();
        match (self.wait_until, self.lingering_since) {
            (Some(until), _) => until.saturating_duration_since(now).min(IDLE_WAIT),
            (None, Some(since)) => (since + LINGER).saturating_duration_since(now),
            (None, None) if is_empty => IDLE_WAIT,
            (None, None) => Duration::ZERO,
        }
    }

    fn receive(&mut self, signal: Signal) {
        match signal {
            Signal::Wake => {}
            Signal::Finish(until) => self.finish = Some(until),
        }
    }

    fn deadline(&self) -> Deadline {
        self.finish.map_or(Deadline::NONE, Deadline::at)
    }

    /// Releases the shard, so that another bridge need not wait for missing heartbeats.
    fn release(&self, producer: &Producer) {
        let deadline = Deadline::at(Instant::now() + RELEASE_TIMEOUT);
        let record = self.owner.release(self.clock.now());
        match producer.deliver(&TransactionBatch::default(), &record, deadline) {
            Ok(_) => tracing::info!(shard = self.shard, "ownership released"),
            Err(failure) => tracing::warn!(
                shard = self.shard,
                ?failure,
                "ownership not released; another bridge takes over when heartbeats are missing"
            ),
        }
    }

    fn report_connection(&mut self, connection: BrokerConnection) {
        if self.connection.as_ref() != Some(&connection) {
            match &connection {
                BrokerConnection::Up => tracing::info!("connected to kafka"),
                BrokerConnection::Down(reason) => {
                    tracing::warn!(%reason, "events cannot be published; they wait in the outbox");
                }
            }
            self.observer.connection(&connection);
            self.connection = Some(connection);
        }
    }

    /// Delivers what is in the outbox, or a heartbeat when one is due.
    fn step(&mut self) -> Result<Step, store::Error> {
        if self.wait_until.is_some_and(|until| Instant::now() < until) {
            return Ok(Step::Waiting);
        }
        self.wait_until = None;
        if let Some(reason) = self.producer.as_ref().and_then(Producer::take_outage) {
            self.report_connection(BrokerConnection::Down(reason));
        }
        // Without a producer entries are framed and made durable nevertheless.
        if self.producer.is_none() && self.resume()? == Resumption::ShardLost {
            return Ok(Step::ShardLost);
        }
        let heartbeat_due = self.delivered_at.is_none_or(|at| at.elapsed() >= HEARTBEAT);
        let level = self.store.outbox_level();
        if level.entries == 0 && !heartbeat_due {
            self.lingering_since = None;
            return Ok(Step::Idle);
        }
        let may_linger = level.entries < (MOST_ENTRIES / 4) as u64 && self.finish.is_none();
        if may_linger && !heartbeat_due {
            let since = *self.lingering_since.get_or_insert_with(Instant::now);
            if since.elapsed() < LINGER {
                return Ok(Step::Waiting);
            }
        }
        self.lingering_since = None;
        let mut entries =
            self.store.outbox_after(0, self.refusals.entries_at_once(), MOST_BYTES)?;
        let framed = self.frame_all(&mut entries)?;
        if entries.is_empty() && !heartbeat_due {
            return Ok(Step::Waiting);
        }
        // An entry may be sent only when a crash cannot undo it: otherwise its number and sequence
        // could then be given to another event.
        self.store.flush()?;
        self.deliver(&entries, framed)
    }

    fn deliver(
        &mut self,
        entries: &[NumberedEntry],
        framed: Vec<Vec<Vec<u8>>>,
    ) -> Result<Step, store::Error> {
        let Some(producer) = &self.producer else { return Ok(Step::Waiting) };
        let progress = entries.last().map_or(self.owner.progress, |entry| entry.number);
        let mut owner = self.owner.next(progress, self.clock.now());
        owner.accounts = self.store.accounts()?;
        if fault_enabled("progress_not_written") {
            owner.progress = self.owner.progress;
        }
        if fault_enabled("outbox_deleted_before_commit") {
            self.store.outbox_remove_through(progress)?;
            self.store.flush()?;
        }
        let mut batch = TransactionBatch::default();
        for (entry, payloads) in entries.iter().zip(framed) {
            batch.events.extend(self.refusals.events(entry).zip(payloads));
        }
        batch.records = last_of_each_key(
            entries.iter().filter(|entry| self.refusals.publishes_state(entry.number)),
        );
        let begun = Instant::now();
        let outcome = producer.deliver(&batch, &owner, self.deadline());
        let observed: Vec<_> = batch.events.iter().map(|(event, _)| event.observed_at).collect();
        match outcome {
            Ok(offset) => {
                failpoint("publish::after_commit");
                self.owner = owner;
                self.state_offset = self.state_offset.max(offset);
                self.delivered_at = Some(begun);
                self.lease.renew(self.standby.then(|| begun + LEASE));
                self.remove_through(progress)?;
                failpoint("publish::after_removal");
                self.backoff.reset();
                self.refusals.delivered();
                self.report_connection(BrokerConnection::Up);
                self.observer.transaction(self.shard, TransactionOutcome::Committed);
                let now = self.clock.now();
                for observed_at in observed {
                    #[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
                    let seconds = now.millis_since(observed_at).max(0) as f64 / 1000.0;
                    self.observer.published(seconds);
                }
                Ok(Step::Delivered)
            }
            Err(failure) => Ok(self.failed(failure, entries)),
        }
    }

    /// Decides what follows a delivery that was not committed.
    fn failed(&mut self, failure: DeliveryFailure, entries: &[NumberedEntry]) -> Step {
        let outcome = match &failure {
            DeliveryFailure::Fenced if fault_enabled("fencing_ignored") => {
                self.abandon_producer();
                return Step::Waiting;
            }
            DeliveryFailure::GivenUp => return Step::GivenUp,
            DeliveryFailure::Fenced => TransactionOutcome::Fenced,
            DeliveryFailure::Refused(_) | DeliveryFailure::Undelivered(_) => {
                TransactionOutcome::Aborted
            }
            DeliveryFailure::Unknown(_) => TransactionOutcome::Unknown,
        };
        self.observer.transaction(self.shard, outcome);
        // Without transactions some of it may be published; a new producer begins before it.
        if outcome == TransactionOutcome::Unknown
            || (outcome == TransactionOutcome::Aborted && self.delivery == Delivery::AtLeastOnce)
        {
            self.abandon_producer();
        }
        match failure {
            DeliveryFailure::Fenced => Step::ShardLost,
            DeliveryFailure::GivenUp => Step::GivenUp,
            DeliveryFailure::Refused(code) => {
                let refusal = self.refusals.refused(entries, code);
                if refusal == BrokerRefusal::Unresolved && !entries.is_empty() {
                    self.back_off(&KafkaError::MessageProduction(code));
                }
                Step::Refused
            }
            DeliveryFailure::Undelivered(error) | DeliveryFailure::Unknown(error) => {
                self.back_off(&error);
                Step::Waiting
            }
        }
    }

    fn remove_through(&mut self, progress: u64) -> Result<(), store::Error> {
        self.store.outbox_remove_through(progress)?;
        self.refusals.forget_through(progress);
        Ok(())
    }

    /// Settles what was in flight when the producer was abandoned, and goes on with a new one.
    fn resume(&mut self) -> Result<Resumption, store::Error> {
        let unknown = UnknownDelivery {
            settings: self.settings,
            delivery: self.delivery,
            shard: self.shard,
            owner: &self.owner,
            state_offset: self.state_offset,
            deadline: self.deadline(),
        };
        match unknown.settle() {
            Ok(Settlement::ShardLost) => Ok(Resumption::ShardLost),
            Ok(Settlement::Settled { producer, progress }) => {
                self.producer = Some(producer);
                self.owner.progress = progress;
                self.remove_through(progress)?;
                Ok(Resumption::Ready)
            }
            Err(error) => {
                self.back_off(&error);
                Ok(Resumption::Waiting)
            }
        }
    }

    /// Frames the events of the entries, up to the first one that has to wait: those behind it wait
    /// too, because order is promised. `entries` is cut to what is framed.
    fn frame_all(
        &mut self,
        entries: &mut Vec<NumberedEntry>,
    ) -> Result<Vec<Vec<Vec<u8>>>, store::Error> {
        let mut framed = Vec::with_capacity(entries.len());
        if self.framing.prepare()? == Preparation::Waiting {
            self.wait_for_schemas();
            entries.clear();
            return Ok(framed);
        }
        for entry in entries.iter() {
            let events = entry.entry.events.len();
            let mut payloads = Vec::with_capacity(events);
            for event in self.refusals.events(entry) {
                match self.framing.frame(event)? {
                    Some(payload) => payloads.push(payload),
                    None => break,
                }
            }
            if payloads.len() < events {
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

    /// Waits until the registry is tried again, but not longer than to the next heartbeat.
    fn wait_for_schemas(&mut self) {
        self.wait_until = Some(Instant::now() + self.framing.wait().min(HEARTBEAT));
    }

    fn abandon_producer(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.abandon();
        }
    }

    /// Waits after a failure, and reports why.
    fn back_off(&mut self, error: &KafkaError) {
        let fatal = self.producer.as_ref().and_then(Producer::fatal_error);
        let outage = self.producer.as_ref().and_then(Producer::take_outage);
        let is_fatal = fatal.is_some();
        let reason = match (fatal, outage) {
            // The producer's own failure is the cause of its messages' errors.
            (Some((code, words)), _) => explain(Some(code), &words).text,
            (None, Some(reason)) => reason,
            (None, None) => explain_error(error).text,
        };
        let wait = self.backoff.next();
        tracing::debug!(%reason, wait_ms = wait.as_millis(), "delivery failed; it is retried");
        if is_fatal {
            self.abandon_producer();
        }
        self.report_connection(BrokerConnection::Down(reason));
        self.wait_until = Some(Instant::now() + wait);
    }
}

/// The records of these entries, each key once, with the value that the last entry has.
fn last_of_each_key<'e>(entries: impl Iterator<Item = &'e NumberedEntry>) -> Vec<&'e StateRecord> {
    let all: Vec<&StateRecord> = entries.flat_map(|entry| &entry.entry.records).collect();
    let mut seen = HashSet::new();
    let mut last: Vec<_> = all.into_iter().rev().filter(|(key, _)| seen.insert(&key[..])).collect();
    last.reverse();
    last
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
            entry: OutboxEntry { events: Vec::new(), records },
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
