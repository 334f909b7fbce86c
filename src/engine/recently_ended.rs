//! Interactions that ended a short time ago, to be looked up again: after-call work is added to a
//! record without moving its `updated_at`, so that no incremental poll ever shows it.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{EntityId, EntityKind, Timestamp};

/// How long after its end an interaction is looked up.
const LOOKUP_FOR: Duration = Duration::from_mins(30);
/// The shortest time between two lookups of one interaction.
const LOOKUP_EVERY: Duration = Duration::from_secs(5);
/// How many interactions are remembered; the oldest are dropped first. At ten ends a second, half
/// an hour has 18,000.
const MOST: usize = 50_000;

#[derive(Clone, Copy, Debug)]
struct Ended {
    at: Timestamp,
    read_at: Timestamp,
}

/// The interactions of one account that ended a short time ago. Times are the vendor's.
#[derive(Debug, Default)]
pub(super) struct RecentlyEnded {
    ended: HashMap<(EntityKind, EntityId), Ended>,
}

impl RecentlyEnded {
    /// Remembers an interaction that ended and was read at this time.
    pub(super) fn read(
        &mut self,
        kind: EntityKind,
        id: &EntityId,
        ended_at: Timestamp,
        read_at: Timestamp,
    ) {
        if ended_at + LOOKUP_FOR < read_at {
            return;
        }
        let key = (kind, id.clone());
        if self.ended.len() >= MOST && !self.ended.contains_key(&key) {
            let oldest = self.ended.iter().min_by_key(|(_, ended)| ended.at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.ended.remove(&oldest);
            }
        }
        self.ended.insert(key, Ended { at: ended_at, read_at });
    }

    /// These were looked up: whether they were returned or not, others come first next time.
    pub(super) fn looked_up(
        &mut self,
        kind: EntityKind,
        ids: &[EntityId],
        requested_at: Timestamp,
    ) {
        for id in ids {
            if let Some(ended) = self.ended.get_mut(&(kind, id.clone())) {
                ended.read_at = ended.read_at.max(requested_at);
            }
        }
    }

    /// The ones to look up now: of the kind of the one that was read longest ago, those that were
    /// read longest ago, at most `most`. `None` when none is due.
    pub(super) fn due(&self, now: Timestamp, most: usize) -> Option<(EntityKind, Vec<EntityId>)> {
        let mut due: Vec<_> =
            self.ended.iter().filter(|(_, ended)| ended.read_at + LOOKUP_EVERY <= now).collect();
        due.sort_by_key(|(key, ended)| (ended.read_at, *key));
        let ((first, _), _) = due.first()?;
        let ids = due.iter().filter(|((kind, _), _)| kind == first).take(most);
        Some((*first, ids.map(|((_, id), _)| id.clone()).collect()))
    }

    /// Removes and returns the ones that ended too long ago to be looked up again.
    pub(super) fn take_expired(&mut self, now: Timestamp) -> Vec<(EntityKind, EntityId)> {
        let old = |ended: &Ended| ended.at + LOOKUP_FOR < now;
        let mut expired: Vec<_> =
            self.ended.iter().filter(|(_, ended)| old(ended)).map(|(key, _)| key.clone()).collect();
        expired.sort();
        self.ended.retain(|_, ended| !old(ended));
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn ids(ids: &[&str]) -> Vec<EntityId> {
        ids.iter().map(|id| EntityId::new(*id)).collect()
    }

    #[test]
    fn the_one_that_was_read_longest_ago_is_looked_up_first_with_others_of_its_kind() {
        let mut recent = RecentlyEnded::default();
        recent.read(EntityKind::Call, &EntityId::new("a"), at(0), at(2));
        recent.read(EntityKind::Call, &EntityId::new("b"), at(0), at(1));
        recent.read(EntityKind::Chat, &EntityId::new("a"), at(0), at(3));
        assert_eq!(recent.due(at(20), 10), Some((EntityKind::Call, ids(&["b", "a"]))));
        assert_eq!(recent.due(at(20), 1), Some((EntityKind::Call, ids(&["b"]))));
        recent.looked_up(EntityKind::Call, &ids(&["b", "a"]), at(20));
        assert_eq!(recent.due(at(21), 10), Some((EntityKind::Chat, ids(&["a"]))));
        recent.looked_up(EntityKind::Chat, &ids(&["a"]), at(20));
        assert_eq!(recent.due(at(21), 10), None);
    }

    #[test]
    fn after_half_an_hour_an_interaction_is_not_looked_up_again() {
        let mut recent = RecentlyEnded::default();
        recent.read(EntityKind::Call, &EntityId::new("a"), at(0), at(2));
        assert!(recent.take_expired(at(1800)).is_empty());
        assert_eq!(recent.take_expired(at(1801)), [(EntityKind::Call, EntityId::new("a"))]);
        assert_eq!(recent.due(at(1900), 10), None);
        recent.read(EntityKind::Call, &EntityId::new("old"), at(0), at(3600));
        assert_eq!(recent.due(at(3700), 10), None);
    }
}
