//! The world: what happens, when, and what the vendor records of it.
//!
//! Time is handed in. The same seed and settings give the same history.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::directory::{DirectorySettings, DirectoryTruth};
use super::messaging::ChatInProgress;
use super::organisation::Organisation;
use super::people::Person;
use super::records::Shown;
use super::served::Served;
use super::system::System;
use super::telephony::CallInProgress;
use crate::model::Timestamp;

/// How large the contact centre is and how it behaves.
#[derive(Clone, Debug)]
pub struct WorldSettings {
    /// What chance depends on.
    pub seed: u64,
    /// How many agents there are at the start.
    pub agents: u32,
    /// How many calls come in a second, on average.
    pub calls_per_second: f64,
    /// How many chats come in a second, on average.
    pub chats_per_second: f64,
    /// The vendor's limit, in requests per second.
    pub requests_per_second: f64,
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    pub clock_offset_millis: i64,
    /// How late a record may become visible, in milliseconds.
    pub jitter_millis: i64,
    /// How many rows of the log become visible later than that: the probability of each.
    pub late_rows: f64,
    /// By how much at least, in milliseconds.
    pub late_millis: i64,
    /// How far the snapshots may lag behind the log, in milliseconds.
    pub skew_millis: i64,
    /// The user name that is let in.
    pub username: String,
    /// The token that is let in.
    pub token: String,
    /// The directories of agents beside it.
    pub directories: DirectorySettings,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            agents: 30,
            calls_per_second: 0.5,
            chats_per_second: 0.3,
            requests_per_second: 10.0,
            clock_offset_millis: 1_500,
            jitter_millis: 1_500,
            late_rows: 0.0,
            late_millis: 0,
            skew_millis: 2_000,
            username: String::from("simulated"),
            token: String::from("simulated-token"),
            directories: DirectorySettings::default(),
        }
    }
}

/// Something that is going to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    CallArrives,
    CallQueues(u64),
    CallLooksForAgent(u64),
    CallIsGivenUp(u64),
    OfferIsMissed(u64, u64),
    CallConnects(u64),
    HoldBegins(u64),
    HoldEnds(u64),
    CallIsTransferred(u64),
    CallEnds(u64),
    CallFails(u64),
    WrapUpEnds(u64, u64),
    CallIsRated(u64),
    VoicemailBegins(u64),
    VoicemailIsLeft(u64),
    VoicemailIsRead(u64),
    ChatArrives,
    ChatLooksForAgent(u64),
    ChatIsGivenUp(u64),
    ChatGoesOn(u64),
    ChatIsTransferred(u64),
    ChatEnds(u64),
    ChatExpires(u64),
    ChatFails(u64),
    ChatWrapUpEnds(u64, u64),
    ChatIsRated(u64),
    QueueChanges,
    TeamChanges,
    StatusChanges,
    AgentLogsIn(u64),
    AgentLogsOut(u64),
    BreakBegins(u64),
    BreakEnds(u64),
    RosterChanges,
    AgentIsHired,
    AgentLeaves,
}

/// What an agent is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    Call(u64),
    Chat(u64),
}

/// A row of the activity log.
#[derive(Clone, Debug)]
pub(super) struct LogRow {
    pub(super) stamp: Timestamp,
    pub(super) shown: Shown,
}

/// The truth that events are held against.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    pub clock_offset_millis: i64,
    /// From when on all that is recorded has to be told, in the vendor's clock: shortly after the
    /// first answer. What was recorded before may be told, too.
    pub first_answer: Option<Timestamp>,
    /// Rows of the activity log as they stand now.
    pub activities: Vec<Value>,
    /// Calls as they stand now.
    pub calls: Vec<Value>,
    /// Chats as they stand now.
    pub chats: Vec<Value>,
    /// The rows that were served of each queue, team and status (kind and id), each different one
    /// once in a row.
    pub served_records: BTreeMap<(&'static str, String), Served<Value>>,
    /// How many were served to wait on each path (path, language, channel), each different number
    /// once in a row.
    pub served_depths: BTreeMap<String, Served<i64>>,
    /// The service levels that were served (path or group, language, channel), each different one
    /// once in a row; null is one.
    pub served_levels: BTreeMap<String, Served<Value>>,
    /// Statuses that were served of each call.
    pub served_statuses: HashMap<String, BTreeSet<String>>,
    /// When things truly happened, in our clock: by call and step, or by row of the log.
    pub happened: HashMap<String, Timestamp>,
    /// The rows of the roster that were served of each agent, each different one once in a row.
    pub served_agents: BTreeMap<String, Served<Value>>,
    /// Changes of after-call work that were served: true begins.
    pub served_wrap_ups: BTreeMap<String, Served<bool>>,
    /// Changes of hold that were served: true begins.
    pub served_holds: BTreeMap<String, Served<bool>>,
    /// Agents that have left.
    pub removed_agents: BTreeSet<String>,
    /// Hashes (XXH3, 128 bits, in hexadecimal digits) of the rows that were served although they
    /// cannot be decoded.
    pub broken_rows: BTreeSet<String>,
    /// The truth of each directory of agents.
    pub directories: BTreeMap<System, DirectoryTruth>,
}

