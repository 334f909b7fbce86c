//! Who owns a shard, and what a new owner may believe of its store.
//!
//! Two questions, each a pure function. [`OwnerLiveness`]: may a bridge that stands by take over? Only when
//! the owner has left, or when everything that is on the topic has been read and no word of the
//! owner was among it for [`TAKEOVER`]. [`decide`]: is the local store the topic's own? Only when
//! nobody else has owned the shard since, and nothing that was published is missing in it.

use std::time::{Duration, Instant};

use super::generation::{Generation, StoreClaim};
use super::state_topic::OwnerRecord;
use crate::failpoints::planted;
use crate::model::AccountName;

/// How often an owner says that it lives, when it has nothing else to commit.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// After this long without a word of the owner another bridge may take over.
pub(crate) const TAKEOVER: Duration = Duration::from_secs(20);
/// How long after its last word was begun an owner may ask vendors, where another bridge may take
/// over: requests that are on the way by then have arrived before that happens.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// The same as [`TAKEOVER`] where the last word is one's own: somebody else who fenced this bridge
/// says so within that time.
const TAKEOVER_FROM_ITSELF: Duration = Duration::from_secs(6);

/// What a bridge that stands by does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StandbyDecision {
    /// Somebody owns the shard.
    Wait,
    /// Nobody does.
    Take,
}

/// Watches the owner's words.
#[derive(Debug)]
pub(crate) struct OwnerLiveness {
    own: Option<Generation>,
    last: Option<OwnerRecord>,
    heard: Instant,
}

impl OwnerLiveness {
    /// Begins to watch. `own` is the generation as which this process owned the shard, if it did.
    pub(crate) const fn new(own: Option<Generation>, now: Instant) -> Self {
        Self { own, last: None, heard: now }
    }

    /// Everything that is on the topic has been read, up to `now`, and this was the owner's last
    /// word.
    pub(crate) fn look(&mut self, last: Option<&OwnerRecord>, now: Instant) -> StandbyDecision {
        if last != self.last.as_ref() {
            self.last = last.cloned();
            self.heard = now;
        }
        let silence = now.saturating_duration_since(self.heard);
        match &self.last {
            None => StandbyDecision::Take,
            Some(owner) if owner.released => StandbyDecision::Take,
            Some(owner) if self.own == Some(owner.generation) => {
                if silence >= TAKEOVER_FROM_ITSELF {
                    StandbyDecision::Take
                } else {
                    StandbyDecision::Wait
                }
            }
            Some(_) if silence >= TAKEOVER => StandbyDecision::Take,
            Some(_) => StandbyDecision::Wait,
        }
    }
}

/// Why a store is filled anew from the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreReason {
    /// There is no store.
    Missing,
    /// It belongs to another state topic.
    Lineage,
    /// Somebody else has owned the shard since.
    Generation,
    /// It lacks what is published already: it is older than it was.
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
    /// Neither store nor topic hold anything.
    Begin,
    /// The store is the topic's own: what is left in its outbox beyond the progress is published.
    Keep,
    /// The store is filled anew from the topic.
    Restore(RestoreReason),
    /// The store belongs to a topic that is gone.
    Refuse,
}

/// Holds a store against the topic's last owner's record.
pub(crate) fn decide(
    local: Option<&StoreClaim>,
    newest_entry: u64,
    topic: Option<&OwnerRecord>,
) -> TakeoverDecision {
    match (local, topic) {
        (None, None) => TakeoverDecision::Begin,
        // One that was about to be the first: it never was.
        (Some(local), None) if local.held.is_none() => TakeoverDecision::Begin,
        (Some(_), None) => TakeoverDecision::Refuse,
        (None, Some(_)) => TakeoverDecision::Restore(RestoreReason::Missing),
        (Some(local), Some(topic)) if local.lineage != topic.lineage => {
            TakeoverDecision::Restore(RestoreReason::Lineage)
        }
        (Some(local), Some(topic))
            if !local.is_of(topic.generation) && !planted("generation_ignored") =>
        {
            TakeoverDecision::Restore(RestoreReason::Generation)
        }
        (Some(_), Some(topic))
            if newest_entry < topic.progress && !planted("generation_ignored") =>
        {
            TakeoverDecision::Restore(RestoreReason::RolledBack)
        }
        (Some(_), Some(_)) => TakeoverDecision::Keep,
    }
}

/// The accounts of which the topic holds state and that are neither configured nor to be retired.
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
    fn a_bridge_takes_over_when_the_owner_has_left_or_is_silent_for_long() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (wait, take) = (StandbyDecision::Wait, StandbyDecision::Take);
        let released = record(1, 9).release(Timestamp::from_millis(1));
        type Looks = Vec<(u64, Option<OwnerRecord>, StandbyDecision)>;
        let cases: Vec<(&str, Option<u64>, Looks)> = vec![
            ("nobody ever owned it", None, vec![(0, None, take)]),
            (
                "the owner has left",
                None,
                vec![(0, Some(record(1, 5)), wait), (3, Some(released.clone()), take)],
            ),
            (
                "the owner lives",
                None,
                vec![
                    (0, Some(record(1, 5)), wait),
                    (19, Some(record(1, 6)), wait),
                    (38, Some(record(1, 7)), wait),
                    (57, Some(record(1, 7)), wait),
                    (58, Some(record(1, 7)), take),
                ],
            ),
            (
                "how old the first word is nobody knows",
                None,
                vec![
                    (5, Some(record(1, 5)), wait),
                    (24, Some(record(1, 5)), wait),
                    (25, Some(record(1, 5)), take),
                ],
            ),
            (
                "the last word is one's own",
                Some(1),
                vec![
                    (0, Some(record(1, 5)), wait),
                    (5, Some(record(1, 5)), wait),
                    (6, Some(record(1, 5)), take),
                ],
            ),
            (
                "another one has begun since",
                Some(1),
                vec![
                    (0, Some(record(1, 5)), wait),
                    (5, Some(record(2, 5)), wait),
                    (24, Some(record(2, 5)), wait),
                    (25, Some(record(2, 5)), take),
                ],
            ),
        ];
        for (case, own, looks) in cases {
            let mut watch = OwnerLiveness::new(own.map(generation), start);
            for (second, last, expected) in looks {
                assert_eq!(watch.look(last.as_ref(), at(second)), expected, "{case}, {second} s");
            }
        }
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
                "claim came through",
                store(Some(3), Some(4)),
                9,
                Some(record(4, 7)),
                TakeoverDecision::Keep,
            ),
            (
                "claim did not",
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
                "older than it was",
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
        // Two that counted alike are still two.
        let twin = Generation { number: 3, owner: Uuid::from_u128(1000) };
        let local = StoreClaim { lineage, held: Some(twin), claimed: None };
        let verdict = decide(Some(&local), 9, Some(&record(3, 7)));
        assert_eq!(verdict, restore(RestoreReason::Generation));
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
