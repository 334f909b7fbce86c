//! The producer: librdkafka, with its own poll thread and a bounded buffer. What is handed over is
//! delivered whole: in one transaction, or, at least once, events before the state they led to.
//!
//! Facts that decide its form: delivery reports are awaited before the commit, which then takes
//! milliseconds instead of a tenth of a second. After a commit or an abort whose end is not known
//! the producer is given up: only a new one of the same id, and what is then on the topic, settle
//! it (librdkafka lacks KIP-890).

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};
use rdkafka::util::Timeout;

use crate::event::NAMESPACE;
use crate::failpoints::passing;
use crate::kafka::{DeliveryReport, KafkaSettings, ProducerEvents};
use crate::ownership::{LARGEST_RECORD, OWNER_KEY, OwnerRecord};
use crate::store::{OutboxEvent, StateRecord};

/// librdkafka's own buffer. Its default is 1 GiB.
const BUFFER_KIB: u32 = 16 * 1024;
/// How long messages are gathered into one request, in milliseconds: a batch is handed over at
/// once, so that there is nothing to wait for.
const LINGER_MS: u32 = 2;
/// How long a transaction may stay open before the broker aborts it, in milliseconds: until then
/// the records of others behind it stay hidden.
const TRANSACTION_TIMEOUT_MS: u32 = 15_000;
/// How long one call of the transaction's protocol may take before it is looked whether to go on.
const CALL: Duration = Duration::from_secs(5);
/// How long the end of a transaction is asked for.
const ENDING: Duration = Duration::from_secs(15);
/// How often an order to end is looked for while reports are awaited.
const LOOK: Duration = Duration::from_millis(100);

/// How events are delivered.
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
    /// Events, in order, as they are framed.
    pub(crate) events: Vec<(&'a OutboxEvent, Vec<u8>)>,
    /// Records of state, each key once.
    pub(crate) records: Vec<&'a StateRecord>,
}

/// Why something was not delivered.
#[derive(Debug)]
pub(crate) enum DeliveryFailure {
    /// Another owner has the shard.
    Fenced,
    /// Nothing of it is there: it may be sent again.
    Undelivered(KafkaError),
    /// Whether it is there is not known: a new producer has to settle it.
    Unknown(KafkaError),
    /// The broker will never take a message of it.
    Refused(Code),
    /// It was given up, because the process is to end.
    GivenUp,
}

/// A producer of events and state.
pub(crate) struct Producer {
    client: ThreadedProducer<ProducerEvents>,
    news: Receiver<DeliveryReport>,
    /// What the client said last of why something fails.
    heard: RefCell<Option<String>>,
    delivery: Delivery,
    source_prefix: String,
    topic_prefix: String,
    state_topic: String,
    shard: i32,
}

