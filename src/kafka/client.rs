//! The broker's client: what it is made of, and what it says.

use std::sync::mpsc::Sender;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use super::problem::explain;

/// How the broker is reached.
#[derive(Clone)]
pub struct KafkaSettings {
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

impl std::fmt::Debug for KafkaSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The properties may hold passwords.
        formatter
            .debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl KafkaSettings {
    /// The topic on which the state of the deployment is kept.
    #[must_use]
    pub fn state_topic(&self) -> String {
        format!("{}.state.{}", self.topic_prefix, self.deployment)
    }

    /// The id under which a shard's owner is known to the broker, so that its successor fences it.
    #[must_use]
    pub fn transactional_id(&self, shard: i32) -> String {
        format!("{}-{shard}", self.transactional_ids())
    }

    /// What the ids of all its shards begin with.
    pub(crate) fn transactional_ids(&self) -> String {
        format!("{}-{}", self.topic_prefix, self.deployment)
    }

    /// What every client of this program starts from.
    pub(crate) fn client(&self) -> ClientConfig {
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
pub enum BrokerConnection {
    /// It answers.
    Up,
    /// It does not, or refuses; why.
    Down(String),
}

/// What happened to a message or the connection.
#[derive(Debug)]
pub(crate) enum DeliveryReport {
    /// The broker has a message, at this offset of its partition.
    Acknowledged {
        /// Whether it is of the state topic.
        is_state: bool,
        /// Where it lies.
        offset: i64,
    },
    /// A message was refused, or the producer gave up.
    Failed(KafkaError),
    /// The connection broke.
    Down(String),
}

/// Passes what librdkafka tells on to whoever sends.
#[derive(Clone, Debug)]
pub(crate) struct ProducerEvents {
    pub(crate) news: Sender<DeliveryReport>,
}

impl ProducerEvents {
    fn tell(&self, news: DeliveryReport) {
        // The one who sends may have gone; then nobody waits for it.
        let _ = self.news.send(news);
    }
}

impl ClientContext for ProducerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // These lines repeat with every attempt; the change of state is reported once.
        tracing::debug!(?level, facility, message, "librdkafka");
        // Why a transaction fails is told by a log line alone: its messages say that they were
        // given up. "… in state InTransaction: where: Broker: reason (after 3ms) (NAME)".
        if facility == "TXNERR" {
            let reason = message.rsplit_once("Broker: ").map_or(message, |(_, reason)| reason);
            let reason = reason.split_once(" (").map_or(reason, |(reason, _)| reason);
            self.tell(DeliveryReport::Down(explain(None, reason).text));
        }
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
            self.tell(DeliveryReport::Down(explain(error.rdkafka_error_code(), reason).text));
        }
    }
}

impl ProducerContext for ProducerEvents {
    /// Whether the message is of the state topic.
    type DeliveryOpaque = Box<bool>;

    fn delivery(&self, result: &DeliveryResult<'_>, is_state: Self::DeliveryOpaque) {
        self.tell(match result {
            Ok(message) => {
                DeliveryReport::Acknowledged { is_state: *is_state, offset: message.offset() }
            }
            Err((error, _)) => DeliveryReport::Failed(error.clone()),
        });
    }
}
