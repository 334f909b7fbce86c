//! What an agent's status means, in one form for all vendors.

use serde::{Deserialize, Serialize};

/// The normal form of an agent's status across vendors. The vendor's own word stands beside it.
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
    /// A status the vendor's account defined, or one that no table knows.
    Other,
}
