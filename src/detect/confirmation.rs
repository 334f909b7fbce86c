//! When an entity that is no longer shown counts as removed.
//!
//! A removal needs two complete full scans without the entity. When more than a fifth is missing at
//! once, or a response that names no count turns empty, one more scan has to confirm it: vendors
//! have been seen to answer with an empty list while they restart.

use std::collections::{HashMap, HashSet};

use crate::model::EntityId;

/// Complete full scans without an entity before it is removed.
const SCANS: u8 = 2;
/// Complete full scans when suspiciously many are missing.
const SCANS_WHEN_MANY: u8 = 3;

/// Counts, for each known entity, the complete full scans in a row that did not show it.
#[derive(Clone, Debug, Default)]
pub struct RemovalConfirmation {
    missed: HashMap<EntityId, u8>,
}

impl RemovalConfirmation {
    /// Takes a complete full scan and returns the entities whose removal it confirms, sorted by id.
    ///
    /// `known` are the entities that were there before; `counted` says whether the vendor named a
    /// count that agreed.
    pub fn full_scan<'a>(
        &mut self,
        known: impl Iterator<Item = &'a EntityId>,
        present: &HashSet<EntityId>,
        counted: bool,
    ) -> Vec<EntityId> {
        let (mut all, mut absent) = (0_usize, Vec::new());
        for id in known {
            all += 1;
            if present.contains(id) {
                self.missed.remove(id);
            } else {
                absent.push(id.clone());
            }
        }
        let many = absent.len() * 5 > all || (present.is_empty() && !counted);
        let needed = if many { SCANS_WHEN_MANY } else { SCANS };
        absent.retain(|id| {
            let missed = self.missed.entry(id.clone()).or_insert(0);
            *missed = missed.saturating_add(1);
            *missed >= needed
        });
        for id in &absent {
            self.missed.remove(id);
        }
        absent.sort();
        absent
    }

    /// Forgets an entity that was removed by other evidence: when it comes back, its count starts
    /// from 0.
    pub fn forget(&mut self, id: &EntityId) {
        self.missed.remove(id);
    }
}

/// Confirms what a snapshot no longer shows. One snapshot is enough, unless suspiciously much is
/// missing at once: then the next one has to lack it, too. Suspicious is an empty snapshot, where
/// that is out of the ordinary, or one that lacks more than a fifth of what was there and more than
/// a few.
#[derive(Clone, Debug, Default)]
pub struct DropConfirmation {
    unconfirmed: HashSet<EntityId>,
}

/// So many may be missing at once without suspicion.
const FEW: usize = 3;

/// What an empty snapshot means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptySnapshot {
    /// It is empty at times.
    Ordinary,
    /// The vendor may have answered wrongly.
    Suspicious,
}

impl DropConfirmation {
    /// Takes a complete snapshot and returns what is confirmed to be no longer there, sorted by id.
    /// `known` is what was there before.
    pub fn snapshot<'a>(
        &mut self,
        known: impl Iterator<Item = &'a EntityId>,
        present: &HashSet<EntityId>,
        empty: EmptySnapshot,
    ) -> Vec<EntityId> {
        let (mut all, mut absent) = (0_usize, Vec::new());
        for id in known {
            all += 1;
            if !present.contains(id) {
                absent.push(id.clone());
            }
        }
        absent.sort();
        let many = absent.len() > FEW && absent.len() * 5 > all;
        let nothing = present.is_empty() && empty == EmptySnapshot::Suspicious;
        let unconfirmed = std::mem::take(&mut self.unconfirmed);
        if many || nothing {
            let (confirmed, new): (Vec<_>, Vec<_>) =
                absent.into_iter().partition(|id| unconfirmed.contains(id));
            self.unconfirmed = new.into_iter().collect();
            return confirmed;
        }
        absent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_missing_ones_are_confirmed_at_once_and_many_by_the_next_snapshot() {
        let known = ids(0..10);
        let mut confirmation = DropConfirmation::default();
        let mut missing = |known: &HashSet<EntityId>, present: &HashSet<EntityId>| {
            confirmation.snapshot(known.iter(), present, EmptySnapshot::Ordinary).len()
        };
        assert_eq!(missing(&known, &ids(3..10)), 3);
        assert_eq!(missing(&ids(0..3), &HashSet::new()), 3, "the last few may go together");
        // Four of ten at once; one of them is back, and one more is gone with the other three.
        assert_eq!(missing(&known, &ids(4..10)), 0);
        assert_eq!(missing(&known, &(ids(0..1).union(&ids(5..10)).cloned().collect())), 3);
        assert_eq!(missing(&known, &ids(10..20)), 1, "what was unconfirmed once is confirmed now");
        // Four of a hundred are ordinary.
        assert_eq!(missing(&ids(0..100), &ids(4..100)), 4);
        // A snapshot that shows them again starts over.
        assert_eq!(missing(&known, &HashSet::new()), 0);
        assert_eq!(missing(&known, &known), 0);
        assert_eq!(missing(&known, &HashSet::new()), 0);
        assert_eq!(missing(&known, &HashSet::new()), 10);
    }

    #[test]
    fn a_suspicious_empty_snapshot_is_confirmed_by_the_next_one() {
        let (known, mut confirmation) = (ids(0..1), DropConfirmation::default());
        let mut missing = || {
            confirmation.snapshot(known.iter(), &HashSet::new(), EmptySnapshot::Suspicious).len()
        };
        assert_eq!([missing(), missing()], [0, 1]);
    }

    fn ids(numbers: std::ops::Range<u32>) -> HashSet<EntityId> {
        numbers.map(|number| EntityId::new(number.to_string())).collect()
    }

    #[test]
    fn an_entity_is_removed_after_two_complete_full_scans_without_it() {
        let (known, mut confirmation) = (ids(0..10), RemovalConfirmation::default());
        assert!(confirmation.full_scan(known.iter(), &ids(1..10), true).is_empty());
        let removed = confirmation.full_scan(known.iter(), &ids(1..10), true);
        assert_eq!(removed, [EntityId::new("0")]);
    }

    #[test]
    fn the_count_of_an_entity_that_is_shown_again_starts_from_zero() {
        let (known, mut confirmation) = (ids(0..10), RemovalConfirmation::default());
        for shown in [ids(1..10), ids(0..10), ids(1..10)] {
            assert!(confirmation.full_scan(known.iter(), &shown, true).is_empty());
        }
    }

    #[test]
    fn a_drop_of_more_than_a_fifth_is_confirmed_by_one_more_full_scan() {
        let (known, mut confirmation) = (ids(0..10), RemovalConfirmation::default());
        for _ in 0..2 {
            assert!(confirmation.full_scan(known.iter(), &ids(3..10), true).is_empty());
        }
        assert_eq!(confirmation.full_scan(known.iter(), &ids(3..10), true).len(), 3);
    }

    #[test]
    fn an_uncounted_response_that_turns_empty_is_confirmed_by_one_more_full_scan() {
        let (known, mut confirmation) = (ids(0..3), RemovalConfirmation::default());
        for _ in 0..2 {
            assert!(confirmation.full_scan(known.iter(), &HashSet::new(), false).is_empty());
        }
        assert_eq!(confirmation.full_scan(known.iter(), &HashSet::new(), false).len(), 3);
    }
}
