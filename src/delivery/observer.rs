//! What delivery and ownership report: the connection, transactions, and the state of a shard.

use crate::kafka::BrokerConnection;
use crate::store;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// Everything in it is published.
    Committed,
    /// Nothing in it is published.
    Aborted,
    /// It is not known; the next producer settles it.
    Unknown,
    /// Another owner has the shard.
    Fenced,
}

/// The state of a shard in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardState {
    /// Another bridge owns the shard; this one waits until it leaves or sends no heartbeat.
    Standby,
    /// This bridge takes the shard over.
    TakingOver,
    /// The store is filled from the state topic.
    Restoring {
        /// Records read so far.
        records: u64,
        /// Offsets to read: an upper bound for the records, because compacted ones count.
        of: u64,
    },
    /// This bridge owns the shard.
    Owning,
}

impl ShardState {
    /// The state as `/status` shows it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::TakingOver => "taking over",
            Self::Restoring { .. } => "restoring",
            Self::Owning => "owning",
        }
    }
}

/// Receives what delivery and ownership report. Called from the publishers' threads.
pub trait Observer: Send + Sync {
    /// The connection to the broker was made or lost.
    fn connection(&self, connection: &BrokerConnection);
    /// An event was published this many seconds after the poll result that showed it.
    fn published(&self, seconds: f64);
    /// Events cannot be framed for now, and why; `None` when they can be again.
    fn schemas(&self, problem: Option<&str>);
    /// The store failed, and publishing has ended.
    fn store_failed(&self, error: &store::Error);
    /// A transaction ended.
    fn transaction(&self, shard: i32, outcome: TransactionOutcome);
    /// The state of a shard; repeated while it lasts.
    fn shard_state(&self, shard: i32, state: ShardState);
    /// The store was filled from the state topic, or replaced by an empty one; why.
    fn restored(&self, reason: &'static str);
}
