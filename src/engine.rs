//! One poll result in, one atomic store batch out.
//!
//! The engine is synchronous and has a thread of its own: it takes one poll result at a time, detects
//! the changes, and commits state, cursor and outbox in one batch. A poll result that fails at any
//! point leaves nothing in the store, and the next poll reads the same rows again.

mod account;
mod apply;
mod entity_quota;
mod output;
mod privacy_migration;
mod recently_ended;
mod requests;
mod retention;
mod rows;
mod sla_deadlines;
#[cfg(test)]
mod tests;
mod thread;
mod unit_of_work;
mod versioned_state;

pub use account::{EngineAccount, Start};
pub use apply::{Applied, Engine};
pub use output::{EngineError, Output};
pub use requests::ChooseRequest;
pub use thread::{EngineHandle, spawn_engine};
