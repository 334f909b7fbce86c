//! The context of every librdkafka client: what it logs, reports as an error and acknowledges.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use super::problem::{ErrorClass, KafkaProblem, connection_error, explain};

/// Whether the broker can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerConnection {
    /// It answers.
    Up,
    /// It does not answer, or refuses; why.
    Down(String),
}

/// What a produced message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// An event on a consumers' topic.
    Event,
    /// A record of the state topic.
    State,
}

/// What became of one produced message.
#[derive(Debug)]
pub(crate) enum DeliveryReport {
    /// The broker has it, at this offset of its partition.
    Acknowledged {
        /// What was sent.
        kind: MessageKind,
        /// Its offset.
        offset: i64,
    },
    /// It was refused, or the producer discarded it.
    Failed(KafkaError),
}

/// The context of producers, consumers and admin clients. Clones share what was reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct KafkaContext {
    reported: Arc<Mutex<Reported>>,
    /// Where a producer's delivery reports go.
    deliveries: Option<Sender<DeliveryReport>>,
}

#[derive(Debug, Default)]
struct Reported {
    /// Why a connection failed last, as librdkafka logged it.
    connection_error: Option<String>,
    /// Why the client cannot work, explained, since it was last taken.
    outage: Option<String>,
}

impl KafkaContext {
    /// A context for a producer, and where its delivery reports come out.
    pub(crate) fn for_producer() -> (Self, Receiver<DeliveryReport>) {
        let (deliveries, reports) = channel();
        (Self { deliveries: Some(deliveries), ..Self::default() }, reports)
    }

    /// Why a connection failed last, as librdkafka logged it.
    pub(crate) fn last_connection_error(&self) -> Option<String> {
        self.reported().connection_error.clone()
    }

    /// Explains the failure of a call: by the last connection error where there is one, else by the
    /// code that the call returned.
    pub(crate) fn explain(&self, code: Option<RDKafkaErrorCode>) -> KafkaProblem {
        explain(code, &self.last_connection_error().unwrap_or_default())
    }

    /// Why the client cannot work, if it has reported an outage since this was last called.
    pub(crate) fn take_outage(&self) -> Option<String> {
        self.reported().outage.take()
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outage(&self, code: Option<RDKafkaErrorCode>, reason: &str) {
        self.reported().outage = Some(explain(code, reason).text);
    }
}

impl ClientContext for KafkaContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // These lines repeat with every attempt; a change of the connection is logged once, elsewhere.
        tracing::debug!(?level, facility, message, "librdkafka");
        match facility {
            // Why a connection fails is in this line and nowhere else.
            "FAIL" => {
                self.reported().connection_error = Some(connection_error(message).to_owned());
            }
            // Why a transaction fails is in this line and nowhere else: its messages only report
            // that they were purged.
            // "… in state InTransaction: where: Broker: reason (after 3ms) (NAME)".
            "TXNERR" => {
                let reason = message.rsplit_once("Broker: ").map_or(message, |(_, reason)| reason);
                let reason = reason.split_once(" (").map_or(reason, |(reason, _)| reason);
                self.outage(None, reason);
            }
            _ => {}
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
        if ErrorClass::of(&error).is_outage() {
            self.outage(error.rdkafka_error_code(), reason);
        }
    }
}

impl ConsumerContext for KafkaContext {}

impl ProducerContext for KafkaContext {
    type DeliveryOpaque = Box<MessageKind>;

    fn delivery(&self, result: &DeliveryResult<'_>, kind: Self::DeliveryOpaque) {
        let Some(deliveries) = &self.deliveries else { return };
        // The receiver is gone when the producer is dropped.
        let _ = deliveries.send(match result {
            Ok(message) => DeliveryReport::Acknowledged { kind: *kind, offset: message.offset() },
            Err((error, _)) => DeliveryReport::Failed(error.clone()),
        });
    }
}
