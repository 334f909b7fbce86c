//! The producer: librdkafka, idempotent, with its own poll thread and a bounded buffer.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;

use crate::event::NAMESPACE;
use crate::store::{OutboxEntry, OutboxEvent};

/// librdkafka's own buffer. Its default is 1 GiB.
const BUFFER_KIB: u32 = 8 * 1024;
/// How long messages are gathered into one request, in milliseconds.
const LINGER_MS: u32 = 10;

/// How the broker is reached.
#[derive(Clone)]
pub struct Settings {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// The name under which the broker knows this client.
    pub client_id: String,
    /// The name under which bridges own accounts; part of the events' source.
    pub deployment: String,
    /// The prefix of the topics' names.
    pub topic_prefix: String,
    /// Further properties of librdkafka, secrets resolved.
    pub properties: Vec<(String, String)>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The properties may hold passwords.
        formatter
            .debug_struct("Settings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// What every client of this program starts from.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", &self.client_id)
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}

/// Whether the broker can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It answers.
    Up,
    /// It does not, or refuses; why.
    Down(String),
}

/// What a producer says.
#[derive(Debug)]
pub(super) struct Report {
    /// Which producer: each that is made has its own number, so that one which was given up is
    /// not taken for its successor.
    pub(super) producer: u64,
    /// What it says.
    pub(super) news: News,
}

/// What happened to a message or the connection.
#[derive(Debug)]
pub(super) enum News {
    /// The broker has the entry of this number.
    Acknowledged(u64),
    /// It was refused, or the producer gave up.
    Failed(u64, KafkaError),
    /// The connection broke.
    Down(String),
}

/// Passes what librdkafka tells on to the publisher.
#[derive(Clone, Debug)]
pub(super) struct Context {
    producer: u64,
    reports: Sender<Report>,
}

impl Context {
    fn tell(&self, news: News) {
        // The publisher may have ended; then nobody waits for the report.
        let _ = self.reports.send(Report { producer: self.producer, news });
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Broker-down lines repeat with every attempt; the change of state is reported once.
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let down = matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::AllBrokersDown
                    | RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::Resolve
                    | RDKafkaErrorCode::Authentication
                    | RDKafkaErrorCode::SaslAuthenticationFailed
                    | RDKafkaErrorCode::SSL
                    | RDKafkaErrorCode::Fatal
            )
        );
        if down {
            self.tell(News::Down(reason.to_owned()));
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Self::DeliveryOpaque) {
        self.tell(match result {
            Ok(_) => News::Acknowledged(*number),
            Err((error, _)) => News::Failed(*number, error.clone()),
        });
    }
}

/// A producer of events.
pub(super) struct EventProducer {
    number: u64,
    producer: ThreadedProducer<Context>,
    source_prefix: Arc<str>,
    topic_prefix: Arc<str>,
}

impl EventProducer {
    /// A producer of this number.
    pub(super) fn new(
        settings: &Settings,
        number: u64,
        reports: Sender<Report>,
    ) -> Result<Self, KafkaError> {
        let mut config = settings.client();
        config
            .set("enable.idempotence", "true")
            // A refused event must not be overtaken by later ones of its key: the producer breaks
            // instead, and a new one begins at that event.
            .set("enable.gapless.guarantee", "true")
            // Topics are made as configured, or not at all.
            .set("allow.auto.create.topics", "false")
            .set("acks", "all")
            // As Java's clients do, so that their joins by key find the same partitions.
            .set("partitioner", "murmur2_random")
            // A message never expires: while Kafka is away it waits, and the order stays.
            .set("message.timeout.ms", "0")
            .set("queue.buffering.max.kbytes", BUFFER_KIB.to_string())
            .set("linger.ms", LINGER_MS.to_string());
        if config.get("compression.type").is_none() && config.get("compression.codec").is_none() {
            config.set("compression.type", "lz4");
        }
        let producer = config.create_with_context(Context { producer: number, reports })?;
        Ok(Self {
            number,
            producer,
            source_prefix: format!("/floorcast/{}/", settings.deployment).into(),
            topic_prefix: Arc::from(settings.topic_prefix.as_str()),
        })
    }

    /// Hands a message over; `payload` is the event in its framing. `Ok(false)` when the buffer is
    /// full: try again later.
    pub(super) fn send(&self, entry: &OutboxEntry, payload: &[u8]) -> Result<bool, KafkaError> {
        let event = &entry.event;
        let topic = event.topic.full_name(&self.topic_prefix);
        let record = BaseRecord::with_opaque_to(&topic, Box::new(entry.number))
            .key(&event.key)
            .payload(payload)
            // Retention goes by it: a change of long ago that is backfilled today is kept, too.
            .timestamp(event.observed_at.millis())
            .headers(self.headers(event));
        match self.producer.send(record) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(error),
        }
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

    /// Its number.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Whether the producer can never send again.
    pub(super) fn is_broken(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    /// Gives everything up that is in the buffer or under way.
    pub(super) fn abandon(self) {
        use rdkafka::producer::PurgeConfig;
        self.producer.purge(PurgeConfig::default().queue().inflight());
        // Dropping it joins its poll thread, which serves the last reports.
        let _ = self.producer.flush(Timeout::After(std::time::Duration::from_millis(100)));
    }
}
