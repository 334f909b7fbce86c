//! The SLA deadlines of the interactions that wait: they decide when the vendor is polled for those
//! that still wait.

use std::collections::HashMap;

use crate::model::{EntityId, EntityKind, Timestamp};

/// How many deadlines are remembered at most. Breaches of others are found later, by incremental
/// polls.
const MOST: usize = 50_000;

/// The deadlines of one account. Times are in the vendor's clock.
#[derive(Debug, Default)]
pub(super) struct SlaDeadlines {
    open: HashMap<(EntityKind, EntityId), OpenDeadline>,
}

/// The deadline of an interaction that still waits, as far as is known.
#[derive(Clone, Copy, Debug)]
struct OpenDeadline {
    overdue_at: Timestamp,
    /// Whether the last poll that should have shown the interaction did not.
    missed: bool,
}

impl SlaDeadlines {
    /// Sets when an interaction that waits becomes overdue; `None` when it does not wait any more,
    /// or its breach was emitted.
    pub(super) fn set(&mut self, kind: EntityKind, id: &EntityId, overdue_at: Option<Timestamp>) {
        let key = (kind, id.clone());
        match overdue_at {
            Some(at) if self.open.len() < MOST || self.open.contains_key(&key) => {
                self.open.insert(key, OpenDeadline { overdue_at: at, missed: false });
            }
            _ => {
                self.open.remove(&key);
            }
        }
    }

    /// Whether an interaction of this kind is overdue.
    pub(super) fn is_due(&self, kind: EntityKind, now: Timestamp) -> bool {
        self.open.iter().any(|((of, _), deadline)| *of == kind && deadline.overdue_at <= now)
    }

    /// A poll of this time returned the interactions that wait, and [`SlaDeadlines::set`] has taken
    /// them. One that was overdue and that two polls did not return no longer waits; the
    /// incremental poll will show the rest. A single poll may be empty for another reason.
    pub(super) fn polled(&mut self, kind: EntityKind, now: Timestamp) {
        self.open.retain(|(of, _), deadline| {
            let overdue = *of == kind && deadline.overdue_at <= now;
            !(overdue && std::mem::replace(&mut deadline.missed, overdue))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_due_when_it_is_overdue_until_two_polls_do_not_return_it() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut deadlines = SlaDeadlines::default();
        deadlines.set(EntityKind::Call, &EntityId::new("1"), Some(at(20)));
        deadlines.set(EntityKind::Call, &EntityId::new("2"), Some(at(30)));
        assert!(!deadlines.is_due(EntityKind::Call, at(19)));
        assert!(deadlines.is_due(EntityKind::Call, at(20)));
        assert!(!deadlines.is_due(EntityKind::Chat, at(20)));
        deadlines.polled(EntityKind::Call, at(20));
        assert!(
            deadlines.is_due(EntityKind::Call, at(22)),
            "a single poll may be empty by mistake"
        );
        deadlines.polled(EntityKind::Call, at(22));
        assert!(!deadlines.is_due(EntityKind::Call, at(29)));
        deadlines.set(EntityKind::Call, &EntityId::new("2"), None);
        assert!(!deadlines.is_due(EntityKind::Call, at(30)));
    }
}
