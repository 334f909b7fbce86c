//! The producer: librdkafka with its own poll thread and a bounded buffer. A batch is delivered whole:
//! in one transaction, or, at least once, its events before the state they led to.
//!
//! Two facts decide its form. Delivery reports are awaited before the commit, which then takes
//! milliseconds instead of a tenth of a second. After a commit or abort whose outcome is not known the
//! producer is abandoned: only a new one of the same transactional id, and what is then on the topic,
//! settle the outcome (librdkafka lacks KIP-890).

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};
use rdkafka::util::Timeout;

use crate::clock::Deadline;
use crate::event::NAMESPACE;
use crate::failpoints::failpoint;
use crate::kafka::{DeliveryReport, ErrorClass, KafkaContext, KafkaSettings, MessageKind};
use crate::ownership::{LARGEST_RECORD, OWNER_KEY, OwnerRecord};
use crate::store::{OutboxEvent, StateRecord};

/// librdkafka's own buffer. Its default is 1 GiB.
const BUFFER_KIB: u32 = 16 * 1024;
/// How long librdkafka gathers messages into one request, in milliseconds. A batch is handed over at
/// once, so there is little to wait for.
const LINGER_MS: u32 = 2;
/// How long a transaction may stay open before the broker aborts it, in milliseconds. Until then it
/// hides the records of others behind it.
const TRANSACTION_TIMEOUT_MS: u32 = 15_000;
/// How long one call of the transaction protocol may take before the deadline is checked again.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a commit is retried.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How often the deadline is checked while delivery reports are awaited.
const REPORT_TIMEOUT: Duration = Duration::from_millis(100);

/// The guarantee with which events are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Events, state and progress in one transaction.
    ExactlyOnce,
    /// Events first, then state and progress: repeats only after a crash, with equal ids.
    AtLeastOnce,
}

/// What is delivered together.
#[derive(Debug, Default)]
pub(crate) struct TransactionBatch<'a> {
    /// Events in order, each with its framed payload.
    pub(crate) events: Vec<(&'a OutboxEvent, Vec<u8>)>,
    /// Records of state, each key once.
    pub(crate) records: Vec<&'a StateRecord>,
}

/// Why a batch was not delivered.
#[derive(Debug)]
pub(crate) enum DeliveryFailure {
    /// Another owner has the shard.
    Fenced,
    /// Nothing of it is published: it may be sent again.
    Undelivered(KafkaError),
    /// It is not known whether it is published: a new producer has to settle it.
    Unknown(KafkaError),
    /// The broker permanently refuses a message of it.
    Refused(Code),
    /// The deadline passed.
    GivenUp,
}

/// A producer of events and state.
pub(crate) struct Producer {
    client: ThreadedProducer<KafkaContext>,
    context: KafkaContext,
    reports: Receiver<DeliveryReport>,
    delivery: Delivery,
    source_prefix: String,
    topic_prefix: String,
    state_topic: String,
    shard: i32,
}

impl Producer {
    /// A producer for a shard. With transactions it has fenced every other producer of the shard when
    /// this returns. Blocks for a few seconds at most.
    pub(crate) fn new(
        settings: &KafkaSettings,
        delivery: Delivery,
        shard: i32,
    ) -> Result<Self, KafkaError> {
        let (context, reports) = KafkaContext::for_producer();
        let mut config = settings.client_config();
        config
            .set("enable.idempotence", "true")
            // Topics are created as configured, or not at all.
            .set("allow.auto.create.topics", "false")
            .set("acks", "all")
            // As Java's clients do: joins by key need the same partitions.
            .set("partitioner", "murmur2_random")
            .set("message.max.bytes", LARGEST_RECORD.to_string())
            .set("queue.buffering.max.kbytes", BUFFER_KIB.to_string());
        match delivery {
            Delivery::ExactlyOnce => {
                config
                    .set("transactional.id", settings.transactional_id(shard))
                    .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
            }
            Delivery::AtLeastOnce => {
                config
                    // Later events of a key must not overtake a refused one: the producer fails
                    // instead, and a new one begins at that event.
                    .set("enable.gapless.guarantee", "true")
                    // Messages never expire: while Kafka is down they wait, in order.
                    .set("message.timeout.ms", "0");
            }
        }
        if config.get("linger.ms").is_none() && config.get("queue.buffering.max.ms").is_none() {
            config.set("linger.ms", LINGER_MS.to_string());
        }
        if config.get("compression.type").is_none() && config.get("compression.codec").is_none() {
            config.set("compression.type", "lz4");
        }
        let client: ThreadedProducer<KafkaContext> = config.create_with_context(context.clone())?;
        if delivery == Delivery::ExactlyOnce {
            client.init_transactions(Timeout::After(CALL_TIMEOUT * 2))?;
        }
        Ok(Self {
            client,
            context,
            reports,
            delivery,
            source_prefix: format!("/floorcast/{}/", settings.deployment),
            topic_prefix: settings.topic_prefix.clone(),
            state_topic: settings.state_topic(),
            shard,
        })
    }

