//! When an entity that is no longer shown may be called gone.
//!
//! A removal needs two complete sweeps without the entity. When more than a fifth is missing at
//! once, or an answer that names no count turns empty, one more sweep has to confirm it: vendors
//! have been seen to answer with an empty list while they restart.

use std::collections::{HashMap, HashSet};

use crate::model::EntityId;

/// Complete sweeps without an entity before it is gone.
const SWEEPS: u8 = 2;
/// Complete sweeps when the absence is suspiciously large.
const SWEEPS_WHEN_MANY: u8 = 3;

/// Counts, for each known entity, the complete sweeps in a row that did not show it.
#[derive(Clone, Debug, Default)]
pub struct RemovalConfirmation {
    missed: HashMap<EntityId, u8>,
}

impl RemovalConfirmation {
    /// Takes in a complete sweep and returns the entities that are gone, sorted by id.
    ///
    /// `known` are the entities that were there before; `counted` says whether the vendor named a
    /// count that agreed.
    pub fn complete_sweep<'a>(
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
        let needed = if many { SWEEPS_WHEN_MANY } else { SWEEPS };
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

    /// An entity is gone by other evidence: when it comes back, its absences begin anew.
    pub fn forget(&mut self, id: &EntityId) {
        self.missed.remove(id);
    }
}

/// What stands at the moment is told by its first reading. Only when suspiciously much is no longer
/// there at once, it has to be missing from the next reading, too: from an answer that shows nothing
/// at all, where that is out of the ordinary, or from one that lacks more than a fifth of what was
/// there and more than a few.
#[derive(Clone, Debug, Default)]
pub struct DropConfirmation {
    missing: HashSet<EntityId>,
}

/// So many may go at once in an ordinary moment.
const FEW: usize = 3;

/// What an answer means that shows nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptiness {
    /// It is so at times.
    Ordinary,
    /// It may be that the vendor is not itself.
    Suspicious,
}

impl DropConfirmation {
    /// Takes in a complete answer and returns what is no longer there, sorted by id. `known` is
    /// what was there before.
    pub fn complete_answer<'a>(
        &mut self,
        known: impl Iterator<Item = &'a EntityId>,
        present: &HashSet<EntityId>,
        emptiness: Emptiness,
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
        let nothing = present.is_empty() && emptiness == Emptiness::Suspicious;
        let doubted = std::mem::take(&mut self.missing);
        if many || nothing {
            let (confirmed, new): (Vec<_>, Vec<_>) =
                absent.into_iter().partition(|id| doubted.contains(id));
            self.missing = new.into_iter().collect();
            return confirmed;
        }
        absent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_that_go_are_told_at_once_and_many_only_when_they_are_missing_again() {
        let known = ids(0..10);
        let mut doubts = DropConfirmation::default();
        let mut ask = |known: &HashSet<EntityId>, present: &HashSet<EntityId>| {
            doubts.complete_answer(known.iter(), present, Emptiness::Ordinary).len()
        };
        assert_eq!(ask(&known, &ids(3..10)), 3);
        assert_eq!(ask(&ids(0..3), &HashSet::new()), 3, "the last few may go together");
        // Four of ten at once; one of them is back, and one more is gone with the other three.
        assert_eq!(ask(&known, &ids(4..10)), 0);
        assert_eq!(ask(&known, &(ids(0..1).union(&ids(5..10)).cloned().collect())), 3);
        assert_eq!(ask(&known, &ids(10..20)), 1, "what was doubted once is not doubted twice");
        // Four of a hundred are an ordinary moment.
        assert_eq!(ask(&ids(0..100), &ids(4..100)), 4);
        // An answer that shows them again takes the doubt back.
        assert_eq!(ask(&known, &HashSet::new()), 0);
        assert_eq!(ask(&known, &known), 0);
        assert_eq!(ask(&known, &HashSet::new()), 0);
        assert_eq!(ask(&known, &HashSet::new()), 10);
    }

    #[test]
    fn nothing_at_all_is_asked_for_again_where_that_is_out_of_the_ordinary() {
        let (known, mut doubts) = (ids(0..1), DropConfirmation::default());
        let mut ask =
            || doubts.complete_answer(known.iter(), &HashSet::new(), Emptiness::Suspicious).len();
        assert_eq!([ask(), ask()], [0, 1]);
    }

    fn ids(numbers: std::ops::Range<u32>) -> HashSet<EntityId> {
        numbers.map(|number| EntityId::new(number.to_string())).collect()
    }

    #[test]
    fn an_entity_is_gone_after_two_complete_sweeps_without_it() {
        let (known, mut absences) = (ids(0..10), RemovalConfirmation::default());
        assert!(absences.complete_sweep(known.iter(), &ids(1..10), true).is_empty());
        let gone = absences.complete_sweep(known.iter(), &ids(1..10), true);
        assert_eq!(gone, [EntityId::new("0")]);
    }

    #[test]
    fn an_entity_that_is_shown_again_begins_anew() {
        let (known, mut absences) = (ids(0..10), RemovalConfirmation::default());
        for shown in [ids(1..10), ids(0..10), ids(1..10)] {
            assert!(absences.complete_sweep(known.iter(), &shown, true).is_empty());
        }
    }

    #[test]
    fn a_drop_of_more_than_a_fifth_is_confirmed_by_one_more_sweep() {
        let (known, mut absences) = (ids(0..10), RemovalConfirmation::default());
        for _ in 0..2 {
            assert!(absences.complete_sweep(known.iter(), &ids(3..10), true).is_empty());
        }
        assert_eq!(absences.complete_sweep(known.iter(), &ids(3..10), true).len(), 3);
    }

    #[test]
    fn an_answer_that_turns_empty_is_confirmed_by_one_more_sweep() {
        let (known, mut absences) = (ids(0..3), RemovalConfirmation::default());
        for _ in 0..2 {
            assert!(absences.complete_sweep(known.iter(), &HashSet::new(), false).is_empty());
        }
        assert_eq!(absences.complete_sweep(known.iter(), &HashSet::new(), false).len(), 3);
    }
}
