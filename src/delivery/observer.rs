//! What delivery and ownership report: the connection, transactions, and the state of a shard.

use crate::kafka::BrokerConnection;
use crate::store;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// What was in it is there.
    Committed,
    /// Nothing of it is there.
    Aborted,
    /// It is not known, and is found out.
    Unknown,
    /// Another owner has the shard.
    Fenced,
}

/// What a shard's publisher is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardState {
    /// It waits for the owner to leave or to fall silent.
    StandingBy,
    /// It takes the shard over.
    TakingOver,
    /// It fills the store from the topic: so many records of so many offsets.
    Restoring {
        /// Records that were read.
        records: u64,
        /// Offsets that there are to read, those of records that were replaced included.
        of: u64,
    },
    /// It owns the shard.
    Owning,
}

impl ShardState {
    /// The activity in a word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::StandingBy => "standby",
            Self::TakingOver => "taking over",
            Self::Restoring { .. } => "restoring",
            Self::Owning => "owning",
        }
    }
}

/// Is told what happens.
pub trait Observer: Send + Sync {
    /// The connection to the broker came or went.
    fn connection(&self, connection: &BrokerConnection);
    /// An event was published this many seconds after the reading that showed it.
    fn published(&self, seconds: f64);
    /// Schemas cannot be framed for now, and why; `None` when they can again.
    fn schemas(&self, problem: Option<&str>);
    /// The store failed: publishing has ended.
    fn store_failed(&self, error: &store::Error);
    /// A transaction ended.
    fn transaction(&self, shard: i32, outcome: TransactionOutcome);
    /// What the shard's publisher is doing now.
    fn activity(&self, shard: i32, activity: ShardState);
    /// The store was filled anew from the topic, or begun anew; why.
    fn restored(&self, reason: &'static str);
}
