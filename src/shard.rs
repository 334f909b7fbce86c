//! The shard: it owns accounts and drives the way of every record, from the question to a vendor
//! to the outbox.
//!
//! Two halves. The *engine* is synchronous and has a thread of its own: it takes one reading at a
//! time, detects, and commits state, cursor and outbox in one batch. *Polling* is asynchronous: a
//! task for each stream asks, hands the reading to the engine, and asks again. A reading that
//! fails at any point leaves nothing behind, and the next one repairs it.

mod account;
mod closing;
mod engine;
mod output;
mod polling;
mod readings;
mod recent;
mod room;
#[cfg(test)]
mod tests;
mod thread;
mod waits;
mod writing;

pub use account::{Owned, Start};
pub use engine::{Applied, Engine};
pub use output::{EngineError, Output};
pub use polling::{AccountPlan, Polling, StreamPlan};
pub use thread::{EngineHandle, spawn_engine};
