//! Who waits, and until when that is in time: what decides when the vendor is asked who still
//! waits.

use std::collections::HashMap;

use crate::model::{EntityId, EntityKind, Timestamp};

/// How many waits are remembered at most. Of those beyond it the tails still tell, later.
const MOST: usize = 50_000;

/// The waits of one account that go on. Times are the vendor's.
#[derive(Debug, Default)]
pub(super) struct SlaDeadlines {
    open: HashMap<(EntityKind, EntityId), Open>,
}

/// A wait that goes on, as far as is known.
#[derive(Clone, Copy, Debug)]
struct Open {
    overdue_at: Timestamp,
    /// Whether an answer that should have shown it did not.
    missed: bool,
}

impl SlaDeadlines {
    /// An interaction waits, and becomes overdue at this time; or it does not wait any more, or its
    /// breach was told (`None`).
    pub(super) fn set(&mut self, kind: EntityKind, id: &EntityId, overdue_at: Option<Timestamp>) {
        let key = (kind, id.clone());
        match overdue_at {
            Some(at) if self.open.len() < MOST || self.open.contains_key(&key) => {
                self.open.insert(key, Open { overdue_at: at, missed: false });
            }
            _ => {
                self.open.remove(&key);
            }
        }
    }

    /// Whether somebody of this kind is overdue.
    pub(super) fn is_due(&self, kind: EntityKind, now: Timestamp) -> bool {
        self.open.iter().any(|((of, _), wait)| *of == kind && wait.overdue_at <= now)
    }

    /// An answer of this time showed who waits. Whoever was overdue and was not shown, by a second
    /// answer neither, no longer waits; the tail will tell the rest. One answer alone may be empty
    /// for another reason.
    pub(super) fn answered(&mut self, kind: EntityKind, now: Timestamp) {
        self.open.retain(|(of, _), wait| {
            let overdue = *of == kind && wait.overdue_at <= now;
            !(overdue && std::mem::replace(&mut wait.missed, overdue))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_asked_about_when_it_is_overdue_until_two_answers_do_not_show_it() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut waits = SlaDeadlines::default();
        waits.set(EntityKind::Call, &EntityId::new("1"), Some(at(20)));
        waits.set(EntityKind::Call, &EntityId::new("2"), Some(at(30)));
        assert!(!waits.is_due(EntityKind::Call, at(19)));
        assert!(waits.is_due(EntityKind::Call, at(20)));
        assert!(!waits.is_due(EntityKind::Chat, at(20)));
        waits.answered(EntityKind::Call, at(20));
        assert!(waits.is_due(EntityKind::Call, at(22)), "one answer may be empty by mistake");
        waits.answered(EntityKind::Call, at(22));
        assert!(!waits.is_due(EntityKind::Call, at(29)));
        waits.set(EntityKind::Call, &EntityId::new("2"), None);
        assert!(!waits.is_due(EntityKind::Call, at(30)));
    }
}
