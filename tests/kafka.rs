//! What is only true against a real Apache Kafka.

mod broker;
mod consumers;
mod events;
mod guarded;
mod ownership;
mod shard;
mod tail;
mod topics;
