//! From the outbox to Kafka: who owns a shard, Avro, the producer, the order of things.

pub mod avro;
mod examination;
mod framing;
mod kafka;
mod omission;
mod outbox;
mod ownership;
mod producer;
mod publisher;
pub mod registry;
mod restore;
mod state_topic;
mod topics;
mod trouble;
mod verification;

pub use examination::examine;
pub use kafka::{Connection, Settings};
pub use ownership::RestoreReason;
pub use producer::Delivery;
pub use publisher::{
    Activity, Bell, Observer, Phase, Publisher, PublisherParts, TransactionOutcome,
};
pub use state_topic::shard_of;
pub use topics::{TopicPlan, Topics, TopicsError, ensure_topics};
pub use trouble::{Remedy, Trouble};
pub use verification::{Difference, Verification, VerificationError, verify};
