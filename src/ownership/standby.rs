//! When a standby bridge may take a shard over: when its owner has left, or when the topic has been read
//! to its end and no heartbeat was in it for [`TAKEOVER`].

use std::time::{Duration, Instant};

use super::generation::Generation;
use super::state_topic::OwnerRecord;

/// How often an owner writes its record when it has nothing else to commit.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// After this long without a heartbeat another bridge may take over.
const TAKEOVER: Duration = Duration::from_secs(20);
/// How long after its last committed heartbeat was begun an owner may send vendor requests, where
/// another bridge may take over: requests in flight by then have arrived before that happens.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// The same as [`TAKEOVER`] where the last heartbeat is this bridge's own: another one that fenced it
/// writes a record within that time.
const TAKEOVER_FROM_ITSELF: Duration = Duration::from_secs(6);

/// What a standby bridge does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StandbyDecision {
    /// Another bridge owns the shard.
    Wait,
    /// No bridge owns it.
    TakeOver,
}

/// Follows the heartbeats of a shard's owner.
#[derive(Debug)]
pub(crate) struct OwnerLiveness {
    own: Option<Generation>,
    last: Option<OwnerRecord>,
    changed_at: Instant,
}

impl OwnerLiveness {
    /// Begins now. `own` is the generation with which this process owned the shard, if it did.
    pub(crate) const fn new(own: Option<Generation>, now: Instant) -> Self {
        Self { own, last: None, changed_at: now }
    }

    /// Decides after the topic was read to its end, as of `now`; `last` is the last owner record.
    pub(crate) fn decide(&mut self, last: Option<&OwnerRecord>, now: Instant) -> StandbyDecision {
        if last != self.last.as_ref() {
            self.last = last.cloned();
            self.changed_at = now;
        }
        let limit = match &self.last {
            None => return StandbyDecision::TakeOver,
            Some(owner) if owner.released => return StandbyDecision::TakeOver,
            Some(owner) if self.own == Some(owner.generation) => TAKEOVER_FROM_ITSELF,
            Some(_) => TAKEOVER,
        };
        if now.saturating_duration_since(self.changed_at) >= limit {
            StandbyDecision::TakeOver
        } else {
            StandbyDecision::Wait
        }
    }
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
    fn a_bridge_takes_over_when_the_owner_has_left_or_sends_no_heartbeats() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (wait, take) = (StandbyDecision::Wait, StandbyDecision::TakeOver);
        let released = record(1, 9).release(Timestamp::from_millis(1));
        /// The second, the last owner record by then, and what is decided.
        type Reads = Vec<(u64, Option<OwnerRecord>, StandbyDecision)>;
        let cases: Vec<(&str, Option<u64>, Reads)> = vec![
            ("it was never owned", None, vec![(0, None, take)]),
            (
                "the owner has left",
                None,
                vec![(0, Some(record(1, 5)), wait), (3, Some(released.clone()), take)],
            ),
            (
                "the owner sends heartbeats",
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
                "the age of the first record is not known",
                None,
                vec![
                    (5, Some(record(1, 5)), wait),
                    (24, Some(record(1, 5)), wait),
                    (25, Some(record(1, 5)), take),
                ],
            ),
            (
                "the last heartbeat is its own",
                Some(1),
                vec![
                    (0, Some(record(1, 5)), wait),
                    (5, Some(record(1, 5)), wait),
                    (6, Some(record(1, 5)), take),
                ],
            ),
            (
                "another owner has begun since",
                Some(1),
                vec![
                    (0, Some(record(1, 5)), wait),
                    (5, Some(record(2, 5)), wait),
                    (24, Some(record(2, 5)), wait),
                    (25, Some(record(2, 5)), take),
                ],
            ),
        ];
        for (case, own, reads) in cases {
            let mut liveness = OwnerLiveness::new(own.map(generation), start);
            for (second, last, expected) in reads {
                assert_eq!(
                    liveness.decide(last.as_ref(), at(second)),
                    expected,
                    "{case}, {second} s"
                );
            }
        }
    }
}
