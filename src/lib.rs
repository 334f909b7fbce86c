//! floorcast polls contact centres through their vendors' HTTP APIs and publishes every change as a
//! typed Avro event on Kafka.
//!
//! The modules follow a record from the vendor to the topic:
//!
//! ```text
//! vendor API ─► source ─► poll ─► engine ─► store ─► delivery ─► Kafka
//!               decode    what    detect,   state +  one transaction:
//!                         next    encode    outbox   events, state, progress
//! ```
//!
//! `source` sends the requests and decodes the answers into the `model`; `poll` decides which stream
//! the account's rate limit is spent on; `engine` has `detect` compare a poll result with the stored
//! state and encodes the `event`s; `store` keeps state, cursors and the outbox in one atomic batch;
//! `delivery` sends the outbox in order. `ownership` decides which bridge may do so, `shard` runs all
//! of it for the accounts of a shard, and `bridge` runs the shards.

// The JSON macro recurses once for each field of a simulated record.
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
