//! From the outbox to Kafka: framing, one transaction for events, state and progress, and the topics
//! they go to.

mod framing;
mod observer;
mod placeholder;
mod preflight;
mod producer;
mod refusals;
pub mod registry;
mod relay;
mod settlement;
mod signal;
mod topics;

pub use observer::{Observer, ShardState, TransactionOutcome};
pub use preflight::preflight;
pub use producer::Delivery;
pub(crate) use producer::{DeliveryFailure, Producer, TransactionBatch};
pub(crate) use relay::{OutboxRelay, OutboxRelayParts, RelayEnd};
pub use signal::OutboxNotifier;
pub(crate) use signal::Signal;
pub use topics::{TopicPlan, Topics, TopicsError, ensure_topics};
