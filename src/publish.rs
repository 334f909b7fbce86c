//! From the outbox to Kafka: Avro, the producer, the order of things.

pub mod avro;
mod kafka;
mod outbox;
pub mod registry;
mod topics;
mod trouble;

pub use kafka::{Connection, Settings};
pub use outbox::{Bell, Drained, Observer, Publisher};
pub use topics::{TopicPlan, Topics, TopicsError, ensure_topics};
pub use trouble::{Remedy, Trouble};
