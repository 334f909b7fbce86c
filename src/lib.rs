//! floorcast polls contact centres through their vendors' HTTP APIs and publishes every change as a
//! typed Avro event on Kafka.
//!
//! The modules follow a record from the vendor to the topic (docs/architecture.md has the whole):
//!
//! ```text
//! vendor API ─► source ─► poll ─► engine ─► store ─► delivery ─► Kafka
//! ```
//!
//! - [`source`] sends requests, decodes the answers and maps them to the [`model`]; each vendor has a
//!   folder of its own.
//! - [`poll`] decides which stream the account's rate limit is spent on.
//! - [`engine`] turns one poll result into one store batch: [`detect`] compares each row with the stored
//!   state, [`event`] encodes the changes.
//! - [`store`] keeps state, cursors and the outbox.
//! - [`delivery`] sends the outbox in order: events, state and progress in one Kafka transaction.
//! - [`ownership`] decides which bridge may poll and publish a shard, and restores its store from the
//!   state topic; [`kafka`] configures librdkafka's clients and explains their errors.
//! - [`shard`] starts and stops these parts for the accounts of a shard, and [`bridge`] runs the shards.
//!
//! [`config`] reads the configuration, [`cli`] has the commands, [`admin`] and [`telemetry`] take reports,
//! [`consume`] reads topics back, and [`simulate`] is a contact centre with a known truth.

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
