//! How many entities of a kind are remembered of an account: as many as any contact centre has, and
//! no more. A vendor that shows new ids each time would fill the disk and the memory otherwise. What
//! is gone is remembered as well, because its revisions go on when it comes back; only where room is
//! needed is it forgotten, after a week.

use std::collections::{HashMap, HashSet};

use crate::model::{AccountName, EntityKind};

/// How many of a kind there may be.
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

/// How many states of each kind an account has, and whether there may be more.
#[derive(Debug)]
pub(super) struct EntityQuota {
    account: AccountName,
    states: HashMap<EntityKind, usize>,
    /// Kinds of which there are too many, and that this was said.
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

    /// One more is remembered.
    pub(super) fn came(&mut self, kind: EntityKind) {
        *self.states.entry(kind).or_default() += 1;
    }

    /// So many are forgotten.
    pub(super) fn went(&mut self, kind: EntityKind, many: usize) {
        let states = self.states.entry(kind).or_default();
        *states = states.saturating_sub(many);
        if *states < (self.most)(kind) / 10 * 9 {
            self.full.remove(&kind);
        }
    }

    pub(super) fn states(&self, kind: EntityKind) -> usize {
        self.states.get(&kind).copied().unwrap_or_default()
    }

    /// Whether there are so many that what is gone has to make room. Only then is it forgotten: what
    /// comes back after that counts its changes from 1 again.
    pub(super) fn is_crowded(&self, kind: EntityKind) -> bool {
        self.states(kind) >= (self.most)(kind) / 2
    }

    /// Whether there may be one more; the first refusal is said.
    pub(super) fn is_there(&mut self, kind: EntityKind) -> bool {
        let most = (self.most)(kind);
        if self.states(kind) < most {
            return true;
        }
        if self.full.insert(kind) {
            tracing::error!(
                account = %self.account, kind = kind.as_str(), most,
                "the vendor shows more of a kind than any contact centre has; new ones are left out \
                 until others have been gone for a week"
            );
        }
        false
    }
}
