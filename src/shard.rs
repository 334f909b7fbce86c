//! The life of a shard: standby, takeover, ownership and release, and what runs while it is owned.

mod account;
mod lifecycle;
mod publisher;

pub use account::{AccountParts, default_streams};
pub use lifecycle::ShardError;
pub(crate) use lifecycle::{Shard, ShardContext};
pub use publisher::{OwnershipChange, Publisher, PublisherParts};
