//! From the outbox to Kafka: Avro, the producer, the order of things.

pub mod avro;
mod kafka;
mod outbox;
pub mod registry;
mod topics;

pub use kafka::{Connection, Settings};
pub use outbox::{Bell, Drained, Observer, Publisher};
pub use topics::{TopicPlan, TopicsError, ensure_topics};
