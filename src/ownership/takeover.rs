//! Decides whether the local store may be reused: only if no other bridge has owned the shard since,
//! and nothing that was published is missing in it.

use super::generation::StoreClaim;
use super::state_topic::OwnerRecord;
use crate::failpoints::fault_enabled;
use crate::model::AccountName;

/// Why a store is restored from the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreReason {
    /// There is no store.
    Missing,
    /// It belongs to another state topic.
    Lineage,
    /// Another bridge has owned the shard since.
    Generation,
    /// It lacks entries that are published: it was rolled back.
    RolledBack,
}

impl RestoreReason {
    /// The reason as a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Lineage => "lineage",
            Self::Generation => "generation",
            Self::RolledBack => "behind_topic",
        }
    }
}

/// What a new owner does with its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakeoverDecision {
    /// Begin with an empty store: neither store nor topic hold anything.
    Begin,
    /// Keep the store, which is the topic's own: what is in its outbox beyond the progress is still to
    /// be published.
    Keep,
    /// Restore the store from the topic.
    Restore(RestoreReason),
    /// Refuse: the store was published, and the topic is empty.
    Refuse,
}

/// Compares a store with the topic's last owner record.
pub(crate) fn decide(
    local: Option<&StoreClaim>,
    newest_entry: u64,
    topic: Option<&OwnerRecord>,
) -> TakeoverDecision {
    match (local, topic) {
        (None, None) => TakeoverDecision::Begin,
        // A claim to be the first owner, which was never committed.
        (Some(local), None) if local.held.is_none() => TakeoverDecision::Begin,
        (Some(_), None) => TakeoverDecision::Refuse,
        (None, Some(_)) => TakeoverDecision::Restore(RestoreReason::Missing),
        (Some(local), Some(topic)) if local.lineage != topic.lineage => {
            TakeoverDecision::Restore(RestoreReason::Lineage)
        }
        (Some(local), Some(topic))
            if !local.is_of(topic.generation) && !fault_enabled("generation_ignored") =>
        {
            TakeoverDecision::Restore(RestoreReason::Generation)
        }
        (Some(_), Some(topic))
            if newest_entry < topic.progress && !fault_enabled("generation_ignored") =>
        {
            TakeoverDecision::Restore(RestoreReason::RolledBack)
        }
        (Some(_), Some(_)) => TakeoverDecision::Keep,
    }
}

/// The accounts whose state the topic holds and that are neither configured nor to be retired.
pub(crate) fn orphans(
    held: &[AccountName],
    configured: &[AccountName],
    retired: &[AccountName],
) -> Vec<AccountName> {
    let known = |name: &&AccountName| !configured.contains(name) && !retired.contains(name);
    held.iter().filter(known).cloned().collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::generation::Generation;
    use super::*;
    use crate::model::Timestamp;

    fn generation(number: u64) -> Generation {
        Generation { number, owner: Uuid::from_u128(u128::from(number)) }
    }

    fn record(number: u64, progress: u64) -> OwnerRecord {
        let now = Timestamp::from_millis(i64::try_from(progress).unwrap());
        OwnerRecord::new(Uuid::from_u128(99), generation(number), progress, vec![], now)
    }

    #[test]
    fn a_store_is_kept_only_while_nobody_else_has_owned_its_shard() {
        let lineage = Uuid::from_u128(99);
        let store = |held: Option<u64>, claimed: Option<u64>| {
            let (held, claimed) = (held.map(generation), claimed.map(generation));
            Some(StoreClaim { lineage, held, claimed })
        };
        let foreign = Some(StoreClaim {
            lineage: Uuid::from_u128(1),
            held: Some(generation(3)),
            claimed: None,
        });
        let restore = TakeoverDecision::Restore;
        let cases = [
            ("nothing anywhere", None, 0, None, TakeoverDecision::Begin),
            (
                "died before its first commit",
                store(None, Some(1)),
                0,
                None,
                TakeoverDecision::Begin,
            ),
            ("the topic is gone", store(Some(1), None), 4, None, TakeoverDecision::Refuse),
            ("no store", None, 0, Some(record(3, 7)), restore(RestoreReason::Missing)),
            ("its own", store(Some(3), None), 9, Some(record(3, 7)), TakeoverDecision::Keep),
            ("nothing left", store(Some(3), None), 7, Some(record(3, 7)), TakeoverDecision::Keep),
            (
                "its claim was committed",
                store(Some(3), Some(4)),
                9,
                Some(record(4, 7)),
                TakeoverDecision::Keep,
            ),
            (
                "its claim was not committed",
                store(Some(3), Some(4)),
                9,
                Some(record(3, 7)),
                TakeoverDecision::Keep,
            ),
            (
                "another owner since",
                store(Some(3), None),
                9,
                Some(record(4, 7)),
                restore(RestoreReason::Generation),
            ),
            (
                "rolled back",
                store(Some(3), None),
                6,
                Some(record(3, 7)),
                restore(RestoreReason::RolledBack),
            ),
            ("another topic's", foreign, 9, Some(record(3, 7)), restore(RestoreReason::Lineage)),
        ];
        for (case, local, newest, topic, expected) in cases {
            assert_eq!(decide(local.as_ref(), newest, topic.as_ref()), expected, "{case}");
        }
        // Two owners with the same number are still two.
        let twin = Generation { number: 3, owner: Uuid::from_u128(1000) };
        let local = StoreClaim { lineage, held: Some(twin), claimed: None };
        let decision = decide(Some(&local), 9, Some(&record(3, 7)));
        assert_eq!(decision, restore(RestoreReason::Generation));
    }

    #[test]
    fn accounts_that_are_neither_configured_nor_retired_are_named() {
        let names = |names: &[&str]| -> Vec<AccountName> {
            names.iter().map(|name| AccountName::new(*name).unwrap()).collect()
        };
        let held = names(&["acme", "globex", "initech"]);
        assert_eq!(orphans(&held, &names(&["acme"]), &names(&["initech"])), names(&["globex"]));
    }
}