impl Truth {
    /// Whoever was answered since then may have died with it. Where a reading takes several
    /// requests, between which other streams have their turns, it takes longer until it is kept.
    pub(super) fn doubt(&mut self, since: Timestamp) {
        let begun = since.plus_millis(-LONG_READING_MILLIS);
        for ((kind, _), served) in &mut self.served_records {
            served.doubt(if *kind == "team" { begun } else { since });
        }
        self.served_depths.values_mut().for_each(|served| served.doubt(since));
        self.served_levels.values_mut().for_each(|served| served.doubt(begun));
        self.served_agents.values_mut().for_each(|served| served.doubt(since));
        self.served_wrap_ups.values_mut().for_each(|served| served.doubt(since));
        self.served_holds.values_mut().for_each(|served| served.doubt(since));
    }
}

/// The contact centre.
#[derive(Debug)]
pub struct World {
    pub(super) settings: WorldSettings,
    pub(super) random: StdRng,
    pub(super) now: Timestamp,
    pub(super) agents: BTreeMap<u64, Person>,
    pub(super) calls: BTreeMap<u64, CallInProgress>,
    pub(super) chats: BTreeMap<u64, ChatInProgress>,
    pub(super) organisation: Organisation,
    pub(super) log: Vec<LogRow>,
    pub(super) next_id: u64,
    pub(super) truth: Truth,
    /// Paths that the last answer left out, which is too much to believe at once.
    pub(super) doubted_paths: BTreeSet<String>,
    agenda: BinaryHeap<Reverse<(Timestamp, u64, Action)>>,
    ordinal: u64,
    stopped: bool,
}

/// How long a reading of several requests may take: of teams, of service levels, of directories.
pub(super) const LONG_READING_MILLIS: i64 = 45_000;
/// Calls that ended longer ago are forgotten.
const FORGET_AFTER_MILLIS: i64 = 2 * 3_600_000;

impl World {
    /// A contact centre that opens at this time.
    #[must_use]
    pub fn new(settings: WorldSettings, now: Timestamp) -> Self {
        let mut world = Self {
            random: StdRng::seed_from_u64(settings.seed),
            now,
            agents: BTreeMap::new(),
            calls: BTreeMap::new(),
            chats: BTreeMap::new(),
            organisation: Organisation::new(),
            log: Vec::new(),
            next_id: 1_000,
            truth: Truth { clock_offset_millis: settings.clock_offset_millis, ..Truth::default() },
            doubted_paths: BTreeSet::new(),
            agenda: BinaryHeap::new(),
            ordinal: 0,
            stopped: false,
            settings,
        };
        for _ in 0..world.settings.agents {
            world.hire();
        }
        world.after(500, Action::CallArrives);
        world.after(800, Action::ChatArrives);
        world.after(4_000, Action::RosterChanges);
        world.after(9_000, Action::QueueChanges);
        world.after(11_000, Action::TeamChanges);
        world.after(19_000, Action::StatusChanges);
        world.after(20_000, Action::AgentIsHired);
        world.after(30_000, Action::AgentLeaves);
        world
    }

    /// Lets everything happen up to this time.
    pub fn advance(&mut self, to: Timestamp) {
        while !self.stopped && self.agenda.peek().is_some_and(|Reverse((time, _, _))| *time <= to) {
            if let Some(Reverse((time, _, action))) = self.agenda.pop() {
                self.now = time;
                self.happen(action);
            }
        }
        self.now = self.now.max(to);
        let forgotten = self.now.plus_millis(-FORGET_AFTER_MILLIS);
        self.calls.retain(|_, call| call.ended.is_none_or(|ended| ended > forgotten));
        self.chats.retain(|_, chat| chat.ended.is_none_or(|ended| ended > forgotten));
    }

