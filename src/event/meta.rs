//! What every event says about itself.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{EntityKey, Precision, Timestamp};

/// Where an event came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Origin {
    /// Detected by polling as it happened.
    Live,
    /// State that the first poll found; not a change.
    Baseline,
    /// It happened between the configured start and the first poll.
    Backfill,
    /// A fact about the past that became known late; it must not replace the current state.
    Recovered,
}

/// The first field of every event: which entity changed, when, and how exactly that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventMeta {
    /// A UUID of (account, kind, id, revision, type): the same across retries and restarts.
    pub event_id: Uuid,
    /// The account it was read from.
    pub account: String,
    /// The account's vendor.
    pub vendor: String,
    /// The vendor's id of the entity that changed.
    pub entity_id: String,
    /// Number of this change of the entity: from 1, without a gap.
    pub revision: i64,
    /// Number of this event among the account's on this topic: from 1, without a gap.
    pub sequence: i64,
    /// The stream that showed the change.
    pub stream: String,
    /// When it happened, in the vendor's clock.
    pub occurred_at: Timestamp,
    /// For a change that is only known to lie between two polls: the start of the last request that
    /// certainly did not show it, in the vendor's clock.
    pub occurred_after: Option<Timestamp>,
    /// How exactly `occurred_at` is known.
    pub precision: Precision,
    /// When the answer that showed it had been read, in the clock of this machine.
    pub observed_at: Timestamp,
    /// Where it came from.
    pub origin: Origin,
    /// Whether it was published after a watermark that covers its time.
    pub late: bool,
}

/// The namespace of the event ids: the URL namespace's UUID of `urn:floorcast:event`.
fn event_id_namespace() -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, b"urn:floorcast:event")
}

/// The id of an event: a version 5 UUID of account, kind, id, revision and type. Each ends with a
/// NUL, so that two different events never have the same name.
#[must_use]
pub fn event_id(entity: &EntityKey, revision: u64, event_type: &str) -> Uuid {
    let name =
        format!("{}\0{}\0{}\0{revision}\0{event_type}\0", entity.account, entity.kind, entity.id);
    Uuid::new_v5(&event_id_namespace(), name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountName, EntityId, EntityKind};

    #[test]
    fn an_events_id_never_changes_between_releases() {
        let entity = EntityKey {
            account: AccountName::new("acme").unwrap(),
            kind: EntityKind::Call,
            id: EntityId::new("4711"),
        };
        assert_eq!(
            event_id(&entity, 3, "CallQueued").to_string(),
            "42033d9a-00b9-5d9a-b954-74fc4cebfde3"
        );
        assert_ne!(event_id(&entity, 3, "CallQueued"), event_id(&entity, 4, "CallQueued"));
    }
}
