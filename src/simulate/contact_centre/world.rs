//! The state of the contact centre, and what every change of it needs: chance, ids, times.
//!
//! Time is passed in. The same seed and settings give the same history.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::action::Action;
use super::definitions::Definitions;
use super::records::{CallInProgress, ChatInProgress, LogRow, Person};
use crate::model::Timestamp;
use crate::simulate::schedule::Schedule;
use crate::simulate::settings::WorldSettings;
use crate::simulate::truth::Truth;

/// The contact centre.
#[derive(Debug)]
pub(in crate::simulate) struct World {
    pub(super) settings: WorldSettings,
    pub(super) random: StdRng,
    pub(super) now: Timestamp,
    pub(super) agents: BTreeMap<u64, Person>,
    pub(super) calls: BTreeMap<u64, CallInProgress>,
    pub(super) chats: BTreeMap<u64, ChatInProgress>,
    pub(super) definitions: Definitions,
    pub(super) log: Vec<LogRow>,
    pub(super) next_id: u64,
    pub(super) truth: Truth,
    /// Queue paths that the last answer left out, too many to be empty for certain.
    pub(super) unconfirmed_empty_paths: BTreeSet<String>,
    pub(super) schedule: Schedule<Action>,
    /// Whether nothing happens any more.
    pub(super) stopped: bool,
}

impl World {
    /// The present truth.
    pub(in crate::simulate) fn truth(&self) -> Truth {
        let mut truth = self.truth.clone();
        truth.activities = self.log.iter().filter_map(|row| row.shown.latest().cloned()).collect();
        truth.chats = self.chats.values().filter_map(|chat| chat.shown.latest().cloned()).collect();
        truth.calls = self.calls.values().filter_map(|call| call.shown.latest().cloned()).collect();
        truth
    }

    /// Marks as uncertain what was served since this time, to a bridge that has ended. What it had
    /// not confirmed yet its successor sees for the first time.
    pub(in crate::simulate) fn mark_uncertain_since(&mut self, since: Timestamp) {
        self.truth.mark_uncertain_since(since);
        self.unconfirmed_empty_paths.clear();
    }

    /// How far the vendor's clock is ahead of ours.
    pub(in crate::simulate) const fn clock_offset_millis(&self) -> i64 {
        self.settings.clock_offset_millis
    }

    pub(super) fn after(&mut self, millis: i64, action: Action) {
        self.schedule.plan(self.now.plus_millis(millis), action);
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability.clamp(0.0, 1.0))
    }

    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.random.random_range(least..=most)
    }

    pub(super) const fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A time as the vendor records it: by its clock, without fractions of a second.
    pub(super) fn stamp(&self, time: Timestamp) -> Timestamp {
        time.plus_millis(self.settings.clock_offset_millis).floor_second()
    }

    /// The present time as the vendor writes it.
    pub(super) fn stamp_now(&self) -> Value {
        json!(self.stamp(self.now).to_rfc3339_millis())
    }

    /// When something that is written now becomes visible.
    pub(super) fn visible_at(&mut self, most_millis: i64) -> Timestamp {
        let late = self.between(0, most_millis.max(0));
        self.now.plus_millis(late)
    }

    /// Records in the truth when something happened first.
    pub(super) fn happened(&mut self, what: String) {
        let now = self.now;
        self.truth.happened.entry(what).or_insert(now);
    }
}
