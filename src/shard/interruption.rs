//! Why a publisher cannot go on from standby over takeover to ownership.

use rdkafka::error::KafkaError;

use crate::delivery::{DeliveryFailure, Producer};
use crate::kafka::{ErrorClass, explain, explain_error};
use crate::ownership::StateTopicError;
use crate::store;

/// What interrupts a publisher.
#[derive(Debug)]
pub(super) enum Interruption {
    /// A stop is requested.
    Finish,
    /// Another owner has begun: back to standby.
    Fenced,
    /// Kafka does not answer: to be tried again.
    Retry(String),
    /// An operator is needed.
    Refused(String),
    /// The store failed, and reopening it does not help.
    Store(store::Error),
    /// The store is damaged or closed: to be opened again, which checks it; a damaged one is replaced
    /// and restored from the state topic.
    ReopenStore(store::Error),
}

impl From<StateTopicError> for Interruption {
    fn from(error: StateTopicError) -> Self {
        match error {
            StateTopicError::Kafka(reason) => Self::Retry(reason),
            StateTopicError::Newer(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<store::Error> for Interruption {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Foreign => Self::Refused(error.to_string()),
            error => Self::Store(error),
        }
    }
}

impl From<KafkaError> for Interruption {
    fn from(error: KafkaError) -> Self {
        match ErrorClass::of(&error) {
            ErrorClass::Fenced => Self::Fenced,
            _ => Self::Retry(explain_error(&error).text),
        }
    }
}

impl Interruption {
    /// From a failed delivery. An outage that the producer has reported is the cause, and goes first.
    pub(super) fn of_delivery(failure: DeliveryFailure, producer: &Producer) -> Self {
        match (failure, producer.take_outage()) {
            (DeliveryFailure::Fenced, _) => Self::Fenced,
            (DeliveryFailure::GivenUp, _) => Self::Finish,
            (DeliveryFailure::Refused(code), _) => Self::Refused(explain(Some(code), "").text),
            (_, Some(reason)) => Self::Retry(reason),
            (DeliveryFailure::Undelivered(error) | DeliveryFailure::Unknown(error), None) => {
                error.into()
            }
        }
    }
}
