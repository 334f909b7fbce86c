//! How many entities of a kind an account may have: as many as any contact centre has. Otherwise a
//! vendor that shows new ids at every poll would fill disk and memory. The states of removed
//! entities count, because their revisions continue when they come back; they are forgotten after a
//! week, and only when space is needed.

use std::collections::{HashMap, HashSet};

use crate::model::{AccountName, EntityKind};

/// The quota of a kind.
const fn most(kind: EntityKind) -> usize {
    match kind {
        EntityKind::Agent => 200_000,
        EntityKind::Queue
        | EntityKind::QueuePath
        | EntityKind::QueueGroup
        | EntityKind::Team
        | EntityKind::Status
        | EntityKind::Record => 100_000,
        // Sixteen a second for a week.
        EntityKind::Call | EntityKind::Chat => 10_000_000,
    }
}

/// The number of states of each kind, and their quotas.
#[derive(Debug)]
pub(super) struct EntityQuota {
    account: AccountName,
    states: HashMap<EntityKind, usize>,
    /// Kinds whose quota is used up; it was logged.
    full: HashSet<EntityKind>,
    most: fn(EntityKind) -> usize,
}

impl EntityQuota {
    pub(super) fn new(account: AccountName) -> Self {
        Self { account, states: HashMap::new(), full: HashSet::new(), most }
    }

    #[cfg(test)]
    pub(super) const fn limit(&mut self, most: fn(EntityKind) -> usize) {
        self.most = most;
    }

    /// Counts a new state.
    pub(super) fn added(&mut self, kind: EntityKind) {
        *self.states.entry(kind).or_default() += 1;
    }

    /// Counts states that were forgotten.
    pub(super) fn forgotten(&mut self, kind: EntityKind, many: usize) {
        let states = self.states.entry(kind).or_default();
        *states = states.saturating_sub(many);
        if *states < (self.most)(kind) / 10 * 9 {
            self.full.remove(&kind);
        }
    }

    pub(super) fn states(&self, kind: EntityKind) -> usize {
        self.states.get(&kind).copied().unwrap_or_default()
    }

    /// Whether removed entities have to be forgotten because half of the quota is used. What comes
    /// back after that starts at revision 1 again.
    pub(super) fn needs_space(&self, kind: EntityKind) -> bool {
        self.states(kind) >= (self.most)(kind) / 2
    }

    /// Whether there may be one more; the first refusal is logged.
    pub(super) fn has_space(&mut self, kind: EntityKind) -> bool {
        let most = (self.most)(kind);
        if self.states(kind) < most {
            return true;
        }
        if self.full.insert(kind) {
            tracing::error!(
                account = %self.account, kind = kind.as_str(), most,
                "entity quota used up: new entities of this kind are ignored until others have \
                 been removed for a week"
            );
        }
        false
    }
}
