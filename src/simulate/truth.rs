//! The ground truth: what the simulated vendors recorded, and what their answers showed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value;

use super::served::Served;
use super::system::System;
use crate::model::Timestamp;

/// How long a poll of several requests may take, in milliseconds: of teams, of service levels, of
/// directories.
const LONGEST_POLL_MILLIS: i64 = 45_000;

/// What published events are compared with.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    pub clock_offset_millis: i64,
    /// From this time on, by the vendor's clock, everything that is recorded has to be published:
    /// shortly after the first answer. What was recorded before may be published.
    pub first_answer: Option<Timestamp>,
    /// Rows of the activity log in their final form.
    pub activities: Vec<Value>,
    /// Calls in their final form.
    pub calls: Vec<Value>,
    /// Chats in their final form.
    pub chats: Vec<Value>,
    /// The served rows of each queue, team and status, by kind and id.
    pub served_records: BTreeMap<(&'static str, String), Served<Value>>,
    /// The served number of waiting interactions by queue path (path, language, channel).
    pub served_depths: BTreeMap<String, Served<i64>>,
    /// The served service levels by path or group, language and channel; null is a value.
    pub served_levels: BTreeMap<String, Served<Value>>,
    /// The served statuses of each call.
    pub served_statuses: HashMap<String, BTreeSet<String>>,
    /// When things happened, by our clock: by call and step, or by row of the log.
    pub happened: HashMap<String, Timestamp>,
    /// The served roster rows of each agent.
    pub served_agents: BTreeMap<String, Served<Value>>,
    /// The served changes of after-call work: true is its start.
    pub served_wrap_ups: BTreeMap<String, Served<bool>>,
    /// The served changes of hold: true is its start.
    pub served_holds: BTreeMap<String, Served<bool>>,
    /// Agents that have left.
    pub removed_agents: BTreeSet<String>,
    /// Hashes (XXH3, 128 bits, in hexadecimal digits) of served rows that cannot be decoded.
    pub broken_rows: BTreeSet<String>,
    /// The truth of each directory of agents.
    pub directories: BTreeMap<System, DirectoryTruth>,
}

impl Truth {
    /// Marks as uncertain what was served since this time: the bridge that was answered may have
    /// died before it stored the answer. A poll of several requests is stored at its end, so that
    /// its first answers count for longer.
    pub(super) fn mark_uncertain_since(&mut self, since: Timestamp) {
        let begun = longest_poll_before(since);
        for ((kind, _), served) in &mut self.served_records {
            served.mark_uncertain_since(if *kind == "team" { begun } else { since });
        }
        self.served_depths.values_mut().for_each(|served| served.mark_uncertain_since(since));
        self.served_levels.values_mut().for_each(|served| served.mark_uncertain_since(begun));
        self.served_agents.values_mut().for_each(|served| served.mark_uncertain_since(since));
        self.served_wrap_ups.values_mut().for_each(|served| served.mark_uncertain_since(since));
        self.served_holds.values_mut().for_each(|served| served.mark_uncertain_since(since));
    }
}

/// When a poll of several requests that is under way at this time began, at the earliest.
pub(super) fn longest_poll_before(time: Timestamp) -> Timestamp {
    time.plus_millis(-LONGEST_POLL_MILLIS)
}

/// The truth about a directory of agents.
#[derive(Clone, Debug, Default)]
pub struct DirectoryTruth {
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    pub clock_offset_millis: i64,
    /// What was served of each agent.
    pub served: BTreeMap<String, Served<AgentView>>,
    /// Agents that have left.
    pub removed: BTreeSet<String>,
}

/// What a row of a directory shows of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentView {
    /// The facts of the roster that the row contains, by name, in one form whatever the row's.
    pub facts: BTreeMap<&'static str, String>,
    /// Whether the agent's account is enabled.
    pub active: bool,
    /// The state and, where the row contains it, its start in milliseconds by the vendor's clock.
    pub state: Option<(String, Option<i64>)>,
    /// When the present value of `active` first became visible, in milliseconds by the vendor's
    /// clock.
    #[serde(rename = "active_since")]
    pub active_visible_since: i64,
    /// The same of `state`.
    #[serde(rename = "state_since")]
    pub state_visible_since: i64,
    /// Whether the row says that the agent is deleted.
    pub deleted: bool,
    /// Whether the row is about another person who had the agent's id for a while.
    #[serde(rename = "of_somebody_else")]
    pub of_other_person: bool,
}