    /// Checks that transactions of this deployment may be begun, with a transactional id of its own
    /// that fences nobody. Blocks for a few seconds at most.
    pub(crate) fn check_transactions(settings: &KafkaSettings) -> Result<(), KafkaError> {
        let mut config = settings.client_config();
        config
            .set("transactional.id", format!("{}-check", settings.transactional_id_prefix()))
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
        let producer: ThreadedProducer<KafkaContext> =
            config.create_with_context(KafkaContext::default())?;
        producer.init_transactions(Timeout::After(CALL_TIMEOUT * 2))
    }

    /// Delivers a batch and the owner record with it. Returns the owner record's offset on the state
    /// topic. Blocks until all is published, something failed, or the deadline passes.
    pub(crate) fn deliver(
        &self,
        batch: &TransactionBatch,
        owner: &OwnerRecord,
        deadline: Deadline,
    ) -> Result<i64, DeliveryFailure> {
        match self.delivery {
            Delivery::ExactlyOnce => {
                self.transact(batch, owner, deadline).map_err(|failure| match self.fatal_error() {
                    // The error of a call may hide the fatal error of the producer.
                    Some((code, _)) if ErrorClass::of_code(code) == ErrorClass::Fenced => {
                        DeliveryFailure::Fenced
                    }
                    _ => failure,
                })
            }
            Delivery::AtLeastOnce => {
                self.deliver_at_least_once(batch, owner, deadline).map_err(Into::into)
            }
        }
    }

    fn deliver_at_least_once(
        &self,
        batch: &TransactionBatch,
        owner: &OwnerRecord,
        deadline: Deadline,
    ) -> Result<i64, SendError> {
        self.send_events(batch, deadline)?;
        self.await_reports(batch.events.len(), deadline)?;
        failpoint("publish::mid_batch");
        let messages = self.send_state(batch, owner, deadline)?;
        self.await_reports(messages, deadline)
    }

    fn transact(
        &self,
        batch: &TransactionBatch,
        owner: &OwnerRecord,
        deadline: Deadline,
    ) -> Result<i64, DeliveryFailure> {
        self.client.begin_transaction().map_err(DeliveryFailure::fenced_or_unknown)?;
        failpoint("publish::after_begin");
        let sent = || {
            self.send_events(batch, deadline)?;
            failpoint("publish::mid_batch");
            let messages = self.send_state(batch, owner, deadline)?;
            self.await_reports(messages + batch.events.len(), deadline)
        };
        let offset = match sent() {
            Ok(offset) => offset,
            Err(error) => return Err(self.abort(error)),
        };
        failpoint("publish::before_commit");
        self.commit(deadline)?;
        Ok(offset)
    }

    fn commit(&self, deadline: Deadline) -> Result<(), DeliveryFailure> {
        let begun = Instant::now();
        loop {
            let error = match self.client.commit_transaction(Timeout::After(CALL_TIMEOUT)) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let KafkaError::Transaction(reason) = &error else {
                return Err(DeliveryFailure::Unknown(error));
            };
            if ErrorClass::of(&error) == ErrorClass::Fenced {
                return Err(DeliveryFailure::Fenced);
            }
            if reason.txn_requires_abort() {
                return Err(self.abort(SendError::Failed(error)));
            }
            let is_over = begun.elapsed() > COMMIT_TIMEOUT || deadline.has_passed();
            if !reason.is_retriable() || is_over {
                return Err(DeliveryFailure::Unknown(error));
            }
        }
    }

    /// Ends a transaction of which nothing is to be published.
    fn abort(&self, reason: SendError) -> DeliveryFailure {
        if let SendError::Failed(error) = &reason
            && ErrorClass::of(error) == ErrorClass::Fenced
        {
            return DeliveryFailure::Fenced;
        }
        match self.client.abort_transaction(Timeout::After(CALL_TIMEOUT)) {
            Ok(()) => {
                // Reports of purged messages must not be taken for those of the next batch.
                self.discard_reports();
                reason.into()
            }
            Err(error) => DeliveryFailure::fenced_or_unknown(error),
        }
    }

    fn send_events(&self, batch: &TransactionBatch, deadline: Deadline) -> Result<(), SendError> {
        for (event, payload) in &batch.events {
            let topic = event.topic.full_name(&self.topic_prefix);
            let record = BaseRecord::with_opaque_to(&topic, Box::new(MessageKind::Event))
                .key(event.key.as_bytes())
                .payload(payload.as_slice())
                // Kafka's retention uses this timestamp: a backfilled old change is kept as long as a new one.
                .timestamp(event.observed_at.millis())
                .headers(self.headers(event));
            self.send(record, deadline)?;
        }
        Ok(())
    }