impl Producer {
    /// A producer for a shard. With transactions it has fenced every other one of the shard when
    /// this returns. Blocks for some seconds at most.
    pub(crate) fn new(
        settings: &KafkaSettings,
        delivery: Delivery,
        shard: i32,
    ) -> Result<Self, KafkaError> {
        let (sender, news) = channel();
        let mut config = settings.client();
        config
            .set("enable.idempotence", "true")
            // Topics are made as configured, or not at all.
            .set("allow.auto.create.topics", "false")
            .set("acks", "all")
            // As Java's clients do, so that their joins by key find the same partitions.
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
                    // A refused event must not be overtaken by later ones of its key: the producer
                    // breaks instead, and a new one begins at that event.
                    .set("enable.gapless.guarantee", "true")
                    // A message never expires: while Kafka is away it waits, and the order stays.
                    .set("message.timeout.ms", "0");
            }
        }
        if config.get("linger.ms").is_none() && config.get("queue.buffering.max.ms").is_none() {
            config.set("linger.ms", LINGER_MS.to_string());
        }
        if config.get("compression.type").is_none() && config.get("compression.codec").is_none() {
            config.set("compression.type", "lz4");
        }
        let client: ThreadedProducer<ProducerEvents> =
            config.create_with_context(ProducerEvents { news: sender })?;
        if delivery == Delivery::ExactlyOnce {
            client.init_transactions(Timeout::After(CALL * 2))?;
        }
        Ok(Self {
            client,
            news,
            heard: RefCell::new(None),
            delivery,
            source_prefix: format!("/floorcast/{}/", settings.deployment),
            topic_prefix: settings.topic_prefix.clone(),
            state_topic: settings.state_topic(),
            shard,
        })
    }

    /// Whether transactions of this deployment may be begun, by one that owns no shard and fences
    /// nobody. Blocks for some seconds at most.
    pub(crate) fn may_transact(settings: &KafkaSettings) -> Result<(), KafkaError> {
        let (sender, _) = channel();
        let mut config = settings.client();
        config
            .set("transactional.id", format!("{}-check", settings.transactional_ids()))
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
        let producer: ThreadedProducer<ProducerEvents> =
            config.create_with_context(ProducerEvents { news: sender })?;
        producer.init_transactions(Timeout::After(CALL * 2))
    }

    /// Delivers a shipment and the owner's record with it. Returns the offset of the owner's record
    /// on the state topic. Blocks until it is there, failed, or `give_up` says so.
    pub(crate) fn deliver(
        &self,
        shipment: &TransactionBatch,
        owner: &OwnerRecord,
        give_up: &dyn Fn() -> bool,
    ) -> Result<i64, DeliveryFailure> {
        match self.delivery {
            Delivery::ExactlyOnce => {
                self.transact(shipment, owner, give_up).map_err(|failure| match self.broken() {
                    // What a call says may hide why the producer is of no use any more.
                    Some((code, _)) if is_fenced(code) => DeliveryFailure::Fenced,
                    _ => failure,
                })
            }
            Delivery::AtLeastOnce => {
                self.send_events(shipment, give_up).map_err(DeliveryFailure::from_sending)?;
                self.await_reports(shipment.events.len(), give_up)
                    .map_err(DeliveryFailure::from_sending)?;
                passing("publish::mid_batch");
                let messages = self
                    .send_state(shipment, owner, give_up)
                    .map_err(DeliveryFailure::from_sending)?;
                self.await_reports(messages, give_up).map_err(DeliveryFailure::from_sending)
            }
        }
    }

    fn transact(
        &self,
        shipment: &TransactionBatch,
        owner: &OwnerRecord,
        give_up: &dyn Fn() -> bool,
    ) -> Result<i64, DeliveryFailure> {
        self.client
            .begin_transaction()
            .map_err(|error| DeliveryFailure::of(error, DeliveryFailure::Unknown))?;
        passing("publish::after_begin");
        let sent = || {
            self.send_events(shipment, give_up)?;
            passing("publish::mid_batch");
            let messages = self.send_state(shipment, owner, give_up)?;
            self.await_reports(messages + shipment.events.len(), give_up)
        };
        let offset = match sent() {
            Ok(offset) => offset,
            Err(trouble) => return Err(self.abort(trouble)),
        };
        passing("publish::before_commit");
        self.commit(give_up)?;
        Ok(offset)
    }

    fn commit(&self, give_up: &dyn Fn() -> bool) -> Result<(), DeliveryFailure> {
        let begun = Instant::now();
        loop {
            let error = match self.client.commit_transaction(Timeout::After(CALL)) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let KafkaError::Transaction(told) = &error else {
                return Err(DeliveryFailure::Unknown(error));
            };
            if is_fenced(told.code()) {
                return Err(DeliveryFailure::Fenced);
            }
            if told.txn_requires_abort() {
                return Err(self.abort(SendError::Failed(error)));
            }
            if !told.is_retriable() || begun.elapsed() > ENDING || give_up() {
                return Err(DeliveryFailure::Unknown(error));
            }
        }
    }

    /// Ends a transaction of which nothing is to be there.
    fn abort(&self, trouble: SendError) -> DeliveryFailure {
        if let SendError::Failed(error) = &trouble
            && error.rdkafka_error_code().is_some_and(is_fenced)
        {
            return DeliveryFailure::Fenced;
        }
        match self.client.abort_transaction(Timeout::After(CALL)) {
            Ok(()) => {
                // Reports of what was purged are of no interest.
                self.listen();
                DeliveryFailure::from_sending(trouble)
            }
            Err(error) => DeliveryFailure::of(error, DeliveryFailure::Unknown),
        }
    }

    fn send_events(
        &self,
        shipment: &TransactionBatch,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(), SendError> {
        for (event, payload) in &shipment.events {
            let topic = event.topic.full_name(&self.topic_prefix);
            let record = BaseRecord::with_opaque_to(&topic, Box::new(false))
                .key(event.key.as_bytes())
                .payload(payload.as_slice())
                // Retention goes by it: a change of long ago that is backfilled today is kept, too.
                .timestamp(event.observed_at.millis())
                .headers(self.headers(event));
            self.send(record, give_up)?;
        }
        Ok(())
    }

    /// Sends records of state and, as the last, the owner's; says how many.
    fn send_state(
        &self,
        shipment: &TransactionBatch,
        owner: &OwnerRecord,
        give_up: &dyn Fn() -> bool,
    ) -> Result<usize, SendError> {
        let value = owner.to_bytes();
        let own = (OWNER_KEY, Some(value.as_slice()));
        let records = shipment.records.iter().map(|(key, value)| (&key[..], value.as_deref()));
        let mut sent = 0;
        for (key, value) in records.chain([own]) {
            let mut record = BaseRecord::with_opaque_to(&self.state_topic, Box::new(true))
                .partition(self.shard)
                .key(key);
            if let Some(value) = value {
                record = record.payload(value);
            }
            self.send(record, give_up)?;
            sent += 1;
        }
        Ok(sent)
    }

    fn send(
        &self,
        mut record: BaseRecord<'_, [u8], [u8], Box<bool>>,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(), SendError> {
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), back)) => record = back,
                Err((error, _)) => return Err(SendError::Failed(error)),
            }
            if give_up() {
                return Err(SendError::GivenUp);
            }
            // The buffer empties as the broker answers.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until that many messages are reported; returns the last offset on the state topic.
    fn await_reports(&self, messages: usize, give_up: &dyn Fn() -> bool) -> Result<i64, SendError> {
        let (mut left, mut state_offset) = (messages, -1);
        while left > 0 {
            match self.news.recv_timeout(LOOK) {
                Ok(DeliveryReport::Acknowledged { is_state, offset }) => {
                    left -= 1;
                    if is_state {
                        state_offset = state_offset.max(offset);
                    }
                }
                Ok(DeliveryReport::Failed(error)) => return Err(SendError::Failed(error)),
                Ok(DeliveryReport::Down(reason)) => *self.heard.borrow_mut() = Some(reason),
                Err(RecvTimeoutError::Timeout) => {
                    if give_up() {
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

    /// Why the connection is down, where the client has said so since it was last asked.
    pub(crate) fn heard_down(&self) -> Option<String> {
        self.listen();
        self.heard.take()
    }

    fn listen(&self) {
        while let Ok(news) = self.news.try_recv() {
            if let DeliveryReport::Down(reason) = news {
                *self.heard.borrow_mut() = Some(reason);
            }
        }
    }

    /// Why the producer can never send again, where it cannot.
    pub(crate) fn broken(&self) -> Option<(Code, String)> {
        self.client.client().fatal_error()
    }

    /// Gives everything up that is in the buffer or under way.
    pub(crate) fn abandon(self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
        // Dropping it joins its poll thread, which serves the last reports.
        let _ = self.client.flush(Timeout::After(LOOK));
    }
}

/// What went wrong while messages were sent.
#[derive(Debug)]
enum SendError {
    Failed(KafkaError),
    GivenUp,
}

impl DeliveryFailure {
    /// A failure of which nothing is there, or nothing counts.
    fn from_sending(trouble: SendError) -> Self {
        match trouble {
            SendError::GivenUp => Self::GivenUp,
            SendError::Failed(error) => match error.rdkafka_error_code() {
                Some(code) if is_fenced(code) => Self::Fenced,
                Some(code) if is_refusal(code) => Self::Refused(code),
                _ => Self::Undelivered(error),
            },
        }
    }

    fn of(error: KafkaError, otherwise: impl Fn(KafkaError) -> Self) -> Self {
        match error.rdkafka_error_code() {
            Some(code) if is_fenced(code) => Self::Fenced,
            _ => otherwise(error),
        }
    }
}

/// Another producer of the same transactional id has begun.
pub(crate) const fn is_fenced(code: Code) -> bool {
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
}

/// The broker will refuse the same message each time.
const fn is_refusal(code: Code) -> bool {
    matches!(code, Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::InvalidRecord)
}
