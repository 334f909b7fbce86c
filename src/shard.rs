//! A shard from standby to release: takeover, ownership, and what runs while it is owned.

mod account;
mod inbox;
mod interruption;
mod lifecycle;
mod monitor;
mod publisher;
mod publisher_parts;
mod standby;
mod takeover;

pub use account::{AccountParts, default_streams};
pub use lifecycle::ShardError;
pub(crate) use lifecycle::{Shard, ShardContext};
pub use publisher::Publisher;
pub use publisher_parts::{OwnershipChange, PublisherParts};
