//! The state of a directory, and what every change of it needs: chance and times.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::rngs::StdRng;

use super::member::{DirectoryEntry, Member};
use super::served_agents::ServedAgents;
use crate::model::Timestamp;
use crate::simulate::schedule::Schedule;
use crate::simulate::settings::DirectorySettings;
use crate::simulate::system::System;
use crate::simulate::truth::{DirectoryTruth, longest_poll_before};

/// How far a departure and an empty answer are apart, at least. A client can distinguish one of
/// them from an error, but not both at once.
const APART_MILLIS: i64 = 8_000;

/// Something that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    StateChanges,
    StateReturns(String, &'static str),
    RosterChanges,
    SwitchChanges,
    RowsAreTouched,
    AgentIsHired,
    AgentLeaves,
    AgentIsForgotten(String),
    DeletedAgentAppears,
    IdIsShared,
    IdIsNoLongerShared,
}

/// The directory of one account.
#[derive(Debug)]
pub(in crate::simulate) struct Directory {
    pub(super) system: System,
    pub(super) settings: DirectorySettings,
    pub(super) clock_offset_millis: i64,
    pub(super) random: StdRng,
    pub(super) now: Timestamp,
    pub(super) entries: BTreeMap<String, DirectoryEntry>,
    /// Another person who has the id of an agent for a while.
    pub(super) id_duplicate: Option<Member>,
    /// Counts renamed groups: a name is not part of a group's identity.
    pub(super) group_names: u64,
    /// Counts the answers that have more than one form.
    pub(super) turn: u64,
    pub(super) last_departure: Timestamp,
    pub(super) last_empty: Timestamp,
    pub(super) removed: BTreeSet<String>,
    pub(super) served: ServedAgents,
    pub(super) hired: u64,
    pub(super) schedule: Schedule<Action>,
    /// Whether nothing happens any more.
    pub(super) stopped: bool,
}

impl Directory {
    /// How far the vendor's clock is ahead of ours.
    pub(in crate::simulate) const fn clock_offset_millis(&self) -> i64 {
        self.clock_offset_millis
    }

    /// Marks as uncertain what was served since this time: the bridge that was answered may have
    /// died before it stored the answer.
    pub(in crate::simulate) fn mark_uncertain_since(&mut self, since: Timestamp) {
        self.served.mark_uncertain_since(longest_poll_before(since));
    }

    /// The present truth.
    pub(in crate::simulate) fn truth(&self) -> DirectoryTruth {
        DirectoryTruth {
            clock_offset_millis: self.clock_offset_millis,
            served: self.served.by_id().clone(),
            removed: self.removed.clone(),
        }
    }

    pub(super) fn after(&mut self, millis: i64, action: Action) {
        self.schedule.plan(self.now.plus_millis(millis), action);
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability.clamp(0.0, 1.0))
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end.max(1))
    }

    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.random.random_range(least..=most)
    }

    /// The present time by the vendor's clock.
    pub(super) fn vendor_now(&self) -> Timestamp {
        self.now.plus_millis(self.clock_offset_millis)
    }

    /// What the vendor shows at present, by id.
    pub(super) fn visible(&mut self) -> Vec<Member> {
        let now = self.now;
        self.entries.values_mut().filter_map(|entry| entry.shown.visible_at(now)).cloned().collect()
    }

    /// Decides whether this answer is empty by [`Traps::empty_answers`]. Never shortly after a
    /// departure, and not before anybody was shown: a client would have to take it for the truth.
    ///
    /// [`Traps::empty_answers`]: crate::simulate::settings::Traps::empty_answers
    pub(super) fn draw_empty_answer(&mut self) -> bool {
        if self.served.by_id().is_empty() {
            return false;
        }
        let calm = self.now.millis_since(self.last_departure) > APART_MILLIS
            && self.now.millis_since(self.last_empty) > APART_MILLIS
            && !self.stopped;
        let is_empty = self.settings.traps.empty_answers && calm && self.chance(0.06);
        if is_empty {
            self.last_empty = self.now;
        }
        is_empty
    }
}