    /// Nothing happens any more; what was written still becomes visible.
    pub const fn stop(&mut self) {
        self.stopped = true;
    }

    /// The truth as it stands.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let mut truth = self.truth.clone();
        truth.activities = self.log.iter().filter_map(|row| row.shown.last().cloned()).collect();
        truth.chats = self.chats.values().filter_map(|chat| chat.shown.last().cloned()).collect();
        truth.calls = self.calls.values().filter_map(|call| call.shown.last().cloned()).collect();
        truth
    }

    pub(super) fn after(&mut self, millis: i64, action: Action) {
        self.ordinal += 1;
        self.agenda.push(Reverse((self.now.plus_millis(millis), self.ordinal, action)));
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability.clamp(0.0, 1.0))
    }

    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.random.random_range(least..=most)
    }

    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A stamp of the vendor: its clock, cut to the second.
    pub(super) fn stamp(&self, time: Timestamp) -> Timestamp {
        time.plus_millis(self.settings.clock_offset_millis).floor_second()
    }

    /// The stamp of now, as the vendor writes it.
    pub(super) fn stamp_now(&self) -> Value {
        json!(self.stamp(self.now).to_rfc3339_millis())
    }

    /// When something written now becomes visible.
    pub(super) fn visible_at(&mut self, most_millis: i64) -> Timestamp {
        let late = self.between(0, most_millis.max(0));
        self.now.plus_millis(late)
    }

    /// Takes down when something truly happened.
    pub(super) fn happened(&mut self, what: String) {
        let now = self.now;
        self.truth.happened.entry(what).or_insert(now);
    }

    fn happen(&mut self, action: Action) {
        match action {
            Action::CallArrives => self.call_arrives(),
            Action::CallQueues(call) => self.call_queues(call),
            Action::CallLooksForAgent(call) => self.call_looks_for_agent(call),
            Action::CallIsGivenUp(call) => self.call_is_given_up(call),
            Action::OfferIsMissed(call, agent) => self.offer_is_missed(call, agent),
            Action::CallConnects(call) => self.call_connects(call),
            Action::HoldBegins(call) => self.hold(call, true),
            Action::HoldEnds(call) => self.hold(call, false),
            Action::CallIsTransferred(call) => self.call_is_transferred(call),
            Action::CallEnds(call) => self.call_ends(call),
            Action::CallFails(call) => self.call_fails(call),
            Action::WrapUpEnds(call, agent) => self.wrap_up_ends(call, agent),
            Action::CallIsRated(call) => self.call_is_rated(call),
            Action::VoicemailBegins(call) => self.voicemail(call, "voicemail"),
            Action::VoicemailIsLeft(call) => self.voicemail(call, "voicemail_received"),
            Action::VoicemailIsRead(call) => self.voicemail(call, "voicemail_read"),
            Action::ChatArrives => self.chat_arrives(),
            Action::ChatLooksForAgent(chat) => self.chat_looks_for_agent(chat),
            Action::ChatIsGivenUp(chat) => self.chat_is_given_up(chat),
            Action::ChatGoesOn(chat) => self.chat_goes_on(chat),
            Action::ChatIsTransferred(chat) => self.chat_is_transferred(chat),
            Action::ChatEnds(chat) => self.chat_ends(chat, "finished"),
            Action::ChatExpires(chat) => self.chat_ends(chat, "no_response"),
            Action::ChatFails(chat) => self.chat_fails(chat),
            Action::ChatWrapUpEnds(chat, agent) => self.chat_wrap_up_ends(chat, agent),
            Action::ChatIsRated(chat) => self.chat_is_rated(chat),
            Action::QueueChanges => self.queue_changes(),
            Action::TeamChanges => self.team_changes(),
            Action::StatusChanges => self.status_changes(),
            Action::AgentLogsIn(agent) => self.log_in(agent),
            Action::AgentLogsOut(agent) => self.log_out(agent),
            Action::BreakBegins(agent) => self.take_break(agent),
            Action::BreakEnds(agent) => self.end_break(agent),
            Action::RosterChanges => self.roster_changes(),
            Action::AgentIsHired => {
                self.hire();
                self.after(25_000, Action::AgentIsHired);
            }
            Action::AgentLeaves => self.agent_leaves(),
        }
    }
}
