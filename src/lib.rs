//! floorcast watches contact centres through their vendors' polling APIs and publishes every
//! change as a typed Avro event on Kafka.
//!
//! The modules follow the way of a record:
//!
//! ```text
//! source ─► detect ─► store ─► publish ─► Kafka
//!    ▲                          (model and event are the words they share)
//! schedule
//! ```
//!
//! `source` asks a vendor and decodes the answer into the `model`; `detect` compares it, purely,
//! with what was last committed; `store` keeps state, cursors and the outbox in one atomic batch;
//! `publish` sends the outbox in order. `shard` drives that way for the accounts it owns, and
//! `schedule` decides what the account's rate limit is spent on.

// A simulated record has more fields than the JSON macro allows by default.
#![recursion_limit = "256"]

pub mod admin;
mod backoff;
pub mod bridge;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consume;
pub mod delivery;
pub mod detect;
pub mod engine;
pub mod event;
mod failpoints;
#[cfg(test)]
mod fuzz;
pub mod kafka;
pub mod model;
pub mod ownership;
pub mod poll;
pub mod secret;
pub mod shard;
pub mod simulate;
pub mod source;
pub mod store;
pub mod telemetry;
