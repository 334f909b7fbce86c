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
pub struct Absences {
    missed: HashMap<EntityId, u8>,
}

impl Absences {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: std::ops::Range<u32>) -> HashSet<EntityId> {
        numbers.map(|number| EntityId::new(number.to_string())).collect()
    }

    #[test]
    fn an_entity_is_gone_after_two_complete_sweeps_without_it() {
        let (known, mut absences) = (ids(0..10), Absences::default());
        assert!(absences.complete_sweep(known.iter(), &ids(1..10), true).is_empty());
        let gone = absences.complete_sweep(known.iter(), &ids(1..10), true);
        assert_eq!(gone, [EntityId::new("0")]);
    }

    #[test]
    fn an_entity_that_is_shown_again_begins_anew() {
        let (known, mut absences) = (ids(0..10), Absences::default());
        for shown in [ids(1..10), ids(0..10), ids(1..10)] {
            assert!(absences.complete_sweep(known.iter(), &shown, true).is_empty());
        }
    }

    #[test]
    fn a_drop_of_more_than_a_fifth_is_confirmed_by_one_more_sweep() {
        let (known, mut absences) = (ids(0..10), Absences::default());
        for _ in 0..2 {
            assert!(absences.complete_sweep(known.iter(), &ids(3..10), true).is_empty());
        }
        assert_eq!(absences.complete_sweep(known.iter(), &ids(3..10), true).len(), 3);
    }

    #[test]
    fn an_answer_that_turns_empty_is_confirmed_by_one_more_sweep() {
        let (known, mut absences) = (ids(0..3), Absences::default());
        for _ in 0..2 {
            assert!(absences.complete_sweep(known.iter(), &HashSet::new(), false).is_empty());
        }
        assert_eq!(absences.complete_sweep(known.iter(), &HashSet::new(), false).len(), 3);
    }
}
