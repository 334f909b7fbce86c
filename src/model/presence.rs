//! The normal form of agents' statuses.

use serde::{Deserialize, Serialize};

/// The normal form of an agent's status. Unlike the other normal forms it is stored and published,
/// with the vendor's own word beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Presence {
    /// Ready for the next interaction.
    Available,
    /// Handling an interaction.
    Busy,
    /// After-call work.
    WrapUp,
    /// A pause: break, meal.
    Break,
    /// Logged in, but not to be offered anything.
    Away,
    /// Not logged in.
    Offline,
    /// A status that the account defines, or one that no vocabulary knows.
    Other,
}
