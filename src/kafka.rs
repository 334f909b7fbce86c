//! librdkafka behind one module: how the broker is reached, what the client reports, and what its
//! errors mean.

mod client;
mod problem;

pub use client::{BrokerConnection, KafkaSettings};
pub(crate) use client::{DeliveryReport, ProducerEvents};
pub(crate) use problem::{ConnectionLog, explain};
pub use problem::{KafkaProblem, Remedy};
