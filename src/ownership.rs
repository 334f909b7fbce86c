//! Who may poll and publish a shard, and since when: lease, generation, standby, takeover, the state
//! topic, and restoring a store from it.

mod generation;
mod lease;
mod restore;
mod standby;
mod state_topic;
mod takeover;
mod verification;

pub use generation::{Generation, StoreClaim};
pub use lease::Lease;
pub(crate) use restore::restore;
pub(crate) use standby::{HEARTBEAT, LEASE, OwnerLiveness, StandbyDecision};
pub use state_topic::shard_of;
pub(crate) use state_topic::{
    Error as StateTopicError, LARGEST_RECORD, OWNER_KEY, OwnerRecord, StateReader, StateTopicRecord,
};
pub use takeover::RestoreReason;
pub(crate) use takeover::{TakeoverDecision, decide, orphans};
pub use verification::{Difference, Verification, VerificationError, verify};