    /// Sends the records of state and then the owner record; returns how many.
    fn send_state(
        &self,
        batch: &TransactionBatch,
        owner: &OwnerRecord,
        deadline: Deadline,
    ) -> Result<usize, SendError> {
        let value = owner.to_bytes();
        let own = (OWNER_KEY, Some(value.as_slice()));
        let records = batch.records.iter().map(|(key, value)| (&key[..], value.as_deref()));
        let mut sent = 0;
        for (key, value) in records.chain([own]) {
            let mut record =
                BaseRecord::with_opaque_to(&self.state_topic, Box::new(MessageKind::State))
                    .partition(self.shard)
                    .key(key);
            if let Some(value) = value {
                record = record.payload(value);
            }
            self.send(record, deadline)?;
            sent += 1;
        }
        Ok(sent)
    }

    fn send(
        &self,
        mut record: BaseRecord<'_, [u8], [u8], Box<MessageKind>>,
        deadline: Deadline,
    ) -> Result<(), SendError> {
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) if ErrorClass::of(&error) == ErrorClass::QueueFull => {
                    record = back;
                }
                Err((error, _)) => return Err(SendError::Failed(error)),
            }
            if deadline.has_passed() {
                return Err(SendError::GivenUp);
            }
            // The buffer empties as the broker answers.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the reports of this many messages; returns the last offset on the state topic.
    fn await_reports(&self, messages: usize, deadline: Deadline) -> Result<i64, SendError> {
        let (mut left, mut state_offset) = (messages, -1);
        while left > 0 {
            match self.reports.recv_timeout(REPORT_TIMEOUT) {
                Ok(DeliveryReport::Acknowledged { kind, offset }) => {
                    left -= 1;
                    if kind == MessageKind::State {
                        state_offset = state_offset.max(offset);
                    }
                }
                Ok(DeliveryReport::Failed(error)) => return Err(SendError::Failed(error)),
                Err(RecvTimeoutError::Timeout) => {
                    if deadline.has_passed() {
                        return Err(SendError::GivenUp);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(SendError::Failed(KafkaError::Canceled));
                }
            }
        }
        Ok(state_offset)
    }

    /// CloudEvents 1.0, Kafka protocol binding, binary mode: attributes as `ce_` headers, the
    /// payload untouched.
    fn headers(&self, event: &OutboxEvent) -> OwnedHeaders {
        let id = event.event_id.to_string();
        let source = format!("{}{}", self.source_prefix, event.account);
        let event_type = format!("{NAMESPACE}.{}", event.event_type.as_str());
        let time = event.occurred_at.to_rfc3339_millis();
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", &id),
            ("ce_source", &source),
            ("ce_type", &event_type),
            ("ce_time", &time),
            ("ce_subject", &event.key),
            ("content-type", "application/avro"),
        ];
        headers.into_iter().fold(OwnedHeaders::new_with_capacity(7), |all, (key, value)| {
            all.insert(Header { key, value: Some(value) })
        })
    }

    /// Why the client cannot work, if it has reported an outage since this was last called.
    pub(crate) fn take_outage(&self) -> Option<String> {
        self.discard_reports();
        self.context.take_outage()
    }

    /// Drops reports of earlier batches.
    fn discard_reports(&self) {
        while self.reports.try_recv().is_ok() {}
    }

    /// The error after which the producer can never send again, if there was one.
    pub(crate) fn fatal_error(&self) -> Option<(Code, String)> {
        self.client.client().fatal_error()
    }

    /// Discards all messages in the buffer or in flight.
    pub(crate) fn abandon(self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
        // Dropping it joins its poll thread, which serves the last reports.
        let _ = self.client.flush(Timeout::After(REPORT_TIMEOUT));
    }
}

/// Why messages were not sent or acknowledged.
#[derive(Debug)]
enum SendError {
    Failed(KafkaError),
    /// The deadline passed.
    GivenUp,
}

impl From<SendError> for DeliveryFailure {
    /// The failure of a batch that is to be sent again whole.
    fn from(error: SendError) -> Self {
        let error = match error {
            SendError::GivenUp => return Self::GivenUp,
            SendError::Failed(error) => error,
        };
        match (ErrorClass::of(&error), error.rdkafka_error_code()) {
            (ErrorClass::Fenced, _) => Self::Fenced,
            (ErrorClass::MessageRefused, Some(code)) => Self::Refused(code),
            _ => Self::Undelivered(error),
        }
    }
}

impl DeliveryFailure {
    fn fenced_or_unknown(error: KafkaError) -> Self {
        match ErrorClass::of(&error) {
            ErrorClass::Fenced => Self::Fenced,
            _ => Self::Unknown(error),
        }
    }
}
